"""Drop the columns of a sheet that hold personal data: their header says so, or nearly all of their cells do.

This happens in every sheet before anything is stored. Columns that a question of the form reads keep their words: names of
companies, numbers of sites, and the contact of a supplier (which is recognised and never read). What cannot be detected: names
in no list under a header that says nothing; document numbers under the header of a site's own number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from questionnaires.issues import Issue, build_issue
from questionnaires.lookups import load_common_words
from questionnaires.person_detection import (
    announces_personal_data,
    detect_personal_column,
    detect_personal_data,
    has_company_word,
    may_name_person,
    names_a_role,
)
from questionnaires.question import Question
from questionnaires.sheet import Column, Sheet
from questionnaires.text_normalize import fold_text
from questionnaires.validation.match import get_row_cells
from questionnaires.validation.personal_data import HEAD_COUNT

DROPPED = "person.column"  # the code of the issue
DETECTED = {  # by the code of what is detected: what it is called
    "person.birth_date": "dates of birth",
    "person.email": "email addresses or accounts",
    "person.identity_number": "identity document numbers",
    "person.name": "names",
    "person.phone": "phone numbers",
}
MIN_CELLS = 3  # fewer filled cells say nothing about a column
MIN_SHARE = 0.8  # of the filled cells, for a column whose header says nothing
SAMPLE = 200  # distinct texts that are looked at: a column is alike from its top to its end
SERIES = 20  # numbers that are compared with each other
MAX_NAME_WORDS = 5
MAX_CELL = 60  # characters of a name or number; a longer text is a note


def drop_personal_columns(
    sheet: Sheet, header_row: int, questions: Mapping[str, Question]
) -> tuple[Sheet, tuple[Issue, ...]]:
    """Return the sheet with the cells of personal columns emptied, and an issue for each of them, without their content.

    ``header_row``: as the spreadsheet numbers it; ``questions``: by folded header, what the columns answer.
    """
    columns: list[Column] = []
    issues: list[Issue] = []
    header_index = header_row - sheet.first_row
    for index, (column, header) in enumerate(zip(sheet.columns, get_row_cells(sheet, header_row), strict=True)):
        code = _find_personal_data(column, header_index, header, questions.get(fold_text(header) if header else ""))
        if code is None:
            columns.append(column)
            continue
        shown = "" if detect_personal_data(header) else header
        columns.append(_empty_column(column, header_index, shown))
        rows = int((column.codes[header_index + 1 :] >= 0).sum())
        issues.append(
            build_issue(DROPPED, file=sheet.file, sheet=sheet.name, cell=sheet.name_cell(header_row, index), header=shown,
                        seen=DETECTED[code], count=max(rows, 1))
        )  # fmt: skip
    return (replace(sheet, columns=tuple(columns)), tuple(issues)) if issues else (sheet, ())


def find_people_beside_names(name_header: str, names: Sequence[str], dropped: Sequence[Issue]) -> str:
    """Return what shows that a sheet is a list of people, "" if nothing does: document numbers or dates of birth beside names.

    ``name_header``: the header of the ``names``, which may be those of companies if it or most of them say so; ``dropped``: the
    issues of columns.
    """
    if names and 2 * sum(map(has_company_word, names)) > len(names):
        return ""  # beside companies, an account number may look like the number of a document
    shown = [DETECTED[code] for code in ("person.identity_number", "person.birth_date")]
    beside = [issue.seen for issue in dropped if issue.seen in shown]
    return beside[0] if beside and detect_personal_column(name_header) == "person.name" else ""


def _empty_column(column: Column, header_index: int, header: str) -> Column:
    """Return the column with its header as given ("" for none) and without what is under it."""
    codes = column.codes.copy()
    codes[header_index + 1 :] = -1
    codes[header_index] = -1
    kept = sorted(set(codes.tolist()) - {-1})
    values = [column.values[code] for code in kept]
    renumbered = np.full(len(column.values) + 1, -1, dtype=np.int32)
    renumbered[kept] = np.arange(len(kept))
    codes = renumbered[codes]
    if header:
        codes[header_index] = len(values)
        values.append(header)
    return Column(tuple(values), codes)


def _find_personal_data(column: Column, header_index: int, header: str, question: Question | None) -> str | None:
    """Return the issue code of the personal data in a column; None if it is kept."""
    if question is not None and (question.person or question.type == "text"):
        return None
    texts = _list_texts(column, header_index)
    if not texts:
        return None
    if question is None and header:
        code = detect_personal_column(header)
        if code is not None and (announces_personal_data(header) or 2 * sum(map(_has_number, texts)) >= len(texts)):
            return code
        if names_a_role(header) and 2 * sum(map(may_name_person, texts)) >= len(texts):
            return "person.name"  # "Auditor", "Owner": those of companies have a word that companies have
    if len(texts) < MIN_CELLS:
        return None
    codes = [_detect_certainly(text, names=question is None) for text in texts]
    most = max(set(codes), key=codes.count)
    if most is None or codes.count(most) < MIN_SHARE * len(texts):
        return None
    return None if most == "person.identity_number" and _are_in_series(texts) else most


def _list_texts(column: Column, header_index: int) -> list[str]:
    """Return distinct texts under the header, without counts and words such as "yes" and "none"."""
    common = load_common_words()
    ignored = {*common.nothing, *common.yes_no, *common.reserved}
    texts = []
    for code in np.unique(column.codes[header_index + 1 :]).tolist():
        text = column.values[code].strip() if code >= 0 else ""
        if text and fold_text(text) not in ignored and not HEAD_COUNT.fullmatch(text.replace(",", "")):
            texts.append(text)
        if len(texts) == SAMPLE:
            break
    return texts


def _has_number(text: str) -> bool:
    """Return whether a text may be a phone or document number or an address: five digits, or an "@"."""
    return sum(map(str.isdecimal, text)) >= 5 or "@" in text


@lru_cache(maxsize=50_000)  # a sandboxed process reads the columns of its file twice: as a whole, and as they are shown
def _detect_certainly(text: str, *, names: bool) -> str | None:
    """Return the issue code of personal data that a cell can hardly be anything else than."""
    if len(text) > MAX_CELL:
        return None
    code = detect_personal_data(text)
    if code == "person.name":
        return code if names and 2 <= len(text.split()) <= MAX_NAME_WORDS else None
    # Digits alone may as well be a number of a site, or an amount.
    return None if code == "person.identity_number" and text.replace(" ", "").isdecimal() else code


def _are_in_series(numbers: list[str]) -> bool:
    """Return whether numbers were issued by one office in a row: they begin alike, which those of different people do not."""
    compared = numbers[:SERIES]
    beginnings = {"".join(filter(str.isdecimal, number))[:2] for number in compared}
    return 2 * len(beginnings) < len(compared)
