"""Build the actions of a report: the steps of one supplier, and the plan over all suppliers with each action once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import inf, isinf

import numpy as np
from numpy.typing import NDArray

from reports.document import Headline, Step
from risk_models.action_library import Action
from risk_models.plan import Plan, compute_due_date
from service.assessment.assess import AssessedBatch
from service.report_content.labels import build_step

MAX_NAMES, MAX_NAMES_SAFETY = 3, 10  # supplier names listed with an action; more where people may be in danger


@dataclass(frozen=True)
class ResultLine:
    """One result of a report: its batch, its position there, its headline, and its rank in the queue."""

    assessed: AssessedBatch
    position: int
    headline: Headline
    rank: tuple[float, float, float, float]


def list_first_step_titles(plan: Plan) -> list[str]:
    """Return the title of the first action of each supplier, "" if it has none."""
    titles = {action.id: action.title for action in plan.actions}
    return [titles[step] if step else "" for step in plan.list_first_steps()]


def list_steps(plan: Plan, position: int, on: date) -> tuple[Step, ...]:
    """Return the steps of one supplier in their order; those required by reports or cases alone are marked."""
    days = dict(zip((action.id for action in plan.actions), plan.days[:, position].tolist(), strict=True))
    own_answer_days = dict(
        zip((action.id for action in plan.actions), plan.own_answer_plan.days[:, position].tolist(), strict=True)
    )
    return tuple(
        _build_step(action, days[action.id], own_answer_days[action.id], on)
        for action, _ in plan.list_steps(position, on)
    )


def _build_step(
    action: Action, days: float, own_answer_days: float, on: date, suppliers: int = 0, names: tuple[str, ...] = ()
) -> Step:
    """Return a step, with the date on which it is due according to the suppliers' own answers alone, if that is different."""
    full_step = build_step(action, compute_due_date(on, days), days, suppliers, names)
    if isinf(own_answer_days):
        return replace(full_step, from_workers=True)
    own_step = build_step(action, compute_due_date(on, own_answer_days), own_answer_days)
    return (
        full_step
        if days == own_answer_days
        else replace(full_step, own_due=own_step.due, own_within_hours=own_step.within_hours)
    )


def build_overall_plan(lines: Sequence[ResultLine], on: date) -> tuple[Step, ...]:
    """Return each required action once, most urgent first, with the number and some names of its suppliers, and its date."""
    line_numbers = {(id(line.assessed), line.position): number for number, line in enumerate(lines)}
    batches = {id(line.assessed): line.assessed for line in lines}
    lines_by_action: dict[str, list[NDArray[np.intp]]] = defaultdict(list)
    earliest_days: dict[str, float] = {}
    earliest_own_days: dict[str, float] = {}
    actions: dict[str, Action] = {}
    for batch_id, batch in batches.items():
        numbers = np.array([line_numbers[batch_id, position] for position in range(len(batch.block_indexes))])
        for block_index, block in enumerate(batch.blocks):
            headline_positions = np.flatnonzero(batch.block_indexes == block_index)
            days = block.plan.days[:, batch.positions[headline_positions]]
            own_days = block.plan.own_answer_plan.days[:, batch.positions[headline_positions]]
            for action, action_days, own_action_days in zip(block.plan.actions, days, own_days, strict=True):
                is_required = np.isfinite(action_days)
                if is_required.any():
                    actions[action.id] = action
                    lines_by_action[action.id].append(numbers[headline_positions[is_required]])
                    earliest_days[action.id] = min(
                        earliest_days.get(action.id, inf), float(action_days[is_required].min())
                    )
                    earliest_own_days[action.id] = min(
                        earliest_own_days.get(action.id, inf), float(own_action_days[is_required].min())
                    )
    steps = []
    for action in sorted(actions.values(), key=lambda action: action.get_sort_key(earliest_days[action.id])):
        concerned = np.sort(np.concatenate(lines_by_action[action.id]))
        named = concerned[: MAX_NAMES_SAFETY if action.safety else MAX_NAMES]
        names = tuple(_get_name(lines[number].headline) for number in named.tolist())
        steps.append(
            _build_step(action, earliest_days[action.id], earliest_own_days[action.id], on, len(concerned), names)
        )
    return tuple(steps)


def _get_name(headline: Headline) -> str:
    return headline.name or headline.reference
