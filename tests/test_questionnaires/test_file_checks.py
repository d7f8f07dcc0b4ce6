"""Which files are refused before they are read, and with which code; and that ordinary files pass.

Each hostile file is built here, part by part, and checked in this process; test_sheet.py shows that a crash of the reader
process does not spread.
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
    build_zip,
    compound,
    ods,
    ods_cell,
    ods_row,
    record,
    save_workbook,
    shared_strings,
    workbook,
    worksheet,
)
from sheets import xls as old_workbook
from sheets import xlsx as package

from questionnaires.file_checks import ods as ods_checks
from questionnaires.file_checks import xls, xlsx
from questionnaires.file_checks.cell_flags import NO_RESULT, CellFlags, parse_number_format
from questionnaires.file_checks.preflight import check_file
from questionnaires.limits import REFUSALS, FileRefused, Limits

EXAMINERS = {"xlsx": xlsx.examine, "ods": ods_checks.examine, "xls": xls.examine}
DTD = '<!DOCTYPE a [<!ENTITY a "b">]>'


def examine_file(data: bytes, name: str = "list.xlsx", **limits: int) -> list[CellFlags]:
    """Return the cell flags of the sheets of a file that passes."""
    kind = check_file(data, name, Limits(**limits))
    return EXAMINERS[kind](data, Limits(**limits)) if kind in EXAMINERS else []


def get_refusal_code(data: bytes, name: str = "list.xlsx", **limits: int) -> str:
    """Return the code with which a file is refused; "" if it passes."""
    try:
        examine_file(data, name, **limits)
    except FileRefused as refused:
        return refused.code
    return ""


def build_xlsx(*rows: str) -> bytes:
    """Build an .xlsx with these raw rows."""
    return build_zip(package("".join(rows)))


def build_row(cell: str) -> str:
    """Build a row with one raw cell."""
    return f'<row r="1">{cell}</row>'


def patch_archive(
    data: bytes, part: str, offset: int, number_format: str, value: int, *, own: int | None = None
) -> bytes:
    """Return an archive with a number of a part's entry in the table of contents (and of its own header, at ``own``) changed."""
    patched = bytearray(data)
    entry = patched.rfind(part.encode()) - 46
    assert patched[entry : entry + 4] == b"PK\1\2"
    local = struct.unpack_from("<L", patched, entry + 42)[0]
    struct.pack_into(number_format, patched, entry + offset, value)
    if own is not None:
        struct.pack_into(number_format, patched, local + own, value)
    return bytes(patched)


# Name, size and type


@pytest.mark.parametrize(
    "name",
    ["", "../list.xlsx", "..\\list.xlsx", "/etc/list.xlsx", "a\0.xlsx", "a\r\nb.xlsx", "a" * 300 + ".xlsx", "list.xlsx. ",
     "list\u202excod.xlsx", "<b>.xlsx", "a.xlsx;.csv", "a.xlsx::$DATA", "\udcff.xlsx"],
)  # fmt: skip
def test_a_file_name_that_is_a_path_a_header_or_two_names_is_refused(name):
    assert get_refusal_code(workbook("| a |"), name) == "file.bad_name"


@pytest.mark.parametrize("name", ["Fournisseurs (été) – v2.xlsx", "供应商 2026.xlsx", "Tier 1; final.XLSX", "-rf.xlsx"])
def test_ordinary_file_names_are_accepted(name):
    assert get_refusal_code(workbook("| a |"), name) == ""


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
    assert get_refusal_code(data, name) == code


def test_a_header_that_begins_with_id_is_not_taken_for_sylk():
    assert get_refusal_code(b"ID;Product;Country\n1;shrimp;TH\n", "list.csv") == ""


def test_a_workbook_under_the_wrong_extension_is_refused_with_its_real_type():
    with pytest.raises(FileRefused, match=r"\.xlsx file with the extension \.xls"):
        examine_file(workbook("| a |"), "list.xls")
    assert get_refusal_code(old_workbook([["a"]]), "list.xlsx") == "file.type_mismatch"
    assert get_refusal_code(workbook("| a |"), "list.csv") == "file.type_mismatch"


