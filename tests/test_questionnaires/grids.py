"""Sheets and what is to become of them, written as Markdown tables in ``layouts/*.md`` (see the README there)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from openpyxl.utils.cell import coordinate_to_tuple, range_boundaries

from questionnaires.find_tables import find_tables
from questionnaires.sheet import Sheet, SheetMarks
from questionnaires.tables import FileTables, TableOptions
from tests.test_questionnaires.tables import build_sheet

LAYOUTS = Path(__file__).parent / "layouts"
TODAY = "2026-11-01"
MARKS = ("merged", "hidden", "struck", "filter")


@dataclass(frozen=True)
class GridCase:
    """One layout: the sentence it is a test of, its rows and what each is, and the lines above and below its table."""

    name: str
    classes: list[str]
    rows: list[list[str]]
    above: dict[str, str] = field(default_factory=dict)
    expected: dict[str, str] = field(default_factory=dict)

    def build_sheet(self) -> Sheet:
        """Build the sheet."""
        return build_sheet(self.rows, self.above.get("sheet", "Suppliers"), marks=build_marks(self.above))


def build_marks(lines: dict[str, str]) -> SheetMarks:
    """Build the marks of a sheet from the lines above its table."""
    merged = []
    for text in lines.get("merged", "").split():
        left, top, right, bottom = range_boundaries(text)
        merged.append((top, left - 1, bottom, right - 1))
    struck: dict[int, tuple[int, ...]] = {}
    for text in lines.get("struck", "").split():
        row, column = coordinate_to_tuple(text)
        struck[column - 1] = (*struck.get(column - 1, ()), row)
    first_last = [int(number) for number in lines.get("filter", "").split("-") if number]
    return SheetMarks(
        merged=tuple(merged),
        hidden=tuple(map(int, lines.get("hidden", "").split())),
        filters=((first_last[0], first_last[1]),) if first_last else (),
        struck=struck,
    )


def load_grids() -> list[GridCase]:
    """Load every layout of the folder."""
    return [
        parse_grid(part)
        for path in sorted(LAYOUTS.glob("[!R]*.md"))
        for part in re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    ]


def parse_grid(text: str) -> GridCase:
    """Parse one layout."""
    name, *lines = text.strip().splitlines()
    case = GridCase(name.strip(), [], [])
    for line in filter(None, map(str.strip, lines)):
        if line.startswith("|"):
            kind, *cells = [cell.strip() for cell in line.strip("|").split("|")]
            case.classes.append(kind)
            case.rows.append(["" if cell == "~" else cell.replace("\\n", "\n") for cell in cells])
        else:
            key, _, value = line.partition(":")
            (case.expected if case.rows else case.above)[key] = value.strip()
    return case


def read_grid(case: GridCase, **options: object) -> FileTables:
    """Read the sheet of a layout."""
    return find_tables([case.build_sheet()], "list.xlsx", TableOptions(TODAY, **options))


def list_classes(case: GridCase, found: FileTables) -> list[str]:
    """List what each row of the sheet became."""
    classes = ["" if not any(row) else "x" for row in case.rows]
    for table in found.tables:
        if table.is_across:
            return [""] * len(case.rows)
        for group in table.submission.left_out:
            for first, last in group.rows:
                for row in range(first, last + 1):
                    classes[row - 1] = group.reason.replace("asked_", "?")
        for row in table.submission.rows.tolist():
            classes[row - 1] = "+"
    for sheet in found.layout.sheets:
        for layout in sheet.tables:
            for row in range(layout.header_rows[0], layout.header_rows[1] + 1):
                classes[row - 1] = "header"
    return classes


def list_answers(found: FileTables, question: str) -> list[str]:
    """List the answers to a question of all tables, row by row, as text; "-" for none."""
    answers = []
    for table in found.tables:
        column = table.submission.answers.get(question)
        for row in range(table.submission.accepted):
            code = column.codes[row] if column else -1
            answers.append(format_answer(column.values[code]) if column and code >= 0 else "-")
    return answers


def format_answer(value: object) -> str:
    """Return an answer as the layouts write it."""
    if isinstance(value, tuple):
        return "+".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
