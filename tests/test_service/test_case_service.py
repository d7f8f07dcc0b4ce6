"""Test the storage of case records: opening, findings, closing, linking, their effect on suppliers, and their removal."""

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from callers import make_organisation
from full_organisation import read_all_rows
from recomputing import recompute
from sqlalchemy import select
from sqlalchemy.orm import Session

from service import retention
from service.audit import record_event
from service.blob_store import BlobStore
from service.cases import closing
from service.cases import service as case_service
from service.clock import now
from service.db.case_tables import StoredCase, StoredFinding
from service.db.session import Database
from service.db.tables import AuditEvent, Result, Supplier
from service.errors import DomainError
from service.suppliers import merging
from service.suppliers import repository as suppliers

AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
ON = AT.date()
BY, OTHER, KEY = "user:ana", "user:ben", "key:procurement"
CHECK = closing.WorkerCheck(ON, 7, "worker_organisation")
CANNERY = {"reference": "S-1", "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}
CREW = {"case_id": "C-1", "linked_reference": "S-1", "nationality": "MM", "job": "Packer", "age_group": "adults"}
LOCKED = {"finding": "locked_in", "phase": "work", "source": "grievance", "found_on": "2026-10-30"}
PAPERS = {"finding": "papers_held", "phase": "work", "source": "interview", "found_on": "2026-10-30"}


@pytest.fixture
def harbour(database: Database) -> str:
    """Return an organisation with one site."""
    organisation = make_organisation(database)
    save_supplier(database, organisation, CANNERY)
    return organisation


def save_supplier(database: Database, organisation: str, answers: dict[str, Any], kind: str = "site") -> None:
    with database.for_organisation(organisation) as session:
        origin = suppliers.Origin(ON - timedelta(days=9), AT, BY, "import")
        suppliers.save_suppliers(session, kind, [suppliers.IncomingSupplier(answers, {"row": 2})], origin)


def open_case(
    database: Database, organisation: str, *findings: dict[str, Any], at: datetime = AT, **answers: Any
) -> str:
    """Open a case by hand and return its id."""
    with database.for_organisation(organisation) as session:
        return case_service.open_case(session, {**CREW, **answers}, findings, at.date(), at, BY).id


def confirm(session: Session, case: str, by: str = OTHER, at: datetime = AT) -> StoredCase:
    """Confirm the closing of an emergency by somebody who has read the proposal."""
    proposed_at = (session.get_one(StoredCase, case).closing or {"at": ""})["at"]
    return closing.confirm_closing(session, case, at.date(), at, by, is_approver=True, proposed_at=proposed_at)


def close_emergency(
    database: Database, organisation: str, case: str, outcome: str = "remedied", at: datetime = AT
) -> None:
    """Close an emergency: one user proposes it, another confirms it."""
    with database.for_organisation(organisation) as session:
        closing.close_case(session, case, outcome, at.date(), at, BY, CHECK)
        confirm(session, case, at=at)


def list_results(database: Database, organisation: str) -> Sequence[Result]:
    """Return all results, oldest first."""
    with database.for_organisation(organisation, write=False) as session:
        return session.scalars(select(Result).order_by(Result.created_at, Result.cause)).all()


def get_latest_result(database: Database, organisation: str) -> tuple[dict[str, Any], Result]:
    """Return the newest result of the only site as a result object, and as stored."""
    with database.for_organisation(organisation, write=False) as session:
        stored = session.get_one(Result, session.scalars(select(Supplier)).one().latest_id)
        return recompute(stored), stored


def list_cases(database: Database, organisation: str) -> list[StoredCase]:
    with database.for_organisation(organisation, write=False) as session:
        return sorted(session.scalars(select(StoredCase)), key=lambda case: case.number)


def list_findings(database: Database, organisation: str) -> list[tuple[int, str, bool]]:
    with database.for_organisation(organisation, write=False) as session:
        findings = session.scalars(select(StoredFinding).order_by(StoredFinding.case_id, StoredFinding.number))
        return [(finding.number, finding.finding, finding.found) for finding in findings]


def list_first_steps(database: Database, organisation: str, case_id: str) -> list[tuple[str, datetime]]:
    """Return the first steps of a case, each with its due time."""
    with database.for_organisation(organisation, write=False) as session:
        detail = case_service.get_case_detail(session, case_service.get_case(session, case_id), ON)
        return [(step.action.id, step.due_at) for step in detail.steps]


def test_opening_a_case_reassesses_its_supplier_and_keeps_the_previous_result(database: Database, harbour: str):
    open_case(database, harbour, LOCKED, at=AT + timedelta(hours=1))
    before, after = list_results(database, harbour)
    assert (before.level, before.case_evidence) == ("insufficient_evidence", None)
    assert (after.level, after.score >= 90, after.case_evidence["strength"]) == ("critical", True, "emergency")
    result, stored = get_latest_result(database, harbour)
    assert stored.id == after.id
    assert (result["case_evidence"], result["next_step"]) == ("emergency", "keep_people_safe")
    assert "case_emergency" in result["floors"]


def test_results_are_recomputed_exactly_whatever_is_recorded_later(database: Database, harbour: str):
    documents = [get_latest_result(database, harbour)[0]]
    case = open_case(database, harbour, PAPERS, at=AT + timedelta(hours=1))
    documents.append(get_latest_result(database, harbour)[0])
    with database.for_organisation(harbour) as session:
        case_service.add_finding(session, case, LOCKED, ON, AT + timedelta(hours=2), BY)
    documents.append(get_latest_result(database, harbour)[0])
    close_emergency(database, harbour, case, at=AT + timedelta(hours=3))
    documents.append(get_latest_result(database, harbour)[0])
    strengths = []
    for stored, document in zip(list_results(database, harbour), documents, strict=True):
        recomputed = recompute(stored)
        assert recomputed == document
        numbers = ("level", "score", "best", "worst", "inherent", "coverage", "confidence")
        assert {name: recomputed[name] for name in numbers} == {name: getattr(stored, name) for name in numbers}
        strengths.append(recomputed["case_evidence"])
    assert strengths == ["none_recorded", "signals", "emergency", "none_recorded"]


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [("remedied", False), ("passed_on", True), ("nothing_further", True), ("entered_by_mistake", False)],
)
def test_a_closed_case_counts_unless_remedied_or_entered_by_mistake(
    database: Database, harbour: str, outcome: str, counts: bool
):
    case = open_case(database, harbour, LOCKED, at=AT + timedelta(hours=1))
    close_emergency(database, harbour, case, outcome, AT + timedelta(hours=2))
    assert get_latest_result(database, harbour)[0]["case_evidence"] == ("emergency" if counts else "none_recorded")
    assert list_first_steps(database, harbour, case) == []


