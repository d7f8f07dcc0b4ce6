"""Build plans: from findings to actions, their order and their due dates.

A finding is an indicator in a state that calls for action (harm, declined, expired, not asked), a floor, an unknown country,
sector or agency, the basis of a level, or a circumstance, for example that someone has reported harm. The action library
(``actions/<generation>/*.toml``, one file for each Bali Process priority) defines which actions address each finding, how many
days each action may take, and for which findings it is withheld. People's safety comes first, then the actions that are due
soonest. Actions due on the same day are in the order of ``order.toml``: protect, stop the harm, redress, find out, prevent
(UG-24: severity before anything else; factbook 7.2). A model names the release of the library that its plans use; plans under
releases older than that file are unchanged.

Since 2026.4, actions state whether they contact workers. A plan then brings the referral forward to the first contact, whatever
called for it, and no step contacts workers where a state imposes the labour (SAFE-4, RM-16): :func:`protect_contacts`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache, cached_property, lru_cache
from math import ceil, inf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from risk_models.action_releases import find_generation, list_generations, parse_version
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
HEARD_BY = ("independent", "union_or_ngo", "authority", "case_handler")
FINDING_STATES = ("harm", "declined", "expired", "not_asked")
UNKNOWNS = ("country", "sector", "agency", "agencies_not_named")
MAY_FEAR_RETURN, STATE_IMPOSED = "people:may_fear_return", "place:state_imposed"
# Answers by which refugees, asylum-seekers or people without papers work here (SAFE-10, SAFE-11).
ANSWERS_OF_FEAR = {"employer_change": ("asylum", "used"), "visa_route": ("irregular",)}
STATE_IMPOSED_FLOOR = "state_imposed"
# Findings besides indicators, floors and unknowns, with the state in which actions address each.
CIRCUMSTANCES = {
    "told:harm": "harm",  # harm was reported, by someone or in a case record
    "found:harm": "harm",  # harm was found or reported, whatever it is
    MAY_FEAR_RETURN: "harm",  # refugees, asylum-seekers or people without papers work here
    STATE_IMPOSED: "harm",  # a state imposes the labour: documented for this place, good or sender, or found here
    "young:in_hazard": "harm",  # a worker under 18 but above the minimum age does hazardous work
    "agency:high": "harm",  # an agency that is named has a high or critical score
    "level:insufficient_evidence": "not_asked",
    "level:worst_case_open": "not_asked",  # the level would be Low if the worst case were lower
    "level:rests_on_context": "not_asked",  # medium or above, with no harm found and no core question declined
    "level:low": "not_asked",
    "open:few": "not_asked",  # only a few questions have not been asked
}
# Circumstances that only generations of the library since 2026.4 address.
CONTACT_CIRCUMSTANCES = ("found:harm", MAY_FEAR_RETURN, STATE_IMPOSED)
GROUP_PREFIX = (
    "group:"  # prefix of a group of indicators; an action that addresses a group addresses each of its indicators
)
COERCION_CASE = "case:coercion"  # a case in which the threshold for coercion at work is reached, whatever its strength
FEW_OPEN_SHARE = 0.15  # share of a model's weight: if no more than this is open, the form is not sent again
CHILD_LABOUR_INDICATORS = ("child_labour", "under_18_aboard")
MINIMUM_AGE_AT_SEA = 16  # C188-1
NON_SAFETY_DELAY = 1e6  # days, more than any action has, so that all other actions are sorted after those for safety

Days = NDArray[np.float64]
Flags = NDArray[np.bool_]
Finding = tuple[str, str]  # (what was found, its state)


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


@dataclass(frozen=True)
class Plan:
    """The days until each action of a library is due for n suppliers (a, n); infinite if it is not called for or is withheld.

    ``state_imposed`` (n,): where a state imposes the labour, so that no step contacts workers. ``own_answers``: the plan without
    reports and case records; None if there are neither.
    """

    actions: tuple[Action, ...]
    days: Days
    state_imposed: Flags
    own_answers: Plan | None = None

    @property
    def own_answer_plan(self) -> Plan:
        """Return the plan that the suppliers' own answers alone call for."""
        return self if self.own_answers is None else self.own_answers

    def fill(self, positions: NDArray[np.intp] | slice, plan: Plan) -> None:
        """Fill in the plan of some suppliers."""
        self.days[:, positions] = plan.days
        self.state_imposed[positions] = plan.state_imposed

    def merge_earliest(self, positions: NDArray[np.intp], other: Plan, other_positions: NDArray[np.intp]) -> Plan:
        """Return this plan with each action of some suppliers due on the earlier of the dates in the two plans.

        ``positions``: where the suppliers are in this plan; ``other_positions``: where the same suppliers are in the other plan.
        """
        other_row = {action.id: row for row, action in enumerate(other.actions)}
        shared = [(row, other_row[action.id]) for row, action in enumerate(self.actions) if action.id in other_row]
        rows, other_rows = (np.array(column, dtype=np.intp) for column in zip(*shared, strict=True))
        days, state_imposed = self.days.copy(), self.state_imposed.copy()
        cells, other_cells = np.ix_(rows, positions), np.ix_(other_rows, other_positions)
        days[cells] = np.minimum(days[cells], other.days[other_cells])
        state_imposed[positions] |= other.state_imposed[other_positions]
        protect_contacts(days, self.actions, state_imposed)
        if self.own_answers is None and other.own_answers is None:
            return Plan(self.actions, days, state_imposed)
        own_answers = self.own_answer_plan.merge_earliest(positions, other.own_answer_plan, other_positions)
        return Plan(self.actions, days, state_imposed, own_answers)

    def list_steps(
        self, supplier: int, day: date, *, owner: str | None = None, priority: str | None = None
    ) -> tuple[tuple[Action, date], ...]:
        """Return the actions of one supplier (position) with their due dates, most urgent first.

        ``owner``, ``priority``: only those of one owner, or of one Bali Process priority. What such a part of the plan needs
        before workers are contacted stays in it.
        """
        days = self.days[:, supplier].tolist()
        chosen = [
            due < inf and owner in (None, action.owner) and priority in (None, action.priority)
            for action, due in zip(self.actions, days, strict=True)
        ]
        contacting = any(
            is_chosen for action, is_chosen in zip(self.actions, chosen, strict=True) if action.contacts_workers
        )
        kept = [
            due if is_chosen or (contacting and action.is_referral) else inf
            for action, due, is_chosen in zip(self.actions, days, chosen, strict=True)
        ]
        return sort_steps(self.actions, kept, day)

    def list_first_steps(self) -> list[str | None]:
        """Return the id of the first action (by :meth:`Action.get_sort_key`) of each of n suppliers; None if there is none."""
        called_for = np.flatnonzero((self.days < inf).any(axis=1)).tolist()
        if not called_for:
            return [None] * self.days.shape[1]
        called_for.sort(key=lambda a: self.actions[a].get_sort_key(0.0))
        # Rows are in the order used for actions due on the same day, so argmin picks the first of the actions that are due first.
        actions = [self.actions[a] for a in called_for]
        days = self.days[called_for]
        sort_days = np.where([[action.position < 0] for action in actions], days, np.ceil(days))
        sort_days += np.where([[action.safety] for action in actions], 0.0, NON_SAFETY_DELAY)
        first, has_step = sort_days.argmin(axis=0).tolist(), (sort_days.min(axis=0) < inf).tolist()
        return [actions[row].id if exists else None for row, exists in zip(first, has_step, strict=True)]


