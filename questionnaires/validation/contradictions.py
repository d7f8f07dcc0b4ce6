"""Resolve contradictory answers of one row: the denial becomes unknown, the answer that reveals risk counts.

Both cells are quoted as the sender wrote them. Which choices contradict is data (``lists/contradictions.toml``).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from questionnaires.form import Questionnaire
from questionnaires.lookups import LISTS_DIR
from questionnaires.parse.answer import make_legible
from questionnaires.validation.context import AnswerColumn, IssueText, Mask, ValidationContext
from questionnaires.validation.match import get_row_cells


@dataclass(frozen=True)
class Contradiction:
    """A question of forms of some kinds, its choices that deny something, and the choices of other questions that contradict
    them; with the reason and the ids of its sources.
    """

    kinds: tuple[str, ...]
    question: str
    denials: frozenset[str]
    contradicted_by: Mapping[str, frozenset[str]]
    because: str
    sources: tuple[str, ...]


@cache
def load_contradictions() -> tuple[Contradiction, ...]:
    """Load ``lists/contradictions.toml``."""
    data = tomllib.loads((LISTS_DIR / "contradictions.toml").read_text(encoding="utf-8"))
    return tuple(
        Contradiction(
            tuple(item["kinds"]),
            item["question"],
            frozenset(item["denies"]),
            {question: frozenset(choices) for question, choices in item["told_by"].items()},
            item["because"],
            tuple(item["sources"]),
        )
        for item in data["contradiction"]
    )


def resolve_contradictions(context: ValidationContext, form: Questionnaire) -> None:
    """Resolve all contradictions: those of the list, and those of agencies and migrant workers."""
    resolve_agency_contradictions(context)
    resolve_migrant_contradictions(context, form)
    for contradiction in load_contradictions():
        denied = context.answers.get(contradiction.question)
        if denied is None or form.kind not in contradiction.kinds:
            continue
        for question, choices in contradiction.contradicted_by.items():
            if contradicting := context.answers.get(question):
                where = has_only(denied, contradiction.denials) & has_any(contradicting, choices)
                reject_denials(context, contradiction.question, question, where)


def has_only(answers: AnswerColumn, choices: frozenset[str]) -> Mask:
    """Return which rows have one of the choices, or several and no other."""
    matches = [set(value if isinstance(value, tuple) else (value,)) <= choices for value in answers.values]
    return np.array([*matches, False])[answers.codes]


def has_any(answers: AnswerColumn, choices: frozenset[str]) -> Mask:
    """Return which rows have at least one of the choices."""
    matches = [bool(choices & set(value if isinstance(value, tuple) else (value,))) for value in answers.values]
    return np.array([*matches, False])[answers.codes]


def reject_denials(context: ValidationContext, question: str, contradicting: str, where: Mask) -> None:
    """Make the answers to a question unknown if another question contradicts them, and report both cells."""
    columns = context.column_match.columns
    header, first_row = context.column_match.headers[columns[contradicting]], context.sheet.first_row
    for row in np.flatnonzero(where):
        cells = get_row_cells(context.sheet, first_row + int(context.rows[row]))
        expected = f"'{make_legible(cells[columns[contradicting]])}' under *{header}*"
        text = IssueText(make_legible(cells[columns[question]]), expected, related_question=contradicting)
        context.report("answer.contradicted", question, np.array([row]), text)
    context.answers[question].codes[where] = -1


def resolve_agency_contradictions(context: ValidationContext) -> None:
    """Make "no agency is used" unknown if an agency is named: the named agency counts."""
    denied = context.answers.get("uses_agencies")
    for question in ("agencies", "workers_by_agency"):
        agencies = context.answers.get(question)
        if denied and agencies:
            is_named = np.array([*(isinstance(value, tuple) for value in agencies.values), False])[agencies.codes]
            reject_denials(context, "uses_agencies", question, denied.equals("no") & is_named)


def resolve_migrant_contradictions(context: ValidationContext, form: Questionnaire) -> None:
    """Make "no migrants" unknown if a share of migrants, or a foreign country that workers come from, contradicts it.

    If the number of workers is known, :func:`~questionnaires.validation.rules.reconcile_migrant_share` compares the numbers
    with the share.
    """
    count, share = context.answers.get("workers_migrant"), context.answers.get("migrant_pct")
    if form.kind != "site" or (count is None and share is None):
        return
    if count and share:
        reject_denials(context, "workers_migrant", "migrant_pct", count.equals(0.0) & (share.to_numbers() > 0))
        total = context.answers.get("workers_total")
        no_total = np.True_ if total is None else ~total.answered
        where = share.equals(0.0) & (count.to_numbers() > 0) & no_total
        reject_denials(context, "migrant_pct", "workers_migrant", where)
    origins, country = context.answers.get("worker_origin_countries"), context.answers.get("country")
    for question, denied in (("workers_migrant", count), ("migrant_pct", share)):
        if denied and origins:
            where = denied.equals(0.0) & origins.answered
            for row in np.flatnonzero(where):
                origin_codes = origins.values[origins.codes[row]]
                own = country.values[country.codes[row]] if country and country.codes[row] >= 0 else None
                where[row] = isinstance(origin_codes, tuple) and any(code != own for code in origin_codes)
            reject_denials(context, question, "worker_origin_countries", where)