def test_a_file_over_the_size_limit_is_refused():
    assert get_refusal_code(workbook("| a |"), bytes=1000) == "upload.too_large"


def test_a_package_that_is_not_a_workbook_is_refused():
    assert (
        get_refusal_code(build_zip({"[Content_Types].xml": "<Types/>", "word/document.xml": "<a/>"}))
        == "file.type_mismatch"
    )
    assert (
        get_refusal_code(build_zip({"[Content_Types].xml": "<Types/>", "xl/workbook.bin": b"\0"}))
        == "file.type_mismatch"
    )
    assert get_refusal_code(build_zip({"a.txt": "b"})) == "file.type_mismatch"
    text = {**ods(""), "mimetype": "application/vnd.oasis.opendocument.text"}
    assert get_refusal_code(build_zip(text), "list.ods") == "file.type_mismatch"


@pytest.mark.parametrize(
    "part",
    ["xl/vbaProject.bin", "xl/macrosheets/sheet1.xml", "xl/activeX/activeX1.bin", "xl/embeddings/oleObject1.bin"],
)
def test_macros_and_embedded_files_are_refused_under_any_extension(part):
    data = build_zip(package() | {part: b"x"})
    assert get_refusal_code(data, "list.xlsx") == "file.active_content"
    assert get_refusal_code(data, "list.xlsm") == "file.active_content"


def test_an_xlsm_without_macros_is_read_and_an_xlsb_is_not():
    types = str(package()["[Content_Types].xml"]).replace(
        "openxmlformats-officedocument.spreadsheetml.sheet.main", "ms-excel.sheet.macroEnabled.main"
    )
    data = build_zip(package() | {"[Content_Types].xml": types})
    assert get_refusal_code(data, "list.xlsm") == get_refusal_code(workbook("| a |"), "list.xlsm") == ""
    assert get_refusal_code(data, "list.xlsb") == "file.type_not_allowed"


def test_a_content_type_that_mentions_macros_is_refused():
    types = str(package()["[Content_Types].xml"])
    macro = '<Default Extension="bin" ContentType="application/vnd.ms-office.vbaProject"/></Types>'
    for changed in (
        types.replace("spreadsheetml.sheet.main", "ms-excel.sheet.macroEnabled.main"),
        types.replace("</Types>", macro),
    ):
        assert get_refusal_code(build_zip(package() | {"[Content_Types].xml": changed})) == "file.active_content"


# The zip archive


@pytest.mark.parametrize(
    "name", ["../../a.xml", "/etc/a.xml", "xl\\a.xml", "C:/a.xml", "xl/../../a.xml", "xl//a.xml", "a\x01.xml"]
)
def test_a_part_whose_name_is_a_path_is_refused(name):
    assert get_refusal_code(build_zip(package() | {name: "<a/>"})) == "archive.bad_entry_name"


def test_a_part_that_is_a_link_is_refused():
    data = build_zip(package() | {"xl/link.xml": "/etc/passwd"})
    assert get_refusal_code(patch_archive(data, "xl/link.xml", 38, "<L", 0o120777 << 16)) == "archive.bad_entry_name"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", [SHEET, "xl/Worksheets/Sheet1.xml"])
def test_a_duplicate_part_is_refused(name):
    assert get_refusal_code(build_zip([*package().items(), (name, "<a/>")])) == "archive.duplicate_entry"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_only_stored_and_deflated_parts_are_accepted(method):
    assert get_refusal_code(build_zip(package(), method)) == "archive.bad_compression"
    assert get_refusal_code(build_zip(package(), zipfile.ZIP_STORED)) == ""


