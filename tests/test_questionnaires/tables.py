"""Sheets as the reader gives them, made from a Markdown table in the test; and a small form to read them with."""

from pathlib import Path

import numpy as np

from questionnaires.form import load_reading_form
from questionnaires.sheet import Column, Sheet
from questionnaires.validation.match import find_header, match
from questionnaires.validation.validate import Options, Submission, validate

FORMS = Path(__file__).parent / "forms"
SITE = load_reading_form("site", FORMS)
AGENCY = load_reading_form("agency", FORMS)


def table(markdown: str, name: str = "Suppliers", **more: object) -> Sheet:
    """A sheet whose rows are the lines of the table, from row 1; ``\\u00a0`` and the like are read as in Python."""
    lines = [line.strip() for line in markdown.strip().splitlines()]
    rows = [
        [
            cell.strip().encode().decode("raw_unicode_escape") if "\\" in cell else cell.strip()
            for cell in line[1:-1].split("|")
        ]
        for line in lines
    ]
    return of_rows(rows, name, **more)


def of_rows(rows: list[list[str]], name: str = "Suppliers", **more: object) -> Sheet:
    """A sheet of these texts; "" is an empty cell."""
    columns = []
    for at in range(max(map(len, rows))):
        cells = [row[at] if at < len(row) else "" for row in rows]
        values = list(dict.fromkeys(cell for cell in cells if cell))
        codes = np.array([values.index(cell) if cell else -1 for cell in cells], dtype=np.int32)
        columns.append(Column(tuple(values), codes))
    told = {"visible": True, "errors": {}, "formulas": (), "stamp": None, **more}
    return Sheet(file="list.xlsx", name=name, first_row=1, n_rows=len(rows), columns=tuple(columns), **told)


def submitted(sheet: Sheet | str, form=SITE, **options: object) -> Submission:
    """What a sheet (or Markdown table) says, read with the small form."""
    sheet = table(sheet) if isinstance(sheet, str) else sheet
    header = find_header(sheet, [form])
    return validate(sheet, header, match(sheet, header, form), form, Options(**options))


def said(submission: Submission, question: str) -> list[object]:
    """The answers to a question, row by row; None where nothing is said."""
    column = submission.answers[question].cat
    return [column.categories[code] if code >= 0 else None for code in column.codes]


def codes(submission: Submission) -> list[str]:
    """The codes of the issues, in their order."""
    return [told.code for told in submission.issues]
