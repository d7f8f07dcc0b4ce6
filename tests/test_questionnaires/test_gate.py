"""What is refused before it is read, and with which code; and that what people really send goes through.

Each hostile file is made here, part by part, and goes through the door and the gate in this process; that the process that
reads dies alone is shown in test_sheet.py.
"""

import re
import struct
import zipfile

import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
from sheets import (
    MAIN,
    SHEET,
    biff,
    compound,
    ods,
    ods_cell,
    ods_row,
    record,
    saved,
    shared_strings,
    workbook,
    worksheet,
    zipped,
)
from sheets import xls as old_workbook
from sheets import xlsx as package

from questionnaires.file_checks import ods as opendocument
from questionnaires.file_checks import xls as old
from questionnaires.file_checks import xlsx
from questionnaires.file_checks.cell_flags import NO_RESULT, Marks, shown_as
from questionnaires.file_checks.preflight import check_door
from questionnaires.limits import REFUSALS, Limits, Refused

GATES = {"xlsx": xlsx.examine, "ods": opendocument.examine, "xls": old.examine}
DTD = '<!DOCTYPE a [<!ENTITY a "b">]>'


def marks_of(data: bytes, name: str = "list.xlsx", **limits: int) -> list[Marks]:
    """The marks of the sheets of a file that goes through."""
    kind = check_door(data, name, Limits(**limits))
    return GATES[kind](data, Limits(**limits)) if kind in GATES else []


def refusal(data: bytes, name: str = "list.xlsx", **limits: int) -> str:
    """The code with which a file is refused; "" if it goes through."""
    try:
        marks_of(data, name, **limits)
    except Refused as refused:
        return refused.code
    return ""


def rows(*cells: str) -> bytes:
    """An .xlsx with these raw rows."""
    return zipped(package("".join(cells)))


def one(cell: str) -> str:
    """A row with one raw cell."""
    return f'<row r="1">{cell}</row>'


def patched(data: bytes, part: str, place: int, form: str, value: int, *, own: int | None = None) -> bytes:
    """An archive in which a number of the table of contents (and of the part's own header, at ``own``) is another."""
    held = bytearray(data)
    at = held.rfind(part.encode()) - 46
    assert held[at : at + 4] == b"PK\1\2"
    local = struct.unpack_from("<L", held, at + 42)[0]
    struct.pack_into(form, held, at + place, value)
    if own is not None:
        struct.pack_into(form, held, local + own, value)
    return bytes(held)


# The door


@pytest.mark.parametrize(
    "name",
    ["", "../list.xlsx", "..\\list.xlsx", "/etc/list.xlsx", "a\0.xlsx", "a\r\nb.xlsx", "a" * 300 + ".xlsx", "list.xlsx. ",
     "list\u202excod.xlsx", "<b>.xlsx", "a.xlsx;.csv", "a.xlsx::$DATA", "\udcff.xlsx"],
)  # fmt: skip
def test_a_name_that_is_a_path_a_header_or_two_names_is_not_used(name):
    assert refusal(workbook("| a |"), name) == "file.bad_name"


@pytest.mark.parametrize("name", ["Fournisseurs (été) – v2.xlsx", "供应商 2026.xlsx", "Tier 1; final.XLSX", "-rf.xlsx"])
def test_names_that_people_give_are_used(name):
    assert refusal(workbook("| a |"), name) == ""


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (b"", "list.xlsx", "file.empty"),
        (b"", "list.csv", "file.empty"),
        (b"x", "list.pdf", "file.type_not_allowed"),
        (b"x", "list", "file.type_not_allowed"),
        (b"x", "list.csv.gz", "file.type_not_allowed"),
        (b"a,b\n", "list.xlsx", "file.type_mismatch"),
        (b"<html><table>", "list.xls", "file.type_mismatch"),
        (b"%PDF-1.7\n", "list.xlsx", "file.type_mismatch"),
        (b"%PDF-1.7\n", "list.csv", "file.type_mismatch"),
        (b"\x7fELF\2\1", "list.csv", "file.type_mismatch"),
        (b"GIF89a,b\n", "list.csv", "file.type_mismatch"),
        (b"  <html>\n", "list.txt", "file.type_mismatch"),
        (b"ID;PWXL;N;E\r\nC;X1;Y1;K1\r\nE\r\n", "list.csv", "file.type_mismatch"),
        (b"\0" * 1000, "list.csv", "file.type_mismatch"),
        (b"PK\3\4", "list.xlsx", "archive.corrupt"),
        (b"PK", "list.xlsx", "file.corrupt"),
        (b"\xd0\xcf", "list.xls", "file.corrupt"),
    ],
)
def test_a_file_must_be_what_its_name_says(data, name, code):
    assert refusal(data, name) == code