def test_unexpected_parts_are_refused():
    for name in ("xl/run.exe", "xl/more.zip", "page.html"):
        assert get_refusal_code(build_zip(package() | {name: b"x"})) == "archive.unexpected_part"
    usual = {"xl/media/image1.png": b"x", "xl/metadata": b"x", "xl/printerSettings/printerSettings1.bin": b"x"}
    assert get_refusal_code(build_zip(package() | usual)) == ""


def test_too_many_parts_are_refused():
    assert (
        get_refusal_code(build_zip(package() | {f"xl/a{n}.xml": "<a/>" for n in range(50)}), entries=40)
        == "archive.too_many_entries"
    )


def test_an_archive_whose_table_of_contents_is_false_is_refused():
    data = build_zip(package())
    assert get_refusal_code(b"PK\3\4" + data) == "archive.corrupt"
    assert get_refusal_code(data + b"more") == "archive.corrupt"
    assert get_refusal_code(data[: len(data) // 2]) == "archive.corrupt"
    assert get_refusal_code(patch_archive(data, SHEET, 24, "<L", 10)) == "archive.corrupt"  # two sizes
    assert (
        get_refusal_code(patch_archive(data, SHEET, 24, "<L", 10, own=22)) == "archive.expands_too_large"
    )  # longer than it says
    assert (
        get_refusal_code(patch_archive(data, SHEET, 24, "<L", 9999, own=22)) == "archive.corrupt"
    )  # shorter than it says
    assert get_refusal_code(patch_archive(data, SHEET, 16, "<L", 1, own=14)) == "archive.corrupt"  # another checksum
    assert get_refusal_code(data.replace(SHEET.encode(), SHEET.upper().encode(), 1)) == "archive.corrupt"  # two names
    longer = bytearray(data)
    longer[-10] += 1
    assert get_refusal_code(bytes(longer)) == "archive.corrupt"  # its table of contents is longer than it says
    overlapping = build_zip([("a.png", "x"), *package().items()])
    assert get_refusal_code(overlapping) == ""
    assert get_refusal_code(patch_archive(overlapping, "a.png", 20, "<L", 60, own=18)) == "archive.corrupt"


def test_an_encrypted_part_is_refused_as_encrypted():
    assert get_refusal_code(patch_archive(build_zip(package()), SHEET, 8, "<H", 1, own=6)) == "file.encrypted"


def test_a_part_that_would_inflate_too_large_is_not_inflated():
    bomb = build_zip(package() | {"xl/media/image1.png": b" " * 20_000_000})
    assert get_refusal_code(bomb) == "archive.expands_too_large"
    repeated = "".join(f'<row r="{n}"><c r="A{n}" t="str"><v>the same again</v></c></row>' for n in range(1, 150_000))
    assert get_refusal_code(build_zip(package(repeated))) == ""  # ten megabytes, and honest
    assert get_refusal_code(build_zip(package(repeated)), part_bytes=1_000_000) == "archive.expands_too_large"
    assert get_refusal_code(build_zip(package(repeated)), expanded=1_000_000) == "archive.expands_too_large"


# XML


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
def test_a_dtd_is_refused_in_every_part(part):
    assert get_refusal_code(build_zip(package() | {part: DTD + "<a/>"})) == "xml.dtd_forbidden"


@pytest.mark.parametrize("part", [SHEET, "xl/sharedStrings.xml", "xl/styles.xml", "xl/workbook.xml"])
def test_deep_nesting_is_refused(part):
    assert get_refusal_code(build_zip(package() | {part: "<a>" * 5000 + "</a>" * 5000})) == "xml.too_deep"
    assert (
        get_refusal_code(build_xlsx(build_row('<c r="A1">' + "<is>" * 5000 + "</is>" * 5000 + "</c>")))
        == "xml.too_deep"
    )


def test_markup_that_makes_parsers_slow_is_refused():
    many = " ".join(f'a{n}="1"' for n in range(5000))
    assert get_refusal_code(build_xlsx(f"<row {many}/>")) == "xml.too_complex"
    assert get_refusal_code(build_xlsx(build_row(f'<c r="A1" {many}/>'))) == "xml.too_complex"
    assert get_refusal_code(build_xlsx("<!--" + "-x" * 1_500_000 + "-->")) == "xml.too_complex"


def test_parts_in_an_encoding_other_than_utf_8_are_refused():
    for encoding in ("UTF-16", "ISO-8859-1"):
        other = worksheet("").replace("UTF-8", encoding)
        assert get_refusal_code(build_zip(package() | {SHEET: other.encode(encoding)})) == "file.corrupt"


def test_a_missing_or_malformed_part_is_corrupt():
    parts = package()
    for name in (SHEET, "xl/_rels/workbook.xml.rels"):
        assert get_refusal_code(build_zip({key: part for key, part in parts.items() if key != name})) == "file.corrupt"
    assert get_refusal_code(build_xlsx('<row r="1"><c r="A1"><v>1</c></row>')) == "file.corrupt"
    assert get_refusal_code(build_xlsx(build_row('<c r="A\u0100"><v>1</v></c>'))) == "file.corrupt"
    assert (
        get_refusal_code(build_xlsx(build_row('<c r="D1"><f><c r="B1"><v>1</v></c></f><v>1</v></c>'))) == "file.corrupt"
    )


def test_a_link_to_a_program_is_refused_and_one_to_a_workbook_is_not():
    link = '<externalLink xmlns="{}"><{} a="b"/></externalLink>'
    for kind, code in (("ddeLink", "file.active_content"), ("oleLink", "file.active_content"), ("externalBook", "")):
        assert (
            get_refusal_code(build_zip(package() | {"xl/externalLinks/externalLink1.xml": link.format(MAIN, kind)}))
            == code
        )


# Limits


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>', "limit.rows"),
        ('<row r="1"><c r="XFD1"><v>1</v></c></row>', "limit.columns"),
        ("<row><c><v>1</v></c></row>" * 300, "limit.rows"),
        ("<row>" + "<c><v>1</v></c>" * 100 + "</row>", "limit.columns"),
        ('<row r="1"><c r="AX1"><v>1</v></c></row><row r="200"><c r="A200"><v>1</v></c></row>', "limit.cells"),
        ("<row r='1'><c r='A900'><v>1</v></c></row>", "limit.rows"),
        ('<row r="200"><c r="A200"><v>1</v></c></row><row><c><v>1</v></c></row>', ""),  # 200 rows under a header
        ('<row r="201"><c r="A201"><v>1</v></c></row><row><c><v>1</v></c></row>', "limit.rows"),
        ("<x:row xmlns:x='a' r='1'><x:c r='A900'><x:v>1</x:v></x:c></x:row>", "limit.rows"),
    ],
)
def test_the_limits_apply_to_the_filled_cells_of_a_sheet(cells, code):
    assert get_refusal_code(build_xlsx(cells), rows=200, columns=50, cells=5000) == code


