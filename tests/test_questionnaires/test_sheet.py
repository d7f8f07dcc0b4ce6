"""Reading a whole file: the text and place of each cell, and that a bad file crashes nothing but its own process."""

import datetime
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.utils.cell import column_index_from_string, coordinate_from_string
from sheets import (
    SHEET,
    biff,
    build_zip,
    compound,
    ods,
    ods_cell,
    ods_row,
    record,
    save_workbook,
    shared_strings,
    text,
    workbook,
)
from sheets import xls as old_workbook
from sheets import xlsx as package

from questionnaires import sandbox
from questionnaires.form import load_form
from questionnaires.layout.apply import add_header_row
from questionnaires.sheet import FileRefused, Limits, RowFault, Sheet, cell_name, read_sheets
from questionnaires.workbook import build_template


def read_only_sheet(data: bytes, name: str = "list.xlsx", **limits: int) -> Sheet:
    """Read the only sheet of a file."""
    (sheet,) = read_sheets(data, name, Limits(**limits))
    return sheet


def get_rows(sheet: Sheet) -> list[list[str]]:
    """Return the cells row by row, "" where empty."""
    columns = [[column.values[code] if code >= 0 else "" for code in column.codes] for column in sheet.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def build_row(*cells: str, row: int = 1, **parts: str) -> bytes:
    """Build an .xlsx with one row of raw cells."""
    return build_zip(package(f'<row r="{row}">' + "".join(cells) + "</row>", **parts))


def build_xlsx(*rows: list[object], formats: dict[str, str] | None = None) -> bytes:
    """Build an .xlsx with typed cells, some of them with a number format."""
    book = Workbook()
    for row in rows:
        book.active.append(row)
    for cell, number_format in (formats or {}).items():
        book.active[cell].number_format = number_format
    return save_workbook(book)


def get_refusal_code(data: bytes, name: str = "list.xlsx", **limits: int) -> str:
    """Return the code with which a file is refused."""
    with pytest.raises(FileRefused) as caught:
        read_sheets(data, name, Limits(**limits))
    return caught.value.code


# Sheets and columns


def test_a_column_has_its_distinct_texts_in_order_of_first_occurrence_and_a_code_for_each_row():
    sheet = read_only_sheet(
        workbook("| Supplier | Country |", "| Blue Lagoon | TH |", "| Dune | |", "| Blue Lagoon | TH |")
    )
    supplier, country = sheet.columns
    assert supplier.values == ("Supplier", "Blue Lagoon", "Dune")
    assert supplier.codes.tolist() == [0, 1, 2, 1]
    assert country.values == ("Country", "TH")
    assert country.codes.tolist() == [0, 1, -1, 1]
    assert (country.codes.dtype, country.codes.flags.aligned) == (np.int32, True)
    assert (sheet.file, sheet.name, sheet.visible, sheet.first_row, sheet.n_rows) == (
        "list.xlsx",
        "Suppliers",
        True,
        1,
        4,
    )


def test_the_same_table_gives_the_same_sheet_in_every_format():
    table = "| Supplier | Workers | Share |\n| Näh & Co | 12 | 0.5 |\n| 海の幸 | 7 | |\n| Näh & Co | 12 | 1.25 |"
    typed = [["Supplier", "Workers", "Share"], ["Näh & Co", 12, 0.5], ["海の幸", 7, None], ["Näh & Co", 12, 1.25]]
    files = {
        "list.xlsx": workbook(table),
        "list.xls": old_workbook(typed),
        "list.ods": build_zip(ods("".join(ods_row(*row) for row in typed).replace("& ", "&amp; "))),
        "list.csv": text(table),
        "list.tsv": text(table, delimiter="\t", encoding="utf-16"),
    }
    sheets = [read_only_sheet(data, name) for name, data in files.items()]
    assert [[(column.values, column.codes.tolist()) for column in sheet.columns] for sheet in sheets] == [
        [(column.values, column.codes.tolist()) for column in sheets[0].columns]
    ] * len(files)


@pytest.mark.parametrize("name", ["list.xlsx", "list.ods", "list.xls"])
def test_rows_keep_their_numbers_and_columns_their_letters(name):
    if name == "list.xlsx":
        book = Workbook()
        book.active["C4"], book.active["D6"] = "Supplier", "TH"
        data = save_workbook(book)
    elif name == "list.ods":
        data = build_zip(
            ods(ods_row(None, repeated=3) + ods_row(None, None, "Supplier") + ods_row() + ods_row(*[None] * 3, "TH"))
        )
    else:
        data = old_workbook([[], [], [], [None, None, "Supplier"], [], [None, None, None, "TH"]])
    sheet = read_only_sheet(data, name)
    assert (sheet.first_row, sheet.n_rows, len(sheet.columns)) == (4, 3, 4)
    assert get_rows(sheet) == [["", "", "Supplier", ""], ["", "", "", ""], ["", "", "", "TH"]]


def test_hidden_and_empty_sheets_are_read():
    book = Workbook()
    for name, state in (("Seen", "visible"), ("Hidden", "hidden"), ("Deep", "veryHidden")):
        sheet = book.create_sheet(name)
        sheet.sheet_state = state
        sheet.append([name])
    sheets = read_sheets(save_workbook(book), "list.xlsx")
    assert [(s.name, s.visible, s.n_rows) for s in sheets] == [
        ("Sheet", True, 0), ("Seen", True, 1), ("Hidden", False, 1), ("Deep", False, 1)
    ]  # fmt: skip
    assert sheets[0].columns == ()


def test_a_template_is_recognised_by_its_stamp_and_its_internal_sheets_are_left_out():
    form = load_form("site")
    sheets = read_sheets(build_template(form), "form.xlsx")
    assert {sheet.stamp for sheet in sheets} == {f"site {form.version}"}
    assert not [sheet.name for sheet in sheets if sheet.name.startswith("_")]
    assert read_only_sheet(workbook("| a |", name="_form")).stamp is None


# Cells


def test_numbers_are_as_short_as_possible():
    sheet = read_only_sheet(build_xlsx([12, 12.0, 0.1, -3, 1e21, 123456789012, "012", "12.0"]))
    assert get_rows(sheet) == [["12", "12", "0.1", "-3", "1e+21", "123456789012", "012", "12.0"]]
    stored = build_row(
        '<c r="A1"><v>3.9919999999999999e+02</v></c>', '<c r="B1"><v>-0</v></c>', '<c r="C1"><v>1421.0</v></c>'
    )
    assert get_rows(read_only_sheet(stored)) == [["399.2", "0", "1421"]]


def test_a_number_and_the_same_digits_as_text_are_one_value_and_a_truth_value_is_another():
    (column,) = read_only_sheet(build_xlsx([12], ["12"], [1], [True], ["TRUE"], [False], [0])).columns
    assert column.values == ("12", "1", "TRUE", "FALSE", "0")
    assert column.codes.tolist() == [0, 0, 1, 2, 2, 3, 4]


def test_dates_are_iso_and_keep_their_time():
    day = datetime.datetime.fromisoformat("2024-03-01")
    assert get_rows(
        read_only_sheet(build_xlsx([day.date(), day, day.replace(hour=13, minute=45), datetime.time(6, 30)]))
    ) == [["2024-03-01", "2024-03-01", "2024-03-01T13:45:00", "06:30:00"]]
    dated = '<table:table-cell office:value-type="date" office:date-value="2024-03-01"/>'
    assert get_rows(read_only_sheet(build_zip(ods(f"<table:table-row>{dated}</table:table-row>")), "list.ods")) == [
        ["2024-03-01"]
    ]


def test_dates_counted_from_1904_are_read_correctly():
    book = Workbook()
    book.epoch = datetime.datetime.fromisoformat("1904-01-01")
    book.active.append([datetime.date(2024, 3, 1)])
    assert get_rows(read_only_sheet(save_workbook(book))) == [["2024-03-01"]]


@pytest.mark.parametrize("name", ["list.xlsx", "list.xls", "list.ods"])
def test_a_percentage_has_its_sign_in_every_format(name):
    if name == "list.xlsx":
        data = build_xlsx([0.45, 0.125, 0.07, 0.45, "0.45"], formats=dict.fromkeys(("A1", "B1", "C1", "E1"), "0.0%"))
    elif name == "list.ods":
        share = '<table:table-cell office:value-type="percentage" office:value="{}"/>'
        shares = "".join(map(share.format, (0.45, 0.125, 0.07)))
        data = build_zip(ods(f"<table:table-row>{shares}{ods_cell(0.45)}{ods_cell('0.45')}</table:table-row>"))
    else:
        styles = record(0xE0, bytes(20)) + record(0xE0, b"\0\0\x09\0" + bytes(16))
        stream = biff([[0.45, 0.125, 0.07, 0.45, "0.45"]], before=styles)
        for column in range(3):  # the first three cells in the second style
            cell = bytes([0x03, 2, 14, 0, 0, 0, column, 0])
            stream = stream.replace(cell + b"\0\0", cell + b"\1\0")
        data = compound(Workbook=stream)
    assert get_rows(read_only_sheet(data, name)) == [["45%", "12.5%", "7%", "0.45", "0.45"]]


def test_leading_zeros_displayed_by_a_number_format_are_preserved():
    data = build_xlsx([1608, 12345678, "A 7", 0], formats=dict.fromkeys(("A1", "B1", "C1", "D1"), "00000"))
    assert get_rows(read_only_sheet(data)) == [["01608", "12345678", "A 7", "0"]]


def test_texts_are_verbatim():
    unusual = ["\u00a0", "  padded ", "line\nbreak", "=1+1", "'5-17", "e\u0301", "zero\u200bwidth", "NA", "None"]
    quoted = ",".join(f'"{cell}"' for cell in unusual)
    assert get_rows(read_only_sheet(f"{','.join('abcdefghi')}\n{quoted}\n".encode(), "list.csv"))[1] == unusual
    cells = '<c r="A1" t="s"><v>0</v></c>', '<c r="B1" t="s"><v>1</v></c>'
    shared = {"xl/sharedStrings.xml": shared_strings("a &amp; b", "NA")}
    assert get_rows(read_only_sheet(build_row(*cells, **shared))) == [["a & b", "NA"]]


def test_cells_with_errors_are_empty_and_listed():
    cells = '<c r="A3"><v>1</v></c>', '<c r="B3" t="e"><v>#DIV/0!</v></c>', '<c r="C3" t="e"><v>#N/A</v></c>'
    sheet = read_only_sheet(build_row(*cells, row=3))
    assert get_rows(sheet) == [["1", "", ""]]
    assert sheet.errors == {(3, 1): "#DIV/0!", (3, 2): "#N/A"}
    saved_as_text = read_only_sheet(text("| a | b | c |", "| 1 | #DIV/0! | #N/A |", "| 2 | x | #N/A |"), "list.csv")
    assert get_rows(saved_as_text) == [["a", "b", "c"], ["1", "", ""], ["2", "x", ""]]
    assert saved_as_text.errors == {(2, 1): "#DIV/0!", (2, 2): "#N/A", (3, 2): "#N/A"}
    error_record = record(0x205, b"\0\0\1\0\0\0\x2a\1")
    assert read_only_sheet(compound(Workbook=biff([["a"]], cells=error_record)), "list.xls").errors == {(1, 1): "#N/A"}
    error_cell = (
        '<table:table-cell table:formula="of:=1/0" office:value-type="float" office:value="0" calcext:value-type="error">'
        "<office:annotation><text:p>Why?</text:p></office:annotation><text:p>#DIV/0!</text:p></table:table-cell>"
    )
    sheet = read_only_sheet(
        build_zip(ods(f"<table:table-row>{ods_cell('a')}{error_cell}</table:table-row>")), "list.ods"
    )
    assert get_rows(sheet) == [["a", ""]]
    assert (sheet.errors, sheet.formulas) == ({(1, 1): "#DIV/0!"}, ((1, 1),))


def test_formulas_are_listed_and_one_without_a_saved_result_is_an_error():
    sheet = read_only_sheet(
        build_row('<c r="A1"><f>1+1</f><v>2</v></c>', '<c r="B1"><f>1+1</f></c>', '<c r="C1"><v>3</v></c>')
    )
    assert get_rows(sheet) == [["2", "", "3"]]
    assert sorted(sheet.formulas) == [(1, 0), (1, 1)]
    assert sheet.errors == {(1, 1): "a formula without a saved result"}
    assert read_only_sheet(build_xlsx(["a", "=1+1"])).errors.keys() == {(1, 1)}


# Unreliable rows


def test_a_row_with_fewer_or_more_fields_than_the_header_is_unreliable():
    sheet = read_only_sheet(b"a,b,c\n1,2\n1,2,3\n1,2,3,4\n1,2,3,,\n\n1,2,3\n", "list.csv")
    assert [(fault.row, fault.column, fault.code, fault.seen) for fault in sheet.find_unreliable_rows(1)] == [
        (2, -1, "csv.field_count", "2 fields"),
        (4, -1, "csv.field_count", "4 fields"),
    ]


def test_in_a_list_without_headers_the_row_that_differs_from_most_is_unreliable():
    sheet = add_header_row(read_only_sheet(b"1,2\n1,2,3\n1,2,3\n\n1,2,3,4\n1,2,3\n", "list.csv"))
    assert [(fault.row, fault.seen) for fault in sheet.find_unreliable_rows(0)] == [(1, "2 fields"), (5, "4 fields")]


def test_lines_above_the_header_may_be_short():
    sheet = read_only_sheet(b"Our list\n\na,b,c\n1,2,3\n1,2\n", "list.csv")
    assert [fault.row for fault in sheet.find_unreliable_rows(3)] == [5]


def test_excel_leaves_out_empty_fields_in_blocks_of_sixteen_rows():
    full, short = b"1,2,3\n", b"1,2\n"
    assert read_only_sheet(b"a,b,c\n" + full * 15 + short * 16 + full, "list.csv").find_unreliable_rows(1) == ()
    assert len(read_only_sheet(b"a,b,c\n" + full * 14 + short * 16 + full, "list.csv").find_unreliable_rows(1)) == 16


def test_a_row_with_a_text_longer_than_a_cell_holds_is_unreliable():
    overlong = "x" * 40_000
    workbook_data = build_zip(ods(ods_row("a", "b") + ods_row(1, 2) + ods_row(3, overlong)))
    for data, name in ((f"a,b\n1,2\n3,{overlong}\n".encode(), "list.csv"), (workbook_data, "list.ods")):
        assert read_only_sheet(data, name).find_unreliable_rows(1) == (RowFault(3, 1, "limit.cell_text", "x" * 80),)
    assert read_only_sheet(f"{overlong},,\na,b,c\n1,2,3\n".encode(), "list.csv").find_unreliable_rows(2) == ()
    assert get_refusal_code(f"a,b\n1,{overlong}\n".encode(), "list.csv", longest_text=39_999) == "limit.cell_text"
    assert get_refusal_code(workbook(f"| a |\n| {overlong[:32_000]} |"), longest_text=31_999) == "limit.cell_text"


# The reader process


def test_a_file_that_crashes_its_reader_is_corrupt_and_the_next_file_is_read():
    far = '<row r="1"><c r="A1"><v>1</v></c></row><row r="9000"><c r="ALL9000"><v>1</v></c></row>'  # nine million cells
    assert get_refusal_code(build_zip(package(far)), memory=400_000_000) == "file.corrupt"
    assert get_rows(read_only_sheet(workbook("| a |"))) == [["a"]]


def test_a_file_that_takes_too_long_is_refused():
    assert get_refusal_code(workbook("| a |"), elapsed_seconds=0) == "limit.time"


def test_an_inconsistent_output_of_the_reader_is_refused(monkeypatch):
    def build_output(columns: list[list[str]], code: int) -> bytes:
        sheet = {"name": "a", "visible": True, "first_row": 1, "rows": 1, "columns": columns}
        answer = {"sheets": [sheet], "stamps": [(None, None, None)]}
        return json.dumps(answer).encode() + b"\n" + np.array([code], np.int32).tobytes()

    for code in (1, -2):
        monkeypatch.setattr(sandbox, "run", lambda *_, code=code: build_output([["a"]], code))
        assert get_refusal_code(workbook("| a |")) == "file.corrupt"


def test_a_file_that_passes_the_checks_and_cannot_be_read_is_corrupt():
    assert get_refusal_code(build_row('<c r="A1" t="s"><v>7</v></c>')) == "file.corrupt"
    assert (
        get_refusal_code(build_zip(package() | {SHEET: package()[SHEET].replace("</worksheet>", "")})) == "file.corrupt"
    )


@given(st.integers(1, 1_048_576), st.integers(0, 16_383))
def test_cells_are_named_as_a_spreadsheet_names_them(row, column):
    letters, number = coordinate_from_string(cell_name(row, column))
    assert (number, column_index_from_string(letters) - 1) == (row, column)
