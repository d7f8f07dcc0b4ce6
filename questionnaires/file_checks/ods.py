"""Examine every part of an .ods workbook before it is read, and return the flags of its cells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from questionnaires.file_checks.archive import inflate, read_contents
from questionnaires.file_checks.cell_flags import CellFlags, add_flag
from questionnaires.file_checks.xml import DEFINITIONS, MAX_CELL_TEXT, PlainElements, SafeXmlParser, contains
from questionnaires.limits import FileRefused, Limits

MAX_REPEATED_CELLS = (
    1_000_000  # filled cells that are written once and stand for many: a few bytes must not become gigabytes
)
SPREADSHEET = b"application/vnd.oasis.opendocument.spreadsheet"

# What nearly every row looks like: cells of one column each, none a percentage, formula or error, then only empty cells.
VALUE_TYPE = rb'"(?:string|float|date|time|currency|boolean)"'
CELL = (
    rb"<table:table-cell(?: (?:office|calcext):value-type="
    + VALUE_TYPE
    + rb'| office:(?:date-|time-|boolean-|string-)?value="[^"<]*+"'
    rb'| (?:table:style-name|office:currency|table:content-validation-name)="[^"<]*+")*+'
    rb"(?:/>|>(?:<text:p>[^<]*+</text:p>|<text:p/>)*+</table:table-cell>)"
)
EMPTY_REST = rb'<table:table-cell(?: table:style-name="[^"<]*+"| table:number-columns-repeated="\d+")*+/>'
ROW = (
    rb'<table:table-row(?: table:style-name="[^"<]*+")?+>(?:'
    + CELL
    + rb")*+(?:"
    + EMPTY_REST
    + rb")?+</table:table-row>"
)


def examine(data: bytes, limits: Limits) -> list[CellFlags]:
    """Examine every part of a workbook and return the cell flags of each sheet, in its order. Raises FileRefused."""
    parts = read_contents(data, limits)
    if not b"".join(inflate(data, parts["mimetype"])).startswith(SPREADSHEET):
        raise FileRefused("file.type_mismatch")
    for name, part in parts.items():
        if name == "META-INF/manifest.xml":
            SafeXmlParser(refuse_encrypted).read(inflate(data, part))
        elif name != "content.xml" and name.endswith((".xml", ".rdf")) and contains(inflate(data, part), DEFINITIONS):
            raise FileRefused("xml.dtd_forbidden")
    scanner = ContentScanner(limits)
    scanner.read(inflate(data, parts["content.xml"]))
    return scanner.sheets


def refuse_encrypted(name: str, attributes: Mapping[str, str]) -> None:
    """Refuse a part that is encrypted."""
    if name == "encryption-data":
        raise FileRefused("file.encrypted")


def get_attribute(attributes: Mapping[str, str], name: str) -> str:
    """Return an attribute whatever its prefix; "" if it is missing."""
    return next((value for key, value in attributes.items() if key.endswith(name)), "")


def get_repeat_count(attributes: Mapping[str, str], name: str) -> int:
    """Return how often a row or a cell is repeated."""
    number = get_attribute(attributes, name)
    return max(1, int(number)) if number.isdecimal() and len(number) < 10 else 1


CELL_START = re.compile(rb"<table:table-cell([^<>]*+)>")
STYLE_NAME = re.compile(rb' table:style-name="([^"]*+)"')


class ContentScanner:
    """Collects the flags of all sheets from the content of a workbook."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.sheets: list[CellFlags] = []
        self.row = 1  # the row that begins next, or has begun
        self.row_is_hidden = False
        self.row_repeats = self.column = self.total_text = self.repeated_cells = 0
        self.in_note = False
        self.cell_style = ""  # the style of cells that is being defined
        self.struck_styles: set[str] = set()
        self.cell: Mapping[str, str] = {}
        self.cells: list[tuple[int, int, Mapping[str, str], str]] = []
        self.value = ""

    def read(self, chunks: Iterator[bytes]) -> None:
        """Scan the whole document."""
        plain = PlainElements(b"<table:table-row", b"</table:table-row>", re.compile(ROW), self.handle_plain_row)
        SafeXmlParser(self.handle_start, self.handle_end, self.handle_text, plain).read(chunks)
        self.check_total_cells()

    def check_total_cells(self) -> None:
        """Refuse the workbook if its sheets together span too many cells."""
        total = sum(sheet.n_rows * sheet.n_columns for sheet in self.sheets)
        if total > self.limits.cells:
            raise FileRefused("limit.cells", f"It spans {total:,} cells.")

    def handle_plain_row(self, match: re.Match[bytes]) -> None:
        """Count a row without flags, by its markup alone."""
        if self.sheets and match.string.find(b":value-type=", match.start(), match.end()) > 0:
            width = match.string.count(b"<table:table-cell", match.start(), match.end())
            self.sheets[-1].add_filled_cell(self.row, width - 1, self.limits)
            for column, cell in enumerate(CELL_START.findall(match[0]) if self.struck_styles else ()):
                style = STYLE_NAME.search(cell)
                if style and style[1].decode() in self.struck_styles:
                    add_flag(self.sheets[-1].struck, column, "", self.row)
        self.row += 1

    def handle_start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Start a sheet, row or cell that is not plain."""
        if name == "table":
            self.check_total_cells()
            self.sheets.append(CellFlags())
            self.row = 1
            if len(self.sheets) > self.limits.sheets:
                raise FileRefused("limit.sheets", f"The maximum is {self.limits.sheets} sheets.")
        elif name == "table-row":
            self.row_repeats, self.column, self.cells = get_repeat_count(attributes, "number-rows-repeated"), 0, []
            self.row_is_hidden = get_attribute(attributes, ":visibility") in ("collapse", "filter")
            if get_attribute(attributes, ":visibility") == "filter" and self.sheets:
                self.sheets[-1].filters.append((self.row - 1, self.row + self.row_repeats - 1))
        elif name in ("table-cell", "covered-table-cell"):
            self.cell, self.value = attributes, ""
        elif name == "style":
            self.cell_style = (
                get_attribute(attributes, "style:name") if get_attribute(attributes, ":family") == "table-cell" else ""
            )
        elif name == "text-properties" and self.cell_style:
            if get_attribute(attributes, "line-through-style") not in ("", "none"):
                self.struck_styles.add(self.cell_style)
        elif name == "annotation":
            self.in_note = True
        elif name == "dde-link" or (name == "event-listener" and "script:" in get_attribute(attributes, "href")):
            raise FileRefused("file.active_content")

    def handle_text(self, text: str) -> None:
        """Add text to the current cell, unless it belongs to a note."""
        if not self.in_note:
            self.value += text
        if len(self.value) > MAX_CELL_TEXT:
            raise FileRefused("limit.cell_text")

    def handle_end(self, name: str) -> None:
        """Finish a cell or a row."""
        if name in ("table-cell", "covered-table-cell"):
            repeats = get_repeat_count(self.cell, "number-columns-repeated")
            if any(key.endswith(("value", "value-type")) for key in self.cell):
                self.cells.append((self.column, repeats, self.cell, self.value))
            spans = [get_repeat_count(self.cell, f"number-{kind}-spanned") for kind in ("rows", "columns")]
            if spans != [1, 1] and self.sheets and len(self.sheets[-1].merged) < MAX_REPEATED_CELLS:
                last = (
                    self.row + min(spans[0], self.limits.rows) - 1,
                    self.column + min(spans[1], self.limits.columns) - 1,
                )
                self.sheets[-1].merged.append((self.row, self.column, *last))
            self.column += repeats
        elif name == "table-row":
            self.finish_row()
        elif name == "annotation":
            self.in_note = False

    def finish_row(self) -> None:
        """Flag the cells of a row that is not plain, as often as they are repeated."""
        for column, repeats, cell, value in self.cells if self.sheets else ():
            flags = self.sheets[-1]
            flags.add_filled_cell(self.row + self.row_repeats - 1, column + repeats - 1, self.limits)
            self.repeated_cells += repeats * self.row_repeats - 1
            if self.repeated_cells > MAX_REPEATED_CELLS:
                raise FileRefused("limit.cells", "Cells are repeated too often.")
            self.total_text += len(value) * repeats * self.row_repeats
            if self.total_text > self.limits.all_text:
                raise FileRefused("archive.expands_too_large", "Too many cells repeat the same long text.")
            types = [value_type for key, value_type in cell.items() if key.endswith("value-type")]
            formula = get_attribute(cell, ":formula")
            is_struck = get_attribute(cell, ":style-name") in self.struck_styles
            is_flagged = formula or is_struck or "percentage" in types or "error" in types
            for row in range(self.row, self.row + self.row_repeats) if is_flagged else ():
                for cell_column in range(column, column + repeats):
                    if "error" in types:
                        add_flag(flags.errors, cell_column, value, row)
                    elif "percentage" in types:
                        add_flag(flags.displays, cell_column, "%", row)
                    if is_struck:
                        add_flag(flags.struck, cell_column, "", row)
                    if formula:
                        add_flag(flags.formulas, cell_column, "", row)
        if self.row_is_hidden and self.cells and self.sheets:
            self.sheets[-1].hidden.extend(range(self.row, self.row + self.row_repeats))
        self.row += self.row_repeats
        self.cells = []