def test_the_limit_of_cells_applies_to_all_sheets_together():
    wide = "|" + " a |" * 40 + "\n"
    two = workbook(wide * 80, name="One", Two=wide * 80)
    assert get_refusal_code(two, cells=6400) == ""
    assert get_refusal_code(two, cells=6399) == "limit.cells"
    table = ods_row(*["a"] * 40, repeated=80)
    two = build_zip(ods(f'{table}</table:table><table:table table:name="Two">{table}'))
    assert get_refusal_code(two, "list.ods", cells=6400) == ""
    assert get_refusal_code(two, "list.ods", cells=6399) == "limit.cells"


def test_formatted_empty_cells_and_a_false_dimension_do_not_count():
    far = '<row r="1"><c r="A1"><v>1</v></c><c r="XFD1" s="1"/></row><row r="1048576"><c r="C1048576" s="1"></c></row>'
    (flags,) = examine_file(build_xlsx('<dimension ref="A1:XFD1048576"/>' + far))
    assert (flags.n_rows, flags.n_columns) == (1, 1)


def test_a_cell_with_an_excessively_long_text_is_refused():
    long = "y" * 1_100_000
    assert get_refusal_code(build_zip(package(xl__sharedStrings__xml="")), "list.xlsx") == ""
    assert (
        get_refusal_code(build_zip(package() | {"xl/sharedStrings.xml": shared_strings(long + "<b/>")}))
        == "limit.cell_text"
    )
    assert (
        get_refusal_code(build_xlsx(build_row(f"<c r='A1' t='inlineStr'><is><t>{long}</t></is></c>")))
        == "limit.cell_text"
    )


