"""Imports of watchlists, screening of suppliers, and decisions, which hold until something changes."""

import pytest
from callers import make_organisation
from examples import examples
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sqlalchemy import func, select
from stored_keys import SECRET_KEYS
from watchlist_helpers import BY, HELD, decide_match, import_watchlist, list_matches, run_jobs, save_supplier

from service.blob_store import BlobStore
from service.blob_store.folder import FolderStore
from service.clock import now
from service.db import change_feed
from service.db.import_tables import Upload
from service.db.job_tables import Job
from service.db.session import Database
from service.db.tables import AuditEvent, Result, Supplier, new_id
from service.db.watchlist_tables import Screening, Watchlist, WatchlistEntry, WatchlistMatch
from service.errors import DomainError
from service.jobs.table import LostLease, claim_job
from service.suppliers import merging
from service.suppliers import repository as suppliers
from service.watchlists import lists, matches, screening


@pytest.fixture
def harbour(database: Database) -> str:
    return make_organisation(database)


OPEN = ("Blue Pier Fishing", "Blue Pier Fishing Co., Ltd.", "open")


def test_existing_suppliers_are_screened_against_an_imported_list(database: Database, blobs: BlobStore, harbour: str):
    save_supplier(database, harbour)
    save_supplier(database, harbour, name="Star Ocean Garments")
    import_watchlist(database, blobs, harbour, HELD)
    assert list_matches(database, harbour) == [OPEN]


def test_a_new_supplier_is_screened_against_existing_lists(database: Database, blobs: BlobStore, harbour: str):
    import_watchlist(database, blobs, harbour, HELD)
    save_supplier(database, harbour)
    run_jobs(database, blobs)
    assert list_matches(database, harbour) == [OPEN]


def test_without_any_list_no_screening_job_is_enqueued(database: Database, harbour: str):
    save_supplier(database, harbour)
    with database.for_organisation(harbour, write=False) as session:
        assert session.scalars(select(Job)).all() == []


@pytest.mark.parametrize(
    ("row", "kind", "answers", "role", "by"),
    [
        (
            "Everest;agency;NP;;;LIC-1023;;",
            "agency",
            {"country": "NP", "licence_number": "lic 1023"},
            "agency",
            "licence",
        ),
        ("Victoria;vessel;;9074729;;;;", "site", {"imo": "9074729", "flag": "TW"}, "vessel", "imo"),
        ("Any;company;;;5493001KJTIIGC8Y1R12;;;", "site", {"lei": "5493001KJTIIGC8Y1R12"}, "site", "lei"),
        ("Ama Dako;person;;;;;;", "site", {"owner": "DAKO Ama"}, "owner", "name"),
        ("Amber Holding;company;;;;;;", "site", {"parent": "Amber Holdings Ltd"}, "parent", "name"),
        ("Coral Kite;;;;;;;", "site", {"operator": "Coral Kite S.A."}, "operator", "name"),
        ("ထားဝယ်ငါး;company;;;;;;", "site", {"name_local": "ထားဝယ်ငါး ကုမ္ပဏီလီမိတက်"}, "site", "name"),
    ],
)
def test_sites_agencies_vessels_and_owners_are_screened(
    database: Database, blobs: BlobStore, harbour: str, row: str, kind: str, answers: dict[str, str], role: str, by: str
):
    import_watchlist(database, blobs, harbour, row)
    save_supplier(database, harbour, kind, **answers)
    run_jobs(database, blobs)
    with database.for_organisation(harbour, write=False) as session:
        match = session.scalars(select(WatchlistMatch)).one()
    assert (match.why["role"], match.why["by"]) == (role, by)


@pytest.mark.parametrize("owner", ["declined", "cannot_apply", None, 5])
def test_an_answer_without_a_name_is_not_screened(owner: object):
    assert [party.role for party in screening.build_parties("site", {"name": "Blue Pier", "owner": owner})] == ["site"]
    assert screening.build_parties("site", {"name": "A", "imo": "9074728", "lei": "X"})[0].imo == ""


