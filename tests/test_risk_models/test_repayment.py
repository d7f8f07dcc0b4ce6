"""What workers are owed back, for invented cohorts whose figures can be calculated by hand."""

from datetime import date
from decimal import Decimal

import pytest
from test_risk_models.repayment_factory import (
    GLOVES,
    NO_FACTS,
    ON,
    build_cohort,
    build_estimate,
    build_facts,
    build_item,
    build_period,
    calculate,
    calculate_one,
    list_assumption_ids,
    list_issue_codes,
)

from risk_models.facts.facts import load_facts
from risk_models.repayment.calculation import TermsError, add_months, get_published_ratio
from risk_models.repayment.cohorts import index_repayment_rules, load_repayment_rules

POLICY = date(2019, 1, 1)
BEFORE, AFTER, AROUND = (
    build_period("2017-01-01", "2018-12-31"),
    build_period("2019-01-01", "2019-12-31"),
    build_period("2018-06-01", "2019-05-31"),
)


@pytest.mark.parametrize(
    ("origin", "hired", "per_worker"),
    [
        ("BD", BEFORE, "20000.00"), ("NP", BEFORE, "6000.00"), ("MM", BEFORE, "7000.00"), ("VN", BEFORE, "6000.00"),
        ("ID", BEFORE, "1000.00"), ("BD", AFTER, "10000.00"), ("NP", AFTER, "3000.00"), ("MM", AFTER, "3500.00"),
        ("VN", AFTER, "3000.00"), ("ID", AFTER, "500.00"),
    ],
)  # fmt: skip
def test_scales_per_worker_depend_on_nationality_and_date_of_hiring(origin: str, hired: object, per_worker: str):
    account = calculate_one(
        build_cohort(origin=origin, hired=hired, zero_fee_from=POLICY), facts=GLOVES, currency="MYR"
    )
    assert account.per_worker.central == Decimal(per_worker)
    assert account.total.central == 10 * Decimal(per_worker)


def test_workers_hired_after_a_zero_fee_policy_are_assumed_to_have_paid_half():
    for repayment in (calculate(build_cohort(hired=AFTER), facts=GLOVES, currency="MYR", zero_fee_from=POLICY),
                 calculate(build_cohort(hired=AFTER, zero_fee_from=POLICY), facts=GLOVES, currency="MYR")):  # fmt: skip
        assert repayment.cohorts[0].per_worker == build_estimate("2100.00", "3000.00", "3900.00")
        assert "after_policy" in list_assumption_ids(repayment)


@pytest.mark.parametrize("hired", [AROUND, None])
def test_around_the_date_of_the_policy_only_the_low_reading_is_halved(hired: object):
    repayment = calculate(build_cohort(hired=hired, zero_fee_from=POLICY), facts=GLOVES, currency="MYR")
    assert repayment.cohorts[0].per_worker == build_estimate("2100.00", "6000.00", "7800.00")
    assert "around_policy" in list_assumption_ids(repayment)


def test_the_policy_does_not_change_what_workers_report_they_paid():
    account = calculate_one(
        build_cohort(build_item(5000, currency="MYR"), hired=AFTER, zero_fee_from=POLICY), facts=GLOVES, currency="MYR"
    )
    assert account.per_worker.central == Decimal("5000.00")


def test_an_independent_check_came_to_2_6_times_managements_own_figure():
    scale = [("BD", 5_000, 20_000), ("NP", 5_000, 6_000), ("ID", 6_000, 1_000)]  # 136 million in all
    cohorts = [
        build_cohort(build_item(amount, currency="MYR"), id=origin, origin=origin, current=workers)
        for origin, workers, amount in scale
    ]
    repayment = calculate(*cohorts, currency="MYR", management=Decimal(53_000_000))
    assert repayment.fees.central == 136_000_000
    assert repayment.ratio == get_published_ratio() == Decimal("2.57")
    assert (
        round(repayment.ratio, 1)
        == Decimal("2.6")
        == index_repayment_rules("evidence", "grade")["self_declared"]["high"]
    )


