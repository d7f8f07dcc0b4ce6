"""One supplier that is told of more than once: by what it is found again, how rows of one file are joined, and what stays of its
earlier answers when it is told of again.

Two principles of the method decide (sections 2 and 3): harm does not expire, and silence is not safety. Evidence is that of a
whole row: it never stands behind an answer that it did not come with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from questionnaires.form import Question, load_combined_form
from questionnaires.validation.json_answers import validate_answers
from risk_models.answers import DECLINED, EVIDENCE, Answers
from risk_models.evidence import DECLARATION_DATE_QUESTIONS
from risk_models.transforms import Rule, bind_day
from service.assessment.assess import ROW_EVIDENCE_QUESTIONS
from service.assessment.models_in_force import in_force_on

Row = Mapping[str, Any]

REPORTS = ("reported_harms", "worker_reported_items")  # what others tell of it: it stays until it is told anew
# What the rules for one row hold against each other (questionnaires/validation/rules.py).
WORKFORCE = ("workers_total", "workers_migrant", "migrant_pct", "uses_agencies", "agencies", "workers_by_agency")
HARM = 0.5  # r from which an answer admits harm (method section 3)
JUST_BELOW = math.nextafter(HARM, 0.0)
UNKNOWN = -1.0  # below every r: an answer that no model in force can read


@dataclass(frozen=True)
class RiskLookup:
    """How the answers of a kind of supplier are weighed on a day, by the models in force then.

    ``asked``: the questions of practice, which a supplier answers for itself and an indicator reads. ``fed``: those and what the
    buyer answers that one reads. ``reassuring``: answers that speak for many indicators at once ("no agencies"), by question.
    ``silent_from``: from this r on an answer short of harm says that nobody looked (docs/models.md).
    """

    questions: Mapping[str, Question]
    practice_questions: frozenset[str]
    risk_questions: frozenset[str]
    reassuring_answers: Mapping[str, frozenset[object]]
    rules: Mapping[str, tuple[Rule, ...]]
    unknown_from: float
    known_risks: dict[tuple[str, object], float] = field(default_factory=dict)  # the risk of answers that were met

    def risk(self, question: str, answer: object) -> float:
        """The highest r (0..1) of an answer under any model that reads it; -1 where none can.

        A declined one stands right below harm that is admitted: it may be as bad, and was not said.
        """
        if answer == DECLINED:
            return JUST_BELOW
        if answer == "cannot_apply":
            return 0.0
        held = tuple(answer) if isinstance(answer, list) else answer
        if (question, held) not in self.known_risks:
            read = [rule.risk(held) for rule in self.rules.get(question, ())]
            self.known_risks[question, held] = max((r for r in read if not math.isnan(r)), default=UNKNOWN)
        return self.known_risks[question, held]

    def admits_harm(self, question: str, answer: object) -> bool:
        """Whether an answer admits harm, or tells what others reported."""
        return question in REPORTS or self.risk(question, answer) >= HARM

    def is_uninformative(self, question: str, answer: object) -> bool:
        """Whether an answer is declined, or says that nobody looked."""
        return answer == DECLINED or self.unknown_from <= self.risk(question, answer) < HARM

    def reassures(self, question: str, answer: object) -> bool:
        """Whether an answer speaks for many indicators at once."""
        return question in self.reassuring_answers and answer in self.reassuring_answers[question]

    def answers_practice(self, row: Row) -> bool:
        """Whether a row says anything about practice, if only that it declines to."""
        return any(row.get(question) is not None for question in row.keys() & self.practice_questions)

    def list_evidenced_questions(self, row: Row) -> list[str]:
        """What a row says that its evidence stands behind: answers about practice, and those that reassure."""
        return [
            question
            for question, answer in row.items()
            if answer != DECLINED and (question in self.practice_questions or self.reassures(question, answer))
        ]


def mask_with_practice(answers: Answers, kind: str) -> NDArray[np.bool_]:
    """Which of n suppliers say anything about practice (:meth:`Practice.answered`)."""
    questions = load_combined_form(kind).by_id
    told = [column.codes >= 0 for q, column in answers.columns.items() if q in questions and questions[q].declinable]
    found: NDArray[np.bool_] = np.any(told, axis=0) if told else np.zeros(len(answers), dtype=bool)
    return found


@lru_cache(maxsize=8)
def get_risk_lookup(kind: str, on: date) -> RiskLookup:
    """The practice of sites or agencies by the models in force on a day."""
    models = [model for model in in_force_on(on) if model.kind == kind]
    questions = load_combined_form(kind).by_id
    rules: dict[str, list[Rule]] = {}
    gates: dict[str, set[object]] = {}
    for model in models:
        for indicator in model.indicators:
            rules.setdefault(indicator.question, []).append(bind_day(indicator.rule, on))
        for gate in model.gates:
            gates.setdefault(gate.question, set()).update(gate.none)
    return RiskLookup(
        questions,
        frozenset(question.id for question in questions.values() if question.declinable),
        frozenset(question.id for question in questions.values() if question.feeds),
        {question: frozenset(none) for question, none in gates.items()},
        {question: tuple(read) for question, read in rules.items()},
        min((model.silent_from for model in models), default=HARM),
    )


@dataclass(frozen=True)
class MergedRows:
    """Rows of one supplier as one: their answers; questions of practice that they answer differently (the answer of more risk
    stands); and other questions in which they differ.
    """

    answers: dict[str, Any]
    contradicted: tuple[str, ...]
    differing: tuple[str, ...]


def merge_duplicates(rows: Sequence[Row], risk_lookup: RiskLookup, kind: str) -> MergedRows:
    """Rows of one supplier as one row.

    Of contradictory answers about practice the one of more risk stands, never the better. Lists are put together; of two shares
    the larger stands, of a denial and anything else the other; of any other two the first.
    """
    if len(rows) == 1:
        return MergedRows({question: answer for question, answer in rows[0].items() if answer is not None}, (), ())
    told: dict[str, Any] = {}
    contradicted: dict[str, None] = {}
    differing: dict[str, None] = {}
    for row in rows:
        for question, answer in row.items():
            if question in ROW_EVIDENCE_QUESTIONS or answer is None:
                continue
            before = told.setdefault(question, answer)
            if before == answer:
                continue
            if question in risk_lookup.risk_questions:
                contradicted[question] = None
            elif not isinstance(answer, list):
                differing[question] = None
            told[question] = _merge_answer(question, before, answer, risk_lookup)
    parts = [[row.get(question) for question in WORKFORCE] for row in rows]
    if any(part != parts[0] for part in parts):
        told = _resolve_workforce(told, kind)
    return MergedRows(told | _merge_records(rows, risk_lookup), tuple(contradicted), tuple(differing))


def _merge_answer(question: str, one: Any, other: Any, risk_lookup: RiskLookup) -> Any:
    """What stands of two different answers to a question."""
    fed = question in risk_lookup.risk_questions
    both_count = not fed or (risk_lookup.admits_harm(question, one) and risk_lookup.admits_harm(question, other))
    if both_count and isinstance(one, list) and isinstance(other, list):
        return [*one, *(each for each in other if each not in one)]
    if fed:
        return other if risk_lookup.risk(question, other) > risk_lookup.risk(question, one) else one
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    if numbers and risk_lookup.questions[question].type == "percent":
        return max(one, other)
    return other if risk_lookup.reassures(question, one) else one


def _merge_records(rows: Sequence[Row], risk_lookup: RiskLookup) -> dict[str, Any]:
    """The record of rows that are joined. Where it differs, each row's evidence covers what that row answers, and what all
    declare is as old as the oldest of them.
    """
    founded = [row for row in rows if risk_lookup.list_evidenced_questions(row)] or [
        row for row in rows if _record_fields(row)
    ][:1]
    records = [_record_fields(row) for row in founded]
    if not records:
        return {}
    if all(record == records[0] for record in records):
        return records[0]
    pieces: list[Any] = []
    for row, record in zip(founded, records, strict=True):
        of_row = {"grade": record.get("evidence_grade"), "date": record.get("evidence_date")}
        told = record.get(EVIDENCE)
        for piece in [*([of_row] if all(of_row.values()) else []), *(told if isinstance(told, list) else [])]:
            covering = {**piece, "covers": piece.get("covers") or risk_lookup.list_evidenced_questions(row)}
            pieces += [covering] if covering["covers"] and covering not in pieces else []
    days = [day for record in records if (day := _answered_on(record)) is not None]
    return ({EVIDENCE: pieces} if pieces else {}) | ({"answered_on": min(days)} if days else {})


def _record_fields(row: Row) -> dict[str, Any]:
    return {question: row[question] for question in ROW_EVIDENCE_QUESTIONS if row.get(question) is not None}


def _answered_on(record: Row) -> str | None:
    """The day a row was answered on: what the newest edition of the method takes for it."""
    days = (record.get(question) for question in DECLARATION_DATE_QUESTIONS)
    return next((day for day in days if isinstance(day, str) and day not in ("declined", "cannot_apply")), None)


def is_undated(before: Row, risk_lookup: RiskLookup) -> bool:
    """Whether answers stand that bear no day at all: they count as made when they came in."""
    return bool(risk_lookup.list_evidenced_questions(before)) and _answered_on(before) is None


def merge_answers(
    before: Row, now: Row, risk_lookup: RiskLookup, kind: str, entered_on: date | None = None
) -> dict[str, Any]:
    """What stands of a supplier of whom ``before`` stood and who is told of again by ``now``.

    A row that answers nothing about practice is an entry of a list: all that was answered stays, with its own record; only
    identity and context that the row gives are replaced. A row that does answers anew: what was answered goes, but for
    admitted and reported harm and what was declined, which stay until the same question is answered. ``came_in``: the day on
    which answers that bear none came in, from which they age.
    """
    if risk_lookup.answers_practice(now):
        return _replace_answers(before, now, risk_lookup, kind)
    return _merge_listing(before, now, risk_lookup, kind, entered_on)


def _merge_listing(
    before: Row, now: Row, risk_lookup: RiskLookup, kind: str, entered_on: date | None
) -> dict[str, Any]:
    founded = bool(risk_lookup.list_evidenced_questions(before))
    # A denial in a list would be believed by the evidence of older answers: beside such it is not taken.
    facts = {
        question: answer
        for question, answer in now.items()
        if question not in ROW_EVIDENCE_QUESTIONS and not (founded and risk_lookup.reassures(question, answer))
    }
    record = _record_fields(before) if founded else _record_fields(now) or _record_fields(before)
    if entered_on is not None and is_undated(before, risk_lookup):
        record["answered_on"] = entered_on.isoformat()
    kept = {question: answer for question, answer in before.items() if question not in ROW_EVIDENCE_QUESTIONS}
    return _overlay(kept, facts, kind) | record


def _replace_answers(before: Row, now: Row, risk_lookup: RiskLookup, kind: str) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for question, answer in before.items():
        of_a_report = question == "reported_by" and now.get("reported_harms") is not None
        if question in ROW_EVIDENCE_QUESTIONS or of_a_report or risk_lookup.reassures(question, answer):
            continue
        if (
            question not in risk_lookup.risk_questions
            or answer == DECLINED
            or risk_lookup.admits_harm(question, answer)
        ):
            kept[question] = answer
    # To decline, or to say that nobody looked, undoes nothing that was admitted: the harm stays.
    answered = {
        question: answer
        for question, answer in now.items()
        if not (
            question in kept
            and risk_lookup.is_uninformative(question, answer)
            and risk_lookup.admits_harm(question, kept[question])
        )
    }
    return _overlay(kept, answered, kind)


def _overlay(before: Row, now: Row, kind: str) -> dict[str, Any]:
    """Both, the newer before the older, held to the rules of one row where they tell of the workforce together."""
    both = {**before, **now}
    mixed = any(question in before and question not in now for question in WORKFORCE) and now.keys() & set(WORKFORCE)
    return _resolve_workforce(both, kind) if mixed else both


def _resolve_workforce(told: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Answers that pass the rules of one row in what they tell of the workforce, where of two that contradict each other the
    careful one stands.
    """
    about = {q: tuple(told[q]) if isinstance(told[q], list) else told[q] for q in WORKFORCE if q in told}
    stands, _ = validate_answers(load_combined_form(kind), about)
    rest = {question: answer for question, answer in told.items() if question not in about}
    return rest | {q: list(answer) if isinstance(answer, tuple) else answer for q, answer in stands.items()}
