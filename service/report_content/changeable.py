"""Separate what a supplier can change in its score from what it cannot, and give the points that a better answer would save."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from risk_models.action_library import expand_groups, list_release_actions
from risk_models.explain import Reason
from risk_models.model import Indicator, Model

CONFIRMED_BY = "worker_voice"  # the grade of evidence that the points to be won assume
# Reasons that are neither answers nor facts about a place: who recruits for the supplier, and what a low level still needs.
OPEN_CONTEXTS = ("agency", "level")


def is_open_context(reason: Reason, model: Model) -> bool:
    """Return whether a supplier can change a reason that is no answer: what it left blank, and the agencies it uses.

    The share of migrant workers is not open: nobody should be advised to hire fewer migrants.
    """
    imposed = model.imposed_labour
    if imposed is not None and reason.id == imposed.id:
        return reason.state in ("unknown", "declined")
    return reason.id in OPEN_CONTEXTS or (reason.kind == "context" and reason.state == "declined")


def compute_possible_gain(reason: Reason, model: Model, *, documented: bool) -> float:
    """Return the points that the best answer, confirmed by workers, would take off the score at most, before floors.

    ``documented``: labour imposed by a state is documented there, so no answer counts for less than its context. Zero for a
    reason that is no answer, or that only the model of another sector asks about.
    """
    indicator = _index_indicators(model).get(reason.id)
    if reason.kind != "answer" or indicator is None or reason.effective is None or reason.context is None:
        return 0.0
    if reason.state == "ruled_out":
        return 0.0
    belief = 0.0 if documented else model.credibility[CONFIRMED_BY].q
    best = indicator.rule.lowest_risk
    reachable = best if best >= reason.context else reason.context - belief * (reason.context - best)
    return max(0.0, 100.0 * indicator.weight / model.total_weight * (reason.effective - reachable))


def list_addressing_actions(reason: Reason, model: Model) -> tuple[str, ...]:
    """Return the ids of the actions that address what a reason is about."""
    return _index_actions(model).get(reason.id, ())


@lru_cache(maxsize=64)
def _index_indicators(model: Model) -> Mapping[str, Indicator]:
    return {indicator.id: indicator for indicator in model.indicators}


@lru_cache(maxsize=64)
def _index_actions(model: Model) -> Mapping[str, tuple[str, ...]]:
    actions: dict[str, tuple[str, ...]] = {}
    for action in expand_groups(list_release_actions(model.actions), (model,)):
        for finding in action.addresses:
            actions[finding] = (*actions.get(finding, ()), action.id)
    return actions
