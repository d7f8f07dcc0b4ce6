"""Make a sheet with one header row and plain rows of a table; every cell is still known by its place in the spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from questionnaires.layout.document import CHOSEN, Section, TableLayout, list_rows, name_column, name_headers
from questionnaires.layout.grid import BLANK, Grid, Indices, build_grid, crop, set_texts
from questionnaires.layout.headers import Headers, join_headers
from questionnaires.layout.kinds import find_rows_of_kind
from questionnaires.layout.words import LayoutWords, load_layout_words
from questionnaires.sheet import Column, RowGroup, Sheet, build_row_group

DITTO, MERGED, FILLED_DOWN = "cell.ditto", "cell.merged", "cell.filled_down"


@dataclass(frozen=True)
class FilledCells:
    """Cells that repeat the cell above: the code of their issue, their column, and their rows (counted from the first row)."""

    code: str
    column: int
    rows: Indices


@dataclass(frozen=True)
class LaidOutTable:
    """A table as it is mapped and validated: a sheet, the number of its header row, and the rows of it (counted from the sheet's
    first row) that may be suppliers. ``left_out``, ``asked``: the others that are not blank, by reason. ``kind_column``: the
    column that says that these rows are of one kind, and others of another.
    """

    sheet: Sheet
    header_row: int
    rows: Indices
    left_out: tuple[RowGroup, ...]
    asked: tuple[RowGroup, ...]
    sections: tuple[Section, ...]
    filled: tuple[FilledCells, ...]
    kind_column: int | None = None


def lay_out_table(sheet: Sheet, table: TableLayout, known: Headers, choices: Mapping[int, bool]) -> LaidOutTable:
    """Lay out a table of a sheet. ``choices``: by row, as the spreadsheet numbers it, whether it is read in any case."""
    if table.direction == "across":
        sheet = transpose(sheet)
    part = crop(sheet, table.rows, table.columns)
    grid = build_grid(part)
    first, header = (row - sheet.first_row for row in table.header_rows)
    is_read = grid.counts > 0
    if table.kind is not None and table.kind_column is not None and table.kind_column < len(part.columns):
        is_read &= find_rows_of_kind(part.columns[table.kind_column], table.kind)
        own = set((np.flatnonzero(is_read) + sheet.first_row).tolist())
        table, choices = _keep_rows(table, own), {row: choices[row] for row in choices.keys() & own}
    left_out, asked = _apply_choices(table, choices)
    is_read[
        [row - sheet.first_row for row in list_rows((*left_out, *asked)) if 0 <= row - sheet.first_row < sheet.n_rows]
    ] = False
    is_read[: header + 1] = False
    rows = np.flatnonzero(is_read)
    columns = list(part.columns)
    headers = join_headers(grid, (first, header), known) | name_headers(table)
    if first != header or any(headers.get(column) != text for column, text in grid.get_cells(header).items()):
        columns = [
            set_texts(column, [(header, headers.get(index, ""))])
            if index in headers or grid.filled[header, index]
            else column
            for index, column in enumerate(columns)
        ]
    filled = [*_fill_merged(columns, grid, rows, header), *_fill_dittos(columns, rows, load_layout_words())]
    filled += _fill_blanks(columns, rows, table.fill_down)
    part = replace(part, columns=tuple(columns))
    part = _add_sections(part, rows, table.sections, headers, known, header)
    return LaidOutTable(
        part, table.header_rows[1], rows, left_out, asked, table.sections, tuple(filled), table.kind_column
    )


def _keep_rows(table: TableLayout, rows: set[int]) -> TableLayout:
    """Return a table without the rows that are another table's among those that are left out or asked about."""
    left_out, asked = (
        tuple(build_row_group(group.reason, rows.intersection(list_rows([group]))) for group in groups)
        for groups in (table.left_out, table.asked)
    )
    return replace(
        table,
        left_out=tuple(group for group in left_out if group.rows),
        asked=tuple(group for group in asked if group.rows),
    )


