"""What workers are owed back, on invented cohorts whose figures can be worked out by hand."""

from datetime import date
from decimal import Decimal

import pytest
from test_risk_models.repaying import (
    GLOVES,
    NOTHING_KNOWN,
    ON,
    alone,
    assumed,
    codes,
    cohort,
    facts,
    item,
    made,
    paid,
    reading,
)

from risk_models.cohorts import entries, rules
from risk_models.facts import load
from risk_models.repayment import BadTerms, months_after, published_ratio

POLICY = date(2019, 1, 1)
BEFORE, AFTER, AROUND = (
    paid("2017-01-01", "2018-12-31"),
    paid("2019-01-01", "2019-12-31"),
    paid("2018-06-01", "2019-05-31"),
)


@pytest.mark.parametrize(
    ("origin", "hired", "each"),
    [
        ("BD", BEFORE, "20000.00"), ("NP", BEFORE, "6000.00"), ("MM", BEFORE, "7000.00"), ("VN", BEFORE, "6000.00"),
        ("ID", BEFORE, "1000.00"), ("BD", AFTER, "10000.00"), ("NP", AFTER, "3000.00"), ("MM", AFTER, "3500.00"),
        ("VN", AFTER, "3000.00"), ("ID", AFTER, "500.00"),
    ],
)  # fmt: skip
def test_scales_per_worker_go_by_nationality_and_date_of_intake(origin: str, hired: object, each: str):
    owed = alone(cohort(origin=origin, hired=hired, zero_fee_from=POLICY), known=GLOVES, currency="MYR")
    assert owed.per_worker.central == Decimal(each)
    assert owed.total.central == 10 * Decimal(each)


def test_who_was_hired_after_the_date_of_a_zero_fee_policy_had_still_paid_half():
    for told in (made(cohort(hired=AFTER), known=GLOVES, currency="MYR", zero_fee_from=POLICY),
                 made(cohort(hired=AFTER, zero_fee_from=POLICY), known=GLOVES, currency="MYR")):  # fmt: skip
        assert told.cohorts[0].per_worker == reading("2100.00", "3000.00", "3900.00")
        assert "after_policy" in assumed(told)


@pytest.mark.parametrize("hired", [AROUND, None])
def test_around_the_date_of_the_policy_only_the_low_reading_is_halved(hired: object):
    told = made(cohort(hired=hired, zero_fee_from=POLICY), known=GLOVES, currency="MYR")
    assert told.cohorts[0].per_worker == reading("2100.00", "6000.00", "7800.00")
    assert "around_policy" in assumed(told)


def test_the_policy_does_not_touch_what_workers_tell_that_they_paid():
    owed = alone(cohort(item(5000, currency="MYR"), hired=AFTER, zero_fee_from=POLICY), known=GLOVES, currency="MYR")
    assert owed.per_worker.central == Decimal("5000.00")


def test_an_independent_check_came_to_2_6_times_managements_own_figure():
    scale = [("BD", 5_000, 20_000), ("NP", 5_000, 6_000), ("ID", 6_000, 1_000)]  # 136 million in all
    cohorts = [cohort(item(each, currency="MYR"), id=who, origin=who, current=number) for who, number, each in scale]
    told = made(*cohorts, currency="MYR", management=Decimal(53_000_000))
    assert told.fees.central == 136_000_000
    assert told.ratio == published_ratio() == Decimal("2.57")
    assert round(told.ratio, 1) == Decimal("2.6") == entries("evidence", "grade")["self_declared"]["high"]


def test_managements_own_figure_is_a_floor_and_never_an_estimate():
    one = cohort(item(100))
    low = made(one, management=Decimal("950"))
    assert low.fees == reading("900.00", "1000.00", "1200.00")
    assert low.uplift == reading("50", "0", "0")
    assert low.total == reading("950.00", "1000.00", "1200.00")
    high = made(one, management=Decimal("5000"))
    assert high.total == reading("5000.00", "5000.00", "5000.00")
    assert high.instalments[-1].cohort == ""
    assert {"management_floor"} <= assumed(low) & assumed(high)


def test_strong_evidence_stands_and_weak_evidence_is_drawn_up_to_the_known_cost():
    known = facts(NP_MY={"cost_usd": 1000})
    central = {
        grade: alone(cohort(item(400, evidence=grade)), known=known).per_worker.central
        for grade in ("official", "worker_voice", "audit", "document", "self_declared")
    }
    assert central == {
        "official": 400,
        "worker_voice": 400,
        "audit": 580,
        "document": 700,
        "self_declared": 1000,
    }  # fmt: skip  400 + (1 - weight) * 600


