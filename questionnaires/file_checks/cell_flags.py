"""Flags from a workbook's markup that the reading library does not report: errors, formulas and number formats of cells,
struck-out cells, merged ranges, and hidden rows.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field
from functools import cache

from questionnaires.limits import FileRefused, Limits

# (column from 0, text of the flag) -> the rows, as the spreadsheet numbers them
FlaggedRows = dict[tuple[int, str], "array[int]"]
NO_RESULT = "a formula without a saved result"
# Of a number format: text in quotation marks, an escaped character, a colour or condition, a blank as wide as a character.
NOT_DIGITS = re.compile(r'"[^"]{0,255}+"|\\.|\[[^\]]{0,255}+\]|_.')
ZEROS = re.compile("0{2,}")


@dataclass
class CellFlags:
    """The flags of one sheet's cells, and the size of the rectangle from A1 that its filled cells span.

    ``errors`` are keyed by the error's text, ``formulas`` and ``struck`` by an empty text, ``displays`` by how a number is
    displayed: "%", or a zero for each digit ("00000"). ``merged``: ranges of more than one cell as first row, first column, last
    row, last column, rows as the spreadsheet numbers them and columns from 0. ``hidden``: rows that are not shown;
    ``filters``: first and last row of each filter that is in use, which hides rows between them.
    """

    errors: FlaggedRows = field(default_factory=dict)
    formulas: FlaggedRows = field(default_factory=dict)
    displays: FlaggedRows = field(default_factory=dict)
    struck: FlaggedRows = field(default_factory=dict)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    hidden: array[int] = field(default_factory=lambda: array("i"))
    filters: list[tuple[int, int]] = field(default_factory=list)
    n_rows: int = 0
    n_columns: int = 0

    def add_filled_cell(self, row: int, column: int, limits: Limits) -> None:
        """Extend the rectangle to a filled cell. Raises FileRefused if the sheet becomes too large."""
        if row > self.n_rows:
            self.n_rows = row
            if row > limits.rows_and_header:
                raise FileRefused("limit.rows", f"The maximum is {limits.rows:,} rows.")
        if column >= self.n_columns:
            self.n_columns = column + 1
            if column >= limits.columns:
                raise FileRefused("limit.columns", f"The maximum is {limits.columns:,} columns.")


def add_flag(flagged: FlaggedRows, column: int, text: str, row: int) -> None:
    """Add a cell to the flagged rows of its column."""
    if (column, text) not in flagged:
        flagged[column, text] = array("i")
    flagged[column, text].append(row)


def parse_number_format(code: str) -> str:
    """Return how a number format displays numbers, if that carries meaning: "%", or a zero for each digit; otherwise ""."""
    positive = NOT_DIGITS.sub("", code.split(";", 1)[0])
    if "%" in positive:
        return "%"
    return positive if ZEROS.fullmatch(positive) else ""


@cache
def column_index(letters: bytes) -> int:
    """Return the number of a column, counted from 0: A is 0, AA is 26."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number - 1