def test_a_header_that_begins_with_id_is_text():
    assert refusal(b"ID;Product;Country\n1;shrimp;TH\n", "list.csv") == ""


def test_workbooks_under_the_name_of_another_kind_are_told_which_they_are():
    with pytest.raises(Refused, match=r"\.xlsx file under the name of an \.xls file"):
        marks_of(workbook("| a |"), "list.xls")
    assert refusal(old_workbook([["a"]]), "list.xlsx") == "file.type_mismatch"
    assert refusal(workbook("| a |"), "list.csv") == "file.type_mismatch"


def test_a_file_larger_than_is_read_is_not_looked_into():
    assert refusal(workbook("| a |"), bytes=1000) == "upload.too_large"


def test_a_package_that_is_no_workbook_is_told_apart():
    assert refusal(zipped({"[Content_Types].xml": "<Types/>", "word/document.xml": "<a/>"})) == "file.type_mismatch"
    assert refusal(zipped({"[Content_Types].xml": "<Types/>", "xl/workbook.bin": b"\0"})) == "file.type_mismatch"
    assert refusal(zipped({"a.txt": "b"})) == "file.type_mismatch"
    text = {**ods(""), "mimetype": "application/vnd.oasis.opendocument.text"}
    assert refusal(zipped(text), "list.ods") == "file.type_mismatch"


@pytest.mark.parametrize(
    "part",
    ["xl/vbaProject.bin", "xl/macrosheets/sheet1.xml", "xl/activeX/activeX1.bin", "xl/embeddings/oleObject1.bin"],
)
def test_macros_and_embedded_files_are_refused_under_any_name(part):
    data = zipped(package() | {part: b"x"})
    assert refusal(data, "list.xlsx") == "file.active_content"
    assert refusal(data, "list.xlsm") == "file.active_content"


def test_a_macro_workbook_without_macros_is_of_a_type_that_is_not_read():
    assert refusal(workbook("| a |"), "list.xlsm") == "file.type_not_allowed"


def test_a_type_that_speaks_of_macros_is_enough():
    types = str(package()["[Content_Types].xml"])
    macro = '<Default Extension="bin" ContentType="application/vnd.ms-office.vbaProject"/></Types>'
    for changed in (
        types.replace("spreadsheetml.sheet.main", "ms-excel.sheet.macroEnabled.main"),
        types.replace("</Types>", macro),
    ):
        assert refusal(zipped(package() | {"[Content_Types].xml": changed})) == "file.active_content"


# The archive


@pytest.mark.parametrize(
    "name", ["../../a.xml", "/etc/a.xml", "xl\\a.xml", "C:/a.xml", "xl/../../a.xml", "xl//a.xml", "a\x01.xml"]
)
def test_a_part_with_the_name_of_a_path_is_refused(name):
    assert refusal(zipped(package() | {name: "<a/>"})) == "archive.bad_entry_name"


def test_a_part_that_is_a_link_is_refused():
    data = zipped(package() | {"xl/link.xml": "/etc/passwd"})
    assert refusal(patched(data, "xl/link.xml", 38, "<L", 0o120777 << 16)) == "archive.bad_entry_name"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", [SHEET, "xl/Worksheets/Sheet1.xml"])
def test_a_part_that_is_there_twice_is_refused(name):
    assert refusal(zipped([*package().items(), (name, "<a/>")])) == "archive.duplicate_entry"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_only_two_ways_of_packing_are_known(method):
    assert refusal(zipped(package(), method)) == "archive.bad_compression"
    assert refusal(zipped(package(), zipfile.ZIP_STORED)) == ""


def test_parts_that_do_not_belong_into_a_workbook_are_refused():
    for name in ("xl/run.exe", "xl/more.zip", "page.html"):
        assert refusal(zipped(package() | {name: b"x"})) == "archive.unexpected_part"
    usual = {"xl/media/image1.png": b"x", "xl/metadata": b"x", "xl/printerSettings/printerSettings1.bin": b"x"}
    assert refusal(zipped(package() | usual)) == ""