def test_weak_evidence_of_who_was_hired_after_the_policy_is_drawn_to_half_the_known_cost():
    receipts = cohort(item(400, evidence="document"), hired=AFTER, zero_fee_from=POLICY)
    assert alone(receipts, known=facts(NP_MY={"cost_usd": 1000})).per_worker.central == 450  # 400 + 0.5 * 100


def test_evidence_above_the_known_cost_is_never_drawn_down():
    known = facts(NP_MY={"cost_usd": 1000})
    for grade in ("document", "self_declared"):
        assert alone(cohort(item(3000, evidence=grade)), known=known).per_worker.central == 3000


def test_the_mix_of_evidence_weighs_by_amount():
    known = facts(NP_MY={"cost_usd": 2000})
    owed = alone(cohort(item(300), item(100, "RC1", evidence="document")), known=known)
    assert owed.weight == Decimal("0.875")
    assert owed.per_worker.central == 600  # 400 + 0.125 * 1600


def test_an_account_that_may_lack_kinds_of_fees_weighs_half_at_most():
    known = facts(NP_MY={"cost_usd": 1000})
    told = made(cohort(item(400), covers_all=False), known=known)
    assert told.cohorts[0].weight == Decimal("0.5")
    assert told.cohorts[0].per_worker.central == 700
    assert "partial_account" in assumed(told)
    assert alone(cohort(item(400, "total"), covers_all=False), known=known).per_worker.central == 400


def test_without_evidence_the_known_cost_alone_is_the_estimate():
    owed = alone(cohort(), known=facts(NP_MY={"cost_usd": 1000, "cost_usd_low": 500, "cost_usd_high": 2000}))
    assert owed.per_worker == reading("500.00", "1000.00", "2000.00")
    assert [line.item for line in owed.lines] == ["corridor"]


def test_the_own_rows_of_a_corridor_go_before_those_of_its_ends_and_the_largest_counts():
    nepal = {"NP_ANY": {"cost_usd": 3000}, "ANY_MY": {"cost_usd": 4000}}
    assert alone(cohort(), known=facts(**nepal)).per_worker.central == 3000
    assert alone(cohort(), known=facts(**nepal, NP_MY={"cost_usd": 1000})).per_worker.central == 1000
    both = facts(NP_MY={"cost_usd": 1000, "repaid_myr": 6000})
    assert alone(cohort(), known=both).per_worker == reading("1000.00", "1500.00", "1950.00")  # 6,000 at 4


def test_a_cost_told_in_taka_is_converted_at_the_rates_of_its_year():
    owed = alone(cohort(origin="BD"), known=facts(BD_MY={"cost_bdt": 90_000}))
    assert owed.per_worker == reading("700.00", "1000.00", "1300.00")  # at 90; 900 and 1,125 at the rates of its year


def test_a_cost_told_in_months_needs_the_first_earnings():
    known = facts(NP_MY={"cost_months": 3})
    owed = alone(cohort(wage=Decimal(250), wage_currency="USD"), known=known)
    assert owed.per_worker.central == 750
    assert owed.months == 3
    assert codes(made(cohort(item(10)), known=known)) == ["wage.missing"]


def test_what_is_known_from_memory_is_told_and_used_for_nothing():
    told = made(cohort(item(10)), known=facts(NP_MY={"cost_usd_note": 1000, "cost_months_note": 3}))
    assert told.total.central == 100
    assert "from_memory" in assumed(told)


def test_a_missing_rate_is_said_and_never_guessed():
    told = made(cohort(item(100), item(500, "RC1", "EUR")))
    assert codes(told) == ["rate.missing"]
    assert "EUR on 2018-06-01" in told.faults[0].sentence()
    assert not told.complete
    assert not told.cohorts[0].complete
    assert told.total.central == 1000


def test_a_known_cost_without_a_rate_is_a_warning():
    told = made(cohort(item(100)), known=GLOVES, currency="EUR")
    assert codes(told) == ["rate.missing", "rate.missing_for_fact", "cohort.no_basis"]
    assert [f.severity for f in told.faults] == ["error", "warning", "error"]


