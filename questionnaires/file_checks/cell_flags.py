"""What a workbook's own markup says of its cells, and the reader behind the gate does not: errors, formulas, number formats."""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field
from functools import cache

from questionnaires.limits import Limits, Refused

# (column from 0, what is said) -> the rows, in Excel's numbers
Rows = dict[tuple[int, str], "array[int]"]
NO_RESULT = "a formula without a saved result"


@dataclass
class Marks:
    """The marks of one sheet, and the rectangle from A1 that its filled cells span.

    ``errors`` by the error's text; ``formulas`` by nothing; ``shown`` by how a number is shown: "%", or "00000" for as many
    digits.
    """

    errors: Rows = field(default_factory=dict)
    formulas: Rows = field(default_factory=dict)
    shown: Rows = field(default_factory=dict)
    rows: int = 0
    columns: int = 0

    def filled(self, row: int, column: int, limits: Limits) -> None:
        """A cell says something. Raises Refused where the sheet becomes too large by it."""
        if row > self.rows:
            self.rows = row
            if row > limits.rows:
                raise Refused("limit.rows", f"{limits.rows:,} are read at most.")
        if column >= self.columns:
            self.columns = column + 1
            if column >= limits.columns:
                raise Refused("limit.columns", f"{limits.columns:,} are read at most.")


def mark(rows: Rows, column: int, said: str, row: int) -> None:
    """Adds a cell."""
    if (column, said) not in rows:
        rows[column, said] = array("i")
    rows[column, said].append(row)


def shown_as(code: str) -> str:
    """How a number format shows numbers, as far as it says something of their meaning: "%", or a zero for each digit."""
    positive = re.sub(r'"[^"]*"|\\.|\[[^\]]*\]|_.', "", code.split(";", 1)[0])
    if "%" in positive:
        return "%"
    return positive if re.fullmatch("0{2,}", positive) else ""


@cache
def column_of(letters: bytes) -> int:
    """The number of a column from 0: A is 0, AA 26."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number - 1