def _apply_choices(
    table: TableLayout, choices: Mapping[int, bool]
) -> tuple[tuple[RowGroup, ...], tuple[RowGroup, ...]]:
    """Return the rows that are left out and those that are asked about, after what the sender chose for single rows."""
    if not choices:
        return table.left_out, table.asked
    groups = [
        [build_row_group(group.reason, set(list_rows([group])) - choices.keys()) for group in groups]
        for groups in (table.left_out, table.asked)
    ]
    header_rows = range(table.header_rows[0], table.header_rows[1] + 1)
    chosen = [
        row
        for row, is_read in choices.items()
        if not is_read and table.rows[0] <= row <= table.rows[1] and row not in header_rows
    ]
    groups[0] += [build_row_group(CHOSEN, chosen)] if chosen else []
    left_out, asked = (tuple(group for group in members if group.rows) for members in groups)
    return left_out, asked


def carry_back(original: Sheet, tables: Iterable[tuple[Sheet, Sheet]]) -> Sheet:
    """Return a sheet without the texts that were removed from its tables; each is given as laid out, before and after.

    No text that is in no cell is left in its columns.
    """
    columns = list(original.columns)
    for before, after in tables:
        if after.is_transposed:
            return transpose(after)
        for index in range(len(columns)):
            old, new = before.columns[index], after.columns[index]
            if old is new:
                continue
            removed = np.flatnonzero((old.codes >= 0) & (new.codes < 0))
            changed = [(int(row), "") for row in removed]
            columns[index] = set_texts(columns[index], changed)
    kept = [_drop_unused_texts(column) for column in columns]
    return replace(original, columns=tuple(kept))


def _drop_unused_texts(column: Column) -> Column:
    used = np.unique(column.codes[column.codes >= 0])
    numbers = np.full(len(column.values) + 1, -1, dtype=np.int32)
    numbers[used] = np.arange(len(used))
    return Column(tuple(column.values[code] for code in used.tolist()), numbers[column.codes])


def add_header_row(sheet: Sheet) -> Sheet:
    """Return a sheet that has no headers with "Column A", "Column B" and so on as row 0. Its rows keep their numbers."""
    if not sheet.first_row:
        return sheet  # it has them already: it was stored without personal data
    above = np.full(sheet.first_row, -1, dtype=np.int32)
    columns = [
        set_texts(Column(column.values, np.concatenate((above, column.codes))), [(0, name_column(index))])
        for index, column in enumerate(sheet.columns)
    ]
    return replace(sheet, first_row=0, n_rows=sheet.n_rows + sheet.first_row, columns=tuple(columns))


def transpose(sheet: Sheet) -> Sheet:
    """Return a sheet with rows for its columns; its first row is number 1 and stands for column A."""
    above = [""] * (sheet.first_row - 1)
    texts = [
        [*above, *(column.values[code] if code >= 0 else "" for code in column.codes.tolist())]
        for column in sheet.columns
    ]
    columns = []
    for cells in zip(*texts, strict=True):
        values = {text: number for number, text in enumerate(dict.fromkeys(text for text in cells if text))}
        codes = np.array([values.get(text, -1) for text in cells], dtype=np.int32)
        columns.append(Column(tuple(values), codes))
    return replace(
        sheet,
        first_row=1,
        n_rows=len(texts),
        columns=tuple(columns),
        errors={(column + 1, row - 1): text for (row, column), text in sheet.errors.items()},
        formulas=tuple((column + 1, row - 1) for row, column in sheet.formulas),
        widths=None,
        misquoted=(),
        marks=type(sheet.marks)(),
        is_transposed=not sheet.is_transposed,
    )


def _fill_merged(columns: list[Column], grid: Grid, rows: Indices, header: int) -> Iterable[FilledCells]:
    """Repeat the text of a merged range in its first column down to its last row."""
    spans: dict[int, list[tuple[int, int]]] = {}
    for (top, left), (bottom, _) in grid.merged.items():
        if bottom > top > header and left < len(columns) and top < len(grid.counts):
            spans.setdefault(left, []).append((top, min(bottom, len(grid.counts) - 1)))
    is_read = np.zeros(len(grid.counts), dtype=np.bool_)
    is_read[rows] = True
    for left, merged in spans.items():
        codes = columns[left].codes.copy()
        for top, bottom in merged:
            codes[top + 1 : bottom + 1] = codes[top]
        changed = np.flatnonzero((codes != columns[left].codes) & is_read & ~grid.filled[:, left])
        if len(changed):
            new = columns[left].codes.copy()
            new[changed] = codes[changed]
            columns[left] = Column(columns[left].values, new)
            yield FilledCells(MERGED, left, changed)