def test_a_shared_text_counts_as_often_as_cells_use_it():
    texts = {"xl/sharedStrings.xml": shared_strings("x" * 30_000, "short")}
    column = '<row r="{0}"><c r="A{0}" t="s"><v>{1}</v></c></row>'
    shared = "".join(column.format(n, 0) for n in range(1, 1001))
    mostly = "".join(column.format(n, int(n > 1)) for n in range(1, 1001))
    assert get_refusal_code(build_zip(package(shared) | texts), all_text=5_000_000) == "archive.expands_too_large"
    assert get_refusal_code(build_zip(package(mostly) | texts), all_text=5_000_000) == ""


def test_an_empty_shared_text_does_not_move_the_length_of_the_next():
    after_empty = {"xl/sharedStrings.xml": shared_strings("x" * 30_000).replace("<si>", "<si/><si>", 1)}
    column = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>1</v></c></row>' for n in range(1, 1001))
    assert get_refusal_code(build_zip(package(column) | after_empty), all_text=5_000_000) == "archive.expands_too_large"


def test_too_many_sheets_are_refused():
    book = Workbook()
    for _ in range(5):
        book.create_sheet()
    assert get_refusal_code(save_workbook(book), sheets=5) == "limit.sheets"
    assert get_refusal_code(save_workbook(book), sheets=6) == ""


# OpenDocument


def test_repeated_ods_cells_count_as_often_as_they_are_repeated():
    def get_code(markup: str) -> str:
        return get_refusal_code(build_zip(ods(markup)), "list.ods", rows=200, columns=50, cells=5000, all_text=100_000)

    wide = ods_cell("x", ' table:number-columns-repeated="16384"')
    assert get_code(ods_row("x", repeated=1_048_576)) == "limit.rows"
    assert get_code(f"<table:table-row>{wide}</table:table-row>") == "limit.columns"
    assert get_code(ods_row(None, repeated=1000) + ods_row("x")) == "limit.rows"
    assert get_code(ods_row(*["x"] * 40, repeated=150)) == "limit.cells"
    assert get_code(ods_row("x" * 1000, repeated=150)) == "archive.expands_too_large"


def test_a_filled_ods_cell_is_not_repeated_a_million_times():
    cell = ods_cell("x", ' table:number-columns-repeated="40"')
    row = f'<table:table-row table:number-rows-repeated="{{}}">{cell}</table:table-row>'
    assert get_refusal_code(build_zip(ods(row.format(25_000))), "list.ods") == ""
    assert get_refusal_code(build_zip(ods(row.format(25_100))), "list.ods") == "limit.cells"


def test_a_shared_text_that_does_not_exist_is_refused():
    texts = shared_strings("a", "b").replace("</sst>", "<si/></sst>")

    def get_code(number: object, more: str = "") -> str:
        cell = f'<row r="1"><c r="A1" t="s"{more}><v>{number}</v></c></row>'
        return get_refusal_code(build_zip(package(cell, **{"xl__sharedStrings.xml": texts})))

    assert get_code(2) == get_code(0) == ""
    for more in ("", ' ph="1"'):  # a cell like most, and one that is parsed
        assert get_code(3, more) == get_code("+3", more) == get_code(99_999_999_999, more) == "file.corrupt"


