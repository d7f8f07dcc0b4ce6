"""Merged ranges, hidden rows, filters and struck-out cells of real files, as they are written in each format."""

import struct

import pytest
from openpyxl import Workbook
from openpyxl.styles import Font
from sheets import MAIN, OASIS, SHEET, biff, build_zip, compound, ods, ods_cell, record, save_workbook, worksheet, xlsx

from questionnaires.sheet import SheetMarks, read_sheets
from questionnaires.tables import FileTables, TableOptions, read_tables

TODAY = "2026-11-01"
ROWS = [
    ["Supplier", "Country", "City"],
    ["Alder Nets", "Thailand", "Trat"],
    ["Birch Foods", None, "Trang"],
    ["Cedar Shoes", "Viet Nam", "Hue"],
    ["Dune Mills", "India", "Surat"],
]
MERGED, HIDDEN, STRUCK = (2, 1, 3, 1), 4, 5  # B2:B3, row 4, row 5


def build_xlsx(*, filters: bool = False) -> bytes:
    """A workbook as openpyxl writes it."""
    book = Workbook()
    sheet = book.active
    for row in ROWS:
        sheet.append(row)
    sheet.merge_cells("B2:B3")
    sheet.row_dimensions[HIDDEN].hidden = True
    for cell in sheet[STRUCK]:
        cell.font = Font(strike=True)
    if filters:
        sheet.auto_filter.ref = "A1:C5"
        sheet.auto_filter.add_filter_column(1, ["Thailand", "India"])
    return save_workbook(book)


def build_raw_xlsx(*, filters: bool = False) -> bytes:
    """A workbook whose rows are not written the plain way, so that each element is parsed by itself."""
    rows = ""
    for number, row in enumerate(ROWS, 1):
        style, hidden = f' s="{int(number == STRUCK)}"', ' hidden="true"' * (number == HIDDEN)
        cells = [
            f'<c r="{letter}{number}" t="inlineStr"{style}><is><r><t>{text}</t></r></is></c>'
            for letter, text in zip("ABC", row, strict=True)
            if text
        ]
        rows += f'<row r="{number}"{hidden}>{"".join(cells)}</row>'
    after = '<autoFilter ref="$A$1:$C$5"><filterColumn colId="1"/></autoFilter>' * filters
    after += '<mergeCells><mergeCell ref="B2:B3"/></mergeCells>'
    styles = (
        f'<styleSheet xmlns="{MAIN}"><fonts><font/><font><strike val="0"/></font><font><strike/></font></fonts>'
        '<cellXfs><xf fontId="1"/><xf fontId="2"/></cellXfs></styleSheet>'
    )
    sheet = worksheet(rows).replace("</sheetData>", f"</sheetData>{after}")
    return build_zip({**xlsx(), "xl/styles.xml": styles, SHEET: sheet})


def build_ods(*, filters: bool = False) -> bytes:
    """A workbook as LibreOffice writes it."""
    rows = ""
    for number, row in enumerate(ROWS, 1):
        style = ' table:style-name="ce2"' if number == STRUCK else ' table:style-name="ce1"'
        cells = [ods_cell(text, style) for text in row]
        if number == 2:
            cells[1] = ods_cell(row[1], ' table:number-rows-spanned="2" table:number-columns-spanned="1"')
        if number == 3:
            cells[1] = "<table:covered-table-cell/>"
        hidden = f' table:visibility="{"filter" if filters else "collapse"}"' if number == HIDDEN else ""
        rows += f'<table:table-row table:style-name="ro1"{hidden}>{"".join(cells)}</table:table-row>'
    parts = ods(rows)
    styles = "".join(
        f'<style:style style:name="{name}" style:family="table-cell" style:parent-style-name="Default">'
        f'<style:text-properties style:text-line-through-style="{line}"/></style:style>'
        for name, line in (("ce1", "none"), ("ce2", "solid"))
    )
    content = parts["content.xml"].replace(
        "<office:body>", f"<office:automatic-styles>{styles}</office:automatic-styles><office:body>"
    )
    content = content.replace("<office:document-content ", f'<office:document-content xmlns:style="{OASIS}:style:1.0" ')
    return build_zip({**parts, "content.xml": content})


