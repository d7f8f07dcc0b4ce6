"""The reader, as it runs in a process of its own: bytes of a file in, columns of distinct texts and codes out.

Started by :mod:`questionnaires.sheet`. Imports little: starting it is part of the cost of every file.
"""

from __future__ import annotations

import datetime
import json
import resource
import sys
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from itertools import count, islice, zip_longest
from typing import Any

import python_calamine

from questionnaires.limits import Limits, Refused
from questionnaires.marks import Marks, Rows

BLOCK = 4096  # rows at a time
Cell = Any  # what calamine gives: str, float, int, bool, date, datetime, time, timedelta


class Columns:
    """Columns under construction: the distinct values of each and, for each row, which of them; -1 for an empty cell."""

    def __init__(self) -> None:
        self.numbers: list[defaultdict[Cell, int]] = []
        self.codes: list[array[int]] = []
        self.n_rows = 0

    def add(self, rows: Sequence[Sequence[Cell]]) -> None:
        """Adds rows; a short row is empty at its end."""
        while len(self.codes) < max(map(len, rows), default=0):
            self.numbers.append(defaultdict(count().__next__, {"": -1}))
            self.codes.append(array("i", [-1]) * self.n_rows)
        for number, codes, column in zip_longest(self.numbers, self.codes, zip_longest(*rows, fillvalue="")):
            if column is None:
                codes.extend([-1] * len(rows))
                continue
            if bool in map(type, column):  # True is 1 to a dict
                column = [as_text(value) if type(value) is bool else value for value in column]
            codes.extend(map(number.__getitem__, column))
        self.n_rows += len(rows)

    def finished(self) -> Iterator[tuple[list[str], array[int]]]:
        """The texts of each column in order of first sight, and the codes."""
        for number, codes in zip(self.numbers, self.codes, strict=True):
            del number[""]
            texts = [value if type(value) is str else as_text(value) for value in number]
            again: dict[str, int] = {}
            table = [again.setdefault(text, len(again)) for text in texts]
            if len(again) < len(texts):  # the number 12 and the text "12"
                codes = array("i", map([*table, -1].__getitem__, codes))
            yield list(again), codes


def as_text(value: Cell) -> str:
    """The text of a value: whole numbers without a point, others as short as they can be told, ISO days, TRUE and FALSE."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)


def workbook(data: bytes, marks: Sequence[Marks]) -> Iterator[dict[str, Any]]:
    """The sheets of a workbook that went through the gate. Raises Refused where the reader cannot read it."""
    try:
        book = python_calamine.load_workbook(BytesIO(data))
        if len(book.sheets_metadata) != len(marks):
            raise Refused("file.corrupt", "Its sheets cannot be counted.")
        for at, (told, marked) in enumerate(zip(book.sheets_metadata, marks, strict=True)):
            if told.typ == python_calamine.SheetTypeEnum.WorkSheet:
                visible = told.visible == python_calamine.SheetVisibleEnum.Visible
                yield {"name": told.name, "visible": visible, **grid(book.get_sheet_by_index(at), marked)}
    except python_calamine.PasswordError:
        raise Refused("file.encrypted") from None
    except python_calamine.CalamineError as error:
        raise Refused("file.corrupt", f"The reader says: {str(error)[:200]}.") from None


def grid(sheet: python_calamine.CalamineSheet, marks: Marks) -> dict[str, Any]:
    """The columns of a sheet from A on, with what its marks say put into them: errors are empty, percentages have their sign."""
    top, left = sheet.start or (0, 0)
    columns = Columns()
    rows = sheet.iter_rows()
    while block := list(islice(rows, BLOCK)):
        first = top + 1 + columns.n_rows
        put(block, first, left, marks.errors, lambda value, error: "")
        put(block, first, left, marks.shown, shown)
        columns.add(block)
    empty = array("i", [-1]) * columns.n_rows
    found = [([], empty)] * left + list(columns.finished()) if columns.n_rows else []
    return {"first_row": top + 1, "rows": columns.n_rows, "columns": found, "errors": marks.errors, "formulas": marks.formulas}


def text_table(data: bytes, kind: str, name: str, limits: Limits) -> dict[str, Any]:
    """The one sheet of a text file. Raises Refused."""
    from questionnaires import delimited

    table = delimited.table(data, kind)
    misquoted = array("i")
    try:
        columns, widths = gathered(delimited.strictly(table, limits), limits)
    except delimited.Misquoted:
        columns, widths = gathered(delimited.loosely(table, limits, misquoted), limits)
    return {"name": name, "visible": True, "encoding": table.encoding, "widths": list[list[Cell]], first: int, left: int, marked: Rows, change: Callable[[Cell, str], Cell]) -> None:
    """Changes the marked cells of a block of rows, the first of which has the number ``first``."""
    for (column, said), rows in marked.items():
        for row in rows[bisect_left(rows, first) : bisect_left(rows, first + len(block))]:
            cells = block[row - first]
            if 0 <= column - left < len(cells):
                cells[column - left] = change(cells[column - left], said)


def shown(value: Cell, way: str) -> Cell:
    """A number as its format shows it: 0.45 as 45%, 1608 as 01608."""
    if type(value) is not float:
        return value
    if way == "%":
        return f"{value * 100:.15g}%"
    return str(int(value)).zfill(len(way)) if value.is_integer() and 0 <= value < 10 ** len(way) else value
