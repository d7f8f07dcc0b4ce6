"""From findings to what to do, in which order, by when.

A finding is an indicator in a state that asks for something (harm, declined, expired, not asked), a floor, an unknown country,
sector or agency, the level "insufficient evidence", or a worst case that alone keeps a level from low. The action library
(``actions/*.toml``, one file for each Bali Process priority) says which actions answer it and how many days each may take. Order:
safety of people first, then what is due soonest, then by priority (UG-24: severity before anything else; factbook 7.2).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache, cached_property, lru_cache
from math import ceil, inf
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from risk_models.model import LEVELS, Model
from risk_models.score import DECLINED, EXPIRED, INSUFFICIENT, NOT_ASKED, WORST_OF_LOW, Scores, threshold

ACTIONS = Path(__file__).parent / "actions"
PRIORITIES = ("1", "2", "3a", "3b")
STAGES = ("acknowledge", "act", "advance")
OWNERS = ("supplier", "agency", "buyer")
FINDING_STATES = ("harm", "declined", "expired", "not_asked")
UNKNOWN = ("country", "sector", "agency", "agencies_not_named")


class BadAction(Exception):
    """An action file that cannot be used: which file, which action, what is wrong."""


@dataclass(frozen=True)
class Action:
    """One step of remediation: what to do, who owns it, by when, and what proves that it worked.

    ``since``: the version of the models it came with, if it came later than the first. ``leaving``: it weighs an end of the
    relationship, and is never what is proposed to move a level.
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
    leaving: bool = False

    def answers(self, version: str) -> bool:
        """Whether the action was there when a version of a model was released: a plan made under an older one stays as it was."""
        return not self.since or _order(self.since) <= _order(version)

    @cached_property
    def rank(self) -> tuple[bool, int]:
        """Order among actions due on the same day: safety, then Bali Process priority."""
        return (not self.safety, PRIORITIES.index(self.priority))


@dataclass(frozen=True)
class Plan:
    """Days until each action is due, (a, n), infinite where it is not called for; ``actions`` is the library.

    ``own_days``: the same, had nobody reported anything and were there no case records; None where there is none of either.
    """

    actions: tuple[Action, ...]
    days: NDArray[np.float64]
    own_days: NDArray[np.float64] | None = None

    @property
    def own(self) -> Plan:
        """The plan that suppliers' own answers alone call for."""
        return self if self.own_days is None else replace(self, days=self.own_days)

    def sooner(self, to: NDArray[np.intp], other: Plan, of: NDArray[np.intp]) -> Plan:
        """The same, with what another plan calls some suppliers to, as soon as either says: at ``to`` here, at ``of`` there."""
        place = {action.id: a for a, action in enumerate(other.actions)}
        shared = [(a, place[action.id]) for a, action in enumerate(self.actions) if action.id in place]
        ours, theirs = (np.array(rows, dtype=np.intp) for rows in zip(*shared, strict=True))

        def least(mine: NDArray[np.float64], more: NDArray[np.float64]) -> NDArray[np.float64]:
            days = mine.copy()
            days[np.ix_(ours, to)] = np.minimum(days[np.ix_(ours, to)], more[np.ix_(theirs, of)])
            return days

        days = least(self.days, other.days)
        if self.own_days is None and other.own_days is None:
            return Plan(self.actions, days)
        return Plan(self.actions, days, least(self.own.days, other.own.days))

    def steps(self, j: int, on: date) -> tuple[tuple[Action, date], ...]:
        """The actions of supplier j with their due dates, first things first."""
        return steps_in_order(self.actions, self.days[:, j].tolist(), on)


def steps_in_order(actions: Sequence[Action], days: Sequence[float], on: date) -> tuple[tuple[Action, date], ...]:
    """Actions with their due dates: safety first, then the soonest, then by priority. Part of a day counts as that day."""
    called = [(not a.safety, d, a.rank, a.id, a) for a, d in zip(actions, days, strict=True) if d < inf]
    called.sort(key=itemgetter(0, 1, 2, 3))
    return tuple((a, due_on(on, d)) for _, d, _, _, a in called)


@lru_cache(maxsize=1024)
def due_on(on: date, days: float) -> date:
    """The day by which an action is due; hours count as the day they begin on."""
    return on + timedelta(days=ceil(days) if days >= 1 else 0)


