"""From findings to what to do, in which order, by when.

A finding is an indicator in a state that asks for something (harm, declined, expired, not asked), a floor, an unknown country,
sector or agency, what a level rests on, or a circumstance such as that somebody spoke. The action library (``actions/*.toml``, a
file for each Bali Process priority) says which actions answer it, how many days each may take, and under which findings it is
withheld. Order: safety of people first, then what is due soonest; among what is due on one day the order of
``actions/order.toml``: protect, stop the harm, redress, find out, prevent (UG-24: severity before anything else; factbook 7.2).
A model names the release of the library that its plans are made of; under releases older than that file plans stay as they were.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache, cached_property, lru_cache
from math import ceil, inf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from risk_models.action_releases import ACTIONS_FOLDER
from risk_models.answers import Answers
from risk_models.data_file import DataFileError
from risk_models.engine.frame import (
    DECLINED,
    EXPIRED,
    INSUFFICIENT,
    NOT_ASKED,
    REPORTED,
    WORST_OF_LOW,
    Cells,
    Scores,
    get_weight_shares,
)
from risk_models.engine.score import assign_levels
from risk_models.model import LEVELS, Model
from risk_models.name_normalize import name_key

ORDER_FILE = "order.toml"
PRIORITIES = ("1", "2", "3a", "3b")
STAGES = ("acknowledge", "act", "advance")
OWNERS = ("supplier", "agency", "buyer")
FINDING_STATES = ("harm", "declined", "expired", "not_asked")
UNKNOWNS = ("country", "sector", "agency", "agencies_not_named")
# What a plan reads beside indicators, floors and the unknown; each with the state in which actions hear it.
CIRCUMSTANCES = {
    "told:harm": "harm",  # somebody told of harm: a report, or a case record
    "young:in_hazard": "harm",  # who is under 18 is above the minimum age, and at hazardous work
    "agency:high": "harm",  # an agency that is named stands high or critical
    "level:insufficient_evidence": "not_asked",
    "level:worst_case_open": "not_asked",  # low but for its worst case
    "level:rests_on_context": "not_asked",  # medium or above, with no harm found and no core question blank
    "level:low": "not_asked",
    "open:few": "not_asked",  # few of the questions are still to be asked
}
GROUP_PREFIX = (
    "group:"  # before the name of a group of indicators, which an action addresses as if it named each of them
)
COERCION_CASE = "case:coercion"  # a case in which coercion at work is reached, however strong it is beside
FEW_OPEN_SHARE = 0.15  # of the weight of a model: a form that came back but for this is not sent again
CHILD_LABOUR_INDICATORS = ("child_labour", "under_18_aboard")
MINIMUM_AGE_AT_SEA = 16  # C188-1
NON_SAFETY_DELAY = 1e6  # days, more than any action has: what is no matter of safety comes after all that is


@dataclass(frozen=True)
class Action:
    """One step of remediation: what to do, who owns it, by when, and what proves that it worked.

    ``since``: the release of the library it came with, if it came later than the first. ``leaving``: it weighs an end of the
    relationship, and is never what is proposed to move a level. ``not_where``: findings under which it would endanger people or
    does not fit, and is withheld. ``place``: where it stands in the order of the library; -1 in releases older than that order,
    which hold ``addresses_before`` where it is given.
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
    ends_relationship: bool = False
    withheld_for: tuple[str, ...] = ()
    addresses_before_order: tuple[str, ...] | None = None
    position: int = -1

    def is_in_release(self, release: str) -> bool:
        """Whether the action is in a release of the library: a plan made under an older one stays as it was."""
        return not self.since or _order(self.since) <= _order(release)

    def to_unordered(self) -> Action:
        """The action as releases hold it that are older than the order of the library."""
        addresses = self.addresses if self.addresses_before_order is None else self.addresses_before_order
        return replace(self, addresses=addresses, withheld_for=(), position=-1)

    @cached_property
    def tie_break(self) -> tuple[bool, int]:
        """Order among actions due on the same day: safety, then its place; before there were places, Bali Process priority."""
        return (not self.safety, PRIORITIES.index(self.priority) if self.position < 0 else self.position)

    def get_sort_key(self, days: float) -> tuple[bool, float, tuple[bool, int], str]:
        """Where it stands in a plan that calls for it within so many days; the least comes first. Part of a day counts as a day:
        what protects people is not overtaken by a demand that is due some hours sooner.
        """
        return (not self.safety, days if self.position < 0 else ceil(days), self.tie_break, self.id)


