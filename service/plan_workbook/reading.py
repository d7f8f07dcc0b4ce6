"""Read a filled-in action plan workbook in the sandbox: its steps as texts. Formulas are neither read nor calculated."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from questionnaires.limits import FileRefused
from questionnaires.sheet import Sheet, cell_name, read_sheets
from questionnaires.text_normalize import fold_text
from service.errors import DomainError
from service.plan_workbook.columns import EXPECTED, FILLED_IN, MOST_ROWS, READ, SHEET, TITLES
from service.remediation.rules import MAX_REASON, SearchedText, check_text
from service.remediation.steps import MAX_REFERENCE

MOST_FAULTS = 50
# The most characters of the texts that are written freely.
LONGEST = {"reason": MAX_REASON, "done": MAX_REASON, "evidence_reference": MAX_REFERENCE}
FILE = "plan_workbook.file"  # the code of the error for a file that is refused as a whole


@dataclass(frozen=True)
class Row:
    """A row of the sheet: its number in the spreadsheet, and the texts of its cells by field (``READ``)."""

    number: int
    texts: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """The steps of a workbook: the name of the sheet, the column of each field counted from 0, its rows, and the headers of
    columns that are not read.
    """

    sheet: str
    columns: Mapping[str, int]
    rows: tuple[Row, ...]
    unread: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Table:
        """Build a table from its JSON object. Raises KeyError, TypeError, ValueError or AttributeError for anything else."""
        columns = {field: int(content["columns"][field]) for field in READ}
        rows = [
            Row(int(number), {field: str(text) for field, text in zip(READ, texts, strict=True)})
            for number, texts in content["rows"]
        ]
        return cls(str(content["sheet"]), columns, tuple(rows))

    def to_json(self) -> dict[str, Any]:
        """Return the table as a JSON object, without the columns that are not read."""
        rows = [[row.number, [row.texts[field] for field in READ]] for row in self.rows]
        return {"sheet": self.sheet, "columns": dict(self.columns), "rows": rows}

    def select(self, numbers: Collection[int]) -> Table:
        """Return the table with the rows of these numbers only."""
        return replace(self, rows=tuple(row for row in self.rows if row.number in numbers))

    def describe_fault(self, row: Row, field: str, code: str, expected: str, fix: str) -> dict[str, Any]:
        """Return what is wrong with a cell: where it is, what it contains, what was expected, and how to correct it."""
        cell, seen = cell_name(row.number, self.columns[field]), row.texts.get(field, "")[:60]
        found = f" '{seen}':" if seen and field in FILLED_IN else ""
        return {
            "sheet": self.sheet,
            "cell": cell,
            "column": TITLES[field],
            "code": code,
            "seen": seen,
            "expected": expected,
            "fix": fix,
            "text": f"{self.sheet}!{cell}, {TITLES[field]}:{found} {fix}",
        }


def read_workbook(data: bytes, name: str) -> Table:
    """Return the rows of a workbook. Raises DomainError, 422: the code of the refusal for a file that is not read,
    ``plan_workbook.file`` for one that is no action plan or contains formulas where something is filled in; with ``faults``.
    """
    try:
        sheets = read_sheets(data, name)
    except FileRefused as refused:
        raise DomainError(refused.code, 422, f"{refused.detail} {refused.cure}") from refused
    sheet, columns = _find_table(sheets)
    rows = _read_rows(sheet, columns)
    known = {fold_text(title) for title in TITLES.values()}
    unread = tuple(header for header in _read_headers(sheet) if header and fold_text(header) not in known)
    table = Table(sheet.name, columns, rows, unread)
    refuse(_list_formulas(sheet, table))
    return search_texts(table)


def search_texts(table: Table) -> Table:
    """Return a table whose free texts were searched for personal data, before a transaction begins: for thousands of rows it
    takes seconds. Raises DomainError ``plan_workbook.file``, 422, with the ``faults``.
    """
    rows, faults = [], list[Mapping[str, Any]]()
    for row in table.rows:
        searched = {}
        for field, longest in LONGEST.items():
            try:
                check_text(row.texts[field], longest)
            except DomainError as refused:
                faults.append(table.describe_fault(row, field, refused.code, EXPECTED[field], refused.detail))
            searched[field] = SearchedText(row.texts[field])
        rows.append(replace(row, texts={**row.texts, **searched}))
    refuse(faults)
    return replace(table, rows=tuple(rows))


def refuse(faults: Sequence[Mapping[str, Any]]) -> None:
    """Raise DomainError ``plan_workbook.file``, 422, with the faults, if there are any."""
    if not faults:
        return
    more = f" ({len(faults) - 1} more problems are listed.)" if len(faults) > 1 else ""
    raise DomainError(FILE, 422, f"Nothing was saved. {faults[0]['text']}{more}", faults=list(faults[:MOST_FAULTS]))


def _read_headers(sheet: Sheet) -> list[str]:
    """Return the texts of the first row of a sheet."""
    return [column.values[code] if (code := int(column.codes[0])) >= 0 else "" for column in sheet.columns]


def _find_table(sheets: Sequence[Sheet]) -> tuple[Sheet, Mapping[str, int]]:
    """Return the sheet of steps and the column of each field. Raises DomainError if there is none, or a column is missing."""
    wanted = {fold_text(TITLES[field]): field for field in READ}
    for sheet in sheets:
        headers = [fold_text(header) for header in _read_headers(sheet)] if sheet.n_rows else []
        if fold_text(TITLES["step_id"]) not in headers:
            continue
        missing = [TITLES[field] for word, field in wanted.items() if headers.count(word) != 1]
        if missing:
            detail = (
                f"The sheet '{sheet.name}' must contain each of these columns exactly once: {', '.join(missing)}. "
                "Download the workbook again."
            )
            raise DomainError(FILE, 422, detail)
        return sheet, {field: headers.index(word) for word, field in wanted.items()}
    detail = (
        f"This is not an action plan workbook: no sheet has a column '{TITLES['step_id']}' in its first row. Download the "
        f"workbook, fill in its sheet '{SHEET}', and upload it."
    )
    raise DomainError(FILE, 422, detail)


def _read_rows(sheet: Sheet, columns: Mapping[str, int]) -> tuple[Row, ...]:
    rows = []
    for at in range(1, sheet.n_rows):
        texts = {}
        for field, index in columns.items():
            column = sheet.columns[index]
            code = int(column.codes[at])
            texts[field] = column.values[code].strip() if code >= 0 else ""
        if any(texts.values()):
            rows.append(Row(sheet.first_row + at, texts))
    if len(rows) > MOST_ROWS:
        raise DomainError(FILE, 422, f"A workbook can have at most {MOST_ROWS:,} steps. Split it into several files.")
    return tuple(rows)


def _list_formulas(sheet: Sheet, table: Table) -> list[dict[str, Any]]:
    """Return a fault for each formula and each spreadsheet error in a column that is read."""
    fields = {index: field for field, index in table.columns.items()}
    rows = {row.number: row for row in table.rows}
    cells = sorted({*sheet.formulas, *sheet.errors})
    fix = "Enter the value itself instead of a formula. Formulas are not read."
    return [
        table.describe_fault(rows.get(number, Row(number, {})), fields[column], "plan_workbook.formula", "a value", fix)
        for number, column in cells
        if column in fields and number > sheet.first_row
    ]
