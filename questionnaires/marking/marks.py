"""Work out what a marked workbook says: the cells to mark, the result of each row, and the list of problems."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from questionnaires.issues import Issue, build_issue
from questionnaires.layout.document import list_rows
from questionnaires.marking.own_marks import find_result_column
from questionnaires.parse.answer import make_legible
from questionnaires.sheet import Sheet
from questionnaires.tables import Table
from questionnaires.validation.match import get_row_cells

CELL = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})", re.ASCII)
MAX_REASONS = 3  # reasons that the result of a row gives; its marked cells have the others
MAX_NOTES = 5_000  # notes on the cells of one sheet: more would slow a spreadsheet program down
MAX_PROBLEMS = 20_000  # lines in the list of problems
ACCEPTED, LEFT_OUT = "Accepted", "Left out"
ORDER = ("error", "warning", "info")


@dataclass(frozen=True)
class CellMark:
    """A cell to mark: how serious its worst issue is, and the text of its note ("" for none)."""

    severity: str
    note: str


@dataclass(frozen=True)
class SheetMarks:
    """The marks of one sheet. Rows are numbered as in the spreadsheet, columns from 0.

    ``results``: what became of each row, by row number; empty for a sheet that was not read. ``result_column``: the column they
    are written to, under a header in ``header_row``.
    """

    cells: Mapping[tuple[int, int], CellMark] = field(default_factory=dict)
    results: Mapping[int, str] = field(default_factory=dict)
    result_column: int = 0
    header_row: int = 0


@dataclass(frozen=True)
class Marks:
    """The marks of each sheet by name, and all issues in the order in which they are listed."""

    sheets: Mapping[str, SheetMarks]
    problems: Sequence[Issue]


def build_marks(sheets: Sequence[Sheet], tables: Sequence[Table], issues: Iterable[Issue]) -> Marks:
    """Build the marks of a file from its tables and issues. Each issue must name all its cells."""
    of_sheet: dict[str, list[Issue]] = {}
    for issue in issues:
        of_sheet.setdefault(issue.sheet, []).append(issue)
    tables_of: dict[str, list[Table]] = {}
    for table in tables:
        tables_of.setdefault(table.sheet, []).append(table)
    names = [sheet.name for sheet in sheets]
    problems = [issue for listed in of_sheet.values() for issue in listed]
    return Marks(
        {
            sheet.name: _mark_sheet(sheet, tables_of.get(sheet.name, ()), of_sheet.get(sheet.name, ()))
            for sheet in sheets
        },
        sorted(problems, key=lambda issue: (ORDER.index(issue.severity), *_find_place(issue, names))),
    )


def _mark_sheet(sheet: Sheet, tables: Sequence[Table], issues: Sequence[Issue]) -> SheetMarks:
    cells: dict[tuple[int, int], list[Issue]] = {}
    for issue in issues:
        for place in filter(None, map(parse_cell, issue.cells)):
            cells.setdefault(place, []).append(issue)
    serious = {place: found for place in cells if (found := [i for i in cells[place] if i.severity != "info"])}
    marks = {
        place: CellMark(
            min((issue.severity for issue in found), key=ORDER.index), _write_note(found) if number < MAX_NOTES else ""
        )
        for number, (place, found) in enumerate(sorted(serious.items()))
    }
    earlier = find_result_column(sheet)
    at = len(sheet.columns) if earlier is None else earlier
    if not tables or tables[0].is_across:
        return SheetMarks(marks, result_column=at)
    header_row = min(table.header_row for table in tables)
    return SheetMarks(marks, _describe_rows(sheet, tables, cells), at, header_row)


def _describe_rows(
    sheet: Sheet, tables: Sequence[Table], cells: Mapping[tuple[int, int], Sequence[Issue]]
) -> dict[int, str]:
    """Return what became of each row under the headers: accepted, rejected with the reasons, or left out."""
    header_rows = {table.header_row for table in tables}
    results = {row: ACCEPTED for table in tables for row in table.submission.rows.tolist()}
    for group in (group for table in tables for group in table.submission.left_out):
        for row in list_rows([group]):
            seen = (
                next(filter(None, get_row_cells(sheet, row)), "") if 0 <= row - sheet.first_row < sheet.n_rows else ""
            )
            sentence = build_issue(f"row.{group.reason}", seen=make_legible(seen)).sentence
            results[row] = f"{LEFT_OUT}: {sentence}"
    reasons: dict[int, dict[str, str]] = {}
    for (row, _), issues in sorted(cells.items()):
        if row > min(header_rows) and row not in header_rows and row not in results:
            for issue in issues:
                reasons.setdefault(row, {})[issue.sentence] = issue.severity
    for row, found in reasons.items():
        errors = [sentence for sentence, severity in found.items() if severity == "error"]
        word = "Rejected" if errors else LEFT_OUT
        results[row] = f"{word}: {' '.join((errors or list(found))[:MAX_REASONS])}"
    return results


def parse_cell(name: str) -> tuple[int, int] | None:
    """Return row and column (from 0) of a cell such as B3; None for a cell of another sheet or no cell."""
    match = CELL.fullmatch(name)
    if match is None:
        return None
    column = 0
    for letter in match[1]:
        column = 26 * column + ord(letter) - 64
    return int(match[2]), column - 1


def _find_place(issue: Issue, sheets: Sequence[str]) -> tuple[int, int, int]:
    """Return the place of an issue in reading order: number of its sheet, row and column."""
    number = sheets.index(issue.sheet) if issue.sheet in sheets else -1
    return number, *(parse_cell(issue.cell) or (0, 0))


def _write_note(issues: Sequence[Issue]) -> str:
    return "\n\n".join(
        f"{issue.sentence}\nExpected: {issue.expected}\nHow to fix it: {issue.cure}" for issue in issues[:MAX_REASONS]
    )