def test_an_amount_is_converted_when_it_was_paid():
    assert alone(cohort(item(400, currency="MYR"))).per_worker.central == 100
    later = alone(cohort(item(420, currency="MYR", paid=paid("2019-06-01"))))
    assert later.per_worker.central == 100
    month = alone(cohort(item(900, currency="MYR", paid=paid("2018-06-01", "2018-06-30"), evidence="official")))
    assert month.per_worker == reading("180.00", "200.00", "225.00")  # at 5, 4.5 and 4 ringgit


def test_without_a_payment_date_workers_paid_when_they_were_hired():
    told = made(cohort(item(400, currency="MYR", paid=None), hired=paid("2018-06-05")))
    assert told.total.central == 1000
    assert "paid_when_hired" in assumed(told)
    assert codes(made(cohort(item(400, currency="MYR", paid=None), hired=None)))[0] == "date.missing"
    assert made(cohort(item(400, paid=None), hired=None)).total.central == 4000  # no rate is needed


def test_interest_is_simple_and_runs_from_the_payment():
    owed = alone(cohort(item(1000, evidence="official", paid=paid("2024-01-01"))), interest=Decimal(5))
    assert owed.interest == reading("100.14", "100.14", "100.14")  # 731 days of 365
    year = alone(cohort(item(1000, evidence="official", paid=paid("2024-01-01", "2024-12-31"))), interest=Decimal(5))
    assert year.interest == reading("50.14", "75.21", "100.14")  # 366, 549 and 731 days
    assert alone(cohort(item(1000))).interest.high == 0


def test_what_the_employer_bore_is_not_owed_and_what_it_took_back_is():
    payers = {"worker": "100.00", "deducted": "100.00", "employer": "0.00", "agency": "0.00", "": "100.00"}
    for payer, central in payers.items():
        assert alone(cohort(item(100, paid_by=payer))).per_worker.central == Decimal(central), payer
    assert alone(cohort(item(100, paid_by=""))).per_worker.low == 0


def test_that_nobody_paid_is_a_warning_where_the_corridor_has_a_known_cost():
    told = made(cohort(item(900, paid_by="employer", evidence="self_declared")), known=facts(NP_MY={"cost_usd": 1000}))
    assert told.cohorts[0].per_worker.central == 1000
    assert "none_paid_is_a_warning" in assumed(told)


@pytest.mark.parametrize("amount", [0, 500])
def test_the_employers_own_word_alone_is_a_floor_and_no_whole_account(amount: int):
    own_word = cohort(item(amount, evidence="self_declared"))
    told = made(own_word)
    assert (codes(told), told.complete) == (["cohort.own_word"], False)
    assert told.cohorts[0].per_worker.central == amount
    assert made(own_word, known=facts(NP_MY={"cost_usd": 1000})).complete
    assert made(cohort(item(amount, evidence="self_declared"), item(1, "RC1", evidence="document"))).complete
    assert made(cohort(item(amount, evidence="worker_voice"))).complete


def test_one_item_told_by_two_kinds_of_evidence_counts_once_at_the_higher_figure():
    told = made(cohort(item(100, evidence="self_declared"), item(260), item(30, "RC1"), item(20, "RC1")))
    assert told.cohorts[0].per_worker.central == 310  # rows of one grade are parts
    assert [line.counted for line in told.cohorts[0].lines] == [False, True, True, True]
    assert "one_item_told_twice" in assumed(told)


def test_the_whole_cost_and_its_items_are_not_counted_twice():
    assert alone(cohort(item(500, "total"), item(300), item(150, "RC1"))).per_worker.central == 500
    assert alone(cohort(item(500, "total"), item(400), item(150, "RC1"))).per_worker.central == 550
    assert alone(cohort(item(500, "total"), item(70, "debt_interest"))).per_worker.central == 570


def test_of_lodging_and_food_only_what_goes_beyond_a_fair_value_counts():
    board = item(300, "board", low=250, high=400, fair=260)
    told = made(cohort(board, item(25, "board_interest")))
    assert told.cohorts[0].per_worker == reading("22.50", "65.00", "170.00")
    assert [line.principal for line in told.cohorts[0].lines][0] == reading("0.00", "40.00", "140.00")
    assert "fair_value" in assumed(told)
    assert "fair_value_not_told" not in assumed(told)


def test_without_a_fair_value_a_charge_for_lodging_and_food_counts_in_all_readings_but_the_low_one():
    told = made(cohort(item(300, "board", evidence="official")))
    assert told.cohorts[0].per_worker == reading("0.00", "300.00", "300.00")
    assert "fair_value_not_told" in assumed(told)


