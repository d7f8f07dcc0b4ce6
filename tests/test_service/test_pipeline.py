"""Test parsing of uploaded files: which sheets are read and as what, what is counted, and which issues are reported."""

import hashlib
import io
from datetime import date, datetime

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900

from questionnaires.form import load_form
from questionnaires.workbook import build_template
from service.imports.pipeline import Choices, NoUsableRows, ParsedUpload, SheetMap, parse_files
from tests.sheets import save_workbook, text, workbook

ON = date(2026, 11, 27)
SITES = "| Supplier | Country | Sector |\n| Blue Pier Cannery | TH | 1020 |\n| Red Quay Foods | VN | 1020 |"
AGENCIES = "| Agency | Country | Licence no. |\n| Kite Placement | NP | L-1 |"
CASES = (
    "| Case | Reference of site or agency | Adults or children | Finding | Phase | Source | Date |\n"
    "| C-1 | {reference} | Adults | Papers held by someone else | at work | NGO | 2026-10-01 |"
)


def parse(*files: tuple[str, bytes], **choices: object) -> ParsedUpload:
    return parse_files(files, Choices(**choices), ON)


def list_codes(parsed: ParsedUpload | NoUsableRows) -> list[str]:
    return [issue.code for issue in parsed.issues]


def list_names(parsed: ParsedUpload) -> list[list[str]]:
    """The names in each batch."""
    return [[str(row["name"]) for row in batch.answers.to_rows()] for batch in parsed.batches]


def build_workbook_with_hidden_sheet(state: str) -> bytes:
    """A workbook of two sites, with three more on a hidden sheet."""
    book = openpyxl.load_workbook(io.BytesIO(workbook(SITES)))
    hidden = book.create_sheet("Last year")
    for row in (["Supplier", "Country"], ["Old Pier", "TH"], ["Old Quay", "VN"], ["Old Wharf", "MY"]):
        hidden.append(row)
    hidden.sheet_state = state
    return save_workbook(book)


# ---------------------------------------------------------------- which sheets are read


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_a_hidden_sheet_is_skipped_and_reported(state: str) -> None:
    parsed = parse(("list.xlsx", build_workbook_with_hidden_sheet(state)))
    assert list_names(parsed) == [["Blue Pier Cannery", "Red Quay Foods"]]
    assert parsed.received["rows"] == 2
    assert [(issue.code, issue.sheet) for issue in parsed.issues] == [("sheet.hidden", "Last year")]


def test_a_hidden_sheet_is_read_where_the_sender_names_it() -> None:
    parsed = parse(("list.xlsx", build_workbook_with_hidden_sheet("hidden")), sheet="Last year", kind="site")
    assert list_names(parsed) == [["Old Pier", "Old Quay", "Old Wharf"]]
    assert "sheet.hidden" not in list_codes(parsed)


def test_a_workbook_in_which_all_is_hidden_but_a_cover_scores_nobody() -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook(SITES, Cover="| Our suppliers |")))
    book["Suppliers"].sheet_state = "hidden"
    with pytest.raises(NoUsableRows):
        parse(("list.xlsx", save_workbook(book)))


def test_an_unknown_sheet_is_reported_with_the_existing_ones() -> None:
    with pytest.raises(NoUsableRows, match=r"'Suppliers'") as error:
        parse(("list.xlsx", workbook(SITES)), sheet="Sites")
    assert list_codes(error.value) == ["sheet.unknown"]


def test_a_cover_sheet_is_skipped_and_reported() -> None:
    parsed = parse(("list.xlsx", workbook(SITES, Cover="| Our suppliers |\n| as of May |")))
    assert len(parsed.batches) == 1
    assert [(issue.code, issue.sheet) for issue in parsed.issues] == [("sheet.no_table", "Cover")]


def test_the_kind_of_each_sheet_in_a_workbook_is_detected() -> None:
    parsed = parse(("list.xlsx", workbook(SITES, Agencies=AGENCIES)))
    assert [(batch.kind, batch.sheet) for batch in parsed.batches] == [("site", "Suppliers"), ("agency", "Agencies")]


def test_the_sender_may_choose_the_kind_of_rows() -> None:
    parsed = parse(("list.csv", text("| Name | Country |\n| Kite | NP |")), kind="agency")
    assert [batch.kind for batch in parsed.batches] == ["agency"]