def test_managements_own_figure_is_a_minimum_and_never_an_estimate():
    cohort = build_cohort(build_item(100))
    low = calculate(cohort, management=Decimal("950"))
    assert low.fees == build_estimate("900.00", "1000.00", "1200.00")
    assert low.uplift == build_estimate("50", "0", "0")
    assert low.total == build_estimate("950.00", "1000.00", "1200.00")
    high = calculate(cohort, management=Decimal("5000"))
    assert high.total == build_estimate("5000.00", "5000.00", "5000.00")
    assert high.instalments[-1].cohort == ""
    assert {"management_floor"} <= list_assumption_ids(low) & list_assumption_ids(high)


def test_strong_evidence_is_unchanged_and_weak_evidence_is_topped_up_towards_the_known_cost():
    known = build_facts(NP_MY={"cost_usd": 1000})
    central = {
        grade: calculate_one(build_cohort(build_item(400, evidence=grade)), facts=known).per_worker.central
        for grade in ("official", "worker_voice", "audit", "document", "self_declared")
    }
    assert central == {
        "official": 400,
        "worker_voice": 400,
        "audit": 580,
        "document": 700,
        "self_declared": 1000,
    }  # fmt: skip  400 + (1 - weight) * 600


def test_weak_evidence_of_workers_hired_after_the_policy_is_topped_up_towards_half_the_known_cost():
    receipts = build_cohort(build_item(400, evidence="document"), hired=AFTER, zero_fee_from=POLICY)
    assert (
        calculate_one(receipts, facts=build_facts(NP_MY={"cost_usd": 1000})).per_worker.central == 450
    )  # 400 + 0.5 * 100


def test_evidence_above_the_known_cost_is_never_reduced():
    known = build_facts(NP_MY={"cost_usd": 1000})
    for grade in ("document", "self_declared"):
        assert calculate_one(build_cohort(build_item(3000, evidence=grade)), facts=known).per_worker.central == 3000


def test_the_weight_of_mixed_evidence_is_averaged_by_amount():
    known = build_facts(NP_MY={"cost_usd": 2000})
    account = calculate_one(build_cohort(build_item(300), build_item(100, "RC1", evidence="document")), facts=known)
    assert account.weight == Decimal("0.875")
    assert account.per_worker.central == 600  # 400 + 0.125 * 1600


def test_an_account_that_may_lack_kinds_of_fees_has_a_weight_of_at_most_half():
    known = build_facts(NP_MY={"cost_usd": 1000})
    repayment = calculate(build_cohort(build_item(400), covers_all=False), facts=known)
    assert repayment.cohorts[0].weight == Decimal("0.5")
    assert repayment.cohorts[0].per_worker.central == 700
    assert "partial_account" in list_assumption_ids(repayment)
    assert (
        calculate_one(build_cohort(build_item(400, "total"), covers_all=False), facts=known).per_worker.central == 400
    )


def test_without_evidence_the_known_cost_is_the_estimate():
    account = calculate_one(
        build_cohort(), facts=build_facts(NP_MY={"cost_usd": 1000, "cost_usd_low": 500, "cost_usd_high": 2000})
    )
    assert account.per_worker == build_estimate("500.00", "1000.00", "2000.00")
    assert [line.item for line in account.lines] == ["corridor"]


def test_facts_of_the_corridor_take_precedence_over_those_of_its_ends_and_the_largest_counts():
    nepal = {"NP_ANY": {"cost_usd": 3000}, "ANY_MY": {"cost_usd": 4000}}
    assert calculate_one(build_cohort(), facts=build_facts(**nepal)).per_worker.central == 3000
    assert (
        calculate_one(build_cohort(), facts=build_facts(**nepal, NP_MY={"cost_usd": 1000})).per_worker.central == 1000
    )
    both = build_facts(NP_MY={"cost_usd": 1000, "repaid_myr": 6000})
    assert calculate_one(build_cohort(), facts=both).per_worker == build_estimate(
        "1000.00", "1500.00", "1950.00"
    )  # 6,000 at 4


def test_a_known_cost_in_taka_is_converted_at_the_rates_of_its_year():
    account = calculate_one(build_cohort(origin="BD"), facts=build_facts(BD_MY={"cost_bdt": 90_000}))
    assert account.per_worker == build_estimate(
        "700.00", "1000.00", "1300.00"
    )  # at 90; 900 and 1,125 at the rates of its year


