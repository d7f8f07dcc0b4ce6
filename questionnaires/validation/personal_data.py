"""Redact personal data from case records: cells that look like a name, a telephone number, an identity document or an e-mail.

Every cell of a sheet is checked, in a column that is read or not, and what is detected is removed before anything is read:
neither an answer nor an issue ever contains it. The words and patterns are in ``lists/people.toml``.

What it cannot detect: a name that is in no list, has no title and is in a column whose header says nothing; most names of two
or three characters in Chinese, Korean and Japanese without a title; names entirely in lower case; a name in a file or sheet
name. What it may reject wrongly: a place or product named after a person. The cure says how to write it instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from questionnaires.form import Questionnaire
from questionnaires.lookups import load_common_words
from questionnaires.person_detection import (
    detect_personal_column,
    detect_personal_data,
    is_certainly_name,
    singles_out_a_person,
)
from questionnaires.question import Question
from questionnaires.sheet import Column, Sheet
from questionnaires.text_normalize import fold_text
from questionnaires.validation.match import get_row_cells

CASE_KIND = "case"  # the kind of sheet that must not contain personal data
COMPANY_NAME_QUESTIONS = ("linked_name",)  # columns with the name of a site or agency, which may be a person's
REFERENCE_QUESTIONS = ("linked_reference",)  # columns with a number of a site or agency
NOTE_QUESTIONS = ("note",)  # columns of free text, which no rule reads
REMOVED_NOTE = "note.removed"  # the code of personal data that costs a note and nothing else
IDENTIFYING_NOTE = "note.one_person"  # the code of a note that is kept, and may point to one person
HEAD_COUNT = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True)
class RedactedCells:
    """Cells that were emptied: the code of their issue, the column, and the rows (counted from the sheet's first row).

    ``rejects_rows``: the rows are not read; otherwise only the text of the cells is lost. Cells of IDENTIFYING_NOTE are kept as
    they are.
    """

    code: str
    column: int
    rows: npt.NDArray[np.intp]
    rejects_rows: bool = True


def redact_pii(
    sheet: Sheet,
    header_row: int,
    form: Questionnaire,
    column_map: Mapping[str, str] | None = None,
    *,
    spares_findings: bool = False,
) -> tuple[Sheet, tuple[RedactedCells, ...]]:
    """Return the sheet with the cells that look like personal data emptied, and which cells they were.

    ``header_row``: as the spreadsheet numbers it; ``column_map``: question: header, as in ``match_columns``. The cells of the
    header itself are checked for numbers, addresses, and names that can be nothing else. ``spares_findings``: personal data in a
    note, or in a column that is not read, costs that text and never its row (method-4, section 10), unless the header announces
    persons.
    """
    headers = get_row_cells(sheet, header_row)
    mapped = {fold_text(header): question for question, header in (column_map or {}).items()}
    columns: list[Column] = []
    redacted: list[RedactedCells] = []
    header_index = header_row - sheet.first_row
    for index, (column, header) in enumerate(zip(sheet.columns, headers, strict=True)):
        word = fold_text(header) if header else ""
        question = form.by_id.get(mapped.get(word) or form.headers.get(word, (0, ""))[1])
        column_code = None if question else detect_personal_column(header)
        values_by_code: dict[str, list[int]] = {}
        for number, text in enumerate(column.values):
            code = _detect_in_cell(text, question, column_code)
            if code:
                values_by_code.setdefault(code, []).append(number)
        codes = column.codes.copy()
        for code, numbers in values_by_code.items():
            rows = np.flatnonzero(np.isin(column.codes, numbers))
            if question or column_code or (code == "person.name" and not is_certainly_name(header)):
                rows = rows[rows != header_index]  # a header may look like a name and still be an ordinary word
            codes[rows] = -1
            if spares_findings and column_code is None and (question is None or question.id in NOTE_QUESTIONS):
                notes, rows = rows[rows > header_index], rows[rows <= header_index]
                redacted += [RedactedCells(REMOVED_NOTE, index, notes, rejects_rows=False)] if len(notes) else []
            if len(rows):
                redacted.append(RedactedCells(code, index, rows))
        if spares_findings and question is not None and question.id in NOTE_QUESTIONS:
            pointing = [number for number, text in enumerate(column.values) if singles_out_a_person(text)]
            rows = np.flatnonzero(np.isin(codes, pointing))
            rows = rows[rows > header_index]
            redacted += [RedactedCells(IDENTIFYING_NOTE, index, rows, rejects_rows=False)] if len(rows) else []
        # The texts themselves are removed too: nothing that is stored may contain them.
        removed = {number for numbers in values_by_code.values() for number in numbers} - set(codes.tolist())
        values = tuple("" if number in removed else text for number, text in enumerate(column.values))
        columns.append(Column(values, codes))
    return replace(sheet, columns=tuple(columns)), tuple(redacted)


def _detect_in_cell(text: str, question: Question | None, column_code: str | None) -> str | None:
    """Return the issue code of personal data in a cell, given its question or the code of its column; None if it is allowed."""
    word, common = fold_text(text), load_common_words()
    if not text.strip() or word in common.nothing or word in common.yes_no or word in common.reserved:
        return None
    if column_code:
        return None if HEAD_COUNT.fullmatch(text.strip()) else column_code
    question_id = question.id if question else ""
    return detect_personal_data(
        text, company_name=question_id in COMPANY_NAME_QUESTIONS, reference=question_id in REFERENCE_QUESTIONS
    )