def test_a_new_finding_reopens_a_closed_case(database: Database, harbour: str):
    case = open_case(database, harbour, LOCKED)
    close_emergency(database, harbour, case)
    with database.for_organisation(harbour) as session, pytest.raises(DomainError, match="already closed"):
        closing.close_case(session, case, "remedied", ON, AT, BY)
    with database.for_organisation(harbour) as session:
        case_service.add_finding(session, case, PAPERS, ON, AT + timedelta(hours=1), BY)
    [stored] = list_cases(database, harbour)
    assert (stored.state, stored.outcome, stored.closed_by, stored.closed_at) == ("open", None, None, None)
    assert get_latest_result(database, harbour)[0]["case_evidence"] == "emergency"


def test_an_emergency_stays_open_until_a_second_user_confirms(database: Database, harbour: str):
    case = open_case(database, harbour, LOCKED)
    with database.for_organisation(harbour) as session:
        closing.close_case(session, case, "remedied", ON, AT, BY, CHECK)
    [stored] = list_cases(database, harbour)
    assert (stored.state, stored.outcome, stored.closing["by"]) == ("open", None, BY)
    assert get_latest_result(database, harbour)[0]["case_evidence"] == "emergency"
    with database.for_organisation(harbour) as session, pytest.raises(DomainError) as error:
        confirm(session, case, BY)
    assert (error.value.code, error.value.status) == ("case.same_user", 409)
    with database.for_organisation(harbour) as session:
        confirm(session, case)
    [stored] = list_cases(database, harbour)
    assert (stored.state, stored.outcome, stored.closed_by) == ("closed", "remedied", OTHER)
    assert get_latest_result(database, harbour)[0]["case_evidence"] == "none_recorded"