def test_too_many_parts_are_refused():
    assert (
        refusal(zipped(package() | {f"xl/a{n}.xml": "<a/>" for n in range(50)}), entries=40)
        == "archive.too_many_entries"
    )


def test_an_archive_that_lies_about_itself_is_refused():
    data = zipped(package())
    assert refusal(b"PK\3\4" + data) == "archive.corrupt"
    assert refusal(data + b"more") == "archive.corrupt"
    assert refusal(data[: len(data) // 2]) == "archive.corrupt"
    assert refusal(patched(data, SHEET, 24, "<L", 10)) == "archive.corrupt"  # two sizes
    assert refusal(patched(data, SHEET, 24, "<L", 10, own=22)) == "archive.expands_too_large"  # longer than it says
    assert refusal(patched(data, SHEET, 24, "<L", 9999, own=22)) == "archive.corrupt"  # shorter than it says
    assert refusal(patched(data, SHEET, 16, "<L", 1, own=14)) == "archive.corrupt"  # another checksum
    assert refusal(data.replace(SHEET.encode(), SHEET.upper().encode(), 1)) == "archive.corrupt"  # two names
    longer = bytearray(data)
    longer[-10] += 1
    assert refusal(bytes(longer)) == "archive.corrupt"  # its table of contents is longer than it says
    overlapping = zipped([("a.png", "x"), *package().items()])
    assert refusal(overlapping) == ""
    assert refusal(patched(overlapping, "a.png", 20, "<L", 60, own=18)) == "archive.corrupt"


def test_a_locked_part_is_said_to_be_locked():
    assert refusal(patched(zipped(package()), SHEET, 8, "<H", 1, own=6)) == "file.encrypted"


def test_a_part_that_would_be_too_large_is_not_unpacked():
    bomb = zipped(package() | {"xl/media/image1.png": b" " * 20_000_000})
    assert refusal(bomb) == "archive.expands_too_large"
    repeated = "".join(f'<row r="{n}"><c r="A{n}" t="str"><v>the same again</v></c></row>' for n in range(1, 150_000))
    assert refusal(zipped(package(repeated))) == ""  # ten megabytes, and honest
    assert refusal(zipped(package(repeated)), part_bytes=1_000_000) == "archive.expands_too_large"
    assert refusal(zipped(package(repeated)), expanded=1_000_000) == "archive.expands_too_large"


# The markup


@pytest.mark.parametrize(
    "part",
    [
        SHEET,
        "xl/sharedStrings.xml",
        "xl/styles.xml",
        "xl/workbook.xml",
        "[Content_Types].xml",
        "docProps/core.xml",
        "xl/a.rels",
    ],
)
def test_definitions_are_refused_in_every_part(part):
    assert refusal(zipped(package() | {part: DTD + "<a/>"})) == "xml.dtd_forbidden"


@pytest.mark.parametrize("part", [SHEET, "xl/sharedStrings.xml", "xl/styles.xml", "xl/workbook.xml"])
def test_depth_is_refused(part):
    assert refusal(zipped(package() | {part: "<a>" * 5000 + "</a>" * 5000})) == "xml.too_deep"
    assert refusal(rows(one('<c r="A1">' + "<is>" * 5000 + "</is>" * 5000 + "</c>"))) == "xml.too_deep"


def test_what_makes_readers_slow_is_refused():
    many = " ".join(f'a{n}="1"' for n in range(5000))
    assert refusal(rows(f"<row {many}/>")) == "xml.too_complex"
    assert refusal(rows(one(f'<c r="A1" {many}/>'))) == "xml.too_complex"
    assert refusal(rows("<!--" + "-x" * 1_500_000 + "-->")) == "xml.too_complex"


def test_parts_in_other_characters_than_the_reader_knows_are_refused():
    for encoding in ("UTF-16", "ISO-8859-1"):
        other = worksheet("").replace("UTF-8", encoding)
        assert refusal(zipped(package() | {SHEET: other.encode(encoding)})) == "file.corrupt"


def test_a_part_that_is_missing_or_no_markup_is_corrupt():
    parts = package()
    for name in (SHEET, "xl/_rels/workbook.xml.rels"):
        assert refusal(zipped({key: part for key, part in parts.items() if key != name})) == "file.corrupt"
    assert refusal(rows('<row r="1"><c r="A1"><v>1</c></row>')) == "file.corrupt"
    assert refusal(rows(one('<c r="A\u0100"><v>1</v></c>'))) == "file.corrupt"
    assert refusal(rows(one('<c r="D1"><f><c r="B1"><v>1</v></c></f><v>1</v></c>'))) == "file.corrupt"


def test_a_link_to_another_program_is_refused_and_one_to_another_workbook_is_not():
    link = '<externalLink xmlns="{}"><{} a="b"/></externalLink>'
    for kind, code in (("ddeLink", "file.active_content"), ("oleLink", "file.active_content"), ("externalBook", "")):
        assert refusal(zipped(package() | {"xl/externalLinks/externalLink1.xml": link.format(MAIN, kind)})) == code


# Size


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>', "limit.rows"),
        ('<row r="1"><c r="XFD1"><v>1</v></c></row>', "limit.columns"),
        ("<row><c><v>1</v></c></row>" * 300, "limit.rows"),
        ("<row>" + "<c><v>1</v></c>" * 100 + "</row>", "limit.columns"),
        ('<row r="1"><c r="AX1"><v>1</v></c></row><row r="200"><c r="A200"><v>1</v></c></row>', "limit.cells"),
        ("<row r='1'><c r='A900'><v>1</v></c></row>", "limit.rows"),
        ('<row r="200"><c r="A200"><v>1</v></c></row><row><c><v>1</v></c></row>', "limit.rows"),
        ("<x:row xmlns:x='a' r='1'><x:c r='A900'><x:v>1</x:v></x:c></x:row>", "limit.rows"),
    ],
)
def test_a_sheet_is_measured_by_its_filled_cells(cells, code):
    assert refusal(rows(cells), rows=200, columns=50, cells=5000) == code