@pytest.mark.parametrize("character", ["\x01", "\x0b", "\ufffe", "&#1;", "&#x1F;", "&#00011;", "&#xFFFF;", "&#xD800;"])
def test_characters_that_xml_forbids_are_refused(character):
    def get_code(text: str) -> str:
        return get_refusal_code(
            build_zip(package(f'<row r="1"><c r="A1" t="inlineStr"><is><t>{text}</t></is></c></row>'))
        )

    assert get_code("a&#x41;&#10;\t\u00e9\ufffd") == ""
    assert get_code(f"a{character}b") == "xml.forbidden_character"
    shared = package(**{"xl__sharedStrings.xml": shared_strings(f"a{character}")})
    assert get_refusal_code(build_zip(shared)) == "xml.forbidden_character"
    assert get_refusal_code(build_zip(ods(ods_row(f"a{character}"))), "list.ods") == "xml.forbidden_character"


def test_trailing_empty_ods_cells_do_not_count():
    rest = ' table:number-columns-repeated="16382"'
    full = ods_row("a", 1).replace("</table:table-row>", ods_cell(None, rest) + "</table:table-row>")
    empty = f'<table:table-row table:number-rows-repeated="1048574">{ods_cell(None, rest)}</table:table-row>'
    (flags,) = examine_file(build_zip(ods(full * 2 + empty)), "list.ods")
    assert (flags.n_rows, flags.n_columns) == (2, 3)


def test_an_ods_with_macros_a_password_or_a_dtd_is_refused():
    def get_code(**extra_parts: str) -> str:
        return get_refusal_code(build_zip(ods(ods_row("a"), **extra_parts)), "list.ods")

    encrypted = "<m:manifest xmlns:m='m'><m:file-entry><m:encryption-data/></m:file-entry></m:manifest>"
    event = (
        '<office:event-listeners><script:event-listener xlink:href="vnd.sun.star.script:a"/></office:event-listeners>'
    )
    assert get_code(**{"META-INF/manifest.xml": encrypted}) == "file.encrypted"
    assert get_code(**{"Basic/Standard/Module1.xml": "<a/>"}) == "file.active_content"
    assert get_code(**{"Basic/script-lc.xml": "<a/>", "Basic/Standard/script-lb.xml": "<a/>"}) == ""
    assert get_code(**{"Scripts/python/a.py": "a"}) == "file.active_content"
    assert get_code(**{"styles.xml": DTD + "<a/>"}) == "xml.dtd_forbidden"
    assert get_refusal_code(build_zip(ods(ods_row("a"), before=DTD)), "list.ods") == "xml.dtd_forbidden"
    assert get_refusal_code(build_zip(ods(event + ods_row("a"))), "list.ods") == "file.active_content"
    assert get_refusal_code(build_zip(ods("<a>" * 5000 + "</a>" * 5000)), "list.ods") == "xml.too_deep"
    assert get_refusal_code(build_zip(ods("</table:table><table:table>" * 200)), "list.ods") == "limit.sheets"


# Workbooks in the old binary format


def test_an_xls_with_a_password_or_macros_is_refused():
    def get_code(data: bytes) -> str:
        return get_refusal_code(data, "list.xls")

    assert get_code(old_workbook([["a"]])) == ""
    assert get_code(compound(Workbook=biff([["a"]], before=record(0x2F, b"\1\0")))) == "file.encrypted"
    assert get_refusal_code(compound(EncryptionInfo=b"a", EncryptedPackage=b"b"), "list.xlsx") == "file.encrypted"
    assert get_code(old_workbook([["a"]], _VBA_PROJECT_CUR=b"Sub a()")) == "file.active_content"
    assert get_code(old_workbook([["a"]], MBD0001=b"a")) == "file.active_content"
    assert get_code(compound(WordDocument=b"a")) == "file.type_mismatch"
    macros = biff([["a"]]).replace(
        struct.pack("<4B", 0, 0, 9, 0) + b"Suppliers", struct.pack("<4B", 0, 1, 9, 0) + b"Suppliers"
    )
    assert get_code(compound(Workbook=macros)) == "file.active_content"


