"""What workers are known to pay on a corridor, to which weak evidence is drawn. Which facts, and how: ``repayment.toml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from risk_models.facts.facts import Fact, FactSnapshot
from risk_models.repayment.cohorts import CalculationNotes, Cohort, KnownCost, RepaymentIssue, Terms, load_rules
from risk_models.repayment.exchange import UNIT_ESTIMATE, Estimate, Period


def estimate_known_cost(cohort: Cohort, terms: Terms, facts: FactSnapshot, notes: CalculationNotes) -> KnownCost | None:
    """The known cost of the cohort's corridor for one worker; None where none can be told.

    Faults: ``rate.missing_for_fact``, ``wage.missing``.
    """
    if not (cohort.origin and cohort.destination) or cohort.origin == cohort.destination:
        return None
    told = load_rules()["corridor"]
    search = _Search(cohort, terms, facts, notes)
    own = f"{cohort.origin}>{cohort.destination}"
    means: list[Estimate] = []
    for corridor in (own, f"{cohort.origin}>*", f"*>{cohort.destination}"):
        means = means or list(search.costs(corridor, "central"))
    lows, highs = list(search.costs(own, "low")), list(search.costs(own, "high"))
    search.note_memories(own)
    if not means and not (lows and highs):
        if search.wage_wanted:
            notes.issues.append(RepaymentIssue("wage.missing", cohort.id, own))
        return None
    middle = [(lows[0].central + highs[0].central) / 2] if not means else []
    central = max(*middle, *(mean.central for mean in means), Decimal(0))
    cost = Estimate(
        min(central * told["low"], *(each.low for each in (*means, *lows))),
        central,
        max(central * told["high"], *(each.high for each in (*means, *highs))),
    )
    notes.add_assumption("corridor_prices")
    return KnownCost(cost, find_policy_share(cohort, terms, notes))


@dataclass
class _Search:
    """The facts of a corridor in money; ``wage_wanted``: whether one was passed over for want of earnings."""

    cohort: Cohort
    terms: Terms
    facts: FactSnapshot
    notes: CalculationNotes
    wage_wanted: bool = field(default=False)

    def costs(self, corridor: str, reading: str) -> Iterator[Estimate]:
        """The facts of one code that serve one reading."""
        for entry in load_rules()["corridor"]["facts"]:
            known = self.facts.get_fact("corridor", corridor, entry["fact"]) if entry["reading"] == reading else None
            money = None if known is None else self.in_money(known, entry)
            if known is not None and money is not None:
                self.assume("corridor_fact", corridor, entry["fact"], known)
                yield money

    def in_money(self, known: Fact, entry: Mapping[str, Any]) -> Estimate | None:
        """A fact in the currency of the report, at the rates of its year; months at those of the hiring."""
        cohort, value = self.cohort, Decimal(str(known.value))
        if entry.get("months"):
            wage = convert_amount(cohort.wage, cohort.wage_currency, cohort.hired, self.terms)
            self.wage_wanted = self.wage_wanted or wage is None
            return None if wage is None else wage.multiply(value)
        year = Period(date(known.year, 1, 1), date(known.year, 12, 31)) if known.year else None
        money = convert_amount(value, entry["currency"], year, self.terms)
        if money is None:
            seen = f"{entry['currency']} in {known.year or 'a year that is not told'}"
            self.notes.issues.append(RepaymentIssue("rate.missing_for_fact", cohort.id, seen))
        return money

    def note_memories(self, corridor: str) -> None:
        """What is known from memory alone is told, and used for nothing."""
        for name in load_rules()["corridor"]["from_memory"]:
            known = self.facts.get_fact("corridor", corridor, name)
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
        self.notes.add_assumption(assumption, self.cohort.id, (known.source,), **told)


def convert_amount(amount: Decimal | None, currency: str, paid: Period | None, terms: Terms) -> Estimate | None:
    """An amount in the currency of the report, as the rates in force read it; None where there is no amount or no rate."""
    if amount is None or not currency:
        return None
    rate = find_rate(currency, paid, terms)
    return None if rate is None else Estimate(amount / rate.high, amount / rate.central, amount / rate.low)


def find_rate(currency: str, paid: Period | None, terms: Terms) -> Estimate | None:
    """The rate of a currency when something was paid; the report's own currency needs no date."""
    if currency == terms.rates.currency:
        return UNIT_ESTIMATE
    return None if paid is None else terms.rates.find_rate(currency, paid, load_rules()["time"]["rate_days"])


def find_policy_share(cohort: Cohort, terms: Terms, notes: CalculationNotes) -> Estimate:
    """What of the known cost counts: all of it, or half once workers were hired after the date of a zero-fee policy (RP-17)."""
    policy, share, whole = cohort.zero_fee_from or terms.zero_fee_from, load_rules()["policy"]["share"], Decimal(1)
    if policy is None or (cohort.hired is not None and cohort.hired.last < policy):
        return UNIT_ESTIMATE
    if cohort.hired is not None and cohort.hired.first >= policy:
        notes.add_assumption("after_policy", cohort.id)
        return Estimate(share, share, share)
    notes.add_assumption("around_policy", cohort.id)
    return Estimate(share, whole, whole)
