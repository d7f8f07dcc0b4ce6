"""How an agency is scored: what it writes, does and is reported for, item by item; its licence on the day; its destinations."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import orjson
import pytest
from examples import examples
from hypothesis import assume, given
from hypothesis import strategies as st

from risk_models.answers import from_rows
from risk_models.facts.facts import load_facts
from risk_models.model import get_model_in_force
from risk_models.plan import load_actions
from risk_models.transforms import bind_day
from service.assessment.assess import Batch, assess
from service.assessment.export_json import iter_result_json
from service.report_content.build import build_details
from tests.test_service.answers import (
    FACTS,
    ON,
    Answers,
    answer_to,
    answers,
    indicator_questions,
    result,
)

SMALL = 1e-9
AGENCY = {"name": "Invented Manpower", "country": "NP", "answered_on": "2026-10-01"}
SITE = {"name": "Invented Camp", "country": "QA", "sector": ("4100",)}
QUESTIONS = [question for question in indicator_questions("agency") if question.type != "number"]
few = examples(40)


def reasons(row: Answers, kind: str = "agency") -> dict[str, dict[str, Any]]:
    return {reason["indicator"]: reason for reason in result(row, kind)["reasons"]}


def called_for(row: Answers, kind: str = "agency") -> set[str]:
    return {action["id"] for action in result(row, kind)["actions"]}


def ago(days: int) -> str:
    """The day so many days before that of the assessment."""
    return (ON - timedelta(days=days)).isoformat()


def told_on(row: Answers, on: date) -> dict[str, Any]:
    batch = Batch("agency", from_rows([row]), "a.xlsx", "Agencies", np.array([2]))
    facts = load_facts().as_of(on)
    found: dict[str, Any] = orjson.loads(next(iter_result_json(assess([batch], facts, on)[0], on)))
    return found


# ---------------------------------------------------------------- the licence and the certificate, on the day


def test_a_licence_counts_through_its_last_day_and_is_run_out_the_day_after() -> None:
    last_day, day_after = ({**AGENCY, "licence_expiry": day} for day in (ago(0), ago(1)))
    assert reasons(last_day)["licence_run_out"]["e"] < 0.7
    assert "stop_intake_unlicensed" not in called_for(last_day)
    assert reasons(day_after)["licence_run_out"]["e"] >= 0.7
    assert reasons(day_after)["licence_run_out"]["value"] == ago(1)
    assert "stop_intake_unlicensed" in called_for(day_after)


def test_the_same_answers_are_read_again_on_a_later_day() -> None:
    row = {**AGENCY, "licence_expiry": "2026-12-31", "licence_status": "valid"}
    assert told_on(row, date(2027, 1, 1))["score"] > told_on(row, date(2026, 12, 31))["score"]


def test_a_licence_three_months_out_is_held_as_one_that_was_lost() -> None:
    assert "licence_lost" not in result({**AGENCY, "licence_expiry": ago(90)}, "agency")["floors"]
    assert "licence_lost" in result({**AGENCY, "licence_expiry": ago(91)}, "agency")["floors"]


@pytest.mark.parametrize("expiry", [{}, {"licence_expiry": "declined"}, {"licence_expiry": "2027-01-01"}])
def test_where_the_state_asks_for_no_licence_none_can_run_out(expiry: Answers) -> None:
    told = reasons({**AGENCY, "licence_status": "not_required", **expiry})["licence_run_out"]
    assert told["state"] == "answered"
    assert told["points"] < 0


def test_a_licence_that_ran_out_is_told_though_none_is_said_to_be_required() -> None:
    row = {**AGENCY, "licence_status": "not_required", "licence_expiry": "2020-01-01"}
    told = reasons(row)["licence_run_out"]
    assert (told["state"], told["e"]) == ("answered", 0.9)
    assert "licence_lost" in result(row, "agency")["floors"]
    batch = Batch("agency", from_rows([row]), "a.xlsx", "Agencies", np.array([2]))
    (detail,) = build_details(assess([batch], FACTS, ON)[0], FACTS, ON)
    (reason,) = [reason for reason in detail.reasons if reason.title == "Licence run out"]
    assert 'contradicts what was declared ("The state asks for no licence")' in reason.text


@pytest.mark.parametrize("by", ["official", "workers"])
def test_a_sanction_that_is_reported_weighs_like_one_that_is_admitted(by: str) -> None:
    admitted, reported = (
        result({**AGENCY, **told}, "agency")
        for told in ({"blacklisted": "yes"}, {"reported_harms": ("agency_sanctioned",), "reported_by": by})
    )
    assert "licence_lost" in admitted["floors"]
    assert "licence_lost" in reported["floors"]
    assert "licence_lost" not in result({**AGENCY, "blacklisted": "under_investigation"}, "agency")["floors"]


def test_a_certificate_reassures_to_its_last_day() -> None:
    row = {**AGENCY, "recruitment_certificate": "certified"}
    in_date, out = (reasons({**row, "certificate_expiry": day}) for day in (ago(0), ago(1)))
    assert in_date["certificate_run_out"]["points"] < 0 <= out["certificate_run_out"]["points"]


@pytest.mark.parametrize("declared", ["none", "in_process"])
def test_a_certificate_that_ran_out_is_told_though_none_is_said_to_be_held(declared: str) -> None:
    row = {**AGENCY, "recruitment_certificate": declared, "certificate_expiry": ago(200)}
    told, expired = reasons(row), reasons({**row, "recruitment_certificate": "expired"})
    assert told["certificate_run_out"]["points"] == expired["certificate_run_out"]["points"] >= 0
    step = next(a.id for a in load_actions() if "certificate_run_out" in a.addresses and a.states == ("harm",))
    assert step in called_for(row)
    for held in ({}, {"certificate_expiry": "declined"}):
        none = reasons({**AGENCY, "recruitment_certificate": declared, **held})["certificate_run_out"]
        assert (none["state"], none["points"] < 0) == ("answered", True)


def test_the_model_before_reads_no_dates_and_stays_what_it_was() -> None:
    told = told_on({**AGENCY, "licence_expiry": "2020-01-01"}, date(2026, 10, 31))
    assert "licence_run_out" not in {reason["indicator"] for reason in told["reasons"]}


# ---------------------------------------------------------------- policy, practice, and what workers say


def test_what_workers_say_is_heard_whatever_contracts_and_agency_say() -> None:
    paper = {
        **AGENCY,
        "fee_policy": "employer_pays",
        "policy_items": ("none",),
        "recruitment_fees": "none_checked",
        "related_costs": ("none",),
        "fee_kinds": ("none",),
        "evidence_grade": "audit",
        "evidence_date": "2026-10-01",
    }
    told = reasons({**paper, "worker_reported_items": ("placement", "medical")})
    assert told["worker_paid_fees"]["state"] == told["related_costs_borne"]["state"] == "reported"
    assert told["worker_paid_fees"]["e"] >= 0.8
    assert told["illegitimate_charges"]["state"] == "not_asked"
    assert told["fee_policy_weak"]["state"] == "answered"


def test_a_fee_that_workers_say_is_taken_from_wages_is_a_debt() -> None:
    row = {**AGENCY, "worker_debt": "none_checked", "worker_reported_items": ("recovery",)}
    assert reasons(row)["debt_bondage"]["state"] == "reported"
    assert "strong_sign" in result(row, "agency")["floors"]


def test_that_workers_named_nothing_changes_nothing() -> None:
    row = {**AGENCY, "recruitment_fees": "some"}
    silent, asked = result(row, "agency"), result({**row, "worker_reported_items": ("none",)}, "agency")
    assert {**asked, "answers": None} == {**silent, "answers": None}


def test_a_lawful_fee_is_still_a_fee() -> None:
    lawful, unlawful = (
        reasons({**AGENCY, "recruitment_fees": "most", "fees_lawful_locally": law}) for law in ("lawful", "unlawful")
    )
    assert lawful["worker_paid_fees"]["e"] == unlawful["worker_paid_fees"]["e"] == 1.0
    assert lawful["fees_above_law"]["e"] < unlawful["fees_above_law"]["e"]


@pytest.mark.parametrize("item", ["placement", "recovery", "travel", "kickback"])
def test_each_item_that_contracts_leave_open_is_a_finding_of_its_own(item: str) -> None:
    assert reasons({**AGENCY, "policy_items": (item,)})["policy_leaves_items"]["points"] >= 0
    assert "employer_pays" in called_for({**AGENCY, "policy_items": (item,)})


def test_answers_to_the_form_before_count_as_they_did() -> None:
    for question, answer, indicator in (
        ("recruitment_fees", "most", "worker_paid_fees"),
        ("related_costs", ("travel",), "related_costs_borne"),
        ("illegitimate_charges", ("deposit",), "illegitimate_charges"),
        ("months_since_monitoring", 60.0, "monitoring_stale"),
    ):
        now = reasons({**AGENCY, question: answer})[indicator]
        before = next(
            r
            for r in told_on({**AGENCY, question: answer}, date(2026, 10, 31))["reasons"]
            if r["indicator"] == indicator
        )
        assert now["e"] == pytest.approx(max(before["e"], now["c"])), indicator


# ---------------------------------------------------------------- where workers are sent, and the buyer's own look


def test_the_law_at_the_destination_counts_wherever_the_agency_sits() -> None:
    home, free, tied = (
        result({**AGENCY, **where}, "agency")
        for where in ({}, {"destination_countries": ("NO",)}, {"destination_countries": ("NO", "KW")})
    )
    assert home["inherent"] == free["inherent"] < tied["inherent"]
    named = [r for r in tied["reasons"] if r["indicator"] == "destination.tied_status"]
    assert named[0]["value"] == FACTS.get_value("country", "KW", "tied_status")


def test_a_destination_we_know_nothing_of_is_open_upwards_and_never_free() -> None:
    row = {**AGENCY, "papers_retention": "worker_holds"}
    unknown, known = (result({**row, "destination_countries": to}, "agency") for to in (("BH", "NO"), ("BH",)))
    assert unknown["score"] == known["score"]
    assert unknown["worst"] > known["worst"]


def test_an_agency_that_names_no_destination_is_read_where_it_sits() -> None:
    told = reasons({"name": "Invented Manpower", "country": "LB"})
    assert told["destination.tied_status"]["value"] == 1.0


@few
@given(st.integers(0, 2500), st.integers(0, 2500), answers("agency"))
def test_an_older_check_of_ones_own_never_lowers_a_score(one: int, other: int, row: Answers) -> None:
    newer, older = (date.fromordinal(ON.toordinal() - days).isoformat() for days in sorted((one, other)))
    first, second = (result({**row, "buyer_checked_on": day}, "agency")["score"] for day in (newer, older))
    assert second >= first - SMALL


def test_a_check_that_is_still_to_come_is_no_check() -> None:
    planned, done = (reasons({**AGENCY, "buyer_checked_on": day}) for day in ("2026-12-01", "2026-10-20"))
    assert planned["buyer_check_stale"]["points"] == 0
    assert done["buyer_check_stale"]["points"] < 0


def test_a_buyer_that_never_looked_gets_the_action_itself() -> None:
    assert "check_agency_yourself" in called_for({**AGENCY, "buyer_check_method": "never", "buyer_check_workers": 0.0})


def test_old_monitoring_alone_lifts_no_agency_out_of_insufficient_evidence() -> None:
    told = result({**AGENCY, "months_since_monitoring": 120.0, "buyer_check_method": "never"}, "agency")
    assert told["level"] == "insufficient_evidence"


# ---------------------------------------------------------------- properties


@few
@given(st.data())
def test_a_worse_answer_never_lowers_a_score(data: st.DataObject) -> None:
    question = data.draw(st.sampled_from(QUESTIONS))
    model = get_model_in_force("agency", ON)
    rule = next(bind_day(i.rule, ON) for i in model.indicators if i.question == question.id)
    one, other = (data.draw(answer_to(question)) for _ in range(2))
    assume(not {"declined", "cannot_apply"} & {one, other})
    better, worse = sorted((one, other), key=rule.risk)
    row = data.draw(answers("agency"))
    first, second = (result({**row, question.id: answer}, "agency") for answer in (better, worse))
    assert second["score"] >= first["score"] - SMALL


@few
@given(st.data())
def test_an_item_more_that_workers_report_lowers_nothing(data: st.DataObject) -> None:
    form_items = ["placement", "recovery", "medical", "documents", "deposit", "hidden"]
    row = data.draw(answers("agency"))
    said = data.draw(st.lists(st.sampled_from(form_items), max_size=3, unique=True))
    more = data.draw(st.sampled_from(form_items))
    before, after = (
        result({**row, "worker_reported_items": items} if items else row, "agency")
        for items in (tuple(said), (*said, more))
    )
    for number in ("score", "best", "worst", "coverage", "confidence"):
        assert after[number] >= before[number] - SMALL, number
    assert set(before["floors"]) <= set(after["floors"])


# ---------------------------------------------------------------- a site that names none


@pytest.mark.parametrize(
    ("said", "asked"),
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
def test_a_site_with_migrants_that_names_no_agency_is_asked_who_recruited_them(said: Answers, asked: bool) -> None:
    assert ("name_agencies" in called_for({**SITE, **said}, "site")) is asked
    batch = Batch("site", from_rows([{**SITE, **said}]), "s.xlsx", "Sites", np.array([2]))
    states = {r.state for r in build_details(assess([batch], FACTS, ON)[0], FACTS, ON)[0].reasons}
    assert ("not_named" in states) is asked
