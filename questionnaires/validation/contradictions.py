"""Contradictory answers of one sender in a row: the denial is read as a blank, the answer that reveals risk counts.

Which answers contradict each other is data (``lists/contradictions.toml``); agencies and migrant workers have rules of their own.
Both cells are quoted as the sender wrote them. In a returned form a denial also counts as a blank where the question that could
contradict it was left blank or could not be read: silence must not be worth more than the answer.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from questionnaires.form import Questionnaire
from questionnaires.lookups import LISTS_DIR, DataFileError
from questionnaires.parse.answer import CANNOT_APPLY, DECLINED, NOT_APPLICABLE, RESERVED_ANSWERS, Value
from questionnaires.validation.context import AnswerColumn, IssueText, Mask, ValidationContext
from questionnaires.validation.returned_forms import ReturnedForms

FILE = "lists/contradictions.toml"
NUMBER_KEYS = {"from", "below", "past", "given"}
NOT_APPLICABLE_ANSWERS = frozenset({CANNOT_APPLY, NOT_APPLICABLE})


@dataclass(frozen=True)
class Condition:
    """Which answers to a question are meant: ``choices``, numbers (``from``, ``below``), dates (``past`` or not), or any that is
    ``given``.
    """

    choices: frozenset[str] = frozenset()
    at_least: float | None = None
    below: float | None = None
    past: bool | None = None
    given: bool = False

    def is_met(self, value: Value, as_of: str, *, by_all: bool = False) -> bool:
        """Return whether an answer is meant; of several, whether any is, or ``by_all`` whether no other is among them."""
        if self.given:
            return value not in RESERVED_ANSWERS
        if isinstance(value, float):
            low, high = self.at_least, self.below
            return (low, high) != (None, None) and (low is None or value >= low) and (high is None or value < high)
        if self.past is not None:
            return value not in RESERVED_ANSWERS and bool(as_of) and (str(value) < as_of) == self.past
        parts = set(value) if isinstance(value, tuple) else {value}
        return parts <= self.choices if by_all else bool(parts & self.choices)


@dataclass(frozen=True)
class Contradiction:
    """A question of forms of some kinds, its answers that deny something, and the answers to other questions that contradict
    them; with the reason and the ids of its sources.

    ``denies`` holds every answer with a risk under 0.5 but those of ``consistent``, which can be true beside what contradicts the
    others; "not applicable" is always a denial.
    """

    kinds: tuple[str, ...]
    question: str
    denies: Condition
    consistent: frozenset[str]
    contradicted_by: Mapping[str, Condition]
    because: str
    sources: tuple[str, ...]


@cache
def load_contradictions() -> tuple[Contradiction, ...]:
    """Load ``lists/contradictions.toml``. Raises :class:`DataFileError`."""
    data = tomllib.loads((LISTS_DIR / "contradictions.toml").read_text(encoding="utf-8"))
    return tuple(
        Contradiction(
            tuple(item["kinds"]),
            item["question"],
            parse_condition(item["denies"], item["question"]),
            frozenset(item.get("consistent", ())),
            {question: parse_condition(answers, question) for question, answers in item["told_by"].items()},
            item["because"],
            tuple(item["sources"]),
        )
        for item in data["contradiction"]
    )


def parse_condition(data: Any, item: str) -> Condition:
    """Parse which answers are meant: a list of choices, or a table of limits. Raises :class:`DataFileError`."""
    if isinstance(data, list):
        return Condition(frozenset(data))
    if not isinstance(data, dict) or not data or set(data) - NUMBER_KEYS:
        raise DataFileError(
            FILE,
            item,
            "is neither a list of choices nor a table of limits",
            "The limits are from, below, past and given.",
        )
    return Condition(frozenset(), data.get("from"), data.get("below"), data.get("past"), data.get("given", False))


class Pair(NamedTuple):
    """Two questions: in which rows the answer to ``question`` denies what an answer to ``contradicting`` may reveal (``denied``),
    and in which rows that answer does (``revealed``).
    """

    question: str
    contradicting: str
    denied: Mask
    revealed: Mask


@cache
def list_contradictions_of(kind: str) -> tuple[Contradiction, ...]:
    """List the contradictions between questions of a kind of form."""
    return tuple(contradiction for contradiction in load_contradictions() if kind in contradiction.kinds)


def resolve_contradictions(context: ValidationContext, form: Questionnaire, returned: ReturnedForms) -> bool:
    """Make denials unknown that another answer contradicts, or that in a returned form nothing supports; return whether there
    were any.

    ``returned`` says which rows are returned forms. A denial that goes may be what another question rested on: the caller repeats
    this until nothing changes.
    """
    changed, any_returned = False, bool(returned.rows.any())
    for pair in iter_pairs(context, form, answered_only=not any_returned):
        if (contradicted := pair.denied & pair.revealed).any():
            reject_contradicted(context, pair, contradicted)
            changed = True
        if not any_returned:
            continue
        unsupported = pair.denied & ~contradicted & returned.find_refused(pair.contradicting)
        unsupported &= ~returned.find_not_asked(context.answers[pair.question])
        if unsupported.any():
            reject_unsupported(context, form, pair, unsupported)
            changed = True
    return changed


def iter_pairs(context: ValidationContext, form: Questionnaire, *, answered_only: bool) -> Iterator[Pair]:
    """Yield the pairs of questions of which the first has a denial in some row.

    ``answered_only``: leave out pairs whose second question has no answer that reveals anything; only in returned forms do they
    mean something.
    """
    yield from iter_migrant_pairs(context, form)
    nowhere: Mask = np.zeros(len(context.rows), dtype=np.bool_)
    for contradiction in list_contradictions_of(form.kind):
        answers = context.answers.get(contradiction.question)
        if answers is None:
            continue
        denials = [
            value in NOT_APPLICABLE_ANSWERS or contradiction.denies.is_met(value, context.as_of, by_all=True)
            for value in answers.values
        ]
        if not any(denials):  # most answers deny nothing: no mask is made for them
            continue
        denied: Mask = np.array([*denials, False])[answers.codes]
        for question, condition in contradiction.contradicted_by.items():
            contradicting = context.answers.get(question)
            if answered_only and contradicting is None:
                continue
            revelations = (
                [condition.is_met(value, context.as_of) for value in contradicting.values] if contradicting else []
            )
            if answered_only and not any(revelations):
                continue
            revealed = np.array([*revelations, False])[contradicting.codes] if contradicting else nowhere
            standing = denied & (answers.codes >= 0)  # an earlier pair may have made some unknown
            if standing.any():
                yield Pair(contradiction.question, question, standing, revealed)


def has_contradiction(kind: str, answers: Mapping[str, Value], as_of: str) -> bool:
    """Return whether one row of answers holds "not applicable", or a denial that another of its answers contradicts."""
    if not NOT_APPLICABLE_ANSWERS.isdisjoint(answers.values()):
        return True
    return any(
        contradiction.denies.is_met(answers[contradiction.question], as_of, by_all=True)
        and any(
            question in answers and condition.is_met(answers[question], as_of)
            for question, condition in contradiction.contradicted_by.items()
        )
        for contradiction in list_contradictions_of(kind)
        if contradiction.question in answers
    )


def list_unsupported_denials(kind: str, answers: Mapping[str, Value], as_of: str) -> set[str]:
    """List the questions of one row whose answer denies what another answer reveals, or could reveal if it were not declined."""
    return {
        contradiction.question
        for contradiction in list_contradictions_of(kind)
        if contradiction.question in answers
        and contradiction.denies.is_met(answers[contradiction.question], as_of, by_all=True)
        and any(
            answers[question] == DECLINED or condition.is_met(answers[question], as_of)
            for question, condition in contradiction.contradicted_by.items()
            if question in answers
        )
    }


def iter_migrant_pairs(context: ValidationContext, form: Questionnaire) -> Iterator[Pair]:
    """Yield where "no migrants" meets a share of migrants, a number of them, or a foreign country that workers come from; for an
    agency, countries of origin and of placement that differ.

    If the number of workers is known, :func:`~questionnaires.validation.rules.reconcile_migrant_share` compares the numbers
    with the share.
    """
    count, share = context.answers.get("workers_migrant"), context.answers.get("migrant_pct")
    if count is None and share is None:
        return
    nowhere: Mask = np.zeros(len(context.rows), dtype=np.bool_)
    none = count.equals(0.0) if count else nowhere
    if form.kind != "site":
        crossing = find_crossings(context, none)
        for question in ("destination_countries", "worker_origin_countries"):
            told = context.answers.get(question)
            yield Pair("workers_migrant", question, none, crossing & told.answered if told else nowhere)
        return
    total = context.answers.get("workers_total")
    no_total = np.True_ if total is None else ~total.answered
    if none.any():
        yield Pair("workers_migrant", "migrant_pct", none, share.to_numbers() > 0 if share else nowhere)
    if share and (none := share.equals(0.0)).any():
        revealed = (count.to_numbers() > 0) & no_total if count else nowhere
        yield Pair("migrant_pct", "workers_migrant", none, revealed)
    for question, answers in (("workers_migrant", count), ("migrant_pct", share)):
        if answers and (none := answers.equals(0.0)).any():
            yield Pair(question, "worker_origin_countries", none, find_crossings(context, none))


def find_crossings(context: ValidationContext, where: Mask) -> Mask:
    """Return in which of some rows workers come from another country than they work in; the country of the row stands for either
    if it is not told.
    """
    country = context.answers.get("country")
    told = [context.answers.get(question) for question in ("worker_origin_countries", "destination_countries")]
    crossing: Mask = np.zeros(len(context.rows), dtype=np.bool_)
    answered = np.logical_or.reduce([crossing, *(answers.answered for answers in told if answers)])
    for row in np.flatnonzero(where & answered).tolist():
        own = country.values[country.codes[row]] if country and country.codes[row] >= 0 else ""
        origins, places = (_list_countries(answers, row) or {own} for answers in told)
        crossing[row] = origins != places
    return crossing


def _list_countries(answers: AnswerColumn | None, row: int) -> set[Value]:
    codes = answers.values[answers.codes[row]] if answers and answers.codes[row] >= 0 else None
    return set(codes) if isinstance(codes, tuple) else set()


def reject_contradicted(context: ValidationContext, pair: Pair, where: Mask) -> None:
    """Make denials unknown that another answer contradicts, and report both cells."""
    headers, columns = context.column_match.headers, context.column_match.columns
    index = columns.get(pair.contradicting)
    header = pair.contradicting if index is None else headers[index]
    for row in np.flatnonzero(where).tolist():
        expected = f"'{context.get_cell_text(row, pair.contradicting)}' under *{header}*"
        text = IssueText(context.get_cell_text(row, pair.question), expected, related_question=pair.contradicting)
        context.report("answer.contradicted", pair.question, np.array([row]), text)
    context.answers[pair.question].codes[where] = -1


def reject_unsupported(context: ValidationContext, form: Questionnaire, pair: Pair, where: Mask) -> None:
    """Make denials of returned forms unknown that only silence supports, and report them by answer."""
    question, contradicting = form.by_id[pair.question], form.by_id[pair.contradicting]
    titles: dict[Value, str] = {choice.code: choice.title for choice in question.choices}
    answers = context.answers[pair.question]
    for code in np.unique(answers.codes[where]):
        value = answers.values[code]
        parts = value if isinstance(value, tuple) else (value,)
        seen = "; ".join(
            titles.get(str(part), f"{part:.12g}" if isinstance(part, float) else str(part)) for part in parts
        )
        text = IssueText(seen, contradicting.title, related_question=pair.contradicting)
        context.report("answer.unsupported", pair.question, where & (answers.codes == code), text)
    answers.codes[where] = -1