@cache
def load_actions(folder: Path = ACTIONS) -> tuple[Action, ...]:
    """The action library in the order of its files. Raises BadAction naming the file, the action and the fault."""
    actions: list[Action] = []
    for path in sorted(folder.glob("*.toml")):
        for raw in tomllib.loads(path.read_text(encoding="utf-8"))["action"]:
            actions.append(_action(raw, path.name))
            if any(a.id == actions[-1].id for a in actions[:-1]):
                raise BadAction(f"{path.name}: action {actions[-1].id!r} stands twice")
    return tuple(actions)


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _action(raw: Mapping[str, object], file: str) -> Action:
    name = f"{file}: action {raw.get('id')!r}"

    def text(key: str) -> str:
        value = raw.get(key)
        if not isinstance(value, str) or not value.strip():
            raise BadAction(f"{name}: {key!r} is missing")
        return value.strip()

    def texts(key: str) -> tuple[str, ...]:
        value = raw.get(key, [])
        if not isinstance(value, list) or not value:
            raise BadAction(f"{name}: {key!r} is missing")
        return tuple(str(v) for v in value)

    due = raw.get("due_days")
    if not isinstance(due, dict) or not all(isinstance(d, (int, float)) and d > 0 for d in due.values()):
        raise BadAction(f"{name}: 'due_days' must give days above 0")
    action = Action(
        id=text("id"),
        title=text("title"),
        do=text("do"),
        priority=text("priority"),
        stage=text("stage"),
        owner=text("owner"),
        with_workers=text("with_workers"),
        proof=text("proof"),
        safety=bool(raw.get("safety", False)),
        sources=texts("sources"),
        addresses=tuple(str(v) for v in raw.get("addresses", ())),  # type: ignore[attr-defined]
        states=texts("states"),
        due_days={str(k): float(v) for k, v in due.items()},
        since=str(raw.get("since", "")),
        leaving=bool(raw.get("leaving", False)),
    )
    if action.since and not re.fullmatch(r"[0-9]+(\.[0-9]+)*", action.since):
        raise BadAction(f"{name}: 'since' is {action.since!r}, which is no version")
    for value, allowed, key in (
        (action.priority, PRIORITIES, "priority"),
        (action.stage, STAGES, "stage"),
        (action.owner, OWNERS, "owner"),
    ):
        if value not in allowed:
            raise BadAction(f"{name}: {key!r} is {value!r}, not one of {', '.join(allowed)}")
    for state in action.states:
        if state not in FINDING_STATES or state not in action.due_days:
            raise BadAction(f"{name}: state {state!r} is unknown or has no 'due_days'")
    return action


def plan(
    scores: Scores, model: Model, unknown: Mapping[str, NDArray[np.bool_]], actions: Sequence[Action] | None = None
) -> Plan:
    """What each of n suppliers calls for. ``unknown``: flags (n,) for each of UNKNOWN.

    "agency": one is named that was not assessed; "agencies_not_named": none is named though migrants are employed.
    """
    library, calls = _library(model.version) if actions is None else _calls(actions, model.version)
    n = scores.total.shape[0]
    days = np.full((len(library), n), inf)
    state = scores.state
    where: dict[tuple[str, str], NDArray[np.bool_]] = {}
    ids = [indicator.id for indicator in model.indicators]
    found = {
        "harm": scores.harms,
        "declined": state == DECLINED,
        "expired": state == EXPIRED,
        "not_asked": state == NOT_ASKED,
    }
    for name, flags in found.items():
        # Most of what could be found is not: what nobody calls for is passed over.
        where |= {(ids[i], name): flags[i] for i in np.flatnonzero(flags.any(axis=1)).tolist()}
    for f, floor in enumerate(model.floors):
        where[f"floor:{floor.id}", "harm"] = scores.floors[f] == 2
        where[f"floor:{floor.id}", "declined"] = scores.floors[f] == 1
    for name in UNKNOWN:
        where[f"unknown:{name}", "not_asked"] = unknown[name]
    where["level:insufficient_evidence", "not_asked"] = scores.level == INSUFFICIENT
    low_but_for_the_worst = (scores.level == LEVELS.index("medium")) & (threshold(scores.total, model) == 0)
    where["level:worst_case_open", "not_asked"] = low_but_for_the_worst & (np.round(scores.worst, 6) >= WORST_OF_LOW)
    for finding, called in where.items():
        if n == 1:  # the onboarding gate: an array of one costs more than the number in it
            for a, due in calls.get(finding, ()) if called[0] else ():
                days[a, 0] = min(days[a, 0], due)
            continue
        for a, due in calls.get(finding, ()):
            np.minimum(days[a], np.where(called, due, inf), out=days[a])
    return Plan(library, days)


Calls = Mapping[tuple[str, str], Sequence[tuple[int, float]]]


@cache
def _library(version: str) -> tuple[tuple[Action, ...], Calls]:
    """The library for the models of a version, and what its findings call for."""
    return _calls(load_actions(), version)


def _calls(actions: Sequence[Action], version: str) -> tuple[tuple[Action, ...], Calls]:
    """The actions that such models may call for; for each finding and state which of them, and within how many days."""
    library = tuple(action for action in actions if action.answers(version))
    calls: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for a, action in enumerate(library):
        for finding in action.addresses:
            for state in action.states:
                calls.setdefault((finding, state), []).append((a, action.due_days[state]))
    return library, calls


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
    found += [("level:insufficient_evidence", "not_asked"), ("level:worst_case_open", "not_asked")]
    return tuple(dict.fromkeys(found))
