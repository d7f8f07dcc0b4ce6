"""Keeps persons out of case records: finds cells that look like a name, a telephone number, an identity paper or an e-mail.

Every cell of a sheet is looked at, in a column that is read or not, and what is found is taken out before anything is read:
neither an answer nor an issue ever holds it. What counts stands in ``lists/people.toml``.

What it cannot see: a name that is in no list, has no title and stands in a column whose header says nothing; most names of
two or three characters in Chinese, Korean and Japanese without a title; small letters throughout; a name in the name of the
file or sheet. What it may refuse wrongly: a place or product named after a person. The cure says how to write it instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from questionnaires.form import Question, Questionnaire
from questionnaires.lookups import everyday
from questionnaires.person_detection import column_of_persons, person_in, surely_names_a_person
from questionnaires.sheet import Column, Sheet
from questionnaires.text_normalize import fold
from questionnaires.validation.match import cells_of

KIND = "case"  # the kind of sheet that may hold no person
FIRMS = ("linked_name",)  # columns that hold the name of a site or agency, which may be somebody's
REFERENCES = ("linked_reference",)  # columns that hold a number of a site or agency
HEADS = re.compile(r"[0-9]{1,5}")  # a number of people


@dataclass(frozen=True)
class Refusal:
    """Cells that may not be here: the code of the issue, the column, and their places (counted from the sheet's first row)."""

    code: str
    column: int
    places: npt.NDArray[np.intp]


def without_people(
    sheet: Sheet, header_row: int, form: Questionnaire, chosen: Mapping[str, str] | None = None
) -> tuple[Sheet, tuple[Refusal, ...]]:
    """The sheet with the cells that look like a person's data emptied, and which they were.

    ``header_row``: Excel's number; ``chosen``: question: header, as in ``match``. The header's own
    cells are looked at for numbers, addresses, and names that nothing else can be.
    """
    headers = cells_of(sheet, header_row)
    named = {fold(header): question for question, header in (chosen or {}).items()}
    columns: list[Column] = []
    refusals: list[Refusal] = []
    at_header = header_row - sheet.first_row
    for at, (column, header) in enumerate(zip(sheet.columns, headers, strict=True)):
        word = fold(header) if header else ""
        asked = named.get(word) or form.headers.get(word, (0, ""))[1]
        question = form.by_id.get(asked)
        of_persons = None if question else column_of_persons(header)
        refused: dict[str, list[int]] = {}
        for number, text in enumerate(column.values):
            code = _refused(text, question, of_persons)
            if code:
                refused.setdefault(code, []).append(number)
        codes = column.codes.copy()
        for code, numbers in refused.items():
            places = np.flatnonzero(np.isin(column.codes, numbers))
            if question or of_persons or (code == "person.name" and not surely_names_a_person(header)):
                places = places[places != at_header]  # a header may sound like a name, and has its own words
            if len(places):
                refusals.append(Refusal(code, at, places))
                codes[places] = -1
        # The texts themselves go too: nothing that is kept may hold them.
        gone = {number for numbers in refused.values() for number in numbers} - set(codes.tolist())
        columns.append(Column(tuple("" if n in gone else v for n, v in enumerate(column.values)), codes))
    return replace(sheet, columns=tuple(columns)), tuple(refusals)


def _refused(text: str, question: Question | None, of_persons: str | None) -> str | None:
    """The code for a cell's text under its question or its column's header; None where it may stand."""
    said = fold(text)
    if not text.strip() or said in everyday().nothing or said in everyday().yes_no or said in everyday().reserved:
        return None
    if of_persons:
        return None if HEADS.fullmatch(text.strip()) else of_persons
    asked = question.id if question else ""
    return person_in(text, firm=asked in FIRMS, reference=asked in REFERENCES)
