"""A sheet while it is read: its rows of data, the answers of each column, and the faults found so far.

Everything is done on the distinct values of a column and mapped back to its rows by their codes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from questionnaires.issues import ISSUES, Issue, issue
from questionnaires.lookups import everyday
from questionnaires.parse.answer import Answer, Value, legible
from questionnaires.sheet import Sheet, cell_name
from questionnaires.text_normalize import fold
from questionnaires.validation.match import Matched, cells_of

Codes = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

CELLS_NAMED = 5  # an issue names its first cells and counts the rest
TOLD_APART = 50  # faults of one code in one column are told one by one up to here, the rest together
INVISIBLE = " \t\r\n\v\f\xa0\u200b\ufeff\u3000"


@dataclass(frozen=True)
class Said:
    """What an issue says beside its code: what was seen, and expectation and cure where the catalogue's do not do.

    ``beside``: the question whose cell in the same row is a part of it, for two answers that do not go together.
    """

    seen: str = ""
    expected: str = ""
    cure: str = ""
    beside: str = ""


OTHERS = Said("(others)")


@dataclass
class Answered:
    """The answers to one question: distinct values, and for each row of data the number of its value, -1 where nothing
    is said.
    """

    values: list[Value]
    codes: Codes

    @property
    def given(self) -> Mask:
        """Where something is said."""
        return self.codes >= 0

    def where(self, value: Value) -> Mask:
        """Where exactly this is said."""
        return (
            self.codes == self.values.index(value)
            if value in self.values
            else np.zeros(len(self.codes), dtype=np.bool_)
        )

    def numbers(self) -> npt.NDArray[np.float64]:
        """The numbers of the rows; NaN where there is none."""
        of_values = [value if isinstance(value, float) else np.nan for value in self.values]
        numbers: npt.NDArray[np.float64] = np.array([*of_values, np.nan])[self.codes]
        return numbers

    def put(self, rows: Mask, value: Value) -> None:
        """Says a value in some rows."""
        if value not in self.values:
            self.values.append(value)
        self.codes[rows] = self.values.index(value)

    def rewrite(self, written: Callable[[Value], Value]) -> None:
        """Writes each value in another way; values that become the same are one."""
        number: dict[Value, int] = {}
        table = [number.setdefault(written(value), len(number)) for value in self.values]
        self.values, self.codes = list(number), np.array([*table, -1], dtype=np.int32)[self.codes]

    def categorical(self, kept: Mask) -> pd.Categorical[Any]:
        """The answers of the rows kept; the categories are the values they use."""
        codes = self.codes[kept]
        used = np.bincount(codes + 1, minlength=len(self.values) + 1)[1:] > 0
        renumbered = np.append(np.where(used, np.cumsum(used) - 1, -1), -1).astype(np.int32)
        values = [value for value, wanted in zip(self.values, used, strict=True) if wanted]
        categories = pd.Index(values, dtype=object, tupleize_cols=False)
        return pd.Categorical.from_codes(renumbered[codes], dtype=pd.CategoricalDtype(categories))


class Reading:
    """The rows of data of a sheet and what was read of them; ``rejected`` marks the rows that hold an error.

    ``rows``: where the rows of data are, where that is known beforehand.
    """

    def __init__(self, sheet: Sheet, header_row: int, matched: Matched, rows: Places | None = None) -> None:
        self.sheet, self.matched = sheet, matched
        self.answers: dict[str, Answered] = {}
        self.unread: dict[str, Mask] = {}  # by question, where the cell holds something that could not be read
        self.noted: dict[tuple[str, int, Said], list[Places]] = {}
        self.kinds: Counter[tuple[str, int]] = Counter()
        self.rows: Places = self.rows_of_data(header_row - sheet.first_row) if rows is None else rows
        self.rejected: Mask = np.zeros(len(self.rows), dtype=np.bool_)
        formulas = (cell for cell in sheet.formulas if cell not in sheet.errors)
        self.errors, self.formulas = places_by_column(sheet, sheet.errors), places_by_column(sheet, formulas)
        self.unreliable(header_row)

    def rows_of_data(self, header: int) -> Places:
        """Where the rows of data lie in the sheet: under the header, saying something in a column that is read.

        A repeated header and the row of totals at the foot are none; nor are rows of notes beside the columns read.
        """
        columns, read = self.sheet.columns, sorted(self.matched.columns.values())
        filled = [
            np.array([*(bool(value.strip(INVISIBLE)) for value in each.values), False])[each.codes] for each in columns
        ]
        data = np.logical_or.reduce([filled[at] for at in read])
        outside = np.logical_or.reduce(filled) & ~data
        repeated = data & np.logical_and.reduce([columns[at].codes == columns[at].codes[header] for at in read])
        for mask in (data, outside, repeated):
            mask[: header + 1] = False
        rows = np.flatnonzero(data & ~repeated)
        totals = rows[-1:] if self.sums_up(rows) else rows[:0]
        for code, places in (
            ("row.repeated_header", np.flatnonzero(repeated)),
            ("row.outside", np.flatnonzero(outside)),
            ("row.total", totals),
        ):
            if len(places):
                first = next(at for at, cells in enumerate(filled) if cells[places[0]])
                seen = cells_of(self.sheet, self.sheet.first_row + int(places[0]))[first]
                self.note(code, first, places, Said(legible(seen)))
        return rows[: len(rows) - len(totals)]

    def sums_up(self, rows: Places) -> bool:
        """Whether the last row sums up the others: its first cell says so, and it names no country."""
        if len(rows) < 2:
            return False
        cells = cells_of(self.sheet, self.sheet.first_row + int(rows[-1]))
        first = next(cell for cell in cells if cell)
        country = self.matched.columns.get("country")
        return fold(first) in everyday().totals and (country is None or cells[country] in ("", first))

    def read(self, question: str, field: Answer, date_order: str | None) -> None:
        """Reads the column of a question with its field."""
        at = self.matched.columns[question]
        column = self.sheet.columns[at]
        sent = column.codes[self.rows]
        self.marked(at)
        used = np.flatnonzero(np.bincount(sent + 1, minlength=len(column.values) + 1)[1:])
        texts = [column.values[code] for code in used]
        field, said = field.fitted(texts, date_order)
        answers, faults = field.read_column(texts)
        number: dict[Value, int] = {}
        table = np.full(len(column.values) + 1, -1, dtype=np.int32)
        table[used] = [-1 if answer is None else number.setdefault(answer, len(number)) for answer in answers]
        self.answers[question] = Answered(list(number), table[sent])
        lost = [used[which] for which in faults if answers[which] is None]
        self.unread[question] = np.isin(sent, lost) | np.isin(self.rows, self.errors[at])
        if said:
            self.note(said.code, at, self.rows[sent >= 0], Said(said.seen))
        if faults:
            order = np.argsort(sent, kind="stable")
            ends = np.searchsorted(sent[order], used, side="right")
            starts = np.searchsorted(sent[order], used, side="left")
            for which, first in faults.items():
                where = order[starts[which] : ends[which]]
                for fault in (first, *first.also):
                    apart = self.kinds[fault.code, at] < TOLD_APART
                    self.fault(
                        fault.code, question, where, Said(fault.seen, fault.expected, fault.cure) if apart else OTHERS
                    )

    def marked(self, at: int) -> None:
        """Notes a column's cells that hold a spreadsheet error, which the reader left empty, and its formulas."""
        for code, cells in (("cell.error", self.errors), ("cell.formula", self.formulas)):
            where = np.flatnonzero(np.isin(self.rows, cells[at]))
            self.note(code, at, self.rows[where], Said())

    def unreliable(self, header_row: int) -> None:
        """Rejects the rows that the reader cannot vouch for: their values may stand in the wrong columns."""
        for told in self.sheet.faults_under(header_row):
            where = np.flatnonzero(self.rows == told.row - self.sheet.first_row)
            self.note(told.code, told.column, self.rows[where], Said(legible(told.seen)))
            self.rejected[where] = True

    def fault(self, code: str, question: str, where: Places | Mask, said: Said) -> None:
        """Notes a fault of some rows of data in a question's column. An error of the catalogue rejects the rows."""
        self.note(code, self.matched.columns.get(question, -1), self.rows[where], said)
        if ISSUES[code].severity == "error":
            self.rejected[where] = True

    def note(self, code: str, column: int, places: Places, said: Said) -> None:
        """Notes a fault at some places of the sheet (counted from its first row); -1 is no column."""
        if not len(places):
            return
        if (code, column, said) not in self.noted:
            said = said if self.kinds[code, column] < TOLD_APART else OTHERS
            self.kinds[code, column] += 1
        self.noted.setdefault((code, column, said), []).append(places)

    def issues(self) -> list[Issue]:
        """The faults noted, in the order of their first cells."""
        sheet, found = self.sheet, []
        for (code, column, said), noted in self.noted.items():
            places = np.unique(np.concatenate(noted))
            beside = self.matched.columns.get(said.beside)
            columns = [max(column, 0), *([] if beside is None else [beside])]
            cells = [cell_name(sheet.first_row + int(place), at) for place in places[:CELLS_NAMED] for at in columns]
            told = issue(
                code, file=sheet.file, sheet=sheet.name, cell=cells[0], cells=cells, count=len(places),
                header=self.matched.headers[column] if column >= 0 else "",
                seen=said.seen, expected=said.expected, cure=said.cure,
            )  # fmt: skip
            found.append((int(places[0]), column, told))
        return [told for _, _, told in sorted(found, key=lambda each: each[:2])]


def given(answers: Iterable[Answered | None], n: int) -> Mask:
    """Where any of the questions is answered."""
    found: Mask = np.zeros(n, dtype=np.bool_)
    for each in answers:
        if each is not None:
            found |= each.given
    return found


def places_by_column(sheet: Sheet, cells: Iterable[tuple[int, int]]) -> defaultdict[int, list[int]]:
    """Where in the sheet (counted from its first row) the cells lie, by column."""
    places: defaultdict[int, list[int]] = defaultdict(list)
    for row, column in cells:
        places[column].append(row - sheet.first_row)
    return places
