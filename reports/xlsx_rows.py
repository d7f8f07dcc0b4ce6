"""Rows of a worksheet, each written whole.

XlsxWriter takes one cell after the other and looks at each many times, which is most of what a large workbook costs; and
it takes a text from "<r>" to "</r>" for markup of its own, so that a name could break the file. Here a row becomes XML
at once, and text stays text.
"""

import re
from collections.abc import Sequence
from datetime import date
from math import isfinite

from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

Value = str | int | float | date | None

CELL_HOLDS = 32_767  # units of UTF-16
CUT = " [cut: longer than a cell holds]"
LETTERS = tuple(map(xl_col_to_name, range(100)))  # of the columns: no sheet of ours has more
DAY_0 = date(1899, 12, 30)  # from which spreadsheets count days

NOT_PLAIN = re.compile(r"[&<>_\x00-\x08\x0b-\x1f\ufffe\uffff]")
ESCAPE = re.compile(r"_x[0-9A-Fa-f]{4}_")  # what spreadsheets read as one character
MARKUP = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def write_row(sheet: Worksheet, row: int, values: Sequence[Value], formats: Sequence[Format | None]) -> None:
    """One row, counted from 0, from its first column on; there is no cell where there is nothing to see.

    Rows come from the top down, each once. Their workbook is in ``constant_memory``: there XlsxWriter keeps a file of the
    rows written so far, and puts the rest of the sheet around it in the end.
    """
    if not values:
        return
    for end in (0, len(values) - 1):
        sheet._check_dimensions(row, end)
    cells = [f'<row r="{row + 1}">']
    for column, (value, look) in enumerate(zip(values, formats, strict=True)):
        if value is None or (value == "" and look is None):
            continue
        place = f'<c r="{LETTERS[column]}{row + 1}"'
        if look is not None:
            place += f' s="{look._get_xf_index()}"'  # type: ignore[no-untyped-call]
        if isinstance(value, str):
            blanks = "" if value == value.strip() else ' xml:space="preserve"'
            cells.append(f'{place} t="inlineStr"><is><t{blanks}>{_as_xml(_cut(value))}</t></is></c>')
        else:
            cells.append(f"{place}><v>{_number(value):.16G}</v></c>")
    sheet.fh.write("".join([*cells, "</row>"]))  # type: ignore[attr-defined]


def _number(value: float | date) -> float:
    """A number as it is, a day as spreadsheets count it."""
    number = (value - DAY_0).days if isinstance(value, date) else value
    if not isfinite(number):
        raise ValueError(f"no cell holds {number}")
    return number


def _cut(words: str) -> str:
    """The text, or as much of it as a cell holds."""
    if 2 * len(words) <= CELL_HOLDS:  # no character takes more than two units
        return words
    units = words.encode("utf-16-le")
    if len(units) <= 2 * CELL_HOLDS:
        return words
    return units[: 2 * (CELL_HOLDS - len(CUT))].decode("utf-16-le", "ignore") + CUT


def _as_xml(words: str) -> str:
    """The text as it stands in XML; a character that XML cannot hold is written as Excel does, as _x0007_."""
    return NOT_PLAIN.sub(_escaped, words)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character == "_" and not ESCAPE.match(found.string, found.start()):
        return character
    return MARKUP.get(character) or f"_x{ord(character):04X}_"