def test_one_user_and_an_api_key_do_not_close_an_emergency(database: Database, harbour: str):
    case = open_case(database, harbour, LOCKED)
    with database.for_organisation(harbour) as session:
        closing.close_case(session, case, "remedied", ON, AT, KEY, CHECK)
    with database.for_organisation(harbour) as session:  # the user makes the proposal of the key their own
        assert confirm(session, case, BY).state == "open"
    with database.for_organisation(harbour) as session, pytest.raises(DomainError, match="different user"):
        confirm(session, case, BY)
    with database.for_organisation(harbour) as session, pytest.raises(DomainError) as error:
        confirm(session, case, KEY)
    assert (error.value.code, error.value.status) == ("case.closing_by_key", 403)
    with database.for_organisation(harbour) as session:
        assert confirm(session, case).state == "closed"


def test_an_approver_confirms_only_the_proposal_that_was_read(database: Database, harbour: str):
    case = open_case(database, harbour, LOCKED)
    with database.for_organisation(harbour) as session:
        read = closing.close_case(session, case, "remedied", ON, AT, BY, CHECK).closing["at"]
    with database.for_organisation(harbour) as session:
        nobody = closing.WorkerCheck(ON, 0, "no_one")
        closing.close_case(session, case, "entered_by_mistake", ON, AT + timedelta(minutes=1), BY, nobody)
    for decide in (closing.confirm_closing, partial(closing.decline_closing, reason="Not yet.")):
        with database.for_organisation(harbour) as session, pytest.raises(DomainError) as error:
            decide(session, case, on=ON, at=AT, by=OTHER, is_approver=True, proposed_at=read)
        assert (error.value.code, error.value.status) == ("case.closing_changed", 409)
    assert list_cases(database, harbour)[0].state == "open"


@pytest.mark.parametrize("action", closing.LET_IN)
@pytest.mark.parametrize(("actor", "user"), [(BY, OTHER), (OTHER, BY)])
def test_two_users_of_whom_one_has_just_let_the_other_in_do_not_close_an_emergency(
    sqlite_database: Database, action: str, actor: str, user: str
):
    harbour = make_organisation(sqlite_database)
    case = open_case(sqlite_database, harbour, LOCKED)
    with sqlite_database.for_organisation(harbour) as session:
        record_event(session, actor, action, "user", user.removeprefix("user:"))
        closing.close_case(session, case, "remedied", ON, AT, BY, CHECK)
    with sqlite_database.for_organisation(harbour) as session, pytest.raises(DomainError) as error:
        confirm(session, case, at=now())
    assert (error.value.code, error.value.status) == ("case.related_users", 409)
    assert list_cases(sqlite_database, harbour)[0].state == "open"
    with sqlite_database.for_organisation(harbour) as session:
        assert confirm(session, case, at=now() + closing.ACQUAINTED + timedelta(hours=1)).state == "closed"


def test_what_workers_said_before_the_newest_finding_closes_no_emergency(database: Database, harbour: str):
    case = open_case(database, harbour, PAPERS)
    later = AT + timedelta(days=9)
    newest = {**LOCKED, "found_on": later.date().isoformat()}
    with database.for_organisation(harbour) as session:
        case_service.add_finding(session, case, newest, later.date(), later, BY)
    for day, code in ((ON + timedelta(days=7), "case.closing_check"), (later.date(), None)):
        check = closing.WorkerCheck(day, 7, "worker_organisation")
        with suppress(DomainError) if code else nullcontext(), database.for_organisation(harbour) as session:
            closing.close_case(session, case, "remedied", later.date(), later, BY, check)
        assert (list_cases(database, harbour)[0].closing is None) == (code is not None)


