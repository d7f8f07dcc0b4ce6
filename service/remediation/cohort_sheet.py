"""The sheet of cohorts of the repayment calculator: which of its rows are read, and what must be said about them.

It is read as any sheet of ours (``questionnaires``). What names a person, or says how to reach one, is refused and never
repeated: a column for it refuses the whole sheet, a cell its row.
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
MAX_ROWS = 5_000  # as many as the template has drop-downs for; whoever waits for the page waits a few seconds


class NoUsableCohorts(Exception):
    """Nothing in the file can be used: one sentence or two that say why, and the cure."""


@dataclass(frozen=True)
class CohortRow:
    """The answers of a row by question id, and where it stands: "Cohorts, row 3"."""

    answers: Mapping[str, Any]
    place: str


@dataclass(frozen=True)
class CohortSheet:
    """What a file said: the rows that are read, and the issues of its cells."""

    name: str
    sha256: str
    sheet: str
    rows: tuple[CohortRow, ...]
    n_rows: int
    issues: tuple[Issue, ...]


def read_cohorts(
    data: bytes, name: str, on: date, sheet_name: str | None = None, date_order: str | None = None
) -> CohortSheet:
    """The rows of a file. Raises :class:`NoCohorts` where none can be used."""
    form = load_combined_form(KIND)
    try:
        sheet, header_row, matched = _find_table(_select_sheets(read_sheets(data, name, Limits()), sheet_name), form)
        if sheet.n_rows - header_row + sheet.first_row - 1 > MAX_ROWS:
            raise NoUsableCohorts(f"{name}: a sheet of cohorts has at most {MAX_ROWS:,} rows. Split it.")
        clean, refusals = redact_pii(sheet, header_row, form)
        submission = validate_sheet(
            clean, header_row, matched, form, SheetOptions(date_order=date_order, as_of=on), refusals
        )
    except FileRefused as refused:
        raise NoUsableCohorts(f"{name}: {refused.detail} {refused.cure}") from refused
    except UnusableSheet as unusable:
        raise NoUsableCohorts(f"{name}: {unusable}") from unusable
    numbered = zip(submission.rows.tolist(), from_frame(submission.answers).to_rows(), strict=True)
    rows = tuple(CohortRow(answers, f"{sheet.name}, row {number}") for number, answers in numbered)
    if not rows:
        first = next((told.describe() for told in submission.issues if told.severity == "error"), "")
        raise NoUsableCohorts(f"{name}: no row can be used. {first}".strip())
    return CohortSheet(name, hashlib.sha256(data).hexdigest(), sheet.name, rows, submission.n_rows, submission.issues)


def find_personal_data(answers: Mapping[str, Any]) -> tuple[str, str] | None:
    """The question and the code of an answer that says something of a person; None where none does."""
    form = load_combined_form(KIND)
    texts = ((question, text) for question, text in answers.items() if form.by_id[question].type == "text")
    found = ((question, detect_personal_data(text)) for question, text in texts if isinstance(text, str))
    return next(((question, code) for question, code in found if code), None)


def _select_sheets(sheets: Sequence[Sheet], name: str | None) -> list[Sheet]:
    """The sheet named; else that of our template; else those in sight. Raises :class:`NoCohorts`."""
    ours = str(load_template_texts()["entity"][KIND]["sheet"])
    wanted = name or (ours if any(sheet.stamp and sheet.name == ours for sheet in sheets) else None)
    chosen = [sheet for sheet in sheets if (sheet.name == wanted if wanted else sheet.visible)]
    if not chosen:
        there = ", ".join(f"'{sheet.name}'" for sheet in sheets)
        raise NoUsableCohorts(f"There is no sheet '{wanted}'. The file has {there}.")
    return chosen


def _find_table(sheets: Sequence[Sheet], form: Questionnaire) -> tuple[Sheet, int, ColumnMatch]:
    """The first sheet that is a table of cohorts. Raises :class:`UnusableSheet` where none is, :class:`NoCohorts` for a column
    that is for persons.
    """
    faults = []
    for sheet in sheets:
        try:
            header_row = find_header_row(sheet, [form])
            matched = match_columns(sheet, header_row, form)
        except UnusableSheet as unusable:
            faults.append(unusable)
            continue
        _reject_personal_columns(get_row_cells(sheet, header_row), form)
        return sheet, header_row, matched
    raise faults[0]


def _reject_personal_columns(headers: Sequence[str], form: Questionnaire) -> None:
    for header in headers:
        named = form.headers.get(fold_text(header)) if header else None
        if (named and form.by_id[named[1]].person) or (not named and detect_personal_column(header)):
            raise NoUsableCohorts(RepaymentIssue("person.column", value=f"'{header}'").describe())
