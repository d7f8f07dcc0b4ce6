"""Mark the cells of one worksheet of an .xlsx file and write a column of results; everything else stays byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from questionnaires.marking.marks import SheetMarks, parse_cell
from questionnaires.marking.own_marks import RESULT_HEADER
from questionnaires.marking.xml_edit import (
    Element,
    NotEditable,
    Splice,
    add_prefix,
    escape_text,
    get_prefix,
    scan,
    set_attributes,
)
from questionnaires.sheet import cell_name

RESULT_WIDTH = 42  # characters
RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
# What may follow the reference to a sheet's notes (ECMA-376, part 1, 18.3.1.99).
AFTER_NOTES = {
    "legacyDrawingHF", "drawingHF", "picture", "oleObjects", "controls", "webPublishItems", "tableParts", "extLst",
    "AlternateContent",
}  # fmt: skip
FORMULA_LIKE = ("=", "+", "-", "@", "\t", "\r")

# Returns the number of a cell style: the given one with the fill of a severity, "" for none, and as text if ``quoted``.
Restyle = Callable[[int, str, bool], int]


def build_text_cell(row: int, column: int, text: str, style: int) -> str:
    """Return a cell that holds a text, which no program takes for a formula."""
    return (
        f'<@c r="{cell_name(row, column)}" s="{style}" t="inlineStr"><@is><@t xml:space="preserve">'
        f"{escape_text(text)}</@t></@is></@c>"
    )


class SheetEditor:
    """Collects the changes to one worksheet.

    ``restyle`` returns the number of a style with another fill; ``marked_styles``: those with a fill of an earlier marking,
    which is taken off. ``drawing``: the id of the relationship to the drawing of the notes, if the sheet refers to none yet;
    afterwards ``drawing_id`` is the one it refers to.
    """

    def __init__(
        self, data: bytes, marks: SheetMarks, restyle: Restyle, marked_styles: frozenset[int], drawing: str | None
    ) -> None:
        self.data, self.marks, self.restyle, self.marked_styles = data, marks, restyle, marked_styles
        self.drawing_id = drawing
        self.splices: list[Splice] = []
        self.pending: dict[int, str] = {}  # marked columns of the current row: the severity, or "result"
        self.depth = self.row = self.column = 0
        self.style = self.header_style = 0
        self.replaced: int | None = None  # where a cell that is replaced began
        self.prefix = b""
        self.last_width = self.dimension = 0
        self.has_data = self.has_widths = self.refers_to_notes = False
        self.by_row: Mapping[int, list[int]] = self._group_columns()

    def _group_columns(self) -> dict[int, list[int]]:
        columns: dict[int, list[int]] = {}
        for row, column in self.marks.cells:
            columns.setdefault(row, []).append(column)
        return columns

    def edit(self) -> list[Splice]:
        """Return the changes. Raises NotEditable for a sheet without cells."""
        scan(self.data, self._start, self._end)
        if not self.has_data:
            raise NotEditable
        return self.splices

    def _insert(self, at: int, elements: str) -> None:
        self.splices.append(Splice(at, at, add_prefix(elements, self.prefix)))

    def _start(self, element: Element) -> None:
        name = element.name
        self.depth += 1
        if name == "c":
            self._start_cell(element)
        elif name == "row":
            self._start_row(element)
        elif name == "worksheet":
            self.prefix = get_prefix(self.data, element)
        elif name == "dimension":  # optional, and no longer right
            self.dimension = element.start
        elif name == "cols":
            self.has_widths = True
        elif name == "col":
            self.last_width = max(self.last_width, int(element.attributes.get("max", "0")))
        elif name == "sheetData":
            self.has_data = True
            if self.marks.results and not self.has_widths:
                self._insert(element.start, f"<@cols>{self._width()}</@cols>")
        elif name == "legacyDrawing":
            self.refers_to_notes = True
            self.drawing_id = next((value for key, value in element.attributes.items() if key.endswith(":id")), "")
        elif name in AFTER_NOTES and self.depth == 2:
            self._refer_to_notes(element.start)

    def _end(self, name: str, at: int, after: int) -> None:
        self.depth -= 1
        if name == "c" and self.replaced is not None:
            self.splices.append(Splice(self.replaced, after, b""))
            self.replaced = None
        elif name == "row" and self.pending and at < after:
            self._add_cells(at, 1 << 20)
        elif name == "dimension":
            self.splices.append(Splice(self.dimension, after, b""))
        elif name == "cols" and at < after and self.marks.results and self.last_width <= self.marks.result_column:
            self._insert(at, self._width())
        elif name == "worksheet":
            self._refer_to_notes(at)

    def _width(self) -> str:
        number = self.marks.result_column + 1
        return f'<@col min="{number}" max="{number}" width="{RESULT_WIDTH}" customWidth="1"/>'

    def _refer_to_notes(self, at: int) -> None:
        if self.drawing_id and not self.refers_to_notes:
            self.refers_to_notes = True
            self._insert(at, f'<@legacyDrawing xmlns:r="{RELATIONSHIPS}" r:id="{self.drawing_id}"/>')

    def _start_row(self, element: Element) -> None:
        self.row = int(element.attributes.get("r", self.row + 1))
        self.column = -1
        self.pending = {column: self.marks.cells[self.row, column].severity for column in self.by_row.get(self.row, ())}
        if self.row in self.marks.results or (self.marks.results and self.row == self.marks.header_row):
            self.pending[self.marks.result_column] = "result"
        tag = self.data[element.start : element.end]
        if self.pending and not tag.endswith(b"/>"):
            self.splices.append(Splice(element.start, element.end, set_attributes(tag, spans=None)))

    def _start_cell(self, element: Element) -> None:
        place = parse_cell(element.attributes.get("r", ""))
        self.column = self.column + 1 if place is None else place[1]
        self.style = int(element.attributes.get("s", "0"))
        if self.pending:
            self._add_cells(element.start, self.column)
        wanted = self.pending.get(self.column, "")
        if wanted == "result":
            self.replaced = element.start
            return
        self.pending.pop(self.column, None)
        if wanted or self.style in self.marked_styles:
            tag = self.data[element.start : element.end]
            number = self.restyle(self.style, wanted, False)
            self.splices.append(Splice(element.start, element.end, set_attributes(tag, s=str(number))))

    def _add_cells(self, at: int, before: int) -> None:
        """Add the marked cells of the current row that the sheet lacks, up to a column."""
        for column in sorted(column for column in self.pending if column < before):
            if self.pending.pop(column) == "result":
                self._insert(at, self._build_result(column))
            else:
                style = self.restyle(0, self.marks.cells[self.row, column].severity, False)
                self._insert(at, f'<@c r="{cell_name(self.row, column)}" s="{style}"/>')

    def _build_result(self, column: int) -> str:
        if self.row == self.marks.header_row:
            return build_text_cell(self.row, column, RESULT_HEADER, self.style)
        text = self.marks.results[self.row]
        severity = "error" if text.startswith("Rejected") else ""
        return build_text_cell(self.row, column, text, self.restyle(0, severity, text.startswith(FORMULA_LIKE)))
