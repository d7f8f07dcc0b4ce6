"""Validate one entity's answers as JSON by the rules that compare several answers of a sheet's row.

A JSON answer has been parsed by the same fields as a cell; here the same rules (``validation/rules.py``) apply as to a sheet of
one row: a placeholder, a contradiction or a wrong check digit becomes unknown wherever it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from questionnaires.form import DATE_QUESTIONS, Questionnaire
from questionnaires.issues import Issue
from questionnaires.parse.answer import Value
from questionnaires.sheet import Column, Sheet
from questionnaires.validation.context import AnswerColumn, ValidationContext
from questionnaires.validation.contradictions import load_contradictions
from questionnaires.validation.match import ColumnMatch
from questionnaires.validation.rules import NEVER_ZERO, apply_rules
from questionnaires.validation.validate import SheetOptions, fill_derived_answers

# The questions that trigger a rule: answers without any of them need no validation.
RULE_QUESTIONS = {
    "workers_total", "workers_migrant", "migrant_pct", "agencies", "workers_by_agency", "address", "city", "region",
    "form_version", "evidence", "evidence_grade", *DATE_QUESTIONS, *NEVER_ZERO,
    *(contradiction.question for contradiction in load_contradictions()),
}  # fmt: skip
DERIVED_QUESTIONS = {"name_local", "naics"}
TRIGGERS = frozenset(RULE_QUESTIONS | DERIVED_QUESTIONS)
# The other questions that the rules read; for blanks in a returned form they look at all answers.
RELATED_QUESTIONS = {"name", "sector", "country", "worker_origin_countries", "uses_agencies"}
RULE_INPUTS = TRIGGERS | RELATED_QUESTIONS.union(
    *(contradiction.contradicted_by for contradiction in load_contradictions())
)


def validate_answers(
    form: Questionnaire, answers: Mapping[str, Value | None]
) -> tuple[dict[str, Value], tuple[Issue, ...]]:
    """Return the valid answers, and the issues of the others; the ``header`` of an issue is the id of the question.

    ``answers``: by question id, as the fields return them. None is a blank, which is "declined" if the entry says that our
    form was sent and returned; a question that is missing was not asked.
    """
    given = {question: answer for question, answer in answers.items() if answer is not None}
    if not TRIGGERS & given.keys():
        return given, ()
    inputs = {
        question: answer for question, answer in answers.items() if question in RULE_INPUTS or "form_version" in answers
    }
    questions = tuple(inputs)
    # A sheet of a header and one row, whose cells are the answers.
    cell_codes = np.array([0, 1], dtype=np.int32)
    columns = tuple(Column(("", _format_answer(answer)), cell_codes) for answer in inputs.values())
    indices = {question: index for index, question in enumerate(questions)}
    column_match = ColumnMatch(indices, questions, (), frozenset(), ())
    context = ValidationContext(Sheet("", "", True, 1, 2, columns), 1, column_match, rows=np.array([1]))
    answer_codes = np.array([[-1 if answer is None else 0] for answer in inputs.values()], dtype=np.int32)
    for (question, answer), codes in zip(inputs.items(), answer_codes, strict=True):
        context.answers[question] = AnswerColumn([] if answer is None else [answer], codes)
    fill_derived_answers(context, SheetOptions())
    apply_rules(context, form)
    validated = {
        question: column.values[column.codes[0]] if column.codes[0] >= 0 else None
        for question, column in context.answers.items()
    }
    valid = {question: answer for question, answer in {**answers, **validated}.items() if answer is not None}
    return valid, tuple(replace(issue, cell="", cells=()) for issue in context.build_issues())


def _format_answer(answer: Value | None) -> str:
    """Return an answer as the text of a cell, which an issue quotes; never blank."""
    parts = answer if isinstance(answer, tuple) else (answer,)
    return "; ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in parts) or "."
