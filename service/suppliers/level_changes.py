"""Record that levels of suppliers changed, and find out whether it is known why a level fell.

A level *falls* when it becomes lower: from Critical to High, say. Insufficient evidence is not in that order: a level that
follows it is compared with the last one before it, so that answering less in between hides no fall. Only Critical falls to it,
since a supplier that no longer reports the harm behind that level would otherwise lose the alarm with it. What counts as a known
cause is in level_changes.toml. A supplier whose level fell without one stays marked (``Supplier.fell_on``) until it falls for a
known cause, rises to the level that it fell from, or a closed step confirms what it says. A small rise after a large
fall does not count.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from risk_models.answers import from_rows
from risk_models.evidence import CONFIRMING_GRADES
from risk_models.facts.facts import load_facts
from risk_models.model import LEVELS, Model
from service.assessment.assess import Batch, assess_batch
from service.assessment.evidence_entries import get_step_id, list_entries, without_step_evidence
from service.case_reading.evidence import decode_case_evidence
from service.db import change_feed
from service.db.session import chunks
from service.db.tables import Change, Result, Supplier
from service.outbox.queue import Event, queue_events
from service.suppliers.confirmations import drop_confirmations
from service.suppliers.summary import Columns, build_summaries
from service.suppliers.verified_steps import list_lent

CRITICAL = "critical"
STEP, CONFIRMED, CASE, AGENCY, MODELS, FACTS = (
    "verified_step",
    "confirmed_evidence",
    "case",
    "agency",
    "models",
    "facts",
)
CORRECTION = "correction"
RULES_FILE = Path(__file__).with_name("level_changes.toml")
Answers = Mapping[str, Any]


@dataclass(frozen=True)
class LevelChange:
    """A supplier whose level changed: its new ``result``, and the level and id of the one before; None: not assessed before."""

    supplier_id: str
    before: str | None
    previous_id: str | None
    result: Columns

    @property
    def after(self) -> str:
        """Return the new level."""
        level: str = self.result["level"]
        return level


@dataclass(frozen=True)
class Occasion:
    """On which day, at what moment and why suppliers were assessed (the cause of their results)."""

    on: date
    at: datetime
    cause: str


@cache
def load_rules() -> Mapping[str, Any]:
    """Load what counts as a known cause of a fall, each with its reason."""
    return tomllib.loads(RULES_FILE.read_text(encoding="utf-8"))


def record_level_changes(
    session: Session, kind: str, changes: Sequence[LevelChange], occasion: Occasion, models: Sequence[Model]
) -> dict[str, bool]:
    """Add level changes to the change feed and queue them for those who are to be told: from what to what, why, whether the
    models changed, and whether a level fell without a known cause. Return for each supplier whose mark is to change whether its
    level fell without a known cause.
    """
    previous = _load_results(session, changes)
    rated = _load_last_rated(session, changes, previous)
    falls = explain_falls(kind, changes, rated, occasion, models)
    unexplained = {supplier_id for supplier_id, causes in falls.items() if not causes}
    moves = [(change.supplier_id, _describe(change, previous, occasion, unexplained)) for change in changes]
    change_feed.write_all(session, change_feed.LEVEL_MOVED, moves, occasion.at)
    events = [
        event
        for change, (_, data) in zip(changes, moves, strict=True)
        for event in _build_events(change, data, occasion, rated.get(change.supplier_id))
    ]
    if events:
        queue_events(session, *events)
    below = _find_below_fall(session, changes, rated, occasion)
    return {
        change.supplier_id: change.supplier_id in unexplained
        for change in changes
        if change.supplier_id in unexplained
        or (_ends_mark(change, rated.get(change.supplier_id)) and change.supplier_id not in below)
    }


def _find_below_fall(
    session: Session, changes: Sequence[LevelChange], rated: Mapping[str, Result], occasion: Occasion
) -> set[str]:
    """Return the suppliers that rose, but to a lower level than the one from which they fell without a known cause.

    Nothing is known of falls that were corrected, or that the retention period has removed from the change feed.
    """
    risen = {
        change.supplier_id: change.after
        for change in changes
        if change.after in LEVELS
        and (last := rated.get(change.supplier_id))
        and _is_lower(last.level, change.after)
        and occasion.cause not in load_rules()["correction"]["causes"]
    }
    below = set()
    for chunk in chunks(sorted(risen)):
        marked = select(Supplier.id).where(Supplier.id.in_(chunk), Supplier.fell_on.is_not(None))
        ids = session.scalars(marked).all()
        if not ids:  # the change feed is large, and hardly any supplier is marked
            continue
        moves: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        query = select(Change.supplier_id, Change.data).where(
            Change.supplier_id.in_(ids), Change.kind == change_feed.LEVEL_MOVED, Change.level_before.is_not(None)
        )
        for supplier_id, data in session.execute(query.order_by(Change.id)):
            moves[supplier_id].append(data)
        below |= {
            one for one in ids if (level := _find_level_to_return_to(moves[one])) and _is_lower(risen[one], level)
        }
    return below


def _find_level_to_return_to(moves: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the level from which a supplier fell without a known cause, by its changes of level, oldest first; of several falls,
    the highest level. None if it has been back there since, or fell further for a known cause.
    """
    fell_from: str | None = None
    last: str | None = None  # the last level in the order
    for move in moves:
        before, after = move["from"], move["to"]
        last = before if before in LEVELS else last
        if move.get("without_known_cause"):
            fell_from = last if fell_from is None or (last and _is_lower(fell_from, last)) else fell_from
        elif after in LEVELS and fell_from and last and (_is_lower(after, last) or not _is_lower(after, fell_from)):
            fell_from = None
        last = after if after in LEVELS else last
    return fell_from