@dataclass(frozen=True)
class Plan:
    """Days until each action is due, (a, n), infinite where it is not called for or is withheld; ``actions`` is the library.

    ``own_answer_days``: the same, had nobody reported anything and were there no case records; None where there is none of either.
    """

    actions: tuple[Action, ...]
    days: NDArray[np.float64]
    own_answer_days: NDArray[np.float64] | None = None

    @property
    def own_answer_plan(self) -> Plan:
        """The plan that suppliers' own answers alone call for."""
        return self if self.own_answer_days is None else replace(self, days=self.own_answer_days)

    def merge_earliest(self, to: NDArray[np.intp], other: Plan, of: NDArray[np.intp]) -> Plan:
        """The same, with what another plan calls some suppliers to, as soon as either says: at ``to`` here, at ``of`` there."""
        place = {action.id: a for a, action in enumerate(other.actions)}
        shared = [(a, place[action.id]) for a, action in enumerate(self.actions) if action.id in place]
        ours, theirs = (np.array(rows, dtype=np.intp) for rows in zip(*shared, strict=True))

        def least(mine: NDArray[np.float64], more: NDArray[np.float64]) -> NDArray[np.float64]:
            days = mine.copy()
            days[np.ix_(ours, to)] = np.minimum(days[np.ix_(ours, to)], more[np.ix_(theirs, of)])
            return days

        days = least(self.days, other.days)
        if self.own_answer_days is None and other.own_answer_days is None:
            return Plan(self.actions, days)
        return Plan(self.actions, days, least(self.own_answer_plan.days, other.own_answer_plan.days))

    def list_steps(self, j: int, on: date) -> tuple[tuple[Action, date], ...]:
        """The actions of supplier j with their due dates, first things first."""
        return sort_steps(self.actions, self.days[:, j].tolist(), on)

    def list_first_steps(self) -> list[str | None]:
        """The id of the action that comes first (:meth:`Action.turn`) at each of n suppliers; None where none is."""
        called = np.flatnonzero((self.days < inf).any(axis=1)).tolist()
        if not called:
            return [None] * self.days.shape[1]
        called.sort(key=lambda a: self.actions[a].get_sort_key(0.0))
        # In the order of what is due on one day: of those that are due first, argmin picks the first.
        actions = [self.actions[a] for a in called]
        days = self.days[called]
        turns = np.where([[action.position < 0] for action in actions], days, np.ceil(days))
        turns += np.where([[action.safety] for action in actions], 0.0, NON_SAFETY_DELAY)
        which, somewhere = turns.argmin(axis=0).tolist(), (turns.min(axis=0) < inf).tolist()
        return [actions[w].id if there else None for w, there in zip(which, somewhere, strict=True)]


def sort_steps(actions: Sequence[Action], days: Sequence[float], on: date) -> tuple[tuple[Action, date], ...]:
    """The actions that are called for with their due dates, in the order of their turns. Part of a day counts as that day."""
    called = [(a, d) for a, d in zip(actions, days, strict=True) if d < inf]
    called.sort(key=lambda each: each[0].get_sort_key(each[1]))
    return tuple((a, compute_due_date(on, d)) for a, d in called)


@lru_cache(maxsize=1024)
def compute_due_date(on: date, days: float) -> date:
    """The day by which an action is due; hours count as the day they begin on."""
    return on + timedelta(days=ceil(days) if days >= 1 else 0)


