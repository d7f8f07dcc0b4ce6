"""Write the rows of a worksheet with the typed methods of XlsxWriter, so that text stays text whatever it looks like.

``Worksheet.write`` would guess the type, and might turn a text into a formula, a link or a number. ``write_string`` does not
preserve two kinds of text. It treats a text from "<r>" to "</r>" as its own markup, so that a name could break the file. It
escapes only the first half of "_x0041_x0042_", so that a spreadsheet shows "_x0041B". Such texts are written as rich text, in
pieces that look like neither.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, time
from math import isfinite

from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

Value = str | int | float | date | None

MAX_ROWS = 1_048_576
MAX_CELL_LENGTH = 32_767  # UTF-16 code units
CUT_NOTE = " [cut: too long for a cell]"

_MISREAD = re.compile(r"<r>.*</r>\Z|.*_x[0-9A-Fa-f]{4}_x[0-9A-Fa-f]{4}_", re.DOTALL)
_INSIDE_AN_ESCAPE = re.compile(r"(?<=_x)(?=[0-9A-Fa-f]{4}_)")


def write_row(sheet: Worksheet, row: int, values: Sequence[Value], formats: Sequence[Format | None]) -> None:
    """Write one row (counted from 0), starting in the first column. No cell is written for None, or for "" without a format.

    In a workbook with ``constant_memory``, rows must be written from top to bottom, each once. Text too long for a cell is
    shortened and ends in CUT_NOTE. Raises ValueError for a number that is not finite, and for a row beyond the last one that a
    worksheet can have.
    """
    if row >= MAX_ROWS:  # XlsxWriter would silently omit the row
        raise ValueError(f"row {row + 1:,} does not fit into a worksheet, which has at most {MAX_ROWS:,} rows")
    for column, (value, cell_format) in enumerate(zip(values, formats, strict=True)):
        if value is None or (value == "" and cell_format is None):
            continue
        if isinstance(value, str):
            text = (
                value if 2 * len(value) <= MAX_CELL_LENGTH else _cut(value)
            )  # no character takes more than two code units
            if ("_x" in text or text.startswith("<r>")) and _MISREAD.match(text):
                _write_in_pieces(sheet, row, column, text, cell_format)
            else:
                sheet.write_string(row, column, text, cell_format)
        elif isinstance(value, date):
            sheet.write_datetime(row, column, datetime.combine(value, time()), cell_format)
        elif isfinite(value):
            sheet.write_number(row, column, value, cell_format)
        else:
            raise ValueError(f"{value} cannot be written to a cell")


def _write_in_pieces(sheet: Worksheet, row: int, column: int, text: str, cell_format: Format | None) -> None:
    """Write a text as rich text in at least three pieces, as XlsxWriter requires, none of which is markup or an escape.

    A control character in such a text is shown as its escape (such as _x0007_), because XlsxWriter escapes it twice.
    """
    pieces = (text[0], text[1], *_INSIDE_AN_ESCAPE.split(text[2:]))
    sheet.write_rich_string(row, column, *pieces, *([] if cell_format is None else [cell_format]))


def _cut(text: str) -> str:
    """Return the text, or as much of it as fits into a cell together with CUT_NOTE."""
    units = text.encode("utf-16-le")
    if len(units) <= 2 * MAX_CELL_LENGTH:
        return text
    return units[: 2 * (MAX_CELL_LENGTH - len(CUT_NOTE))].decode("utf-16-le", "ignore") + CUT_NOTE