def _ends_mark(change: LevelChange, rated: Result | None) -> bool:
    """Return whether an earlier fall no longer matters: at another level, or at Critical, to which nothing falls.

    A supplier that returns from insufficient evidence to the level it had fallen to stays marked.
    """
    return change.after in LEVELS and (change.after == CRITICAL or rated is None or rated.level != change.after)


def _load_results(session: Session, changes: Sequence[LevelChange]) -> dict[str, Result]:
    """Return the results before level changes by their ids."""
    results: dict[str, Result] = {}
    for chunk in chunks([change.previous_id for change in changes if change.previous_id]):
        results |= {result.id: result for result in session.scalars(select(Result).where(Result.id.in_(chunk)))}
    return results


def _load_last_rated(
    session: Session, changes: Sequence[LevelChange], previous: Mapping[str, Result]
) -> dict[str, Result]:
    """Return the last result of each supplier with a level in the order, by the id of the supplier; none where there is none, or
    where records were corrected since, so that it is no measure of what follows.
    """
    rated = {
        change.supplier_id: previous[change.previous_id]
        for change in changes
        if change.before in LEVELS and change.previous_id and change.previous_id in previous
    }
    returning = [
        change.supplier_id for change in changes if change.before not in (*LEVELS, None) and change.after in LEVELS
    ]
    corrections = load_rules()["correction"]["causes"]
    for chunk in chunks(returning):
        # Ids, levels and causes alone: a history also holds all the answers that were ever given.
        query = select(Result.supplier_id, Result.id, Result.level, Result.cause).where(Result.supplier_id.in_(chunk))
        last: dict[str, str | None] = {}
        for supplier_id, result_id, level, cause in session.execute(query.order_by(Result.created_at, Result.id)):
            if level in LEVELS:
                last[supplier_id] = result_id
            elif cause in corrections:
                last[supplier_id] = None
        ids = [result_id for result_id in last.values() if result_id is not None]
        rated |= {result.supplier_id: result for result in session.scalars(select(Result).where(Result.id.in_(ids)))}
    return rated


def _describe(
    change: LevelChange, previous: Mapping[str, Result], occasion: Occasion, unexplained: set[str]
) -> dict[str, Any]:
    data: dict[str, Any] = {"from": change.before, "to": change.after, "cause": occasion.cause}
    before = previous.get(change.previous_id or "")
    if before is not None and before.model_version != change.result["model_version"]:
        data["models"] = {"from": before.model_version, "to": change.result["model_version"]}
    if change.supplier_id in unexplained:
        data["without_known_cause"] = True
    return data


def _build_events(
    change: LevelChange, data: Mapping[str, Any], occasion: Occasion, rated: Result | None
) -> Iterator[Event]:
    """Yield the events of a supplier that had a level before."""
    if change.before is None:
        return
    payload = {"supplier_id": change.supplier_id, "from": change.before, "to": change.after, "cause": occasion.cause}
    if "models" in data:
        payload |= {"models_from": data["models"]["from"], "models_to": data["models"]["to"]}
    name = f"{change.supplier_id} {occasion.at.isoformat()} {change.before} {change.after}"
    yield Event(code="level.changed", occasion=name, payload=payload, supplier_id=change.supplier_id)
    if "without_known_cause" in data and rated is not None:
        fall = payload | {"from": rated.level}
        yield Event(code="level.fell_unexplained", occasion=name, payload=fall, supplier_id=change.supplier_id)


@dataclass(frozen=True)
class _Trial:
    """What a supplier would have been assessed from if a possible cause were the only one (``alone``), or were missing."""

    supplier_id: str
    causes: tuple[str, ...]
    alone: bool
    answers: Answers
    case_evidence: Mapping[str, Any] | None
    agency_scores: Mapping[str, float]