def build_xls(*, filters: bool = False) -> bytes:
    """A workbook of the old format, with the records that Excel writes for each mark."""
    fonts = [struct.pack("<4H", 200, options, 0, 400) + bytes(8) for options in (0, 0, 0, 0, 0x08)]
    formats = [struct.pack("<2H", font, 0) + bytes(16) for font in (0, 5)]  # no font has the number 4
    before = b"".join(record(0x31, font) for font in fonts) + b"".join(record(0xE0, style) for style in formats)
    top, left, bottom, right = MERGED
    marks = record(0x208, struct.pack("<8H", HIDDEN - 1, 0, 3, 255, 0, 0, 0x0120, 0x000F))
    marks += record(0xE5, struct.pack("<5H", 1, top - 1, bottom - 1, left, right))
    marks += record(0x9B) if filters else b""
    struck = b""
    for column, text in enumerate(ROWS[STRUCK - 1]):
        place = struct.pack("<3HHB", STRUCK - 1, column, 1, len(text), 1)
        struck += record(0x204, place + text.encode("utf-16-le"))
    return compound(Workbook=biff(ROWS[: STRUCK - 1], before, struck + marks))


FILES = {"list.xlsx": build_xlsx, "raw.xlsx": build_raw_xlsx, "list.ods": build_ods, "list.xls": build_xls}


def read(name: str, *, filters: bool = False, **options: object) -> FileTables:
    return read_tables(FILES[name](filters=filters), name, TableOptions(TODAY, **options))


def list_left_out(found: FileTables) -> dict[str, tuple[tuple[int, int], ...]]:
    return {group.reason: group.rows for group in found.tables[0].submission.left_out}


@pytest.mark.parametrize("name", FILES)
def test_the_marks_of_a_spreadsheet_are_read_with_its_cells(name: str):
    (sheet,) = read_sheets(FILES[name](), name)
    struck = dict.fromkeys(range(3), (STRUCK,))
    assert sheet.marks == SheetMarks(merged=(MERGED,), hidden=(HIDDEN,), struck=struck)


@pytest.mark.parametrize("name", FILES)
def test_the_rows_between_the_first_and_last_row_of_a_filter_in_use_are_known(name: str):
    (sheet,) = read_sheets(FILES[name](filters=True), name)
    assert any(first < HIDDEN <= last for first, last in sheet.marks.filters)


@pytest.mark.parametrize("name", FILES)
def test_rows_that_are_hidden_or_struck_out_are_left_out_of_a_file_and_a_merged_cell_is_that_of_all_its_rows(name: str):
    found = read(name)
    assert list_left_out(found) == {"hidden": ((4, 4),), "struck_out": ((5, 5),)}
    answers = found.tables[0].submission.answers["country"]
    assert [answers.values[code] for code in answers.codes] == ["TH", "TH"]


@pytest.mark.parametrize("name", FILES)
def test_rows_that_a_filter_hides_are_left_out_of_a_file_for_that_reason(name: str):
    assert list_left_out(read(name, filters=True)) == {"filtered": ((4, 4),), "struck_out": ((5, 5),)}


def test_a_row_that_is_hidden_is_read_if_the_sender_says_so():
    found = read("list.xlsx", rows=[("", HIDDEN, True)])
    assert found.tables[0].submission.rows.tolist() == [2, 3, 4]


def test_a_filter_that_hides_nothing_is_not_in_use():
    book = Workbook()
    for row in ROWS:
        book.active.append(row)
    book.active.auto_filter.ref = "A1:C5"
    (sheet,) = read_sheets(save_workbook(book), "list.xlsx")
    assert sheet.marks == SheetMarks()
