"""What workers are known to pay on a corridor, to which weak evidence is drawn. Which facts, and how: ``repayment.toml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from risk_models.facts.facts import Fact, FactsOn
from risk_models.repayment.cohorts import Cohort, Fault, Known, Notes, Terms, rules
from risk_models.repayment.exchange import SAME, Period, Reading


def known_cost(cohort: Cohort, terms: Terms, facts: FactsOn, notes: Notes) -> Known | None:
    """The known cost of the cohort's corridor for one worker; None where none can be told.

    Faults: ``rate.missing_for_fact``, ``wage.missing``.
    """
    if not (cohort.origin and cohort.destination) or cohort.origin == cohort.destination:
        return None
    told = rules()["corridor"]
    search = _Search(cohort, terms, facts, notes)
    own = f"{cohort.origin}>{cohort.destination}"
    means: list[Reading] = []
    for corridor in (own, f"{cohort.origin}>*", f"*>{cohort.destination}"):
        means = means or list(search.costs(corridor, "central"))
    lows, highs = list(search.costs(own, "low")), list(search.costs(own, "high"))
    search.note_memories(own)
    if not means and not (lows and highs):
        if search.wage_wanted:
            notes.faults.append(Fault("wage.missing", cohort.id, own))
        return None
    middle = [(lows[0].central + highs[0].central) / 2] if not means else []
    central = max(*middle, *(mean.central for mean in means), Decimal(0))
    cost = Reading(
        min(central * told["low"], *(each.low for each in (*means, *lows))),
        central,
        max(central * told["high"], *(each.high for each in (*means, *highs))),
    )
    notes.assume("corridor_prices")
    return Known(cost, after_policy(cohort, terms, notes))


@dataclass
class _Search:
    """The facts of a corridor in money; ``wage_wanted``: whether one was passed over for want of earnings."""

    cohort: Cohort
    terms: Terms
    facts: FactsOn
    notes: Notes
    wage_wanted: bool = field(default=False)

    def costs(self, corridor: str, reading: str) -> Iterator[Reading]:
        """The facts of one code that serve one reading."""
        for entry in rules()["corridor"]["facts"]:
            known = self.facts.value("corridor", corridor, entry["fact"]) if entry["reading"] == reading else None
            money = None if known is None else self.in_money(known, entry)
            if known is not None and money is not None:
                self.assume("corridor_fact", corridor, entry["fact"], known)
                yield money

    def in_money(self, known: Fact, entry: Mapping[str, Any]) -> Reading | None:
        """A fact in the currency of the report, at the rates of its year; months at those of the hiring."""
        cohort, value = self.cohort, Decimal(str(known.value))
        if entry.get("months"):
            wage = converted(cohort.wage, cohort.wage_currency, cohort.hired, self.terms)
            self.wage_wanted = self.wage_wanted or wage is None
            return None if wage is None else wage.times(value)
        year = Period(date(known.year, 1, 1), date(known.year, 12, 31)) if known.year else None
        money = converted(value, entry["currency"], year, self.terms)
        if money is None:
            seen = f"{entry['currency']} in {known.year or 'a year that is not told'}"
            self.notes.faults.append(Fault("rate.missing_for_fact", cohort.id, seen))
        return money

    def note_memories(self, corridor: str) -> None:
        """What is known from memory alone is told, and used for nothing."""
        for name in rules()["corridor"]["from_memory"]:
            known = self.facts.value("corridor", corridor, name)
            if known is not None:
                self.assume("from_memory", corridor, name, known)

    def assume(self, assumption: str, corridor: str, name: str, known: Fact) -> None:
        """Tells a fact with its source."""
        about = self.facts.descriptions[f"corridor.{name}"]
        told = {
            "corridor": corridor,
            "title": about.title,
            "value": f"{known.value:,g} {about.unit}",
            "year": known.year,
        }
        self.notes.assume(assumption, self.cohort.id, (known.source,), **told)


def converted(amount: Decimal | None, currency: str, paid: Period | None, terms: Terms) -> Reading | None:
    """An amount in the currency of the report, as the rates in force read it; None where there is no amount or no rate."""
    if amount is None or not currency:
        return None
    rate = rate_of(currency, paid, terms)
    return None if rate is None else Reading(amount / rate.high, amount / rate.central, amount / rate.low)


def rate_of(currency: str, paid: Period | None, terms: Terms) -> Reading | None:
    """The rate of a currency when something was paid; the report's own currency needs no date."""
    if currency == terms.rates.currency:
        return SAME
    return None if paid is None else terms.rates.in_force(currency, paid, rules()["time"]["rate_days"])


def after_policy(cohort: Cohort, terms: Terms, notes: Notes) -> Reading:
    """What of the known cost counts: all of it, or half once workers were hired after the date of a zero-fee policy (RP-17)."""
    policy, share, whole = cohort.zero_fee_from or terms.zero_fee_from, rules()["policy"]["share"], Decimal(1)
    if policy is None or (cohort.hired is not None and cohort.hired.last < policy):
        return SAME
    if cohort.hired is not None and cohort.hired.first >= policy:
        notes.assume("after_policy", cohort.id)
        return Reading(share, share, share)
    notes.assume("around_policy", cohort.id)
    return Reading(share, whole, whole)
