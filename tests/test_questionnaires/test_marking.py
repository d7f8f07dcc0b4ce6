"""The sender's own workbook with its problems marked, and the same workbook sent again."""

import io
import zipfile
from pathlib import Path

import openpyxl
import pytest
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill
from sheets import save_workbook, text, workbook

from questionnaires.issues import build_issue
from questionnaires.marking.marked_file import mark_file
from questionnaires.marking.own_marks import PROBLEMS_TITLE, RESULT_HEADER
from questionnaires.tables import FileTables, TableOptions, read_tables

DAY = TableOptions(as_of="2026-05-01")
SUPPLIERS = (
    "| Supplier name | Country | Sector | Number of workers |",
    "| Blue Pier Cannery | Thailand | 1020 | 12 |",
    "| Cold Fjord | Atlantis | 1020 | 30 |",
    "| Amber Loom | India | 1312 | many |",
)


def mark(data: bytes, name: str = "suppliers.xlsx") -> bytes:
    return mark_file(data, name, DAY)


def open_book(data: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(data))


def read(data: bytes) -> FileTables:
    return read_tables(data, "suppliers.xlsx", DAY)


def test_bad_cells_are_filled_and_their_notes_say_what_is_wrong_expected_and_how_to_fix_it():
    sheet = open_book(mark(workbook(*SUPPLIERS)))["Suppliers"]
    bad, good = sheet["B3"], sheet["B2"]
    assert bad.fill.fgColor.rgb != good.fill.fgColor.rgb
    assert sheet["D4"].fill.fgColor.rgb not in (bad.fill.fgColor.rgb, good.fill.fgColor.rgb)
    assert good.comment is None
    assert "'Atlantis' is not a recognised country" in bad.comment.text
    assert "Expected: a country" in bad.comment.text
    assert "How to fix it: " in bad.comment.text
    assert "'many' is not a number" in sheet["D4"].comment.text


def test_a_sheet_that_is_named_after_a_person_is_marked_under_its_own_name():
    data = workbook(*SUPPLIERS, name="Maria Santos")
    assert [table.sheet for table in read(data).tables] == ["sheet 1"]
    assert open_book(mark(data))["Maria Santos"]["B3"].comment is not None


def test_a_column_gives_the_result_of_each_row():
    rows = ("| Total |  |  | 52 |",)
    sheet = open_book(mark(workbook(*SUPPLIERS, *rows)))["Suppliers"]
    results = [sheet.cell(row, 5).value for row in range(1, 6)]
    assert results[:2] == [RESULT_HEADER, "Accepted"]
    assert results[2].startswith("Rejected: 'Atlantis' is not a recognised country")
    assert results[3] == "Accepted"
    assert results[4].startswith("Left out: ")


def test_a_sheet_lists_the_problems_with_links_to_their_cells():
    book = open_book(mark(workbook(*SUPPLIERS)))
    assert book.sheetnames == ["Suppliers", "Problems"]
    problems = book["Problems"]
    assert problems["A1"].value == PROBLEMS_TITLE
    lines = [[cell.value for cell in row] for row in problems.iter_rows(min_row=5)]
    assert [line[:3] for line in lines[:2]] == [
        ["Suppliers!B3", "Country", "Row not used"],
        ["Suppliers!D4", "Number of workers", "Value not used"],
    ]
    assert problems["A5"].hyperlink.location == "'Suppliers'!B3"


def test_an_issue_marks_all_its_cells_and_not_only_the_first_that_a_page_names():
    rows = [f"| Supplier {number} | Thailand | 1020 | many |" for number in range(30)]
    sheet = open_book(mark(workbook(SUPPLIERS[0], *rows)))["Suppliers"]
    assert all(sheet.cell(row, 4).comment for row in range(2, 32))


def decorate() -> bytes:
    """A workbook with a formula, formats, a merged title, a note of its sender, a second sheet and a picture."""
    book = openpyxl.load_workbook(io.BytesIO(workbook(*SUPPLIERS, Readme="| Read this |")))
    sheet = book["Suppliers"]
    sheet["D3"].font = Font(bold=True, color="FF112233")
    sheet["B3"].fill = PatternFill("solid", fgColor="FF00FF00")
    sheet["C3"].comment = Comment("Ask Mai.", "Ann")
    sheet["D3"].comment = Comment("To be counted.", "Ann")
    sheet["F1"] = "Double"
    sheet["F2"] = "=D2*2"
    sheet.merge_cells("H1:I1")
    sheet.column_dimensions["A"].width = 33
    sheet.freeze_panes = "A2"
    buffer = io.BytesIO(save_workbook(book))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("xl/media/image1.png", b"a picture")
    return buffer.getvalue()


