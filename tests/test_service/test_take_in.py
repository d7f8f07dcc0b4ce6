"""From the files of a sender to answers: which sheets are read, as what, what counts, and what the sender is told of the rest."""

import hashlib
import io
from datetime import date, datetime

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900

from questionnaires.form import load_form
from questionnaires.workbook import build_template
from service.imports.pipeline import Choices, NoUsableRows, ParsedUpload, SheetMap, parse_files
from tests.sheets import saved, text, workbook

ON = date(2026, 11, 27)
SITES = "| Supplier | Country | Sector |\n| Blue Pier Cannery | TH | 1020 |\n| Red Quay Foods | VN | 1020 |"
AGENCIES = "| Agency | Country | Licence no. |\n| Kite Placement | NP | L-1 |"
CASES = (
    "| Case | Reference of site or agency | Adults or children | Finding | Phase | Source | Date |\n"
    "| C-1 | {reference} | Adults | Papers held by someone else | at work | NGO | 2026-10-01 |"
)


def read(*files: tuple[str, bytes], **choices: object) -> ParsedUpload:
    return parse_files(files, Choices(**choices), ON)


def codes(found: ParsedUpload | NoUsableRows) -> list[str]:
    return [issue.code for issue in found.issues]


def names(found: ParsedUpload) -> list[list[str]]:
    """The names in each batch."""
    return [[str(row["name"]) for row in batch.answers.rows()] for batch in found.batches]


def with_a_hidden_sheet(state: str) -> bytes:
    """A workbook of two sites, and a sheet of three that nobody sees."""
    book = openpyxl.load_workbook(io.BytesIO(workbook(SITES)))
    hidden = book.create_sheet("Last year")
    for row in (["Supplier", "Country"], ["Old Pier", "TH"], ["Old Quay", "VN"], ["Old Wharf", "MY"]):
        hidden.append(row)
    hidden.sheet_state = state
    return saved(book)


# ---------------------------------------------------------------- which sheets are read


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_a_hidden_sheet_is_no_data_and_the_sender_is_told(state: str) -> None:
    found = read(("list.xlsx", with_a_hidden_sheet(state)))
    assert names(found) == [["Blue Pier Cannery", "Red Quay Foods"]]
    assert found.received["rows"] == 2
    assert [(issue.code, issue.sheet) for issue in found.issues] == [("sheet.hidden", "Last year")]


def test_a_hidden_sheet_is_read_where_the_sender_names_it() -> None:
    found = read(("list.xlsx", with_a_hidden_sheet("hidden")), sheet="Last year", kind="site")
    assert names(found) == [["Old Pier", "Old Quay", "Old Wharf"]]
    assert "sheet.hidden" not in codes(found)


def test_a_workbook_in_which_all_is_hidden_but_a_cover_scores_nobody() -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook(SITES, Cover="| Our suppliers |")))
    book["Suppliers"].sheet_state = "hidden"
    with pytest.raises(NoUsableRows):
        read(("list.xlsx", saved(book)))


def test_a_sheet_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(NoUsableRows, match=r"'Suppliers'") as nothing:
        read(("list.xlsx", workbook(SITES)), sheet="Sites")
    assert codes(nothing.value) == ["sheet.unknown"]


def test_a_cover_beside_a_table_is_passed_over_and_told() -> None:
    found = read(("list.xlsx", workbook(SITES, Cover="| Our suppliers |\n| as of May |")))
    assert len(found.batches) == 1
    assert [(issue.code, issue.sheet) for issue in found.issues] == [("sheet.no_table", "Cover")]


def test_sheets_of_sites_and_of_agencies_in_one_workbook_are_each_read_as_what_they_are() -> None:
    found = read(("list.xlsx", workbook(SITES, Agencies=AGENCIES)))
    assert [(batch.kind, batch.sheet) for batch in found.batches] == [("site", "Suppliers"), ("agency", "Agencies")]


def test_the_sender_may_say_what_the_rows_are() -> None:
    found = read(("list.csv", text("| Name | Country |\n| Kite | NP |")), kind="agency")
    assert [batch.kind for batch in found.batches] == ["agency"]


