"""`diligence check` finds what does not agree between database, files and audit trail, repairs what is safe, and leaves
everything else as it is.
"""

import json
import os
import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from callers import make_organisation
from full_organisation import read_all_rows
from processes import ROOT
from sqlalchemy import delete, insert, select, text, update
from stored_keys import SECRET_KEYS
from watchlist_helpers import run_jobs

from questionnaires.sheet import Limits
from service import cli
from service.blob_store import BlobStoreUnavailable
from service.blob_store.folder import FolderStore
from service.clock import now
from service.db import audit_triggers
from service.db.derived_tables import SupplierCount
from service.db.import_tables import Import, Upload
from service.db.job_tables import Job
from service.db.session import Database
from service.db.tables import AuditEvent, Base, Result, Supplier, new_id
from service.db.watchlist_tables import Watchlist, WatchlistEntry
from service.imports import receiving
from service.integrity.check import find_inconsistencies, repair_inconsistencies
from service.settings import Settings
from service.suppliers import repository as suppliers

BY = "user:ana"
LIST = b"Supplier,Country\nDune Builders,Qatar\n"
DAY = 86400  # seconds


@pytest.fixture
def harbour(database: Database, blobs: FolderStore) -> str:
    """An organisation with a supplier, an import that waits for its job, a finished report and a watchlist."""
    organisation_id, at = make_organisation(database), now()
    receiving.receive_upload(database, blobs, organisation_id, [("list.csv", LIST)], {}, BY, Limits())
    with database.for_organisation(organisation_id) as session:
        answers = {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}
        origin = suppliers.Origin(at.date(), at, BY, "import")
        suppliers.save_suppliers(session, "site", [suppliers.IncomingSupplier(answers)], origin)
        times = {"not_before": at, "created_at": at, "finished_at": at, "created_by": BY}
        report = {"sha256": blobs.put(b"a report"), "media_type": "text/csv", "file_name": "report.csv"}
        session.add(Job(kind="render_report", payload={}, state="done", result=report, **times))
        fields = {"file_summary": {}, "imported_by": BY, "created_at": at}
        watchlist = Watchlist(name="Held", edition="1", requested_edition="1", entries=1, **fields)
        session.add(watchlist)
        session.flush()
        session.add(WatchlistEntry(watchlist_id=watchlist.id, edition="1", key="1", content={}))
    return organisation_id


def find(database: Database, blobs: FolderStore) -> list[str]:
    """The codes of what is found, without mere information."""
    found = find_inconsistencies(database, blobs, now())
    return sorted(finding.code for finding in found if not finding.is_information)


def change(database: Database, *statements: object) -> None:
    """Changes rows behind the service's back: nothing is enforced meanwhile."""
    with database.engine.connect() as connection:
        if database.engine.dialect.name == "sqlite":
            connection.exec_driver_sql("COMMIT")  # SQLite ignores the next line within a transaction
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        else:
            connection.exec_driver_sql("SET session_replication_role = replica")
        for statement in statements:
            connection.execute(statement)
        if database.engine.dialect.name == "postgresql":
            connection.commit()
        connection.invalidate()


def path_of(blobs: FolderStore, digest: str) -> Path:
    return blobs.folder / digest[:2] / digest


def digest_of_upload(database: Database) -> str:
    with database.unscoped(write=False) as session:
        return session.scalars(select(Upload.sha256)).one()


def table(mapped: type[Base]):
    return mapped.__table__


# What is planted, and the code of what is found then. Each plant changes one thing.


def plant_lost_file(database: Database, blobs: FolderStore) -> None:
    path_of(blobs, digest_of_upload(database)).unlink()


def plant_changed_file(database: Database, blobs: FolderStore) -> None:
    path_of(blobs, digest_of_upload(database)).write_bytes(LIST.replace(b"Qatar", b"Norway"))


def plant_unused_file(database: Database, blobs: FolderStore) -> None:
    path = path_of(blobs, blobs.put(b"nobody refers to this"))
    os.utime(path, (path.stat().st_mtime - DAY,) * 2)


def plant_draft(database: Database, blobs: FolderStore) -> None:
    (blobs.drafts / "tmpab12").write_bytes(b"half an upl")


def plant_lost_reading(database: Database, blobs: FolderStore) -> None:
    change(database, update(Upload).values(reading_sha256="0" * 64))


def plant_changed_reading(database: Database, blobs: FolderStore) -> None:
    reading = blobs.put(b"what was read from the list")
    path_of(blobs, reading).write_bytes(b"something else")
    change(database, update(Upload).values(reading_sha256=reading))


