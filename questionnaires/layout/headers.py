"""Find the header rows of a table, and join headers that stand in several rows: "Workforce" over "Women %"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from questionnaires.form import Questionnaire
from questionnaires.layout.grid import Grid
from questionnaires.text_normalize import fold_text
from questionnaires.validation.column_match import IDENTIFYING_QUESTIONS
from questionnaires.validation.headers import read_header

MAX_HEADER_ROWS = 4
MAX_HEADER = 120  # characters; a longer text is a sentence
UNIT = re.compile(r"[(\[（].{0,40}[)\]）]|%|no\.?|nr\.?|n°|#|number|[a-z$€£]{2,4}", re.IGNORECASE)
STATEMENT = re.compile(r"[:：]\s{0,3}[^\W_]")
LABEL = re.compile(r"[^\W\d_]|%|#|№")


class Headers:
    """The headers that forms know, and those that the sender mapped (``columns``: question -> header)."""

    def __init__(self, forms: Sequence[Questionnaire], columns: Mapping[str, str] | None = None) -> None:
        self.forms, self.columns = forms, columns or {}
        self.mapped = {fold_text(header): question for question, header in self.columns.items() if header}

    def find(self, text: str) -> set[str]:
        """Return the questions that a header names."""
        word = fold_text(text)
        found = {form.headers[word][1] for form in self.forms if word in form.headers}
        return {self.mapped[word]} if word in self.mapped else found

    def read(self, text: str) -> set[str]:
        """Return the questions that a header is understood to ask, also in other words than those of the forms."""
        readings = (read_header(text, form) for form in self.forms)
        return self.find(text) or {
            question for reading in readings if reading and not reading.doubtful for question in reading.questions
        }


def find_header_rows(grid: Grid, row: int, known: Headers) -> tuple[int, int]:
    """Return the first and last of the header rows, of which ``row`` is the one that names most questions."""
    first = last = row
    while (
        last - first + 1 < MAX_HEADER_ROWS
        and last + 1 < len(grid.counts)
        and _continues_below(grid, first, last, known)
    ):
        last += 1
    while last - first + 1 < MAX_HEADER_ROWS and first > 0 and _groups_above(grid, first):
        first -= 1
    return first, last


def join_headers(grid: Grid, rows: tuple[int, int], known: Headers) -> dict[int, str]:
    """Return the header of each column, joined from several rows where its own does not say enough.

    A label of the lowest row that names a question, and is the only one of its words, is left as it is. Otherwise the labels
    above it are put before it: "Workforce / Women %".
    """
    if rows[0] == rows[1]:
        return grid.get_cells(rows[0])
    levels = [_spread(grid, row, is_last=row == rows[1]) for row in range(rows[0], rows[1] + 1)]
    columns = sorted({column for level in levels for column in level})
    parts = {column: _list_parts(levels, column) for column in columns}
    lowest = [fold_text(labels[-1]) for labels in parts.values()]
    joined = {}
    for column, labels in parts.items():
        is_alone = lowest.count(fold_text(labels[-1])) == 1
        is_alone &= len(labels) == 1 or not (_is_unit(labels[-1], known) or _is_name_of_contact(labels, known))
        options = [" / ".join(labels), *([labels[-1]] if is_alone else []), " ".join(labels), *labels[:-1]]
        named = [text for text in options if known.find(text)]
        # A label above several columns names none of them.
        shared = [text for text in labels[:-1] if sum(text in other for other in parts.values()) > 1]
        joined[column] = next((text for text in named if text not in shared), " / ".join(labels))
    return joined


def _is_unit(label: str, known: Headers) -> bool:
    """Return whether a label under a group is a unit ("%", "USD", "No."). A header that forms know, such as "City", is none."""
    is_header = len(label) >= 3 and label.isalpha() and bool(known.find(label))
    return UNIT.fullmatch(label) is not None and not is_header


def _is_name_of_contact(labels: Sequence[str], known: Headers) -> bool:
    """Return whether a label that could be the name of a supplier is that of a person, by the group above it: "Contact / Nom"."""
    return "name" in known.find(labels[-1]) and known.read(" / ".join(labels)) == {"contact_name"}


def _list_parts(levels: Sequence[Mapping[int, str]], column: int) -> list[str]:
    """Return the different labels of a column from the top."""
    return list(dict.fromkeys(level[column] for level in levels if column in level))


def _spread(grid: Grid, row: int, *, is_last: bool) -> dict[int, str]:
    """Return the labels of a header row by column; a label above several columns is that of each."""
    cells = grid.get_cells(row)
    if is_last:
        return cells
    spread = dict(cells)
    ordered = sorted(cells)
    for position, column in enumerate(ordered):
        end = grid.merged.get((row, column), (row, -1))[1]
        if end < 0 and not _is_merged_down(grid, row, column):
            following = ordered[position + 1] if position + 1 < len(ordered) else len(grid.sheet.columns)
            end = _find_group_end(grid, row, column, following)
        for covered in range(column + 1, end + 1):
            if grid.filled[row + 1 :, covered].any():
                spread.setdefault(covered, cells[column])
    return spread


def _find_group_end(grid: Grid, row: int, column: int, following: int) -> int:
    """Return the last column under a label that is not merged: as far as only the next row has labels."""
    end = column
    if not grid.filled[row + 1, column]:
        return end
    while end + 1 < following and grid.filled[row + 1, end + 1]:
        end += 1
    return end


def _is_merged_down(grid: Grid, row: int, column: int) -> bool:
    bottom, _ = grid.merged.get((row, column), (row, column))
    return bottom > row


def _is_label_row(grid: Grid, row: int) -> bool:
    cells = grid.get_cells(row).values()
    return bool(cells) and all(len(text) <= MAX_HEADER and LABEL.search(text) for text in cells)


def _count_groups(grid: Grid, row: int) -> int:
    """Return how many labels of a row stand above two or more labels of the next row."""
    spread = list(_spread(grid, row, is_last=False).items())
    below = grid.filled[row + 1]
    texts = [text for column, text in spread if below[column]]
    return sum(texts.count(text) > 1 for text in dict.fromkeys(texts))


def _continues_below(grid: Grid, first: int, row: int, known: Headers) -> bool:
    """Return whether the row under header rows is one more: labels under its groups, units, or the same headers in another
    language, and nothing under the header that names a supplier.
    """
    below = row + 1
    if not _is_label_row(grid, below):
        return False
    above_cells, below_cells = grid.get_cells(row), grid.get_cells(below)
    translated = [known.find(text) & known.find(above_cells.get(column, "")) for column, text in below_cells.items()]
    alike = sum(map(bool, translated))
    if alike >= 3 or (alike == 2 and len(below_cells) == 3):
        return fold_text("".join(above_cells.values())) != fold_text("".join(below_cells.values()))
    name_columns = [
        column
        for header in range(first, row + 1)
        for column, text in grid.get_cells(header).items()
        if known.find(text) & set(IDENTIFYING_QUESTIONS)
    ]
    if not name_columns or any(grid.filled[below, column] for column in name_columns):
        return False
    is_grouped = _count_groups(grid, row) > 0 and all(
        column in _spread(grid, row, is_last=False) for column in below_cells
    )
    has_units = len(below_cells) > 1 and all(UNIT.fullmatch(text) for text in below_cells.values())
    return (len(below_cells) > 1 and is_grouped) or has_units


def _groups_above(grid: Grid, row: int) -> bool:
    """Return whether the row above a header row is one of group labels, and not a title."""
    above = row - 1
    if not _is_label_row(grid, above):
        return False
    cells = grid.get_cells(above)
    if any(map(STATEMENT.search, cells.values())):
        return False  # "(Unit: persons)", "As of: 30 September"
    header_columns = grid.get_cells(row).keys()
    merged = [column for column in cells if grid.merged.get((above, column), (above, column))[1] > column]
    covered = [set(range(column, grid.merged[above, column][1] + 1)) & header_columns for column in merged]
    if any(1 < len(columns) < len(header_columns) for columns in covered):
        return True
    # Without merged cells: labels that stand for columns of their own, beside labels over several columns.
    has_own = any(column not in header_columns for column in cells)
    groups = _count_groups(grid, above)
    return len(cells) > 1 and ((has_own and groups > 0) or groups > 1)