def test_an_emergency_that_has_aged_still_takes_two_users(database: Database, harbour: str):
    case = open_case(database, harbour, LOCKED)
    late = AT + timedelta(days=800)
    with database.for_organisation(
        harbour
    ) as session:  # the finding is too old for an emergency, and the case is read anew
        case_service.add_finding(session, case, PAPERS, late.date(), late, BY)
    assert list_cases(database, harbour)[0].strength < 3
    with database.for_organisation(harbour) as session, pytest.raises(DomainError) as error:
        closing.close_case(session, case, "remedied", late.date(), late, BY)
    assert error.value.code == "case.closing_check"


def test_a_new_finding_withdraws_the_proposal_to_close(database: Database, harbour: str):
    case = open_case(database, harbour, LOCKED)
    with database.for_organisation(harbour) as session:
        closing.close_case(session, case, "remedied", ON, AT, BY, CHECK)
        case_service.add_finding(session, case, PAPERS, ON, AT, BY)
    with database.for_organisation(harbour) as session, pytest.raises(DomainError) as error:
        confirm(session, case)
    assert error.value.code == "case.not_proposed"


@pytest.mark.parametrize(
    ("outcome", "check", "code"),
    [
        ("remedied", None, "case.closing_check"),
        ("remedied", (ON + timedelta(days=1), 7, "workers"), "date.future"),
        ("remedied", (ON - timedelta(days=9), 7, "workers"), "case.closing_check"),
        ("remedied", (ON, 0, "no_one"), "case.closing_check"),
        ("remedied", (ON, 0, "workers"), "case.closing_check"),
        ("entered_by_mistake", (ON, 4, "no_one"), "case.closing_check"),
        ("remedied", (ON, 7, "nobody_knows"), "case.closing_check"),
        ("remedied", (ON, 7, "management"), "case.chosen_by_management"),
    ],
)
def test_an_emergency_is_closed_only_on_what_workers_said_freely(
    database: Database, harbour: str, outcome: str, check: tuple[Any, ...] | None, code: str
):
    case = open_case(database, harbour, LOCKED)
    with database.for_organisation(harbour) as session, pytest.raises(DomainError) as error:
        closing.close_case(session, case, outcome, ON, AT, BY, None if check is None else closing.WorkerCheck(*check))
    assert error.value.code == code
    assert list_cases(database, harbour)[0].closing is None


def test_an_emergency_entered_by_mistake_is_closed_without_speaking_to_workers(database: Database, harbour: str):
    case = open_case(database, harbour, LOCKED)
    nobody = closing.WorkerCheck(ON, 0, "no_one")
    with database.for_organisation(harbour) as session:
        closing.close_case(session, case, "entered_by_mistake", ON, AT, BY, nobody)
        confirm(session, case)
    assert list_cases(database, harbour)[0].state == "closed"


def test_a_case_below_an_emergency_is_closed_by_one_user(database: Database, harbour: str):
    case = open_case(database, harbour, PAPERS)
    with database.for_organisation(harbour) as session:
        assert closing.close_case(session, case, "remedied", ON, AT, BY).state == "closed"


def test_a_case_number_is_unique_within_an_organisation(database: Database, harbour: str):
    open_case(database, harbour)
    with database.for_organisation(harbour) as session, pytest.raises(DomainError) as error:
        case_service.open_case(session, {"case_id": "c 1"}, (), ON, AT, BY)
    assert (error.value.code, error.value.status) == ("case.taken", 409)
    quay = make_organisation(database, "Quay")
    open_case(database, quay, LOCKED)
    assert [case.supplier_id for case in list_cases(database, quay)] == [None]
    assert len(list_results(database, harbour)) == 2  # before and after its own case


