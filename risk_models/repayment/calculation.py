"""What workers are owed back for the fees and costs of their recruitment: per worker and in total, low, central, high.

The method is that of the published guidance on repayment; its figures, reasons, assumptions and sentences are data, in
``repayment.toml``. Amounts are decimals, each line is rounded to the cent for one worker, and everything above a line is a sum
of lines: so the totals add up, cohort by cohort and item by item.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal

from risk_models.facts.facts import FactsOn
from risk_models.repayment.account import CENT, ZERO, cents, owed
from risk_models.repayment.cohorts import Assumption, Cohort, Fault, Notes, Owed, Terms, entries, rules
from risk_models.repayment.exchange import Reading, plus


class BadTerms(ValueError):
    """Terms that no calculation can have: one sentence that says which, and what would do."""


@dataclass(frozen=True)
class Instalment:
    """One payment to the current or past workers of a cohort; cohort "" is what is not told apart by cohort."""

    number: int
    due: date
    cohort: str
    group: str
    workers: int
    per_worker: Decimal
    amount: Decimal
    in_time: bool


@dataclass(frozen=True)
class Check:
    """A row of the reconciliation; ``kind``: "item", "cohort", "part", "sum" or "difference" (which is 0)."""

    kind: str
    title: str
    amount: Reading


@dataclass(frozen=True)
class Repayment:
    """A whole calculation: ``total`` is ``fees`` (what workers paid), ``interest`` on them, ``uplift`` (what raises the fees to
    management's own figure), and ``repaid``, which is below nothing. ``to_cancel``: debts still open, not in the total.
    ``ratio``: ``fees.central`` to management's own figure.
    """

    terms: Terms
    cohorts: tuple[Owed, ...]
    fees: Reading
    interest: Reading
    uplift: Reading
    repaid: Reading
    total: Reading
    to_cancel: Reading
    ratio: Decimal | None
    deadline: date
    instalments: tuple[Instalment, ...]
    assumptions: tuple[Assumption, ...]
    faults: tuple[Fault, ...]
    reconciliation: tuple[Check, ...]

    @property
    def complete(self) -> bool:
        """Whether everything that was sent is in the total."""
        return not any(fault.severity == "error" for fault in self.faults)


def repayment(cohorts: Sequence[Cohort], terms: Terms, facts: FactsOn, faults: Sequence[Fault] = ()) -> Repayment:
    """What these cohorts are owed on these terms. ``faults``: those found when the cohorts were read.

    Raises :class:`BadTerms`.
    """
    check_terms(terms)
    notes = Notes()
    accounts = tuple(owed(cohort, terms, facts, notes) for cohort in cohorts)
    fees = plus(account.fees.times(account.workers) for account in accounts)
    interest = plus(account.interest.times(account.workers) for account in accounts)
    repaid = plus(account.repaid.times(account.workers) for account in accounts)
    by_cohort = plus(account.total for account in accounts)
    raised = Reading(*(max(ZERO, (terms.management or ZERO) - value) for value in fees))
    total = plus((by_cohort, raised)).in_order()
    uplift = total.less(by_cohort)
    deadline = (terms.discovered or terms.on) + timedelta(days=rules()["time"]["deadline_days"])
    instalments = tuple(sorted(schedule(accounts, uplift.central, terms, deadline), key=lambda each: each.number))
    assume_terms(notes, terms, deadline, past=any(account.cohort.past for account in accounts))
    return Repayment(
        terms=terms,
        cohorts=accounts,
        fees=fees,
        interest=interest,
        uplift=uplift,
        repaid=repaid,
        total=total,
        to_cancel=plus(account.to_cancel.times(account.workers) for account in accounts),
        ratio=ratio(fees.central, terms.management) if terms.management else None,
        deadline=deadline,
        instalments=instalments,
        assumptions=notes.listed(),
        faults=(*faults, *dict.fromkeys(notes.faults)),
        reconciliation=tuple(reconciliation(accounts, (fees, interest, uplift, repaid), total, instalments)),
    )


def check_terms(terms: Terms) -> None:
    """Raises :class:`BadTerms` for terms out of bounds."""
    most = rules()["time"]["instalments_most"]
    if not 1 <= terms.instalments <= most:
        raise BadTerms(f"Instalments are 1 (a lump sum, which is preferred) to {most}, not {terms.instalments}.")
    if not ZERO <= terms.interest <= 100:
        raise BadTerms("Interest is 0 to 100 per cent a year.")
    if terms.management is not None and not ZERO < terms.management < Decimal(10) ** 12:
        raise BadTerms("Management's own figure is an amount above 0, below a million million.")
    if terms.first_payment is not None and terms.first_payment < terms.on:
        raise BadTerms("The first payment cannot lie before the day of the calculation.")


def ratio(independent: Decimal, own: Decimal) -> Decimal:
    """How many times management's own figure an independent one is, to two digits (2.57 in the published case, RP-17)."""
    return cents(independent / own)


def published_ratio() -> Decimal:
    """The ratio of the published case."""
    told = rules()["published"]
    return ratio(Decimal(told["check"]), Decimal(told["own"]))


def assume_terms(notes: Notes, terms: Terms, deadline: date, past: bool) -> None:
    """Notes what every calculation rests on, and what the terms add."""
    time = rules()["time"]
    for name in ("same_scale", "no_receipts", "full_amounts"):
        notes.assume(name)
    notes.assume("interest" if terms.interest else "no_interest", interest=f"{terms.interest:f}", on=terms.on)
    if past:
        notes.assume("past_at_once")
        notes.assume("past_cut_off" if terms.past_since else "all_past_workers", past_since=terms.past_since)
    if terms.management:
        notes.assume("management_floor", management=f"{terms.management:,.2f}", currency=terms.rates.currency)
    discovered = terms.discovered or terms.on
    notes.assume("deadline", deadline_days=time["deadline_days"], discovered=discovered, deadline=deadline)
    notes.assume("lump_sum" if terms.instalments == 1 else "instalments", instalments=terms.instalments)
    if terms.instalments > time["instalments_common"]:
        notes.assume("long_instalments", instalments_common=time["instalments_common"])


def schedule(accounts: Sequence[Owed], uplift: Decimal, terms: Terms, deadline: date) -> Iterator[Instalment]:
    """The payments of the central reading: to current workers in monthly instalments, to past workers at once (RP-12).

    The first instalment bears the cents that do not divide.
    """
    first = terms.first_payment or terms.on

    def paid(number: int, cohort: str, group: str, workers: int, each: Decimal, amount: Decimal) -> Instalment:
        due = months_after(first, number - 1)
        return Instalment(number, due, cohort, group, workers, each, amount, due <= deadline)

    for account in accounts:
        whole, cohort = account.per_worker.central, account.cohort.id
        if account.past and whole:
            yield paid(1, cohort, "past", account.past, whole, whole * account.past)
        part = (whole / terms.instalments).quantize(CENT, ROUND_FLOOR)
        for number in range(1, terms.instalments + 1 if account.current else 1):
            each = part if number > 1 else whole - part * (terms.instalments - 1)
            if each:
                yield paid(number, cohort, "current", account.current, each, each * account.current)
    if uplift:
        yield paid(1, "", "not told apart", 0, ZERO, uplift)


def months_after(day: date, months: int) -> date:
    """The same day some months later, or the last one of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def reconciliation(
    accounts: Sequence[Owed], parts: Sequence[Reading], total: Reading, instalments: Sequence[Instalment]
) -> Iterator[Check]:
    """The total worked out again item by item, cohort by cohort and from its parts (fees, interest, what raises them to
    management's own figure, what was paid back), and the differences, which are 0.
    """
    by_item: list[Reading] = []
    for code, entry in entries("item", "code").items():
        lines = [
            line.sum.times(account.workers)
            for account in accounts
            for line in account.lines
            if line.item == code and line.counted
        ]
        if lines:
            by_item.append(plus(lines))
            yield Check("item", str(entry["title"]), by_item[-1])
    yield Check("sum", "Sum of the items", plus(by_item))
    for account in accounts:
        yield Check("cohort", account.cohort.id, account.total)
    by_cohort = plus(account.total for account in accounts)
    yield Check("sum", "Sum of the cohorts", by_cohort)
    names = ("Fees and costs", "Interest", "Raised to management's own figure", "Paid back already")
    for name, part in zip(names, parts, strict=True):
        yield Check("part", name, part)
    yield Check("sum", "Sum of the parts", plus(parts))
    yield Check("sum", "Owed to workers", total)
    uplift = parts[2]
    paid_out = sum((each.amount for each in instalments), ZERO)
    yield Check("difference", "Items and what raises them, less what is owed", plus((*by_item, uplift)).less(total))
    yield Check("difference", "Cohorts and what raises them, less what is owed", plus((by_cohort, uplift)).less(total))
    yield Check("difference", "Parts less what is owed", plus(parts).less(total))
    yield Check(
        "difference", "Payments less what is owed in the central reading", Reading(ZERO, paid_out - total.central, ZERO)
    )