def test_sheets_are_measured_together():
    wide = "|" + " a |" * 40 + "\n"
    two = workbook(wide * 80, name="One", Two=wide * 80)
    assert refusal(two, cells=6400) == ""
    assert refusal(two, cells=6399) == "limit.cells"
    table = ods_row(*["a"] * 40, repeated=80)
    two = zipped(ods(f'{table}</table:table><table:table table:name="Two">{table}'))
    assert refusal(two, "list.ods", cells=6400) == ""
    assert refusal(two, "list.ods", cells=6399) == "limit.cells"


def test_empty_cells_with_a_format_and_a_lying_dimension_do_not_count():
    far = '<row r="1"><c r="A1"><v>1</v></c><c r="XFD1" s="1"/></row><row r="1048576"><c r="C1048576" s="1"></c></row>'
    (marks,) = marks_of(rows('<dimension ref="A1:XFD1048576"/>' + far))
    assert (marks.rows, marks.columns) == (1, 1)


def test_a_text_longer_than_any_answer_is_refused():
    long = "y" * 1_100_000
    assert refusal(zipped(package(xl__sharedStrings__xml="")), "list.xlsx") == ""
    assert refusal(zipped(package() | {"xl/sharedStrings.xml": shared_strings(long + "<b/>")})) == "limit.cell_text"
    assert refusal(rows(one(f"<c r='A1' t='inlineStr'><is><t>{long}</t></is></c>"))) == "limit.cell_text"


def test_a_long_text_that_many_cells_share_counts_as_often_as_it_is_used():
    texts = {"xl/sharedStrings.xml": shared_strings("x" * 30_000, "short")}
    column = '<row r="{0}"><c r="A{0}" t="s"><v>{1}</v></c></row>'
    shared = "".join(column.format(n, 0) for n in range(1, 1001))
    mostly = "".join(column.format(n, int(n > 1)) for n in range(1, 1001))
    assert refusal(zipped(package(shared) | texts), all_text=5_000_000) == "archive.expands_too_large"
    assert refusal(zipped(package(mostly) | texts), all_text=5_000_000) == ""


def test_too_many_sheets_are_refused():
    book = Workbook()
    for _ in range(5):
        book.create_sheet()
    assert refusal(saved(book), sheets=5) == "limit.sheets"
    assert refusal(saved(book), sheets=6) == ""


# OpenDocument


