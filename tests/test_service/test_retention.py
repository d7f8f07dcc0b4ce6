"""Retention: expired data is purged, and an organisation is erased completely, without touching others."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from callers import make_organisation, make_user
from databases import SECRET_KEYS, Empty
from full_organisation import count_organisations, create_full_organisation, read_all_rows
from sqlalchemy import select

from service import retention
from service.blob_store import BlobStore
from service.blob_store.folder import FolderStore
from service.clock import now
from service.db.account_tables import StoredLogo
from service.db.idempotency_tables import IdempotentResponse
from service.db.import_tables import Upload
from service.db.job_tables import Job
from service.db.session import Database
from service.db.tables import AuditEvent, Change, Erasure, Organisation, Supplier
from service.erasure.organisation import erase_organisation
from service.errors import DomainError
from service.retention import delete_unused_files, list_used_files, purge_expired, subtract_months
from service.suppliers import repository as suppliers

NOW = datetime(2046, 3, 2, 12, tzinfo=UTC)  # no model was in force twenty years before today
YEAR = timedelta(days=365)


def settle(blobs: FolderStore) -> None:
    """Makes it a day since the files were put."""
    for digest in blobs.list_digests():
        path = blobs.folder / digest[:2] / digest
        os.utime(path, (path.stat().st_mtime - 86400,) * 2)


def test_an_organisation_is_erased_from_every_table_and_another_is_untouched(database: Database, blobs: BlobStore):
    other_organisation = create_full_organisation(database, blobs, "Hill Builders")
    before = read_all_rows(database)
    gone = create_full_organisation(database, blobs, "Harbour Foods")
    erase_organisation(database, blobs, gone, "system:command_line")
    after = dict(read_all_rows(database))
    assert [stored["organisation_id"] for stored in after.pop("erasure")] == [gone]
    assert [stored["object_id"] for stored in after.pop("system_event")] == [gone]
    assert after == {name: stored for name, stored in before.items() if name not in ("erasure", "system_event")}
    assert other_organisation != gone


def test_the_record_of_an_erasure_holds_no_name(database: Database, blobs: BlobStore):
    gone = create_full_organisation(database, blobs, "Harbour Foods")
    erase_organisation(database, blobs, gone, "system:command_line")
    with database.unscoped(write=False) as session:
        (fact,) = session.scalars(select(Erasure))
    assert (fact.organisation_id, fact.actor) == (gone, "system:command_line")
    assert fact.counts["supplier"] == 4
    assert "Harbour" not in repr(read_all_rows(database))


def test_files_are_deleted_with_the_last_organisation_that_uses_them(database: Database, blobs: BlobStore):
    one, two = (
        create_full_organisation(database, blobs, name, b"the same list") for name in ("Harbour Foods", "Hill Builders")
    )
    settle(blobs)
    assert erase_organisation(database, blobs, one, "system:test")["files"] == 3  # answers, logo, report
    with database.unscoped(write=False) as session:
        assert set(blobs.list_digests()) == list_used_files(session)
    assert erase_organisation(database, blobs, two, "system:test")["files"] == 4  # and the list
    assert blobs.list_digests() == ()


def test_erased_data_cannot_be_read_from_the_database_file(sqlite: Empty, blobs: BlobStore):
    with sqlite() as engine:
        file = Path(str(engine.url.database))
        gone = create_full_organisation(Database(engine, SECRET_KEYS), blobs, "Quokka Foods")
        engine.dispose()
        assert b"Quokka Foods" in file.read_bytes()
        erase_organisation(Database(engine, SECRET_KEYS), blobs, gone, "system:test")
        engine.dispose()
        assert b"Quokka Foods" not in file.read_bytes()


def test_a_file_without_a_row_is_deleted_after_the_grace_period(sqlite: Empty, blobs: BlobStore):
    with sqlite() as engine:
        digest = blobs.put(b"its upload was never written down")
        assert delete_unused_files(Database(engine, SECRET_KEYS), blobs, now() - timedelta(hours=1)) == 0
        assert blobs.list_digests() == (digest,)
        settle(blobs)
        assert delete_unused_files(Database(engine, SECRET_KEYS), blobs, now() - timedelta(hours=1)) == 1
        assert blobs.list_digests() == ()


def test_a_file_that_is_uploaded_again_while_it_is_being_deleted_stays(blobs: BlobStore):
    digest = blobs.put(b"last year's list")
    settle(blobs)
    before = now() - timedelta(hours=1)
    assert blobs.put(b"last year's list") == digest
    assert not blobs.delete_unless_put_since(digest, before)
    assert blobs.get(digest) == b"last year's list"


def make_supplier(database: Database, organisation_id: str, name: str, *days: datetime) -> str:
    """A site that was assessed on some days; its id."""
    answers = {"name": name, "country": "TH", "sector": ["1020"]}
    with database.for_organisation(organisation_id) as session:
        for at in days:
            origin = suppliers.Origin(at.date(), at, "user:ana", "import")
            suppliers.save_suppliers(session, "site", [suppliers.IncomingSupplier(answers)], origin)
        return session.scalars(select(Supplier.id).where(Supplier.name == name)).one()


def results_of(database: Database, organisation_id: str) -> list[tuple[str, int]]:
    """Names of suppliers, with how many results each has."""
    with database.for_organisation(organisation_id, write=False) as session:
        stored = session.scalars(select(Supplier).order_by(Supplier.name)).all()
        return [(supplier.name, len(suppliers.list_results(session, supplier))) for supplier in stored]


def keep_for(database: Database, organisation_id: str, months: int) -> None:
    with database.unscoped() as session:
        session.get_one(Organisation, organisation_id).keep_months = months


def test_suppliers_not_assessed_within_the_retention_period_are_purged_and_old_results_of_others(
    database: Database, blobs: BlobStore
):
    organisation_id = make_organisation(database)
    keep_for(database, organisation_id, 24)
    make_supplier(database, organisation_id, "Current Cannery", NOW - 3 * YEAR, NOW - YEAR, NOW - timedelta(days=1))
    make_supplier(database, organisation_id, "Old Cannery", NOW - 4 * YEAR, NOW - 3 * YEAR)
    make_supplier(database, organisation_id, "Recent Cannery", NOW - YEAR)
    purge_expired(database, blobs, NOW)
    assert results_of(database, organisation_id) == [("Current Cannery", 2), ("Recent Cannery", 1)]


def test_each_organisation_has_its_own_retention_period(database: Database, blobs: BlobStore):
    short, long = make_organisation(database, "Short"), make_organisation(database, "Long")
    keep_for(database, short, 12)
    for organisation_id in (short, long):
        make_supplier(database, organisation_id, "Cannery", NOW - 3 * YEAR)
    purge_expired(database, blobs, NOW)
    assert (results_of(database, short), results_of(database, long)) == ([], [("Cannery", 1)])


def test_a_purged_supplier_is_in_the_change_feed_and_the_audit_trail(database: Database, blobs: BlobStore):
    organisation_id = make_organisation(database)
    supplier_id = make_supplier(database, organisation_id, "Old Cannery", NOW - 20 * YEAR)
    purge_expired(database, blobs, NOW)
    with database.for_organisation(organisation_id, write=False) as session:
        details = session.scalars(select(Change).order_by(Change.id.desc())).first()
        events = set(session.scalars(select(AuditEvent.action)))
    assert (details.kind, details.supplier_id) == ("deleted", supplier_id)
    assert {"site.erased", "retention.removed"} <= events


def test_uploads_and_reports_are_purged_with_their_files_and_queued_jobs_stay(database: Database, blobs: BlobStore):
    organisation_id = create_full_organisation(database, blobs)
    settle(blobs)
    purge_expired(database, blobs, now() + 10 * YEAR)
    with database.for_organisation(organisation_id, write=False) as session:
        assert session.scalars(select(Upload)).all() == []
        assert {job.state for job in session.scalars(select(Job))} == {"queued"}
        assert blobs.list_digests() == tuple(session.scalars(select(StoredLogo.sha256)))


def test_nothing_is_purged_before_its_time_and_a_second_purge_changes_nothing(database: Database, blobs: BlobStore):
    create_full_organisation(database, blobs)
    before = read_all_rows(database)
    purge_expired(database, blobs, before["upload"][0]["created_at"] + timedelta(days=1))
    stored = read_all_rows(database)
    assert {name for name in stored if stored[name] != before[name]} == set()
    assert len(blobs.list_digests()) == 4


def test_ids_of_changes_are_never_reused(database: Database, blobs: BlobStore):
    organisation_id = make_organisation(database)
    make_supplier(database, organisation_id, "Cannery", NOW - 20 * YEAR)
    purge_expired(database, blobs, NOW)
    with database.for_organisation(organisation_id, write=False) as session:
        seen = max(session.scalars(select(Change.id)))
    purge_expired(database, blobs, NOW + 20 * YEAR)
    make_supplier(database, organisation_id, "New Cannery", NOW)
    with database.for_organisation(organisation_id, write=False) as session:
        assert session.scalars(select(Change.id).where(Change.id > seen)).all()


def test_users_and_keys_are_not_purged_by_age(database: Database, blobs: BlobStore):
    organisation_id = make_organisation(database)
    make_user(database, organisation_id)
    purge_expired(database, blobs, now() + 50 * YEAR)
    assert len(read_all_rows(database)["user"]) == 1
    assert count_organisations(database) == 1


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [("2026-03-31", 1, "2026-02-28"), ("2026-01-15", 84, "2019-01-15"), ("2028-02-29", 12, "2027-02-28")],
)
def test_months_are_counted_back_by_the_calendar(day: str, months: int, before: str):
    at = datetime.fromisoformat(f"{day}T10:00:00+00:00")
    assert subtract_months(at, months) == datetime.fromisoformat(f"{before}T10:00:00+00:00")


def test_more_suppliers_than_one_chunk_are_all_purged(
    database: Database, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
):
    organisation_id = make_organisation(database)
    for number in range(5):
        make_supplier(database, organisation_id, f"Cannery {number}", NOW - 20 * YEAR)
    monkeypatch.setattr(retention, "CHUNK", 2)
    purge_expired(database, blobs, NOW)
    assert results_of(database, organisation_id) == []


def test_stored_responses_to_idempotent_requests_are_purged_after_a_day(database: Database, blobs: BlobStore):
    organisation_id = make_organisation(database)
    details = {"request_hash": "h", "status": 201, "body": "{}", "headers": {}}
    with database.for_organisation(organisation_id) as session:
        for key, age in (("yesterday", 25), ("today", 23)):
            session.add(IdempotentResponse(key=key, created_at=now() - timedelta(hours=age), **details))
    purge_expired(database, blobs, now())
    with database.unscoped(write=False) as session:
        assert [stored.key for stored in session.scalars(select(IdempotentResponse))] == ["today"]


def test_the_retention_period_is_set_within_bounds_and_recorded(database: Database, blobs: BlobStore):
    organisation_id = make_organisation(database)
    with database.for_organisation(organisation_id) as session:
        for months in (retention.MIN_MONTHS - 1, retention.MAX_MONTHS + 1):
            with pytest.raises(DomainError):
                retention.set_retention(session, organisation_id, months, "user:ana")
        retention.set_retention(session, organisation_id, retention.MIN_MONTHS, "user:ana")
    with database.unscoped(write=False) as session:
        assert session.get_one(Organisation, organisation_id).keep_months == retention.MIN_MONTHS
        (event,) = session.scalars(select(AuditEvent))
        assert (event.action, event.details) == (
            "organisation.keep_months_changed", {"from": 84, "to": retention.MIN_MONTHS},
        )  # fmt: skip
