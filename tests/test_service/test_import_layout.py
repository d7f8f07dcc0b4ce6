"""What a person may say of the sheets, tables, columns and rows of an import in progress, and what is read then."""

import pytest
from callers import make_organisation
from flask import Flask
from portal import Portal, make_portal
from workbooks import TWO_TABLES, build_workbook

from service.db.session import Database


@pytest.fixture
def portal(app: Flask, database: Database) -> Portal:
    return make_portal(app, make_organisation(database))


def send(portal: Portal, data: bytes, **fields: str) -> str:
    """Upload a workbook, and return the address of its layout."""
    sent = portal.import_file("list.xlsx", data, confirm="false", **fields)
    return f"/imports/{sent['id']}/layout"


def change(portal: Portal, address: str, sheet: str, **changes: object) -> None:
    body = {"sheets": [{"file": "list.xlsx", "sheet": sheet, **changes}]}
    response = portal.call("PATCH", address, json=body)
    assert response.status_code == 202, response.json
    portal.work()
    assert portal.get(address).json["problem"] is None


def get_sheet(portal: Portal, address: str, number: int = 0) -> dict:
    return portal.get(address).json["sheets"][number]


def list_questions(table: dict) -> list[str | None]:
    return [column["question"] for column in table["columns"]]


def list_names(portal: Portal, address: str) -> set[str]:
    """Confirm an import, and return the names of all suppliers then."""
    assert portal.post(f"{address.removesuffix('/layout')}/confirm", {}).status_code == 202
    portal.work()
    return {line["name"] for line in portal.get("/suppliers").json["items"]} | {
        line["name"] for line in portal.get("/agencies").json["items"]
    }


def test_each_table_of_a_sheet_is_changed_on_its_own(portal: Portal):
    address = send(portal, build_workbook(Both=TWO_TABLES))
    first, second = get_sheet(portal, address)["tables"]
    assert (first["kinds"], second["kinds"]) == (["site"], ["agency"])
    assert (second["header_rows"], list_questions(second)[:2]) == ([5, 5], ["name", "country"])
    change(portal, address, "Both", tables=[{"table": 1, "columns": {"0": "", "2": "name"}}])
    first, second = get_sheet(portal, address)["tables"]
    assert list_questions(first)[:2] == ["name", "country"]
    assert list_questions(second) == [None, "country", "name"]
    assert [column["origin"] for column in second["columns"]] == ["chosen", "detected", "chosen"]
    assert list_names(portal, address) == {"Alder Nets", "Kite Ltd", "Linden Ltd"}


def test_under_other_headers_the_rows_of_a_table_are_found_anew(portal: Portal):
    rows = [["Supplier", "Country"], ["Code", "Land"], ["Alder Nets", "Norway"], ["Total", ""], ["Birch Foods", "Peru"]]
    address = send(portal, build_workbook(List=rows))
    change(portal, address, "List", tables=[{"table": 0, "header_rows": [2, 2], "columns": {"0": "name"}}])
    sheet = get_sheet(portal, address)
    assert (sheet["header_rows"], sheet["columns"][0]["header"]) == ([2, 2], "Code")
    assert {group["reason"] for group in sheet["left_out"]} == {"title", "subtotal"}
    assert list_names(portal, address) == {"Alder Nets", "Birch Foods"}


def test_a_row_that_was_left_out_is_read_and_can_be_left_out_again(portal: Portal):
    address = send(portal, build_workbook(Both=TWO_TABLES))
    (subtotal,) = get_sheet(portal, address)["left_out"]
    assert (subtotal["reason"], subtotal["rows"], subtotal["can_be_read"]) == ("subtotal", [[3, 3]], True)
    assert subtotal["examples"] == [{"row": 3, "text": "Subtotal Norway"}]
    change(portal, address, "Both", read_rows=[3])
    assert get_sheet(portal, address)["left_out"] == []
    assert get_sheet(portal, address)["read_rows"] == [[3, 3]]
    change(portal, address, "Both", read_rows=[], left_out=[6])
    left_out = {group["reason"]: group["rows"] for group in get_sheet(portal, address)["left_out"]}
    assert left_out == {"subtotal": [[3, 3]], "chosen": [[6, 6]]}
    assert list_names(portal, address) == {"Alder Nets", "Linden Manpower"}


def test_a_hidden_sheet_is_read_and_another_is_not_if_the_sender_says_so(portal: Portal):
    data = build_workbook(New=[["Supplier"], ["Alder Nets"]], Old=[["Supplier"], ["Birch Foods"]])
    address = send(portal, data)
    assert [sheet["read"] for sheet in portal.get(address).json["sheets"]] == [True, False]
    body = [{"file": "list.xlsx", "sheet": name, "read": name == "Old"} for name in ("New", "Old")]
    assert portal.call("PATCH", address, json={"sheets": body}).status_code == 202
    portal.work()
    assert [sheet["read"] for sheet in portal.get(address).json["sheets"]] == [False, True]
    assert list_names(portal, address) == {"Birch Foods"}