@pytest.mark.parametrize(
    ("answers", "finding", "code"),
    [
        ({"case_id": "Case of Mr Somchai Jaidee"}, {}, "person.name"),
        ({"job": "Packer, passport MB1234567"}, {}, "person.identity_number"),
        ({"linked_name": "call +66 81 234 5678 after dark"}, {}, "person.phone"),
        ({"linked_name": "somchai.j@mail.example"}, {}, "person.email"),
    ],
)
def test_personal_data_is_rejected_and_not_stored(
    database: Database, harbour: str, answers: dict[str, str], finding: dict[str, str], code: str
):
    before = read_all_rows(database)
    with database.for_organisation(harbour) as session, pytest.raises(DomainError) as error:
        case_service.open_case(session, {**CREW, **answers}, [{**LOCKED, **finding}], ON, AT, BY)
    assert (error.value.code, error.value.status) == (code, 422)
    personal_data = next(iter({**answers, **finding}.values()))
    assert personal_data not in error.value.detail
    assert read_all_rows(database) == before


@pytest.mark.parametrize(
    "note", ["call +66 81 234 5678 after dark", "told by Nguyen Van Anh", "somchai.j@mail.example"]
)
def test_personal_data_in_a_note_costs_the_note_and_the_finding_counts(database: Database, harbour: str, note: str):
    open_case(database, harbour, {**LOCKED, "note": note})
    assert [case.strength for case in list_cases(database, harbour)] == [3]
    with database.for_organisation(harbour, write=False) as session:
        assert session.scalars(select(StoredFinding)).one().note is None
    assert note not in repr(read_all_rows(database))


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"finding": "no_such_thing"}, "answer.unknown"),
        ({"phase": "work"}, "finding.missing"),
        ({**LOCKED, "found_on": "2027-01-01"}, "date.future"),
        ({**LOCKED, "worker": "x"}, "field.unknown"),
        ({**LOCKED, "note": "x" * 2001}, "text.too_long"),
    ],
)
def test_findings_are_validated_by_the_form(database: Database, harbour: str, answers: dict[str, str], code: str):
    case = open_case(database, harbour)
    with database.for_organisation(harbour) as session, pytest.raises(DomainError) as error:
        case_service.add_finding(session, case, answers, ON, AT, BY)
    assert error.value.code == code


def test_an_unlinked_case_is_linked_when_its_supplier_arrives(database: Database):
    harbour = make_organisation(database)
    open_case(database, harbour, LOCKED)
    assert [case.supplier_id for case in list_cases(database, harbour)] == [None]
    save_supplier(database, harbour, CANNERY)
    result, stored = get_latest_result(database, harbour)
    assert [case.supplier_id for case in list_cases(database, harbour)] == [stored.supplier_id]
    assert result["case_evidence"] == "emergency"


def test_a_case_is_linked_by_name_only_if_the_name_is_unique(database: Database, harbour: str):
    open_case(database, harbour, LOCKED, linked_reference=None, linked_name="BLUE PIER cannery")
    save_supplier(database, harbour, {**CANNERY, "reference": "S-2"})
    open_case(database, harbour, LOCKED, case_id="C-2", linked_reference=None, linked_name="Blue Pier Cannery")
    assert [case.supplier_id is None for case in list_cases(database, harbour)] == [False, True]


def test_a_case_is_linked_to_an_agency_by_its_licence_number(database: Database, harbour: str):
    agency = {"name": "Clear Water Recruiting", "licence_number": "NP-77", "country": "NP"}
    save_supplier(database, harbour, agency, "agency")
    open_case(database, harbour, LOCKED, linked_reference="np 77")
    with database.for_organisation(harbour, write=False) as session:
        supplier = session.get_one(Supplier, list_cases(database, harbour)[0].supplier_id)
        assert (supplier.kind, supplier.level) == ("agency", "critical")