def test_a_known_cost_in_months_of_wage_needs_the_first_earnings():
    known = build_facts(NP_MY={"cost_months": 3})
    account = calculate_one(build_cohort(wage=Decimal(250), wage_currency="USD"), facts=known)
    assert account.per_worker.central == 750
    assert account.months_of_earnings == 3
    assert list_issue_codes(calculate(build_cohort(build_item(10)), facts=known)) == ["wage.missing"]


def test_facts_from_memory_are_listed_as_assumptions_and_not_used():
    repayment = calculate(
        build_cohort(build_item(10)), facts=build_facts(NP_MY={"cost_usd_note": 1000, "cost_months_note": 3})
    )
    assert repayment.total.central == 100
    assert "from_memory" in list_assumption_ids(repayment)


def test_a_missing_rate_is_an_issue_and_never_guessed():
    repayment = calculate(build_cohort(build_item(100), build_item(500, "RC1", "EUR")))
    assert list_issue_codes(repayment) == ["rate.missing"]
    assert "EUR on 2018-06-01" in repayment.issues[0].describe()
    assert not repayment.complete
    assert not repayment.cohorts[0].complete
    assert repayment.total.central == 1000


def test_a_known_cost_without_a_rate_is_a_warning():
    repayment = calculate(build_cohort(build_item(100)), facts=GLOVES, currency="EUR")
    assert list_issue_codes(repayment) == ["rate.missing", "rate.missing_for_fact", "cohort.no_basis"]
    assert [f.severity for f in repayment.issues] == ["error", "warning", "error"]


def test_an_amount_is_converted_at_the_rate_when_it_was_paid():
    assert calculate_one(build_cohort(build_item(400, currency="MYR"))).per_worker.central == 100
    later = calculate_one(build_cohort(build_item(420, currency="MYR", paid=build_period("2019-06-01"))))
    assert later.per_worker.central == 100
    month = calculate_one(
        build_cohort(
            build_item(900, currency="MYR", paid=build_period("2018-06-01", "2018-06-30"), evidence="official")
        )
    )
    assert month.per_worker == build_estimate("180.00", "200.00", "225.00")  # at 5, 4.5 and 4 ringgit


def test_without_a_payment_date_the_date_of_hiring_is_used():
    repayment = calculate(build_cohort(build_item(400, currency="MYR", paid=None), hired=build_period("2018-06-05")))
    assert repayment.total.central == 1000
    assert "paid_when_hired" in list_assumption_ids(repayment)
    assert (
        list_issue_codes(calculate(build_cohort(build_item(400, currency="MYR", paid=None), hired=None)))[0]
        == "date.missing"
    )
    assert calculate(build_cohort(build_item(400, paid=None), hired=None)).total.central == 4000  # no rate is needed


def test_interest_is_simple_and_runs_from_the_payment():
    account = calculate_one(
        build_cohort(build_item(1000, evidence="official", paid=build_period("2024-01-01"))), interest=Decimal(5)
    )
    assert account.interest == build_estimate("100.14", "100.14", "100.14")  # 731 days of 365
    year = calculate_one(
        build_cohort(build_item(1000, evidence="official", paid=build_period("2024-01-01", "2024-12-31"))),
        interest=Decimal(5),
    )
    assert year.interest == build_estimate("50.14", "75.21", "100.14")  # 366, 549 and 731 days
    assert calculate_one(build_cohort(build_item(1000))).interest.high == 0


def test_fees_paid_by_the_employer_are_not_owed_and_deductions_are():
    payers = {"worker": "100.00", "deducted": "100.00", "employer": "0.00", "agency": "0.00", "": "100.00"}
    for payer, central in payers.items():
        assert calculate_one(build_cohort(build_item(100, paid_by=payer))).per_worker.central == Decimal(central), payer
    assert calculate_one(build_cohort(build_item(100, paid_by=""))).per_worker.low == 0


def test_no_payment_reported_on_a_corridor_with_a_known_cost_is_noted_and_topped_up():
    repayment = calculate(
        build_cohort(build_item(900, paid_by="employer", evidence="self_declared")),
        facts=build_facts(NP_MY={"cost_usd": 1000}),
    )
    assert repayment.cohorts[0].per_worker.central == 1000
    assert "none_paid_is_a_warning" in list_assumption_ids(repayment)


