"""An import that runs into trouble: it leaves out what cannot be saved, is finished once something is saved, and says what is."""

import sqlite3
from collections.abc import Callable, Collection
from dataclasses import replace

import pytest
from callers import freeze_time, make_organisation
from sqlalchemy import select
from sqlalchemy.exc import DatabaseError

from questionnaires.sheet import Limits
from service.blob_store.folder import FolderStore
from service.clock import now
from service.db.import_tables import Import
from service.db.session import Database
from service.db.tables import Supplier
from service.imports import receiving, saving
from service.jobs import table, worker
from service.suppliers import repository
from service.wiring.job_handlers import build_handlers

NAMES = [f"Blue Pier {number}" for number in range(7)]
BUG = ValueError("a bug")
LIST = "Supplier,Country,Sector\n" + "".join(f"{name},Thailand,fishing\n" for name in NAMES)


def send(database: Database, blobs: FolderStore, content: str = LIST) -> tuple[str, str]:
    """An import of seven suppliers that waits for a worker, saved two by two; the ids of organisation and import."""
    organisation_id = make_organisation(database)
    files = [("list.csv", content.encode())]
    import_ = receiving.receive_upload(database, blobs, organisation_id, files, {"confirm": True}, "user:1", Limits())
    return organisation_id, import_.id


def work(database: Database, blobs: FolderStore, monkeypatch: pytest.MonkeyPatch, attempts: int = 40) -> None:
    """Run the jobs that wait, with the clock set forward to each attempt."""
    handlers = build_handlers(blobs)
    for _ in range(attempts):
        claimed = table.claim_job(database, "w")
        if claimed is None:
            return
        worker.run_job(database, claimed, handlers[claimed.kind])
        freeze_time(monkeypatch, now() + table.MAX_DELAY)


def read(database: Database, organisation_id: str) -> tuple[Import, list[str]]:
    """The import, and the names of the suppliers that are stored."""
    with database.for_organisation(organisation_id, write=False) as session:
        names = session.scalars(select(Supplier.name).order_by(Supplier.name)).all()
        return session.scalars(select(Import)).one(), list(names)


@pytest.fixture
def break_saving(monkeypatch: pytest.MonkeyPatch) -> Callable[[Collection[str]], None]:
    """What makes the saving of some suppliers fail."""
    save = repository.save_suppliers
    monkeypatch.setattr(saving, "CHUNK", 2)

    def break_for(names: Collection[str], error: Exception = BUG) -> None:
        def save_others(
            session: object, kind: str, incoming: list[repository.IncomingSupplier], origin: object
        ) -> None:
            if any(supplier.answers["name"] in names for supplier in incoming):
                raise error
            save(session, kind, incoming, origin)

        monkeypatch.setattr(repository, "save_suppliers", save_others)

    return break_for


def test_a_supplier_that_cannot_be_saved_is_left_out_and_reported_and_the_others_are_saved(
    database: Database, blobs: FolderStore, break_saving: Callable[..., None], monkeypatch: pytest.MonkeyPatch
):
    organisation_id, _ = send(database, blobs)
    break_saving({"Blue Pier 3"})
    work(database, blobs, monkeypatch)
    import_, names = read(database, organisation_id)
    assert (import_.state, import_.accepted, import_.rejected) == ("done", 6, 1)
    assert names == [name for name in NAMES if name != "Blue Pier 3"]
    (issue,) = [issue for issue in import_.found["issues"] if issue["code"] == "row.not_saved"]
    assert (issue["file"], issue["cell"], issue["severity"]) == ("list.csv", "A5", "error")