def test_a_dismissed_match_is_not_reopened_while_nothing_changes(database: Database, blobs: BlobStore, harbour: str):
    save_supplier(database, harbour)
    import_watchlist(database, blobs, harbour, HELD)
    match_id = decide_match(database, harbour, "dismiss")
    import_watchlist(database, blobs, harbour, HELD, "Another One;company;VN;;;;;")
    save_supplier(database, harbour, workers_total=50.0, sector=["0311"])
    run_jobs(database, blobs)
    assert list_matches(database, harbour) == [(*OPEN[:2], "dismissed")]
    with database.for_organisation(harbour, write=False) as session:
        assert session.scalars(select(WatchlistMatch)).one().id == match_id


@pytest.mark.parametrize("changed", ["supplier", "entry"])
def test_a_match_is_reopened_when_the_supplier_or_the_entry_changes(
    database: Database, blobs: BlobStore, harbour: str, changed: str
):
    save_supplier(database, harbour, reference="S-1")
    import_watchlist(database, blobs, harbour, HELD)
    decide_match(database, harbour, "confirm")
    if changed == "supplier":
        save_supplier(database, harbour, reference="S-1", owner="Ama Dako")
    else:
        import_watchlist(database, blobs, harbour, HELD.replace("Debt bondage", "Debt bondage, since 2026"), work=False)
    run_jobs(database, blobs)
    assert list_matches(database, harbour) == [OPEN]
    with database.for_organisation(harbour, write=False) as session:
        match = session.scalars(select(WatchlistMatch)).one()
        assert (match.note, match.decided_by, match.decided_at) == ("", None, None)


def test_a_decision_survives_an_edition_without_the_entry(database: Database, blobs: BlobStore, harbour: str):
    save_supplier(database, harbour)
    import_watchlist(database, blobs, harbour, HELD)
    decide_match(database, harbour, "dismiss")
    import_watchlist(database, blobs, harbour, "Another One;company;VN;;;;;")
    assert list_matches(database, harbour) == []
    import_watchlist(database, blobs, harbour, HELD)
    assert list_matches(database, harbour) == [(*OPEN[:2], "dismissed")]


def test_an_open_match_is_deleted_when_its_name_is_removed(database: Database, blobs: BlobStore, harbour: str):
    save_supplier(database, harbour, reference="S-1")
    import_watchlist(database, blobs, harbour, HELD)
    save_supplier(database, harbour, reference="S-1", name="Star Ocean Garments")
    run_jobs(database, blobs)
    with database.for_organisation(harbour, write=False) as session:
        assert session.scalars(select(WatchlistMatch)).all() == []


def test_a_match_changes_no_score_and_is_in_the_change_feed_once(database: Database, blobs: BlobStore, harbour: str):
    supplier_id = save_supplier(database, harbour)
    with database.for_organisation(harbour, write=False) as session:
        before = session.get_one(Supplier, supplier_id).score
    import_watchlist(database, blobs, harbour, HELD)
    import_watchlist(database, blobs, harbour, HELD, "Another One;company;VN;;;;;")
    match_id = decide_match(database, harbour, "confirm")
    with database.for_organisation(harbour, write=False, snapshot=False) as session:
        assert session.get_one(Supplier, supplier_id).score == before
        assert session.scalars(select(func.count(Result.id))).one() == 1
        summary = [change.data for change in change_feed.read(session).items if change.kind == "watchlist_match"]
    assert [(one["match"], one["by"], one["state"]) for one in summary] == [
        (match_id, "name", "open"), (match_id, "name", "confirmed"),
    ]  # fmt: skip


