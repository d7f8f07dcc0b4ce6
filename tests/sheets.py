"""Files made in the test: a Markdown table becomes the bytes of a workbook or of a text file, and parts become a package.

``workbook("| Supplier | Workers |", "| Blue Lagoon | 12 |")`` is an .xlsx with one sheet; a cell that is a plain number is
one, all else is text. The raw builders below it are for what no library would write.
"""

import csv
import io
import re
import struct
import zipfile
from collections.abc import Iterable, Mapping

from openpyxl import Workbook

NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?", re.ASCII)
Cell = str | int | float | None


def parse_table(*lines: str) -> list[list[str]]:
    """Return the cells of a Markdown table, given as lines or as one text; a rule (|---|) is passed over."""
    table = [line.strip() for text in lines for line in text.strip().splitlines()]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return [row for row in rows if not all(re.fullmatch(":?-{3,}:?", cell) for cell in row)]


def parse_cell(text: str) -> Cell:
    """Return a number if the text is plainly one, None if it is empty, otherwise the text."""
    if NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text or None


def workbook(*lines: str, name: str = "Suppliers", **others: str) -> bytes:
    """An .xlsx with the table in a sheet called ``name``, and one more sheet for each other table."""
    book = Workbook()
    del book["Sheet"]
    for title, table in {name: "\n".join(lines), **others}.items():
        sheet = book.create_sheet(title)
        for row in parse_table(table):
            sheet.append([parse_cell(text) for text in row])
    return save_workbook(book)


