"""Answers of one row that cannot stand together: the one that denies is unknown, the one that tells of risk counts.

Both cells are told as the sender wrote them. Which choices deny which is data (``lists/contradictions.toml``).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from questionnaires.form import Questionnaire
from questionnaires.lookups import LISTS
from questionnaires.parse.answer import legible
from questionnaires.validation.context import Answered, Mask, Reading, Said
from questionnaires.validation.match import cells_of


@dataclass(frozen=True)
class Contradiction:
    """A question of the forms of some kinds, the choices of it that deny something, and the choices of other questions that tell
    of it.
    """

    kinds: tuple[str, ...]
    question: str
    denies: frozenset[str]
    told_by: Mapping[str, frozenset[str]]
    because: str
    sources: tuple[str, ...]


@cache
def declared() -> tuple[Contradiction, ...]:
    """``lists/contradictions.toml``."""
    told = tomllib.loads((LISTS / "contradictions.toml").read_text(encoding="utf-8"))
    return tuple(
        Contradiction(
            tuple(item["kinds"]),
            item["question"],
            frozenset(item["denies"]),
            {question: frozenset(choices) for question, choices in item["told_by"].items()},
            item["because"],
            tuple(item["sources"]),
        )
        for item in told["contradiction"]
    )


def contradictions(reading: Reading, form: Questionnaire) -> None:
    """All of them."""
    agencies_denied(reading)
    migrants_denied(reading, form)
    for each in declared():
        denied = reading.answers.get(each.question)
        if denied is None or form.kind not in each.kinds:
            continue
        for question, telling in each.told_by.items():
            if other := reading.answers.get(question):
                denies, tells = says_only(denied, each.denies), says_any(other, telling)
                contradicted(reading, each.question, question, denies & tells)


def says_only(answers: Answered, choices: frozenset[str]) -> Mask:
    """Where an answer is one of the choices, or several of nothing but them."""
    known = [set(value if isinstance(value, tuple) else (value,)) <= choices for value in answers.values]
    return np.array([*known, False])[answers.codes]


def says_any(answers: Answered, choices: frozenset[str]) -> Mask:
    """Where an answer is one of the choices, or holds one of them."""
    known = [bool(choices & set(value if isinstance(value, tuple) else (value,))) for value in answers.values]
    return np.array([*known, False])[answers.codes]


def contradicted(reading: Reading, question: str, beside: str, where: Mask) -> None:
    """Makes an answer unknown where another of the same row speaks against it, and tells both cells."""
    at, other = reading.matched.columns[question], reading.matched.columns[beside]
    header, first = reading.matched.headers[other], reading.sheet.first_row
    for row in np.flatnonzero(where):
        cells = cells_of(reading.sheet, first + int(reading.rows[row]))
        said = Said(legible(cells[at]), f"'{legible(cells[other])}' under *{header}*", beside=beside)
        reading.fault("answer.contradicted", question, np.array([row]), said)
    reading.answers[question].codes[where] = -1


def agencies_denied(reading: Reading) -> None:
    """That no agency is used is unknown where one is named: the one that is named counts."""
    denied = reading.answers.get("uses_agencies")
    for question in ("agencies", "workers_by_agency"):
        named = reading.answers.get(question)
        if denied and named:
            is_named = np.array([*(isinstance(value, tuple) for value in named.values), False])[named.codes]
            contradicted(reading, "uses_agencies", question, denied.where("no") & is_named)


def migrants_denied(reading: Reading, form: Questionnaire) -> None:
    """That there is no migrant is unknown where a share of migrants, or a country that workers come from, says there are: those
    who are there count. Where the number of workers is known, :func:`share_against_counts` holds numbers against the share.
    """
    count, share = reading.answers.get("workers_migrant"), reading.answers.get("migrant_pct")
    if form.kind != "site" or (count is None and share is None):
        return
    if count and share:
        contradicted(reading, "workers_migrant", "migrant_pct", count.where(0.0) & (share.numbers() > 0))
        total = reading.answers.get("workers_total")
        uncounted = np.True_ if total is None else ~total.given
        contradicted(reading, "migrant_pct", "workers_migrant", share.where(0.0) & (count.numbers() > 0) & uncounted)
    origins, country = reading.answers.get("worker_origin_countries"), reading.answers.get("country")
    for question, denied in (("workers_migrant", count), ("migrant_pct", share)):
        if denied and origins:
            where = denied.where(0.0) & origins.given
            for row in np.flatnonzero(where):
                named = origins.values[origins.codes[row]]
                own = country.values[country.codes[row]] if country and country.codes[row] >= 0 else None
                where[row] = isinstance(named, tuple) and any(place != own for place in named)
            contradicted(reading, question, "worker_origin_countries", where)