def test_what_is_said_of_a_sheet_goes_before_what_is_said_of_all(portal: Portal):
    rows = [["Supplier"], ["Alder Nets"]]
    address = send(portal, build_workbook(One=rows, Two=rows), default_country="NO")
    change(portal, address, "Two", country="PE")
    assert [sheet["country"] for sheet in portal.get(address).json["sheets"]] == ["NO", "PE"]
    portal.post(f"{address.removesuffix('/layout')}/confirm", {"default_country": "SE"})
    portal.work()
    assert [sheet["country"] for sheet in portal.get(address).json["sheets"]] == ["SE", "PE"]


LIST = "Supplier,City,Country,Contact person\nAlder Nets,Cantù,Italy,Ugo Cantù\n".encode("cp1252")


def test_a_text_file_in_one_of_two_encodings_waits_until_somebody_says_which(portal: Portal):
    sent = portal.import_file("list.csv", LIST, confirm="false")
    assert (sent["state"], sent["problem"]["code"]) == ("needs_layout", "csv.encoding_unclear")
    address = f"/imports/{sent['id']}/layout"
    sheet = get_sheet(portal, address)
    assert sheet["encoding"] is None
    assert {one["encoding"]: one["words"] for one in sheet["encodings"]} == {"cp1252": ["Cantù"], "cp1250": ["Cantů"]}
    assert "Ugo" not in portal.get(address).text
    assert portal.post(f"/imports/{sent['id']}/confirm", {}).status_code == 409
    refused = portal.call("PATCH", address, json=choose("cp1251"))
    assert (refused.status_code, refused.json["code"]) == (422, "layout.encoding")
    for encoding, city in (("cp1252", "Cantù"), ("cp1250", "Cantů")):
        assert portal.call("PATCH", address, json=choose(encoding)).status_code == 202
        portal.work()
        assert portal.get(address).json["state"] == "previewed"
        sheet = get_sheet(portal, address)
        assert (sheet["encoding"], sheet["first_rows"][1]["cells"][1]) == (encoding, city)
    assert list_names(portal, address) == {"Alder Nets"}


def choose(encoding: str) -> dict:
    return {"sheets": [{"file": "list.csv", "sheet": "list", "encoding": encoding}]}


def test_a_choice_for_one_column_leaves_the_question_about_another_open(portal: Portal):
    rows = [["Supplier", "Where", "Registrotion number"], ["Alder Nets", "Trat", "A-17"]]
    address = send(portal, build_workbook(List=rows))
    assert get_sheet(portal, address)["columns"][2]["confidence"] == "ask"
    change(portal, address, "List", columns={"1": "city"})
    misspelt = get_sheet(portal, address)["columns"][2]
    assert (misspelt["proposed"], misspelt["origin"]) == ("registration_number", "detected")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"tables": [{"table": 7, "columns": {"0": "name"}}]}, "layout.table"),
        ({"tables": [{"table": 0, "header_rows": [3, 2]}]}, "layout.header_row"),
        ({"columns": {"40": "name"}}, "layout.column"),
        ({"columns": {"0": "colour"}}, "layout.question"),
        ({"country": "XX"}, "layout.country"),
        ({"left_out": [2_000_000]}, "layout.row"),
    ],
)
def test_what_cannot_be_said_of_a_sheet_is_refused(portal: Portal, said: dict[str, object], code: str):
    address = send(portal, build_workbook(Both=TWO_TABLES))
    body = {"sheets": [{"file": "list.xlsx", "sheet": "Both", **said}]}
    response = portal.call("PATCH", address, json=body)
    assert (response.status_code, response.json["code"]) == (422, code)


def test_a_list_without_headers_loses_no_row(portal: Portal):
    rows = [["Alder Nets", "Norway", "12"], ["Birch Foods", "Peru", "many"]]
    address = send(portal, build_workbook(List=rows))
    questions = {"0": "name", "1": "country", "2": "workers_total"}
    change(portal, address, "List", tables=[{"table": 0, "header_rows": [0, 0], "columns": questions}])
    (table,) = get_sheet(portal, address)["tables"]
    assert [column["header"] for column in table["columns"]] == ["Column A", "Column B", "Column C"]
    assert (table["header_rows"], table["rows"], list_questions(table)) == ([0, 0], 2, [*questions.values()])
    issues = portal.get(address.removesuffix("/layout")).json["issues"]
    assert ("number.invalid", ["C2"]) in [(issue["code"], issue["cells"]) for issue in issues]
    assert list_names(portal, address) == {"Alder Nets", "Birch Foods"}


def test_what_the_columns_of_a_list_without_headers_are_is_not_remembered_for_the_next(portal: Portal):
    rows = [["Alder Nets", "Norway"], ["Birch Foods", "Peru"]]
    address = send(portal, build_workbook(List=rows))
    change(portal, address, "List", tables=[{"table": 0, "header_rows": [0, 0], "columns": {"0": "name"}}])
    assert list_names(portal, address) == {"Alder Nets", "Birch Foods"}
    assert portal.get("/column-mappings").json["items"] == []
