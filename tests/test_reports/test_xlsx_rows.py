"""A row of a worksheet holds what was given: text as text, numbers and days as numbers, and says what it cannot hold."""

import io
import re
import zipfile
from datetime import date

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from reports.xlsx_rows import MAX_ROWS, write_row

# Texts that XlsxWriter, or the spreadsheet that opens its file, might take for something else.
MISLEADING = [
    "<r>",
    "</r>",
    "<t>",
    "_x0041_",
    "_x0042_",
    "x0043_",
    "_x",
    "_",
    "=1+1",
    "http://a.test",
    "007",
    "1e5",
    " ",
]
PLAIN_TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), min_size=1)
TEXT = PLAIN_TEXT | st.lists(st.sampled_from(MISLEADING), min_size=1, max_size=6).map("".join)


def workbook_of(*rows, number_format=None):
    """A workbook whose only sheet holds these rows, all its cells in one number format or in none."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        cell_format = None if number_format is None else book.add_format({"num_format": number_format})
        for place, row in enumerate(rows):
            write_row(sheet, place, row, [cell_format] * len(row))
    return io.BytesIO(buffer.getvalue())


def cells_of(*rows, number_format=None):
    return openpyxl.load_workbook(workbook_of(*rows, number_format=number_format)).active


@given(st.lists(TEXT, min_size=1, max_size=8))
def test_any_text_is_read_back_as_it_was_written(texts):
    book = CalamineWorkbook.from_filelike(workbook_of(*[[text] for text in texts], number_format="@"))
    assert book.get_sheet_by_index(0).to_python(skip_empty_area=False) == [[text] for text in texts]


@pytest.mark.parametrize("number_format", [None, "@"])
@pytest.mark.parametrize(
    "text", ["<r><t>Ltd</t></r>", "<r></r>", "<r>\n</r>", "_x0041_x0042_", "=1+1", "mailto:a@b.test"]
)
def test_text_that_looks_like_something_else_is_a_cell_of_text_in_its_format(text, number_format):
    cell = cells_of([text], number_format=number_format)["A1"]
    assert (cell.value, cell.data_type, cell.hyperlink) == (text, "s", None)
    assert cell.number_format == (number_format or "General")


def test_numbers_and_days_are_numbers():
    sheet = cells_of([7, -0.5, date(2026, 11, 25)], number_format="yyyy-mm-dd")
    assert [cell.data_type for cell in sheet[1]] == ["d", "d", "d"]
    assert sheet["C1"].value.date() == date(2026, 11, 25)
    assert [cell.value for cell in cells_of([7, -0.5])[1]] == [7, -0.5]


def test_nothing_makes_no_cell_and_an_empty_text_only_where_it_has_a_format():
    def cells_in(number_format):
        parts = zipfile.ZipFile(workbook_of([None, "", "x"], number_format=number_format))
        return re.findall(r'<c r="(\w+)"', parts.read("xl/worksheets/sheet1.xml").decode())

    assert cells_in(None) == ["C1"]
    assert cells_in("@") == ["B1", "C1"]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_refused(number):
    with pytest.raises(ValueError, match="cannot be written to a cell"):
        workbook_of([number])


def test_a_row_beyond_the_last_of_a_worksheet_is_refused_and_not_left_out():
    with xlsxwriter.Workbook(io.BytesIO(), {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        write_row(sheet, MAX_ROWS - 1, ["last"], [None])
        with pytest.raises(ValueError, match="1,048,576 rows"):
            write_row(sheet, MAX_ROWS, ["one more"], [None])