def sort_steps(actions: Sequence[Action], days: Sequence[float], day: date) -> tuple[tuple[Action, date], ...]:
    """Return the actions that are called for, sorted, with their due dates. Part of a day counts as a whole day.

    ``days``: the days from ``day`` until each action is due; infinite if it is not called for.
    """
    steps = [(action, due_days) for action, due_days in zip(actions, days, strict=True) if due_days < inf]
    steps.sort(key=lambda step: step[0].get_sort_key(step[1]))
    return tuple((action, compute_due_date(day, due_days)) for action, due_days in steps)


def protect_contacts(days: Days, actions: Sequence[Action], state_imposed: Flags) -> None:
    """Change the days (a, n) so that nobody contacts workers where a state imposes the labour (n,), or before referral is due.

    An owner's own referral precedes the contacts of that owner, so that it stays with them where a plan is cut by owner. Actions
    of generations that do not say whether they contact workers are unchanged.
    """
    contacts = [a for a, action in enumerate(actions) if action.contacts_workers]
    if state_imposed.any():
        days[np.ix_(np.array(contacts, dtype=np.intp), np.flatnonzero(state_imposed))] = inf
    for a, action in enumerate(actions):
        if action.is_referral:
            own = [contact for contact in contacts if actions[contact].owner == action.owner]
            days[a] = np.minimum(days[a], days[own].min(axis=0, initial=inf))


