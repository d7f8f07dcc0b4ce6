"""The cohort sheet of the repayment calculator: read its rows and collect its issues.

It is read like any questionnaire sheet (``questionnaires``). Names and contact details of people are refused and never repeated:
a column for them rejects the whole sheet, a cell its row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from questionnaires.form import Questionnaire, load_combined_form
from questionnaires.issues import Issue, UnusableSheet
from questionnaires.person_detection import detect_personal_column, detect_personal_data
from questionnaires.sheet import FileRefused
from questionnaires.tables import COHORTS, TableOptions, read_tables
from questionnaires.text_normalize import fold_text
from risk_models.answers import from_columns
from risk_models.repayment.cohorts import RepaymentIssue

KIND = COHORTS
MAX_ROWS = 5_000  # as many as the template has drop-downs for; they take a few seconds to calculate


class NoUsableCohorts(Exception):
    """No row of the file can be used: one or two sentences with the reason and the fix."""


@dataclass(frozen=True)
class CohortRow:
    """The answers of a row by question id, and its place: "Cohorts, row 3"."""

    answers: Mapping[str, Any]
    place: str


@dataclass(frozen=True)
class CohortSheet:
    """A cohort file: its usable rows and the issues of its cells."""

    name: str
    sha256: str
    sheet: str
    rows: tuple[CohortRow, ...]
    n_rows: int
    issues: tuple[Issue, ...]


def read_cohorts(
    data: bytes, name: str, on: date, sheet_name: str | None = None, date_order: str | None = None
) -> CohortSheet:
    """Read the rows of a file. Raises :class:`NoUsableCohorts` if none can be used."""
    options = TableOptions(on.isoformat(), KIND, sheet=sheet_name, date_order=date_order)
    try:
        table = read_tables(data, name, options).tables[0]
    except FileRefused as error:
        raise NoUsableCohorts(f"{name}: {error.detail} {error.cure}") from error
    except UnusableSheet as error:
        raise NoUsableCohorts(f"{name}: {error}") from error
    _reject_personal_columns(table.matched.headers, load_combined_form(KIND))
    submission = table.submission
    if submission.n_rows > MAX_ROWS:
        raise NoUsableCohorts(
            f"{name}: a cohort sheet can have at most {MAX_ROWS:,} rows. Split it into several files."
        )
    answers = from_columns(submission.accepted, submission.answers)
    numbered = zip(submission.rows.tolist(), answers.to_rows(), strict=True)
    rows = tuple(CohortRow(row, f"{table.sheet}, row {number}") for number, row in numbered)
    if not rows:
        first = next((issue.describe() for issue in submission.issues if issue.severity == "error"), "")
        raise NoUsableCohorts(f"{name}: none of the rows can be used. {first}".strip())
    return CohortSheet(name, hashlib.sha256(data).hexdigest(), table.sheet, rows, submission.n_rows, submission.issues)


def find_personal_data(answers: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the question and the code of the first answer with personal data; None without any."""
    form = load_combined_form(KIND)
    texts = ((question, text) for question, text in answers.items() if form.by_id[question].type == "text")
    codes = ((question, detect_personal_data(text)) for question, text in texts if isinstance(text, str))
    return next(((question, code) for question, code in codes if code), None)


def _reject_personal_columns(headers: Sequence[str], form: Questionnaire) -> None:
    """Raise :class:`NoUsableCohorts` for a column of personal data."""
    for header in headers:
        column = form.headers.get(fold_text(header)) if header else None
        if (column and form.by_id[column[1]].person) or (not column and detect_personal_column(header)):
            raise NoUsableCohorts(RepaymentIssue("person.column", value=f"'{header}'").describe())