def plant_moved_file(database: Database, blobs: FolderStore) -> None:
    path = path_of(blobs, digest_of_upload(database))
    path.rename(path.with_name(f"{path.name}.gone"))


def plant_result_without_supplier(database: Database, blobs: FolderStore) -> None:
    with database.unscoped(write=False) as session:
        row = dict(session.execute(select(table(Result))).mappings().one())
    change(database, insert(Result).values(row | {"id": new_id(), "supplier_id": new_id()}))


def plant_wrong_summary(database: Database, blobs: FolderStore) -> None:
    with database.unscoped() as session:  # with the triggers on, so that the counts follow
        session.execute(update(Supplier).values(level="low"))


def plant_wrong_count(database: Database, blobs: FolderStore) -> None:
    change(database, update(SupplierCount).where(SupplierCount.facet == "place").values(n=7))


def plant_missing_latest_result(database: Database, blobs: FolderStore) -> None:
    change(database, delete(Result))


def plant_lost_import_job(database: Database, blobs: FolderStore) -> None:
    change(database, delete(Job).where(Job.kind == "read_import"))


def plant_unfinished_import(database: Database, blobs: FolderStore) -> None:
    change(database, update(Import).values(state="done"))


def plant_missing_upload(database: Database, blobs: FolderStore) -> None:
    change(database, update(Import).values(uploads=[new_id()]))


def plant_running_job_without_lease(database: Database, blobs: FolderStore) -> None:
    change(database, update(Job).where(Job.kind == "read_import").values(state="running", owner=None))


def plant_ended_job_without_time(database: Database, blobs: FolderStore) -> None:
    change(database, update(Job).where(Job.state == "done").values(finished_at=None))


def plant_wrong_number_of_entries(database: Database, blobs: FolderStore) -> None:
    change(database, update(Watchlist).values(entries=7))


def plant_entries_of_no_edition(database: Database, blobs: FolderStore) -> None:
    with database.unscoped(write=False) as session:
        row = dict(session.execute(select(table(WatchlistEntry))).mappings().one())
    change(database, insert(WatchlistEntry).values(row | {"id": 2, "edition": "2"}))


def plant_import_without_event(database: Database, blobs: FolderStore) -> None:
    with database.unscoped(write=False) as session:
        row = dict(session.execute(select(table(Import))).mappings().one())
    id_ = new_id()
    choices = Import.choices.encrypt({}, database.secret_keys, row["organisation_id"], id_)
    texts = {"choices": choices, "choices_before": None, "found": None, "problem": None}
    ended = {"id": id_, "state": "cancelled", "finished_at": now(), "uploads": [], **texts}
    change(database, insert(table(Import)).values(row | ended))


def plant_missing_trigger(database: Database, blobs: FolderStore) -> None:
    on = "" if database.engine.dialect.name == "sqlite" else " ON audit_event"
    name = "audit_event_no_update" if not on else "audit_event_no_change"
    change(database, text(f"DROP TRIGGER {name}{on}"))


def plant_changed_event(database: Database, blobs: FolderStore) -> None:
    plant_missing_trigger(database, blobs)
    with database.engine.begin() as connection:
        connection.execute(update(table(AuditEvent)).values(actor="user:bo"))
        audit_triggers.restore(connection)


Plant = Callable[[Database, FolderStore], None]
SAFE: dict[Plant, str] = {
    plant_unused_file: "stored_file.unused",
    plant_draft: "stored_file.leftover",
    plant_lost_reading: "stored_reading.lost",
    plant_changed_reading: "stored_reading.lost",
    plant_result_without_supplier: "row.orphan",
    plant_lost_import_job: "import.stuck",
    plant_running_job_without_lease: "job.lost",
    plant_entries_of_no_edition: "watchlist.leftover",
    plant_missing_trigger: "audit.unprotected",
    plant_wrong_count: "supplier.count",
}
UNSAFE: dict[Plant, str] = {
    plant_lost_file: "stored_file.missing",
    plant_changed_file: "stored_file.changed",
    plant_wrong_summary: "supplier.summary",
    plant_missing_latest_result: "supplier.summary",
    plant_unfinished_import: "import.state",
    plant_missing_upload: "import.upload_missing",
    plant_ended_job_without_time: "job.state",
    plant_wrong_number_of_entries: "watchlist.entries",
    plant_import_without_event: "audit.import_missing",
    plant_changed_event: "audit.changed",
}


