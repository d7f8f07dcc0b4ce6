"""Merge answers of one supplier: several rows of one upload into one, and new answers into those that are stored.

Two principles of the method decide (sections 2 and 3): harm does not expire, and missing answers are never reassuring.
Evidence belongs to a whole row: it never supports an answer that it did not come with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from questionnaires.form import load_combined_form
from questionnaires.parse.answer import CANNOT_APPLY, NOT_APPLICABLE, RESERVED_ANSWERS
from questionnaires.places import names_region_that_outweighs_all
from questionnaires.question import Question
from questionnaires.validation.json_answers import validate_answers
from risk_models.answers import DECLINED, EVIDENCE, Answers
from risk_models.evidence import DECLARATION_DATE_QUESTIONS
from risk_models.model import Model
from risk_models.transforms import Rule, bind_day
from service.assessment.assess import ROW_EVIDENCE_QUESTIONS
from service.assessment.evidence_entries import limit_confirmation, without_confirmation
from service.assessment.models_in_force import list_models_in_force
from service.suppliers.identity import REGION_NAMING

Row = Mapping[str, Any]

REPORTS = ("reported_harms", "worker_reported_items")  # reported by others; this stays until they report again
REPORT_SOURCES = ("reported_by", "reported_on")
# What the rules for one row hold against each other (questionnaires/validation/rules.py).
WORKFORCE = ("workers_total", "workers_migrant", "migrant_pct", "uses_agencies", "agencies", "workers_by_agency")
HARM = 0.5  # r from which an answer admits harm (method section 3)
JUST_BELOW = math.nextafter(HARM, 0.0)
UNKNOWN = -1.0  # lower than every r: for an answer that no model in force can read


@dataclass(frozen=True)
class RiskLookup:
    """How risky the answers of sites or agencies are on a day, according to the models in force then.

    ``practice_questions``: what a supplier answers about its own practice and an indicator reads. ``risk_questions``: those,
    and what the buyer answers about it that an indicator reads. ``reassuring_answers``: by question, the answers that speak
    for many indicators at once ("no agencies"). ``unknown_from``: from this r on, an answer short of harm says that nobody
    checked (docs/models.md). ``known_risks`` caches.
    """

    questions: Mapping[str, Question]
    practice_questions: frozenset[str]
    risk_questions: frozenset[str]
    reassuring_answers: Mapping[str, frozenset[object]]
    rules: Mapping[str, tuple[Rule, ...]]
    unknown_from: float
    known_risks: dict[tuple[str, object], float] = field(default_factory=dict)  # risks that were looked up before

    def risk(self, question: str, answer: object) -> float:
        """Return the highest r (0..1) of an answer under any model that reads it; -1 if none can.

        A declined answer ranks just below admitted harm: it may hide something as bad, but nothing was admitted.
        """
        if answer == DECLINED:
            return JUST_BELOW
        if answer == NOT_APPLICABLE:
            return 0.0
        if answer == CANNOT_APPLY:  # of a form that offers it everywhere: not asked
            return UNKNOWN
        held = tuple(answer) if isinstance(answer, list) else answer
        if (question, held) not in self.known_risks:
            read = [rule.risk(held) for rule in self.rules.get(question, ())]
            self.known_risks[question, held] = max((r for r in read if not math.isnan(r)), default=UNKNOWN)
        return self.known_risks[question, held]

    def admits_harm(self, question: str, answer: object) -> bool:
        """Return whether an answer admits harm or reports it."""
        return question in REPORTS or self.risk(question, answer) >= HARM

    def is_uninformative(self, question: str, answer: object) -> bool:
        """Return whether an answer is declined, or says that nobody checked."""
        return answer == DECLINED or self.unknown_from <= self.risk(question, answer) < HARM

    def reassures(self, question: str, answer: object) -> bool:
        """Return whether an answer speaks for many indicators at once."""
        return question in self.reassuring_answers and answer in self.reassuring_answers[question]

    def answers_practice(self, row: Row) -> bool:
        """Return whether a row answers, or declines, any question about practice."""
        return any(answer is not None and question in self.practice_questions for question, answer in row.items())

    def is_less_risky(self, question: str, before: object, after: object) -> bool:
        """Return whether an answer is less risky than the one before it, or cannot be compared with it."""
        if before == after or after is None:
            return before != after
        risk = self.risk(question, after)
        return risk == UNKNOWN or risk < self.risk(question, before) or self.reassures(question, after)

    def list_confirmable_questions(self, row: Row) -> list[str]:
        """List the answered questions of a row that evidence can be confirmed for, in the order of the form: all that bear on a
        score, save reports.
        """
        return [
            question
            for question in self.questions
            if row.get(question) not in (None, DECLINED)
            and question not in REPORTS
            and (question in self.risk_questions or self.reassures(question, row[question]))
        ]

    def list_evidenced_questions(self, row: Row) -> list[str]:
        """List the questions of a row that its evidence supports: those about practice, and reassuring ones."""
        return [
            question
            for question, answer in row.items()
            if answer != DECLINED and (question in self.practice_questions or self.reassures(question, answer))
        ]


def mask_with_practice(answers: Answers, kind: str) -> NDArray[np.bool_]:
    """Return which of n suppliers answer anything about practice (:meth:`RiskLookup.answers_practice`), as a mask."""
    questions = load_combined_form(kind).by_id
    answered = [
        column.codes >= 0 for q, column in answers.columns.items() if q in questions and questions[q].is_practice
    ]
    mask: NDArray[np.bool_] = np.any(answered, axis=0) if answered else np.zeros(len(answers), dtype=bool)
    return mask


@lru_cache(maxsize=16)
def get_risk_lookup(kind: str, on: date, models: tuple[Model, ...] | None = None) -> RiskLookup:
    """Return the risk lookup for sites or agencies by the models in force on a day, among ``models`` (by default all)."""
    models = tuple(model for model in list_models_in_force(on, models) if model.kind == kind)
    questions = load_combined_form(kind).by_id
    rules: dict[str, list[Rule]] = {}
    gates: dict[str, set[object]] = {}
    for model in models:
        for indicator in model.indicators:
            rules.setdefault(indicator.question, []).append(bind_day(indicator.rule, on))
        for gate in model.screening_questions:
            gates.setdefault(gate.question, set()).update(gate.none_answers)
    return RiskLookup(
        questions,
        frozenset(question.id for question in questions.values() if question.is_practice),
        frozenset(question.id for question in questions.values() if question.feeds),
        {question: frozenset(none) for question, none in gates.items()},
        {question: tuple(read) for question, read in rules.items()},
        min((model.unknown_from for model in models), default=HARM),
    )


@dataclass(frozen=True)
class MergedRows:
    """Rows of one supplier as one: their answers; the questions about practice that they answer differently (the riskier
    answer counts); and the other questions in which they differ.
    """

    answers: dict[str, Any]
    contradicted: tuple[str, ...]
    differing: tuple[str, ...]


def merge_duplicates(rows: Sequence[Row], risk_lookup: RiskLookup, kind: str) -> MergedRows:
    """Merge rows of one supplier into one.

    Of contradictory answers about practice the riskier one counts, never the better. Lists are combined. Of two shares, the
    larger one counts; a denial gives way to any other answer; a region that outweighs all others counts over another; in all
    other cases, the first answer counts.
    """
    if len(rows) == 1:
        given = rows[0] if None not in rows[0].values() else {q: a for q, a in rows[0].items() if a is not None}
        return MergedRows(dict(given), (), ())
    merged: dict[str, Any] = {}
    contradicted: dict[str, None] = {}
    differing: dict[str, None] = {}
    for row in rows:
        for question, answer in row.items():
            if question in ROW_EVIDENCE_QUESTIONS or answer is None:
                continue
            current = merged.setdefault(question, answer)
            if current == answer:
                continue
            if question in risk_lookup.risk_questions:
                contradicted[question] = None
            elif not isinstance(answer, list):
                differing[question] = None
            if question in REGION_NAMING:
                merged[question] = max(current, answer, key=partial(_outweighs, row.get("country")))
            else:
                merged[question] = _merge_answer(question, current, answer, risk_lookup)
    parts = [[row.get(question) for question in WORKFORCE] for row in rows]
    if any(part != parts[0] for part in parts):
        merged = _resolve_workforce(merged, kind)
    return MergedRows(merged | _merge_records(rows, merged, risk_lookup), tuple(contradicted), tuple(differing))


def _outweighs(country: object, place: object) -> bool:
    return names_region_that_outweighs_all(place, country)


def _merge_answer(question: str, current: Any, new: Any, risk_lookup: RiskLookup) -> Any:
    """Return which of two different answers to a question counts."""
    fed = question in risk_lookup.risk_questions
    both_count = not fed or (risk_lookup.admits_harm(question, current) and risk_lookup.admits_harm(question, new))
    if both_count and isinstance(current, list) and isinstance(new, list):
        return [*current, *(item for item in new if item not in current)]
    if fed:
        return new if risk_lookup.risk(question, new) > risk_lookup.risk(question, current) else current
    numbers = isinstance(current, int | float) and isinstance(new, int | float)
    if numbers and risk_lookup.questions[question].type == "percent":
        return max(current, new)
    return new if risk_lookup.reassures(question, current) else current


def _merge_records(rows: Sequence[Row], merged: Row, risk_lookup: RiskLookup) -> dict[str, Any]:
    """Merge the records of rows (evidence and dates). If they differ, each row's evidence covers what that row answers, and
    the declaration is as old as the oldest of them. A confirmation is kept for those answers of its row that count in
    ``merged``.
    """
    evidenced_rows = [row for row in rows if risk_lookup.list_evidenced_questions(row)] or [
        row for row in rows if _record_fields(row)
    ][:1]
    records = [_record_fields(row) for row in evidenced_rows]
    if not records:
        return {}
    if all(record == records[0] for record in records):
        return _limit_confirmations(
            records[0], lambda question: any(_is_same_answer(row, merged, question) for row in evidenced_rows)
        )
    pieces: list[Any] = []
    for row, record in zip(evidenced_rows, records, strict=True):
        row_evidence = {"grade": record.get("evidence_grade"), "date": record.get("evidence_date")}
        pieces_given = record.get(EVIDENCE)
        for piece in [
            *([row_evidence] if all(row_evidence.values()) else []),
            *(pieces_given if isinstance(pieces_given, list) else []),
        ]:
            limited = limit_confirmation(piece, partial(_is_same_answer, row, merged))
            covering = {**limited, "covers": piece.get("covers") or risk_lookup.list_evidenced_questions(row)}
            pieces += [covering] if covering["covers"] and covering not in pieces else []
    days = [day for record in records if (day := _answered_on(record)) is not None]
    return ({EVIDENCE: pieces} if pieces else {}) | ({"answered_on": min(days)} if days else {})


def _is_same_answer(row: Row, merged: Row, question: str) -> bool:
    return bool(row.get(question) == merged.get(question))


def _limit_confirmations(record: Row, counts: Callable[[str], bool]) -> dict[str, Any]:
    pieces = record.get(EVIDENCE)
    if not isinstance(pieces, list | tuple):
        return dict(record)
    return {**record, EVIDENCE: [limit_confirmation(piece, counts) for piece in pieces]}


def _record_fields(row: Row) -> dict[str, Any]:
    return {question: row[question] for question in ROW_EVIDENCE_QUESTIONS if row.get(question) is not None}


def _answered_on(record: Row) -> str | None:
    """Return the day a row was answered, as the newest method dates a declaration; None if unknown."""
    days = (record.get(question) for question in DECLARATION_DATE_QUESTIONS)
    return next((day for day in days if isinstance(day, str) and day not in RESERVED_ANSWERS), None)


def is_older_form(incoming: Row, stored: Row) -> bool:
    """Return whether a row is a form that was returned before the last form of its supplier."""
    days = [row.get("form_returned") for row in (incoming, stored)]
    returned, last = (day if isinstance(day, str) and day not in RESERVED_ANSWERS else "" for day in days)
    return "" < returned < last


def is_undated(stored: Row, risk_lookup: RiskLookup) -> bool:
    """Return whether stored answers have no date at all: these count as given on the day they were entered."""
    return _answered_on(stored) is None and bool(risk_lookup.list_evidenced_questions(stored))


def merge_answers(
    stored: Row, incoming: Row, risk_lookup: RiskLookup, kind: str, entered_on: date | None = None
) -> dict[str, Any]:
    """Merge a new row into the stored answers of its supplier.

    A row without answers about practice is an entry in a list: all stored answers stay, with their record; only identity and
    context that the row gives are replaced. A row with such answers replaces the stored answers, except admitted or reported
    harm and what was declined, which stay until the same question is answered. ``entered_on``: when undated stored answers were
    entered; they age from then.
    """
    if risk_lookup.answers_practice(incoming):
        is_repeated = incoming == stored and EVIDENCE not in stored  # a confirmation of evidence may not cover it all
        return dict(stored) if is_repeated else _replace_answers(stored, incoming, risk_lookup, kind)
    return _merge_listing(stored, incoming, risk_lookup, kind, entered_on)


def _merge_listing(
    stored: Row, incoming: Row, risk_lookup: RiskLookup, kind: str, entered_on: date | None
) -> dict[str, Any]:
    has_evidence = bool(risk_lookup.list_evidenced_questions(stored))
    # The evidence of older answers would make a denial in a list more credible, so such a denial is ignored if there are any.
    facts = {
        question: answer
        for question, answer in incoming.items()
        if question not in ROW_EVIDENCE_QUESTIONS
        and not (has_evidence and risk_lookup.reassures(question, answer))
        and not (answer == CANNOT_APPLY and question in stored)
    }
    record = _record_fields(stored) if has_evidence else _record_fields(incoming) or _record_fields(stored)
    if entered_on is not None and is_undated(stored, risk_lookup):
        record["answered_on"] = entered_on.isoformat()
    lasting = {question: answer for question, answer in stored.items() if question not in ROW_EVIDENCE_QUESTIONS}
    merged = _overlay(lasting, facts, kind)
    if has_evidence:
        record = _limit_confirmations(record, lambda question: _still_counts(question, stored, merged, risk_lookup))
    return merged | record


def _keep_reports(stored: Row, incoming: Row) -> dict[str, Any]:
    """Return a returned form with the reports that are stored, and who made them and when.

    No form asks a supplier what others reported, but its sheet can have a column for it: what it adds counts, and takes nothing
    back.
    """
    row = dict(incoming)
    reports = {question: stored[question] for question in REPORTS if isinstance(stored.get(question), list)}
    for question, earlier in reports.items():
        if (answer := incoming.get(question)) is not None:
            added = answer if isinstance(answer, list) else []
            row[question] = [*earlier, *(report for report in added if report not in earlier)]
    return row | {question: stored[question] for question in REPORT_SOURCES if reports and question in stored}


def _replace_answers(stored: Row, incoming: Row, risk_lookup: RiskLookup, kind: str) -> dict[str, Any]:
    if incoming.get("form_returned") is not None:
        incoming = _keep_reports(stored, incoming)
    lasting: dict[str, Any] = {}
    for question, answer in stored.items():
        is_superseded_report = question == "reported_by" and incoming.get("reported_harms") is not None
        if question in ROW_EVIDENCE_QUESTIONS or is_superseded_report or risk_lookup.reassures(question, answer):
            continue
        if (
            question not in risk_lookup.risk_questions
            or answer == DECLINED
            or risk_lookup.admits_harm(question, answer)
        ):
            lasting[question] = answer
    # Declining to answer, saying that nobody checked or that it does not apply, does not undo an admission: the harm stays.
    # What was not asked takes no refusal back.
    answered = {
        question: answer
        for question, answer in incoming.items()
        if not (
            question in lasting
            and (
                answer == CANNOT_APPLY
                or (
                    risk_lookup.admits_harm(question, lasting[question])
                    and (answer == NOT_APPLICABLE or risk_lookup.is_uninformative(question, answer))
                )
            )
        )
    }
    return _keep_confirmations(stored, _overlay(lasting, answered, kind), risk_lookup)


def _still_counts(question: str, stored: Row, merged: Row, risk_lookup: RiskLookup) -> bool:
    """Return whether the confirmation of a stored answer counts for the answer after a merge: one that is no less risky."""
    answer = merged.get(question)
    if answer is None or answer == DECLINED:
        return False
    return not risk_lookup.is_less_risky(question, stored.get(question), answer)


def _keep_confirmations(stored: Row, merged: dict[str, Any], risk_lookup: RiskLookup) -> dict[str, Any]:
    """Return merged answers with the stored confirmations that still count for them.

    A piece that was sent again gets its confirmation back; any other stays for the questions that its confirmation counts for,
    and for no others, since it did not come with the new answers.
    """
    earlier = stored.get(EVIDENCE)
    pieces = list(merged.get(EVIDENCE) or ())
    for piece in earlier if isinstance(earlier, list | tuple) else ():
        limited = limit_confirmation(piece, lambda question: _still_counts(question, stored, merged, risk_lookup))
        if not limited.get("confirmed"):
            continue
        claimed = without_confirmation(limited)
        if claimed in pieces:
            pieces[pieces.index(claimed)] = limited
        elif claimed not in map(without_confirmation, pieces):
            pieces.append({**limited, "covers": list(limited["confirmed"]["covers"])})
    return {**merged, EVIDENCE: pieces} if pieces else merged


def _overlay(stored: Row, incoming: Row, kind: str) -> dict[str, Any]:
    """Lay new answers over stored ones; if both describe the workforce, resolve contradictions between them."""
    merged = {**stored, **incoming}
    mixed = any(question in stored and question not in incoming for question in WORKFORCE) and incoming.keys() & set(
        WORKFORCE
    )
    return _resolve_workforce(merged, kind) if mixed else merged


def _resolve_workforce(answers: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return answers that pass the rules of a single row in what they say about the workforce; of two that contradict each
    other the more cautious one counts.
    """
    workforce = {
        q: tuple(answers[q]) if isinstance(answers[q], list) else answers[q] for q in WORKFORCE if q in answers
    }
    valid, _ = validate_answers(load_combined_form(kind), workforce)
    rest = {question: answer for question, answer in answers.items() if question not in workforce}
    return rest | {q: list(answer) if isinstance(answer, tuple) else answer for q, answer in valid.items()}
