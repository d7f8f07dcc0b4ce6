"""Withhold the steps that contact workers where the organisation's referral directory cannot help them yet (SAFE-4).

Whoever speaks with workers must be able to send them to shelter, legal aid, health care and a hotline on the same day. Until the
directory of a country has these, every step that contacts workers there is replaced by a sentence that says what is missing.
Steps due within hours stay: where people are in danger now, somebody reaches them at once, by a safe route. The plans of an
assessment itself, and so ``assessment.json``, do not change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.formatting import format_list
from risk_models.action_library import Action, load_actions
from risk_models.plan import Plan
from service.assessment.assess import AssessedBatch, Block
from service.report_content.labels import get_country_name

REFERRAL = "prepare_referral"  # the action by which the buyer has help ready
HOURS_END = 1.0  # days: a step that is due earlier is due in hours
UNKNOWN_TEXT = (
    "Some steps that involve contacting workers are not shown, because it is not known which country "
    "the workers are in. Enter the country first, so that help can be arranged for them there."
)
SUPPLIER_TEXT = "Steps that involve speaking with workers will be listed once help for workers has been arranged."


@cache
def _list_contact_ids() -> frozenset[str]:
    return frozenset(action.id for action in load_actions() if action.contacts_workers)


@cache
def list_later_contacts() -> frozenset[str]:
    """Return the ids of the actions that contact workers and are never due in hours: a referral always comes before them.

    Since 2026.4 no plan begins with one of them. Plans under older releases may; lists then name the referral instead.
    """
    return frozenset(
        action.id for action in load_actions() if action.contacts_workers and min(action.due_days.values()) >= HOURS_END
    )


def contacts_workers(action: Action) -> bool:
    """Return whether someone contacts workers in a step. Older generations of the library do not say, so the newest does."""
    return action.id in _list_contact_ids() if action.contacts_workers is None else action.contacts_workers


def list_worker_places(kind: str, answers: Mapping[str, Any]) -> frozenset[str]:
    """Return the countries in which a supplier's workers are: of an agency where it places them; empty if they are not known."""
    destinations = answers.get("destination_countries") if kind == "agency" else None
    if isinstance(destinations, (list, tuple)) and destinations:
        return frozenset(map(str, destinations))
    country = answers.get("country")
    return frozenset([country]) if isinstance(country, str) and country != "declined" else frozenset()


@dataclass(frozen=True)
class ContactGate:
    """The countries for which the referral directory is ready, and what it lacks elsewhere.

    ``gaps``: by country the titles of what is missing there; a country that is in neither has no entry at all. ``required``: the
    titles of everything that a directory must contain. ``days``: how long a call counts.
    """

    ready: frozenset[str]
    gaps: Mapping[str, Sequence[str]]
    required: Sequence[str]
    days: int

    def is_ready(self, places: Collection[str]) -> bool:
        """Return whether workers in these countries may be contacted; never where it is not known where they are."""
        return bool(places) and self.ready.issuperset(places)

    def withholds(self, action: Action, days: float, places: Collection[str]) -> bool:
        """Return whether a step that is due within some days is withheld for workers in these countries."""
        return days >= HOURS_END and contacts_workers(action) and not self.is_ready(places)

    def describe(self, places: Iterable[str | None]) -> str:
        """Return the text that replaces what is withheld for workers in these countries (None: not known); "" if none is."""
        found = set(places)
        lacking = sorted(
            (place for place in found if place is not None and place not in self.ready), key=get_country_name
        )
        return " ".join(filter(None, (self._describe_lacking(lacking), UNKNOWN_TEXT if None in found else "")))

    def _describe_lacking(self, lacking: Sequence[str]) -> str:
        if not lacking:
            return ""
        names = format_list([get_country_name(place) for place in lacking])
        missing = self.gaps.get(lacking[0], self.required) if len(lacking) == 1 else self.required
        each = "" if len(lacking) == 1 else " for each of these countries"
        return (
            f"Steps that involve contacting workers in {names} are not shown until the referral directory has "
            f"{format_list(missing)}{each}, verified by a call within the last {self.days} days. Add them to the "
            "referral directory."
        )

    def apply(self, assessed: AssessedBatch) -> GatedBatch:
        """Return an assessment without the steps that are withheld."""
        blocks, places, owners = [], set[str | None](), set[str]()
        for block in assessed.blocks:
            of_each = _list_places(block)
            closed = np.array([not self.is_ready(each) for each in of_each], dtype=bool)
            days, withheld = _withhold(block.plan, closed)
            own = block.plan.own_answers
            own = own and replace(own, days=_withhold(own, closed)[0])
            blocks.append(replace(block, plan=replace(block.plan, days=days, own_answers=own)))
            for position in np.flatnonzero(withheld.any(axis=0)).tolist():
                places |= (of_each[position] - self.ready) or {None}
            owners |= {block.plan.actions[a].owner for a in np.flatnonzero(withheld.any(axis=1)).tolist()}
        return GatedBatch(replace(assessed, blocks=tuple(blocks)), frozenset(places), frozenset(owners))


@dataclass(frozen=True)
class GatedBatch:
    """An assessment as it may be shown, and of the steps withheld from it: the countries (None: not known) and the owners."""

    assessed: AssessedBatch
    places: frozenset[str | None]
    owners: frozenset[str]


def _list_places(block: Block) -> list[frozenset[str]]:
    """Return the countries of the workers of each supplier of a block."""
    names = ("country", "destination_countries") if block.model.kind == "agency" else ("country",)
    columns = {name: block.answers.column(name) for name in names}
    seen: dict[tuple[int, ...], frozenset[str]] = {}
    for codes in zip(*(column.codes.tolist() for column in columns.values()), strict=True):
        if codes not in seen:
            answers = {
                name: column.values[code]
                for (name, column), code in zip(columns.items(), codes, strict=True)
                if code >= 0
            }
            seen[codes] = list_worker_places(block.model.kind, answers)
    return [seen[codes] for codes in zip(*(column.codes.tolist() for column in columns.values()), strict=True)]


def _withhold(plan: Plan, closed: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the days of a plan (a, n) without the contacts withheld from some suppliers (n,), and which those are (a, n)."""
    contacts = np.array([contacts_workers(action) for action in plan.actions], dtype=bool)
    withheld = contacts[:, np.newaxis] & closed & (plan.days >= HOURS_END) & np.isfinite(plan.days)
    return np.where(withheld, np.inf, plan.days), withheld