def test_an_import_replaces_the_list_of_its_name_and_no_other(database: Database, blobs: BlobStore, harbour: str):
    import_watchlist(database, blobs, harbour, HELD, "Old One;company;VN;;;;;")
    import_watchlist(database, blobs, harbour, "Other;company;VN;;;;;", name="Suspended")
    import_watchlist(database, blobs, harbour, "New One;company;VN;;;;;")
    with database.for_organisation(harbour, write=False) as session:
        summary = {stored.name: (stored.entries, stored.edition) for stored in lists.list_watchlists(session)}
        stored = session.execute(select(WatchlistEntry.edition, WatchlistEntry.content)).all()
        actions = session.scalars(select(AuditEvent.action).where(AuditEvent.object_type == "watchlist")).all()
    assert [summary["Held"][0], summary["Suspended"][0]] == [1, 1]
    assert {edition for edition, _ in stored} == {summary["Held"][1], summary["Suspended"][1]}
    assert sorted(content["names"][0] for _, content in stored) == ["New One", "Other"]
    assert actions.count("watchlist.replaced") == 3


def test_the_same_entries_in_any_order_change_nothing(database: Database, blobs: BlobStore, harbour: str):
    assert import_watchlist(database, blobs, harbour, HELD, "Old One;company;VN;;;;;")
    assert import_watchlist(database, blobs, harbour, "Old One;company;VN;;;;;", HELD) is None


def test_the_file_is_not_stored_after_it_is_loaded(database: Database, blobs: BlobStore, harbour: str):
    import_watchlist(database, blobs, harbour, HELD)
    with database.for_organisation(harbour, write=False) as session:
        assert session.scalars(select(Upload)).all() == []


@pytest.mark.parametrize("first", [0, 1])
def test_the_later_of_two_files_for_a_list_counts_whichever_is_loaded_first(
    database: Database, blobs: BlobStore, harbour: str, first: int
):
    for row in (HELD, "Later;company;VN;;;;;"):
        import_watchlist(database, blobs, harbour, row, work=False)
    claimed = [claim_job(database, "test"), claim_job(database, "test")]
    claimed.sort(key=lambda one: one.payload["edition"] == get_requested_edition(database, harbour))
    for one in (claimed[first], claimed[1 - first]):
        lists.load_watchlist(database, blobs, one)
    with database.for_organisation(harbour, write=False) as session:
        assert [content["names"] for content in session.scalars(select(WatchlistEntry.content))] == [["Later"]]
        assert session.scalars(select(Watchlist.entries)).one() == 1
        results = [job.result["overtaken"] for job in session.scalars(select(Job).where(Job.kind == "load_watchlist"))]
        assert sorted(results) == [False, True]


def get_requested_edition(database: Database, organisation_id: str) -> str:
    """The edition of the one list there is that was asked for last."""
    with database.for_organisation(organisation_id, write=False) as session:
        return session.scalars(select(Watchlist.requested_edition)).one()


def test_an_interrupted_load_is_resumed_and_comes_into_force_only_when_complete(
    database: Database, blobs: BlobStore, harbour: str, monkeypatch: pytest.MonkeyPatch
):
    save_supplier(database, harbour)
    import_watchlist(database, blobs, harbour, HELD)
    monkeypatch.setattr(lists, "CHUNK", 2)
    import_watchlist(database, blobs, harbour, *(f"Company {at};company;VN;;;;;" for at in "ABCDE"), work=False)
    claimed = claim_job(database, "dies", -1.0, {"load_watchlist"})

    class Dies(FolderStore):
        def get(self, digest: str) -> bytes:
            return b"\n".join([*super().get(digest).splitlines()[:3], b"no JSON"])

    with pytest.raises(ValueError, match="invalid literal"):
        lists.load_watchlist(database, Dies(blobs.folder, SECRET_KEYS), claimed)
    assert list_matches(database, harbour) == [OPEN]
    run_jobs(database, blobs)
    with database.for_organisation(harbour, write=False) as session:
        assert session.scalars(select(func.count(WatchlistEntry.id))).one() == 5
    assert list_matches(database, harbour) == []
    with pytest.raises(LostLease):
        lists.load_watchlist(database, blobs, claimed)