@pytest.mark.parametrize("amount", [0, 500])
def test_the_employers_word_alone_is_a_minimum_and_the_calculation_is_incomplete(amount: int):
    own_word = build_cohort(build_item(amount, evidence="self_declared"))
    repayment = calculate(own_word)
    assert (list_issue_codes(repayment), repayment.complete) == (["cohort.own_word"], False)
    assert repayment.cohorts[0].per_worker.central == amount
    assert calculate(own_word, facts=build_facts(NP_MY={"cost_usd": 1000})).complete
    assert calculate(
        build_cohort(build_item(amount, evidence="self_declared"), build_item(1, "RC1", evidence="document"))
    ).complete
    assert calculate(build_cohort(build_item(amount, evidence="worker_voice"))).complete


def test_an_item_with_two_kinds_of_evidence_counts_once_at_the_higher_amount():
    repayment = calculate(
        build_cohort(
            build_item(100, evidence="self_declared"), build_item(260), build_item(30, "RC1"), build_item(20, "RC1")
        )
    )
    assert repayment.cohorts[0].per_worker.central == 310  # rows of one grade are parts
    assert [line.counted for line in repayment.cohorts[0].lines] == [False, True, True, True]
    assert "one_item_told_twice" in list_assumption_ids(repayment)


def test_the_total_cost_and_its_items_are_not_counted_twice():
    assert (
        calculate_one(
            build_cohort(build_item(500, "total"), build_item(300), build_item(150, "RC1"))
        ).per_worker.central
        == 500
    )
    assert (
        calculate_one(
            build_cohort(build_item(500, "total"), build_item(400), build_item(150, "RC1"))
        ).per_worker.central
        == 550
    )
    assert (
        calculate_one(build_cohort(build_item(500, "total"), build_item(70, "debt_interest"))).per_worker.central == 570
    )


def test_of_lodging_and_food_only_the_excess_over_a_fair_value_counts():
    board = build_item(300, "board", low=250, high=400, fair_value=260)
    repayment = calculate(build_cohort(board, build_item(25, "board_interest")))
    assert repayment.cohorts[0].per_worker == build_estimate("22.50", "65.00", "170.00")
    assert [line.principal for line in repayment.cohorts[0].lines][0] == build_estimate("0.00", "40.00", "140.00")
    assert "fair_value" in list_assumption_ids(repayment)
    assert "fair_value_not_told" not in list_assumption_ids(repayment)


def test_without_a_fair_value_lodging_and_food_count_in_all_readings_but_the_low_one():
    repayment = calculate(build_cohort(build_item(300, "board", evidence="official")))
    assert repayment.cohorts[0].per_worker == build_estimate("0.00", "300.00", "300.00")
    assert "fair_value_not_told" in list_assumption_ids(repayment)


def test_lodging_and_food_are_not_compared_with_the_known_cost():
    known = build_facts(NP_MY={"cost_usd": 1000})
    cohort = build_cohort(
        build_item(900, "board", fair_value=0, evidence="official"),
        build_item(400, evidence="official"),
        covers_all=False,
    )
    assert calculate_one(cohort, facts=known).per_worker.central == 900 + 400 + 300


def test_a_fair_value_of_a_recruitment_fee_is_ignored_with_an_issue():
    repayment = calculate(build_cohort(build_item(300, fair_value=100, evidence="official")))
    assert repayment.cohorts[0].per_worker.central == 300
    assert list_issue_codes(repayment) == ["item.fair_value"]
    assert repayment.complete


def test_an_open_debt_is_cancelled_and_not_paid_out():
    debt = build_item(200, "board", paid_by="owed", evidence="official", fair_value=50)
    repayment = calculate(build_cohort(build_item(100, evidence="official"), debt), interest=Decimal(10))
    (account,) = repayment.cohorts
    assert account.fees.central == 100
    assert account.to_cancel.central == 150
    assert repayment.to_cancel == build_estimate("1500.00", "1500.00", "1500.00")
    assert sum(instalment.amount for instalment in repayment.instalments) == repayment.total.central
    assert account.lines[-1].interest.high == 0  # nobody has paid it yet
    assert {"still_owed"} <= list_assumption_ids(repayment)