@lru_cache(maxsize=1024)
def compute_due_date(day: date, due_days: float) -> date:
    """Return the date by which an action is due; a deadline in hours counts as the day on which it starts."""
    return day + timedelta(days=ceil(due_days) if due_days >= 1 else 0)


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
        raise DataFileError(file, item, "'heard_by' is needed where 'contacts_workers' is true, and only there")
    if action.contacts_workers and action.owner == "supplier":
        raise DataFileError(
            file, item, "an action of the employer cannot contact workers: they would not be heard in private"
        )
    for state in action.states:
        if state not in FINDING_STATES or state not in action.due_days:
            raise DataFileError(file, item, f"state {state!r} is unknown or has no 'due_days'")


def empty_plan(supplier_count: int, model: Model) -> Plan:
    """Allocate the plan of some suppliers, to be filled in."""
    library = _load_library(model).actions
    return Plan(library, np.empty((len(library), supplier_count)), np.zeros(supplier_count, dtype=bool))


def build_plan(scores: Scores, cells: Cells, model: Model, flags: Mapping[str, Flags]) -> Plan:
    """Build the plan of n suppliers that a model scored.

    ``flags`` (n,): for each of UNKNOWNS, and those of :func:`find_circumstances`. "agency": an agency is named that has not been
    assessed; "agencies_not_named": no agency is named although migrants are employed.
    """
    library = _load_library(model)
    plan = empty_plan(scores.total.shape[0], model)
    circumstances = _combine_circumstances(scores, cells, model, flags)
    findings = _collect_findings(scores, cells, model, flags)
    findings |= {(name, CIRCUMSTANCES[name]): called for name, called in circumstances.items()}
    _write_days(plan.days, findings, library.calls)

    reasons = {name: circumstances.get(name, findings.get((name, "harm"))) for name in library.conditions}
    reached = {name: called for name, called in reasons.items() if called is not None and called.any()}
    for a in library.conditional:
        for name in library.actions[a].withheld_for:
            if name in reached:
                plan.days[a, reached[name]] = inf
        if only_for := library.actions[a].only_for:
            where = [reached[name] for name in only_for if name in reached]
            plan.days[a, ~np.logical_or.reduce([np.zeros_like(scores.harm), *where])] = inf
    protect_contacts(plan.days, library.actions, circumstances[STATE_IMPOSED])
    return replace(plan, state_imposed=circumstances[STATE_IMPOSED])


def list_case_steps(findings: Collection[str], actions: Iterable[Action]) -> list[tuple[Action, float]]:
    """Return the safety actions that findings of a case call for, each with the days until it is due, in the order to take them.

    ``findings``: all of them harm, by name. They belong to the case, whether or not it is about an assessed supplier.
    """
    library = tuple(action for action in actions if action.safety and "harm" in action.states)
    named, days = set(findings), np.full((len(library), 1), inf)
    for a, action in enumerate(library):
        if named & set(action.addresses) and not named & set(action.withheld_for) and not action.only_for:
            days[a] = action.due_days["harm"]
    protect_contacts(days, library, np.zeros(1, dtype=bool))
    steps = [(action, float(due)) for action, due in zip(library, days[:, 0], strict=True) if due < inf]
    return sorted(steps, key=lambda step: step[0].get_sort_key(step[1]))