def _fill_dittos(columns: list[Column], rows: Indices, words: LayoutWords) -> Iterable[FilledCells]:
    """Replace the marks and words for "the same as above" by the text above them."""
    for index, column in enumerate(columns):
        found = words.dittos.intersection(column.values)
        if not found or not len(rows):
            continue
        numbers = [column.values.index(text) for text in found if _repeats_above(text, column, words)]
        cells = column.codes[rows]
        is_ditto = np.isin(cells, numbers)
        if not is_ditto.any():
            continue
        source = np.maximum.accumulate(np.where(is_ditto, 0, np.arange(len(rows))))
        repeated = np.where(is_ditto, cells[source], cells)
        repeated[np.isin(repeated, numbers)] = -1  # nothing stands above
        codes = column.codes.copy()
        codes[rows] = repeated
        columns[index] = Column(column.values, codes)
        yield FilledCells(DITTO, index, rows[is_ditto])


def _repeats_above(text: str, column: Column, words: LayoutWords) -> bool:
    """Return whether a text is a ditto mark in its column: "do" and "id" are also codes of countries, in a column of codes."""
    if text not in words.short_dittos:
        return True
    others = [value for value in column.values if value not in words.dittos]
    codes = sum(len(value.strip()) == 2 and value.isalpha() for value in others)
    return not text.isupper() and 2 * codes < len(others)


def _fill_blanks(columns: list[Column], rows: Indices, fill_down: Iterable[int]) -> Iterable[FilledCells]:
    """Repeat the text above in the blank cells of the columns that the sender chose for that."""
    for index in fill_down:
        if index >= len(columns) or not len(rows):
            continue
        cells = columns[index].codes[rows]
        shown = np.array([*(bool(value.strip(BLANK)) for value in columns[index].values), False])[cells]
        source = np.maximum.accumulate(np.where(shown, np.arange(len(rows)), 0))
        codes = columns[index].codes.copy()
        codes[rows] = cells[source]
        columns[index] = Column(columns[index].values, codes)
        yield FilledCells(FILLED_DOWN, index, rows[~shown & (cells[source] >= 0)])


def _add_sections(
    sheet: Sheet, rows: Indices, sections: Iterable[Section], headers: Mapping[int, str], known: Headers, header: int
) -> Sheet:
    """Return a sheet in which the headings answer their questions: in the blank cells of the question's column, or in a column
    that is added after the last.
    """
    columns, origins = list(sheet.columns), {}
    by_question: dict[str, list[Section]] = {}
    for section in sections:
        by_question.setdefault(section.question, []).append(section)
    for question, members in by_question.items():
        column = next((index for index, text in headers.items() if question in known.read(text)), None)
        is_new = column is None
        base = Column((), np.full(sheet.n_rows, -1, dtype=np.int32)) if column is None else columns[column]
        texts: dict[int, tuple[str, tuple[int, int]]] = {}
        for section in members:
            within = rows[(rows >= section.rows[0] - sheet.first_row) & (rows <= section.rows[1] - sheet.first_row)]
            empty = within[base.codes[within] < 0]
            texts |= dict.fromkeys(empty.tolist(), (section.text, (section.row, section.column)))
        filled = set_texts(base, ((row, text) for row, (text, _) in texts.items()))
        if is_new:
            filled = set_texts(filled, [(header, question.capitalize())])
            origins[len(columns)] = {row + sheet.first_row: cell for row, (_, cell) in texts.items()}
            columns.append(filled)
        else:
            columns[column] = filled  # type: ignore[index]
    return replace(sheet, columns=tuple(columns), origins=origins)
