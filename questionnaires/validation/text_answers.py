"""Validate the answers of one returned form as texts by question id, exactly as a row of a returned workbook.

A page on which a supplier answers a questionnaire holds the texts of cells. Here they become a sheet of a header and one row, so
that a page and a workbook with the same answers give the same result. What is wrong with an answer is said in words that do not
mention cells, rows or columns (``lists/respondent_issues.toml``).
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import cache
from typing import NamedTuple

import numpy as np

from questionnaires.form import Questionnaire, load_combined_form
from questionnaires.issues import Issue
from questionnaires.lookups import LISTS_DIR
from questionnaires.sheet import Column, Sheet
from questionnaires.validation.column_match import ColumnMatch
from questionnaires.validation.context import AnswerColumn
from questionnaires.validation.returned_forms import QUESTIONS_SHOWN
from questionnaires.validation.validate import SheetOptions, validate_sheet

REQUESTED = "request"  # marks the row as one that was asked for; which request it was does not matter here


class TextAnswers(NamedTuple):
    """The answers of a form by question, each as a column of one row, and the issues of answers by question id.

    ``answers`` is empty if the row could not be read; the issues then say why.
    """

    answers: Mapping[str, AnswerColumn]
    issues: Mapping[str, tuple[Issue, ...]]


def validate_texts(
    form: Questionnaire, texts: Mapping[str, str], on: date, *, shown: Iterable[str] | None = None
) -> TextAnswers:
    """Validate the texts of a form that is returned on a day.

    ``form``: the version that was sent. ``texts``: by question; "" or none is a blank, which declines what was asked. ``shown``:
    the questions that were shown, by default all; any other was not asked. Texts of questions that no form asks any more are left
    out.
    """
    texts = texts if shown is None else {**texts, QUESTIONS_SHOWN: "; ".join(sorted(shown))}
    combined = load_combined_form(form.kind, form.folder)
    asked = [question for question in texts if question in combined.by_id]
    titles = {combined.by_id[question].title: question for question in asked}
    columns = tuple(
        Column((question, texts[question]), np.array([0, 1 if texts[question].strip() else -1], dtype=np.int32))
        for question in asked
    )
    indices = {question: index for index, question in enumerate(asked)}
    sheet = Sheet("", "", True, 1, 2, columns, stamp=f"{form.id} {form.version}", request_id=REQUESTED)
    matched = ColumnMatch(indices, tuple(titles), (), frozenset(), ())
    submission = validate_sheet(sheet, 1, matched, combined, SheetOptions(as_of=on))
    issues: dict[str, tuple[Issue, ...]] = {}
    for issue in submission.issues:
        question = titles.get(issue.header)
        if question is not None and describe_to_respondent(issue):
            issues[question] = (*issues.get(question, ()), issue)
    return TextAnswers(submission.answers if submission.accepted else {}, issues)


def describe_to_respondent(issue: Issue, translate: Callable[[str], str] = str) -> str:
    """Describe an issue for whoever answers a questionnaire; "" if it says nothing about an answer.

    ``translate``: returns a text of ``lists/respondent_issues.toml`` in another language.
    """
    wording = load_respondent_wordings().get(issue.code)
    if not wording:
        return "" if wording == "" else f"{issue.sentence} {issue.cure}".strip()
    return translate(wording).format(seen=issue.seen, expected=issue.expected.replace("*", ""))


@cache
def load_respondent_wordings() -> Mapping[str, str]:
    """Load ``lists/respondent_issues.toml``: by code, what whoever answers a questionnaire reads; "" for nothing."""
    return tomllib.loads((LISTS_DIR / "respondent_issues.toml").read_text(encoding="utf-8"))