@cache
def load_actions(folder: Path = ACTIONS_FOLDER) -> tuple[Action, ...]:
    """The action library in the order of its files. Raises DataFileError naming the file, the action and the fault."""
    actions: list[Action] = []
    order = _ordered(folder)
    for path in sorted(folder.glob("*.toml")):
        for raw in tomllib.loads(path.read_text(encoding="utf-8")).get("action", ()):
            action = _action(raw, path.name)
            if any(a.id == action.id for a in actions):
                raise DataFileError(f"{path.name}: action {action.id!r} stands twice")
            if "after" in raw:
                if action.id in order:
                    raise DataFileError(
                        f"{path.name}: action {action.id!r} has a place in {ORDER_FILE} already, and 'after' beside it"
                    )
                if raw["after"] not in order:
                    raise DataFileError(
                        f"{path.name}: action {action.id!r}: 'after' names {raw['after']!r}, which has no place yet"
                    )
                order.insert(order.index(raw["after"]) + 1, action.id)
            if action.id not in order:
                raise DataFileError(
                    f"{path.name}: action {action.id!r} has no place: give it 'after', or one in {ORDER_FILE}"
                )
            actions.append(action)
    gone = set(order) - {action.id for action in actions}
    if gone:
        raise DataFileError(f"{ORDER_FILE}: {min(gone)!r} is no action")
    return tuple(replace(action, position=order.index(action.id)) for action in actions)


def _ordered(folder: Path) -> list[str]:
    told = tomllib.loads((folder / ORDER_FILE).read_text(encoding="utf-8"))
    names = [str(name) for turn in told["turn"] for name in turn["actions"]]
    for name in names:
        if names.count(name) > 1:
            raise DataFileError(f"{ORDER_FILE}: {name!r} stands twice")
    return names


@cache
def get_order_release(folder: Path = ACTIONS_FOLDER) -> str:
    """The release of the library from which on plans follow its order."""
    return str(tomllib.loads((folder / ORDER_FILE).read_text(encoding="utf-8"))["since"])


def list_release_actions(release: str) -> tuple[Action, ...]:
    """A release of the library, as the models that name it and the assessments made under it read it."""
    library = [action for action in load_actions() if action.is_in_release(release)]
    old = _order(release) < _order(get_order_release())
    return tuple(action.to_unordered() if old else action for action in library)


def expand_groups(actions: Iterable[Action], models: Iterable[Model]) -> tuple[Action, ...]:
    """Return actions that address, in place of each group, every indicator of the models that is in it."""
    members: dict[str, dict[str, None]] = {}
    for indicator in (indicator for model in models for indicator in model.indicators):
        for group in indicator.groups:
            members.setdefault(GROUP_PREFIX + group, {})[indicator.id] = None

    def findings(name: str) -> Iterable[str]:
        return members.get(name, ()) if name.startswith(GROUP_PREFIX) else (name,)

    return tuple(
        replace(action, addresses=tuple(dict.fromkeys(f for name in action.addresses for f in findings(name))))
        for action in actions
    )


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _action(raw: Mapping[str, object], file: str) -> Action:
    name = f"{file}: action {raw.get('id')!r}"

    def text(key: str) -> str:
        value = raw.get(key)
        if not isinstance(value, str) or not value.strip():
            raise DataFileError(f"{name}: {key!r} is missing")
        return value.strip()

    def texts(key: str) -> tuple[str, ...]:
        value = raw.get(key, [])
        if not isinstance(value, list) or not value:
            raise DataFileError(f"{name}: {key!r} is missing")
        return tuple(str(v) for v in value)

    due = raw.get("due_days")
    if not isinstance(due, dict) or not all(isinstance(d, (int, float)) and d > 0 for d in due.values()):
        raise DataFileError(f"{name}: 'due_days' must give days above 0")
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
        ends_relationship=bool(raw.get("leaving", False)),
        withheld_for=texts("not_where") if "not_where" in raw else (),
        addresses_before_order=texts("addresses_before") if "addresses_before" in raw else None,
    )
    if action.since and not re.fullmatch(r"[0-9]+(\.[0-9]+)*", action.since):
        raise DataFileError(f"{name}: 'since' is {action.since!r}, which is no version")
    for value, allowed, key in (
        (action.priority, PRIORITIES, "priority"),
        (action.stage, STAGES, "stage"),
        (action.owner, OWNERS, "owner"),
    ):
        if value not in allowed:
            raise DataFileError(f"{name}: {key!r} is {value!r}, not one of {', '.join(allowed)}")
    for state in action.states:
        if state not in FINDING_STATES or state not in action.due_days:
            raise DataFileError(f"{name}: state {state!r} is unknown or has no 'due_days'")
    return action