def test_first_steps_are_due_from_the_moment_of_the_emergency(database: Database, harbour: str):
    case = open_case(database, harbour, PAPERS)
    assert list_first_steps(database, harbour, case) == []
    emergency_at = AT + timedelta(hours=5)
    with database.for_organisation(harbour) as session:
        case_service.add_finding(session, case, LOCKED, ON, emergency_at, BY)
    steps = list_first_steps(database, harbour, case)
    assert steps[0] == ("keep_people_safe", emergency_at + timedelta(hours=6))
    assert [due_at for _, due_at in steps] == sorted(due_at for _, due_at in steps)
    with database.for_organisation(
        harbour
    ) as session:  # further evidence of the same strength does not restart the clock
        case_service.add_finding(session, case, {**LOCKED, "source": "ngo"}, ON, emergency_at + timedelta(hours=3), BY)
    assert list_first_steps(database, harbour, case) == steps


def test_the_audit_trail_records_actions_without_the_texts_of_a_case(database: Database, harbour: str):
    case = open_case(database, harbour, {**LOCKED, "note": "gate chained at night"})
    close_emergency(database, harbour, case, "passed_on")
    with database.for_organisation(harbour, write=False) as session:
        trail = session.scalars(select(AuditEvent).where(AuditEvent.object_id == case).order_by(AuditEvent.id)).all()
        assert [(event.action, event.actor) for event in trail] == [
            ("case.opened", BY),
            ("case.finding_added", BY),
            ("case.closing_proposed", BY),
            ("case.closed", OTHER),
        ]
        check = {"outcome": "passed_on", "checked_on": "2026-11-02", "workers": 7, "chosen_by": "worker_organisation"}
        assert [event.details for event in trail[2:]] == [check, {**check, "proposed_by": BY}]
        assert not [word for word in ("chained", "Packer", "C-1") if word in repr([event.details for event in trail])]


def test_cases_follow_a_merge_of_their_supplier_and_are_erased_with_it(database: Database, harbour: str):
    open_case(database, harbour, LOCKED)
    save_supplier(database, harbour, {**CANNERY, "reference": "S-9", "name": "Blue Pier"})
    with database.for_organisation(harbour) as session:
        source, target = (suppliers.get_supplier(session, "site", name) for name in ("S-1", "S-9"))
        merging.merge_suppliers(session, source, target, AT + timedelta(hours=2), BY)
    result, stored = get_latest_result(database, harbour)
    assert ([case.supplier_id for case in list_cases(database, harbour)], result["case_evidence"]) == (
        [stored.supplier_id], "emergency",
    )  # fmt: skip
    with database.for_organisation(harbour) as session:
        suppliers.erase_supplier(session, suppliers.get_supplier(session, "site", "S-9"), AT, BY)
    assert list_cases(database, harbour) == []
    assert read_all_rows(database)["case_finding"] == []


def test_expired_cases_are_purged_if_closed_or_unlinked(database: Database, harbour: str, blobs: BlobStore):
    late = AT + timedelta(days=5 * 365)
    for number, changes in (("open", {}), ("closed", {}), ("nobody", {"linked_reference": "S-77"}), ("added to", {})):
        reference = {"linked_reference": "S-78"} if number == "added to" else {}
        case = open_case(database, harbour, LOCKED, case_id=number, **{**changes, **reference})
        if number == "closed":
            close_emergency(database, harbour, case, "passed_on")
        with database.for_organisation(harbour) as session:
            if number == "added to":
                case_service.add_finding(session, case, PAPERS, ON, late - timedelta(days=30), BY)
    answers = {**CANNERY, "workers_total": 12}
    with database.for_organisation(harbour) as session:
        retention.set_retention(session, harbour, 24, BY)
        origin = suppliers.Origin(late.date(), late - timedelta(days=30), BY, "import")
        suppliers.save_suppliers(session, "site", [suppliers.IncomingSupplier(answers)], origin)
    retention.purge_expired(database, blobs, late)
    assert [case.number for case in list_cases(database, harbour)] == ["added to", "open"]
    assert {number for number, _, _ in list_findings(database, harbour)} == {1, 2}
