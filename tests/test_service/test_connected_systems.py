"""Scores reach procurement and risk systems that refuse what the real ones refuse: only what changed, and nothing else."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from callers import freeze_time, make_organisation
from dying import run_until
from examples import TIMES
from host_systems import Ariba, Coupa, HostSystem, Salesforce, ServiceNow, serve
from sqlalchemy import select, update

from service.connected_systems import identifiers, pushing, systems
from service.connected_systems.calls import Caller
from service.connected_systems.files import build_file
from service.connected_systems.hosts import check_mapping, get_host, load_hosts, load_values
from service.connected_systems.pushing import Pusher, push_next
from service.connected_systems.senders import Item, send
from service.connected_systems.systems import Credentials, SystemForm
from service.db.session import Database
from service.db.system_tables import ConnectedSystem, SystemIdentifier, SystemPush
from service.db.tables import Supplier
from service.errors import DomainError
from service.outbox.exchange import Receiving, read_wait
from service.outbox.pushes import mark_suppliers
from service.suppliers import merging
from service.suppliers import repository as suppliers

EVERY = 3 if TIMES == 1 else 1  # of the writes of a push, so many are skipped in the suite: none with --long
AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
KEY = b"k" * 32
LOCAL = Receiving(plain_http=True, networks=("127.0.0.0/8",))
PUSHER = Pusher(LOCAL, (KEY,), "https://diligence.example")
CREDENTIALS = Credentials("oauth2", "diligence", "s3cret")
RATED = {"country": "TH", "sector": ["1020"], "papers_retention": "held", "movement": "locked", "violence": "open"}


def build_systems(known: set[str]) -> dict[str, HostSystem]:
    """A system of each kind with the fields of its default mapping, which knows some suppliers."""
    kinds = {"ariba": Ariba, "coupa": Coupa, "servicenow": ServiceNow, "salesforce": Salesforce}
    return {kind: build(set(get_host(kind).mapping), known) for kind, build in kinds.items()}


def make_suppliers(database: Database, organisation_id: str, *references: str, **more: Any) -> list[str]:
    """Assessed sites with these references; their ids."""
    rows = [{"reference": one, "name": f"Pier {one}", **RATED, **more} for one in references]
    incoming = [suppliers.IncomingSupplier(row, {"file": "a.xlsx", "row": 2}) for row in rows]
    with database.for_organisation(organisation_id) as session:
        suppliers.save_suppliers(session, "site", incoming, suppliers.Origin(AT.date(), AT, "user:ana", "import"))
        found = session.scalars(select(Supplier).where(Supplier.reference.in_(references)).order_by(Supplier.reference))
        return [supplier.id for supplier in found]


def connect(database: Database, organisation_id: str, kind: str, address: str, *known: str) -> str:
    """An enabled system that knows suppliers by their references; its id."""
    options = {"ariba": {"realm": "harbour", "token_address": f"{address}/v2/oauth/token"}, "coupa": {"scope": "core"}}
    credentials = replace(CREDENTIALS, api_key="app-key" if kind == "ariba" else "")
    form = SystemForm(address=address, options=options.get(kind, {}), credentials=credentials, enabled=True)
    with database.for_organisation(organisation_id) as session:
        system = systems.create_system(session, kind, form, (KEY,), "user:ana", plain_http=True)
        if known:
            lines = "".join(f"{one},{one}\n" for one in known)
            identifiers.import_identifiers(session, system.id, f"reference,identifier\n{lines}", AT, "user:ana")
        return system.id


def push_all(database: Database) -> int:
    """Push until nothing is due; how often."""
    return sum(1 for _ in iter(lambda: push_next(database, PUSHER), False))


def read(database: Database) -> tuple[ConnectedSystem, list[SystemIdentifier], list[SystemPush]]:
    with database.unscoped(write=False) as session:
        rows = session.scalars(select(SystemIdentifier).order_by(SystemIdentifier.identifier)).all()
        pushes = session.scalars(select(SystemPush).order_by(SystemPush.number)).all()
        return session.scalars(select(ConnectedSystem)).one(), list(rows), list(pushes)


@pytest.fixture
def organisation(sqlite_database: Database) -> Iterator[str]:
    return make_organisation(sqlite_database)


@pytest.mark.parametrize("kind", load_hosts())
def test_each_kind_of_system_gets_the_score_and_the_address_of_its_explanation(
    sqlite_database: Database, organisation: str, kind: str
):
    system = build_systems({"S-1", "S-2"})[kind]
    (first, _) = make_suppliers(sqlite_database, organisation, "S-1", "S-2")
    with serve(system) as address:
        connect(sqlite_database, organisation, kind, address, "S-1", "S-2")
        push_all(sqlite_database)
    with sqlite_database.for_organisation(organisation) as session:
        supplier = session.get_one(Supplier, first)
    row = system.rows["S-1"]
    score = row[next(field for field, value in get_host(kind).mapping.items() if value == "score")]
    assert float(score) == pytest.approx(supplier.score, abs=0.01)
    assert system.rows.keys() == {"S-1", "S-2"}
    if kind != "coupa":
        assert f"https://diligence.example/suppliers/{first}" in row.values()


def test_a_system_gets_at_most_as_many_suppliers_a_request_as_it_takes(sqlite_database: Database, organisation: str):
    references = [f"S-{number:03d}" for number in range(101)]
    make_suppliers(sqlite_database, organisation, *references)
    system = build_systems(set(references))["ariba"]
    with serve(system) as address:
        connect(sqlite_database, organisation, "ariba", address, *references)
        push_all(sqlite_database)
        caller = _build_caller(sqlite_database)
        too_many = send(caller, [Item(one, {"Forced labour score": 1.0}) for one in references])
    assert system.batches == [100, 1, 101]
    assert (too_many.outcome.code, too_many.text) == ("http.400", "At most 100 suppliers.")


def test_only_what_changed_is_pushed_again(database: Database):
    organisation = make_organisation(database)
    ids = make_suppliers(database, organisation, "S-1", "S-2")
    system = build_systems({"S-1", "S-2"})["salesforce"]
    with serve(system) as address:
        connect(database, organisation, "salesforce", address, "S-1", "S-2")
        assert push_all(database) == 1
        with database.for_organisation(organisation) as session:  # assessed again: nothing differs
            mark_suppliers(session, ids, AT)
        push_all(database)
        make_suppliers(database, organisation, "S-2", movement="free", violence="none_known")
        push_all(database)
        pushing.compare_all(database, AT)
        push_all(database)
    assert system.batches == [2, 1]
    _, rows, pushes = read(database)
    assert [row.due_since for row in rows] == [None, None]
    assert [(push.code, push.accepted, push.refused) for push in pushes] == [("http.200", 2, 0), ("http.200", 1, 0)]


@pytest.mark.parametrize("kind", load_hosts())
def test_a_supplier_that_the_system_refuses_is_recorded_with_its_reason_and_holds_up_no_other(
    sqlite_database: Database, organisation: str, kind: str
):
    make_suppliers(sqlite_database, organisation, "S-1", "S-2", "S-3")
    system = build_systems({"S-1", "S-3"})[kind]
    with serve(system) as address:
        connect(sqlite_database, organisation, kind, address, "S-1", "S-2", "S-3")
        push_all(sqlite_database)
        sent = len(system.batches)
        push_all(sqlite_database)
    assert (system.rows.keys(), len(system.batches)) == ({"S-1", "S-3"}, sent)
    connected, rows, _ = read(sqlite_database)
    assert [row.refused_code is None for row in rows] == [True, False, True]
    texts = {"ariba": "Vendor not found.", "coupa": "Supplier must exist.", "servicenow": "Unknown third party"}
    assert rows[1].refused_text == texts.get(kind, "Required fields are missing: [Name]")
    assert connected.failing_since is None


@pytest.mark.parametrize(
    "refusal",
    [(400, {"message": "Not valid."}), (200, {"errors": [{"message": "Not valid."}]})],
    ids=["all", "unnamed"],
)
def test_a_request_that_is_refused_as_a_whole_or_for_an_unnamed_supplier_is_halved_until_the_supplier_is_found(
    sqlite_database: Database, organisation: str, monkeypatch: pytest.MonkeyPatch, refusal: tuple[int, Any]
):
    references = [f"S-{number}" for number in range(8)]
    make_suppliers(sqlite_database, organisation, *references)
    system = build_systems(set(references))["ariba"]
    take = system.take

    def refuse_one(method: str, path: str, query: Any, body: Any) -> tuple[int, Any]:
        if any(supplier["smVendorId"] == "S-5" for supplier in body["suppliers"]):
            return refusal
        return take(method, path, query, body)

    monkeypatch.setattr(system, "take", refuse_one)
    with serve(system) as address:
        connect(sqlite_database, organisation, "ariba", address, *references)
        push_all(sqlite_database)
    assert system.rows.keys() == {*references} - {"S-5"}
    refused = [(row.identifier, row.refused_text) for row in read(sqlite_database)[1] if row.refused_code]
    assert refused == [("S-5", "Not valid.")]


def test_a_token_is_fetched_once_and_renewed_when_it_has_expired(sqlite_database: Database, organisation: str):
    make_suppliers(sqlite_database, organisation, "S-1", "S-2")
    system = build_systems({"S-1", "S-2"})["coupa"]
    with serve(system) as address:
        connect(sqlite_database, organisation, "coupa", address, "S-1", "S-2")
        push_all(sqlite_database)
        assert system.issued == 1
        system.tokens.clear()
        make_suppliers(sqlite_database, organisation, "S-1", movement="free", violence="none_known")
        push_all(sqlite_database)
    assert (system.issued, read(sqlite_database)[2][-1].code) == (2, "http.200")


def test_a_system_that_refuses_the_credentials_is_left_alone_and_tried_again(
    sqlite_database: Database, organisation: str
):
    make_suppliers(sqlite_database, organisation, "S-1")
    system = build_systems({"S-1"})["salesforce"]
    with serve(system) as address:
        system_id = connect(sqlite_database, organisation, "salesforce", address, "S-1")
        wrong = SystemForm(credentials=replace(CREDENTIALS, secret="wrong"))
        _change(sqlite_database, organisation, system_id, wrong)
        assert push_all(sqlite_database) == 1
        assert read(sqlite_database)[0].code == "sign_in_refused"
        _change(sqlite_database, organisation, system_id, SystemForm(credentials=CREDENTIALS, enabled=True))
        push_all(sqlite_database)
    assert (system.rows.keys(), read(sqlite_database)[0].code) == ({"S-1"}, None)


def test_a_system_that_is_busy_is_left_alone_for_as_long_as_it_asks(
    sqlite_database: Database, organisation: str, monkeypatch: pytest.MonkeyPatch
):
    make_suppliers(sqlite_database, organisation, "S-1")
    system = build_systems({"S-1"})["salesforce"]
    with serve(system) as address:
        freeze_time(monkeypatch, AT)
        connect(sqlite_database, organisation, "salesforce", address, "S-1")
        system.failing = [(429, {"Retry-After": "600"})]
        push_all(sqlite_database)
        connected = read(sqlite_database)[0]
        assert (connected.code, connected.paused_until) == ("http.429", AT + timedelta(minutes=10))
        freeze_time(monkeypatch, AT + timedelta(minutes=9))
        assert not push_next(sqlite_database, PUSHER)
        freeze_time(monkeypatch, AT + timedelta(minutes=11))
        push_all(sqlite_database)
    assert system.rows.keys() == {"S-1"}


def test_after_a_day_without_success_a_push_waits_for_the_next_comparison(
    sqlite_database: Database, organisation: str, monkeypatch: pytest.MonkeyPatch
):
    make_suppliers(sqlite_database, organisation, "S-1")
    system = build_systems({"S-1"})["salesforce"]
    with serve(system) as address:
        freeze_time(monkeypatch, AT)
        connect(sqlite_database, organisation, "salesforce", address, "S-1")
        system.failing = [(503, {}), (503, {})]
        push_all(sqlite_database)
        freeze_time(monkeypatch, AT + timedelta(hours=25))
        push_all(sqlite_database)
        (row,) = read(sqlite_database)[1]
        assert (row.due_since, row.refused_code, row.refused_text) == (None, "given_up", "http.503")
        freeze_time(monkeypatch, AT + timedelta(hours=50))
        pushing.compare_all(sqlite_database, AT + timedelta(hours=50))
        push_all(sqlite_database)
    assert system.rows.keys() == {"S-1"}


@pytest.mark.fault
def test_a_push_of_a_process_that_was_killed_is_made_by_another(database: Database, monkeypatch: pytest.MonkeyPatch):
    organisation = make_organisation(database)
    make_suppliers(database, organisation, "S-1", "S-2")
    system = build_systems({"S-1", "S-2"})["salesforce"]
    with serve(system) as address:
        freeze_time(monkeypatch, AT)
        connect(database, organisation, "salesforce", address, "S-1", "S-2")
        killed = pushing.claim_system(database)  # and that is the last thing it does
        assert (killed.number, push_next(database, PUSHER)) == (1, False)
        freeze_time(monkeypatch, AT + pushing.LEASE)
        assert push_all(database) == 1
        late = pushing.Progress(pushing.Outcome("retry", "timeout"))
        pushing.record_progress(database, killed, [], late, 1)  # it was not killed, only very slow
    connected, rows, pushes = read(database)
    assert (system.rows.keys(), connected.code) == ({"S-1", "S-2"}, None)
    assert ([row.due_since for row in rows], [push.number for push in pushes]) == ([None, None], [2])


@pytest.mark.fault
@pytest.mark.suite("sqlite")
def test_a_push_that_is_killed_at_any_write_is_finished_by_another_process(database: Database):
    organisation, references = make_organisation(database), {"S-1", "S-2", "S-3"}
    make_suppliers(database, organisation, *references)
    system = build_systems(references)["servicenow"]
    with serve(system) as address:
        system_id = connect(database, organisation, "servicenow", address, *references)
        number, outcome = 1, "killed"
        while outcome == "killed":
            system.rows.clear()
            with database.for_organisation(organisation) as session:
                systems.push_now(session, system_id, "user:ana", everything=True)
            outcome = run_until(database, f"write {number}", push_everything)
            assert outcome == "ended" or run_until(database, "never", push_everything) == "ended"
            connected, rows, pushes = read(database)
            assert (system.rows.keys(), connected.lease_until, connected.code) == (references, None, None), number
            assert [(row.due_since, bool(row.sent)) for row in rows] == [(None, True)] * 3, number
            assert pushes[-1].number == connected.attempts, number
            number += EVERY
    assert number > 4


def push_everything(database: Database) -> None:
    """Push until nothing is due. The lease of a process that was killed ends at once."""
    own = Database(database.engine, (KEY,))
    with own.unscoped() as session:
        session.execute(update(ConnectedSystem).values(lease_until=None))
    push_all(own)


@pytest.mark.fault
def test_two_processes_push_each_supplier_once(database: Database):
    organisation = make_organisation(database)
    references = [f"S-{number:02d}" for number in range(12)]
    make_suppliers(database, organisation, *references)
    system = build_systems(set(references))["servicenow"]
    with serve(system) as address:
        connect(database, organisation, "servicenow", address, *references)
        workers = [Thread(target=push_all, args=(database,)) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        push_all(database)  # what one of them left because the other was at it
    assert (system.rows.keys(), len(system.batches)) == (set(references), 12)


def test_a_change_during_a_push_is_pushed_afterwards(
    sqlite_database: Database, organisation: str, monkeypatch: pytest.MonkeyPatch
):
    make_suppliers(sqlite_database, organisation, "S-1")
    system = build_systems({"S-1"})["salesforce"]
    take = system.take

    def change_meanwhile(*request: Any) -> tuple[int, Any]:
        if not system.rows:
            make_suppliers(sqlite_database, organisation, "S-1", movement="free", violence="none_known")
        return take(*request)

    monkeypatch.setattr(system, "take", change_meanwhile)
    with serve(system) as address:
        connect(sqlite_database, organisation, "salesforce", address, "S-1")
        assert push_all(sqlite_database) == 2
    with sqlite_database.for_organisation(organisation) as session:
        score = session.scalars(select(Supplier.score)).one()
    assert system.rows["S-1"]["Diligence_Score__c"] == round(score, 4)


def test_a_supplier_with_insufficient_evidence_gets_no_number_that_reads_as_low(
    sqlite_database: Database, organisation: str
):
    with sqlite_database.for_organisation(organisation) as session:
        row = suppliers.IncomingSupplier({"reference": "S-1", "name": "Pier", "country": "NZ"}, {"row": 2})
        suppliers.save_suppliers(session, "site", [row], suppliers.Origin(AT.date(), AT, "user:ana", "import"))
    system = build_systems({"S-1"})["coupa"]
    with serve(system) as address:
        connect(sqlite_database, organisation, "coupa", address, "S-1")
        push_all(sqlite_database)
    row = system.rows["S-1"]
    assert row.keys() == get_host("coupa").mapping.keys()
    empty = {get_host("coupa").mapping[field] for field, value in row.items() if value is None}
    assert empty == {"score", "best", "worst", "level_number"}


@pytest.mark.parametrize(
    ("kind", "mapping", "says"),
    [
        ("coupa", {f"number-field-{n:02d}": "score" for n in range(1, 12)}, "between 1 and 10 fields"),
        ("coupa", {"number-field-11": "score"}, "not a valid field name"),
        ("coupa", {"number-field-01": "level"}, "accepts only decimal or integer values"),
        ("ariba", {"Worker name": "score"}, "personal data"),
        ("salesforce", {"Diligence Score": "score"}, "not a valid field name"),
        ("servicenow", {"u_name": "name"}, "choose one of these values"),
        ("ariba", {}, "between 1 and 300 fields"),
    ],
)
def test_a_mapping_that_the_system_would_refuse_is_refused_when_it_is_saved(kind: str, mapping: Any, says: str):
    with pytest.raises(DomainError, match=says) as refused:
        check_mapping(get_host(kind), mapping)
    assert refused.value.code == "system.mapping"


def test_nothing_may_be_written_that_is_not_a_number_a_code_a_date_or_an_address():
    kinds = {value.kind for value in load_values().values()}
    texts = {value.id for value in load_values().values() if value.kind == "text"}
    assert (kinds, texts) == (
        {"decimal", "integer", "text", "date", "url"},
        {"level", "decision", "model", "model_version"},
    )


def test_credentials_do_not_follow_a_system_to_another_address(sqlite_database: Database, organisation: str):
    system_id = connect_nowhere(sqlite_database, organisation)
    moved = _change(sqlite_database, organisation, system_id, SystemForm(address="https://other.example"))
    assert (moved.credentials, moved.enabled) == ("", False)


def test_a_system_in_a_private_network_is_never_called(sqlite_database: Database, organisation: str):
    make_suppliers(sqlite_database, organisation, "S-1")
    system = build_systems({"S-1"})["salesforce"]
    with serve(system) as address:
        connect(sqlite_database, organisation, "salesforce", address, "S-1")
        push_next(sqlite_database, replace(PUSHER, receiving=Receiving(plain_http=True)))
    assert (system.issued, read(sqlite_database)[0].code) == (0, "address_refused")


def test_an_identifier_follows_a_merged_supplier_and_returns_with_it(sqlite_database: Database, organisation: str):
    kept, merged = make_suppliers(sqlite_database, organisation, "S-1", "S-2")
    connect_nowhere(sqlite_database, organisation, "S-1", "S-2")
    with sqlite_database.for_organisation(organisation) as session:
        pair = session.get_one(Supplier, merged), session.get_one(Supplier, kept)
        merging.merge_suppliers(session, *pair, AT, "user:ana")
    assert [row.supplier_id for row in read(sqlite_database)[1]] == [kept, kept]
    with sqlite_database.for_organisation(organisation) as session:
        merge_id = session.scalars(select(merging.SupplierMerge.id)).one()
        merging.undo_merge(session, merge_id, AT, "user:ana")
    assert [row.supplier_id for row in read(sqlite_database)[1]] == [kept, merged]


def test_a_file_of_identifiers_is_taken_over_as_a_whole_or_not_at_all(sqlite_database: Database, organisation: str):
    make_suppliers(sqlite_database, organisation, "S-1", "S-2")
    system_id = connect_nowhere(sqlite_database, organisation, "S-1")
    swapped = "reference;identifier\r\nS-1;S-2\r\nS-2;S-1\r\n"
    wrong = "reference,identifier\nS-1,V-9\nS-3,V-3\nS-2,V-9\n"
    with sqlite_database.for_organisation(organisation) as session:
        counts = identifiers.import_identifiers(session, system_id, swapped, AT, "user:ana")
        with pytest.raises(DomainError) as refused:
            identifiers.import_identifiers(session, system_id, wrong, AT, "user:ana")
    assert vars(counts) == {"added": 1, "changed": 1, "unchanged": 0}
    assert [(fault["line"], fault["code"]) for fault in refused.value.extra["faults"]] == [
        (3, "system.unknown_reference"),
        (4, "system.identifier_twice"),
    ]
    assert [row.identifier for row in read(sqlite_database)[1]] == ["S-1", "S-2"]


def test_the_file_for_coupa_has_the_columns_of_its_loader_and_no_formula(sqlite_database: Database, organisation: str):
    system_id = connect_nowhere(sqlite_database, organisation, kind="coupa")
    with sqlite_database.for_organisation(organisation) as session:
        system = systems.get_system(session, system_id)
        identifiers.import_identifiers(session, system_id, "reference,identifier\nS-0,'=1+1\n", AT, "user:ana")
        data = build_file(session, system, "csv", "", AT.date())
        document = json.loads(build_file(session, system, "jsonl", "", AT.date()))
    header, row = csv.reader(io.StringIO(data.decode("utf-8-sig")))
    assert header[:3] == ["Supplier Name", "Supplier Number", "Number Field 1"]
    assert (header[-1], len(header), row[1]) == ("Number Field 10", 12, "'=1+1")
    assert (document["supplier number"], document["number-field-01"]) == ("=1+1", float(row[2]))


def test_a_moment_to_wait_for_is_measured_by_the_clock_of_the_system():
    date_ = "Mon, 02 Nov 2026 09:00:00 GMT"
    assert read_wait("Mon, 02 Nov 2026 09:05:00 GMT", date_) == 300
    assert [read_wait(text, date_) for text in ("120", "tomorrow", "-5", "")] == [120, 0, 0, 0]


def connect_nowhere(database: Database, organisation_id: str, *known: str, kind: str = "salesforce") -> str:
    """An enabled system that is never called in this test."""
    if not known:
        make_suppliers(database, organisation_id, "S-0")
    return connect(database, organisation_id, kind, "https://host.example", *(known or ("S-0",)))


def _change(database: Database, organisation_id: str, system_id: str, form: SystemForm) -> ConnectedSystem:
    with database.for_organisation(organisation_id) as session:
        return systems.change_system(session, system_id, form, (KEY,), "user:ana", plain_http=True)


def _build_caller(database: Database) -> Caller:
    with database.unscoped(write=False) as session:
        system = session.scalars(select(ConnectedSystem)).one()
    return Caller(system, get_host(system.kind), systems.read_credentials(system, (KEY,)), LOCAL)