def parts(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_formulas_formats_notes_and_other_sheets_stay():
    sent = decorate()
    book = open_book(mark(sent))
    sheet = book["Suppliers"]
    assert sheet["F2"].value == "=D2*2"
    assert (sheet["D3"].font.bold, sheet["D3"].font.color.rgb) == (True, "FF112233")
    assert [str(merged) for merged in sheet.merged_cells.ranges] == ["H1:I1"]
    assert (sheet.column_dimensions["A"].width, sheet.freeze_panes) == (33, "A2")
    assert (sheet["C3"].comment.text, sheet["D3"].comment.text) == ("Ask Mai.", "To be counted.")
    assert "Atlantis" in sheet["B3"].comment.text
    assert book["Readme"]["A1"].value == "Read this"
    before, after = parts(sent), parts(mark(sent))
    untouched = {"xl/worksheets/sheet2.xml", "xl/theme/theme1.xml", "xl/media/image1.png"}
    assert all(after[name] == before[name] for name in untouched)


def test_the_marked_workbook_is_read_like_the_one_that_was_sent():
    sent = decorate()
    before, after = read(sent), read(mark(sent))
    assert [table.matched.unmapped for table in before.tables] == [table.matched.unmapped for table in after.tables]
    assert [table.submission.issues for table in before.tables] == [table.submission.issues for table in after.tables]
    assert before.issues == after.issues


def test_a_corrected_workbook_is_accepted_and_marking_it_again_takes_the_old_marks_off():
    book = open_book(mark(decorate()))
    book["Suppliers"]["B3"] = "Iceland"
    corrected = save_workbook(book)
    submission = read(corrected).tables[0].submission
    assert (submission.accepted, submission.rejected) == (3, 0)
    again = open_book(mark(corrected))
    assert again.sheetnames == ["Suppliers", "Readme", "Problems"]
    sheet = again["Suppliers"]
    assert sheet["B3"].comment is None
    assert sheet["B3"].fill.fgColor.rgb == sheet["B2"].fill.fgColor.rgb
    assert "'many' is not a number" in str([cell.value for row in again["Problems"].iter_rows() for cell in row])
    headers = [cell.value for cell in sheet[1]]
    assert headers.count(RESULT_HEADER) == 1
    at = headers.index(RESULT_HEADER) + 1
    assert [sheet.cell(row, at).value for row in (2, 3, 4)] == ["Accepted"] * 3


def test_a_text_file_comes_back_as_a_workbook_of_texts():
    sent = text(*SUPPLIERS, "| =HYPERLINK(1) | Norway | 01608 | 3 |")
    book = open_book(mark(sent, "suppliers: 2026.csv".replace(":", "")))
    sheet = book.worksheets[0]
    assert [cell.value for cell in sheet[3]][:4] == ["Cold Fjord", "Atlantis", "1020", "30"]
    assert sheet["B3"].comment is not None
    formula_like = sheet["A5"]
    assert (formula_like.value, formula_like.data_type, formula_like.style_id > 0) == ("=HYPERLINK(1)", "s", True)
    assert formula_like.quotePrefix
    assert sheet["C5"].value == "01608"


def test_what_was_found_outside_the_file_is_marked_as_well():
    issue = build_issue("row.same_supplier", file="suppliers.xlsx", sheet="Suppliers", cell="A2", seen="rows 2 and 9")
    book = open_book(mark_file(workbook(*SUPPLIERS), "suppliers.xlsx", DAY, [issue]))
    assert "Rows 2 and 9 describe the same supplier" in [row[3].value for row in book["Problems"].iter_rows()][-1]


def test_what_was_not_stored_is_not_in_the_workbook_which_says_so():
    sent = workbook(
        "| Supplier name | Country | Passport number |", *(f"| S{n} | Peru | X12345{n}A |" for n in range(4))
    )
    stored = read(sent).redacted
    book = open_book(mark_file(stored, "suppliers.xlsx", DAY, stored=True))
    everything = str([cell.value for sheet in book for row in sheet.iter_rows() for cell in row])
    assert "X123451A" not in everything
    assert "were not stored" in book["Problems"]["A2"].value


def test_a_file_without_a_table_comes_back_with_that_problem():
    book = open_book(mark(workbook("| Shoe size | Colour |", "| 42 | red |")))
    assert book["Problems"]["C5"].value == "Row not used"


@pytest.mark.parametrize("name", ["seafood_and_construction_buyer.xlsx", "case_records.xlsx", "own_practices.xlsx"])
def test_workbooks_of_other_programs_stay_readable(name: str):
    sent = (Path(__file__).parents[2] / "demo" / name).read_bytes()
    marked = mark_file(sent, name, DAY)
    assert open_book(marked).sheetnames == [*open_book(sent).sheetnames, "Problems"]
    before, after = (read_tables(data, name, DAY) for data in (sent, marked))
    assert [table.submission.issues for table in before.tables] == [table.submission.issues for table in after.tables]


def test_every_row_of_a_sheet_of_sites_and_agencies_says_what_became_of_it():
    rows = (
        "| Supplier | Country | Type |",
        "| Alder | Nepal | Factory |",
        "| Kite | Nepal | Agency |",
        "| Elm | Nepal | Agent |",
    )
    sheet = open_book(mark(workbook(*rows)))["Suppliers"]
    assert [cell.value.split(":")[0] for cell in sheet["D"]] == [RESULT_HEADER, "Accepted", "Accepted", "Left out"]
