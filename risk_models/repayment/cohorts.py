"""Define cohorts of workers and what they are owed, as the input and output of the repayment calculator.

A cohort is a group of workers with the same origin, destination and hiring period; individuals are never named. The rules are in
``repayment.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from risk_models.repayment.exchange import Estimate, Period, Rates, sum_estimates

RULES_FILE = Path(__file__).with_name("repayment.toml")


@cache
def load_repayment_rules() -> Mapping[str, Any]:
    """Return the content of ``repayment.toml``, with its fractions as decimals."""
    return tomllib.loads(RULES_FILE.read_text(encoding="utf-8"), parse_float=Decimal)


@cache
def index_repayment_rules(table: str, key: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the entries of one list in the rules, by key."""
    return {entry[key]: entry for entry in load_repayment_rules()[table]}


@dataclass(frozen=True)
class FeeItem:
    """An amount that one worker of a cohort paid or, for the item "repaid", was paid back.

    ``item``, ``evidence`` and ``paid_by`` are codes of the rules, "" where not given. ``fair_value``: the fair value of what was
    charged for. ``place``: the location in the source.
    """

    item: str
    amount: Decimal
    currency: str
    paid: Period | None = None
    evidence: str = ""
    paid_by: str = ""
    low: Decimal | None = None
    high: Decimal | None = None
    fair_value: Decimal | None = None
    place: str = ""


@dataclass(frozen=True)
class Cohort:
    """A group of workers with one origin and destination (alpha-2 codes), hired in one period. None or "" means not known.

    ``left``: the date when the last of the past workers left. ``wage``: first monthly earnings. ``covers_all``: whether workers
    were asked about every kind of fee and cost.
    """

    id: str
    origin: str = ""
    destination: str = ""
    agency: str = ""
    job: str = ""
    hired: Period | None = None
    current: int | None = None
    past: int | None = None
    left: Period | None = None
    wage: Decimal | None = None
    wage_currency: str = ""
    zero_fee_from: date | None = None
    covers_all: bool = False
    items: tuple[FeeItem, ...] = ()


@dataclass(frozen=True)
class Terms:
    """The terms on which repayment is calculated and paid, in the currency of the rates.

    ``interest``: per cent a year. ``management``: management's own figure for the total. ``zero_fee_from`` applies to cohorts
    without a date of their own.
    """

    on: date
    rates: Rates
    interest: Decimal = Decimal(0)
    instalments: int = 1
    first_payment: date | None = None
    discovered: date | None = None
    past_since: date | None = None
    zero_fee_from: date | None = None
    management: Decimal | None = None


@dataclass(frozen=True)
class RepaymentIssue:
    """A problem in the data that excluded an amount or a cohort ("error"), or changed how it was read ("warning").

    ``value``: what was found in the data; ``place``: its location in the source.
    """

    code: str
    cohort: str = ""
    value: str = ""
    place: str = ""

    @property
    def severity(self) -> str:
        """Return "error" or "warning"."""
        return str(load_repayment_rules()["fault"][self.code]["severity"])

    def describe(self) -> str:
        """Return the problem and how to fix it, as sentences."""
        entry = load_repayment_rules()["fault"][self.code]
        return f"{entry['message']} {entry['cure']}".format(seen=self.value, **load_repayment_rules()["time"])


@dataclass(frozen=True)
class AccountLine:
    """The amount of one item for one worker, in the currency of the report.

    ``amount_text``: amount and currency as received; ``rate``: units of that currency per unit of the report's currency.
    ``reason``: why the amount is not ``counted`` in the sums, or how it was derived. ``to_cancel``: a debt that is still open and
    not included in any sum.
    """

    item: str
    principal: Estimate
    interest: Estimate
    evidence: str = ""
    paid_by: str = ""
    amount_text: str = ""
    paid: Period | None = None
    rate: Estimate | None = None
    counted: bool = True
    to_cancel: bool = False
    reason: str = ""
    place: str = ""

    @property
    def title(self) -> str:
        """Return the title of the item."""
        return str(index_repayment_rules("item", "code")[self.item]["title"])

    @property
    def sum(self) -> Estimate:
        """Return the sum of principal and interest."""
        return sum_estimates((self.principal, self.interest))


