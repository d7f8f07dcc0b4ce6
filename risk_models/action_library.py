"""Load the action library: the remediation steps, which findings each addresses, and in which order they come.

``actions/<generation>/*.toml`` has one file for each Bali Process priority, and ``order.toml`` the order of actions that are due
on the same day. A model names the release of the library that its plans use (``action_releases.py``). Since 2026.4, actions state
whether they contact workers, and a library in which no referral comes before such an action is rejected (SAFE-4).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from math import ceil
from pathlib import Path

from risk_models.action_releases import find_generation, list_generations, parse_version
from risk_models.data_file import DataFileError
from risk_models.model import Model

ORDER_FILE = "order.toml"
PRIORITIES = ("1", "2", "3a", "3b")
STAGES = ("acknowledge", "act", "advance")
OWNERS = ("supplier", "agency", "buyer")
HEARD_BY = ("independent", "union_or_ngo", "authority", "case_handler")
FINDING_STATES = ("harm", "declined", "expired", "not_asked")
# The prefix of a group of indicators: an action that addresses a group addresses each of its indicators
GROUP_PREFIX = "group:"


@dataclass(frozen=True)
class Action:
    """One remediation step: what to do, who is responsible, when it is due, and how to show that it worked.

    ``since``: the release of the library that introduced it, if later than the first. ``ends_relationship``: the action involves
    considering whether to end the relationship, and is never proposed to change a level. ``withheld_for``: findings for which the
    action would endanger people or would not be suitable; ``only_for``: findings without which it would not be suitable.
    ``position``: its place in the order of the library, or -1 in older releases without an order, which use
    ``addresses_before_order`` if it is given. ``contacts_workers``: in the step, or to prove it, someone contacts workers to
    speak with them, and ``heard_by`` states who; None in generations of the library that do not state it. ``is_referral``: the
    owner of the action has help ready for the workers it contacts.
    """

    id: str
    title: str
    do: str
    priority: str
    stage: str
    owner: str
    with_workers: str
    proof: str
    safety: bool
    sources: tuple[str, ...]
    addresses: tuple[str, ...]
    states: tuple[str, ...]
    due_days: Mapping[str, float]
    since: str = ""
    ends_relationship: bool = False  # TOML: leaving
    withheld_for: tuple[str, ...] = ()  # TOML: not_where
    only_for: tuple[str, ...] = ()  # TOML: only_where
    addresses_before_order: tuple[str, ...] | None = None  # TOML: addresses_before
    position: int = -1
    contacts_workers: bool | None = None
    heard_by: str | None = None
    is_referral: bool = False  # TOML: referral

    def is_in_release(self, release: str) -> bool:
        """Return whether the action is part of a release of the library; plans made under older releases stay unchanged."""
        return not self.since or parse_version(self.since) <= parse_version(release)

    def to_unordered(self) -> Action:
        """Return the action as it was in releases made before the library had an order."""
        addresses = self.addresses if self.addresses_before_order is None else self.addresses_before_order
        return replace(self, addresses=addresses, withheld_for=(), position=-1)

    @cached_property
    def tie_break(self) -> tuple[bool, int]:
        """Return the sort key for actions due on the same day: safety, then position or (without any) Bali Process priority."""
        return (not self.safety, PRIORITIES.index(self.priority) if self.position < 0 else self.position)

    def get_sort_key(self, days: float) -> tuple[bool, float, tuple[bool, int], str]:
        """Return the sort key in a plan that calls for the action within a number of days; the smallest key comes first.

        Part of a day counts as a whole day, so that a demand due a few hours sooner does not come before a step that protects
        people.
        """
        return (not self.safety, days if self.position < 0 else ceil(days), self.tie_break, self.id)


@cache
def load_actions(folder: Path | None = None) -> tuple[Action, ...]:
    """Load a generation of the action library, by default the newest, in the order of its files.

    Raises DataFileError naming the file, the action and the fault.
    """
    folder = folder or list_generations()[-1]
    actions: list[Action] = []
    order = _read_order(folder)
    for path in sorted(folder.glob("*.toml")):
        for raw in tomllib.loads(path.read_text(encoding="utf-8")).get("action", ()):
            action = _parse_action(raw, path.name)
            if any(earlier.id == action.id for earlier in actions):
                raise DataFileError(path.name, fault=f"action {action.id!r} appears twice")
            if "after" in raw:
                _insert_in_order(order, action.id, raw["after"], path.name)
            if action.id not in order:
                fault = f"action {action.id!r} has no position: set 'after', or add it to {ORDER_FILE}"
                raise DataFileError(path.name, fault=fault)
            actions.append(action)
    unknown = set(order) - {action.id for action in actions}
    if unknown:
        raise DataFileError(ORDER_FILE, fault=f"{min(unknown)!r} is not an action")
    library = tuple(replace(action, position=order.index(action.id)) for action in actions)
    _validate_contacts(library)
    return library


def _validate_contacts(library: Sequence[Action]) -> None:
    """Check that whoever contacts workers has help ready: a referral of the same owner, earlier among what is due on a day."""
    for action in library:
        referral = next((other for other in library if other.is_referral and other.owner == action.owner), None)
        if action.contacts_workers and (referral is None or not referral.safety or referral.position > action.position):
            fault = (
                f"contacts workers, but no safety action of the owner {action.owner!r} with 'referral' comes before it"
            )
            raise DataFileError(ORDER_FILE, f"action {action.id!r}", fault)


def _insert_in_order(order: list[str], action_id: str, after: str, file: str) -> None:
    if action_id in order:
        fault = f"action {action_id!r} already has a position in {ORDER_FILE}, so it cannot have 'after' as well"
        raise DataFileError(file, fault=fault)
    if after not in order:
        raise DataFileError(file, f"action {action_id!r}", f"'after' names {after!r}, which has no position yet")
    order.insert(order.index(after) + 1, action_id)


def _read_order(folder: Path) -> list[str]:
    data = tomllib.loads((folder / ORDER_FILE).read_text(encoding="utf-8"))
    action_ids = [str(action_id) for turn in data["turn"] for action_id in turn["actions"]]
    for action_id in action_ids:
        if action_ids.count(action_id) > 1:
            raise DataFileError(ORDER_FILE, fault=f"{action_id!r} appears twice")
    return action_ids


@cache
def get_order_release(folder: Path) -> str:
    """Return the first release of a generation of the library whose order plans follow."""
    return str(tomllib.loads((folder / ORDER_FILE).read_text(encoding="utf-8"))["since"])


def list_release_actions(release: str) -> tuple[Action, ...]:
    """Return the actions of a release of the library, in the form used by models and assessments that name this release."""
    folder = find_generation(release)
    library = [action for action in load_actions(folder) if action.is_in_release(release)]
    unordered = parse_version(release) < parse_version(get_order_release(folder))
    return tuple(action.to_unordered() if unordered else action for action in library)


def find_newest_release(models: Iterable[Model]) -> str:
    """Return the newest release of the library that any of the models names. It has every action that the older ones have."""
    return max((model.actions for model in models), key=parse_version)


def expand_groups(actions: Iterable[Action], models: Iterable[Model]) -> tuple[Action, ...]:
    """Return the actions, with each group that they address replaced by the models' indicators in that group."""
    members: dict[str, dict[str, None]] = {}
    for indicator in (indicator for model in models for indicator in model.indicators):
        for group in indicator.groups:
            members.setdefault(GROUP_PREFIX + group, {})[indicator.id] = None

    def expand(address: str) -> Iterable[str]:
        return members.get(address, ()) if address.startswith(GROUP_PREFIX) else (address,)

    return tuple(
        replace(
            action,
            addresses=tuple(dict.fromkeys(finding for address in action.addresses for finding in expand(address))),
        )
        for action in actions
    )


