"""Report what a layout leaves out, asks about and fills in, as issues with the cells of the spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from questionnaires.issues import Issue, build_issue
from questionnaires.layout.apply import LaidOutTable
from questionnaires.layout.document import list_rows
from questionnaires.layout.grid import Grid, build_grid
from questionnaires.layout.words import load_layout_words
from questionnaires.parse.answer import make_legible
from questionnaires.person_detection import detect_personal_data
from questionnaires.sheet import RowGroup, Sheet
from questionnaires.text_normalize import fold_text

MAX_NAMED_CELLS = 5
MAX_SEEN = 80  # characters of a text that is quoted
KIND_NAMES = {"site": "sites", "agency": "agencies"}
QUOTED = 3  # texts that an issue quotes


def list_layout_issues(original: Sheet, table: LaidOutTable, kind: str, *, quotes: bool) -> list[Issue]:
    """List the issues of a table that was laid out from an original sheet and is read as of a kind.

    ``quotes``: whether the texts of the rows are shown; those that look like personal data never are.
    """
    grid = build_grid(table.sheet if table.sheet.is_transposed else original)
    issues = [_describe_rows(f"row.{group.reason}", grid, group, quotes=quotes) for group in table.left_out]
    issues += [_describe_rows(f"row.asked_{group.reason}", grid, group, quotes=quotes) for group in table.asked]
    return [*issues, *_list_filled(table), *_list_mixed_kinds(table, kind), *_report_split(table, kind)]


def _describe_rows(code: str, grid: Grid, group: RowGroup, *, quotes: bool) -> Issue:
    """Return the issue of rows with one reason: their first cells, and what the first of them say."""
    cells, texts = [], []
    for row in list(list_rows([group]))[:MAX_NAMED_CELLS]:
        filled = (
            grid.get_cells(row - grid.sheet.first_row) if 0 <= row - grid.sheet.first_row < len(grid.counts) else {}
        )
        column, text = next(iter(filled.items()), (0, ""))
        cells.append(grid.sheet.name_cell(row, column))
        if text and quotes and detect_personal_data(text) is None:
            texts.append(make_legible(text)[:MAX_SEEN])
    seen = "', '".join(dict.fromkeys(texts[:QUOTED]))
    place = {"file": grid.sheet.file, "sheet": grid.sheet.name, "cell": cells[0], "cells": cells}
    return build_issue(code, seen=seen, count=group.count, **place)


def _list_mixed_kinds(table: LaidOutTable, kind: str) -> Iterator[Issue]:
    """Yield an issue of each column that says of some rows that they are sites, and of others that they are agencies."""
    sheet, words = table.sheet, load_layout_words()
    if kind not in KIND_NAMES:
        return
    for index, column in enumerate(sheet.columns):
        header = column.codes[table.header_row - sheet.first_row]
        if header < 0 or fold_text(column.values[header]) not in words.kind_columns:
            continue
        cells = column.codes[table.rows]
        kinds = {code: words.kinds.get(fold_text(column.values[code])) for code in set(cells.tolist()) if code >= 0}
        if not {"site", "agency"} <= set(kinds.values()):
            continue
        others = [code for code, said in kinds.items() if said in KIND_NAMES and said != kind]
        rows = table.rows[np.isin(cells, others)]
        names = [sheet.name_cell(sheet.first_row + int(row), index) for row in rows[:MAX_NAMED_CELLS]]
        yield build_issue(
            "sheet.mixed_kinds", file=sheet.file, sheet=sheet.name, cell=names[0], cells=names, count=len(rows),
            header=column.values[header], seen=column.values[others[0]], expected=KIND_NAMES[kind],
        )  # fmt: skip


def _report_split(table: LaidOutTable, kind: str) -> Iterator[Issue]:
    """Yield the issue of rows that are read as of a kind because a column says so of them, and something else of others."""
    if table.kind_column is None or not len(table.rows):
        return
    sheet, row = table.sheet, table.sheet.first_row + int(table.rows[0])
    column = sheet.columns[table.kind_column]
    code = column.codes[table.header_row - sheet.first_row]
    header = column.values[code] if code >= 0 else ""
    yield build_issue(
        "sheet.split_kinds", file=sheet.file, sheet=sheet.name, cell=sheet.name_cell(row, table.kind_column),
        count=len(table.rows), header=header, seen=header, expected=KIND_NAMES.get(kind, kind),
    )  # fmt: skip


def _list_filled(table: LaidOutTable) -> Iterator[Issue]:
    """Yield the issues of cells that repeat the cell above."""
    sheet = table.sheet
    for filled in table.filled:
        cells = [sheet.name_cell(sheet.first_row + int(row), filled.column) for row in filled.rows[:MAX_NAMED_CELLS]]
        column = sheet.columns[filled.column]
        header = column.codes[table.header_row - sheet.first_row]
        yield build_issue(
            filled.code, file=sheet.file, sheet=sheet.name, cell=cells[0], cells=cells, count=len(filled.rows),
            header=column.values[header] if header >= 0 else "",
        )  # fmt: skip
