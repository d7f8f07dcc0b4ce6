"""What to do, as reports tell it: the steps of one supplier, and over all of them each action once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import inf, isinf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.document import Headline, Step
from risk_models.plan import Action, Plan, due_on
from service.assessment.assess import AssessedBatch
from service.report_content.labels import step

NAMES_SHOWN, NAMES_IN_DANGER = 3, 10  # of those an action concerns; where safety comes first, hours count


@dataclass(frozen=True)
class Line:
    """One result: where it comes from, its headline, and its place in the queue."""

    part: AssessedBatch
    position: int
    headline: Headline
    rank: tuple[float, float, float, float]


def first_steps(actions: Sequence[Action], days: Any) -> list[str]:
    """For each supplier the title of its first action."""
    seen: dict[bytes, str] = {}
    steps = []
    for column in days.T.copy():
        key = column.tobytes()
        if key not in seen:
            called = [(a.turn(d), a.title) for a, d in zip(actions, column.tolist(), strict=True) if not isinf(d)]
            seen[key] = min(called)[-1] if called else ""
        steps.append(seen[key])
    return steps


def steps_of(plan: Plan, position: int, on: date) -> tuple[Step, ...]:
    """The steps of one supplier, first things first; those that only reports or cases call for are marked."""
    days = dict(zip((a.id for a in plan.actions), plan.days[:, position].tolist(), strict=True))
    own = dict(zip((a.id for a in plan.actions), plan.own.days[:, position].tolist(), strict=True))
    return tuple(_step(action, days[action.id], own[action.id], on) for action, _ in plan.steps(position, on))


def _step(action: Action, days: float, own: float, on: date, suppliers: int = 0, names: tuple[str, ...] = ()) -> Step:
    """A step, and beside it when it would be due by suppliers' own answers alone."""
    told = step(action, due_on(on, days), days, suppliers, names)
    if isinf(own):
        return replace(told, from_workers=True)
    alone = step(action, due_on(on, own), own)
    return told if days == own else replace(told, own_due=alone.due, own_within_hours=alone.within_hours)


def plan_of(lines: Sequence[Line], on: date) -> tuple[Step, ...]:
    """Every action called for, once, in order of urgency: how many it concerns, the first by name, the earliest day."""
    place = {(id(line.part), line.position): n for n, line in enumerate(lines)}
    parts = {id(line.part): line.part for line in lines}
    concerned: dict[str, list[NDArray[np.intp]]] = defaultdict(list)
    soonest: dict[str, float] = {}
    alone: dict[str, float] = {}
    actions: dict[str, Action] = {}
    for name, part in parts.items():
        where = np.array([place[name, j] for j in range(len(part.block_indexes))])
        for b, block in enumerate(part.blocks):
            mine = np.flatnonzero(part.block_indexes == b)
            days = block.plan.days[:, part.positions[mine]]
            own = block.plan.own.days[:, part.positions[mine]]
            for action, row, own_row in zip(block.plan.actions, days, own, strict=True):
                called = np.isfinite(row)
                if called.any():
                    actions[action.id] = action
                    concerned[action.id].append(where[mine[called]])
                    soonest[action.id] = min(soonest.get(action.id, inf), float(row[called].min()))
                    alone[action.id] = min(alone.get(action.id, inf), float(own_row[called].min()))
    steps = []
    for action in sorted(actions.values(), key=lambda a: a.turn(soonest[a.id])):
        all_of_them = np.sort(np.concatenate(concerned[action.id]))
        shown = all_of_them[: NAMES_IN_DANGER if action.safety else NAMES_SHOWN]
        names = tuple(_called(lines[n].headline) for n in shown.tolist())
        steps.append(_step(action, soonest[action.id], alone[action.id], on, len(all_of_them), names))
    return tuple(steps)


def _called(headline: Headline) -> str:
    return headline.name or headline.reference
