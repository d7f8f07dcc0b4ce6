"""A worker is killed (SIGKILL) at any write of an erasure: it is complete or goes on, and never said to be complete before."""

import pytest
from callers import make_organisation
from examples import TIMES
from full_organisation import create_full_organisation, read_all_rows
from mortal_worker import mortal
from sqlalchemy import select

from service.blob_store.folder import FolderStore
from service.clock import now
from service.db.import_tables import Import, Upload
from service.db.session import Database
from service.db.tables import AuditEvent, Erasure, Organisation, Supplier
from service.erasure.erase import erase_suppliers
from service.erasure.imports import erase_import
from service.erasure.organisation import begin_erasure
from service.erasure.record import COMPLETED, list_erasures
from service.journal import Journal
from service.suppliers import repository as suppliers

EVERY = 80 if TIMES == 1 else 1  # of the writes of an erasure, so many are skipped in the suite: none with --long
GROWING = ("erasure", "heartbeat", "system_event")  # tables in which an erasure leaves something
BY = "user:1"
NAME = "Quokkavale"


def list_erased_organisations(database: Database) -> set[str]:
    with database.unscoped(write=False) as session:
        return set(session.scalars(select(Erasure.organisation_id)))


def read_journal(blobs: FolderStore) -> list[str]:
    return [erasure.object_id for erasure in list_erasures(Journal(blobs.folder.parent / "erasures.jsonl"))]


@pytest.mark.fault
@pytest.mark.suite("sqlite")
def test_an_organisation_whose_erasure_is_killed_at_any_write_is_erased_by_the_next_worker(
    database: Database, blobs: FolderStore
):
    other = create_full_organisation(database, blobs, "Hill Builders")
    kill = mortal(database, blobs.folder)
    assert kill("never") == "ended"  # nothing of the others is left to do
    others, files = read_all_rows(database), blobs.list_digests()
    number, outcome = 1, "killed"
    while outcome == "killed":
        organisation_id = create_full_organisation(database, blobs, NAME, f"list {number}".encode())
        with database.for_organisation(organisation_id) as session:
            begin_erasure(session, organisation_id, BY)
        outcome = kill(f"write {number}")
        is_erased = organisation_id in list_erased_organisations(database)
        with database.unscoped(write=False) as session:
            assert (session.get(Organisation, organisation_id) is None) == is_erased, number
        assert not is_erased or blobs.list_digests() == files, number
        if outcome == "killed":
            assert kill("never") == "ended"
        rows = read_all_rows(database)
        assert {name: stored for name, stored in rows.items() if name not in GROWING} == {
            name: stored for name, stored in others.items() if name not in GROWING
        }, number
        assert organisation_id in list_erased_organisations(database)
        assert NAME not in repr(rows)
        assert blobs.list_digests() == files
        assert read_journal(blobs)[-1] == organisation_id
        number += EVERY
    assert number > 50
    assert other not in list_erased_organisations(database)


@pytest.mark.fault
@pytest.mark.suite("sqlite")
@pytest.mark.parametrize("what", ["supplier", "import"])
def test_an_erasure_killed_at_any_write_of_its_job_is_said_to_be_complete_once_it_is(
    database: Database, blobs: FolderStore, what: str
):
    kill = mortal(database, blobs.folder)
    number, outcome = 1, "killed"
    while outcome == "killed":
        organisation_id, object_id = erase_one(database, blobs, what, f"Killed at write {number}")
        outcome = kill(f"write {number}")
        if COMPLETED in list_actions(database, organisation_id, object_id):
            assert blobs.list_digests() == ()
            assert object_id in read_journal(blobs)
        while COMPLETED not in list_actions(database, organisation_id, object_id):
            assert kill("never") == "ended"
        assert blobs.list_digests() == ()
        assert object_id in read_journal(blobs)
        number += 1
    assert number > 4


def list_actions(database: Database, organisation_id: str, object_id: str) -> list[str]:
    with database.for_organisation(organisation_id, write=False) as session:
        return list(session.scalars(select(AuditEvent.action).where(AuditEvent.object_id == object_id)))


def erase_one(database: Database, blobs: FolderStore, what: str, name: str) -> tuple[str, str]:
    """Erase a supplier or an import with a file, in an organisation of its own; return the ids of both."""
    organisation_id = make_organisation(database, name)
    with database.for_organisation(organisation_id) as session:
        answers = {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}
        upload = Upload(name="a.xlsx", sha256=blobs.put(name.encode()), size=1, created_by=BY, created_at=now())
        session.add(upload)
        session.flush()
        fields = {"uploads": [upload.id], "choices": {}, "created_by": BY, "created_at": now()}
        import_ = Import(state="done", found={"files": []}, **fields)
        session.add(import_)
        session.flush()
        origin = suppliers.Origin(now().date(), now(), BY, "import", import_.id)
        suppliers.save_suppliers(session, "site", [suppliers.IncomingSupplier(answers)], origin)
        supplier = session.scalars(select(Supplier)).one()
        if what == "import":
            erase_import(session, import_, now(), BY)
            return organisation_id, import_.id
        erase_suppliers(session, [supplier], now(), BY)
        return organisation_id, supplier.id