def test_a_failed_load_leaves_the_list_unchanged(database: Database, blobs: BlobStore, harbour: str):
    import_watchlist(database, blobs, harbour, HELD)
    import_watchlist(database, blobs, harbour, "Later;company;VN;;;;;", work=False)
    import_watchlist(database, blobs, harbour, "First;company;VN;;;;;", name="New", work=False)
    with database.for_organisation(harbour) as session:
        for job in session.scalars(select(Job).where(Job.kind == "load_watchlist", Job.state == "queued")):
            job.cancel = True
    run_jobs(database, blobs)
    with database.for_organisation(harbour, write=False) as session:
        assert [
            (stored.name, stored.entries, stored.requested_edition == stored.edition)
            for stored in lists.list_watchlists(session)
        ] == [("Held", 1, True)]
        assert session.scalars(select(Upload)).all() == []


def test_many_suppliers_are_screened_in_chunks_and_a_resumed_job_writes_nothing_twice(
    database: Database, blobs: BlobStore, harbour: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(screening, "CHUNK", 2)
    for at in range(5):
        save_supplier(database, harbour, reference=f"S-{at}")
    import_watchlist(database, blobs, harbour, HELD)
    assert len(list_matches(database, harbour)) == 5
    with database.for_organisation(harbour) as session:
        done = session.scalars(select(Job).where(Job.kind == "screen_suppliers")).one()
        assert done.result == {"screened": 5, "opened": 5}
        times = sorted(session.scalars(select(Screening.at)))
        lists.request_screening(session, BY, watchlist_id=session.scalars(select(Watchlist.id)).one())
    run_jobs(database, blobs)
    with database.for_organisation(harbour, write=False) as session:
        assert session.scalars(select(func.count(WatchlistMatch.id))).one() == 5
        assert sorted(session.scalars(select(Screening.at))) == times
        again = session.scalars(select(Job).where(Job.kind == "screen_suppliers", Job.id != done.id)).one()
        assert again.result == {"screened": 5, "opened": 0}


def test_matches_with_a_list_replaced_meanwhile_are_not_saved(database: Database, blobs: BlobStore, harbour: str):
    supplier_id = save_supplier(database, harbour)
    import_watchlist(database, blobs, harbour, HELD)
    with database.for_organisation(harbour) as session:
        stored = session.scalars(select(Watchlist)).one()
        match = session.scalars(select(WatchlistMatch)).one()
        who = screening.hash_parties(screening.build_parties("site", session.get_one(Supplier, supplier_id).answers))
        session.delete(match)
        session.flush()
        old = screening.ScreeningResult(supplier_id, who, stored.id, "an edition before", [])
        second = screening.ScreeningResult(supplier_id, "somebody before", stored.id, str(stored.edition), [])
        assert screening.save_screening_results(session, [old, second], now()) == 0
        screened = session.scalars(select(Screening)).one()
        assert (screened.edition, screened.identity) == (stored.edition, who)


def test_organisations_do_not_see_each_others_lists_and_matches(database: Database, blobs: BlobStore, harbour: str):
    quay = make_organisation(database, "Quay Trading")
    for organisation_id in (harbour, quay):
        save_supplier(database, organisation_id)
    import_watchlist(database, blobs, harbour, HELD)
    run_jobs(database, blobs)
    assert (len(list_matches(database, harbour)), list_matches(database, quay)) == (1, [])
    with database.for_organisation(harbour, write=False) as session:
        match_id = session.scalars(select(WatchlistMatch.id)).one()
    with database.for_organisation(quay) as session:
        assert lists.list_watchlists(session) == []
        for refused in (
            lambda: matches.get_match(session, match_id),
            lambda: lists.remove_watchlist(session, "Held", BY),
        ):
            with pytest.raises(DomainError) as caught:
                refused()
            assert caught.value.status == 404


@pytest.mark.parametrize(
    ("decision", "note", "fingerprint", "code"),
    [
        ("hang", "Same.", None, "match.decision"), ("confirm", " ", None, "match.note"),
        ("dismiss", "x" * 2001, None, "match.note"), ("dismiss", "Other.", "0" * 64, "match.changed"),
    ],
)  # fmt: skip
def test_a_decision_needs_a_note_and_the_current_fingerprint(
    database: Database, blobs: BlobStore, harbour: str, decision: str, note: str, fingerprint: str | None, code: str
):
    save_supplier(database, harbour)
    import_watchlist(database, blobs, harbour, HELD)
    with database.for_organisation(harbour) as session:
        match_id = session.scalars(select(WatchlistMatch.id)).one()
        with pytest.raises(DomainError) as caught:
            matches.decide_match(session, match_id, decision, note, now(), BY, fingerprint)
    assert (caught.value.code, list_matches(database, harbour)) == (code, [OPEN])


def test_a_decision_is_recorded_in_the_audit_trail_without_its_note(database: Database, blobs: BlobStore, harbour: str):
    supplier_id = save_supplier(database, harbour)
    import_watchlist(database, blobs, harbour, HELD)
    match_id = decide_match(database, harbour, "dismiss", "The manager is Ama Dako.")
    with database.for_organisation(harbour, write=False) as session:
        event = session.scalars(select(AuditEvent).where(AuditEvent.object_id == match_id)).one()
        summary = matches.summarize_screening(session, supplier_id)
    assert (event.action, event.actor, event.details) == ("match.dismissed", BY, {"supplier": supplier_id})
    assert [(one.match.note, one.watchlist) for one in summary.matches] == [("The manager is Ama Dako.", "Held")]
    assert [name for name, _ in summary.screened] == ["Held"]


def test_decisions_move_along_when_two_suppliers_are_merged(database: Database, blobs: BlobStore, harbour: str):
    source = save_supplier(database, harbour, reference="S-1")
    target = save_supplier(database, harbour, reference="S-2", name="Star Ocean Garments")
    import_watchlist(database, blobs, harbour, HELD)
    decide_match(database, harbour, "confirm")
    with database.for_organisation(harbour) as session:
        merging.merge_suppliers(
            session, session.get_one(Supplier, source), session.get_one(Supplier, target), now(), BY
        )
    with database.for_organisation(harbour, write=False) as session:
        stored = session.scalars(select(WatchlistMatch)).one()
    assert (stored.supplier_id, stored.state) == (target, "confirmed")


def test_matches_are_deleted_with_their_supplier_and_with_their_list(
    database: Database, blobs: BlobStore, harbour: str
):
    save_supplier(database, harbour, reference="S-1")
    gone = save_supplier(database, harbour, reference="S-2")
    import_watchlist(database, blobs, harbour, HELD)
    with database.for_organisation(harbour) as session:
        suppliers.erase_supplier(session, session.get_one(Supplier, gone), now(), BY)
    assert len(list_matches(database, harbour)) == 1
    with database.for_organisation(harbour) as session:
        lists.remove_watchlist(session, "Held", BY)
    with database.unscoped(write=False) as session:
        for table in (Watchlist, WatchlistEntry, WatchlistMatch, Screening):
            assert session.scalars(select(func.count()).select_from(table)).one() == 0


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\x07b"])
def test_a_list_needs_a_name(database: Database, blobs: BlobStore, harbour: str, name: str):
    with pytest.raises(DomainError, match="up to 100 characters"):
        import_watchlist(database, blobs, harbour, HELD, name=name)


@examples(8, HealthCheck.function_scoped_fixture)
@given(st.permutations([HELD, "Star Ocean;;;;;;;", "Amber Kite Foods;company;VN;;;;;", "Coral;vessel;;9074729;;;;"]))
def test_the_order_of_the_rows_changes_nothing(database: Database, blobs: BlobStore, rows: list[str]):
    harbour = make_organisation(database, new_id())
    save_supplier(database, harbour, reference="S-1", owner="Amber Kite Foods Ltd", imo="9074729")
    save_supplier(database, harbour, reference="S-2", name="Star Ocean")
    import_watchlist(database, blobs, harbour, *rows)
    assert [(name, listed) for name, listed, _ in list_matches(database, harbour)] == [
        ("Blue Pier Fishing", "Amber Kite Foods"), ("Blue Pier Fishing", "Coral"), ("Star Ocean", "Star Ocean"),
    ]  # fmt: skip
