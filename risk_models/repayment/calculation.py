"""Calculate what workers should be repaid for recruitment fees and related costs, per worker and in total.

Each figure is an estimate with a low, a central and a high value. The method follows the published guidance on repayment; its
figures, reasons, assumptions and sentences are data in ``repayment.toml``. Amounts are decimals. Each line is rounded to the cent
for one worker, and every larger figure is a sum of lines, so the totals add up by cohort and by item.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal

from risk_models.facts.facts import FactSnapshot
from risk_models.repayment.account import CENT, ZERO, calculate_account, round_to_cent
from risk_models.repayment.cohorts import (
    Assumption,
    CalculationNotes,
    Cohort,
    CohortAccount,
    RepaymentIssue,
    Terms,
    index_repayment_rules,
    load_repayment_rules,
)
from risk_models.repayment.exchange import Estimate, sum_estimates


class TermsError(ValueError):
    """The terms of a calculation cannot be used. The message is one sentence that names the invalid term and what is allowed."""


@dataclass(frozen=True)
class Instalment:
    """One payment to the current or past workers of a cohort. An empty cohort stands for amounts not divided by cohort."""

    number: int
    due: date
    cohort: str
    group: str
    workers: int
    per_worker: Decimal
    amount: Decimal
    in_time: bool


@dataclass(frozen=True)
class ReconciliationRow:
    """A row of the reconciliation. ``kind``: "item", "cohort", "part", "sum" or "difference" (which is always 0)."""

    kind: str
    title: str
    amount: Estimate


@dataclass(frozen=True)
class Repayment:
    """A complete repayment calculation.

    ``total`` is the sum of ``fees`` (what workers paid), ``interest`` on these fees, ``uplift`` (the increase to management's own
    figure) and ``repaid``, which is negative. ``to_cancel``: open debts, not included in the total. ``ratio``: ``fees.central``
    divided by management's own figure.
    """

    terms: Terms
    cohorts: tuple[CohortAccount, ...]
    fees: Estimate
    interest: Estimate
    uplift: Estimate
    repaid: Estimate
    total: Estimate
    to_cancel: Estimate
    ratio: Decimal | None
    deadline: date
    instalments: tuple[Instalment, ...]
    assumptions: tuple[Assumption, ...]
    issues: tuple[RepaymentIssue, ...]
    reconciliation: tuple[ReconciliationRow, ...]

    @property
    def complete(self) -> bool:
        """Return whether everything that was received is in the total."""
        return not any(issue.severity == "error" for issue in self.issues)


def calculate_repayment(
    cohorts: Sequence[Cohort], terms: Terms, facts: FactSnapshot, issues: Sequence[RepaymentIssue] = ()
) -> Repayment:
    """Calculate what cohorts are owed under the given terms. ``issues``: those found when the cohorts were read.

    Raises :class:`TermsError`.
    """
    check_terms(terms)
    notes = CalculationNotes()
    accounts = tuple(calculate_account(cohort, terms, facts, notes) for cohort in cohorts)
    fees = sum_estimates(account.fees.multiply(account.workers) for account in accounts)
    interest = sum_estimates(account.interest.multiply(account.workers) for account in accounts)
    repaid = sum_estimates(account.repaid.multiply(account.workers) for account in accounts)
    by_cohort = sum_estimates(account.total for account in accounts)
    shortfall = Estimate(*(max(ZERO, (terms.management or ZERO) - value) for value in fees))
    total = sum_estimates((by_cohort, shortfall)).raise_to_order()
    uplift = total.subtract(by_cohort)
    deadline = (terms.discovered or terms.on) + timedelta(days=load_repayment_rules()["time"]["deadline_days"])
    schedule = build_schedule(accounts, uplift.central, terms, deadline)
    instalments = tuple(sorted(schedule, key=lambda instalment: instalment.number))
    add_term_assumptions(notes, terms, deadline, past=any(account.cohort.past for account in accounts))
    return Repayment(
        terms=terms,
        cohorts=accounts,
        fees=fees,
        interest=interest,
        uplift=uplift,
        repaid=repaid,
        total=total,
        to_cancel=sum_estimates(account.to_cancel.multiply(account.workers) for account in accounts),
        ratio=compute_ratio(fees.central, terms.management) if terms.management else None,
        deadline=deadline,
        instalments=instalments,
        assumptions=notes.list_assumptions(),
        issues=(*issues, *dict.fromkeys(notes.issues)),
        reconciliation=tuple(build_reconciliation(accounts, (fees, interest, uplift, repaid), total, instalments)),
    )


def check_terms(terms: Terms) -> None:
    """Check that the terms are within bounds. Raises :class:`TermsError`."""
    most = load_repayment_rules()["time"]["instalments_most"]
    if not 1 <= terms.instalments <= most:
        raise TermsError(
            f"Instalments must be between 1 (a lump sum, which is preferred) and {most}, not {terms.instalments}."
        )
    if not ZERO <= terms.interest <= 100:
        raise TermsError("Interest must be between 0 and 100% per year.")
    if terms.management is not None and not ZERO < terms.management < Decimal(10) ** 12:
        raise TermsError("Management's own figure must be above 0 and below 1,000,000,000,000.")
    if terms.first_payment is not None and terms.first_payment < terms.on:
        raise TermsError("The first payment cannot be before the date of the calculation.")


def compute_ratio(independent: Decimal, own: Decimal) -> Decimal:
    """Return the ratio of an independent figure to management's own, to two decimal places (2.57 in the published case,
    RP-17)."""
    return round_to_cent(independent / own)


def get_published_ratio() -> Decimal:
    """Return the ratio from the published case."""
    case = load_repayment_rules()["published"]
    return compute_ratio(Decimal(case["check"]), Decimal(case["own"]))


def add_term_assumptions(notes: CalculationNotes, terms: Terms, deadline: date, past: bool) -> None:
    """Add to the notes the assumptions behind every calculation, and those that depend on the terms."""
    time = load_repayment_rules()["time"]
    for name in ("same_scale", "no_receipts", "full_amounts"):
        notes.add_assumption(name)
    notes.add_assumption("interest" if terms.interest else "no_interest", interest=f"{terms.interest:f}", on=terms.on)
    if past:
        notes.add_assumption("past_at_once")
        notes.add_assumption("past_cut_off" if terms.past_since else "all_past_workers", past_since=terms.past_since)
    if terms.management:
        notes.add_assumption("management_floor", management=f"{terms.management:,.2f}", currency=terms.rates.currency)
    discovered = terms.discovered or terms.on
    notes.add_assumption("deadline", deadline_days=time["deadline_days"], discovered=discovered, deadline=deadline)
    notes.add_assumption("lump_sum" if terms.instalments == 1 else "instalments", instalments=terms.instalments)
    if terms.instalments > time["instalments_common"]:
        notes.add_assumption("long_instalments", instalments_common=time["instalments_common"])


def build_schedule(
    accounts: Sequence[CohortAccount], uplift: Decimal, terms: Terms, deadline: date
) -> Iterator[Instalment]:
    """Yield the payments of the central figure: monthly instalments to current workers, and one payment to past workers (RP-12).

    The first instalment includes any cents that cannot be divided evenly.
    """
    first = terms.first_payment or terms.on

    def build(number: int, cohort: str, group: str, workers: int, per_worker: Decimal, amount: Decimal) -> Instalment:
        due = add_months(first, number - 1)
        return Instalment(number, due, cohort, group, workers, per_worker, amount, due <= deadline)

    for account in accounts:
        per_worker, cohort = account.per_worker.central, account.cohort.id
        if account.past and per_worker:
            yield build(1, cohort, "past", account.past, per_worker, per_worker * account.past)
        equal_part = (per_worker / terms.instalments).quantize(CENT, ROUND_FLOOR)
        for number in range(1, terms.instalments + 1 if account.current else 1):
            part = equal_part if number > 1 else per_worker - equal_part * (terms.instalments - 1)
            if part:
                yield build(number, cohort, "current", account.current, part, part * account.current)
    if uplift:
        yield build(1, "", "not told apart", 0, ZERO, uplift)


def add_months(day: date, months: int) -> date:
    """Return the same day some months later, or the last day of that month if it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def build_reconciliation(
    accounts: Sequence[CohortAccount], parts: Sequence[Estimate], total: Estimate, instalments: Sequence[Instalment]
) -> Iterator[ReconciliationRow]:
    """Yield the total recomputed by item, by cohort and from its parts, followed by the differences, which are 0.

    ``parts``: fees, interest, uplift to management's own figure, and what was paid back.
    """
    by_item: list[Estimate] = []
    for code, entry in index_repayment_rules("item", "code").items():
        lines = [
            line.sum.multiply(account.workers)
            for account in accounts
            for line in account.lines
            if line.item == code and line.counted
        ]
        if lines:
            by_item.append(sum_estimates(lines))
            yield ReconciliationRow("item", str(entry["title"]), by_item[-1])
    yield ReconciliationRow("sum", "Sum of the items", sum_estimates(by_item))
    for account in accounts:
        yield ReconciliationRow("cohort", account.cohort.id, account.total)
    by_cohort = sum_estimates(account.total for account in accounts)
    yield ReconciliationRow("sum", "Sum of the cohorts", by_cohort)
    names = ("Fees and costs", "Interest", "Raised to management's own figure", "Already repaid")
    for name, part in zip(names, parts, strict=True):
        yield ReconciliationRow("part", name, part)
    yield ReconciliationRow("sum", "Sum of the parts", sum_estimates(parts))
    yield ReconciliationRow("sum", "Owed to workers", total)
    uplift = parts[2]
    paid_out = sum((instalment.amount for instalment in instalments), ZERO)
    yield ReconciliationRow(
        "difference",
        "Total for all items plus the increase, less the amount owed",
        sum_estimates((*by_item, uplift)).subtract(total),
    )
    yield ReconciliationRow(
        "difference",
        "Total for all cohorts plus the increase, less the amount owed",
        sum_estimates((by_cohort, uplift)).subtract(total),
    )
    yield ReconciliationRow(
        "difference", "Sum of the parts, less the amount owed", sum_estimates(parts).subtract(total)
    )
    yield ReconciliationRow(
        "difference",
        "Total payments, less the central amount owed",
        Estimate(ZERO, paid_out - total.central, ZERO),
    )
