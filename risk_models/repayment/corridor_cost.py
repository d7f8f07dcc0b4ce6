"""Estimate the known cost of a corridor for workers. Weak evidence is topped up towards this cost.

``repayment.toml`` defines which facts are used, and how.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from risk_models.facts.facts import Fact, FactSnapshot
from risk_models.repayment.cohorts import (
    CalculationNotes,
    Cohort,
    KnownCost,
    RepaymentIssue,
    Terms,
    load_repayment_rules,
)
from risk_models.repayment.exchange import UNIT_ESTIMATE, Estimate, Period


def estimate_known_cost(cohort: Cohort, terms: Terms, facts: FactSnapshot, notes: CalculationNotes) -> KnownCost | None:
    """Estimate the known cost of the cohort's corridor for one worker; None if no fact states it.

    May add the issues ``rate.missing_for_fact`` and ``wage.missing``.
    """
    if not (cohort.origin and cohort.destination) or cohort.origin == cohort.destination:
        return None
    rules = load_repayment_rules()["corridor"]
    search = _CostSearch(cohort, terms, facts, notes)
    corridor = f"{cohort.origin}>{cohort.destination}"
    means: list[Estimate] = []
    for code in (corridor, f"{cohort.origin}>*", f"*>{cohort.destination}"):
        means = means or list(search.iter_costs(code, "central"))
    lows, highs = list(search.iter_costs(corridor, "low")), list(search.iter_costs(corridor, "high"))
    search.note_facts_from_memory(corridor)
    if not means and not (lows and highs):
        if search.wage_missing:
            notes.issues.append(RepaymentIssue("wage.missing", cohort.id, corridor))
        return None
    middle = [(lows[0].central + highs[0].central) / 2] if not means else []
    central = max(*middle, *(mean.central for mean in means), Decimal(0))
    cost = Estimate(
        min(central * rules["low"], *(estimate.low for estimate in (*means, *lows))),
        central,
        max(central * rules["high"], *(estimate.high for estimate in (*means, *highs))),
    )
    notes.add_assumption("corridor_prices")
    return KnownCost(cost, find_policy_share(cohort, terms, notes))


@dataclass
class _CostSearch:
    """A search for the costs of a corridor; ``wage_missing``: whether a fact was skipped because earnings are unknown."""

    cohort: Cohort
    terms: Terms
    facts: FactSnapshot
    notes: CalculationNotes
    wage_missing: bool = field(default=False)

    def iter_costs(self, corridor: str, reading: str) -> Iterator[Estimate]:
        """Yield the costs from facts about one corridor code that are used for one figure (low, central or high)."""
        for entry in load_repayment_rules()["corridor"]["facts"]:
            fact = self.facts.get_fact("corridor", corridor, entry["fact"]) if entry["reading"] == reading else None
            cost = None if fact is None else self.convert_fact(fact, entry)
            if fact is not None and cost is not None:
                self.add_fact_assumption("corridor_fact", corridor, entry["fact"], fact)
                yield cost

    def convert_fact(self, fact: Fact, entry: Mapping[str, Any]) -> Estimate | None:
        """Convert a fact to the currency of the report at the rates of its year, or of the hiring date for months of wages.

        Returns None if the wage or a rate is missing.
        """
        cohort, value = self.cohort, Decimal(str(fact.value))
        if entry.get("months"):
            wage = convert_amount(cohort.wage, cohort.wage_currency, cohort.hired, self.terms)
            self.wage_missing = self.wage_missing or wage is None
            return None if wage is None else wage.multiply(value)
        year = Period(date(fact.year, 1, 1), date(fact.year, 12, 31)) if fact.year else None
        cost = convert_amount(value, entry["currency"], year, self.terms)
        if cost is None:
            missing = f"{entry['currency']} in {fact.year or 'an unknown year'}"
            self.notes.issues.append(RepaymentIssue("rate.missing_for_fact", cohort.id, missing))
        return cost

    def note_facts_from_memory(self, corridor: str) -> None:
        """Add facts known only from memory to the assumptions; they are not used for any figure."""
        for name in load_repayment_rules()["corridor"]["from_memory"]:
            fact = self.facts.get_fact("corridor", corridor, name)
            if fact is not None:
                self.add_fact_assumption("from_memory", corridor, name, fact)

    def add_fact_assumption(self, assumption: str, corridor: str, name: str, fact: Fact) -> None:
        """Add an assumption that gives a fact with its source."""
        description = self.facts.descriptions[f"corridor.{name}"]
        values = {
            "corridor": corridor,
            "title": description.title,
            "value": f"{fact.value:,g} {description.unit}",
            "year": fact.year,
        }
        self.notes.add_assumption(assumption, self.cohort.id, (fact.source,), **values)


def convert_amount(amount: Decimal | None, currency: str, paid: Period | None, terms: Terms) -> Estimate | None:
    """Convert an amount to the currency of the report at the rates in force; None if there is no amount or no rate."""
    if amount is None or not currency:
        return None
    rate = find_rate(currency, paid, terms)
    return None if rate is None else Estimate(amount / rate.high, amount / rate.central, amount / rate.low)


def find_rate(currency: str, paid: Period | None, terms: Terms) -> Estimate | None:
    """Return the rate of a currency in the period of a payment; None if there is none. The report's own currency always has 1."""
    if currency == terms.rates.currency:
        return UNIT_ESTIMATE
    return None if paid is None else terms.rates.find_rate(currency, paid, load_repayment_rules()["time"]["rate_days"])


def find_policy_share(cohort: Cohort, terms: Terms, notes: CalculationNotes) -> Estimate:
    """Return the share of the known cost that counts: 1, or 0.5 for workers hired after a zero-fee policy (RP-17)."""
    policy, share, whole = (
        cohort.zero_fee_from or terms.zero_fee_from,
        load_repayment_rules()["policy"]["share"],
        Decimal(1),
    )
    if policy is None or (cohort.hired is not None and cohort.hired.last < policy):
        return UNIT_ESTIMATE
    if cohort.hired is not None and cohort.hired.first >= policy:
        notes.add_assumption("after_policy", cohort.id)
        return Estimate(share, share, share)
    notes.add_assumption("around_policy", cohort.id)
    return Estimate(share, whole, whole)
