"""Calculate the account of one cohort.

The evidence is read line by line. If it is weak, the amount is topped up towards the known cost of the corridor. What was paid
back is then deducted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from risk_models.evidence import GRADE_TITLES
from risk_models.facts.facts import FactSnapshot
from risk_models.repayment.cohorts import (
    AccountLine,
    CalculationNotes,
    Cohort,
    CohortAccount,
    FeeItem,
    KnownCost,
    RepaymentIssue,
    Terms,
    index_repayment_rules,
    load_repayment_rules,
)
from risk_models.repayment.corridor_cost import convert_amount, estimate_known_cost, find_rate
from risk_models.repayment.exchange import ZERO_ESTIMATE, Estimate, Period, sum_estimates

CENT, ZERO = Decimal("0.01"), Decimal(0)
WEAKEST_GRADE = "self_declared"
CORRIDOR_ITEM, REPAID_ITEM, TOTAL_ITEM = "corridor", "repaid", "total"
STILL_OWED = "owed"  # the code for the payer of a debt that is still open


@dataclass(frozen=True)
class _WeighedLine:
    """A line of an account with the weight of its evidence (0..1). ``full_amount``: the amount regardless of who paid it."""

    line: AccountLine
    full_amount: Decimal
    weight: Decimal


def round_to_cent(value: Decimal) -> Decimal:
    """Round to the cent, with half a cent rounded up."""
    return value.quantize(CENT, ROUND_HALF_UP)


def round_estimate(values: Iterable[Decimal]) -> Estimate:
    """Build an estimate from three values (low, central, high), each rounded to the cent."""
    return Estimate(*map(round_to_cent, values))


def calculate_account(cohort: Cohort, terms: Terms, facts: FactSnapshot, notes: CalculationNotes) -> CohortAccount:
    """Calculate what a cohort is owed; issues and assumptions are added to ``notes``."""
    return _AccountCalculation(cohort, terms, notes).build_account(facts)


class _AccountCalculation:
    """The calculation for one cohort."""

    def __init__(self, cohort: Cohort, terms: Terms, notes: CalculationNotes) -> None:
        self.cohort, self.terms, self.notes = cohort, terms, notes

    def build_account(self, facts: FactSnapshot) -> CohortAccount:
        """Build the whole account."""
        cohort, issues_before = self.cohort, len(self.notes.issues)
        evidence = [line for item in cohort.items if item.item != REPAID_ITEM and (line := self.build_line(item))]
        account = self.exclude_duplicates([entry for entry in evidence if entry.line.paid_by != STILL_OWED])
        debts = self.exclude_duplicates([entry for entry in evidence if entry.line.paid_by == STILL_OWED])
        known = estimate_known_cost(cohort, self.terms, facts, self.notes)
        weight = self.weigh_evidence([*account, *debts])
        paid_lines = [entry.line for entry in account if entry.line.counted]
        debt_lines = [entry.line for entry in debts if entry.line.counted]
        top_up = self.top_up_to_corridor(paid_lines, debt_lines, weight, known)
        cancelled = (self.mark_for_cancellation(entry.line) for entry in debts)
        lines = [*(entry.line for entry in account), *top_up, *cancelled]
        self.check_basis(lines, [*account, *debts], weight, known)
        sums = sum_estimates(line.sum for line in lines if line.counted)
        fees = sum_estimates(line.principal for line in lines if line.counted)
        wage = convert_amount(cohort.wage, cohort.wage_currency, cohort.hired, self.terms)
        past, since = cohort.past or 0, self.terms.past_since
        past_excluded = past if since and cohort.left and cohort.left.last < since else 0
        return CohortAccount(
            cohort=cohort,
            lines=(*lines, *self.list_repaid(sums)),
            current=cohort.current or 0,
            past=past - past_excluded,
            past_excluded=past_excluded,
            weight=weight,
            known_cost=known,
            months_of_earnings=round_to_cent(fees.central / wage.central) if wage and wage.central else None,
            complete=not any(issue.severity == "error" for issue in self.notes.issues[issues_before:]),
        )

    def check_basis(
        self, lines: Sequence[AccountLine], evidence: Sequence[_WeighedLine], weight: Decimal, known: KnownCost | None
    ) -> None:
        """Add issues if the account has no basis, is based only on the employer's statement, or lacks a number of workers."""
        corridor = f"{self.cohort.origin or '?'}>{self.cohort.destination or '?'}"
        if not any(line.counted or line.to_cancel for line in lines):
            self.add_issue("cohort.no_basis", corridor)
        if known is None and not weight and any(not is_separate_payment(entry.line) for entry in evidence):
            self.add_issue("cohort.own_word", corridor)
        if self.cohort.current is None and self.cohort.past is None:
            self.add_issue("cohort.no_workers", "")

    def add_issue(self, code: str, value: str, place: str = "") -> None:
        """Add an issue about this cohort to the notes."""
        self.notes.issues.append(RepaymentIssue(code, self.cohort.id, value, place))

    def build_line(self, item: FeeItem) -> _WeighedLine | None:
        """Build the line of a fee item; None if it cannot be counted."""
        grade = item.evidence or WEAKEST_GRADE
        rule, payer = index_repayment_rules("evidence", "grade")[grade], item.paid_by or "not_known"
        low = item.amount * rule["low"] if item.low is None else item.low
        high = item.amount * rule["high"] if item.high is None else item.high
        converted = self.convert(item, self.subtract_fair_value(item, low, high))
        if converted is None:
            return None
        amounts, rate, paid = converted
        if not item.evidence:
            self.notes.add_assumption("no_grade", self.cohort.id)
        if payer == "not_known":
            self.notes.add_assumption("payer_not_known", self.cohort.id)
        self.notes.add_assumption(
            "evidence", self.cohort.id, rule["sources"], grade=GRADE_TITLES[grade], because=rule["because"]
        )
        counts = index_repayment_rules("paid_by", "code")[payer]["counts"]
        principal = round_estimate(amount * share for amount, share in zip(amounts, counts, strict=True))
        interest = ZERO_ESTIMATE if payer == STILL_OWED else self.calculate_interest(principal, paid)
        line = AccountLine(
            item.item, principal, interest, grade, payer, f"{item.amount:f} {item.currency}", paid,
            rate, place=item.place,
        )  # fmt: skip
        return _WeighedLine(line, amounts.central, Decimal(rule["weight"]))

    def subtract_fair_value(self, item: FeeItem, low: Decimal, high: Decimal) -> tuple[Decimal, Decimal, Decimal]:
        """Return the part of an item that counts: all of it or, for lodging and food at work, what exceeds a fair value
        (RP-9)."""
        if not index_repayment_rules("item", "code")[item.item].get("fair"):
            if item.fair_value is not None:
                self.add_issue("item.fair_value", f"{item.fair_value:f} {item.currency}", item.place)
            return low, item.amount, high
        self.notes.add_assumption("fair_value", self.cohort.id)
        if item.fair_value is None:
            self.notes.add_assumption("fair_value_not_told", self.cohort.id)
            return (ZERO if low <= item.amount else low), item.amount, high
        excess = (max(ZERO, amount - item.fair_value) for amount in (low, item.amount, high))
        return next(excess), next(excess), next(excess)

    def mark_for_cancellation(self, line: AccountLine) -> AccountLine:
        """Return the line of an open debt, marked to be cancelled rather than paid out."""
        if not line.counted:
            return line
        self.notes.add_assumption("still_owed", self.cohort.id)
        return replace(
            line,
            counted=False,
            to_cancel=True,
            reason="Still owed by the worker, so it is cancelled rather than paid out.",
        )

    def convert(
        self, item: FeeItem, amounts: tuple[Decimal, Decimal, Decimal]
    ) -> tuple[Estimate, Estimate, Period | None] | None:
        """Return the amounts in the currency of the report, the rate, and the period of payment.

        Returns None and adds an issue if the amounts are not in order or there is no rate.
        """
        paid = item.paid or self.cohort.hired
        if not amounts[0] <= amounts[1] <= amounts[2]:
            self.add_issue("item.order", " / ".join(f"{amount:f}" for amount in amounts), item.place)
            return None
        rate = find_rate(item.currency, paid, self.terms)
        if rate is None and paid is None:
            self.add_issue("date.missing", f"{item.amount:f} {item.currency}", item.place)
        elif rate is None and paid is not None:
            days = f"{paid.first}" if paid.first == paid.last else f"{paid.first} to {paid.last}"
            self.add_issue("rate.missing", f"{item.currency} on {days}", item.place)
        if rate is None:
            return None
        if item.currency != self.terms.rates.currency:
            self.notes.add_assumption("rates", rate_days=load_repayment_rules()["time"]["rate_days"])
        if item.paid is None and paid is not None:
            self.notes.add_assumption("paid_when_hired", self.cohort.id)
        low, central, high = amounts
        return Estimate(low / rate.high, central / rate.central, high / rate.low), rate, paid

    def calculate_interest(self, principal: Estimate, paid: Period | None) -> Estimate:
        """Return simple interest from the payment to the calculation date: the low figure from the last possible day, the high
        one from the first."""
        if not self.terms.interest:
            return ZERO_ESTIMATE
        if paid is None:
            self.notes.add_assumption("no_interest_without_a_date", self.cohort.id)
            return ZERO_ESTIMATE
        days = [max(0, (self.terms.on - day).days) for day in (paid.last, paid.middle, paid.first)]
        rate_per_day = self.terms.interest / 100 / load_repayment_rules()["time"]["year_days"]
        return round_estimate(value * rate_per_day * count for value, count in zip(principal, days, strict=True))

    def exclude_duplicates(self, entries: Sequence[_WeighedLine]) -> list[_WeighedLine]:
        """Return the lines, marking as not counted those whose payment is also in another line with a higher amount (RP-10)."""
        excluded: set[int] = set()
        for item in dict.fromkeys(entry.line.item for entry in entries):
            by_grade: dict[str, list[int]] = {}
            for i, entry in enumerate(entries):
                if entry.line.item == item:
                    by_grade.setdefault(entry.line.evidence, []).append(i)
            excluded |= self.find_lower_groups(entries, list(by_grade.values()), "one_item_told_twice")
        counted = [i for i, entry in enumerate(entries) if i not in excluded and not is_separate_payment(entry.line)]
        totals = [i for i in counted if entries[i].line.item == TOTAL_ITEM]
        parts = [i for i in counted if entries[i].line.item != TOTAL_ITEM]
        excluded |= self.find_lower_groups(entries, [group for group in (totals, parts) if group], "total_or_items")
        reason = "Other evidence gives a higher figure for the same payment."
        return [
            replace(entry, line=replace(entry.line, counted=False, reason=reason)) if i in excluded else entry
            for i, entry in enumerate(entries)
        ]

    def find_lower_groups(self, entries: Sequence[_WeighedLine], groups: list[list[int]], assumption: str) -> set[int]:
        """Return the positions in all groups except the one with the highest sum or, if sums are equal, the stronger evidence."""
        if len(groups) < 2:
            return set()
        self.notes.add_assumption(assumption, self.cohort.id)
        highest = max(
            groups,
            key=lambda group: (
                sum(entries[i].line.principal.central for i in group),
                min(entries[i].weight for i in group),
            ),
        )
        return {i for group in groups if group is not highest for i in group}

    def weigh_evidence(self, entries: Sequence[_WeighedLine]) -> Decimal:
        """Return the weight (0..1) of the evidence of fees and costs, averaged by amount regardless of who paid.

        The weight is capped if some kinds of fees may be missing from the account.
        """
        counted = [entry for entry in entries if entry.line.counted and not is_separate_payment(entry.line)]
        full_amount = sum((entry.full_amount for entry in counted), ZERO)
        if not counted:
            return ZERO
        weight = (
            sum((entry.full_amount * entry.weight for entry in counted), ZERO) / full_amount
            if full_amount
            else min(entry.weight for entry in counted)
        )
        cap = Decimal(load_repayment_rules()["corridor"]["partial_account"])
        has_total = any(entry.line.item == TOTAL_ITEM for entry in counted)
        if weight > cap and not self.cohort.covers_all and not has_total:
            self.notes.add_assumption("partial_account", self.cohort.id, partial=cap)
            return cap
        return weight

    def top_up_to_corridor(
        self, paid: Sequence[AccountLine], debts: Sequence[AccountLine], weight: Decimal, known: KnownCost | None
    ) -> list[AccountLine]:
        """Return the line that tops up weak evidence towards the known cost of the corridor; no line if none is due.

        Amounts still owed have not been paid, so the larger they are, the less remains of the known cost.
        """
        if known is None:
            return []
        owed = sum_estimates(line.principal for line in debts if not is_separate_payment(line))
        principals = (line.principal for line in paid if not is_separate_payment(line))
        evidenced = sum_estimates((*principals, Estimate(owed.high, owed.central, owed.low)))
        if (paid or debts) and not evidenced.central:
            self.notes.add_assumption("none_paid_is_a_warning", self.cohort.id)
        missing_weight = 1 - weight
        principal = round_estimate(
            missing_weight * max(ZERO, cost - amount) for cost, amount in zip(known.target, evidenced, strict=True)
        )
        if not any(principal):
            return []
        self.notes.add_assumption("drawn_to_corridor", self.cohort.id)
        # Payment and hiring dates may be so far apart that a higher figure would bear less interest than a lower one.
        paid_interest = sum_estimates(line.interest for line in paid)
        top_up_interest = self.calculate_interest(principal, self.cohort.hired)
        interest = sum_estimates((paid_interest, top_up_interest)).raise_to_order().subtract(paid_interest)
        reason = f"The weight of the evidence is {weight:.2f} out of 1."
        return [AccountLine(CORRIDOR_ITEM, principal, interest, paid=self.cohort.hired, reason=reason)]

    def list_repaid(self, paid: Estimate) -> list[AccountLine]:
        """Return repayments as negative lines, which together never exceed what was paid. The low figure deducts the most."""
        lines = []
        remaining = paid
        for item in self.cohort.items:
            low = item.amount if item.low is None else item.low
            high = item.amount if item.high is None else item.high
            converted = self.convert(item, (low, item.amount, high)) if item.item == REPAID_ITEM else None
            if converted is None:
                continue
            amounts, rate, days = converted
            grade = item.evidence or WEAKEST_GRADE
            shares = index_repayment_rules("evidence", "grade")[grade]["repaid"]
            self.notes.add_assumption("repaid", self.cohort.id)
            principal, interest = (
                round_estimate(value * share for value, share in zip(reversed(tuple(estimate)), shares, strict=True))
                for estimate in (amounts, self.calculate_interest(amounts, days))
            )
            principal = min_estimate(principal, remaining)
            interest = min_estimate(interest, remaining.subtract(principal))
            lines.append(
                AccountLine(
                    REPAID_ITEM,
                    principal.multiply(-1),
                    interest.multiply(-1),
                    grade,
                    "employer",
                    f"{item.amount:f} {item.currency}",
                    days,
                    rate,
                    place=item.place,
                )
            )
            remaining = sum_estimates((remaining, lines[-1].sum))
        return lines


def is_separate_payment(line: AccountLine) -> bool:
    """Return whether a line is a separate payment, outside the account of fees and costs."""
    return bool(index_repayment_rules("item", "code")[line.item].get("alone", False))


def min_estimate(first: Estimate, second: Estimate) -> Estimate:
    """Return the smaller of each pair of figures."""
    return Estimate(*map(min, first, second))
