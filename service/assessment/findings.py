"""List what an assessment found at each supplier and the steps that this calls for: the findings of remediation.

A finding is an indicator in harm, or a floor that harm has reached. Floors that depend on case records are left out: the case
itself is the finding. Steps that only blank answers call for are no part of remediation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from risk_models.action_library import Action
from risk_models.model import Indicator
from risk_models.plan import CIRCUMSTANCES
from service.assessment.assess import AssessedBatch

FLOOR_PREFIX = "floor:"
ON_HARM = 2  # the state of a floor that something admitted, reported or found has reached
REPORTED_HARMS = "reported_harms"
# Circumstances of harm: what calls for a step whichever finding it is.
OF_ANY_HARM = frozenset(name for name, state in CIRCUMSTANCES.items() if state == "harm")


@dataclass
class Found:
    """What was found at one supplier: the questions behind each finding, by the name by which actions address it, and the steps
    of its plan with their due dates. ``release``: the release of the action library that the plan uses. ``state_imposed``: a
    state imposes the labour there.
    """

    release: str = ""
    findings: dict[str, frozenset[str]] = field(default_factory=dict)
    steps: tuple[tuple[Action, date], ...] = ()
    state_imposed: bool = False


def list_found(assessed: AssessedBatch, on: date) -> list[Found]:
    """Return what was found at each supplier of a batch, in its order, with steps due from a day on."""
    found = [Found(state_imposed=imposed) for imposed in assessed.state_imposed.tolist()]
    for block in assessed.blocks:
        harm = block.compute_cells(np.arange(len(block.members))).harm
        for i, indicator in enumerate(block.model.indicators):
            for member in block.members[np.flatnonzero(harm[i])].tolist():
                found[member].findings[indicator.id] = list_questions(indicator)
    for block, members, positions in assessed.iter_chunks():
        questions = {indicator.id: list_questions(indicator) for indicator in block.model.indicators}
        floors, states = assessed.get_floors(block, positions)
        for floor, reached in zip(floors, states == ON_HARM, strict=True):
            if floor.case is None:
                read = [questions.get(name, frozenset()) for name in floor.indicator_ids]
                for member in members[np.flatnonzero(reached)].tolist():
                    found[member].findings[FLOOR_PREFIX + floor.id] = frozenset().union(*read)
        for member, position in zip(members.tolist(), positions.tolist(), strict=True):
            found[member].release = block.model.actions
            found[member].steps = tuple(
                step for step in block.plan.list_steps(position, on) if "harm" in step[0].states
            )
    return found


def list_questions(indicator: Indicator) -> frozenset[str]:
    """Return the questions whose answers raise an indicator: its own, and those of reports about it."""
    return frozenset({indicator.question, REPORTED_HARMS, *indicator.report_sources})


def link_steps(names: Mapping[str, object], steps: tuple[tuple[Action, date], ...]) -> dict[str, list[str]]:
    """Return the findings (``names``) that each step is for, by the id of its action; a step for none of them is left out.

    A step that a circumstance of harm calls for, such as that somebody reported it, is for every finding. Referral is also for
    every finding on which its owner contacts workers (SAFE-4).
    """
    links: dict[str, list[str]] = {}
    contacts: dict[str, set[str]] = defaultdict(set)
    for action, _ in steps:
        addressed = set(action.addresses)
        links[action.id] = [name for name in names if name in addressed or addressed & OF_ANY_HARM]
        if action.contacts_workers:
            contacts[action.owner].update(links[action.id])
    for action, _ in steps:
        if action.is_referral:
            links[action.id] = [name for name in names if name in {*links[action.id], *contacts[action.owner]}]
    return {action: linked for action, linked in links.items() if linked}