def test_of_a_form_of_ours_the_sheet_for_answers_alone_is_read() -> None:
    book = openpyxl.load_workbook(io.BytesIO(build_template(load_form("agency"))))
    sheet = book["Agencies"]
    at = {cell.value: cell.column for cell in sheet[2]}
    sheet.cell(3, at["Agency name"], "Kite Placement")
    sheet.cell(3, at["Country of establishment"], "Nepal")
    book.create_sheet("Notes").append(["Supplier", "Country"])
    book["Notes"].append(["Blue Pier Cannery", "TH"])
    found = read(("form.xlsx", saved(book)))
    assert (names(found), codes(found)) == ([["Kite Placement"]], [])


# ---------------------------------------------------------------- what counts


def test_batches_stand_in_the_order_of_the_files_and_their_rows_as_in_the_sheets() -> None:
    found = read(("b.xlsx", workbook(SITES)), ("a.csv", text("| Agency | Country |\n| Fern Crew | NP |")))
    assert [(batch.file, batch.kind, batch.rows.tolist()) for batch in found.batches] == [
        ("b.xlsx", "site", [2, 3]),
        ("a.csv", "agency", [2]),
    ]


def test_every_row_of_every_file_is_counted_as_accepted_or_rejected() -> None:
    good, mixed = workbook(SITES), workbook("| Supplier | Country |\n| A | TH |\n| B | Narnia |\n| C | |")
    found = read(("good.xlsx", good), ("mixed.xlsx", mixed))
    assert {name: found.received[name] for name in ("rows", "accepted", "rejected")} == {
        "rows": 5,
        "accepted": 4,
        "rejected": 1,
    }
    assert [(file["name"], file["rows"], file["accepted"], file["rejected"]) for file in found.files] == [
        ("good.xlsx", 2, 2, 0),
        ("mixed.xlsx", 3, 2, 1),
    ]


def test_a_file_is_named_by_its_digest_with_its_columns_and_those_that_nobody_reads() -> None:
    data = workbook("| Supplier | Country | Colour |\n| A | TH | red |")
    (file,) = read(("list.xlsx", data)).received["files"]
    assert file["sha256"] == hashlib.sha256(data).hexdigest()
    assert file["sheets"] == [
        {
            "name": "Suppliers",
            "kind": "site",
            "header_row": 1,
            "rows": 1,
            "columns": {"name": "Supplier", "country": "Country"},
            "unmapped": ["Colour"],
        }
    ]


def test_the_issues_of_a_file_are_in_the_contract_as_they_are_in_values() -> None:
    found = read(("list.xlsx", workbook("| Supplier | Country |\n| A | TH |\n| B | Narnia |")))
    assert found.received["issues"] == [issue.to_dict() for issue in found.issues]
    assert ("country.unknown", "list.xlsx", "B3") in {(i.code, i.file, i.cell) for i in found.issues}


def test_progress_names_each_file_as_it_is_read() -> None:
    heard: list[str] = []
    parse_files([("a.xlsx", workbook(SITES)), ("b.xlsx", workbook(SITES))], Choices(), ON, heard.append)
    assert heard == ["reading a.xlsx", "reading b.xlsx"]


def test_rows_of_one_supplier_in_two_files_are_told_to_be_one() -> None:
    row = "| Reference | Supplier | Country | Sector |\n| S-1 | Blue Pier Cannery | TH | 1020 |"
    found = read(("a.xlsx", workbook(row)), ("b.xlsx", workbook(row)))
    assert codes(found) == ["row.same_supplier"]
    assert found.received["accepted"] == 2


@pytest.mark.parametrize("epoch", [CALENDAR_WINDOWS_1900, CALENDAR_MAC_1904])
@pytest.mark.parametrize("day", [date(2026, 3, 1), date(2024, 2, 29), date(2025, 12, 31)])
def test_a_day_in_a_workbook_is_the_day_that_is_read_by_either_count_of_days(epoch: datetime, day: date) -> None:
    book = openpyxl.Workbook()
    book.epoch = epoch
    for row in (["Supplier", "Country", "Evidence date"], ["Blue Pier Cannery", "TH", day]):
        book.active.append(row)
    (answers,) = read(("list.xlsx", saved(book)), kind="site").batches[0].answers.rows()
    assert answers["evidence_date"] == day.isoformat()


# ---------------------------------------------------------------- what cannot be used


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_scored() -> None:
    found = read(("broken.xlsx", b"PK\x03\x04 nothing"), ("list.xlsx", workbook(SITES)))
    assert found.received["accepted"] == 2
    assert [(issue.file, issue.severity) for issue in found.issues] == [("broken.xlsx", "error")]
    assert [file["sheets"] for file in found.received["files"]][0] == []


