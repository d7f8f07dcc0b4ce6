"""What if: answers, an agency or actions of one supplier changed, and what that would move. For internal eyes; nothing is kept.

The changed supplier is assessed as of the day of its latest result, under the very model and facts of it, so that only what was
changed moves points. An action counts as done in the best way: what it was called for is answered best, with evidence of the kind
stated, of that day. What workers or officials reported is taken as closed only where workers or officials say so (method
section 8: a finding closes on outcome). A forecast of points, never of what will happen to anyone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from reports.document import Detail
from risk_models.answers import EVIDENCE, from_rows
from risk_models.cases.evidence import CaseEvidence
from risk_models.engine.frame import DECLINED, EXPIRED, LEVEL_NAMES, NOT_ASKED
from risk_models.engine.score import compute_queue_rank
from risk_models.evidence import GRADE_TITLES as GRADES
from risk_models.facts.facts import FactSnapshot
from risk_models.model import Floor, Model
from risk_models.plan import Action
from risk_models.transforms import Choices, Ramp, Rule, Since
from service.assessment.assess import AssessedBatch, Batch, Block, assess_batch
from service.db.tables import Result
from service.queries import stored_results
from service.report_content import build as reporting

CLOSING = ("worker_voice", "official")  # whose word closes a report
FIXED = ("country", "sector", "naics", "reference", "name", "name_local")  # another place or trade is another supplier
SMALL = 1e-9
UPLIFT = "Rules that hold the score up"
Answers = Mapping[str, Any]


@dataclass(frozen=True)
class Ground:
    """What a result stands on: answers as JSON, the scores of the agencies named, model, facts, day and case records."""

    answers: Answers
    agency_scores: Mapping[str, float]
    model: Model
    facts: FactSnapshot
    on: date
    case: CaseEvidence | None = None

    def assessed(self, rows: Sequence[Answers], agency_scores: Mapping[str, float] | None = None) -> AssessedBatch:
        """Some versions of the supplier assessed."""
        scores = self.agency_scores if agency_scores is None else agency_scores
        case = self.case.take(np.zeros(len(rows), dtype=np.intp)) if self.case else None
        batch = Batch(self.model.kind, from_rows(rows), "", "", np.arange(len(rows)) + 1, case)
        return assess_batch(batch, self.facts, self.on, scores, stored_results.models_with(self.model))


def ground(result: Result) -> Ground:
    """What a stored result stands on."""
    assessed, facts = stored_results.reassessed(result)
    model, case = assessed.blocks[assessed.block_indexes[0]].model, assessed.batch.case_evidence
    return Ground(result.answers, result.agency_scores, model, facts, result.on, case)


@dataclass(frozen=True)
class Move:
    """One reason before and after: its points and its state ("" where it was no reason)."""

    kind: str
    title: str
    before: float
    after: float
    state_before: str
    state_after: str


@dataclass(frozen=True)
class WhatIf:
    """A supplier before and after a change; ``moves`` are the reasons whose points or state changed, the largest first."""

    before: Detail
    after: Detail
    moves: tuple[Move, ...]


@dataclass(frozen=True)
class Fewest:
    """Actions that would move the level, in the order they were taken; none where not even all of them would.

    ``level`` and ``score`` are those after these actions, or after all there are.
    """

    actions: tuple[Action, ...]
    level: str
    score: float
    moves_level: bool


class _Place(NamedTuple):
    """Where a supplier stands: its place in the queue (0 comes first), its points without floors, its score and level."""

    rank: int
    plain: float
    score: float
    level: str


def what_if(
    ground: Ground,
    changed: Answers,
    actions: Iterable[str] = (),
    grade: str | None = None,
    agency_scores: Mapping[str, float] | None = None,
) -> WhatIf:
    """The supplier with these answers (None: as if not asked) and these actions done.

    ``grade``: the kind of evidence that stands behind what changes, of the day of the result; as it is now where None.
    ``agency_scores`` where other agencies are named. Raises ValueError for an answer that may not change, an action that is not
    called for, or an unknown grade.
    """
    fixed = [question for question in changed if question in FIXED]
    if fixed:
        raise ValueError(f"{fixed[0]} cannot change: another place or trade is another supplier")
    if grade is not None and grade not in GRADES:
        raise ValueError(f"{grade} is no kind of evidence")
    now = ground.assessed([ground.answers])
    offered, done = closing(*shown_first(now)), list(dict.fromkeys(actions))
    unknown = [name for name in done if name not in offered]
    if unknown:
        raise ValueError(f"{unknown[0]} is not called for here")
    indicators = {i for name in done for i in offered[name]}
    answers = _with(_answered_best(ground, indicators, grade), changed, ground.on, grade)
    after = ground.assessed([answers], agency_scores)
    pair = (
        reporting.explained(now, ground.facts, ground.on)[0],
        reporting.explained(after, ground.facts, ground.on)[0],
    )
    return WhatIf(*pair, _moves(*pair))


def fewest_actions(ground: Ground, grade: str = "worker_voice") -> Fewest:
    """The fewest actions, most severe first, that would move the level to a later place in the queue.

    Actions are taken one by one, each time the most severe of those that still take points off or move the level: safety of
    people first, then what bears on the highest floor that holds, then what takes most points off the answers (a floor may
    hold the score until several are done), then by id. As soon as the level moves, those that it moves without are left out
    again, the last taken first; so none of the rest can be spared. An action that weighs the end of the relationship is never
    among them (SAFE-8).
    """
    now = ground.assessed([ground.answers])
    block, *beside = shown_first(now)
    library = {action.id: action for action in block.plan.actions}
    closes = {name: closed for name, closed in closing(block, *beside).items() if closed and not library[name].leaving}
    severity = {name: (not library[name].safety, -_highest_floor(block, closed)) for name, closed in closes.items()}

    def after(*taken: Sequence[str]) -> list[_Place]:
        """Where the supplier stands after each of some sets of actions."""
        closed = [{i for name in names for i in closes[name]} for names in taken]
        return _places(ground.assessed([_answered_best(ground, each, grade) for each in closed]))

    start = at = after(())[0]
    done: list[str] = []
    while at.rank <= start.rank:
        left = [name for name in closes if name not in done]
        reached = dict(zip(left, after(*((*done, name) for name in left)), strict=True)) if left else {}
        helps = [name for name in left if reached[name].rank > at.rank or reached[name].plain < at.plain - SMALL]
        if not helps:
            break
        best = min(helps, key=lambda name: (severity[name], reached[name].plain, name))
        done, at = [*done, best], reached[best]
    moved = at.rank > start.rank
    for name in reversed(done) if moved else ():
        without = [other for other in done if other != name]
        if (found := after(without)[0]).rank > start.rank:
            done, at = without, found
    return Fewest(tuple(library[name] for name in done) if moved else (), at.level, at.score, moved)


def shown_first(assessed: AssessedBatch) -> tuple[Block, ...]:
    """The blocks of the one supplier that was assessed, that of its headline before those of its other sectors."""
    first = assessed.blocks[assessed.block_indexes[0]]
    return (first, *(block for block in assessed.blocks if block is not first))


def closing(block: Block, *beside: Block) -> dict[str, frozenset[str]]:
    """For each action that the one supplier of a block is called to, in the order of the library, the indicators it would close.

    ``beside``: the blocks of its other sectors, whose findings count as well. Closed is what it names in a state that it
    answers. An action that stands by others (a plan of remedy, a referral) names floors alone and closes none by itself.
    """
    called: dict[str, set[str]] = {"harm": set(), "declined": set(), "expired": set(), "not_asked": set()}
    addresses: dict[str, set[str]] = {}
    for each in (block, *beside):
        for action in each.plan.actions:
            addresses.setdefault(action.id, set()).update(action.addresses)
        cells = each.compute_cells(np.zeros(1, dtype=np.intp))
        for i, indicator in enumerate(each.model.indicators):
            named = {DECLINED: "declined", EXPIRED: "expired", NOT_ASKED: "not_asked"}.get(int(cells.state[i, 0]))
            if named:
                called[named].add(indicator.id)
            if cells.harms[i, 0]:
                called["harm"].add(indicator.id)
    plan = zip(block.plan.actions, block.plan.days[:, 0].tolist(), strict=True)
    return {
        action.id: frozenset(name for state in action.states for name in addresses[action.id] & called[state])
        for action, days in plan
        if isfinite(days)
    }


def best_answer(rule: Rule, on: date) -> Any:
    """The answer with the least risk, as JSON; of several the first."""
    if isinstance(rule, Choices):
        return min(rule.table, key=lambda code: rule.table[code])
    if isinstance(rule, Ramp):
        return rule.zero
    risks = {rule.steps[0][0] - 1: 0.0, **dict(rule.steps)}
    if isinstance(rule, Since):
        return (on - timedelta(days=min(risks, key=lambda days: risks[days]))).isoformat()
    return min((number for number in risks if number >= 0), key=lambda number: risks[number])


def _indicators_of(floor: Floor, model: Model) -> set[str]:
    return {i.id for i in model.indicators if i.core} if floor.declined_core else set(floor.indicator_ids)


def _highest_floor(block: Block, ids: Set[str]) -> float:
    """The highest floor that holds and that some indicators bear on; 0 where none does."""
    held = zip(block.model.floors, (block.scores.floors[:, 0] > 0).tolist(), strict=True)
    return max((f.minimum_score for f, holds in held if holds and ids & _indicators_of(f, block.model)), default=0.0)


def _answered_best(ground: Ground, ids: Set[str], grade: str | None) -> dict[str, Any]:
    """The answers with some indicators answered best, and reports of them closed where the evidence can close them."""
    answers = dict(ground.answers)
    others = [model for model in stored_results.models_with(ground.model) if model.kind == ground.model.kind]
    known = {indicator.id: indicator for model in (*others, ground.model) for indicator in model.indicators}
    indicators = [indicator for name, indicator in known.items() if name in ids]
    if grade in CLOSING:
        for indicator in indicators:
            for question, codes in {"reported_harms": (indicator.id,), **indicator.report_sources}.items():
                told = answers.get(question)
                if isinstance(told, (list, tuple)):
                    answers[question] = [code for code in told if code not in codes]
    best = {indicator.question: best_answer(indicator.rule, ground.on) for indicator in indicators}
    return _with(answers, best, ground.on, grade)


def _with(answers: Answers, changed: Answers, on: date, grade: str | None) -> dict[str, Any]:
    """The answers with some changed, and a piece of evidence behind what changed."""
    whole = {question: said for question, said in {**answers, **changed}.items() if said not in (None, [], ())}
    covered = [question for question in changed if question in whole and question != EVIDENCE]
    if grade is None or not covered:
        return whole
    there = whole.get(EVIDENCE)
    piece = {"grade": grade, "date": on.isoformat(), "covers": covered}
    return {**whole, EVIDENCE: [*(there if isinstance(there, (list, tuple)) else ()), piece]}


def _places(assessed: AssessedBatch) -> list[_Place]:
    """Where each version of a supplier stands."""
    level, inherent = (assessed.get_scores(name).astype(np.int8) for name in ("level", "inherent_level"))
    total, uplift = assessed.get_scores("total"), assessed.get_scores("uplift")
    columns = (compute_queue_rank(level, inherent).tolist(), (total - uplift).tolist(), total.tolist(), level.tolist())
    return [_Place(rank, plain, score, LEVEL_NAMES[level]) for rank, plain, score, level in zip(*columns, strict=True)]


def _moves(before: Detail, after: Detail) -> tuple[Move, ...]:
    told: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for at, detail in enumerate((before, after)):
        reasons = [(r.kind, r.title, r.points, r.state) for r in detail.reasons]
        for kind, title, points, state in [*reasons, ("rule", UPLIFT, detail.headline.uplift or 0.0, "")]:
            told.setdefault((kind, title), [(0.0, ""), (0.0, "")])[at] = (points, state)
    moves = [Move(kind, title, a, b, x, y) for (kind, title), ((a, x), (b, y)) in told.items()]
    changed = [m for m in moves if abs(m.after - m.before) > SMALL or m.state_before != m.state_after]
    return tuple(sorted(changed, key=lambda m: (-abs(m.after - m.before), m.title)))