@dataclass(frozen=True)
class KnownCost:
    """The known cost of a corridor for a cohort; ``share``: the share that counts after a zero-fee policy (1 without one)."""

    cost: Estimate
    share: Estimate

    @property
    def target(self) -> Estimate:
        """Return the amount towards which weak evidence is topped up."""
        return Estimate(*(cost * share for cost, share in zip(self.cost, self.share, strict=True)))


@dataclass(frozen=True)
class CohortAccount:
    """What a cohort is owed, as estimates for one worker unless stated otherwise.

    ``weight``: the weight of the evidence, 0 to 1; ``months_of_earnings``: the fees in months of a worker's first earnings.
    """

    cohort: Cohort
    lines: tuple[AccountLine, ...]
    current: int
    past: int
    past_excluded: int
    weight: Decimal
    known_cost: KnownCost | None
    months_of_earnings: Decimal | None
    complete: bool

    @property
    def workers(self) -> int:
        """Return the number of workers who are repaid."""
        return self.current + self.past

    @property
    def fees(self) -> Estimate:
        """Return what one worker paid, without interest, before deducting what was paid back."""
        return sum_estimates(line.principal for line in self.lines if line.counted and line.item != "repaid")

    @property
    def interest(self) -> Estimate:
        """Return the interest on the fees of one worker."""
        return sum_estimates(line.interest for line in self.lines if line.counted and line.item != "repaid")

    @property
    def repaid(self) -> Estimate:
        """Return what was paid back to one worker, as a negative amount."""
        return sum_estimates(line.sum for line in self.lines if line.item == "repaid")

    @property
    def to_cancel(self) -> Estimate:
        """Return the open debt of one worker, which is to be cancelled rather than paid out."""
        return sum_estimates(line.principal for line in self.lines if line.to_cancel)

    @property
    def per_worker(self) -> Estimate:
        """Return what one worker is owed."""
        return sum_estimates(line.sum for line in self.lines if line.counted)

    @property
    def total(self) -> Estimate:
        """Return what all workers of the cohort are owed."""
        return self.per_worker.multiply(self.workers)


@dataclass(frozen=True)
class Assumption:
    """An assumption behind the figures, with its sources and the cohorts to which it applies (all, if none are listed)."""

    id: str
    text: str
    sources: tuple[str, ...]
    cohorts: tuple[str, ...] = ()


@dataclass
class CalculationNotes:
    """The issues and assumptions collected during a calculation.

    ``assumptions``: cohorts by (id, text, sources) of the assumption.
    """

    issues: list[RepaymentIssue] = field(default_factory=list)
    assumptions: dict[tuple[str, str, tuple[str, ...]], dict[str, None]] = field(default_factory=dict)

    def add_assumption(self, name: str, cohort: str = "", sources: Sequence[str] = (), **values: object) -> None:
        """Add an assumption of the rules for one cohort, or for all; ``values`` fill the placeholders of its text."""
        entry = index_repayment_rules("assumption", "id")[name]
        key = (name, str(entry["text"]).format(**values), tuple(sources or entry["sources"]))
        cohorts = self.assumptions.setdefault(key, {})
        if cohort:
            cohorts[cohort] = None

    def list_assumptions(self) -> tuple[Assumption, ...]:
        """Return the assumptions in the order of the rules."""
        order = list(index_repayment_rules("assumption", "id"))
        collected = sorted(self.assumptions.items(), key=lambda entry: (order.index(entry[0][0]), entry[0][1]))
        return tuple(Assumption(*key, tuple(cohorts)) for key, cohorts in collected)