def test_lodging_and_food_say_nothing_of_what_the_corridor_costs():
    known = facts(NP_MY={"cost_usd": 1000})
    one = cohort(item(900, "board", fair=0, evidence="official"), item(400, evidence="official"), covers_all=False)
    assert alone(one, known=known).per_worker.central == 900 + 400 + 300


def test_a_fair_value_of_a_recruitment_fee_is_not_used_and_said():
    told = made(cohort(item(300, fair=100, evidence="official")))
    assert told.cohorts[0].per_worker.central == 300
    assert codes(told) == ["item.fair_value"]
    assert told.complete


def test_a_debt_that_is_still_open_is_cancelled_and_not_paid_out():
    debt = item(200, "board", paid_by="owed", evidence="official", fair=50)
    told = made(cohort(item(100, evidence="official"), debt), interest=Decimal(10))
    (one,) = told.cohorts
    assert one.fees.central == 100
    assert one.to_cancel.central == 150
    assert told.to_cancel == reading("1500.00", "1500.00", "1500.00")
    assert sum(each.amount for each in told.instalments) == told.total.central
    assert one.lines[-1].interest.high == 0  # nobody has paid it yet
    assert {"still_owed"} <= assumed(told)


def test_a_cohort_that_owes_and_has_paid_nothing_is_not_without_a_basis():
    told = made(cohort(item(200, paid_by="owed", evidence="official")))
    assert (codes(told), told.total.central, told.to_cancel.central) == ([], 0, 2000)


def test_a_fee_still_owed_counts_when_evidence_is_held_against_the_known_cost():
    one = cohort(
        item(400, evidence="official"), item(300, "RF2", paid_by="owed", evidence="official"), covers_all=False
    )
    told = alone(one, known=facts(NP_MY={"cost_usd": 1000}))
    assert told.per_worker.central == 400 + Decimal("0.5") * 300
    assert told.to_cancel.central == 300


def test_a_higher_debt_never_makes_the_high_reading_of_what_was_paid_the_lower_one():
    debt = item(300, "RF2", paid_by="owed", evidence="audit", low=100, high=900)
    told = alone(cohort(debt, covers_all=False), known=facts(NP_MY={"cost_usd": 1000}))
    assert told.fees == reading("0.00", "350.00", "600.00")  # half of 700 - 900, 1,000 - 300 and 1,300 - 100


def test_what_was_paid_back_is_deducted_as_far_as_it_is_shown():
    def owed(grade: str, amount: int = 30):
        return alone(cohort(item(100, evidence="official"), item(amount, "repaid", evidence=grade))).per_worker

    assert owed("worker_voice") == reading("70.00", "70.00", "70.00")
    assert owed("document") == reading("70.00", "70.00", "100.00")
    assert owed("self_declared") == reading("70.00", "100.00", "100.00")
    assert owed("official", 500) == reading("0.00", "0.00", "0.00")  # never below nothing


def test_past_workers_are_owed_as_much_and_may_be_cut_off_by_a_date():
    one = cohort(item(100), past=5, left=paid("2024-03-01", "2024-03-31"))
    assert made(one).total.central == 1500
    assert "all_past_workers" in assumed(made(one))
    cut = made(one, past_since=date(2024, 4, 1))
    assert (cut.total.central, cut.cohorts[0].past_left_out) == (1000, 5)
    assert "past_cut_off" in assumed(cut)
    assert made(one, past_since=date(2024, 3, 31)).total.central == 1500
    unknown = cohort(item(100), past=5)
    assert made(unknown, past_since=date(2024, 4, 1)).total.central == 1500


def test_the_deadline_is_90_days_after_discovery():
    assert made(cohort(item(1))).deadline == date(2026, 4, 1)
    assert made(cohort(item(1)), discovered=date(2025, 12, 1)).deadline == date(2026, 3, 1)


def test_a_lump_sum_is_paid_at_once():
    told = made(cohort(item(100), past=2))
    assert [(one.group, one.due, one.amount) for one in told.instalments] == [
        ("past", date(2026, 1, 1), 200), ("current", date(2026, 1, 1), 1000),
    ]  # fmt: skip
    assert "lump_sum" in assumed(told)