def empty_plan(suppliers: int, model: Model) -> Plan:
    """A plan of some suppliers that is not made yet."""
    library = _library(model)[0]
    return Plan(library, np.empty((len(library), suppliers)))


def build_plan(scores: Scores, cells: Cells, model: Model, unknown: Mapping[str, NDArray[np.bool_]]) -> Plan:
    """What each of n suppliers calls for. ``unknown``: flags (n,) for each of UNKNOWNS, and those of :func:`circumstances`.

    "agency": one is named that was not assessed; "agencies_not_named": none is named though migrants are employed.
    """
    library, calls, not_where = _library(model)
    n = scores.total.shape[0]
    whole = empty_plan(n, model)
    days = whole.days
    state = cells.state
    where: dict[tuple[str, str], NDArray[np.bool_]] = {}
    ids = [indicator.id for indicator in model.indicators]
    found = {
        "harm": cells.harm,
        "declined": state == DECLINED,
        "expired": state == EXPIRED,
        "not_asked": state == NOT_ASKED,
    }
    for name, flags in found.items():
        # Most of what could be found is not: what nobody calls for is passed over.
        where |= {(ids[i], name): flags[i] for i in np.flatnonzero(flags.any(axis=1)).tolist()}
    for name, reached in (("harm", scores.floors == 2), ("declined", scores.floors == 1)):
        where |= {(f"floor:{floor.id}", name): flags for floor, flags in zip(model.floors, reached, strict=True)}
    for name in UNKNOWNS:
        where[f"unknown:{name}", "not_asked"] = unknown[name]
    standing = _standing(scores, cells, model, unknown)
    where |= {(name, CIRCUMSTANCES[name]): flags for name, flags in standing.items()}
    if n == 1:  # the onboarding gate: an array of one costs more than the number in it
        soonest = [inf] * len(library)
        for finding in (finding for finding, called in where.items() if called[0]):
            for a, due in calls.get(finding, ()):
                soonest[a] = min(soonest[a], due)
        days[:, 0] = soonest
    else:
        days[:] = inf
        for finding, called in where.items():
            for a, due in calls.get(finding, ()):
                np.minimum(days[a], np.where(called, due, inf), out=days[a])
    there = {name: standing.get(name, where.get((name, "harm"))) for name in not_where}
    somewhere = {name: flags for name, flags in there.items() if flags is not None and flags.any()}
    for a, action in enumerate(library if somewhere else ()):
        for name in action.withheld_for:
            if name in somewhere:
                days[a, somewhere[name]] = inf
    return whole


