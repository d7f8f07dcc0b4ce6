"""What-if analysis: how the result of one supplier would change with other answers, agencies or actions. Nothing is saved.

The changed supplier is assessed as of the day of its latest result, under the same model and facts, so that only the changes
move points. An action counts as done in the best way: its indicators get the best answer, with evidence of the given grade and
of that day. Reports by workers or officials count as closed only on evidence from workers or officials (method section 8: a
finding closes on outcome). It forecasts points, never what will happen to anyone. For internal readers only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy.orm import Session

from reports.document import Detail
from risk_models.action_library import Action
from risk_models.answers import EVIDENCE, from_rows
from risk_models.cases.evidence import CaseEvidence
from risk_models.engine.frame import DECLINED, EXPIRED, LEVEL_NAMES, NOT_ASKED
from risk_models.engine.score import compute_queue_rank
from risk_models.evidence import GRADE_TITLES as GRADES
from risk_models.evidence import needs_confirmation
from risk_models.facts.facts import FactSnapshot
from risk_models.model import Floor, Model
from risk_models.transforms import get_best_answer
from service.assessment.assess import AssessedBatch, Batch, Block, assess_batch
from service.assessment.evidence_entries import describe_piece, list_entries
from service.clock import today
from service.db.tables import Result
from service.errors import DomainError
from service.queries import stored_results
from service.referrals.readiness import load_gate
from service.report_content import build as reporting
from service.report_content.contact_gate import ContactGate
from service.suppliers.confirmations import (
    Voucher,
    confirm_entry,
    drop_confirmations,
    find_fault,
    list_confirmable_questions,
)
from service.suppliers.merge_rules import get_risk_lookup
from service.suppliers.stored_answers import recheck_merged

WHAT_IF = "what-if"  # who confirms evidence in a hypothetical change
CLOSING_GRADES = ("worker_voice", "official")  # evidence grades that close a report
FIXED_QUESTIONS = (
    "country",
    "sector",
    "naics",
    "reference",
    "name",
    "name_local",
)  # a different place or trade would make it a different supplier
TOLERANCE = 1e-9
UPLIFT = "Minimum-score rules"
Answers = Mapping[str, Any]


@dataclass(frozen=True)
class Baseline:
    """The inputs of a stored result: answers as JSON, scores of the named agencies, model, facts, day and case evidence.

    ``gate``: it withholds steps that contact workers.
    """

    answers: Answers
    agency_scores: Mapping[str, float]
    model: Model
    facts: FactSnapshot
    on: date
    case: CaseEvidence | None = None
    gate: ContactGate | None = None

    def assess(self, rows: Sequence[Answers], agency_scores: Mapping[str, float] | None = None) -> AssessedBatch:
        """Assess several versions of the supplier, one for each row of answers."""
        scores = self.agency_scores if agency_scores is None else agency_scores
        case = self.case.take(np.zeros(len(rows), dtype=np.intp)) if self.case else None
        batch = Batch(self.model.kind, from_rows(rows), "", "", np.arange(len(rows)) + 1, case)
        models = stored_results.list_models_released_with(self.model)
        assessed = assess_batch(batch, self.facts, self.on, scores, models)
        return self.gate.apply(assessed).assessed if self.gate else assessed


def load_baseline(session: Session, result: Result) -> Baseline:
    """Load the inputs of a stored result, with the gate of the day that withholds steps that contact workers."""
    assessed, facts = stored_results.reassess_result(result)
    model, case = assessed.blocks[assessed.block_indexes[0]].model, assessed.batch.case_evidence
    gate = load_gate(session, today())
    return Baseline(result.answers, result.agency_scores, model, facts, result.on, case, gate)


@dataclass(frozen=True)
class ReasonChange:
    """One reason before and after: its points and its state ("" if it was not a reason)."""

    kind: str
    title: str
    before: float
    after: float
    state_before: str
    state_after: str


@dataclass(frozen=True)
class WhatIfResult:
    """A supplier before and after a change; ``changes`` are the reasons whose points or state differ, largest first.

    ``supposed``: the evidence that the change assumes the buyer has confirmed, in words.
    """

    before: Detail
    after: Detail
    changes: tuple[ReasonChange, ...]
    supposed: tuple[str, ...] = ()


@dataclass(frozen=True)
class FewestActions:
    """Actions that would change the level, in the order they were chosen; none if not even all of them together would.

    ``level`` and ``score`` are those after these actions, or after all that are available.
    """

    actions: tuple[Action, ...]
    level: str
    score: float
    changes_level: bool


class _QueuePosition(NamedTuple):
    """The place of a supplier in the queue (0 comes first), its score without floors, its score and level."""

    rank: int
    score_without_floors: float
    score: float
    level: str


def compute_what_if(
    baseline: Baseline,
    changed: Answers,
    actions: Iterable[str] = (),
    grade: str | None = None,
    agency_scores: Mapping[str, float] | None = None,
    confirmed: Iterable[str] = (),
) -> WhatIfResult:
    """Compute the result of the supplier with changed answers (None: as if not asked) and some actions done.

    ``grade`` is the grade of evidence behind the changes, dated to the day of the result; None leaves evidence as it is.
    ``agency_scores`` replaces the scores of the named agencies. Raises ValueError for an answer that may not change, an action
    that is not due, an unknown grade, or evidence that cannot be confirmed. ``confirmed``: the ids of the pieces of evidence that
    are treated as confirmed by the buyer; the evidence behind the changes always is.
    """
    fixed = [question for question in changed if question in FIXED_QUESTIONS]
    if fixed:
        raise ValueError(f"{fixed[0]} cannot be changed, because it identifies the supplier")
    if grade is not None and grade not in GRADES:
        raise ValueError(f"{grade} is not a grade of evidence")
    now = baseline.assess([baseline.answers])
    closed_by, done = map_closed_indicators(*list_blocks(now)), list(dict.fromkeys(actions))
    unknown = [name for name in done if name not in closed_by]
    if unknown:
        raise ValueError(f"{unknown[0]} is not an action in this supplier's plan")
    indicators = {i for name in done for i in closed_by[name]}
    best = _answer_best(baseline, indicators, grade)
    answers = _change_answers(_suppose_confirmed(best, confirmed, baseline), changed, baseline, grade)
    if changed:  # the whole must be what one sender could answer
        answers = recheck_merged(baseline.model.kind, answers, baseline.on)
    after = baseline.assess([answers], agency_scores)
    pair = (
        reporting.build_details(now, baseline.facts, baseline.on)[0],
        reporting.build_details(after, baseline.facts, baseline.on)[0],
    )
    return WhatIfResult(*pair, _compare_reasons(*pair), _list_supposed(answers))


def compute_if_confirmed(baseline: Baseline) -> WhatIfResult | None:
    """Compute what confirming all claimed evidence would change that can be confirmed without naming questions.

    None if there is no such evidence, or if evidence counts without it (before method 4).
    """
    names = list_confirmable_ids(baseline) if needs_confirmation(baseline.model) else ()
    return compute_what_if(baseline, {}, confirmed=names) if names else None


def list_confirmable_ids(baseline: Baseline) -> tuple[str, ...]:
    """List the ids of the claimed pieces of evidence that can be confirmed without naming questions."""
    lookup, voucher = get_risk_lookup(baseline.model.kind, baseline.on), Voucher(WHAT_IF, baseline.on)
    return tuple(
        entry.id
        for entry in list_entries(baseline.answers)
        if not entry.confirmed
        and find_fault(entry.piece, voucher) is None
        and list_confirmable_questions(baseline.answers, entry.piece, lookup)
    )


def _suppose_confirmed(answers: Answers, names: Iterable[str], baseline: Baseline) -> dict[str, Any]:
    """Return the answers with some pieces of evidence confirmed. Raises ValueError for one that cannot be."""
    supposed = dict(answers)
    lookup, voucher = get_risk_lookup(baseline.model.kind, baseline.on), Voucher(WHAT_IF, baseline.on)
    for name in names:
        try:
            supposed = confirm_entry(supposed, name, voucher, lookup)
        except DomainError as error:
            raise ValueError(f"{name} cannot be treated as confirmed: {error.detail.rstrip('.')}") from error
    return supposed


def _list_supposed(answers: Answers) -> tuple[str, ...]:
    """List the evidence that is treated as confirmed."""
    entries = [entry for entry in list_entries(answers) if (entry.confirmed or {}).get("by") == WHAT_IF]
    return tuple(describe_piece(entry.piece) for entry in entries)


def find_fewest_actions(baseline: Baseline, grade: str = "worker_voice") -> FewestActions:
    """Find the fewest actions, most severe first, that would move the supplier to a later place in the queue.

    Actions are chosen greedily, each time the most severe of those that still lower the score or the rank: safety of people
    first, then actions that bear on the highest active floor, then those that take most points off the answers (a floor may
    hold the score until several are done), then by id. Once the rank changes, actions that it changes without are dropped
    again, the last chosen first, so that every action left is needed. Actions that may end the relationship are never chosen
    (SAFE-8).
    """
    now = baseline.assess([baseline.answers])
    block, *other_blocks = list_blocks(now)
    library = {action.id: action for action in block.plan.actions}
    closes = {
        action_id: indicators
        for action_id, indicators in map_closed_indicators(block, *other_blocks).items()
        if indicators and not library[action_id].ends_relationship
    }
    severity = {name: (not library[name].safety, -_get_highest_floor(block, ids)) for name, ids in closes.items()}

    def assess_after(*action_sets: Sequence[str]) -> list[_QueuePosition]:
        """Return the position of the supplier after each of some sets of actions."""
        closed = [{i for name in actions for i in closes[name]} for actions in action_sets]
        return _list_positions(baseline.assess([_answer_best(baseline, indicators, grade) for indicators in closed]))

    start = position = assess_after(())[0]
    done: list[str] = []
    while position.rank <= start.rank:
        left = [name for name in closes if name not in done]
        reached = dict(zip(left, assess_after(*((*done, name) for name in left)), strict=True)) if left else {}
        helpful = [name for name in left if _is_better(reached[name], position)]
        if not helpful:
            break
        best = min(helpful, key=lambda name: (severity[name], reached[name].score_without_floors, name))
        done, position = [*done, best], reached[best]
    is_changed = position.rank > start.rank
    for name in reversed(done) if is_changed else ():
        without = [action for action in done if action != name]
        if (position_without := assess_after(without)[0]).rank > start.rank:
            done, position = without, position_without
    chosen = tuple(library[name] for name in done) if is_changed else ()
    return FewestActions(chosen, position.level, position.score, is_changed)


def _is_better(reached: _QueuePosition, position: _QueuePosition) -> bool:
    points_off = reached.score_without_floors < position.score_without_floors - TOLERANCE
    return reached.rank > position.rank or points_off


def list_blocks(assessment: AssessedBatch) -> tuple[Block, ...]:
    """Return the blocks of an assessment of one supplier: that of its headline first, then those of its other sectors."""
    first = assessment.blocks[assessment.block_indexes[0]]
    return (first, *(block for block in assessment.blocks if block is not first))


def map_closed_indicators(block: Block, *other_blocks: Block) -> dict[str, frozenset[str]]:
    """Map each action that is due for the supplier of a block, in the order of the library, to the indicators it would close.

    ``other_blocks`` are the blocks of its other sectors, whose findings count too. An action closes an indicator that it
    addresses, if the indicator is in a state that the action applies to. One that accompanies others (a remedy plan, a
    referral) addresses floors alone and closes nothing by itself.
    """
    open_indicators: dict[str, set[str]] = {"harm": set(), "declined": set(), "expired": set(), "not_asked": set()}
    addresses: dict[str, set[str]] = {}
    for sector_block in (block, *other_blocks):
        for action in sector_block.plan.actions:
            addresses.setdefault(action.id, set()).update(action.addresses)
        cells = sector_block.compute_cells(np.zeros(1, dtype=np.intp))
        for i, indicator in enumerate(sector_block.model.indicators):
            state = {DECLINED: "declined", EXPIRED: "expired", NOT_ASKED: "not_asked"}.get(int(cells.state[i, 0]))
            if state:
                open_indicators[state].add(indicator.id)
            if cells.harm[i, 0]:
                open_indicators["harm"].add(indicator.id)
    plan = zip(block.plan.actions, block.plan.days[:, 0].tolist(), strict=True)
    return {
        action.id: frozenset(
            name
            for state in action.states
            for name in addresses[action.id] & open_indicators[state]
            if not action.is_referral
        )
        for action, days in plan
        if isfinite(days)
    }


def _list_floor_indicators(floor: Floor, model: Model) -> set[str]:
    return {i.id for i in model.indicators if i.core} if floor.declined_core else set(floor.indicator_ids)


def _get_highest_floor(block: Block, ids: Set[str]) -> float:
    """Return the minimum score of the highest active floor that some of the indicators trigger; 0 without one."""
    floors = zip(block.model.floors, (block.scores.floors[:, 0] > 0).tolist(), strict=True)
    bearing = (f for f, is_active in floors if is_active and ids & _list_floor_indicators(f, block.model))
    return max((floor.minimum_score for floor in bearing), default=0.0)


def _answer_best(baseline: Baseline, ids: Set[str], grade: str | None) -> dict[str, Any]:
    """Return the answers with some indicators answered best, and their reports closed if the evidence can close them."""
    answers = dict(baseline.answers)
    released = stored_results.list_models_released_with(baseline.model)
    models = (*(model for model in released if model.kind == baseline.model.kind), baseline.model)
    by_id = {indicator.id: indicator for model in models for indicator in model.indicators}
    indicators = [indicator for indicator_id, indicator in by_id.items() if indicator_id in ids]
    if grade in CLOSING_GRADES:
        for indicator in indicators:
            for question, codes in {"reported_harms": (indicator.id,), **indicator.report_sources}.items():
                answer = answers.get(question)
                if isinstance(answer, (list, tuple)):
                    answers[question] = [code for code in answer if code not in codes]
    best = {indicator.question: get_best_answer(indicator.rule, baseline.on) for indicator in indicators}
    return _change_answers(answers, best, baseline, grade)


def _change_answers(answers: Answers, changed: Answers, baseline: Baseline, grade: str | None) -> dict[str, Any]:
    """Return the answers with some changed, and with a piece of evidence for the changes if a grade is given.

    That piece is treated as confirmed by the buyer. Evidence confirmed before is claimed again for what became less risky.
    """
    on, lookup = baseline.on, get_risk_lookup(baseline.model.kind, baseline.on)
    reopened = [q for q, answer in changed.items() if lookup.is_less_risky(q, answers.get(q), answer)]
    answers = drop_confirmations(answers, reopened)
    merged = {question: answer for question, answer in {**answers, **changed}.items() if answer not in (None, [], ())}
    covered = [question for question in changed if question in merged and question != EVIDENCE]
    if grade is None or not covered:
        return merged
    evidence = merged.get(EVIDENCE)
    confirmed = {"by": WHAT_IF, "on": on.isoformat(), "covers": covered}
    piece = {"grade": grade, "date": on.isoformat(), "covers": covered, "confirmed": confirmed}
    return {**merged, EVIDENCE: [*(evidence if isinstance(evidence, (list, tuple)) else ()), piece]}


def _list_positions(assessed: AssessedBatch) -> list[_QueuePosition]:
    """Return the position of each assessed version of a supplier."""
    level, inherent = (assessed.get_scores(name).astype(np.int8) for name in ("level", "inherent_level"))
    total, uplift = assessed.get_scores("total"), assessed.get_scores("uplift")
    columns = (compute_queue_rank(level, inherent).tolist(), (total - uplift).tolist(), total.tolist(), level.tolist())
    return [
        _QueuePosition(rank, without_floors, score, LEVEL_NAMES[level])
        for rank, without_floors, score, level in zip(*columns, strict=True)
    ]


def _compare_reasons(before: Detail, after: Detail) -> tuple[ReasonChange, ...]:
    pairs: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for side, detail in enumerate((before, after)):
        reasons = [(r.kind, r.title, r.points, r.state) for r in detail.reasons]
        for kind, title, points, state in [*reasons, ("rule", UPLIFT, detail.headline.uplift or 0.0, "")]:
            pairs.setdefault((kind, title), [(0.0, ""), (0.0, "")])[side] = (points, state)
    changes = [ReasonChange(kind, title, a, b, x, y) for (kind, title), ((a, x), (b, y)) in pairs.items()]
    changed = [c for c in changes if abs(c.after - c.before) > TOLERANCE or c.state_before != c.state_after]
    return tuple(sorted(changed, key=lambda c: (-abs(c.after - c.before), c.title)))