def name_of(plant: Plant) -> str:
    return plant.__name__.removeprefix("plant_")


def list_files(blobs: FolderStore) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in blobs.folder.rglob("*") if path.is_file() and path.name != "lock"}


def test_an_installation_in_order_has_no_findings(database: Database, blobs: FolderStore, harbour: str):
    assert find(database, blobs) == []


@pytest.mark.fault
@pytest.mark.parametrize("plant", SAFE, ids=name_of)
def test_what_is_safe_is_found_and_repaired_and_nothing_else_is_touched(
    database: Database, blobs: FolderStore, harbour: str, plant: Plant
):
    rows, files = dict(read_all_rows(database)), list_files(blobs)
    plant(database, blobs)
    planted_rows, planted_files = read_all_rows(database), list_files(blobs)
    assert find(database, blobs) == [SAFE[plant]]
    assert (read_all_rows(database), list_files(blobs)) == (planted_rows, planted_files)
    repaired, remaining = repair_inconsistencies(database, blobs, now())
    assert [finding.code for finding in repaired] == [SAFE[plant]]
    assert [finding for finding in remaining if not finding.is_information] == []
    after = read_all_rows(database)
    if (
        plant is plant_lost_import_job
    ):  # its job cannot be brought back: the import is marked as failed, and an event says so
        rows |= {name: after[name] for name in ("job", "import", "audit_event", "audit_link", "audit_chain")}
    assert after == rows
    assert list_files(blobs) == files


@pytest.mark.fault
@pytest.mark.parametrize("plant", UNSAFE, ids=name_of)
def test_what_a_person_must_decide_is_found_and_left_as_it_is(
    database: Database, blobs: FolderStore, harbour: str, plant: Plant
):
    plant(database, blobs)
    rows, files = read_all_rows(database), list_files(blobs)
    assert set(find(database, blobs)) == {UNSAFE[plant]}
    repaired, remaining = repair_inconsistencies(database, blobs, now())
    assert repaired == []
    assert {finding.code for finding in remaining if not finding.is_information} == {UNSAFE[plant]}
    assert (read_all_rows(database), list_files(blobs)) == (rows, files)


@pytest.mark.fault
def test_a_file_that_was_moved_aside_by_a_killed_deletion_is_brought_back(
    database: Database, blobs: FolderStore, harbour: str
):
    plant_moved_file(database, blobs)
    assert find(database, blobs) == ["stored_file.leftover", "stored_file.missing"]
    repaired, remaining = repair_inconsistencies(database, blobs, now())
    assert sorted(finding.code for finding in repaired) == ["stored_file.leftover", "stored_file.missing"]
    assert find(database, blobs) == []
    assert blobs.get(digest_of_upload(database)) == LIST


@pytest.mark.fault
def test_a_changed_file_is_in_order_again_once_it_is_uploaded_again(
    database: Database, blobs: FolderStore, harbour: str
):
    plant_changed_file(database, blobs)
    receiving.receive_upload(database, blobs, harbour, [("again.csv", LIST)], {}, BY, Limits())
    assert find(database, blobs) == []


def test_a_file_that_is_so_new_that_its_row_may_still_come_is_no_finding(
    database: Database, blobs: FolderStore, harbour: str
):
    digest = blobs.put(b"its row comes in a moment")
    assert find(database, blobs) == []
    later = find_inconsistencies(database, blobs, now() + timedelta(hours=2))
    assert [finding.about for finding in later if finding.code == "stored_file.unused"] == [f"file {digest}"]


def test_events_of_erased_objects_are_reported_as_information(database: Database, blobs: FolderStore, harbour: str):
    with database.for_organisation(harbour) as session:
        suppliers.erase_supplier(session, session.scalars(select(Supplier)).one(), now(), BY)
    found = find_inconsistencies(database, blobs, now())
    assert [(finding.code, finding.about, finding.is_information) for finding in found] == [
        ("audit.erased_objects", "site", True)
    ]


@pytest.mark.fault
def test_an_import_whose_job_was_lost_says_so_and_is_recorded(database: Database, blobs: FolderStore, harbour: str):
    plant_lost_import_job(database, blobs)
    repair_inconsistencies(database, blobs, now())
    with database.unscoped(write=False) as session:
        import_ = session.scalars(select(Import)).one()
        event = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert (import_.state, import_.problem["code"]) == ("failed", "import.failed")
    assert import_.finished_at is not None
    assert (event.actor, event.action, event.object_id) == ("system:check", "import.failed", import_.id)