def _standing(
    scores: Scores, cells: Cells, model: Model, told: Mapping[str, NDArray[np.bool_]]
) -> dict[str, NDArray[np.bool_]]:
    """Where each of CIRCUMSTANCES stands, (n,); ``told``: those that are read off the answers, nowhere unless given."""
    by_points = assign_levels(scores.total, model)
    reported = cells.state == REPORTED
    case_floors, of_children, safeguard = _telling(model)
    of_cases = [scores.floors[f] == 2 for f in case_floors]
    open_share = (get_weight_shares(model) * (cells.state == NOT_ASKED)).sum(axis=0)
    # A case may tell of what no indicator of the model reads: harm, and none of it in an answer.
    of_cases.append(scores.harm & ~(cells.harm & ~safeguard).any(axis=0))
    no_harm = ~scores.harm & ~scores.core_declined & (scores.level != INSUFFICIENT)
    nowhere = np.zeros(scores.total.shape, dtype=bool)
    return {
        "told:harm": np.logical_or.reduce([reported.any(axis=0), *of_cases]),
        "young:in_hazard": told.get("young:in_hazard", nowhere) & ~reported[of_children].any(axis=0),
        "agency:high": told.get("agency:high", nowhere),
        "level:insufficient_evidence": scores.level == INSUFFICIENT,
        "level:worst_case_open": (scores.level == LEVELS.index("medium"))
        & (by_points == 0)
        & (np.round(scores.worst, 6) >= WORST_OF_LOW),
        "level:rests_on_context": no_harm & (by_points > 0),
        "level:low": scores.level == LEVELS.index("low"),
        "open:few": (open_share > 0) & (np.round(open_share, 12) <= FEW_OPEN_SHARE),
    }


@lru_cache(maxsize=64)
def _telling(model: Model) -> tuple[list[int], list[int], NDArray[np.bool_]]:
    """Which floors tell of cases, which indicators of children, and which are safeguards (k, 1)."""
    return (
        [f for f, floor in enumerate(model.floors) if floor.case is not None],
        [i for i, indicator in enumerate(model.indicators) if indicator.id in CHILD_LABOUR_INDICATORS],
        np.array([[indicator.safeguard] for indicator in model.indicators]),
    )


def find_circumstances(
    answers: Answers, model: Model, agency_scores: Mapping[str, float]
) -> dict[str, NDArray[np.bool_]]:
    """What is read off the answers of n suppliers for their plans, flags (n,): see CIRCUMSTANCES.

    ``agency_scores``: 0..100 by ``name_key`` of an agency's name, reference or licence number. Nobody below the minimum age,
    or of an age not told, is "young:in_hazard": a child is taken out of the work (RM-04), a young worker off the hazard (RM-05).
    """

    def flags(question: str, test: Callable[[object], bool]) -> NDArray[np.bool_]:
        column = answers.column(question)
        return np.array([*(test(value) for value in column.values), False])[column.codes]

    def high(named: object) -> bool:
        scores = [agency_scores.get(name_key(str(name)), 0.0) for name in named] if isinstance(named, tuple) else []
        return max(scores, default=0.0) >= model.levels["high"]

    def aged(low: float, high: float) -> NDArray[np.bool_]:
        return flags("youngest_aboard", lambda age: isinstance(age, (int, float)) and low <= age < high)

    young = flags("youngest_workers", lambda said: said == "young_hazardous") | aged(MINIMUM_AGE_AT_SEA, 18)
    child = flags("youngest_workers", lambda said: said == "below_age") | aged(0, MINIMUM_AGE_AT_SEA)
    return {"young:in_hazard": young & ~child, "agency:high": flags("agencies", high)}


Calls = Mapping[tuple[str, str], Sequence[tuple[int, float]]]


@lru_cache(maxsize=64)
def _library(model: Model) -> tuple[tuple[Action, ...], Calls, frozenset[str]]:
    """The library as a model reads it, for each finding and state which of it answers, and within how many days, and where any
    of it is withheld.
    """
    library = expand_groups(list_release_actions(model.actions), (model,))
    calls: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for a, action in enumerate(library):
        for finding in action.addresses:
            for state in action.states:
                calls.setdefault((finding, state), []).append((a, action.due_days[state]))
    return library, calls, frozenset(name for action in library for name in action.withheld_for)
