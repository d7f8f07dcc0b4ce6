"""Validate one entity's answers as JSON by the rules that compare several answers of a sheet's row.

A JSON answer has been parsed by the same fields as a cell; here the same rules (``validation/rules.py``) apply as to a sheet of
one row: a placeholder, a contradiction or a wrong check digit becomes unknown wherever it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from questionnaires.form import Questionnaire
from questionnaires.issues import Issue
from questionnaires.parse.answer import CANNOT_APPLY, NOT_APPLICABLE, Value
from questionnaires.question import DATE_QUESTIONS
from questionnaires.sheet import Column, Sheet
from questionnaires.validation.column_match import ColumnMatch
from questionnaires.validation.context import AnswerColumn, ValidationContext
from questionnaires.validation.contradictions import has_contradiction, load_contradictions
from questionnaires.validation.rules import NEVER_ZERO, apply_rules
from questionnaires.validation.validate import SheetOptions, fill_derived_answers

# The questions that trigger a rule other than a contradiction.
RULE_QUESTIONS = {
    "workers_total", "workers_migrant", "workers_female", "migrant_pct", "agencies", "workers_by_agency", "address", "city",
    "region", "form_version", "evidence", "evidence_grade", *DATE_QUESTIONS, *NEVER_ZERO,
}  # fmt: skip
DERIVED_QUESTIONS = {"name_local", "naics"}
TRIGGERS = frozenset(RULE_QUESTIONS | DERIVED_QUESTIONS)
# The other questions that these rules read; for blanks in a returned form they look at all answers.
RELATED_QUESTIONS = {
    "name", "sector", "country", "worker_origin_countries", "destination_countries", "uses_agencies", "questions_shown",
}  # fmt: skip
COMPARED_QUESTIONS = TRIGGERS | RELATED_QUESTIONS
CONTRADICTIONS = [(each.question, other) for each in load_contradictions() for other in each.contradicted_by]
RULE_INPUTS = COMPARED_QUESTIONS.union(*CONTRADICTIONS)
# If no answers contradict each other as given, only those can that another rule changes.
UNCONTRADICTED_INPUTS = COMPARED_QUESTIONS.union(
    *(pair for pair in CONTRADICTIONS if not COMPARED_QUESTIONS.isdisjoint(pair))
)
NOT_APPLICABLE_ANSWERS = (CANNOT_APPLY, NOT_APPLICABLE)


def validate_answers(
    form: Questionnaire, answers: Mapping[str, Value | None], as_of: str = ""
) -> tuple[dict[str, Value], tuple[Issue, ...]]:
    """Return the valid answers, and the issues of the others; the ``header`` of an issue is the id of the question.

    ``answers``: by question id, as the fields return them; None is a blank. Answers with a day of return are a returned form:
    what it asks and they leave out is "declined". Any others decline nothing. ``as_of``: the ISO date they are judged on.
    """
    given = {question: answer for question, answer in answers.items() if answer is not None}
    is_returned = given.get("form_returned", CANNOT_APPLY) not in NOT_APPLICABLE_ANSWERS
    has_not_applicable = any(answer in NOT_APPLICABLE_ANSWERS for answer in given.values())
    reads_all = is_returned or has_not_applicable
    is_contradicted = not reads_all and has_contradiction(form.kind, given, as_of)
    if not (reads_all or is_contradicted or TRIGGERS & given.keys()):
        return given, ()
    read = answers if is_returned else given  # a null is a blank of a returned form
    needed = RULE_INPUTS if is_contradicted else UNCONTRADICTED_INPUTS
    inputs = {question: answer for question, answer in read.items() if reads_all or question in needed}
    questions = tuple(inputs)
    # A sheet of a header and one row, whose cells are the answers.
    cell_codes = np.array([0, 1], dtype=np.int32)
    columns = tuple(Column(("", _format_answer(answer)), cell_codes) for answer in inputs.values())
    indices = {question: index for index, question in enumerate(questions)}
    column_match = ColumnMatch(indices, questions, (), frozenset(), ())
    sheet = Sheet("", "", True, 1, 2, columns)
    context = ValidationContext(sheet, 1, column_match, rows=np.array([1]), as_of=as_of)
    for question, answer in inputs.items():
        code = -1 if answer is None else 0
        context.answers[question] = AnswerColumn([] if answer is None else [answer], np.array([code], dtype=np.int32))
    fill_derived_answers(context, SheetOptions())
    apply_rules(context, form)
    validated = {
        question: column.values[column.codes[0]] if column.codes[0] >= 0 else None
        for question, column in context.answers.items()
    }
    valid = {question: answer for question, answer in {**given, **validated}.items() if answer is not None}
    return valid, tuple(replace(issue, cell="", cells=()) for issue in context.build_issues())


def _format_answer(answer: Value | None) -> str:
    """Return an answer as the text of a cell, which an issue quotes; never blank."""
    parts = answer if isinstance(answer, tuple) else (answer,)
    return "; ".join(f"{part:.12g}" if isinstance(part, float) else str(part) for part in parts) or "."
