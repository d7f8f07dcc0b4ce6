"""A file read whole: what a cell says, where it stands, and that a bad file costs its own process only."""

import datetime
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.utils.cell import column_index_from_string, coordinate_from_string
from patience import PATIENCE
from sheets import SHEET, biff, compound, ods, ods_cell, ods_row, record, saved, shared_strings, text, workbook, zipped
from sheets import xls as old_workbook
from sheets import xlsx as package

from questionnaires import sheet as under_test
from questionnaires.form import load
from questionnaires.sheet import Fault, Limits, Refused, Sheet, cell_name, read
from questionnaires.workbook import template

ROOT = Path(under_test.__file__).parents[1]


def only(data: bytes, name: str = "list.xlsx", **limits: int) -> Sheet:
    """The one sheet of a file."""
    (found,) = read(data, name, Limits(**limits))
    return found


def grid(sheet: Sheet) -> list[list[str]]:
    """The cells row by row, "" where empty."""
    columns = [[column.values[code] if code >= 0 else "" for code in column.codes] for column in sheet.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def raw(*cells: str, row: int = 1, **parts: str) -> bytes:
    """An .xlsx with one row of raw cells."""
    return zipped(package(f'<row r="{row}">' + "".join(cells) + "</row>", **parts))


def book_of(*rows: list[object], formats: dict[str, str] | None = None) -> bytes:
    """An .xlsx with typed cells, some of them shown in a number format."""
    book = Workbook()
    for row in rows:
        book.active.append(row)
    for cell, shown in (formats or {}).items():
        book.active[cell].number_format = shown
    return saved(book)


def refusal(data: bytes, name: str = "list.xlsx", **limits: int) -> str:
    """The code with which a file is refused."""
    with pytest.raises(Refused) as caught:
        read(data, name, Limits(**limits))
    return caught.value.code


# What a sheet is


def test_a_column_is_its_distinct_texts_in_order_of_first_sight_and_a_code_for_each_row():
    sheet = only(workbook("| Supplier | Country |", "| Blue Lagoon | TH |", "| Dune | |", "| Blue Lagoon | TH |"))
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


def test_the_same_table_in_every_format_is_the_same_sheet():
    table = "| Supplier | Workers | Share |\n| Näh & Co | 12 | 0.5 |\n| 海の幸 | 7 | |\n| Näh & Co | 12 | 1.25 |"
    typed = [["Supplier", "Workers", "Share"], ["Näh & Co", 12, 0.5], ["海の幸", 7, None], ["Näh & Co", 12, 1.25]]
    files = {
        "list.xlsx": workbook(table),
        "list.xls": old_workbook(typed),
        "list.ods": zipped(ods("".join(ods_row(*row) for row in typed).replace("& ", "&amp; "))),
        "list.csv": text(table),
        "list.tsv": text(table, delimiter="\t", encoding="utf-16"),
    }
    sheets = [only(data, name) for name, data in files.items()]
    assert [[(column.values, column.codes.tolist()) for column in sheet.columns] for sheet in sheets] == [
        [(column.values, column.codes.tolist()) for column in sheets[0].columns]
    ] * len(files)


@pytest.mark.parametrize("name", ["list.xlsx", "list.ods", "list.xls"])
def test_rows_keep_their_numbers_and_columns_their_letters(name):
    if name == "list.xlsx":
        book = Workbook()
        book.active["C4"], book.active["D6"] = "Supplier", "TH"
        data = saved(book)
    elif name == "list.ods":
        data = zipped(
            ods(ods_row(None, repeated=3) + ods_row(None, None, "Supplier") + ods_row() + ods_row(*[None] * 3, "TH"))
        )
    else:
        data = old_workbook([[], [], [], [None, None, "Supplier"], [], [None, None, None, "TH"]])
    sheet = only(data, name)
    assert (sheet.first_row, sheet.n_rows, len(sheet.columns)) == (4, 3, 4)
    assert grid(sheet) == [["", "", "Supplier", ""], ["", "", "", ""], ["", "", "", "TH"]]


def test_hidden_sheets_are_read_and_marked_and_empty_ones_are_empty():
    book = Workbook()
    for name, state in (("Seen", "visible"), ("Hidden", "hidden"), ("Deep", "veryHidden")):
        sheet = book.create_sheet(name)
        sheet.sheet_state = state
        sheet.append([name])
    sheets = read(saved(book), "list.xlsx")
    assert [(s.name, s.visible, s.n_rows) for s in sheets] == [
        ("Sheet", True, 0), ("Seen", True, 1), ("Hidden", False, 1), ("Deep", False, 1)
    ]  # fmt: skip
    assert sheets[0].columns == ()


def test_a_template_is_known_by_its_stamp_and_keeps_its_own_sheets_to_itself():
    form = load("site")
    sheets = read(template(form), "form.xlsx")
    assert {sheet.stamp for sheet in sheets} == {f"site {form.version}"}
    assert not [sheet.name for sheet in sheets if sheet.name.startswith("_")]
    assert only(workbook("| a |", name="_form")).stamp is None


# What a cell says


def test_numbers_are_as_short_as_they_can_be_told():
    sheet = only(book_of([12, 12.0, 0.1, -3, 1e21, 123456789012, "012", "12.0"]))
    assert grid(sheet) == [["12", "12", "0.1", "-3", "1e+21", "123456789012", "012", "12.0"]]
    stored = raw(
        '<c r="A1"><v>3.9919999999999999e+02</v></c>', '<c r="B1"><v>-0</v></c>', '<c r="C1"><v>1421.0</v></c>'
    )
    assert grid(only(stored)) == [["399.2", "0", "1421"]]


def test_a_number_and_the_same_digits_as_text_are_one_text_and_a_truth_value_is_not_one():
    (column,) = only(book_of([12], ["12"], [1], [True], ["TRUE"], [False], [0])).columns
    assert column.values == ("12", "1", "TRUE", "FALSE", "0")
    assert column.codes.tolist() == [0, 0, 1, 2, 2, 3, 4]


def test_days_are_iso_and_keep_their_time():
    day = datetime.datetime.fromisoformat("2024-03-01")
    assert grid(only(book_of([day.date(), day, day.replace(hour=13, minute=45), datetime.time(6, 30)]))) == [
        ["2024-03-01", "2024-03-01", "2024-03-01T13:45:00", "06:30:00"]
    ]
    dated = '<table:table-cell office:value-type="date" office:date-value="2024-03-01"/>'
    assert grid(only(zipped(ods(f"<table:table-row>{dated}</table:table-row>")), "list.ods")) == [["2024-03-01"]]


def test_days_counted_from_1904_are_the_days_meant():
    book = Workbook()
    book.epoch = datetime.datetime.fromisoformat("1904-01-01")
    book.active.append([datetime.date(2024, 3, 1)])
    assert grid(only(saved(book))) == [["2024-03-01"]]


@pytest.mark.parametrize("name", ["list.xlsx", "list.xls", "list.ods"])
def test_a_percentage_has_its_sign_whatever_the_program_stores(name):
    if name == "list.xlsx":
        data = book_of([0.45, 0.125, 0.07, 0.45, "0.45"], formats=dict.fromkeys(("A1", "B1", "C1", "E1"), "0.0%"))
    elif name == "list.ods":
        share = '<table:table-cell office:value-type="percentage" office:value="{}"/>'
        shares = "".join(map(share.format, (0.45, 0.125, 0.07)))
        data = zipped(ods(f"<table:table-row>{shares}{ods_cell(0.45)}{ods_cell('0.45')}</table:table-row>"))
    else:
        styles = record(0xE0, bytes(20)) + record(0xE0, b"\0\0\x09\0" + bytes(16))
        stream = biff([[0.45, 0.125, 0.07, 0.45, "0.45"]], before=styles)
        for column in range(3):  # the first three cells in the second style
            place = bytes([0x03, 2, 14, 0, 0, 0, column, 0])
            stream = stream.replace(place + b"\0\0", place + b"\1\0")
        data = compound(Workbook=stream)
    assert grid(only(data, name)) == [["45%", "12.5%", "7%", "0.45", "0.45"]]


def test_zeros_that_the_format_of_a_number_shows_are_kept():
    data = book_of([1608, 12345678, "A 7", 0], formats=dict.fromkeys(("A1", "B1", "C1", "D1"), "00000"))
    assert grid(only(data)) == [["01608", "12345678", "A 7", "0"]]


def test_texts_are_verbatim():
    odd = ["\u00a0", "  padded ", "line\nbreak", "=1+1", "'5-17", "e\u0301", "zero\u200bwidth", "NA", "None"]
    quoted = ",".join(f'"{cell}"' for cell in odd)
    assert grid(only(f"{','.join('abcdefghi')}\n{quoted}\n".encode(), "list.csv"))[1] == odd
    cells = '<c r="A1" t="s"><v>0</v></c>', '<c r="B1" t="s"><v>1</v></c>'
    shared = {"xl/sharedStrings.xml": shared_strings("a &amp; b", "NA")}
    assert grid(only(raw(*cells, **shared))) == [["a & b", "NA"]]


def test_errors_are_empty_and_told_with_their_cells():
    cells = '<c r="A3"><v>1</v></c>', '<c r="B3" t="e"><v>#DIV/0!</v></c>', '<c r="C3" t="e"><v>#N/A</v></c>'
    sheet = only(raw(*cells, row=3))
    assert grid(sheet) == [["1", "", ""]]
    assert sheet.errors == {(3, 1): "#DIV/0!", (3, 2): "#N/A"}
    saved_as_text = only(text("| a | b | c |", "| 1 | #DIV/0! | #N/A |", "| 2 | x | #N/A |"), "list.csv")
    assert grid(saved_as_text) == [["a", "b", "c"], ["1", "", ""], ["2", "x", ""]]
    assert saved_as_text.errors == {(2, 1): "#DIV/0!", (2, 2): "#N/A", (3, 2): "#N/A"}
    old = record(0x205, b"\0\0\1\0\0\0\x2a\1")
    assert only(compound(Workbook=biff([["a"]], cells=old)), "list.xls").errors == {(1, 1): "#N/A"}
    wrong = (
        '<table:table-cell table:formula="of:=1/0" office:value-type="float" office:value="0" calcext:value-type="error">'
        "<office:annotation><text:p>Why?</text:p></office:annotation><text:p>#DIV/0!</text:p></table:table-cell>"
    )
    found = only(zipped(ods(f"<table:table-row>{ods_cell('a')}{wrong}</table:table-row>")), "list.ods")
    assert grid(found) == [["a", ""]]
    assert (found.errors, found.formulas) == ({(1, 1): "#DIV/0!"}, ((1, 1),))


def test_formulas_are_told_and_one_without_a_saved_result_is_an_error():
    sheet = only(raw('<c r="A1"><f>1+1</f><v>2</v></c>', '<c r="B1"><f>1+1</f></c>', '<c r="C1"><v>3</v></c>'))
    assert grid(sheet) == [["2", "", "3"]]
    assert sorted(sheet.formulas) == [(1, 0), (1, 1)]
    assert sheet.errors == {(1, 1): "a formula without a saved result"}
    assert only(book_of(["a", "=1+1"])).errors.keys() == {(1, 1)}


# Rows that cannot be relied on


def test_a_row_with_other_fields_than_the_header_is_at_fault_for_values_may_have_slid():
    sheet = only(b"a,b,c\n1,2\n1,2,3\n1,2,3,4\n1,2,3,,\n\n1,2,3\n", "list.csv")
    assert [(fault.row, fault.column, fault.code, fault.seen) for fault in sheet.faults_under(1)] == [
        (2, -1, "csv.field_count", "2 fields"),
        (4, -1, "csv.field_count", "4 fields"),
    ]


def test_lines_above_the_header_may_be_short():
    sheet = only(b"Our list\n\na,b,c\n1,2,3\n1,2\n", "list.csv")
    assert [fault.row for fault in sheet.faults_under(3)] == [5]


def test_excel_leaves_out_empty_fields_in_blocks_of_sixteen_rows():
    full, short = b"1,2,3\n", b"1,2\n"
    assert only(b"a,b,c\n" + full * 15 + short * 16 + full, "list.csv").faults_under(1) == ()
    assert len(only(b"a,b,c\n" + full * 14 + short * 16 + full, "list.csv").faults_under(1)) == 16


def test_a_text_longer_than_a_cell_holds_is_a_fault_of_its_row():
    long = "x" * 40_000
    workbook_of_it = zipped(ods(ods_row("a", "b") + ods_row(1, 2) + ods_row(3, long)))
    for data, name in ((f"a,b\n1,2\n3,{long}\n".encode(), "list.csv"), (workbook_of_it, "list.ods")):
        assert only(data, name).faults_under(1) == (Fault(3, 1, "limit.cell_text", "x" * 80),)
    assert only(f"{long},,\na,b,c\n1,2,3\n".encode(), "list.csv").faults_under(2) == ()
    assert refusal(f"a,b\n1,{long}\n".encode(), "list.csv", longest_text=39_999) == "limit.cell_text"
    assert refusal(workbook(f"| a |\n| {long[:32_000]} |"), longest_text=31_999) == "limit.cell_text"


# The process that reads


def test_a_file_that_kills_its_reader_is_corrupt_and_the_next_one_is_read():
    far = '<row r="1"><c r="A1"><v>1</v></c></row><row r="9000"><c r="ALL9000"><v>1</v></c></row>'  # nine million cells
    assert refusal(zipped(package(far)), memory=200_000_000) == "file.corrupt"
    assert grid(only(workbook("| a |"))) == [["a"]]


def test_a_file_that_takes_too_long_is_corrupt(monkeypatch):
    monkeypatch.setattr(under_test, "START", "while True: pass")
    assert refusal(workbook("| a |"), seconds=0) == "file.corrupt"


def test_an_answer_that_does_not_add_up_is_not_believed(monkeypatch):
    def answered(columns: list[list[str]], code: int) -> bytes:
        told = {"sheets": [{"name": "a", "visible": True, "first_row": 1, "rows": 1, "columns": columns}]}
        return json.dumps(told).encode() + b"\n" + np.array([code], np.int32).tobytes()

    for code in (1, -2):
        monkeypatch.setattr(under_test, "run", lambda *_, code=code: answered([["a"]], code))
        assert refusal(workbook("| a |")) == "file.corrupt"


def test_what_the_reader_cannot_read_behind_the_gate_is_corrupt():
    assert refusal(raw('<c r="A1" t="s"><v>7</v></c>')) == "file.corrupt"
    assert refusal(zipped(package() | {SHEET: package()[SHEET].replace("</worksheet>", "")})) == "file.corrupt"


@pytest.mark.parametrize(
    "deed",
    ["open('/etc/hostname')", "import socket; socket.socket()", "import os; os.pipe()", "bytearray(1_500_000_000)"],
)
def test_the_process_that_reads_can_open_nothing_and_hold_little(deed):
    start = (
        "import sys; sys.path.append(sys.argv[1]); import socket; "
        "from questionnaires.sandboxed_reader import confine, Limits; "
    )
    asked = f"confine(Limits(memory=1_000_000_000))\ntry: {deed}\nexcept (OSError, MemoryError): print('kept in')"
    command = [sys.executable, "-I", "-S", "-c", start + "\n" + asked, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.stdout, done.stderr) == ("kept in\n", "")


def test_secrets_in_the_environment_do_not_reach_the_process_that_reads(monkeypatch):
    monkeypatch.setenv("DILIGENCE_SECRET", "open sesame")
    monkeypatch.setattr(under_test, "START", "import os, sys; sys.exit(b'DILIGENCE_SECRET' in os.environb)")
    with pytest.raises(json.JSONDecodeError):  # it ended well, and said nothing
        read(workbook("| a |"), "list.xlsx")


@given(st.integers(1, 1_048_576), st.integers(0, 16_383))
def test_cells_are_named_as_a_spreadsheet_names_them(row, column):
    letters, number = coordinate_from_string(cell_name(row, column))
    assert (number, column_index_from_string(letters) - 1) == (row, column)