def test_the_triggers_that_were_restored_refuse_changes_again(database: Database, blobs: FolderStore, harbour: str):
    plant_missing_trigger(database, blobs)
    repair_inconsistencies(database, blobs, now())
    with pytest.raises(Exception, match="append-only"), database.engine.begin() as connection:
        connection.execute(update(table(AuditEvent)).values(actor="user:bo"))


@pytest.mark.fault
def test_a_damaged_database_file_is_found(sqlite: Callable, blobs: FolderStore):
    with sqlite() as engine:
        file = Path(str(engine.url.database))
        engine.dispose()
        data = bytearray(file.read_bytes())
        with engine.connect() as connection:
            page_size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
            page = connection.exec_driver_sql(
                "SELECT rootpage FROM sqlite_master WHERE name = 'ix_job_organisation_id'"
            )
            start = (page.scalar_one() - 1) * page_size
        engine.dispose()
        data[start + 3 : start + 5] = b"\x00\x09"  # the page says that it has nine cells
        file.write_bytes(data)
        assert "database.damaged" in find(Database(engine, SECRET_KEYS), blobs)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_data: Path) -> Path:
    """The data folder of an installation that was migrated."""
    monkeypatch.setenv("DILIGENCE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("service.log.configure_logging", lambda level: None)
    return Path(shutil.copytree(migrated_data, tmp_path / "data"))


def test_the_exit_status_tells_nothing_found_from_something_found_and_repaired(
    data: Path, capsys: pytest.CaptureFixture[str]
):
    blobs = FolderStore(data / "blobs")
    assert Settings(data=data).blob_store == blobs.folder.as_uri()
    capsys.readouterr()
    assert cli.main(["check"]) == 0
    assert capsys.readouterr().out == "0 inconsistencies found.\n"
    plant_draft(None, blobs)
    assert cli.main(["check"]) == 1
    assert "--repair would repair 1 of them" in capsys.readouterr().out
    assert cli.main(["check", "--repair", "--format", "json"]) == 3
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["code"], finding["about"], finding["repaired"]) == (
        "stored_file.leftover", "leftover drafts/tmpab12", True,
    )  # fmt: skip
    assert cli.main(["check", "--repair"]) == 0


def test_every_code_is_explained_to_administrators():
    codes = {*SAFE.values(), *UNSAFE.values(), "database.damaged", "audit.erased_objects"}
    codes |= {"erasure.not_applied", "erasure.not_recorded"}  # test_erasure.py
    codes |= {"row_security.missing", "row_security.not_effective"}  # test_row_security.py
    codes |= {"text.changed", "text.key_missing", "stored_file.key_missing"}  # test_encrypted_texts.py
    modules = (ROOT / "service" / "integrity").glob("*.py")
    written = {code for module in modules for code in re.findall(r'Finding\(\s*"([a-z_.]+)"', module.read_text())}
    page = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    assert written <= codes
    assert not {code for code in codes if f"`{code}`" not in page}


@pytest.mark.fault
@pytest.mark.parametrize(
    ("plant", "reason"), [(plant_lost_file, "is missing from"), (plant_changed_file, "has been changed in")]
)
def test_an_import_whose_file_is_missing_or_changed_fails_at_once_and_says_so(
    database: Database, blobs: FolderStore, harbour: str, plant: Plant, reason: str
):
    plant(database, blobs)
    run_jobs(database, blobs)
    with database.unscoped(write=False) as session:
        import_ = session.scalars(select(Import)).one()
        job = session.scalars(select(Job).where(Job.kind == "read_import")).one()
    assert (import_.state, job.state, job.attempt) == ("failed", "failed", 1)
    assert reason in import_.problem["detail"]
    assert "Upload it again" in import_.problem["detail"]


class Away(FolderStore):
    """A store that does not answer."""

    def get(self, digest: str) -> bytes:
        raise BlobStoreUnavailable("The file store cannot be used.")


@pytest.mark.fault
def test_a_job_waits_while_the_file_store_is_away_and_no_attempt_counts(
    database: Database, blobs: FolderStore, harbour: str
):
    with pytest.raises(BlobStoreUnavailable):
        run_jobs(database, Away(blobs.folder))
    with database.unscoped(write=False) as session:
        job = session.scalars(select(Job).where(Job.kind == "read_import")).one()
    assert (job.state, job.attempt) == ("queued", 0)
