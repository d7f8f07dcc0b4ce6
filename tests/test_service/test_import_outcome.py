"""Test what the page of a finished import counts: suppliers, case records, the buyer's own units, and rows not used."""

from pathlib import Path

from callers import make_organisation
from portal import run_jobs

from questionnaires.sheet import Limits
from service.blob_store import BlobStore
from service.blob_store.folder import FolderStore
from service.db.import_tables import Import
from service.db.session import Database
from service.imports import receiving
from service.imports.outcome import Outcome, count_outcome

DEMO = ("seafood_and_construction_buyer.xlsx", "case_records.xlsx", "own_practices.xlsx")


def import_files(database: Database, blobs: BlobStore, organisation: str, *names: str) -> Outcome:
    files = [(name, (Path("demo") / name).read_bytes()) for name in names]
    choices = {"confirm": True}
    import_ = receiving.receive_upload(
        database, blobs, organisation, files, choices, "user:ana", Limits(), may_bring_cases=True
    )
    run_jobs(database, blobs)
    with database.for_organisation(organisation, write=False) as session:
        return count_outcome(session, session.get_one(Import, import_.id))


def test_suppliers_case_records_and_own_units_are_counted_separately(database: Database, tmp_path: Path):
    blobs, organisation = FolderStore(tmp_path / "blobs"), make_organisation(database)
    assert import_files(database, blobs, organisation, *DEMO) == Outcome(
        suppliers=31, case_records=3, own_units=2, unused_rows=1
    )


def test_an_import_counts_only_what_it_brought(database: Database, tmp_path: Path):
    blobs, organisation = FolderStore(tmp_path / "blobs"), make_organisation(database)
    import_files(database, blobs, organisation, *DEMO)
    assert import_files(database, blobs, organisation, DEMO[2]) == Outcome(0, 0, 2, 0)
