"""Sheets as the reader returns them, built from a Markdown table in the test; and small forms to read them with."""

from pathlib import Path

import numpy as np

from questionnaires.form import load_combined_form
from questionnaires.sheet import Column, Sheet
from questionnaires.validation.match import find_header_row, match_columns
from questionnaires.validation.validate import SheetOptions, Submission, validate_sheet

FORMS = Path(__file__).parent / "forms"
SITE = load_combined_form("site", FORMS)
AGENCY = load_combined_form("agency", FORMS)


def build_table(markdown: str, name: str = "Suppliers", **fields: object) -> Sheet:
    """Build a sheet whose rows are the lines of the table, from row 1; ``\\u00a0`` and the like are read as in Python."""
    lines = [line.strip() for line in markdown.strip().splitlines()]
    rows = [
        [
            cell.strip().encode().decode("raw_unicode_escape") if "\\" in cell else cell.strip()
            for cell in line[1:-1].split("|")
        ]
        for line in lines
    ]
    return build_sheet(rows, name, **fields)


def build_sheet(rows: list[list[str]], name: str = "Suppliers", **fields: object) -> Sheet:
    """Build a sheet of these texts; "" is an empty cell."""
    columns = []
    for index in range(max(map(len, rows))):
        cells = [row[index] if index < len(row) else "" for row in rows]
        values = list(dict.fromkeys(cell for cell in cells if cell))
        codes = np.array([values.index(cell) if cell else -1 for cell in cells], dtype=np.int32)
        columns.append(Column(tuple(values), codes))
    fields = {"visible": True, "errors": {}, "formulas": (), "stamp": None, **fields}
    return Sheet(file="list.xlsx", name=name, first_row=1, n_rows=len(rows), columns=tuple(columns), **fields)


def submit(sheet: Sheet | str, form=SITE, **options: object) -> Submission:
    """Validate a sheet (or Markdown table) with the small form."""
    sheet = build_table(sheet) if isinstance(sheet, str) else sheet
    header_row = find_header_row(sheet, [form])
    return validate_sheet(sheet, header_row, match_columns(sheet, header_row, form), form, SheetOptions(**options))


def get_answers(submission: Submission, question: str) -> list[object]:
    """Return the answers to a question, row by row; None for a blank."""
    column = submission.answers[question]
    return [column.values[code] if code >= 0 else None for code in column.codes.tolist()]


def get_issue_codes(submission: Submission) -> list[str]:
    """Return the codes of the issues, in their order."""
    return [issue.code for issue in submission.issues]