def _parse_action(raw: Mapping[str, object], file: str) -> Action:
    item = f"action {raw.get('id')!r}"

    def read_text(key: str) -> str:
        value = raw.get(key)
        if not isinstance(value, str) or not value.strip():
            raise DataFileError(file, item, f"{key!r} is missing")
        return value.strip()

    def read_texts(key: str) -> tuple[str, ...]:
        value = raw.get(key, [])
        if not isinstance(value, list) or not value:
            raise DataFileError(file, item, f"{key!r} is missing")
        return tuple(str(text) for text in value)

    def read_flag(key: str) -> bool | None:
        value = raw.get(key)
        if value is not None and not isinstance(value, bool):
            raise DataFileError(file, item, f"{key!r} is {value!r}, not true or false")
        return value

    due_days = raw.get("due_days")
    if not isinstance(due_days, dict) or not all(isinstance(d, (int, float)) and d > 0 for d in due_days.values()):
        raise DataFileError(file, item, "'due_days' must be above 0")
    action = Action(
        id=read_text("id"),
        title=read_text("title"),
        do=read_text("do"),
        priority=read_text("priority"),
        stage=read_text("stage"),
        owner=read_text("owner"),
        with_workers=read_text("with_workers"),
        proof=read_text("proof"),
        safety=bool(raw.get("safety", False)),
        sources=read_texts("sources"),
        addresses=tuple(str(address) for address in raw.get("addresses", ())),  # type: ignore[attr-defined]
        states=read_texts("states"),
        due_days={str(state): float(days) for state, days in due_days.items()},
        since=str(raw.get("since", "")),
        ends_relationship=bool(raw.get("leaving", False)),
        withheld_for=read_texts("not_where") if "not_where" in raw else (),
        only_for=read_texts("only_where") if "only_where" in raw else (),
        addresses_before_order=read_texts("addresses_before") if "addresses_before" in raw else None,
        contacts_workers=read_flag("contacts_workers"),
        heard_by=read_text("heard_by") if "heard_by" in raw else None,
        is_referral=bool(read_flag("referral")),
    )
    _validate_action(action, file, item)
    return action


def _validate_action(action: Action, file: str, item: str) -> None:
    if action.since and not re.fullmatch(r"[0-9]+(\.[0-9]+)*", action.since):
        raise DataFileError(file, item, f"'since' is {action.since!r}, which is not a version")
    for value, allowed, key in (
        (action.priority, PRIORITIES, "priority"),
        (action.stage, STAGES, "stage"),
        (action.owner, OWNERS, "owner"),
    ):
        if value not in allowed:
            raise DataFileError(file, item, f"{key!r} is {value!r}, not one of {', '.join(allowed)}")
    if action.heard_by is not None and action.heard_by not in HEARD_BY:
        raise DataFileError(file, item, f"'heard_by' is {action.heard_by!r}, not one of {', '.join(HEARD_BY)}")
    if bool(action.contacts_workers) != (action.heard_by is not None):
        raise DataFileError(
            file, item, "'heard_by' is required if 'contacts_workers' is true, and not allowed otherwise"
        )
    if action.contacts_workers and action.owner == "supplier":
        raise DataFileError(
            file, item, "an action of the employer cannot contact workers: they could not speak in private"
        )
    for state in action.states:
        if state not in FINDING_STATES or state not in action.due_days:
            raise DataFileError(file, item, f"state {state!r} is unknown or has no 'due_days'")
