"""Recognise what a marked workbook adds to the sender's own sheets, so that the corrected file can be uploaded as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from questionnaires.sheet import Column, Sheet

PROBLEMS_TITLE = "Problems found by Diligence"  # the first cell of the sheet that lists them
RESULT_HEADER = "Result (Diligence)"


def is_problems_sheet(sheet: Sheet) -> bool:
    """Return whether a sheet is the list of problems that a marked workbook contains."""
    first = sheet.columns[0] if sheet.columns and sheet.n_rows and sheet.first_row == 1 else None
    return first is not None and first.codes[0] >= 0 and first.values[first.codes[0]] == PROBLEMS_TITLE


def find_result_column(sheet: Sheet) -> int | None:
    """Return the column (from 0) with the results of an earlier reading; None if there is none."""
    return next((index for index, column in enumerate(sheet.columns) if RESULT_HEADER in column.values), None)


def drop_own_marks(sheets: Sequence[Sheet]) -> tuple[Sheet, ...]:
    """Return the sheets without the list of problems and with the column of results emptied."""
    return tuple(_empty_result_column(sheet) for sheet in sheets if not is_problems_sheet(sheet))


def _empty_result_column(sheet: Sheet) -> Sheet:
    at = find_result_column(sheet)
    if at is None:
        return sheet
    empty = Column((), np.full(sheet.n_rows, -1, dtype=np.int32))
    return replace(sheet, columns=(*sheet.columns[:at], empty, *sheet.columns[at + 1 :]))