def test_an_import_that_saved_something_stays_running_until_its_cause_of_trouble_is_gone(
    database: Database, blobs: FolderStore, break_saving: Callable[..., None], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(saving, "MAX_UNSAVED", 1)
    organisation_id, _ = send(database, blobs)
    break_saving(NAMES[2:])
    work(database, blobs, monkeypatch)
    import_, names = read(database, organisation_id)
    assert (import_.state, names) == ("running", NAMES[:2])
    break_saving(())
    work(database, blobs, monkeypatch)
    import_, names = read(database, organisation_id)
    assert (import_.state, import_.rejected, len(names)) == ("done", 1, 6)


@pytest.mark.parametrize(
    ("checkpoint", "rest"),
    [({"rows": 1}, ["Alder Nets", "Dune Builders"]), ({"rows": 1, "by_place": True}, ["Alder Nets", "Blue Pier"])],
)
def test_an_attempt_goes_on_in_the_order_in_which_the_import_was_begun(
    database: Database, blobs: FolderStore, monkeypatch: pytest.MonkeyPatch, checkpoint: dict, rest: list[str]
):
    content = "Supplier,Country\nBlue Pier,Vietnam\nDune Builders,Qatar\nAlder Nets,Thailand\n"
    organisation_id, _ = send(database, blobs, content)
    go_on = saving.assess_import
    monkeypatch.setattr(
        saving, "assess_import", lambda db, blobs, job: go_on(db, blobs, replace(job, checkpoint=checkpoint))
    )
    work(database, blobs, monkeypatch)
    assert read(database, organisation_id)[1] == rest  # the first one is said to be saved


def test_an_import_of_which_nothing_can_be_saved_fails_and_says_so(
    database: Database, blobs: FolderStore, break_saving: Callable[..., None], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(saving, "MAX_UNSAVED", 1)
    organisation_id, _ = send(database, blobs)
    break_saving(NAMES)
    work(database, blobs, monkeypatch)
    import_, names = read(database, organisation_id)
    assert (import_.state, import_.problem["saved"], names) == ("failed", 0, [])
    assert import_.problem["detail"].endswith("Nothing was saved.")


def test_a_cancelled_import_says_how_many_suppliers_it_saved(
    database: Database, blobs: FolderStore, break_saving: Callable[..., None], monkeypatch: pytest.MonkeyPatch
):
    organisation_id, _ = send(database, blobs)
    break_saving({"Blue Pier 2"})
    work(database, blobs, monkeypatch, attempts=2)
    claimed = table.claim_job(database, "w")
    with database.for_organisation(organisation_id) as session:
        table.cancel_job(session, claimed.id, "user:1")
    handlers = build_handlers(blobs)
    worker.run_job(database, claimed, handlers[claimed.kind])
    import_, names = read(database, organisation_id)
    assert (import_.state, import_.problem["saved"], names) == ("cancelled", 2, NAMES[:2])
    assert "Suppliers already saved: 2; each is complete." in import_.problem["detail"]


@pytest.mark.parametrize(("rows", "lane"), [(3, "short"), (12_000, "imports")])
def test_a_small_upload_takes_the_short_lane(database: Database, blobs: FolderStore, rows: int, lane: str):
    files = [("list.csv", LIST.encode() + b"Blue Pier,Thailand,fishing\n" * rows)]
    receiving.receive_upload(database, blobs, make_organisation(database), files, {}, "user:1", Limits())
    with database.unscoped(write=False) as session:
        assert session.scalars(select(table.Job.lane)).one() == lane


def test_a_damaged_database_is_not_taken_for_a_supplier_that_cannot_be_saved(
    database: Database, blobs: FolderStore, break_saving: Callable[..., None], monkeypatch: pytest.MonkeyPatch
):
    organisation_id, _ = send(database, blobs)
    damage = sqlite3.DatabaseError("database disk image is malformed")
    damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    monkeypatch.setattr(saving, "MAX_ATTEMPTS", 1)
    monkeypatch.setattr(saving, "ATTEMPTS_TOGETHER", 0)
    break_saving({"Blue Pier 1"}, DatabaseError("insert", {}, damage))
    with pytest.raises(DatabaseError):
        work(database, blobs, monkeypatch)
    import_, names = read(database, organisation_id)
    assert (import_.state, names) == ("running", NAMES[:1])
    break_saving(())
    freeze_time(monkeypatch, now() + table.MAX_DELAY)
    work(database, blobs, monkeypatch)
    import_, names = read(database, organisation_id)
    assert (import_.state, import_.rejected, names) == ("done", 0, NAMES)
