"""Personal data in uploaded files, and in the names of files and sheets, reaches neither rows, files, issues nor pages."""

from io import BytesIO

import pytest
from callers import make_browser, make_organisation, make_user
from flask import Flask
from full_organisation import read_all_rows
from openpyxl import load_workbook
from portal import Portal, make_portal
from sheets import workbook
from sqlalchemy import select

from questionnaires.sheet import decode_sheets
from service.blob_store.folder import FolderStore
from service.db.import_tables import Upload
from service.db.session import Database

SITES = ("| Reference | Supplier | Country | Sector |", "|---|---|---|---|", "| S-1 | Blue Pier | TH | 1020 |")
WORKERS = (
    "| Reference | Supplier | Country | Sector | Passport number |",
    "|---|---|---|---|---|",
    "| S-1 | Blue Pier | TH | 1020 | MB1234567 |",
    "| S-2 | Red Pier | TH | 1020 | P7654321 |",
)


@pytest.fixture
def organisation(database: Database) -> str:
    return make_organisation(database)


@pytest.fixture
def portal(app: Flask, organisation: str) -> Portal:
    return make_portal(app, organisation)


def read_stored(portal: Portal) -> str:
    """Everything that is stored: rows and files."""
    blobs: FolderStore = portal.app.extensions["blob_store"]
    files = [blobs.get(digest) for digest in blobs.list_digests()]
    return repr(read_all_rows(portal.app.extensions["database"])) + repr(files)


def test_the_names_of_a_file_and_a_sheet_that_contain_a_person_are_replaced(portal: Portal):
    data = workbook(*SITES, name="Maria Santos")
    done = portal.import_file("Maria Santos passport.xlsx", data, kind="site", confirm="true")
    assert (done["state"], done["files"][0]["name"], done["files"][0]["sheets"][0]["name"]) == (
        "done",
        "file 1.xlsx",
        "sheet 1",
    )
    assert "Santos" not in read_stored(portal)
    assert portal.get("/suppliers/S-1").json["name"] == "Blue Pier"


def test_the_problem_of_a_refused_file_does_not_repeat_its_name(portal: Portal):
    people = workbook("| Name | Date of birth |", "| Ana Lim | 1998-05-12 |", name="Maria Santos")
    refused = portal.import_file("Maria Santos.xlsx", people)
    assert refused["state"] == "refused"
    assert "Santos" not in repr(refused)
    assert "Santos" not in read_stored(portal)
    assert portal.app.extensions["blob_store"].list_digests() == ()


def test_an_option_that_names_a_sheet_after_a_person_is_refused(portal: Portal):
    refused = portal.send("list.xlsx", workbook(*SITES, name="Maria Santos"), sheet="Maria Santos")
    assert (refused.status_code, refused.json["code"]) == (422, "sheet.person_name")
    assert "Santos" not in refused.json["detail"]


def test_a_column_of_personal_data_is_reported_by_the_api_and_the_page_and_stored_nowhere(
    portal: Portal, organisation: str
):
    done = portal.import_file("list.xlsx", workbook(*WORKERS), kind="site", confirm="true")
    (issue,) = [issue for issue in done["issues"] if issue["code"] == "person.column"]
    assert (issue["header"], issue["seen"]) == ("Passport number", "identity document numbers")
    assert (done["state"], done["accepted"]) == ("done", 2)
    assert "MB1234567" not in repr(done) + read_stored(portal)
    admin = make_browser(portal.app, make_user(portal.app.extensions["database"], organisation, "admin"))
    page = admin.get(f"/imports/{done['id']}").get_data(as_text=True)
    assert "identity document numbers" in page
    assert "Passport number" in page
    assert "MB1234567" not in page


def test_a_returned_form_that_is_stored_without_personal_data_keeps_its_request_and_its_reference(portal: Portal):
    portal.put("/suppliers/S-1", {"name": "Blue Pier", "country": "TH", "sector": ["1020"]})
    sent = portal.post("/suppliers/S-1/questionnaires", {"form": "site", "sent_to": "the desk"})
    book = load_workbook(BytesIO(portal.get(sent.location.removeprefix("/api/v1")).get_data()))
    sheet = book.worksheets[1]
    sheet.cell(2, sheet.max_column + 1, "Worker name")
    sheet.cell(3, sheet.max_column, "Somchai Jaidee")
    buffer = BytesIO()
    book.save(buffer)
    done = portal.import_file("back.xlsx", buffer.getvalue(), confirm="true")
    assert done["state"] == "done", done
    assert "person.column" in [issue["code"] for issue in done["issues"]]
    with portal.app.extensions["database"].unscoped(write=False) as session:
        upload = session.scalars(select(Upload)).one()
    (stored,) = decode_sheets(portal.app.extensions["blob_store"].get(upload.sha256), upload.name)
    assert (stored.request_id, stored.request_reference) == (sent.json["id"], "S-1")
    (request,) = portal.get("/suppliers/S-1/questionnaires").json["items"]
    assert request["returned_on"] is not None
