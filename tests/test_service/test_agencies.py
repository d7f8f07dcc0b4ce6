"""Test how agencies are scored: policy, practice and worker reports item by item, licence dates, destinations."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import orjson
import pytest
from examples import examples
from hypothesis import assume, given
from hypothesis import strategies as st

from risk_models.action_library import load_actions
from risk_models.answers import from_rows
from risk_models.facts.facts import load_facts
from risk_models.model import get_model_in_force
from risk_models.transforms import bind_day
from service.assessment.assess import Batch, assess
from service.assessment.export_json import iter_result_json
from service.report_content.build import build_details
from tests.test_service.answers import (
    FACTS,
    ON,
    Answers,
    answers,
    assess_row,
    list_indicator_questions,
    possible_answers,
)

TOLERANCE = 1e-9
AGENCY = {"name": "Invented Manpower", "country": "NP", "answered_on": "2026-10-01"}
SITE = {"name": "Invented Camp", "country": "QA", "sector": ("4100",)}
QUESTIONS = [question for question in list_indicator_questions("agency") if question.type != "number"]
few_examples = examples(40)


def index_reasons(row: Answers, kind: str = "agency") -> dict[str, dict[str, Any]]:
    return {reason["indicator"]: reason for reason in assess_row(row, kind)["reasons"]}


def list_actions(row: Answers, kind: str = "agency") -> set[str]:
    return {action["id"] for action in assess_row(row, kind)["actions"]}


def days_ago(days: int) -> str:
    """Return the ISO date a number of days before the assessment."""
    return (ON - timedelta(days=days)).isoformat()


def assess_on(row: Answers, on: date) -> dict[str, Any]:
    batch = Batch("agency", from_rows([row]), "a.xlsx", "Agencies", np.array([2]))
    facts = load_facts().as_of(on)
    result: dict[str, Any] = orjson.loads(next(iter_result_json(assess([batch], facts, on)[0], on)))
    return result


# ---------------------------------------------------------------- dates of licence and certificate


def test_a_licence_is_valid_on_its_last_day_and_expired_the_day_after() -> None:
    last_day, day_after = ({**AGENCY, "licence_expiry": day} for day in (days_ago(0), days_ago(1)))
    assert index_reasons(last_day)["licence_run_out"]["e"] < 0.7
    assert "stop_intake_unlicensed" not in list_actions(last_day)
    assert index_reasons(day_after)["licence_run_out"]["e"] >= 0.7
    assert index_reasons(day_after)["licence_run_out"]["value"] == days_ago(1)
    assert "stop_intake_unlicensed" in list_actions(day_after)


def test_the_score_rises_when_a_licence_expires() -> None:
    row = {**AGENCY, "licence_expiry": "2026-12-31", "licence_status": "valid"}
    assert assess_on(row, date(2027, 1, 1))["score"] > assess_on(row, date(2026, 12, 31))["score"]


def test_a_licence_expired_for_over_90_days_counts_as_lost() -> None:
    assert "licence_lost" not in assess_row({**AGENCY, "licence_expiry": days_ago(90)}, "agency")["floors"]
    assert "licence_lost" in assess_row({**AGENCY, "licence_expiry": days_ago(91)}, "agency")["floors"]


@pytest.mark.parametrize("expiry", [{}, {"licence_expiry": "declined"}, {"licence_expiry": "2027-01-01"}])
def test_a_licence_that_is_not_required_cannot_expire(expiry: Answers) -> None:
    reason = index_reasons({**AGENCY, "licence_status": "not_required", **expiry})["licence_run_out"]
    assert reason["state"] == "answered"
    assert reason["points"] < 0


def test_an_expired_licence_counts_even_if_declared_not_required() -> None:
    row = {**AGENCY, "licence_status": "not_required", "licence_expiry": "2020-01-01"}
    reason = index_reasons(row)["licence_run_out"]
    assert (reason["state"], reason["e"]) == ("answered", 0.9)
    assert "licence_lost" in assess_row(row, "agency")["floors"]
    batch = Batch("agency", from_rows([row]), "a.xlsx", "Agencies", np.array([2]))
    (detail,) = build_details(assess([batch], FACTS, ON)[0], FACTS, ON)
    (reason,) = [reason for reason in detail.reasons if reason.title == "Licence run out"]
    assert 'contradicts the declaration "The state asks for no licence"' in reason.text


@pytest.mark.parametrize("reporter", ["official", "workers"])
def test_a_reported_sanction_counts_like_an_admitted_one(reporter: str) -> None:
    admitted, reported = (
        assess_row({**AGENCY, **answers}, "agency")
        for answers in ({"blacklisted": "yes"}, {"reported_harms": ("agency_sanctioned",), "reported_by": reporter})
    )
    assert "licence_lost" in admitted["floors"]
    assert "licence_lost" in reported["floors"]
    assert "licence_lost" not in assess_row({**AGENCY, "blacklisted": "under_investigation"}, "agency")["floors"]


def test_a_certificate_reassures_until_its_last_day() -> None:
    row = {**AGENCY, "recruitment_certificate": "certified"}
    in_date, expired = (index_reasons({**row, "certificate_expiry": day}) for day in (days_ago(0), days_ago(1)))
    assert in_date["certificate_run_out"]["points"] < 0 <= expired["certificate_run_out"]["points"]


@pytest.mark.parametrize("declared", ["none", "in_process"])
def test_an_expired_certificate_counts_even_if_none_is_declared(declared: str) -> None:
    row = {**AGENCY, "recruitment_certificate": declared, "certificate_expiry": days_ago(200)}
    reasons, reasons_if_expired = index_reasons(row), index_reasons({**row, "recruitment_certificate": "expired"})
    assert reasons["certificate_run_out"]["points"] == reasons_if_expired["certificate_run_out"]["points"] >= 0
    step = next(a.id for a in load_actions() if "certificate_run_out" in a.addresses and a.states == ("harm",))
    assert step in list_actions(row)
    for expiry in ({}, {"certificate_expiry": "declined"}):
        reason = index_reasons({**AGENCY, "recruitment_certificate": declared, **expiry})["certificate_run_out"]
        assert (reason["state"], reason["points"] < 0) == ("answered", True)


def test_the_older_model_does_not_read_licence_dates() -> None:
    result = assess_on({**AGENCY, "licence_expiry": "2020-01-01"}, date(2026, 10, 31))
    assert "licence_run_out" not in {reason["indicator"] for reason in result["reasons"]}


# ---------------------------------------------------------------- policy, practice, and worker reports


def test_worker_reports_count_whatever_contracts_and_agency_say() -> None:
    reassuring = {
        **AGENCY,
        "fee_policy": "employer_pays",
        "policy_items": ("none",),
        "recruitment_fees": "none_checked",
        "related_costs": ("none",),
        "fee_kinds": ("none",),
        "evidence_grade": "audit",
        "evidence_date": "2026-10-01",
    }
    reasons = index_reasons({**reassuring, "worker_reported_items": ("placement", "medical")})
    assert reasons["worker_paid_fees"]["state"] == reasons["related_costs_borne"]["state"] == "reported"
    assert reasons["worker_paid_fees"]["e"] >= 0.8
    assert reasons["illegitimate_charges"]["state"] == "not_asked"
    assert reasons["fee_policy_weak"]["state"] == "answered"


def test_fees_that_workers_report_as_deducted_from_wages_count_as_debt() -> None:
    row = {**AGENCY, "worker_debt": "none_checked", "worker_reported_items": ("recovery",)}
    assert index_reasons(row)["debt_bondage"]["state"] == "reported"
    assert "strong_sign" in assess_row(row, "agency")["floors"]


def test_a_worker_report_without_items_changes_nothing() -> None:
    row = {**AGENCY, "recruitment_fees": "some"}
    without_question, with_none = (
        assess_row(row, "agency"),
        assess_row({**row, "worker_reported_items": ("none",)}, "agency"),
    )
    assert {**with_none, "answers": None} == {**without_question, "answers": None}


def test_a_lawful_fee_still_counts_as_a_fee() -> None:
    lawful, unlawful = (
        index_reasons({**AGENCY, "recruitment_fees": "most", "fees_lawful_locally": law})
        for law in ("lawful", "unlawful")
    )
    assert lawful["worker_paid_fees"]["e"] == unlawful["worker_paid_fees"]["e"] == 1.0
    assert lawful["fees_above_law"]["e"] < unlawful["fees_above_law"]["e"]


@pytest.mark.parametrize("item", ["placement", "recovery", "travel", "kickback"])
def test_each_item_missing_from_contracts_is_a_finding(item: str) -> None:
    assert index_reasons({**AGENCY, "policy_items": (item,)})["policy_leaves_items"]["points"] >= 0
    assert "employer_pays" in list_actions({**AGENCY, "policy_items": (item,)})


def test_answers_to_the_previous_form_count_as_before() -> None:
    for question, answer, indicator in (
        ("recruitment_fees", "most", "worker_paid_fees"),
        ("related_costs", ("travel",), "related_costs_borne"),
        ("illegitimate_charges", ("deposit",), "illegitimate_charges"),
        ("months_since_monitoring", 60.0, "monitoring_stale"),
    ):
        now = index_reasons({**AGENCY, question: answer})[indicator]
        before = next(
            r
            for r in assess_on({**AGENCY, question: answer}, date(2026, 10, 31))["reasons"]
            if r["indicator"] == indicator
        )
        assert now["e"] == pytest.approx(max(before["e"], now["c"])), indicator


# ---------------------------------------------------------------- destinations, and the buyer's own check


def test_the_law_at_the_destination_counts_wherever_the_agency_is() -> None:
    home, free, tied = (
        assess_row({**AGENCY, **destinations}, "agency")
        for destinations in ({}, {"destination_countries": ("NO",)}, {"destination_countries": ("NO", "KW")})
    )
    assert home["inherent"] == free["inherent"] < tied["inherent"]
    named = [r for r in tied["reasons"] if r["indicator"] == "destination.tied_status"]
    assert named[0]["value"] == FACTS.get_value("country", "KW", "tied_status")


def test_an_unknown_destination_raises_the_worst_case() -> None:
    row = {**AGENCY, "papers_retention": "worker_holds"}
    unknown, known = (
        assess_row({**row, "destination_countries": countries}, "agency") for countries in (("BH", "NO"), ("BH",))
    )
    assert unknown["score"] == known["score"]
    assert unknown["worst"] > known["worst"]


def test_an_agency_without_destinations_is_scored_by_its_own_country() -> None:
    reasons = index_reasons({"name": "Invented Manpower", "country": "LB"})
    assert reasons["destination.tied_status"]["value"] == 1.0


@few_examples
@given(st.integers(0, 2500), st.integers(0, 2500), answers("agency"))
def test_an_older_buyer_check_never_lowers_a_score(age: int, other_age: int, row: Answers) -> None:
    newer, older = (date.fromordinal(ON.toordinal() - days).isoformat() for days in sorted((age, other_age)))
    first, second = (assess_row({**row, "buyer_checked_on": day}, "agency")["score"] for day in (newer, older))
    assert second >= first - TOLERANCE


def test_a_planned_buyer_check_does_not_count() -> None:
    planned, done = (index_reasons({**AGENCY, "buyer_checked_on": day}) for day in ("2026-12-01", "2026-10-20"))
    assert planned["buyer_check_stale"]["points"] == 0
    assert done["buyer_check_stale"]["points"] < 0


def test_a_buyer_that_never_checked_an_agency_gets_the_action_to_do_so() -> None:
    assert "check_agency_yourself" in list_actions(
        {**AGENCY, "buyer_check_method": "never", "buyer_check_workers": 0.0}
    )


def test_old_monitoring_alone_is_insufficient_evidence() -> None:
    result = assess_row({**AGENCY, "months_since_monitoring": 120.0, "buyer_check_method": "never"}, "agency")
    assert result["level"] == "insufficient_evidence"


# ---------------------------------------------------------------- properties


@few_examples
@given(st.data())
def test_a_worse_answer_never_lowers_a_score(data: st.DataObject) -> None:
    question = data.draw(st.sampled_from(QUESTIONS))
    model = get_model_in_force("agency", ON)
    rule = next(bind_day(i.rule, ON) for i in model.indicators if i.question == question.id)
    answer, other_answer = (data.draw(possible_answers(question)) for _ in range(2))
    assume(not {"declined", "cannot_apply"} & {answer, other_answer})
    better, worse = sorted((answer, other_answer), key=rule.risk)
    row = data.draw(answers("agency"))
    first, second = (assess_row({**row, question.id: value}, "agency") for value in (better, worse))
    assert second["score"] >= first["score"] - TOLERANCE


@few_examples
@given(st.data())
def test_one_more_item_reported_by_workers_lowers_nothing(data: st.DataObject) -> None:
    form_items = ["placement", "recovery", "medical", "documents", "deposit", "hidden"]
    row = data.draw(answers("agency"))
    reported = data.draw(st.lists(st.sampled_from(form_items), max_size=3, unique=True))
    extra_item = data.draw(st.sampled_from(form_items))
    before, after = (
        assess_row({**row, "worker_reported_items": items} if items else row, "agency")
        for items in (tuple(reported), (*reported, extra_item))
    )
    for number in ("score", "best", "worst", "coverage", "confidence"):
        assert after[number] >= before[number] - TOLERANCE, number
    assert set(before["floors"]) <= set(after["floors"])


# ---------------------------------------------------------------- a site that names no agency


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"workers_migrant": 200.0}, True),
        ({"migrant_pct": 12.0}, True),
        ({"worker_origin_countries": ("NP",)}, True),
        ({"workers_migrant": 200.0, "agencies": "declined"}, True),
        ({"workers_migrant": 200.0, "agencies": ("Invented Manpower",)}, False),
        ({"workers_migrant": 200.0, "agencies": "cannot_apply"}, False),
        ({"workers_migrant": 200.0, "uses_agencies": "no"}, False),
        ({"workers_migrant": 0.0}, False),
        ({"worker_origin_countries": ("QA",)}, False),
        ({}, False),
    ],
)
def test_a_site_with_migrants_that_names_no_agency_is_asked_who_recruited_them(
    answers: Answers, expected: bool
) -> None:
    assert ("name_agencies" in list_actions({**SITE, **answers}, "site")) is expected
    batch = Batch("site", from_rows([{**SITE, **answers}]), "s.xlsx", "Sites", np.array([2]))
    states = {r.state for r in build_details(assess([batch], FACTS, ON)[0], FACTS, ON)[0].reasons}
    assert ("not_named" in states) is expected
