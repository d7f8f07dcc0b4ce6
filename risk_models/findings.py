"""Every finding that models can make, and whether the action library answers each of them and holds nothing idle."""

from __future__ import annotations

from collections.abc import Sequence

from risk_models.model import Model
from risk_models.plan import CIRCUMSTANCES, FINDING_STATES, GROUP, UNKNOWN, Action


def unanswered_findings(findings: Sequence[tuple[str, str]], actions: Sequence[Action]) -> tuple[str, ...]:
    """Findings that can be made (:func:`findings_of`) and no action answers, as "finding (state)"; empty when all is whole."""
    answered = {(finding, state) for action in actions for finding in action.addresses for state in action.states}
    missing = [f"{finding} ({state})" for finding, state in findings if (finding, state) not in answered]
    return tuple(missing)


def unreached_actions(findings: Sequence[tuple[str, str]], actions: Sequence[Action]) -> tuple[str, ...]:
    """Actions that no finding calls for; empty when the library holds nothing idle."""
    possible = set(findings)
    return tuple(a.id for a in actions if not any((f, s) in possible for f in a.addresses for s in a.states))


def findings_of(models: Sequence[Model]) -> tuple[tuple[str, str], ...]:
    """Every finding the models can make, as (what, state), in model order without repeats."""
    found: list[tuple[str, str]] = []
    for model in models:
        found += [(indicator.id, state) for indicator in model.indicators for state in FINDING_STATES]
        found += [(f"floor:{floor.id}", "harm") for floor in model.floors if not floor.declined_core]
        found += [(f"floor:{floor.id}", "declined") for floor in model.floors if floor.case is None]
    found += [(f"unknown:{name}", "not_asked") for name in UNKNOWN]
    found += CIRCUMSTANCES.items()
    return tuple(dict.fromkeys(found))


def group_faults(models: Sequence[Model], actions: Sequence[Action]) -> list[str]:
    """Return, as sentences, the groups of indicators that actions address and no indicator is in, and the other way round."""
    addressed = {name for action in actions for name in action.addresses if name.startswith(GROUP)}
    declared = {GROUP + group for model in models for indicator in model.indicators for group in indicator.groups}
    faults = [f"actions: no indicator is in {name}, which actions address" for name in sorted(addressed - declared)]
    return faults + [
        f"actions: none addresses {name}, which indicators are in" for name in sorted(declared - addressed)
    ]
