"""Rows of a worksheet, written through the typed methods of XlsxWriter, so that text stays text whatever it looks like.

``Worksheet.write`` would guess, and make a formula, a link or a number of a text. Two kinds of text ``write_string`` does not
hold as they are: one from "<r>" to "</r>" it takes for markup of its own, with which a name could break the file, and of
"_x0041_x0042_" it escapes only the first half, so that a spreadsheet shows "_x0041B". These are written as rich text, in pieces
that look like neither.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, time
from math import isfinite

from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

Value = str | int | float | date | None

MAX_ROWS = 1_048_576
MAX_CELL_LENGTH = 32_767  # units of UTF-16
CUT_NOTE = " [cut: too long for a cell]"

_MISREAD = re.compile(r"<r>.*</r>\Z|.*_x[0-9A-Fa-f]{4}_x[0-9A-Fa-f]{4}_", re.DOTALL)
_INSIDE_AN_ESCAPE = re.compile(r"(?<=_x)(?=[0-9A-Fa-f]{4}_)")


def write_row(sheet: Worksheet, row: int, values: Sequence[Value], formats: Sequence[Format | None]) -> None:
    """Write one row, counted from 0, from its first column on; None, and "" without a format, make no cell.

    In a workbook in ``constant_memory`` rows must come from the top down, each once. Text longer than a cell holds is cut, and
    ends in CUT_NOTE. Raises ValueError for a number that is not finite, and for a row beyond the last of a worksheet.
    """
    if row >= MAX_ROWS:  # XlsxWriter would leave it out without a word
        raise ValueError(f"a worksheet has {MAX_ROWS:,} rows: there is no place for row {row + 1:,}")
    for column, (value, cell_format) in enumerate(zip(values, formats, strict=True)):
        if value is None or (value == "" and cell_format is None):
            continue
        if isinstance(value, str):
            text = value if 2 * len(value) <= MAX_CELL_LENGTH else _cut(value)  # no character takes more than two units
            if ("_x" in text or text.startswith("<r>")) and _MISREAD.match(text):
                _write_in_pieces(sheet, row, column, text, cell_format)
            else:
                sheet.write_string(row, column, text, cell_format)
        elif isinstance(value, date):
            sheet.write_datetime(row, column, datetime.combine(value, time()), cell_format)
        elif isfinite(value):
            sheet.write_number(row, column, value, cell_format)
        else:
            raise ValueError(f"no cell holds {value}")


def _write_in_pieces(sheet: Worksheet, row: int, column: int, text: str, cell_format: Format | None) -> None:
    """Write a text as rich text of at least three pieces, as XlsxWriter asks for, none of which is markup or an escape.

    A control character in such a text is shown as its escape, _x0007_: XlsxWriter escapes it twice.
    """
    pieces = (text[0], text[1], *_INSIDE_AN_ESCAPE.split(text[2:]))
    sheet.write_rich_string(row, column, *pieces, *([] if cell_format is None else [cell_format]))


def _cut(text: str) -> str:
    """Return the text, or as much of it as a cell holds beside CUT_NOTE."""
    units = text.encode("utf-16-le")
    if len(units) <= 2 * MAX_CELL_LENGTH:
        return text
    return units[: 2 * (MAX_CELL_LENGTH - len(CUT_NOTE))].decode("utf-16-le", "ignore") + CUT_NOTE
