"""Corrections of values in an import in progress, and the complete list of its issues."""

import csv
from io import StringIO

import pytest
from callers import make_organisation
from flask import Flask
from portal import Portal, make_portal

from service.db.session import Database

ROWS = b"Supplier,Country,Total workers\n" + b"".join(
    f"Mill {number},{'Atlantis' if number % 2 else 'Vietnm'},{number}\n".encode() for number in range(1, 17)
)


@pytest.fixture
def portal(app: Flask, database: Database) -> Portal:
    return make_portal(app, make_organisation(database))


def send(portal: Portal, rows: bytes) -> str:
    """Upload a list, and return the address of its import."""
    return f"/imports/{portal.import_file('list.csv', rows, confirm='false')['id']}"


def correct(portal: Portal, address: str, *corrections: tuple[str, str]) -> dict:
    """Replace the corrections of the country, and return the import once it was read again."""
    sheet = portal.get(f"{address}/layout").json["sheets"][0]
    said = [{"question": "country", "seen": seen, "text": text} for seen, text in corrections]
    body = {"sheets": [{"file": "list.csv", "sheet": sheet["sheet"], "corrections": said}]}
    assert portal.call("PATCH", f"{address}/layout", json=body).status_code == 202
    portal.work()
    return portal.get(address).json


def find_issue(found: dict, code: str) -> dict | None:
    return next((issue for issue in found["issues"] if issue["code"] == code), None)


def test_a_value_is_corrected_in_all_its_cells_and_taken_back(portal: Portal):
    address = send(portal, ROWS)
    found = portal.get(address).json
    unknown = find_issue(found, "country.unknown")
    assert (found["rejected"], unknown["seen"], unknown["count"], unknown["question"]) == (8, "Atlantis", 8, "country")
    corrected = correct(portal, address, ("Atlantis", "Norway"))
    told = find_issue(corrected, "cell.corrected")
    assert (corrected["rejected"], told["severity"], told["count"], told["expected"]) == (0, "info", 8, "Norway")
    assert find_issue(corrected, "country.unknown") is None
    assert correct(portal, address)["rejected"] == 8
    correct(portal, address, ("Atlantis", "Peru"))
    portal.post(f"{address}/confirm", {})
    portal.work()
    assert {line["country"] for line in portal.get("/suppliers").json["items"]} == {"PE", "VN"}


def test_an_issue_suggests_what_the_sender_may_have_meant(portal: Portal):
    unknown = find_issue(
        portal.get(send(portal, b"Supplier,Country\nMill,Austrlia\nPier,NO\n")).json, "country.unknown"
    )
    assert set(unknown["suggestions"]) == {"Australia", "Austria"}


def test_values_can_be_corrected_also_when_no_row_can_be_used(portal: Portal):
    address = send(portal, b"Supplier,Country\nMill,Atlantis\nPier,Atlantis\n")
    assert portal.get(address).json["state"] == "needs_layout"
    corrected = correct(portal, address, ("Atlantis", "Norway"))
    assert (corrected["state"], corrected["accepted"]) == ("previewed", 2)


def test_names_are_never_replaced(portal: Portal):
    address = send(portal, ROWS)
    sheet = portal.get(f"{address}/layout").json["sheets"][0]["sheet"]
    said = [{"question": "name", "seen": "Mill 1", "text": "Mill 2"}]
    body = {"sheets": [{"file": "list.csv", "sheet": sheet, "corrections": said}]}
    refused = portal.call("PATCH", f"{address}/layout", json=body)
    assert (refused.status_code, refused.json["code"]) == (422, "correction.question")


@pytest.mark.parametrize("rows", [ROWS, ROWS.replace(b"Vietnm", b"Narnia")], ids=["some rows", "no row"])
def test_the_list_of_issues_names_every_cell_also_when_no_row_can_be_used(portal: Portal, rows: bytes):
    address = send(portal, rows)
    response = portal.get(f"{address}/issues.csv")
    assert response.mimetype == "text/csv"
    lines = list(csv.DictReader(StringIO(response.data.decode("utf-8-sig"))))
    unknown = next(line for line in lines if line["seen"] == "Atlantis")
    assert unknown["cells"].split() == [f"B{row}" for row in range(2, 18, 2)]
    groups = {group["code"]: group for group in portal.get(address).json["issue_groups"]}
    assert groups["country.unknown"]["cells"] == (8 if rows == ROWS else 16)