@pytest.mark.parametrize(
    ("first", "in_time"), [(date(2026, 4, 1), True), (date(2026, 4, 2), False), (ON, True)], ids=str
)
def test_a_payment_on_the_last_day_of_the_deadline_or_on_the_day_of_the_calculation_is_in_time(
    first: date, in_time: bool
):
    told = made(cohort(item(1)), first_payment=first)
    assert told.deadline == date(2026, 4, 1)
    assert [(one.due, one.in_time) for one in told.instalments] == [(first, in_time)]


def test_instalments_are_monthly_held_against_the_deadline_and_past_workers_do_not_wait():
    told = made(cohort(item("100.01"), past=2), instalments=7, first_payment=date(2026, 1, 31))
    current = [one for one in told.instalments if one.group == "current"]
    assert [one.per_worker for one in current] == [Decimal("14.33"), *[Decimal("14.28")] * 6]
    assert [one.due.isoformat() for one in current[:4]] == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]
    assert [one.in_time for one in current] == [True, True, True, False, False, False, False]
    assert [one.amount for one in told.instalments if one.group == "past"] == [Decimal("200.02")]
    assert {"instalments", "long_instalments", "past_at_once"} <= assumed(told)


def test_months_go_by_the_calendar():
    assert months_after(date(2024, 1, 31), 1) == date(2024, 2, 29)
    assert months_after(date(2025, 11, 30), 14) == date(2027, 1, 30)


@pytest.mark.parametrize(
    "terms",
    [
        {"instalments": 0}, {"instalments": 13}, {"interest": Decimal(-1)}, {"interest": Decimal(101)},
        {"management": Decimal(0)}, {"first_payment": date(2025, 12, 31)},
    ],
)  # fmt: skip
def test_terms_that_cannot_be_are_refused(terms: dict):
    with pytest.raises(BadTerms):
        made(cohort(item(1)), **terms)


def test_a_cohort_of_which_nothing_is_known_is_a_fault_and_not_nothing_owed():
    told = made(cohort(), known=NOTHING_KNOWN)
    assert codes(told) == ["cohort.no_basis"]
    assert not told.complete


def test_a_cohort_without_numbers_has_a_scale_and_a_fault():
    told = made(cohort(item(100), current=None))
    assert told.cohorts[0].per_worker.central == 100
    assert (told.total.central, codes(told)) == (0, ["cohort.no_workers"])


def test_amounts_out_of_order_are_not_counted():
    assert codes(made(cohort(item(100, low="120")))) == ["item.order", "cohort.no_basis"]


def test_every_rule_has_its_reason_or_sentence_and_every_fact_it_reads_is_there():
    described = load().descriptions
    told = rules()["corridor"]
    assert all(f"corridor.{entry['fact']}" in described for entry in told["facts"])
    assert all(described[f"corridor.{name}"].use == "note" for name in told["from_memory"])
    assert all(rule["because"] and rule["sources"] for rule in rules()["evidence"])
    assert all(0 <= rule["weight"] <= 1 and rule["low"] <= 1 <= rule["high"] for rule in rules()["evidence"])
    assert all(sorted(rule["repaid"], reverse=True) == rule["repaid"] for rule in rules()["evidence"])
    assert all(sorted(rule["counts"]) == rule["counts"] for rule in rules()["paid_by"])
    assert all(fault["message"] and fault["cure"] for fault in rules()["fault"].values())


def test_a_higher_reading_never_bears_less_interest_though_its_days_are_other_ones():
    one = cohort(item(1000, low="0", evidence="self_declared", paid=paid("2025-12-31")), hired=paid("2011-01-05"))
    owed = alone(one, known=facts(NP_MY={"cost_usd": 1000}), interest=Decimal(10))
    assert owed.fees == reading("700.00", "1000.00", "2600.00")
    assert owed.interest == reading("1050.00", "1050.00", "1050.00")  # 700 for 15 years of 365 days; 1,000 for one day


def test_a_floor_under_workers_who_were_paid_back_too_much_leaves_the_readings_in_order():
    one = cohort(
        item(50, low="10", high="60", evidence="official"), item(100, "repaid", evidence="official"), current=1
    )
    assert made(one, management=Decimal(100)).total == reading("90.00", "90.00", "90.00")


def test_what_was_paid_back_is_set_off_against_the_fees_before_their_interest():
    first, back = item(100, evidence="official"), item(500, "repaid", evidence="official")
    line = alone(cohort(first, back), interest=Decimal(10)).lines[-1]
    assert line.principal == reading("-175.92", "-175.92", "-175.92")  # 100, and 75.92 for 2,771 days
    assert line.interest == reading("0.00", "0.00", "0.00")