def test_only_the_answer_sheet_of_a_known_form_is_read() -> None:
    book = openpyxl.load_workbook(io.BytesIO(build_template(load_form("agency"))))
    sheet = book["Agencies"]
    at = {cell.value: cell.column for cell in sheet[2]}
    sheet.cell(3, at["Agency name"], "Kite Placement")
    sheet.cell(3, at["Country of establishment"], "Nepal")
    book.create_sheet("Notes").append(["Supplier", "Country"])
    book["Notes"].append(["Blue Pier Cannery", "TH"])
    parsed = parse(("form.xlsx", save_workbook(book)))
    assert (list_names(parsed), list_codes(parsed)) == ([["Kite Placement"]], [])


# ---------------------------------------------------------------- what counts


def test_batches_keep_the_order_of_files_and_rows() -> None:
    parsed = parse(("b.xlsx", workbook(SITES)), ("a.csv", text("| Agency | Country |\n| Fern Crew | NP |")))
    assert [(batch.file, batch.kind, batch.rows.tolist()) for batch in parsed.batches] == [
        ("b.xlsx", "site", [2, 3]),
        ("a.csv", "agency", [2]),
    ]


def test_every_row_of_every_file_is_counted_as_accepted_or_rejected() -> None:
    good, mixed = workbook(SITES), workbook("| Supplier | Country |\n| A | TH |\n| B | Narnia |\n| C | |")
    parsed = parse(("good.xlsx", good), ("mixed.xlsx", mixed))
    assert {name: parsed.received[name] for name in ("rows", "accepted", "rejected")} == {
        "rows": 5,
        "accepted": 4,
        "rejected": 1,
    }
    assert [(file["name"], file["rows"], file["accepted"], file["rejected"]) for file in parsed.files] == [
        ("good.xlsx", 2, 2, 0),
        ("mixed.xlsx", 3, 2, 1),
    ]


def test_a_file_is_described_by_digest_columns_and_unmapped_columns() -> None:
    data = workbook("| Supplier | Country | Colour |\n| A | TH | red |")
    (file,) = parse(("list.xlsx", data)).received["files"]
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


def test_the_issues_are_exported_unchanged() -> None:
    parsed = parse(("list.xlsx", workbook("| Supplier | Country |\n| A | TH |\n| B | Narnia |")))
    assert parsed.received["issues"] == [issue.to_dict() for issue in parsed.issues]
    assert ("country.unknown", "list.xlsx", "B3") in {(i.code, i.file, i.cell) for i in parsed.issues}


def test_progress_names_each_file_as_it_is_read() -> None:
    messages: list[str] = []
    parse_files([("a.xlsx", workbook(SITES)), ("b.xlsx", workbook(SITES))], Choices(), ON, messages.append)
    assert messages == ["reading a.xlsx", "reading b.xlsx"]


def test_rows_of_one_supplier_in_two_files_are_reported() -> None:
    row = "| Reference | Supplier | Country | Sector |\n| S-1 | Blue Pier Cannery | TH | 1020 |"
    parsed = parse(("a.xlsx", workbook(row)), ("b.xlsx", workbook(row)))
    assert list_codes(parsed) == ["row.same_supplier"]
    assert parsed.received["accepted"] == 2


@pytest.mark.parametrize("epoch", [CALENDAR_WINDOWS_1900, CALENDAR_MAC_1904])
@pytest.mark.parametrize("day", [date(2026, 3, 1), date(2024, 2, 29), date(2025, 12, 31)])
def test_a_day_in_a_workbook_is_the_day_that_is_read_by_either_count_of_days(epoch: datetime, day: date) -> None:
    book = openpyxl.Workbook()
    book.epoch = epoch
    for row in (["Supplier", "Country", "Evidence date"], ["Blue Pier Cannery", "TH", day]):
        book.active.append(row)
    (answers,) = parse(("list.xlsx", save_workbook(book)), kind="site").batches[0].answers.to_rows()
    assert answers["evidence_date"] == day.isoformat()


# ---------------------------------------------------------------- what cannot be used


def test_an_unreadable_file_is_reported_and_the_others_are_scored() -> None:
    parsed = parse(("broken.xlsx", b"PK\x03\x04 nothing"), ("list.xlsx", workbook(SITES)))
    assert parsed.received["accepted"] == 2
    assert [(issue.file, issue.severity) for issue in parsed.issues] == [("broken.xlsx", "error")]
    assert [file["sheets"] for file in parsed.received["files"]][0] == []