def test_a_cohort_with_only_open_debts_has_a_basis():
    repayment = calculate(build_cohort(build_item(200, paid_by="owed", evidence="official")))
    assert (list_issue_codes(repayment), repayment.total.central, repayment.to_cancel.central) == ([], 0, 2000)


def test_an_open_debt_counts_in_the_comparison_with_the_known_cost():
    cohort = build_cohort(
        build_item(400, evidence="official"),
        build_item(300, "RF2", paid_by="owed", evidence="official"),
        covers_all=False,
    )
    account = calculate_one(cohort, facts=build_facts(NP_MY={"cost_usd": 1000}))
    assert account.per_worker.central == 400 + Decimal("0.5") * 300
    assert account.to_cancel.central == 300


def test_an_uncertain_debt_leaves_the_readings_in_order():
    debt = build_item(300, "RF2", paid_by="owed", evidence="audit", low=100, high=900)
    account = calculate_one(build_cohort(debt, covers_all=False), facts=build_facts(NP_MY={"cost_usd": 1000}))
    assert account.fees == build_estimate("0.00", "350.00", "600.00")  # half of 700 - 900, 1,000 - 300 and 1,300 - 100


def test_repayments_are_deducted_by_the_strength_of_their_evidence():
    def calculate_owed(grade: str, amount: int = 30):
        return calculate_one(
            build_cohort(build_item(100, evidence="official"), build_item(amount, "repaid", evidence=grade))
        ).per_worker

    assert calculate_owed("worker_voice") == build_estimate("70.00", "70.00", "70.00")
    assert calculate_owed("document") == build_estimate("70.00", "70.00", "100.00")
    assert calculate_owed("self_declared") == build_estimate("70.00", "100.00", "100.00")
    assert calculate_owed("official", 500) == build_estimate("0.00", "0.00", "0.00")  # never below nothing


def test_past_workers_are_owed_the_same_unless_they_left_before_a_given_date():
    cohort = build_cohort(build_item(100), past=5, left=build_period("2024-03-01", "2024-03-31"))
    assert calculate(cohort).total.central == 1500
    assert "all_past_workers" in list_assumption_ids(calculate(cohort))
    cut = calculate(cohort, past_since=date(2024, 4, 1))
    assert (cut.total.central, cut.cohorts[0].past_excluded) == (1000, 5)
    assert "past_cut_off" in list_assumption_ids(cut)
    assert calculate(cohort, past_since=date(2024, 3, 31)).total.central == 1500
    unknown = build_cohort(build_item(100), past=5)
    assert calculate(unknown, past_since=date(2024, 4, 1)).total.central == 1500


def test_the_deadline_is_90_days_after_discovery():
    assert calculate(build_cohort(build_item(1))).deadline == date(2026, 4, 1)
    assert calculate(build_cohort(build_item(1)), discovered=date(2025, 12, 1)).deadline == date(2026, 3, 1)


def test_a_lump_sum_is_due_at_once():
    repayment = calculate(build_cohort(build_item(100), past=2))
    assert [(instalment.group, instalment.due, instalment.amount) for instalment in repayment.instalments] == [
        ("past", date(2026, 1, 1), 200), ("current", date(2026, 1, 1), 1000),
    ]  # fmt: skip
    assert "lump_sum" in list_assumption_ids(repayment)


@pytest.mark.parametrize(
    ("first", "in_time"), [(date(2026, 4, 1), True), (date(2026, 4, 2), False), (ON, True)], ids=str
)
def test_a_payment_on_the_last_day_of_the_deadline_or_on_the_day_of_the_calculation_is_in_time(
    first: date, in_time: bool
):
    repayment = calculate(build_cohort(build_item(1)), first_payment=first)
    assert repayment.deadline == date(2026, 4, 1)
    assert [(instalment.due, instalment.in_time) for instalment in repayment.instalments] == [(first, in_time)]


def test_instalments_are_monthly_and_checked_against_the_deadline_and_past_workers_are_paid_at_once():
    repayment = calculate(build_cohort(build_item("100.01"), past=2), instalments=7, first_payment=date(2026, 1, 31))
    current = [instalment for instalment in repayment.instalments if instalment.group == "current"]
    assert [instalment.per_worker for instalment in current] == [Decimal("14.33"), *[Decimal("14.28")] * 6]
    assert [instalment.due.isoformat() for instalment in current[:4]] == [
        "2026-01-31",
        "2026-02-28",
        "2026-03-31",
        "2026-04-30",
    ]
    assert [instalment.in_time for instalment in current] == [True, True, True, False, False, False, False]
    assert [instalment.amount for instalment in repayment.instalments if instalment.group == "past"] == [
        Decimal("200.02")
    ]
    assert {"instalments", "long_instalments", "past_at_once"} <= list_assumption_ids(repayment)


