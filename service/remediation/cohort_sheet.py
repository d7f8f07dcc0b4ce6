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
from questionnaires.sheet import FileRefused, Limits, Sheet, read_sheets
from questionnaires.text_normalize import fold_text
from questionnaires.validation.match import ColumnMatch, find_header_row, get_row_cells, match_columns
from questionnaires.validation.personal_data import redact_pii
from questionnaires.validation.validate import SheetOptions, validate_sheet
from questionnaires.workbook import load_template_texts
from risk_models.answers import from_frame
from risk_models.repayment.cohorts import RepaymentIssue

KIND = "repayment"
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
    form = load_combined_form(KIND)
    try:
        sheet, header_row, matched = _find_table(_select_sheets(read_sheets(data, name, Limits()), sheet_name), form)
        if sheet.n_rows - header_row + sheet.first_row - 1 > MAX_ROWS:
            raise NoUsableCohorts(
                f"{name}: a cohort sheet can have at most {MAX_ROWS:,} rows. Split it into several files."
            )
        clean, refusals = redact_pii(sheet, header_row, form)
        submission = validate_sheet(
            clean, header_row, matched, form, SheetOptions(date_order=date_order, as_of=on), refusals
        )
    except FileRefused as error:
        raise NoUsableCohorts(f"{name}: {error.detail} {error.cure}") from error
    except UnusableSheet as error:
        raise NoUsableCohorts(f"{name}: {error}") from error
    numbered = zip(submission.rows.tolist(), from_frame(submission.answers).to_rows(), strict=True)
    rows = tuple(CohortRow(answers, f"{sheet.name}, row {number}") for number, answers in numbered)
    if not rows:
        first = next((issue.describe() for issue in submission.issues if issue.severity == "error"), "")
        raise NoUsableCohorts(f"{name}: none of the rows can be used. {first}".strip())
    return CohortSheet(name, hashlib.sha256(data).hexdigest(), sheet.name, rows, submission.n_rows, submission.issues)


def find_personal_data(answers: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the question and the code of the first answer with personal data; None without any."""
    form = load_combined_form(KIND)
    texts = ((question, text) for question, text in answers.items() if form.by_id[question].type == "text")
    codes = ((question, detect_personal_data(text)) for question, text in texts if isinstance(text, str))
    return next(((question, code) for question, code in codes if code), None)


def _select_sheets(sheets: Sequence[Sheet], name: str | None) -> list[Sheet]:
    """Return the sheet of a name, else that of the template, otherwise the visible ones. Raises :class:`NoUsableCohorts`."""
    template_sheet = str(load_template_texts()["entity"][KIND]["sheet"])
    selected = name or (
        template_sheet if any(sheet.stamp and sheet.name == template_sheet for sheet in sheets) else None
    )
    chosen = [sheet for sheet in sheets if (sheet.name == selected if selected else sheet.visible)]
    if not chosen:
        names = ", ".join(f"'{sheet.name}'" for sheet in sheets)
        raise NoUsableCohorts(f"There is no sheet '{selected}'. The file has these sheets: {names}.")
    return chosen


def _find_table(sheets: Sequence[Sheet], form: Questionnaire) -> tuple[Sheet, int, ColumnMatch]:
    """Return the first sheet with a table of cohorts, its header row and columns.

    Raises :class:`UnusableSheet` if there is none, :class:`NoUsableCohorts` for a column of personal data.
    """
    errors = []
    for sheet in sheets:
        try:
            header_row = find_header_row(sheet, [form])
            matched = match_columns(sheet, header_row, form)
        except UnusableSheet as error:
            errors.append(error)
            continue
        _reject_personal_columns(get_row_cells(sheet, header_row), form)
        return sheet, header_row, matched
    raise errors[0]


def _reject_personal_columns(headers: Sequence[str], form: Questionnaire) -> None:
    for header in headers:
        column = form.headers.get(fold_text(header)) if header else None
        if (column and form.by_id[column[1]].person) or (not column and detect_personal_column(header)):
            raise NoUsableCohorts(RepaymentIssue("person.column", value=f"'{header}'").describe())