def test_if_no_file_can_be_read_each_is_named_with_its_error() -> None:
    with pytest.raises(NoUsableRows) as error:
        parse(("broken.xlsx", b"PK\x03\x04 nothing"), ("empty.csv", b""))
    assert "broken.xlsx: " in str(error.value)
    assert "empty.csv: " in str(error.value)
    assert len(error.value.issues) == 2


def test_if_every_row_is_rejected_the_first_error_names_its_cell() -> None:
    with pytest.raises(NoUsableRows, match="none of the 2 rows can be scored") as error:
        parse(("list.xlsx", workbook("| Supplier | Country |\n| A | Narnia |\n| B | Narnia |")))
    assert "B2" in str(error.value)
    assert list_codes(error.value) == ["country.unknown"]


# ---------------------------------------------------------------- what the sender chose


def test_a_column_is_mapped_as_the_sender_chose() -> None:
    data = workbook("| Supplier | Country | Bosses hold them |\n| A | TH | held |")
    parsed = parse(("list.xlsx", data), columns={"papers_retention": "Bosses hold them"})
    assert parsed.batches[0].answers.to_rows()[0]["papers_retention"] == "held"


def test_a_column_map_for_one_sheet_takes_precedence_over_the_general_one() -> None:
    table = "| Supplier | Country | Code | Trade code |\n| Blue Pier Cannery | TH | 1020 | 1410 |"
    maps = (SheetMap({"sector": "Trade code"}, "list.xlsx", "Two"),)
    parsed = parse(("list.xlsx", workbook(table, name="One", Two=table)), columns={"sector": "Code"}, maps=maps)
    assert [row["sector"] for batch in parsed.batches for row in batch.answers.to_rows()] == [["1020"], ["1410"]]
    assert Choices(maps=maps).columns_for_sheet("other.xlsx", "Two") == {}


def test_unset_choices_are_not_exported() -> None:
    assert Choices().to_options() == {}
    choices = Choices(kind="site", country="TH", columns={"name": "Factory"}, date_order="dmy")
    assert choices.to_options() == {"kind": "site", "country": "TH", "date_order": "dmy", "map": {"name": "Factory"}}


# ---------------------------------------------------------------- the buyer, and case records


def build_buyer_form() -> bytes:
    """The form in which a buyer answers about itself, filled in for one unit."""
    book = openpyxl.load_workbook(io.BytesIO(build_template(load_form("buyer"))))
    sheet = book["Buying"]
    at = {cell.value: cell.column for cell in sheet[2]}
    sheet.cell(3, at["Business unit"], "Invented Retail")
    sheet.cell(3, at["Prices and legal wages"], "Some are below")
    return save_workbook(book)


def test_answers_of_the_buyer_are_neither_suppliers_nor_counted_rows() -> None:
    parsed = parse(("ours.xlsx", build_buyer_form()), ("list.xlsx", workbook(SITES)))
    assert [batch.kind for batch in parsed.buyer_batches] == ["buyer"]
    assert [batch.kind for batch in parsed.batches] == ["site"]
    assert (parsed.received["rows"], parsed.received["accepted"]) == (2, 2)


def test_buyer_answers_alone_are_accepted_only_if_requested() -> None:
    files = [("ours.xlsx", build_buyer_form())]
    with pytest.raises(NoUsableRows):
        parse_files(files, Choices(), ON)
    parsed = parse_files(files, Choices(), ON, allow_buyer_only=True)
    assert (len(parsed.buyer_batches), parsed.batches) == (1, ())


@pytest.mark.parametrize(("reference", "strength", "expected_codes"), [("S-1", 1, []), ("S-9", 0, ["case.unlinked"])])
def test_case_records_are_linked_to_their_supplier_and_reported_if_there_is_none(
    reference: str, strength: int, expected_codes: list[str]
) -> None:
    sites = "| Reference | Supplier | Country | Sector |\n| S-1 | Blue Pier Cannery | TH | 1020 |"
    parsed = parse(("list.xlsx", workbook(sites, Cases=CASES.format(reference=reference))))
    (batch,) = parsed.batches
    assert [record.case.id for record in parsed.cases] == ["C-1"]
    assert (batch.case_evidence is None and not strength) or batch.case_evidence.strength.tolist() == [strength]
    assert [code for code in list_codes(parsed) if code.startswith("case.")] == expected_codes