def test_an_xls_with_circular_sectors_or_a_cut_record_is_corrupt():
    data = old_workbook([["a"]])
    for sector in (2, 1):  # of the stream, of the directory
        patched = bytearray(data)
        struct.pack_into("<L", patched, 512 + 4 * sector, sector)
        assert get_refusal_code(bytes(patched), "list.xls") == "file.corrupt"
    assert get_refusal_code(data[:1000], "list.xls") == "file.corrupt"
    assert (
        get_refusal_code(compound(Workbook=biff([["a"]])[:60] + struct.pack("<2H", 0x204, 0xFFFF)), "list.xls")
        == "file.corrupt"
    )


def test_the_limits_apply_to_an_xls():
    far = record(0x203, struct.pack("<3Hd", 60_000, 255, 0, 1.0))
    data = compound(Workbook=biff([["a"]], cells=far))
    assert get_refusal_code(data, "list.xls") == "limit.cells"
    assert get_refusal_code(data, "list.xls", rows=1000) == "limit.rows"


# Cell flags


# Raw cells as programs write them, and in other valid notations.
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
NOTATIONS = [(kind, notation) for kind, notations in CELLS.items() for notation in notations]
STYLES = f'<styleSheet xmlns="{MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="9"/><xf numFmtId="14"/></cellXfs></styleSheet>'


@examples(60)
@given(st.lists(st.lists(st.sampled_from(NOTATIONS), max_size=6), max_size=8), st.booleans())
def test_cell_flags_do_not_depend_on_the_notation_of_the_cells(grid, prefixed):
    markup = "".join(
        f'<row r="{row}">'
        + "".join(notation.format(f"{chr(65 + column)}{row}") for column, (_, notation) in enumerate(cells))
        + "</row>"
        for row, cells in enumerate(grid, 1)
    )
    sheet = worksheet(markup)
    if prefixed:
        sheet = re.sub("<(/?)(?=[a-z])", r"<\1x:", sheet).replace("xmlns=", "xmlns:x=")
    (flags,) = examine_file(build_zip(package() | {SHEET: sheet, "xl/styles.xml": STYLES}))
    kinds = [(row, column, kind) for row, cells in enumerate(grid, 1) for column, (kind, _) in enumerate(cells)]
    texts = {"error": "#N/A", "error of a formula": "#REF!", "no result": NO_RESULT}

    def list_flags(flagged: dict) -> set:
        return {(row, column, text) for (column, text), rows in flagged.items() for row in rows}

    assert list_flags(flags.errors) == {(row, column, texts[kind]) for row, column, kind in kinds if kind in texts}
    assert list_flags(flags.formulas) == {
        (row, column, "") for row, column, kind in kinds if "formula" in kind or kind == "no result"
    }
    assert list_flags(flags.displays) == {(row, column, "%") for row, column, kind in kinds if kind == "percent"}
    filled = [(row, column) for row, column, kind in kinds if kind not in ("nothing", "no result")]
    assert max((row for row, _ in filled), default=0) <= flags.n_rows <= len(grid)
    assert max((column + 1 for _, column in filled), default=0) <= flags.n_columns <= max(map(len, grid), default=0)


def test_only_number_formats_that_carry_meaning_are_parsed():
    displays = {
        "0%": "%",
        "0.00%": "%",
        '0"%"': "",
        "00000": "00000",
        "0": "",
        "#,##0": "",
        "[Red]0%;-0": "%",
        r"0\%": "",
    }
    assert {code: parse_number_format(code) for code in displays} == displays


def test_every_refusal_has_a_full_sentence_and_a_fix():
    for code, (sentence, cure) in REFUSALS.items():
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", code)
        assert sentence.endswith(".")
        assert cure.endswith(".")
    refused = FileRefused("limit.rows", "The maximum is 200,000 rows.")
    assert (
        str(refused) == "The sheet has too many rows. The maximum is 200,000 rows. Split the table into several files."
    )
