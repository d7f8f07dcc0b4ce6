"""One entity's answers as JSON, held to the rules of sheets that look at more than one answer.

A JSON answer has been read by the same fields as a cell; here it passes the same rules (``validation/rules.py``) as
a sheet of one row: a placeholder, a contradiction or a wrong check digit becomes unknown wherever it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from questionnaires.form import DATED, Questionnaire
from questionnaires.issues import Issue
from questionnaires.parse.answer import Value
from questionnaires.sheet import Column, Sheet
from questionnaires.validation.context import Answered, Reading
from questionnaires.validation.contradictions import declared
from questionnaires.validation.match import Matched
from questionnaires.validation.rules import NEVER_ZERO, apply_rules
from questionnaires.validation.validate import Options, fill_in

# What makes the rules look: an entry without any of it passes at once.
RULED = {
    "workers_total", "workers_migrant", "migrant_pct", "agencies", "workers_by_agency", "address", "city", "region",
    "form_version", *DATED, *NEVER_ZERO, *(each.question for each in declared()),
}  # fmt: skip
FILLED = {"name_local", "naics"}
LOOKED_AT = frozenset(RULED | FILLED)
# What they then read beside it; blanks in a form that came back are looked for among all answers.
BESIDE = {"name", "sector", "country", "worker_origin_countries", "uses_agencies"}
READ = LOOKED_AT | BESIDE.union(*(each.told_by for each in declared()))


def checked(form: Questionnaire, told: Mapping[str, Value | None]) -> tuple[dict[str, Value], tuple[Issue, ...]]:
    """The answers that stand, and what must be said about the others; their ``header`` is the id of the question.

    ``told``: answers by question id as the fields give them. None is a blank, which is "declined" where the entry says that our
    form was sent and came back; a question that is not there was not asked.
    """
    given = {question: answer for question, answer in told.items() if answer is not None}
    if not LOOKED_AT & given.keys():
        return given, ()
    read = {question: answer for question, answer in told.items() if question in READ or "form_version" in told}
    questions = tuple(read)
    at = np.array([0, 1], dtype=np.int32)
    sheet = Sheet("", "", True, 1, 2, tuple(Column(("", _in_words(answer)), at) for answer in read.values()))
    places = {question: at for at, question in enumerate(questions)}
    reading = Reading(sheet, 1, Matched(places, questions, (), frozenset(), ()), rows=np.array([1]))
    codes = np.array([[-1 if answer is None else 0] for answer in read.values()], dtype=np.int32)
    for (question, answer), code in zip(read.items(), codes, strict=True):
        reading.answers[question] = Answered([] if answer is None else [answer], code)
    fill_in(reading, Options())
    apply_rules(reading, form)
    after = {q: a.values[a.codes[0]] if a.codes[0] >= 0 else None for q, a in reading.answers.items()}
    stands = {question: answer for question, answer in {**told, **after}.items() if answer is not None}
    return stands, tuple(replace(issue, cell="", cells=()) for issue in reading.issues())


def _in_words(answer: Value | None) -> str:
    """An answer in place of the text of a cell: what an issue shows of it, and that it is no empty cell."""
    parts = answer if isinstance(answer, tuple) else (answer,)
    return "; ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in parts) or "."
