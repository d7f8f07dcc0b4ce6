"""Tell sites from agencies in one table, by the column that says of each row what it is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from questionnaires.layout.grid import Indices, Mask
from questionnaires.layout.words import load_layout_words
from questionnaires.sheet import Column, Sheet
from questionnaires.text_normalize import fold_text

SITE, AGENCY, UNCLEAR = "site", "agency", "unclear"
MAX_TYPES = 200  # different texts in a column of types; one with more says something else
SAID_SHARE = 0.5  # of the rows, of which such a column has to say what they are


def find_kind_column(sheet: Sheet, headers: Mapping[int, str], rows: Indices) -> int | None:
    """Return the column that says of some rows (counted from the first) that they are sites, and of others that they are, or may
    be, agencies; None if there is none, or if it says neither of most rows.
    """
    for index, header in headers.items():
        if fold_text(header) not in load_layout_words().kind_columns or len(sheet.columns[index].values) > MAX_TYPES:
            continue
        said = read_kinds(sheet.columns[index])[rows]
        found = {*said.tolist()}
        if SITE in found and found & {AGENCY, UNCLEAR} and (said != "").mean() >= SAID_SHARE:
            return index
    return None


def read_kinds(column: Column) -> npt.NDArray[np.str_]:
    """Return what a column says of each row: that it is a site, an agency, or something between them; "" for anything else."""
    kinds = load_layout_words().kinds
    said: npt.NDArray[np.str_] = np.array(
        [*(kinds.get(fold_text(value), "") for value in column.values), ""], dtype="U8"
    )
    return said[column.codes]


def find_rows_of_kind(column: Column, kind: str) -> Mask:
    """Return which rows are of a kind: agencies are those that are said to be; the sites have all others."""
    is_agency: Mask = read_kinds(column) == AGENCY
    return is_agency if kind == AGENCY else ~is_agency