def explain_falls(
    kind: str,
    changes: Sequence[LevelChange],
    rated: Mapping[str, Result],
    occasion: Occasion,
    models: Sequence[Model],
) -> dict[str, tuple[str, ...]]:
    """Return the known causes of each level that fell, by the id of the supplier; none: it fell without a known cause.

    ``rated``: the last result of each supplier before the change that had a level in the order, by the id of the supplier.

    A closed step, evidence that workers or an authority gave and the buyer confirmed, a case, and other scores of the agencies
    that a site named before and names now are causes if the level would be higher without them, and with the earlier answers to
    the questions that they support. New models and facts are if they would have lowered the level to the same by themselves. A
    correction such as an import that was undone always is.
    """
    falls = [
        (change, before)
        for change in changes
        if (before := rated.get(change.supplier_id)) and _is_lower(change.after, before.level)
    ]
    causes: dict[str, list[str]] = {change.supplier_id: [] for change, _ in falls}
    trials: list[_Trial] = []
    for change, before in falls:
        if occasion.cause in load_rules()["correction"]["causes"]:
            causes[change.supplier_id].append(CORRECTION)
        trials += _list_trials(change, before)
    after = {change.supplier_id: change.after for change, _ in falls}
    for trial, level in _assess_trials(kind, trials, occasion.on, models):
        fallen = level == after[trial.supplier_id] or _is_lower(level, after[trial.supplier_id])
        if fallen == trial.alone:
            causes[trial.supplier_id] += trial.causes
    return {supplier_id: tuple(found) for supplier_id, found in causes.items()}


def _list_trials(change: LevelChange, before: Result) -> Iterator[_Trial]:
    """Yield the trials that show which causes a fall has."""
    answers, cases = change.result["answers"], change.result["case_evidence"]
    scores: Mapping[str, float] = change.result["agency_scores"]
    by_steps = {question for step, question in find_new_support(before.answers, answers) if step is not None}
    if by_steps:
        earlier = _return_questions(without_step_evidence(answers), before.answers, by_steps)
        yield _Trial(change.supplier_id, (STEP,), False, earlier, cases, scores)
    by_others = {question for step, question in find_new_support(before.answers, answers) if step is None}
    if by_others:
        earlier = _return_questions(drop_confirmations(answers, sorted(by_others)), before.answers, by_others)
        yield _Trial(change.supplier_id, (CONFIRMED,), False, earlier, cases, scores)
    if before.case_evidence != cases:
        yield _Trial(change.supplier_id, (CASE,), False, answers, before.case_evidence, scores)
    earlier_scores = {name: before.agency_scores.get(name, score) for name, score in scores.items()}
    if earlier_scores != scores:
        yield _Trial(change.supplier_id, (AGENCY,), False, answers, cases, earlier_scores)
    rules = [
        code
        for code, column in ((MODELS, "model_version"), (FACTS, "facts_digest"))
        if getattr(before, column) != change.result[column]
    ]
    if rules:
        yield _Trial(change.supplier_id, tuple(rules), True, before.answers, before.case_evidence, before.agency_scores)


def find_new_support(before: Answers, after: Answers) -> set[tuple[str | None, str]]:
    """Return what supports answers now and did not before: each closed step, and for other evidence from workers, unions, NGOs or
    authorities that the buyer confirmed None, with the question.
    """
    return _list_support(after) - _list_support(before)


def _list_support(answers: Answers) -> set[tuple[str | None, str]]:
    by_steps = {(step, question) for step, questions in list_lent(answers).items() for question in questions}
    by_others = {
        (None, question)
        for entry in list_entries(answers)
        if entry.confirmed and entry.piece["grade"] in CONFIRMING_GRADES and get_step_id(entry.piece) is None
        for question in entry.confirmed["covers"]
    }
    return by_steps | by_others


def _return_questions(answers: Answers, before: Answers, questions: set[str]) -> dict[str, Any]:
    """Return answers with some questions answered as before, or not at all if they were not."""
    rest = {question: answer for question, answer in answers.items() if question not in questions}
    return rest | {question: before[question] for question in sorted(questions) if question in before}


def _assess_trials(
    kind: str, trials: Sequence[_Trial], on: date, models: Sequence[Model]
) -> Iterator[tuple[_Trial, str]]:
    """Yield each trial with the level that it would give. Those with the same scores of agencies are assessed together."""
    groups: dict[tuple[tuple[str, float], ...], list[_Trial]] = defaultdict(list)
    for trial in trials:
        groups[tuple(sorted(trial.agency_scores.items()))].append(trial)
    for scores, group in groups.items():
        cases = decode_case_evidence([trial.case_evidence for trial in group])
        batch = Batch(kind, from_rows([trial.answers for trial in group]), "", "", np.arange(len(group)), cases)
        assessed = assess_batch(batch, load_facts().as_of(on), on, dict(scores), models)
        for trial, summary in zip(group, build_summaries(assessed, on), strict=True):
            yield trial, summary["level"]


def _is_lower(level: str, other: str) -> bool:
    """Return whether a level is lower than another; insufficient evidence is lower than Critical alone."""
    if level not in LEVELS or other not in LEVELS:
        return other == CRITICAL
    return LEVELS.index(level) < LEVELS.index(other)