def test_repeated_cells_of_an_ods_count_as_often_as_they_are_repeated():
    def code(markup: str) -> str:
        return refusal(zipped(ods(markup)), "list.ods", rows=200, columns=50, cells=5000, all_text=100_000)

    wide = ods_cell("x", ' table:number-columns-repeated="16384"')
    assert code(ods_row("x", repeated=1_048_576)) == "limit.rows"
    assert code(f"<table:table-row>{wide}</table:table-row>") == "limit.columns"
    assert code(ods_row(None, repeated=1000) + ods_row("x")) == "limit.rows"
    assert code(ods_row(*["x"] * 40, repeated=150)) == "limit.cells"
    assert code(ods_row("x" * 1000, repeated=150)) == "archive.expands_too_large"


def test_the_empty_rest_of_an_ods_does_not_count():
    rest = ' table:number-columns-repeated="16382"'
    full = ods_row("a", 1).replace("</table:table-row>", ods_cell(None, rest) + "</table:table-row>")
    empty = f'<table:table-row table:number-rows-repeated="1048574">{ods_cell(None, rest)}</table:table-row>'
    (marks,) = marks_of(zipped(ods(full * 2 + empty)), "list.ods")
    assert (marks.rows, marks.columns) == (2, 3)


def test_an_ods_with_macros_a_password_or_definitions_is_refused():
    def code(**more: str) -> str:
        return refusal(zipped(ods(ods_row("a"), **more)), "list.ods")

    locked = "<m:manifest xmlns:m='m'><m:file-entry><m:encryption-data/></m:file-entry></m:manifest>"
    event = (
        '<office:event-listeners><script:event-listener xlink:href="vnd.sun.star.script:a"/></office:event-listeners>'
    )
    assert code(**{"META-INF/manifest.xml": locked}) == "file.encrypted"
    assert code(**{"Basic/Standard/Module1.xml": "<a/>"}) == "file.active_content"
    assert code(**{"Basic/script-lc.xml": "<a/>", "Basic/Standard/script-lb.xml": "<a/>"}) == ""
    assert code(**{"Scripts/python/a.py": "a"}) == "file.active_content"
    assert code(**{"styles.xml": DTD + "<a/>"}) == "xml.dtd_forbidden"
    assert refusal(zipped(ods(ods_row("a"), before=DTD)), "list.ods") == "xml.dtd_forbidden"
    assert refusal(zipped(ods(event + ods_row("a"))), "list.ods") == "file.active_content"
    assert refusal(zipped(ods("<a>" * 5000 + "</a>" * 5000)), "list.ods") == "xml.too_deep"
    assert refusal(zipped(ods("</table:table><table:table>" * 200)), "list.ods") == "limit.sheets"


# Old workbooks


def test_an_old_workbook_with_a_password_or_macros_is_refused():
    def code(data: bytes) -> str:
        return refusal(data, "list.xls")

    assert code(old_workbook([["a"]])) == ""
    assert code(compound(Workbook=biff([["a"]], before=record(0x2F, b"\1\0")))) == "file.encrypted"
    assert refusal(compound(EncryptionInfo=b"a", EncryptedPackage=b"b"), "list.xlsx") == "file.encrypted"
    assert code(old_workbook([["a"]], _VBA_PROJECT_CUR=b"Sub a()")) == "file.active_content"
    assert code(old_workbook([["a"]], MBD0001=b"a")) == "file.active_content"
    assert code(compound(WordDocument=b"a")) == "file.type_mismatch"
    macros = biff([["a"]]).replace(
        struct.pack("<4B", 0, 0, 9, 0) + b"Suppliers", struct.pack("<4B", 0, 1, 9, 0) + b"Suppliers"
    )
    assert code(compound(Workbook=macros)) == "file.active_content"


def test_an_old_workbook_that_leads_into_itself_or_ends_in_a_record_is_corrupt():
    data = old_workbook([["a"]])
    for place in (2, 1):  # of the stream, of the directory
        held = bytearray(data)
        struct.pack_into("<L", held, 512 + 4 * place, place)
        assert refusal(bytes(held), "list.xls") == "file.corrupt"
    assert refusal(data[:1000], "list.xls") == "file.corrupt"
    assert (
        refusal(compound(Workbook=biff([["a"]])[:60] + struct.pack("<2H", 0x204, 0xFFFF)), "list.xls") == "file.corrupt"
    )


