"""Check the action library against the findings that models can make: each has an action, and no action is unused."""

from __future__ import annotations

from collections.abc import Sequence

from risk_models.action_library import FINDING_STATES, GROUP_PREFIX, Action
from risk_models.model import Model
from risk_models.plan import CIRCUMSTANCES, CONTACT_CIRCUMSTANCES, UNKNOWNS


def find_unaddressed_findings(findings: Sequence[tuple[str, str]], actions: Sequence[Action]) -> tuple[str, ...]:
    """Return the findings (of :func:`list_possible_findings`) that no action addresses, as "finding (state)"."""
    addressed = {(finding, state) for action in actions for finding in action.addresses for state in action.states}
    return tuple(f"{finding} ({state})" for finding, state in findings if (finding, state) not in addressed)


def find_unused_actions(findings: Sequence[tuple[str, str]], actions: Sequence[Action]) -> tuple[str, ...]:
    """Return the ids of the actions that no finding calls for."""
    possible = set(findings)
    return tuple(
        action.id
        for action in actions
        if not any((finding, state) in possible for finding in action.addresses for state in action.states)
    )


def list_possible_findings(models: Sequence[Model], library: Sequence[Action]) -> tuple[tuple[str, str], ...]:
    """Return every finding that the models can make as (finding, state), in model order without duplicates.

    ``library``: the actions of their plans. Those that do not say whether they contact workers know no CONTACT_CIRCUMSTANCES.
    """
    findings: list[tuple[str, str]] = []
    for model in models:
        findings += [(indicator.id, state) for indicator in model.indicators for state in FINDING_STATES]
        findings += [(f"floor:{floor.id}", "harm") for floor in model.floors if not floor.declined_core]
        findings += [(f"floor:{floor.id}", "declined") for floor in model.floors if floor.case is None]
    findings += [(f"unknown:{name}", "not_asked") for name in UNKNOWNS]
    with_contacts = any(action.contacts_workers is not None for action in library)
    findings += [each for each in CIRCUMSTANCES.items() if with_contacts or each[0] not in CONTACT_CIRCUMSTANCES]
    return tuple(dict.fromkeys(findings))


def find_group_faults(models: Sequence[Model], actions: Sequence[Action]) -> list[str]:
    """Return sentences about groups that actions address but no indicator belongs to, and the reverse."""
    addressed = {name for action in actions for name in action.addresses if name.startswith(GROUP_PREFIX)}
    declared = {
        GROUP_PREFIX + group for model in models for indicator in model.indicators for group in indicator.groups
    }
    faults = [f"actions address {name}, but no indicator is in that group" for name in sorted(addressed - declared)]
    return faults + [
        f"no action addresses {name}, although indicators are in that group" for name in sorted(declared - addressed)
    ]
