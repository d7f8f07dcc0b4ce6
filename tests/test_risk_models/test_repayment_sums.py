"""Whatever is sent: low is not above central, central not above high, and every total adds up to the cent."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from test_risk_models.repaying import facts, made

from risk_models.repayment.cohorts import Cohort, FeeItem, rules
from risk_models.repayment.exchange import Period, Reading, plus

KNOWN = facts(
    NP_MY={"cost_usd": 1100, "cost_usd_low": 300, "repaid_myr": 6000},
    BD_ANY={"cost_bdt": 417_000, "cost_months": 18},
    ANY_QA={"cost_usd": 900},
)
GRADES = ["", *(rule["grade"] for rule in rules()["evidence"])]
PAYERS = ["", *(rule["code"] for rule in rules()["paid_by"])]
ITEMS = [rule["code"] for rule in rules()["item"] if rule["code"] != "corridor"]
DAYS = st.integers(0, 3000).map(lambda days: date(2017, 1, 1) + timedelta(days))
PERIODS = st.tuples(DAYS, st.integers(0, 400)).map(lambda told: Period(told[0], told[0] + timedelta(told[1])))
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
        fair=draw(st.none() | AMOUNTS),
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
TOLD = st.tuples(st.lists(cohorts(), min_size=1, max_size=4), TERMS)


def in_order(reading: Reading) -> bool:
    return Decimal(0) <= reading.low <= reading.central <= reading.high


@given(TOLD)
@examples(120)
def test_low_is_not_above_central_nor_central_above_high(told: Any):
    made_of, terms = told
    result = made(*made_of, known=KNOWN, **terms)
    assert in_order(result.total)
    assert in_order(result.fees)
    for owed in result.cohorts:
        assert in_order(owed.per_worker), owed.cohort
        assert in_order(owed.fees), owed.cohort
        assert in_order(owed.interest), owed.cohort
        assert in_order(owed.to_cancel), owed.cohort
        assert 0 <= owed.weight <= 1


@given(TOLD)
@examples(120)
def test_totals_add_up_to_the_cent_item_by_item_and_cohort_by_cohort(told: Any):
    made_of, terms = told
    result = made(*made_of, known=KNOWN, **terms)
    lines = [line.sum.times(owed.current + owed.past) for owed in result.cohorts for line in owed.lines if line.counted]
    assert plus([*lines, result.uplift]) == result.total
    assert plus(owed.total for owed in result.cohorts).times(1) == result.total.less(result.uplift)
    assert plus((result.fees, result.interest, result.uplift, result.repaid)) == result.total
    assert sum(one.amount for one in result.instalments) == result.total.central
    assert all(figure == 0 for row in result.reconciliation if row.kind == "difference" for figure in row.amount)
    assert all(figure == figure.quantize(Decimal("0.01")) for figure in result.total)
    debts = [line.principal.times(each.workers) for each in result.cohorts for line in each.lines if line.to_cancel]
    assert plus(debts) == result.to_cancel
    for owed in result.cohorts:
        parts = [one for one in result.instalments if (one.cohort, one.group) == (owed.cohort.id, "current")]
        if owed.current and sum(c.cohort.id == owed.cohort.id for c in result.cohorts) == 1:
            assert sum(one.per_worker for one in parts) == owed.per_worker.central


@given(cohorts(), DAYS)
@examples(60)
def test_a_zero_fee_policy_takes_off_half_of_what_is_owed_at_most(one: Cohort, policy: date):
    without, after = (made(replace(one, zero_fee_from=day), known=KNOWN).cohorts[0].fees for day in (None, policy))
    for whole, less in zip(without, after, strict=True):
        assert whole / 2 - Decimal("0.01") <= less <= whole
