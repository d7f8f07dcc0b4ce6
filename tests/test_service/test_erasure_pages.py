"""The pages that ask before something is erased: what is erased, what is kept, and which backups still contain it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from callers import make_browser, make_organisation, make_user, send
from flask import Flask
from portal import Portal, make_portal, run_jobs
from sheets import workbook
from stored_keys import SECRET_KEYS

from service.clock import now
from service.db.session import Database, open_engine
from service.db.tables import Base
from service.erasure.backups import record_backup
from service.journal import Journal
from service.settings import Settings
from service.wiring.app import create_app
from service.wiring.job_handlers import build_handlers

LIST = ("| Reference | Supplier | Country | Sector |", "|---|---|---|---|", "| S-1 | Hill Mill | TH | 1020 |")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder: Path = tmp_path_factory.mktemp("erasure")
    engine = open_engine(f"sqlite:///{folder / 'pages.db'}")
    Base.metadata.create_all(engine)
    yield create_app(Settings(data=folder, plain_http=True, backup_days=30), Database(engine, SECRET_KEYS))
    engine.dispose()


def make_office(app: Flask, name: str) -> tuple[str, Portal]:
    organisation_id = make_organisation(app.extensions["database"], name)
    return organisation_id, make_portal(app, organisation_id)


def test_an_import_is_erased_after_a_page_that_says_what_goes_and_what_stays(app: Flask):
    harbour, portal = make_office(app, "Harbour Foods")
    import_id = portal.import_file("list.xlsx", workbook(*LIST), kind="site", confirm="true")["id"]
    record_backup(Journal(app.extensions["settings"].backup_journal), Path("monday.tar.gz"), now())
    admin = make_browser(app, make_user(app.extensions["database"], harbour, "admin"))
    assert f"/imports/{import_id}/erase" in admin.get(f"/imports/{import_id}").get_data(as_text=True)
    page = admin.get(f"/imports/{import_id}/erase").get_data(as_text=True)
    assert "1 stored file will be deleted." in page
    assert "1 supplier or agency, with its answers and results" in page
    assert "1 backup will still contain this data until it is deleted on" in page
    assert "Also erase 1 supplier or agency that came only from this import" in page
    assert "monday.tar.gz" not in page  # where backups are is the operator's business
    officer = make_browser(app, make_user(app.extensions["database"], harbour, "officer"))
    assert f"/imports/{import_id}/erase" not in officer.get(f"/imports/{import_id}").get_data(as_text=True)

    assert send(admin, f"/imports/{import_id}/erase", suppliers="erase").status_code == 303
    blobs = app.extensions["blob_store"]
    run_jobs(app.extensions["database"], blobs, build_handlers(blobs))
    assert portal.get("/suppliers/S-1").status_code == 404
    assert admin.get(f"/imports/{import_id}").status_code == 404
    assert blobs.list_digests() == ()


def test_the_page_does_not_announce_the_deletion_of_files_that_are_no_longer_stored(app: Flask):
    harbour, portal = make_office(app, "Pier Foods")
    rows = ("| Case | About | Finding | Found on |", "|---|---|---|---|", "| C-1 | S-1 | violence | 2026-10-30 |")
    import_id = portal.import_file("cases.xlsx", workbook(*rows), kind="case", confirm="true")["id"]
    admin = make_browser(app, make_user(app.extensions["database"], harbour, "admin"))
    page = admin.get(f"/imports/{import_id}/erase").get_data(as_text=True)
    assert "No uploaded files are stored." in page
    assert "0 stored" not in page


def test_the_pages_for_suppliers_and_cases_show_a_preview_as_well(app: Flask):
    quay, portal = make_office(app, "Quay Trading")
    portal.put("/suppliers/S-1", {"name": "Hill Mill", "country": "TH", "sector": ["1020"]})
    finding = {"finding": "papers_held", "phase": "work", "source": "grievance"}
    case = portal.post(
        "/cases", {"number": "C-1", "linked_reference": "S-1", "findings": [finding]}, Idempotency_Key="k"
    )
    admin = make_browser(app, make_user(app.extensions["database"], quay, "admin"))
    supplier = portal.get("/suppliers/S-1").json["id"]
    page = admin.get(f"/suppliers/{supplier}/erase").get_data(as_text=True)
    assert "1 case record about this supplier will be deleted." in page
    assert "The content of 1 stored API response with this data will be deleted." in page
    assert "No recorded backup still contains this data." in page
    page = admin.get(f"/cases/{case.json['id']}/delete").get_data(as_text=True)
    assert "The case and its finding will be permanently deleted." in page
    assert "A person asked for it" in page
