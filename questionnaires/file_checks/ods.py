"""The gate of an .ods workbook: every part looked at before the reader sees it, and the marks of its cells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from questionnaires.file_checks.archive import contents, inflate
from questionnaires.file_checks.cell_flags import Marks, mark
from questionnaires.file_checks.xml import DEFINITIONS, LONGEST_TEXT, Markup, Plain, has
from questionnaires.limits import Limits, Refused

SPREADSHEET = b"application/vnd.oasis.opendocument.spreadsheet"

# What nearly every row looks like: cells of one column each that are no percentage, formula or error, and an empty rest.
KIND = rb'"(?:string|float|date|time|currency|boolean)"'
CELL = (
    rb"<table:table-cell(?: (?:office|calcext):value-type="
    + KIND
    + rb'| office:(?:date-|time-|boolean-|string-)?value="[^"<]*+"'
    rb'| (?:table:style-name|office:currency|table:content-validation-name)="[^"<]*+")*+'
    rb"(?:/>|>(?:<text:p>[^<]*+</text:p>|<text:p/>)*+</table:table-cell>)"
)
REST = rb'<table:table-cell(?: table:style-name="[^"<]*+"| table:number-columns-repeated="\d+")*+/>'
ROW = rb'<table:table-row(?: table:style-name="[^"<]*+")?+>(?:' + CELL + rb")*+(?:" + REST + rb")?+</table:table-row>"


def examine(data: bytes, limits: Limits) -> list[Marks]:
    """The marks of every sheet of a workbook, in its order. Looks at every part. Raises Refused."""
    parts = contents(data, limits)
    if not b"".join(inflate(data, parts["mimetype"])).startswith(SPREADSHEET):
        raise Refused("file.type_mismatch")
    for name, part in parts.items():
        if name == "META-INF/manifest.xml":
            Markup(locked).read(inflate(data, part))
        elif name != "content.xml" and name.endswith((".xml", ".rdf")) and has(inflate(data, part), DEFINITIONS):
            raise Refused("xml.dtd_forbidden")
    content = Content(limits)
    content.read(inflate(data, parts["content.xml"]))
    return content.sheets


def locked(name: str, attributes: Mapping[str, str]) -> None:
    """Refuses a part that is encrypted."""
    if name == "encryption-data":
        raise Refused("file.encrypted")


def named(attributes: Mapping[str, str], name: str) -> str:
    """An attribute whatever its prefix."""
    return next((value for key, value in attributes.items() if key.endswith(name)), "")


def times(attributes: Mapping[str, str], name: str) -> int:
    """How often a row or a cell is repeated."""
    number = named(attributes, name)
    return max(1, int(number)) if number.isdecimal() and len(number) < 10 else 1


class Content:
    """The sheets while they are looked at."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.sheets: list[Marks] = []
        self.row = 1  # the row that begins next, or has begun
        self.rows = self.column = self.all_text = 0
        self.in_note = False
        self.cell: Mapping[str, str] = {}
        self.cells: list[tuple[int, int, Mapping[str, str], str]] = []
        self.value = ""

    def read(self, pieces: Iterator[bytes]) -> None:
        """Looks at the whole document."""
        plain = Plain(b"<table:table-row", b"</table:table-row>", re.compile(ROW), self.plain)
        Markup(self.start, self.end, self.text, plain).read(pieces)
        self.add_up()

    def add_up(self) -> None:
        """Counts the cells of the sheets so far."""
        spent = sum(sheet.rows * sheet.columns for sheet in self.sheets)
        if spent > self.limits.cells:
            raise Refused("limit.cells", f"It spans {spent:,}.")

    def plain(self, found: re.Match[bytes]) -> None:
        """A plain row."""
        if self.sheets and found.string.find(b":value-type=", found.start(), found.end()) > 0:
            width = found.string.count(b"<table:table-cell", found.start(), found.end())
            self.sheets[-1].filled(self.row, width - 1, self.limits)
        self.row += 1

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element of what is not plain."""
        if name == "table":
            self.add_up()
            self.sheets.append(Marks())
            self.row = 1
            if len(self.sheets) > self.limits.sheets:
                raise Refused("limit.sheets", f"{self.limits.sheets} are read at most.")
        elif name == "table-row":
            self.rows, self.column, self.cells = times(attributes, "number-rows-repeated"), 0, []
        elif name in ("table-cell", "covered-table-cell"):
            self.cell, self.value = attributes, ""
        elif name == "annotation":
            self.in_note = True
        elif name == "dde-link" or (name == "event-listener" and "script:" in named(attributes, "href")):
            raise Refused("file.active_content")

    def text(self, text: str) -> None:
        """A piece of text."""
        if not self.in_note:
            self.value += text
        if len(self.value) > LONGEST_TEXT:
            raise Refused("limit.cell_text")

    def end(self, name: str) -> None:
        """A cell or a row ends."""
        if name in ("table-cell", "covered-table-cell"):
            repeated = times(self.cell, "number-columns-repeated")
            if any(key.endswith(("value", "value-type")) for key in self.cell):
                self.cells.append((self.column, repeated, self.cell, self.value))
            self.column += repeated
        elif name == "table-row":
            self.end_row()
        elif name == "annotation":
            self.in_note = False

    def end_row(self) -> None:
        """A row that is not plain: what its cells say, as often as they are repeated."""
        for column, repeated, cell, value in self.cells if self.sheets else ():
            marks = self.sheets[-1]
            marks.filled(self.row + self.rows - 1, column + repeated - 1, self.limits)
            self.all_text += len(value) * repeated * self.rows
            if self.all_text > self.limits.all_text:
                raise Refused("archive.expands_too_large", "Its cells repeat long texts.")
            kinds = [kind for key, kind in cell.items() if key.endswith("value-type")]
            formula = named(cell, ":formula")
            for row in (
                range(self.row, self.row + self.rows) if formula or "percentage" in kinds or "error" in kinds else ()
            ):
                for at in range(column, column + repeated):
                    if "error" in kinds:
                        mark(marks.errors, at, value, row)
                    elif "percentage" in kinds:
                        mark(marks.shown, at, "%", row)
                    if formula:
                        mark(marks.formulas, at, "", row)
        self.row += self.rows
        self.cells = []