def _collect_findings(scores: Scores, cells: Cells, model: Model, flags: Mapping[str, Flags]) -> dict[Finding, Flags]:
    """Return for which suppliers each indicator, floor and unknown is a finding, (n,) each."""
    findings: dict[Finding, Flags] = {}
    ids = [indicator.id for indicator in model.indicators]
    indicator_states = {
        "harm": cells.harm,
        "declined": cells.state == DECLINED,
        "expired": cells.state == EXPIRED,
        "not_asked": cells.state == NOT_ASKED,
    }
    for state, in_state in indicator_states.items():
        # Most possible findings do not occur at any supplier; they are skipped.
        findings |= {(ids[i], state): in_state[i] for i in np.flatnonzero(in_state.any(axis=1)).tolist()}
    for state, reached in (("harm", scores.floors == 2), ("declined", scores.floors == 1)):
        findings |= {(f"floor:{floor.id}", state): called for floor, called in zip(model.floors, reached, strict=True)}
    for name in UNKNOWNS:
        findings[f"unknown:{name}", "not_asked"] = flags[name]
    return findings


def _write_days(days: Days, findings: Mapping[Finding, Flags], calls: Calls) -> None:
    """Write the days until each action is due (a, n): the shortest period that any of its findings allows."""
    if days.shape[1] == 1:  # a single assessment by the API: an array of one costs more than the number in it
        soonest = [inf] * len(days)
        for finding in (finding for finding, called in findings.items() if called[0]):
            for a, due_days in calls.get(finding, ()):
                soonest[a] = min(soonest[a], due_days)
        days[:, 0] = soonest
        return
    days[:] = inf
    for finding, called in findings.items():
        for a, due_days in calls.get(finding, ()):
            np.minimum(days[a], np.where(called, due_days, inf), out=days[a])


def _combine_circumstances(scores: Scores, cells: Cells, model: Model, flags: Mapping[str, Flags]) -> dict[str, Flags]:
    """Return for which suppliers each of CIRCUMSTANCES applies, (n,). ``flags``: those read from answers; by default none."""
    level_by_points = assign_levels(scores.total, model)
    reported = cells.state == REPORTED
    case_floors, child_labour, safeguard = _index_report_rules(model)
    by_cases = [scores.floors[f] == 2 for f in case_floors]
    open_share = (get_weight_shares(model) * (cells.state == NOT_ASKED)).sum(axis=0)
    # A case may report harm that no indicator of the model covers, so that it is not part of any answer.
    by_cases.append(scores.harm & ~(cells.harm & ~safeguard).any(axis=0))
    no_harm = ~scores.harm & ~scores.core_declined & (scores.level != INSUFFICIENT)
    nowhere = np.zeros(scores.total.shape, dtype=bool)
    return {
        "told:harm": np.logical_or.reduce([reported.any(axis=0), *by_cases]),
        "found:harm": scores.harm,
        STATE_IMPOSED: _find_state_imposed(scores, model),
        "young:in_hazard": flags.get("young:in_hazard", nowhere) & ~reported[child_labour].any(axis=0),
        "agency:high": flags.get("agency:high", nowhere),
        MAY_FEAR_RETURN: flags.get(MAY_FEAR_RETURN, nowhere),
        "level:insufficient_evidence": scores.level == INSUFFICIENT,
        "level:worst_case_open": (scores.level == LEVELS.index("medium"))
        & (level_by_points == 0)
        & (np.round(scores.worst, 6) >= WORST_OF_LOW),
        "level:rests_on_context": no_harm & (level_by_points > 0),
        "level:low": scores.level == LEVELS.index("low"),
        "open:few": (open_share > 0) & (np.round(open_share, 12) <= FEW_OPEN_SHARE),
    }


