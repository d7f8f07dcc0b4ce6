"""Test the sample list: loaded into an empty portfolio, and removed without touching what came from elsewhere."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import openpyxl
import pytest
from callers import make_organisation
from portal import run_jobs
from sheets import workbook
from sqlalchemy import select

from questionnaires.sheet import Limits
from service.blob_store import BlobStore
from service.cases import service as case_service
from service.clock import now, today
from service.db.case_tables import StoredCase
from service.db.import_tables import Import
from service.db.session import Database
from service.db.tables import AuditEvent, Supplier
from service.erasure.imports import ErasedImport
from service.erasure.organisation import count_rows
from service.errors import DomainError
from service.imports import receiving, sample
from service.suppliers import merging
from service.suppliers import repository as suppliers
from service.wiring.job_handlers import build_handlers

# What loads and removes it, an import and its erasure, is tested on both databases.
pytestmark = pytest.mark.suite("postgresql")

BY = "user:ana"
OWN_LIST = """
    | Reference | Name | Country | Sector |
    |---|---|---|---|
    | SAMPLE-001 | Fjordlykt Test Salmon | Norway | 0321 |
    | S-9 | Red Quay | Thailand | 1020 |
    """


@pytest.fixture
def harbour(database: Database) -> str:
    """Return an organisation without suppliers."""
    return make_organisation(database)


@pytest.fixture
def loaded(database: Database, blobs: BlobStore, harbour: str) -> Import:
    """Load the sample list into the organisation, and return its import."""
    import_ = sample.load_sample(database, blobs, harbour, BY)
    run_jobs(database, blobs)
    return import_


def remove(database: Database, blobs: BlobStore, harbour: str) -> ErasedImport:
    with database.for_organisation(harbour) as session:
        removal = sample.remove_sample(session, now(), BY)
    run_jobs(database, blobs, build_handlers(blobs))
    return removal


def list_references(database: Database, harbour: str) -> list[str]:
    with database.for_organisation(harbour, write=False) as session:
        return sorted(session.scalars(select(Supplier.reference)))


def test_the_sample_is_loaded_with_one_call_and_removed_without_a_trace(
    database: Database, blobs: BlobStore, harbour: str, loaded: Import
):
    references = list_references(database, harbour)
    assert len(references) > 20
    assert all(reference.startswith("SAMPLE-") for reference in references)
    removal = remove(database, blobs, harbour)
    assert (removal.erased, removal.kept) == (len(references), 0)
    with database.for_organisation(harbour, write=False) as session:
        assert count_rows(session, harbour).keys() <= {
            "audit_chain",
            "audit_event",
            "audit_link",
            "change",
            "job",
            "supplier_count",
        }
        actions = set(session.scalars(select(AuditEvent.action)))
        assert sample.list_sample_imports(session) == []
    assert {"sample.loaded", "sample.removed", "site.erased", "agency.erased"} <= actions
    assert not any(blobs.list_digests())


def test_every_name_in_the_sample_says_that_it_is_invented():
    book = openpyxl.load_workbook(sample.SAMPLE_LIST, read_only=True)
    titles = [str(next(sheet.iter_rows(values_only=True))[0]) for sheet in book]
    assert all("invented" in title or "fictional" in title for title in titles)


def test_the_sample_can_be_loaded_again_after_its_removal(
    database: Database, blobs: BlobStore, harbour: str, loaded: Import
):
    before = list_references(database, harbour)
    remove(database, blobs, harbour)
    again = sample.load_sample(database, blobs, harbour, BY)
    run_jobs(database, blobs)
    assert again.id != loaded.id
    assert list_references(database, harbour) == before


def test_loading_the_sample_twice_changes_nothing(database: Database, blobs: BlobStore, harbour: str, loaded: Import):
    assert sample.load_sample(database, blobs, harbour, BY).id == loaded.id


def test_several_who_load_the_sample_at_once_load_it_once(database: Database, blobs: BlobStore, harbour: str):
    start = Barrier(4)

    def load(_number: int) -> str:
        start.wait()
        return sample.load_sample(database, blobs, harbour, BY).id

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(load, range(4)))) == 1
    with database.for_organisation(harbour, write=False) as session:
        assert len(sample.list_sample_imports(session)) == 1


def test_the_sample_is_not_mixed_with_existing_suppliers(database: Database, blobs: BlobStore, harbour: str):
    save(database, harbour, {"reference": "S-1", "name": "Blue Pier Cannery", "country": "TH"})
    with pytest.raises(DomainError) as refused:
        sample.load_sample(database, blobs, harbour, BY)
    assert refused.value.code == "sample.not_empty"


def test_the_sample_is_not_removed_while_it_is_being_loaded(database: Database, blobs: BlobStore, harbour: str):
    sample.load_sample(database, blobs, harbour, BY)
    with pytest.raises(DomainError) as refused:
        remove(database, blobs, harbour)
    assert refused.value.code == "sample.loading"


def save(database: Database, harbour: str, answers: dict, cause: str = "api") -> str:
    """Save a site and return its id."""
    with database.for_organisation(harbour) as session:
        return suppliers.save_supplier(session, "site", answers, now().date(), now(), BY, cause)[0].id


def test_a_supplier_of_the_sample_that_was_uploaded_as_well_stays(
    database: Database, blobs: BlobStore, harbour: str, loaded: Import
):
    files = [("own.xlsx", workbook(OWN_LIST))]
    receiving.receive_upload(database, blobs, harbour, files, {"confirm": True}, BY, Limits())
    run_jobs(database, blobs)
    assert remove(database, blobs, harbour).kept == 1
    assert list_references(database, harbour) == ["S-9", "SAMPLE-001"]


def test_a_supplier_of_the_sample_that_the_api_changed_stays(
    database: Database, blobs: BlobStore, harbour: str, loaded: Import
):
    save(database, harbour, {"reference": "SAMPLE-001", "name": "Blue Pier Foods", "country": "TH"})
    remove(database, blobs, harbour)
    assert list_references(database, harbour) == ["SAMPLE-001"]


def test_a_supplier_of_the_sample_that_was_only_reassessed_is_removed(
    database: Database, blobs: BlobStore, harbour: str, loaded: Import
):
    with database.for_organisation(harbour) as session:
        ids = session.scalars(select(Supplier.id)).all()
        suppliers.reassess(session, ids, now().date(), now(), BY)
    remove(database, blobs, harbour)
    assert list_references(database, harbour) == []


def test_a_supplier_that_a_supplier_of_the_sample_was_merged_into_stays(
    database: Database, blobs: BlobStore, harbour: str, loaded: Import
):
    own = save(database, harbour, {"reference": "S-1", "name": "Blue Pier Foods", "country": "TH"})
    with database.for_organisation(harbour) as session:
        merged = suppliers.get_supplier(session, "site", "SAMPLE-001")
        merging.merge_suppliers(session, merged, session.get_one(Supplier, own), now(), BY)
    remove(database, blobs, harbour)
    assert list_references(database, harbour) == ["S-1"]


def test_a_case_record_about_a_supplier_of_the_sample_stays(
    database: Database, blobs: BlobStore, harbour: str, loaded: Import
):
    answers = {"case_id": "C-1", "linked_reference": "SAMPLE-001", "nationality": "MM"}
    finding = {"finding": "papers_held", "phase": "work"}
    with database.for_organisation(harbour) as session:
        case = case_service.open_case(session, answers, [finding], today("UTC"), now(), BY)
        assert case.supplier_id is not None
    remove(database, blobs, harbour)
    with database.for_organisation(harbour, write=False) as session:
        assert session.scalars(select(StoredCase.supplier_id)).all() == [None]


def test_the_sample_of_another_organisation_stays(database: Database, blobs: BlobStore, harbour: str, loaded: Import):
    quay = make_organisation(database, "Quay Textiles")
    sample.load_sample(database, blobs, quay, BY)
    run_jobs(database, blobs)
    remove(database, blobs, harbour)
    assert len(list_references(database, quay)) > 20
    remove(database, blobs, quay)
    assert list_references(database, quay) == []
