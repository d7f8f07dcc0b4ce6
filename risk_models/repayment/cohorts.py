"""Cohorts of workers and what they are owed, as plain values: what goes into the repayment calculator and what comes out.

A cohort is workers of one origin, destination and period of hiring, never persons. The rules stand in ``repayment.toml``.
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

from risk_models.repayment.exchange import Period, Rates, Reading, plus

FILE = Path(__file__).with_name("repayment.toml")


@cache
def rules() -> Mapping[str, Any]:
    """``repayment.toml``; its fractions are decimals."""
    return tomllib.loads(FILE.read_text(encoding="utf-8"), parse_float=Decimal)


@cache
def entries(table: str, key: str) -> Mapping[str, Mapping[str, Any]]:
    """The entries of one of its lists by their key."""
    return {entry[key]: entry for entry in rules()[table]}


@dataclass(frozen=True)
class FeeItem:
    """What one worker of a cohort paid; or, item "repaid", was paid back.

    ``item``, ``evidence`` and ``paid_by`` are codes of the rules, "" where not given. ``fair``: the fair value of what was
    charged for. ``place``: where it stands in what was sent.
    """

    item: str
    amount: Decimal
    currency: str
    paid: Period | None = None
    evidence: str = ""
    paid_by: str = ""
    low: Decimal | None = None
    high: Decimal | None = None
    fair: Decimal | None = None
    place: str = ""


@dataclass(frozen=True)
class Cohort:
    """Workers of one origin and destination (alpha-2 codes), hired in one period; None or "" is not known.

    ``left``: when the last of the past workers left. ``wage``: first monthly earnings. ``covers_all``: whether workers were
    asked about every kind of fee and cost.
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
    """How it is calculated and paid, in the currency of the rates.

    ``interest``: per cent a year. ``management``: management's own figure of the whole. ``zero_fee_from`` holds for cohorts
    that do not tell theirs.
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
class Fault:
    """Something in the data that kept an amount or a cohort out ("error"), or was read in another way ("warning")."""

    code: str
    cohort: str = ""
    seen: str = ""
    place: str = ""

    @property
    def severity(self) -> str:
        """ "error" or "warning"."""
        return str(rules()["fault"][self.code]["severity"])

    def sentence(self) -> str:
        """The fault and its cure, for a reader."""
        told = rules()["fault"][self.code]
        return f"{told['message']} {told['cure']}".format(seen=self.seen, **rules()["time"])


@dataclass(frozen=True)
class Line:
    """What one item comes to for one worker, in the currency of the report.

    ``told``: amount and currency as they were sent; ``rate``: units of that currency for one of the report's. ``why``: why it
    is not ``counted`` in the sums, or how it came about. ``to_cancel``: a debt that is still open, which stands beside them.
    """

    item: str
    principal: Reading
    interest: Reading
    evidence: str = ""
    paid_by: str = ""
    told: str = ""
    paid: Period | None = None
    rate: Reading | None = None
    counted: bool = True
    to_cancel: bool = False
    why: str = ""
    place: str = ""

    @property
    def title(self) -> str:
        """What the item is called."""
        return str(entries("item", "code")[self.item]["title"])

    @property
    def sum(self) -> Reading:
        """Principal and interest."""
        return plus((self.principal, self.interest))


@dataclass(frozen=True)
class Known:
    """The known cost of a corridor for a cohort; ``share``: what of it counts after a zero-fee policy (1 without one)."""

    cost: Reading
    share: Reading

    @property
    def counted(self) -> Reading:
        """What evidence is drawn towards."""
        return Reading(*(cost * share for cost, share in zip(self.cost, self.share, strict=True)))


@dataclass(frozen=True)
class Owed:
    """What a cohort is owed. ``weight``: of its evidence, 0 to 1; ``months``: of first earnings that a worker paid."""

    cohort: Cohort
    lines: tuple[Line, ...]
    current: int
    past: int
    past_left_out: int
    weight: Decimal
    known: Known | None
    months: Decimal | None
    complete: bool

    @property
    def workers(self) -> int:
        """The workers who are paid back."""
        return self.current + self.past

    @property
    def fees(self) -> Reading:
        """What one worker paid, without interest, before what was paid back."""
        return plus(line.principal for line in self.lines if line.counted and line.item != "repaid")

    @property
    def interest(self) -> Reading:
        """The interest on it."""
        return plus(line.interest for line in self.lines if line.counted and line.item != "repaid")

    @property
    def repaid(self) -> Reading:
        """What was paid back, below nothing."""
        return plus(line.sum for line in self.lines if line.item == "repaid")

    @property
    def to_cancel(self) -> Reading:
        """What one worker still owes and is to owe no more: it is cancelled, not paid out."""
        return plus(line.principal for line in self.lines if line.to_cancel)

    @property
    def per_worker(self) -> Reading:
        """What one worker is owed."""
        return plus(line.sum for line in self.lines if line.counted)

    @property
    def total(self) -> Reading:
        """What all its workers are owed."""
        return self.per_worker.times(self.workers)


@dataclass(frozen=True)
class Assumption:
    """A sentence the figures rest on, with its sources and the cohorts it speaks of (none: all)."""

    id: str
    text: str
    sources: tuple[str, ...]
    cohorts: tuple[str, ...] = ()


@dataclass
class Notes:
    """Faults and assumptions as they are met."""

    faults: list[Fault] = field(default_factory=list)
    met: dict[tuple[str, str, tuple[str, ...]], dict[str, None]] = field(default_factory=dict)

    def assume(self, name: str, cohort: str = "", sources: Sequence[str] = (), **told: object) -> None:
        """An assumption of the rules, of one cohort or of all."""
        entry = entries("assumption", "id")[name]
        key = (name, str(entry["text"]).format(**told), tuple(sources or entry["sources"]))
        cohorts = self.met.setdefault(key, {})
        if cohort:
            cohorts[cohort] = None

    def listed(self) -> tuple[Assumption, ...]:
        """The assumptions, in the order of the rules."""
        order = list(entries("assumption", "id"))
        met = sorted(self.met.items(), key=lambda one: (order.index(one[0][0]), one[0][1]))
        return tuple(Assumption(*key, tuple(cohorts)) for key, cohorts in met)
