"""What holds for any input: low is at most central, central at most high, and every total adds up to the cent."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from test_risk_models.repayment_factory import build_facts, calculate

from risk_models.repayment.cohorts import Cohort, FeeItem, load_repayment_rules
from risk_models.repayment.exchange import Estimate, Period, sum_estimates

FACTS = build_facts(
    NP_MY={"cost_usd": 1100, "cost_usd_low": 300, "repaid_myr": 6000},
    BD_ANY={"cost_bdt": 417_000, "cost_months": 18},
    ANY_QA={"cost_usd": 900},
)
GRADES = ["", *(rule["grade"] for rule in load_repayment_rules()["evidence"])]
PAYERS = ["", *(rule["code"] for rule in load_repayment_rules()["paid_by"])]
ITEMS = [rule["code"] for rule in load_repayment_rules()["item"] if rule["code"] != "corridor"]
DAYS = st.integers(0, 3000).map(lambda days: date(2017, 1, 1) + timedelta(days))
PERIODS = st.builds(lambda first, days: Period(first, first + timedelta(days)), DAYS, st.integers(0, 400))
AMOUNTS = st.decimals(0, 20_000, places=2)


@st.composite
def items(draw: Any) -> FeeItem:
    amount = draw(AMOUNTS)
    spread = draw(st.booleans())
    return FeeItem(
        item=draw(st.sampled_from(ITEMS)),
        amount=amount,
        currency=draw(st.sampled_from(["USD", "USD", "MYR", "NPR"])),
        paid=draw(st.none() | PERIODS),
        evidence=draw(st.sampled_from(GRADES)),
        paid_by=draw(st.sampled_from(PAYERS)),
        low=amount / 2 if spread else None,
        high=amount * 3 if spread else None,
        fair_value=draw(st.none() | AMOUNTS),
    )


@st.composite
def cohorts(draw: Any) -> Cohort:
    return Cohort(
        id=f"C{draw(st.integers(0, 999))}",
        origin=draw(st.sampled_from(["NP", "BD", "KE", ""])),
        destination=draw(st.sampled_from(["MY", "QA", ""])),
        hired=draw(st.none() | PERIODS),
        current=draw(st.none() | st.integers(0, 5000)),
        past=draw(st.none() | st.integers(0, 500)),
        left=draw(st.none() | PERIODS),
        wage=draw(st.none() | AMOUNTS),
        wage_currency=draw(st.sampled_from(["USD", "MYR", ""])),
        zero_fee_from=draw(st.none() | DAYS),
        covers_all=draw(st.booleans()),
        items=tuple(draw(st.lists(items(), max_size=5))),
    )


TERMS = st.fixed_dictionaries(
    {
        "interest": st.decimals(0, 20, places=2),
        "instalments": st.integers(1, 12),
        "management": st.none() | st.decimals("0.01", 5_000_000, places=2),
        "past_since": st.none() | DAYS,
        "zero_fee_from": st.none() | DAYS,
    }
)
COHORT_LISTS = st.lists(cohorts(), min_size=1, max_size=4)


def is_in_order(estimate: Estimate) -> bool:
    return Decimal(0) <= estimate.low <= estimate.central <= estimate.high


@given(COHORT_LISTS, TERMS)
@examples(120)
def test_low_is_at_most_central_and_central_at_most_high(cohort_list: list[Cohort], terms: dict[str, Any]):
    result = calculate(*cohort_list, facts=FACTS, **terms)
    assert is_in_order(result.total)
    assert is_in_order(result.fees)
    for account in result.cohorts:
        assert is_in_order(account.per_worker), account.cohort
        assert is_in_order(account.fees), account.cohort
        assert is_in_order(account.interest), account.cohort
        assert is_in_order(account.to_cancel), account.cohort
        assert 0 <= account.weight <= 1


@given(COHORT_LISTS, TERMS)
@examples(120)
def test_totals_add_up_to_the_cent_by_item_and_by_cohort(cohort_list: list[Cohort], terms: dict[str, Any]):
    result = calculate(*cohort_list, facts=FACTS, **terms)
    lines = [
        line.sum.multiply(account.current + account.past)
        for account in result.cohorts
        for line in account.lines
        if line.counted
    ]
    assert sum_estimates([*lines, result.uplift]) == result.total
    cohort_total = sum_estimates(account.total for account in result.cohorts)
    assert cohort_total.multiply(1) == result.total.subtract(result.uplift)
    assert sum_estimates((result.fees, result.interest, result.uplift, result.repaid)) == result.total
    assert sum(instalment.amount for instalment in result.instalments) == result.total.central
    assert all(figure == 0 for row in result.reconciliation if row.kind == "difference" for figure in row.amount)
    assert all(figure == figure.quantize(Decimal("0.01")) for figure in result.total)
    debts = [
        line.principal.multiply(account.workers)
        for account in result.cohorts
        for line in account.lines
        if line.to_cancel
    ]
    assert sum_estimates(debts) == result.to_cancel
    for account in result.cohorts:
        cohort_id = account.cohort.id
        parts = [one for one in result.instalments if (one.cohort, one.group) == (cohort_id, "current")]
        if account.current and sum(other.cohort.id == cohort_id for other in result.cohorts) == 1:
            assert sum(part.per_worker for part in parts) == account.per_worker.central


@given(cohorts(), DAYS)
@examples(60)
def test_a_zero_fee_policy_takes_off_at_most_half_of_what_was_paid(cohort: Cohort, policy: date):
    before, after = (calculate(replace(cohort, zero_fee_from=day), facts=FACTS).cohorts[0] for day in (None, policy))
    # An open debt is not halved, so that it takes up more of the halved known cost.
    tolerance = before.to_cancel.high / 2 + Decimal("0.01")
    for fees_before, fees_after in zip(before.fees, after.fees, strict=True):
        assert fees_before / 2 - tolerance <= fees_after <= fees_before