def save_workbook(book: Workbook) -> bytes:
    """Return the bytes of a workbook."""
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def text(*lines: str, delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    """Return the table as a text file."""
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows(parse_table(*lines))
    return buffer.getvalue().encode(encoding)


# Packages of raw parts


def build_zip(
    parts: Mapping[str, str | bytes] | Iterable[tuple[str, str | bytes]], method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """A zip archive of parts by name; a list of pairs may hold a name twice."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in parts.items() if isinstance(parts, Mapping) else parts:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
SHEET = "xl/worksheets/sheet1.xml"


def worksheet(rows: str, before: str = "") -> str:
    """A sheet of raw rows."""
    return f'<?xml version="1.0" encoding="UTF-8"?>{before}<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def xlsx(rows: str = '<row r="1"><c r="A1"><v>1</v></c></row>', **changed: str | bytes) -> dict[str, str | bytes]:
    """The parts of an .xlsx with one sheet of raw rows. ``changed`` are parts by their names, with / written __."""
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r" Type="{OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="Suppliers" sheetId="1" r:id="r1"/>'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" '
        f'Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        SHEET: worksheet(rows),
    }
    return parts | {name.replace("__", "/"): content for name, content in changed.items()}


def shared_strings(*texts: str) -> str:
    """The texts that cells share."""
    return f'<sst xmlns="{MAIN}">' + "".join(f"<si><t>{text}</t></si>" for text in texts) + "</sst>"


SPREADSHEET = "application/vnd.oasis.opendocument.spreadsheet"
OASIS = "urn:oasis:names:tc:opendocument:xmlns"


def ods(rows: str, before: str = "", **more: str | bytes) -> dict[str, str | bytes]:
    """The parts of an .ods with one sheet of raw rows."""
    names = " ".join(f'xmlns:{name}="{OASIS}:{name}:1.0"' for name in ("office", "table", "text", "script"))
    return {
        "mimetype": SPREADSHEET,
        "META-INF/manifest.xml": f'<manifest:manifest xmlns:manifest="{OASIS}:manifest:1.0"><manifest:file-entry '
        f'manifest:full-path="/" manifest:media-type="{SPREADSHEET}"/></manifest:manifest>',
        "content.xml": f'<?xml version="1.0" encoding="UTF-8"?>{before}<office:document-content {names} '
        'xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:calcext="urn:calcext"><office:body><office:spreadsheet>'
        f'<table:table table:name="Suppliers">{rows}</table:table></office:spreadsheet></office:body></office:document-content>',
        **{name.replace("__", "/"): content for name, content in more.items()},
    }


def ods_row(*cells: Cell, repeated: int = 1) -> str:
    """A row of an .ods as LibreOffice writes it."""
    times = f' table:number-rows-repeated="{repeated}"' if repeated > 1 else ""
    return f"<table:table-row{times}>" + "".join(ods_cell(cell) for cell in cells) + "</table:table-row>"


def ods_cell(value: Cell, attributes: str = "") -> str:
    """A cell of an .ods."""
    if value is None:
        return f"<table:table-cell{attributes}/>"
    kind = (
        'office:value-type="string"' if isinstance(value, str) else f'office:value-type="float" office:value="{value}"'
    )
    return f"<table:table-cell {kind}{attributes}><text:p>{value}</text:p></table:table-cell>"


# Old workbooks


def record(kind: int, content: bytes = b"") -> bytes:
    """A record of an .xls."""
    return struct.pack("<2H", kind, len(content)) + content


def biff(rows: Iterable[Iterable[Cell]], before: bytes = b"", cells: bytes = b"") -> bytes:
    """The stream of an .xls with one sheet; ``before`` are records of the workbook, ``cells`` of the sheet."""
    opening, title = struct.pack("<4H2L", 0x600, 5, 0xDBB, 1996, 0, 6), b"Suppliers"
    here = len(record(0x809, opening)) + len(before) + 4 + 8 + len(title) + 4
    listed = struct.pack("<L4B", here, 0, 0, len(title), 0) + title
    stream = record(0x809, opening) + before + record(0x85, listed) + record(0x0A)
    stream += record(0x809, struct.pack("<4H2L", 0x600, 0x10, 0xDBB, 1996, 0, 6))
    for at, row in enumerate(rows):
        for column, value in enumerate(row):
            place = struct.pack("<3H", at, column, 0)
            if isinstance(value, str):
                stream += record(0x204, place + struct.pack("<HB", len(value), 1) + value.encode("utf-16-le"))
            elif value is not None:
                stream += record(0x203, place + struct.pack("<d", value))
    return stream + cells + record(0x0A)


def compound(**streams: bytes) -> bytes:
    """An OLE2 file of a few streams, each of sectors in a row: the table of sectors, the directory, then the streams."""
    free, end, sector = 0xFFFFFFFF, 0xFFFFFFFE, 512
    contents = [content.ljust(max(4096, -(-len(content) // sector) * sector), b"\0") for content in streams.values()]
    n_directory = -(-(1 + len(streams)) // 4)
    table = [0xFFFFFFFD, *range(2, 1 + n_directory), end]
    entries = [("Root Entry", 5, end, 0, 1 if streams else free)]
    for name, content in zip(streams, contents, strict=True):
        first = len(table)
        table += [*range(first + 1, first + len(content) // sector), end]
        entries.append((name, 2, first, len(content), free))
    directory = b""
    for at, (name, kind, first, size, child) in enumerate(entries):
        after = at + 1 if kind == 2 and at + 1 < len(entries) else free
        coded = name.encode("utf-16-le") + b"\0\0"
        directory += coded.ljust(64, b"\0") + struct.pack("<H2B3L", len(coded), kind, 1, free, after, child)
        directory += bytes(36) + struct.pack("<LQ", first, size)
    directory = directory.ljust(n_directory * sector, b"\0")
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<5H6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<9L", 0, 1, 1, 0, 4096, end, 0, end, 0) + struct.pack("<109L", 0, *[free] * 108)
    assert len(table) <= sector // 4, "one sector of the table is enough for a test"
    return (
        head
        + struct.pack(f"<{sector // 4}L", *table, *[free] * (sector // 4 - len(table)))
        + directory
        + b"".join(contents)
    )


def xls(rows: Iterable[Iterable[Cell]], **more: bytes) -> bytes:
    """An .xls with one sheet."""
    return compound(Workbook=biff(rows), **more)
