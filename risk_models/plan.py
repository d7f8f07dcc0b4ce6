"""Build plans: from findings to actions, their order and their due dates.

A finding is an indicator in a state that calls for action (harm, declined, expired, not asked), a floor, an unknown country,
sector or agency, the basis of a level, or a circumstance, for example that someone has reported harm. The action library
(``action_library.py``) defines which actions address each finding, how many days each may take, and for which findings it is
withheld. People's safety comes first, then the actions that are due soonest. Actions due on the same day are in the order of the
library: protect, stop the harm, redress, find out, prevent (UG-24: severity before anything else; factbook 7.2). Plans under
releases older than that order are unchanged.

Since 2026.4, actions state whether they contact workers. A plan then brings the referral forward to the first contact, whatever
called for it, and no step contacts workers where a state imposes the labour (SAFE-4, RM-16): :func:`protect_contacts`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from math import ceil, inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from risk_models.action_library import Action, expand_groups, list_release_actions
from risk_models.answers import Answers
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
COERCION_CASE = "case:coercion"  # a case in which the threshold for coercion at work is reached, whatever its strength
FEW_OPEN_SHARE = 0.15  # share of a model's weight: if no more than this is open, the form is not sent again
CHILD_LABOUR_INDICATORS = ("child_labour", "under_18_aboard")
MINIMUM_AGE_AT_SEA = 16  # C188-1
NON_SAFETY_DELAY = 1e6  # days, more than any action has, so that all other actions are sorted after those for safety

Days = NDArray[np.float64]
Flags = NDArray[np.bool_]
Finding = tuple[str, str]  # (what was found, its state)


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
    nowhere = np.zeros_like(scores.harm)
    for withheld_for, only_for, actions in library.conditional:
        withheld = np.logical_or.reduce([nowhere, *(reached[name] for name in withheld_for if name in reached)])
        if only_for:
            withheld |= ~np.logical_or.reduce([nowhere, *(reached[name] for name in only_for if name in reached)])
        if withheld.any():
            plan.days[np.ix_(actions, withheld)] = inf
    protect_contacts(plan.days, library.actions, circumstances[STATE_IMPOSED])
    return replace(plan, state_imposed=circumstances[STATE_IMPOSED])


def list_case_steps(
    findings: Collection[str], actions: Iterable[Action], *, state_imposed: bool = False
) -> list[tuple[Action, float]]:
    """Return the safety actions that findings of a case call for, each with the days until it is due, in the order to take them.

    ``findings``: all of them harm, by name. They belong to the case, whether or not it is about an assessed supplier.
    ``state_imposed``: a state imposes the labour where the people of the case work, so that nobody contacts them (RM-16).
    """
    library = tuple(action for action in actions if action.safety and "harm" in action.states)
    named, days = set(findings), np.full((len(library), 1), inf)
    reached = named | {STATE_IMPOSED} if state_imposed else named
    for a, action in enumerate(library):
        is_withheld = reached & set(action.withheld_for) or (action.only_for and not reached & set(action.only_for))
        if named & set(action.addresses) and not is_withheld:
            days[a] = action.due_days["harm"]
    protect_contacts(days, library, np.full(1, state_imposed))
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


class _Conditional(NamedTuple):
    """Actions (positions) with the same findings for which they are withheld, and for which alone they are called for."""

    withheld_for: tuple[str, ...]
    only_for: tuple[str, ...]
    actions: NDArray[np.intp]


@dataclass(frozen=True)
class _Library:
    """The actions that a model uses, indexed.

    ``calls``: by finding, the actions (positions) that address it, and within how many days; ``conditional``: the actions that
    are withheld for some of the findings ``conditions``, or only for them called for, grouped by these findings.
    """

    actions: tuple[Action, ...]
    calls: Calls
    conditional: tuple[_Conditional, ...]
    conditions: frozenset[str]


@lru_cache(maxsize=64)
def _load_library(model: Model) -> _Library:
    actions = expand_groups(list_release_actions(model.actions), (model,))
    calls: dict[Finding, list[tuple[int, float]]] = {}
    for a, action in enumerate(actions):
        for finding in action.addresses:
            for state in action.states:
                calls.setdefault((finding, state), []).append((a, action.due_days[state]))
    grouped: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {}
    for a, action in enumerate(actions):
        if action.withheld_for or action.only_for:
            grouped.setdefault((action.withheld_for, action.only_for), []).append(a)
    conditional = tuple(_Conditional(*names, np.array(positions)) for names, positions in grouped.items())
    conditions = frozenset(name for withheld_for, only_for in grouped for name in (*withheld_for, *only_for))
    return _Library(actions, calls, conditional, conditions)