def test_where_no_file_can_be_read_each_is_named_with_its_fault() -> None:
    with pytest.raises(NoUsableRows) as nothing:
        read(("broken.xlsx", b"PK\x03\x04 nothing"), ("empty.csv", b""))
    assert "broken.xlsx: " in str(nothing.value)
    assert "empty.csv: " in str(nothing.value)
    assert len(nothing.value.issues) == 2


def test_where_every_row_is_rejected_the_first_fault_is_said_with_its_cell() -> None:
    with pytest.raises(NoUsableRows, match="none of the 2 rows can be scored") as nothing:
        read(("list.xlsx", workbook("| Supplier | Country |\n| A | Narnia |\n| B | Narnia |")))
    assert "B2" in str(nothing.value)
    assert codes(nothing.value) == ["country.unknown"]


# ---------------------------------------------------------------- what the sender chose


def test_a_column_is_read_as_what_the_sender_says_it_is() -> None:
    data = workbook("| Supplier | Country | Bosses hold them |\n| A | TH | held |")
    found = read(("list.xlsx", data), columns={"papers_retention": "Bosses hold them"})
    assert found.batches[0].answers.rows()[0]["papers_retention"] == "held"


def test_a_choice_for_one_sheet_goes_before_one_for_all_and_is_meant_for_that_sheet() -> None:
    sheets = workbook(SITES.replace("Sector", "Code"), name="One", Two=SITES.replace("Sector", "Trade code"))
    maps = (SheetMap({"sector": "Trade code"}, "list.xlsx", "Two"),)
    found = read(("list.xlsx", sheets), columns={"sector": "Code"}, maps=maps)
    assert [row["sector"] for batch in found.batches for row in batch.answers.rows()] == [["1020"]] * 4
    assert Choices(maps=maps).of_sheet("other.xlsx", "Two") == {}


def test_choices_that_were_not_made_are_not_in_the_contract() -> None:
    assert Choices().options() == {}
    made = Choices(kind="site", country="TH", columns={"name": "Factory"}, date_order="dmy")
    assert made.options() == {"kind": "site", "country": "TH", "date_order": "dmy", "map": {"name": "Factory"}}


# ---------------------------------------------------------------- the buyer, and case records


def buyers_form() -> bytes:
    """The form in which a buyer answers about itself, filled in for one unit."""
    book = openpyxl.load_workbook(io.BytesIO(build_template(load_form("buyer"))))
    sheet = book["Buying"]
    at = {cell.value: cell.column for cell in sheet[2]}
    sheet.cell(3, at["Business unit"], "Invented Retail")
    sheet.cell(3, at["Prices and legal wages"], "Some are below")
    return saved(book)


def test_what_the_buyer_answers_of_itself_is_no_supplier_and_no_row_that_counts() -> None:
    found = read(("ours.xlsx", buyers_form()), ("list.xlsx", workbook(SITES)))
    assert [batch.kind for batch in found.buying] == ["buyer"]
    assert [batch.kind for batch in found.batches] == ["site"]
    assert (found.received["rows"], found.received["accepted"]) == (2, 2)


def test_the_buyers_answers_alone_are_enough_only_where_that_is_asked_for() -> None:
    files = [("ours.xlsx", buyers_form())]
    with pytest.raises(NoUsableRows):
        parse_files(files, Choices(), ON)
    found = parse_files(files, Choices(), ON, buyer_alone=True)
    assert (len(found.buying), found.batches) == (1, ())


@pytest.mark.parametrize(("reference", "strength", "told"), [("S-1", 1, []), ("S-9", 0, ["case.unlinked"])])
def test_case_records_are_known_of_the_supplier_they_name_and_told_where_there_is_none(
    reference: str, strength: int, told: list[str]
) -> None:
    sites = "| Reference | Supplier | Country | Sector |\n| S-1 | Blue Pier Cannery | TH | 1020 |"
    found = read(("list.xlsx", workbook(sites, Cases=CASES.format(reference=reference))))
    (batch,) = found.batches
    assert [record.case.id for record in found.cases] == ["C-1"]
    assert (batch.case_evidence is None and not strength) or batch.case_evidence.strength.tolist() == [strength]
    assert [code for code in codes(found) if code.startswith("case.")] == told