def test_an_old_workbook_is_measured():
    far = record(0x203, struct.pack("<3Hd", 60_000, 255, 0, 1.0))
    data = compound(Workbook=biff([["a"]], cells=far))
    assert refusal(data, "list.xls") == "limit.cells"
    assert refusal(data, "list.xls", rows=1000) == "limit.rows"


# What the gate tells of cells


# Raw cells as programs write them, and as they could be written.
CELLS = {
    "number": [
        '<c r="{}"><v>1</v></c>',
        '<c r="{}" t="n"><v>1</v></c>',
        "<c r='{}'><v>1</v></c>",
        '<c t="n" r="{}"><v>1</v></c>',
    ],
    "error": ['<c r="{}" t="e"><v>#N/A</v></c>', "<c r='{}' t='e'><v>#N/A</v></c>"],
    "formula": [
        '<c r="{}"><f>A1</f><v>1</v></c>',
        '<c r="{}" t="str"><f ca="1">A1</f><v></v></c>',
        "<c r='{}'><f>A1</f><v>1</v></c>",
    ],
    "no result": ['<c r="{}"><f>A1</f></c>', '<c r="{}"><f>A1</f><v/></c>', "<c r='{}'><f>A1</f></c>"],
    "error of a formula": [
        '<c r="{}" t="e"><f>A1</f><v>#REF!</v></c>',
        "<c r='{}' t='e'><f t='shared' si='0'/><v>#REF!</v></c>",
    ],
    "percent": ['<c r="{}" s="1"><v>0.5</v></c>', '<c s="1" r="{}"><v>0.5</v></c>'],
    "nothing": ['<c r="{}" s="2"/>', ""],
    "text": ['<c r="{}" t="inlineStr"><is><t>a</t></is></c>', '<c r="{}" t="inlineStr"><is><r><t>a</t></r></is></c>'],
}
WRITTEN = [(kind, form) for kind, forms in CELLS.items() for form in forms]
STYLES = f'<styleSheet xmlns="{MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="9"/><xf numFmtId="14"/></cellXfs></styleSheet>'


@examples(60)
@given(st.lists(st.lists(st.sampled_from(WRITTEN), max_size=6), max_size=8), st.booleans())
def test_marks_are_the_same_however_the_cells_are_written(grid, prefixed):
    markup = "".join(
        f'<row r="{row}">'
        + "".join(form.format(f"{chr(65 + at)}{row}") for at, (_, form) in enumerate(cells))
        + "</row>"
        for row, cells in enumerate(grid, 1)
    )
    sheet = worksheet(markup)
    if prefixed:
        sheet = re.sub("<(/?)(?=[a-z])", r"<\1x:", sheet).replace("xmlns=", "xmlns:x=")
    (marks,) = marks_of(zipped(package() | {SHEET: sheet, "xl/styles.xml": STYLES}))
    placed = [(row, at, kind) for row, cells in enumerate(grid, 1) for at, (kind, _) in enumerate(cells)]
    says = {"error": "#N/A", "error of a formula": "#REF!", "no result": NO_RESULT}

    def told(rows: dict) -> set:
        return {(row, column, said) for (column, said), found in rows.items() for row in found}

    assert told(marks.errors) == {(row, at, says[kind]) for row, at, kind in placed if kind in says}
    assert told(marks.formulas) == {
        (row, at, "") for row, at, kind in placed if "formula" in kind or kind == "no result"
    }
    assert told(marks.shown) == {(row, at, "%") for row, at, kind in placed if kind == "percent"}
    filled = [(row, at) for row, at, kind in placed if kind not in ("nothing", "no result")]
    assert max((row for row, _ in filled), default=0) <= marks.rows <= len(grid)
    assert max((at + 1 for _, at in filled), default=0) <= marks.columns <= max(map(len, grid), default=0)


def test_number_formats_that_say_something():
    told = {"0%": "%", "0.00%": "%", '0"%"': "", "00000": "00000", "0": "", "#,##0": "", "[Red]0%;-0": "%", r"0\%": ""}
    assert {code: shown_as(code) for code in told} == told


def test_every_code_has_a_sentence_and_a_cure_that_fit_a_person():
    for code, (sentence, cure) in REFUSALS.items():
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", code)
        assert sentence.endswith(".")
        assert cure.endswith(".")
    refused = Refused("limit.rows", "200,000 are read at most.")
    assert str(refused) == "The sheet has too many rows. 200,000 are read at most. Send the table in several files."