def test_adding_months_follows_the_calendar():
    assert add_months(date(2024, 1, 31), 1) == date(2024, 2, 29)
    assert add_months(date(2025, 11, 30), 14) == date(2027, 1, 30)


@pytest.mark.parametrize(
    "terms",
    [
        {"instalments": 0}, {"instalments": 13}, {"interest": Decimal(-1)}, {"interest": Decimal(101)},
        {"management": Decimal(0)}, {"first_payment": date(2025, 12, 31)},
    ],
)  # fmt: skip
def test_terms_out_of_bounds_are_refused(terms: dict):
    with pytest.raises(TermsError):
        calculate(build_cohort(build_item(1)), **terms)


def test_a_cohort_without_any_basis_is_an_issue_and_not_zero():
    repayment = calculate(build_cohort(), facts=NO_FACTS)
    assert list_issue_codes(repayment) == ["cohort.no_basis"]
    assert not repayment.complete


def test_a_cohort_without_a_number_of_workers_has_an_amount_per_worker_and_an_issue():
    repayment = calculate(build_cohort(build_item(100), current=None))
    assert repayment.cohorts[0].per_worker.central == 100
    assert (repayment.total.central, list_issue_codes(repayment)) == (0, ["cohort.no_workers"])


def test_an_item_with_amounts_out_of_order_is_not_counted():
    assert list_issue_codes(calculate(build_cohort(build_item(100, low="120")))) == ["item.order", "cohort.no_basis"]


def test_every_rule_has_a_reason_or_sentence_and_every_fact_it_reads_exists():
    described = load_facts().descriptions
    corridor = load_repayment_rules()["corridor"]
    assert all(f"corridor.{entry['fact']}" in described for entry in corridor["facts"])
    assert all(described[f"corridor.{name}"].use == "note" for name in corridor["from_memory"])
    assert all(rule["because"] and rule["sources"] for rule in load_repayment_rules()["evidence"])
    assert all(
        0 <= rule["weight"] <= 1 and rule["low"] <= 1 <= rule["high"] for rule in load_repayment_rules()["evidence"]
    )
    assert all(sorted(rule["repaid"], reverse=True) == rule["repaid"] for rule in load_repayment_rules()["evidence"])
    assert all(sorted(rule["counts"]) == rule["counts"] for rule in load_repayment_rules()["paid_by"])
    assert all(fault["message"] and fault["cure"] for fault in load_repayment_rules()["fault"].values())


def test_a_higher_reading_never_has_less_interest():
    cohort = build_cohort(
        build_item(1000, low="0", evidence="self_declared", paid=build_period("2025-12-31")),
        hired=build_period("2011-01-05"),
    )
    account = calculate_one(cohort, facts=build_facts(NP_MY={"cost_usd": 1000}), interest=Decimal(10))
    assert account.fees == build_estimate("700.00", "1000.00", "2600.00")
    assert account.interest == build_estimate(
        "1050.00", "1050.00", "1050.00"
    )  # 700 for 15 years of 365 days; 1,000 for one day


def test_managements_figure_after_excess_repayment_leaves_the_readings_in_order():
    cohort = build_cohort(
        build_item(50, low="10", high="60", evidence="official"),
        build_item(100, "repaid", evidence="official"),
        current=1,
    )
    assert calculate(cohort, management=Decimal(100)).total == build_estimate("90.00", "90.00", "90.00")


def test_repayments_are_deducted_from_fees_before_interest():
    first, back = build_item(100, evidence="official"), build_item(500, "repaid", evidence="official")
    line = calculate_one(build_cohort(first, back), interest=Decimal(10)).lines[-1]
    assert line.principal == build_estimate("-175.92", "-175.92", "-175.92")  # 100, and 75.92 for 2,771 days
    assert line.interest == build_estimate("0.00", "0.00", "0.00")
