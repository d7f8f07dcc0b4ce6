"""A sheet as a grid: which cells are filled, and the texts of single rows. Rows count from 0, as in the columns of the sheet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from questionnaires.sheet import Column, Sheet
from questionnaires.text_normalize import fold_text

Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]
BLANK = " \t\r\n\v\f\xa0\u200b\ufeff\u3000"


class Grid:
    """The cells of a sheet: which are filled, and the texts of single rows."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.filled: Mask = np.zeros((sheet.n_rows, len(sheet.columns)), dtype=np.bool_, order="F")
        for index, column in enumerate(sheet.columns):
            if column.values:
                shown = np.array([*[value.strip(BLANK) != "" for value in column.values], False])
                self.filled[:, index] = shown[column.codes]

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """Return how many cells of each row are filled."""
        counts: npt.NDArray[np.int64] = self.filled.sum(axis=1, dtype=np.int64)
        return counts

    def get_cells(self, row: int) -> dict[int, str]:
        """Return the texts of the filled cells of a row, by column."""
        columns = self.sheet.columns
        return {
            column: columns[column].values[columns[column].codes[row]].strip(BLANK)
            for column in np.flatnonzero(self.filled[row]).tolist()
        }

    def get_words(self, row: int) -> dict[int, str]:
        """Return the folded texts of the filled cells of a row, by column."""
        return {column: fold_text(text) for column, text in self.get_cells(row).items()}

    def number(self, row: int) -> int:
        """Return the number of a row in the spreadsheet."""
        return self.sheet.first_row + row

    @cached_property
    def merged(self) -> dict[tuple[int, int], tuple[int, int]]:
        """Return the last row and column of each merged range, by its first row and column."""
        first = self.sheet.first_row
        return {(top - first, left): (bottom - first, right) for top, left, bottom, right in self.sheet.marks.merged}


@lru_cache(maxsize=1)
def build_grid(sheet: Sheet) -> Grid:
    """Build the grid of a sheet. The last one is kept: to look at all cells of a large sheet again would take as long again."""
    return Grid(sheet)


def crop(sheet: Sheet, rows: tuple[int, int], columns: tuple[int, int]) -> Sheet:
    """Return a sheet with its cells outside some rows (as the spreadsheet numbers them) and columns emptied."""
    first, last = max(rows[0] - sheet.first_row, 0), min(rows[1] - sheet.first_row, sheet.n_rows - 1)
    is_whole = first == 0 and last == sheet.n_rows - 1
    if is_whole and columns[0] == 0 and columns[1] >= len(sheet.columns) - 1:
        return sheet
    nowhere = np.full(sheet.n_rows, -1, dtype=np.int32)
    kept = []
    for index, column in enumerate(sheet.columns):
        if not columns[0] <= index <= columns[1]:
            kept.append(Column((), nowhere))
        elif is_whole:
            kept.append(column)
        else:
            codes = nowhere.copy()
            codes[first : last + 1] = column.codes[first : last + 1]
            kept.append(Column(column.values, codes))
    return replace(sheet, columns=tuple(kept))


def set_texts(column: Column, texts: Iterable[tuple[int, str]]) -> Column:
    """Return a column with the texts of some rows (from 0) replaced; "" empties a cell."""
    values = {text: number for number, text in enumerate(column.values)}
    codes = column.codes.copy()
    for row, text in texts:
        codes[row] = values.setdefault(text, len(values)) if text else -1
    return Column(tuple(values), codes)