def _find_state_imposed(scores: Scores, model: Model) -> Flags:
    """Return where a state imposes the labour, (n,): it is documented for the place, good or sender, or was found here.

    Where only a supplier of the site uses it, people can speak at the site itself.
    """
    found = [scores.floors[f] == 2 for f, floor in enumerate(model.floors) if floor.id == STATE_IMPOSED_FLOOR]
    return np.asarray(np.logical_or.reduce([scores.documented, *found]), dtype=bool)


@lru_cache(maxsize=64)
def _index_report_rules(model: Model) -> tuple[list[int], list[int], Flags]:
    """Return which floors read cases, which indicators are about children, and which are safeguards (k, 1)."""
    return (
        [f for f, floor in enumerate(model.floors) if floor.case is not None],
        [i for i, indicator in enumerate(model.indicators) if indicator.id in CHILD_LABOUR_INDICATORS],
        np.array([[indicator.safeguard] for indicator in model.indicators]),
    )


def find_circumstances(answers: Answers, model: Model, agency_scores: Mapping[str, float]) -> dict[str, Flags]:
    """Return for which of n suppliers the answers show each of CIRCUMSTANCES, as flags (n,).

    ``agency_scores``: 0..100 by ``name_key`` of an agency's name, reference or licence number. A worker below the minimum age or
    of unknown age does not count as "young:in_hazard": a child must be removed from work (RM-04), a young worker from the hazard
    (RM-05).
    """

    def find(question: str, test: Callable[[object], bool]) -> Flags:
        column = answers.column(question)
        return np.array([*(test(value) for value in column.values), False])[column.codes]

    def is_high(agencies: object) -> bool:
        names = agencies if isinstance(agencies, tuple) else ()
        scores = [agency_scores.get(name_key(str(name)), 0.0) for name in names]
        return max(scores, default=0.0) >= model.levels["high"]

    def find_age(low: float, high: float) -> Flags:
        return find("youngest_aboard", lambda age: isinstance(age, (int, float)) and low <= age < high)

    young = find("youngest_workers", lambda answer: answer == "young_hazardous") | find_age(MINIMUM_AGE_AT_SEA, 18)
    child = find("youngest_workers", lambda answer: answer == "below_age") | find_age(0, MINIMUM_AGE_AT_SEA)
    fear = [find(question, answers_of_fear.__contains__) for question, answers_of_fear in ANSWERS_OF_FEAR.items()]
    return {
        "young:in_hazard": young & ~child,
        "agency:high": find("agencies", is_high),
        MAY_FEAR_RETURN: np.logical_or.reduce(fear),
    }


Calls = Mapping[Finding, Sequence[tuple[int, float]]]


@dataclass(frozen=True)
class _Library:
    """The actions that a model uses, indexed.

    ``calls``: by finding, the actions (positions) that address it, and within how many days; ``conditional``: the actions that
    are withheld for some of the findings ``conditions``, or only for them called for.
    """

    actions: tuple[Action, ...]
    calls: Calls
    conditional: tuple[int, ...]
    conditions: frozenset[str]


@lru_cache(maxsize=64)
def _load_library(model: Model) -> _Library:
    actions = expand_groups(list_release_actions(model.actions), (model,))
    calls: dict[Finding, list[tuple[int, float]]] = {}
    for a, action in enumerate(actions):
        for finding in action.addresses:
            for state in action.states:
                calls.setdefault((finding, state), []).append((a, action.due_days[state]))
    conditional = tuple(a for a, action in enumerate(actions) if action.withheld_for or action.only_for)
    conditions = frozenset(name for a in conditional for name in (*actions[a].withheld_for, *actions[a].only_for))
    return _Library(actions, calls, conditional, conditions)
