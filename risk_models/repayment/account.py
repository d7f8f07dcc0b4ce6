"""The account of one cohort: its evidence line by line, drawn to the known cost of its corridor, less what was paid back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from risk_models.facts.facts import FactsOn
from risk_models.repayment.cohorts import Cohort, Fault, FeeItem, Known, Line, Notes, Owed, Terms, entries, rules
from risk_models.repayment.corridor_cost import converted, known_cost, rate_of
from risk_models.repayment.exchange import NOTHING, Period, Reading, plus

CENT, ZERO = Decimal("0.01"), Decimal(0)
WEAKEST, DRAWN, REPAID, WHOLE, OPEN = "self_declared", "corridor", "repaid", "total", "owed"


@dataclass(frozen=True)
class _Told:
    """A line with what its evidence weighs; ``whole``: the amount whoever paid it."""

    line: Line
    whole: Decimal
    weight: Decimal


def cents(value: Decimal) -> Decimal:
    """Rounded to the cent, half upwards."""
    return value.quantize(CENT, ROUND_HALF_UP)


def rounded(values: Iterable[Decimal]) -> Reading:
    """A reading of three values, each to the cent."""
    return Reading(*map(cents, values))


def owed(cohort: Cohort, terms: Terms, facts: FactsOn, notes: Notes) -> Owed:
    """What a cohort is owed; faults and assumptions go to ``notes``."""
    return _Account(cohort, terms, notes).owed(facts)


class _Account:
    """One cohort while it is worked out."""

    def __init__(self, cohort: Cohort, terms: Terms, notes: Notes) -> None:
        self.cohort, self.terms, self.notes = cohort, terms, notes

    def owed(self, facts: FactsOn) -> Owed:
        """The whole account."""
        cohort, before = self.cohort, len(self.notes.faults)
        told = [each for item in cohort.items if item.item != REPAID and (each := self.told(item))]
        account = self.one_account([each for each in told if each.line.paid_by != OPEN])
        debts = self.one_account([each for each in told if each.line.paid_by == OPEN])
        known = known_cost(cohort, self.terms, facts, self.notes)
        weight = self.weight([*account, *debts])
        paid, owing = ([each.line for each in of if each.line.counted] for of in (account, debts))
        drawn = self.drawn(paid, owing, weight, known)
        lines = [*(each.line for each in account), *drawn, *(self.to_cancel(each.line) for each in debts)]
        if not any(line.counted or line.to_cancel for line in lines):
            self.fault("cohort.no_basis", f"{cohort.origin or '?'}>{cohort.destination or '?'}")
        if known is None and not weight and any(not beside(each.line) for each in (*account, *debts)):
            self.fault("cohort.own_word", f"{cohort.origin or '?'}>{cohort.destination or '?'}")
        if cohort.current is None and cohort.past is None:
            self.fault("cohort.no_workers", "")
        sums = plus(line.sum for line in lines if line.counted)
        fees = plus(line.principal for line in lines if line.counted)
        wage = converted(cohort.wage, cohort.wage_currency, cohort.hired, self.terms)
        past, since = cohort.past or 0, self.terms.past_since
        left_out = past if since and cohort.left and cohort.left.last < since else 0
        return Owed(
            cohort=cohort,
            lines=(*lines, *self.paid_back(sums)),
            current=cohort.current or 0,
            past=past - left_out,
            past_left_out=left_out,
            weight=weight,
            known=known,
            months=cents(fees.central / wage.central) if wage and wage.central else None,
            complete=not any(fault.severity == "error" for fault in self.notes.faults[before:]),
        )

    def fault(self, code: str, seen: str, place: str = "") -> None:
        """Notes a fault of this cohort."""
        self.notes.faults.append(Fault(code, self.cohort.id, seen, place))

    def told(self, item: FeeItem) -> _Told | None:
        """A fee item as a line; None where it cannot be counted."""
        grade = item.evidence or WEAKEST
        rule, payer = entries("evidence", "grade")[grade], item.paid_by or "not_known"
        low = item.amount * rule["low"] if item.low is None else item.low
        high = item.amount * rule["high"] if item.high is None else item.high
        found = self.converted(item, self.above_fair_value(item, low, high))
        if found is None:
            return None
        amounts, rate, paid = found
        if not item.evidence:
            self.notes.assume("no_grade", self.cohort.id)
        if payer == "not_known":
            self.notes.assume("payer_not_known", self.cohort.id)
        self.notes.assume("evidence", self.cohort.id, rule["sources"], grade=grade, because=rule["because"])
        counts = entries("paid_by", "code")[payer]["counts"]
        principal = rounded(amount * share for amount, share in zip(amounts, counts, strict=True))
        interest = NOTHING if payer == OPEN else self.interest(principal, paid)
        line = Line(
            item.item, principal, interest, grade, payer, f"{item.amount:f} {item.currency}", paid,
            rate, place=item.place,
        )  # fmt: skip
        return _Told(line, amounts.central, Decimal(rule["weight"]))

    def above_fair_value(self, item: FeeItem, low: Decimal, high: Decimal) -> tuple[Decimal, Decimal, Decimal]:
        """What counts of an item: all of it, but of lodging and food at work what goes beyond a fair value (RP-9)."""
        if not entries("item", "code")[item.item].get("fair"):
            if item.fair is not None:
                self.fault("item.fair_value", f"{item.fair:f} {item.currency}", item.place)
            return low, item.amount, high
        self.notes.assume("fair_value", self.cohort.id)
        if item.fair is None:
            self.notes.assume("fair_value_not_told", self.cohort.id)
            return (ZERO if low <= item.amount else low), item.amount, high
        beyond = (max(ZERO, amount - item.fair) for amount in (low, item.amount, high))
        return next(beyond), next(beyond), next(beyond)

    def to_cancel(self, line: Line) -> Line:
        """The line of a debt that is still open: cancelled and not paid out."""
        if not line.counted:
            return line
        self.notes.assume("still_owed", self.cohort.id)
        return replace(line, counted=False, to_cancel=True, why="Still a debt: it is cancelled, not paid out.")

    def converted(
        self, item: FeeItem, amounts: tuple[Decimal, Decimal, Decimal]
    ) -> tuple[Reading, Reading, Period | None] | None:
        """The amounts in the currency of the report, the rate and the days of payment; None, and a fault, without a rate."""
        paid = item.paid or self.cohort.hired
        if not amounts[0] <= amounts[1] <= amounts[2]:
            self.fault("item.order", " / ".join(f"{amount:f}" for amount in amounts), item.place)
            return None
        rate = rate_of(item.currency, paid, self.terms)
        if rate is None and paid is None:
            self.fault("date.missing", f"{item.amount:f} {item.currency}", item.place)
        elif rate is None and paid is not None:
            days = f"{paid.first}" if paid.first == paid.last else f"{paid.first} to {paid.last}"
            self.fault("rate.missing", f"{item.currency} on {days}", item.place)
        if rate is None:
            return None
        if item.currency != self.terms.rates.currency:
            self.notes.assume("rates", rate_days=rules()["time"]["rate_days"])
        if item.paid is None and paid is not None:
            self.notes.assume("paid_when_hired", self.cohort.id)
        low, central, high = amounts
        return Reading(low / rate.high, central / rate.central, high / rate.low), rate, paid

    def interest(self, principal: Reading, paid: Period | None) -> Reading:
        """Simple interest from the payment to the day of the calculation: least from the last day, most from the first."""
        if not self.terms.interest:
            return NOTHING
        if paid is None:
            self.notes.assume("no_interest_without_a_date", self.cohort.id)
            return NOTHING
        days = [max(0, (self.terms.on - day).days) for day in (paid.last, paid.middle, paid.first)]
        a_day = self.terms.interest / 100 / rules()["time"]["year_days"]
        return rounded(value * a_day * number for value, number in zip(principal, days, strict=True))

    def one_account(self, told: Sequence[_Told]) -> list[_Told]:
        """The lines, those marked as not counted that tell of a payment which another one tells higher (RP-10)."""
        out: set[int] = set()
        for item in dict.fromkeys(each.line.item for each in told):
            grades: dict[str, list[int]] = {}
            for at, each in enumerate(told):
                if each.line.item == item:
                    grades.setdefault(each.line.evidence, []).append(at)
            out |= self.lower(told, list(grades.values()), "one_item_told_twice")
        kept = [at for at, each in enumerate(told) if at not in out and not beside(each.line)]
        whole = [at for at in kept if told[at].line.item == WHOLE]
        parts = [at for at in kept if told[at].line.item != WHOLE]
        out |= self.lower(told, [group for group in (whole, parts) if group], "total_or_items")
        why = "The same payment is told higher elsewhere."
        return [
            replace(each, line=replace(each.line, counted=False, why=why)) if at in out else each
            for at, each in enumerate(told)
        ]

    def lower(self, told: Sequence[_Told], groups: list[list[int]], assumption: str) -> set[int]:
        """All but the group that comes to most; of equals, the one whose evidence weighs more."""
        if len(groups) < 2:
            return set()
        self.notes.assume(assumption, self.cohort.id)
        most = max(
            groups,
            key=lambda group: (
                sum(told[at].line.principal.central for at in group),
                min(told[at].weight for at in group),
            ),
        )
        return {at for group in groups if group is not most for at in group}

    def weight(self, account: Sequence[_Told]) -> Decimal:
        """What the evidence of fees and costs weighs: by amount, whoever paid; of an account that may lack kinds of fees, at
        most so much.
        """
        counted = [each for each in account if each.line.counted and not beside(each.line)]
        whole = sum((each.whole for each in counted), ZERO)
        if not counted:
            return ZERO
        weight = (
            sum((each.whole * each.weight for each in counted), ZERO) / whole
            if whole
            else min(each.weight for each in counted)
        )
        most = Decimal(rules()["corridor"]["partial_account"])
        if weight > most and not self.cohort.covers_all and not any(each.line.item == WHOLE for each in counted):
            self.notes.assume("partial_account", self.cohort.id, partial=most)
            return most
        return weight

    def drawn(self, counted: Sequence[Line], debts: Sequence[Line], weight: Decimal, known: Known | None) -> list[Line]:
        """The line that draws weak evidence up to the known cost of the corridor; none where it stands. What is still owed was
        not paid: the more of it, the less is left of the known cost.
        """
        if known is None:
            return []
        owing = plus(line.principal for line in debts if not beside(line))
        said = plus(
            (*(line.principal for line in counted if not beside(line)), Reading(owing.high, owing.central, owing.low))
        )
        if (counted or debts) and not said.central:
            self.notes.assume("none_paid_is_a_warning", self.cohort.id)
        lacking = 1 - weight
        principal = rounded(
            lacking * max(ZERO, cost - amount) for cost, amount in zip(known.counted, said, strict=True)
        )
        if not any(principal):
            return []
        self.notes.assume("drawn_to_corridor", self.cohort.id)
        # Days of payment and of hiring may lie so far apart that a higher reading would bear less interest than a lower one.
        said_interest = plus(line.interest for line in counted)
        both = plus((said_interest, self.interest(principal, self.cohort.hired))).in_order()
        interest = both.less(said_interest)
        return [Line(DRAWN, principal, interest, paid=self.cohort.hired, why=f"Evidence weighs {weight:.2f} of 1.")]

    def paid_back(self, paid: Reading) -> list[Line]:
        """What was paid back, as lines below nothing; never more than was paid. The low reading deducts most."""
        lines = []
        left = paid
        for item in self.cohort.items:
            least = item.amount if item.low is None else item.low
            most = item.amount if item.high is None else item.high
            found = self.converted(item, (least, item.amount, most)) if item.item == REPAID else None
            if found is None:
                continue
            amounts, rate, days = found
            grade = item.evidence or WEAKEST
            shares = entries("evidence", "grade")[grade]["repaid"]
            self.notes.assume("repaid", self.cohort.id)
            principal, interest = (
                rounded(value * share for value, share in zip(reversed(tuple(reading)), shares, strict=True))
                for reading in (amounts, self.interest(amounts, days))
            )
            principal = lesser(principal, left)
            interest = lesser(interest, left.less(principal))
            told = f"{item.amount:f} {item.currency}"
            lines.append(
                Line(
                    REPAID,
                    principal.times(-1),
                    interest.times(-1),
                    grade,
                    "employer",
                    told,
                    days,
                    rate,
                    place=item.place,
                )
            )
            left = plus((left, lines[-1].sum))
        return lines


def beside(line: Line) -> bool:
    """Whether a line is a payment of its own, beside the account of fees and costs."""
    return bool(entries("item", "code")[line.item].get("alone", False))


def lesser(one: Reading, other: Reading) -> Reading:
    """Of each figure the lesser."""
    return Reading(*map(min, one, other))
