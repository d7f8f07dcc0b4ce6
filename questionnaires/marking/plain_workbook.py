"""Write the sheets of any file as a plain workbook (.xlsx), each cell as text, to be marked like the sender's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

from questionnaires.marking.sheet_edit import FORMULA_LIKE, RELATIONSHIPS
from questionnaires.marking.workbook_edit import CONTENT_TYPES, SPREADSHEET_TYPE, WORKBOOK
from questionnaires.marking.xml_edit import escape_text
from questionnaires.sheet import Sheet, cell_name

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
TEXT_STYLE = 1  # a text that a program could take for a formula, marked as text
STYLES = (
    f'{HEAD}<styleSheet xmlns="{MAIN}"><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0" quotePrefix="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
MAX_NAME = 31  # characters of the name of a sheet
NOT_IN_NAMES = str.maketrans(dict.fromkeys("[]:*?/\\'", "_"))
BLOCK = 1000  # rows that are written at a time


def name_sheets(sheets: Sequence[Sheet]) -> list[str]:
    """Return a name for each sheet that a workbook may have: its own, as far as possible."""
    names: list[str] = []
    for sheet in sheets:
        name = sheet.name.translate(NOT_IN_NAMES)[:MAX_NAME].strip() or "Sheet"
        taken = {other.casefold() for other in names}
        numbered = (f"{name[: MAX_NAME - 5]} ({number})" for number in range(2, len(sheets) + 2))
        names.append(name if name.casefold() not in taken else next(n for n in numbered if n.casefold() not in taken))
    return names


def build_plain_workbook(sheets: Sequence[Sheet], names: Sequence[str]) -> bytes:
    """Return sheets as a workbook in which each cell is text and in its place."""
    kinds = {f"xl/worksheets/sheet{number}.xml": "worksheet" for number in range(1, len(sheets) + 1)}
    listed = "".join(
        f'<sheet name="{escape_text(name)}" sheetId="{number}" state="{"visible" if sheet.visible else "hidden"}" '
        f'r:id="rId{number}"/>'
        for number, (sheet, name) in enumerate(zip(sheets, names, strict=True), 1)
    )
    parts = {**kinds, "xl/styles.xml": "styles"}
    overrides = {WORKBOOK: "sheet.main", **parts}
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED, compresslevel=3) as archive:
        archive.writestr(
            CONTENT_TYPES,
            f'{HEAD}<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
            f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            + "".join(
                f'<Override PartName="/{path}" ContentType="{SPREADSHEET_TYPE}.{kind}+xml"/>'
                for path, kind in overrides.items()
            )
            + "</Types>",
        )
        archive.writestr("_rels/.rels", _relationships({WORKBOOK: "officeDocument"}))
        archive.writestr(
            WORKBOOK, f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{RELATIONSHIPS}"><sheets>{listed}</sheets></workbook>'
        )
        archive.writestr("xl/_rels/workbook.xml.rels", _relationships(parts))
        archive.writestr("xl/styles.xml", STYLES)
        for path, sheet in zip(kinds, sheets, strict=True):
            with archive.open(path, "w") as part:
                part.write(f'{HEAD}<worksheet xmlns="{MAIN}"><sheetData>'.encode())
                for rows in _write_rows(sheet):
                    part.write(rows.encode())
                part.write(b"</sheetData></worksheet>")
    return buffer.getvalue()


def _relationships(parts: dict[str, str]) -> str:
    elements = "".join(
        f'<Relationship Id="rId{number}" Type="{RELATIONSHIPS}/{kind}" Target="/{path}"/>'
        for number, (path, kind) in enumerate(parts.items(), 1)
    )
    return f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">{elements}</Relationships>'


def _write_rows(sheet: Sheet) -> Iterator[str]:
    """Yield the rows as XML, some at a time. An error stands as its text."""
    texts = [[_cell_content(text) for text in column.values] for column in sheet.columns]
    errors: dict[int, dict[int, str]] = {}
    for (row, column), text in sheet.errors.items():
        errors.setdefault(row, {})[column] = _cell_content(text)
    for begin in range(0, sheet.n_rows, BLOCK):
        codes = [column.codes[begin : begin + BLOCK].tolist() for column in sheet.columns]
        rows = []
        for at, row_codes in enumerate(zip(*codes, strict=True)):
            row = sheet.first_row + begin + at
            cells = {index: texts[index][code] for index, code in enumerate(row_codes) if code >= 0}
            cells |= errors.get(row, {})
            content = "".join(f'<c r="{cell_name(row, index)}"{cells[index]}' for index in sorted(cells))
            rows.append(f'<row r="{row}">{content}</row>')
        yield "".join(rows)


def _cell_content(text: str) -> str:
    style = f' s="{TEXT_STYLE}"' if text.startswith(FORMULA_LIKE) else ""
    return f'{style} t="inlineStr"><is><t xml:space="preserve">{escape_text(text)}</t></is></c>'
