"""Test that plans since 2026.4 cannot hurt: help is ready before anyone contacts workers, and some are never contacted.

Property tests draw rows over all questions of the forms and check every plan that can be made of them: complete, by own answers
alone, by owner, by Bali Process priority, and as the supplier's copy shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from functools import cache
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import examples, invariant
from hypothesis import given
from hypothesis import strategies as st

from reports.redaction import for_audience
from risk_models import plan as planning
from risk_models.action_library import OWNERS, PRIORITIES, Action, list_release_actions, load_actions
from risk_models.action_releases import find_generation
from risk_models.answers import from_rows
from risk_models.cases.evidence import build_evidence_from_readings
from risk_models.cases.readings import Case, CaseReading, Finding, read_case
from risk_models.cases.rules import STRENGTHS
from risk_models.data_file import DataFileError
from risk_models.facts.facts import load_facts
from risk_models.plan import Plan
from service.assessment.assess import AssessedBatch, Batch, Block, assess
from service.assessment.export_json import build_actions_part
from service.case_reading.export_json import list_first_steps
from service.model_governance.compare import load_models_at
from service.report_content.build import build_report
from tests.test_service.answers import COUNTRIES, Answers, answers

ON = date(2026, 11, 27)
RELEASE = "2026.4"
FACTS = load_facts().as_of(ON)
MODELS = load_models_at(RELEASE, ON)
LIBRARY = {action.id: action for action in list_release_actions(RELEASE)}
DANGER_NOW = ("violence", "child_labour", "under_18_aboard", "under_18_recruited", "crew_lost", "floor:case_emergency")
HOURS_72 = 3.0
Steps = tuple[tuple[Action, date], ...]


def assess_rows(*rows: Answers, kind: str = "site", **batch: Any) -> AssessedBatch:
    """Return some suppliers of one kind assessed under the models of 2026.4."""
    positions = np.arange(len(rows)) + 2
    return assess([Batch(kind, from_rows(rows), "s.xlsx", "Rows", positions, **batch)], FACTS, ON, MODELS)[0]


def list_days(assessed: AssessedBatch, j: int = 0) -> dict[str, float]:
    """Return the steps in the plan of a supplier, each with the days until it is due."""
    block, position = get_block(assessed, j)
    return {
        action.id: days
        for action, days in zip(block.plan.actions, block.plan.days[:, position].tolist(), strict=True)
        if days < inf
    }


def list_ids(assessed: AssessedBatch, j: int = 0) -> list[str]:
    """Return the steps in the plan of a supplier, in their order."""
    block, position = get_block(assessed, j)
    return [action.id for action, _ in block.plan.list_steps(position, ON)]


def get_block(assessed: AssessedBatch, j: int) -> tuple[Block, int]:
    return assessed.blocks[assessed.block_indexes[j]], int(assessed.positions[j])


def check_referral_first(steps: Iterable[tuple[Action, Any]], where: str) -> None:
    """Fail where a step contacts workers and no referral of its owner comes before it, or is due later than it."""
    referral_due: dict[str, Any] = {}
    for action, due in steps:
        if action.is_referral:
            referral_due[action.owner] = due
        if action.contacts_workers:
            assert action.owner in referral_due, f"{action.id} contacts workers before referral: {where}"
            assert referral_due[action.owner] <= due, f"referral is due after {action.id}: {where}"


def list_cut_plans(plan: Plan, position: int) -> list[tuple[str, Steps]]:
    """Return the plan of a supplier as a whole, by owner, by priority and by both."""
    cuts: list[tuple[str | None, str | None]] = [
        (owner, priority) for owner in (None, *OWNERS) for priority in (None, *PRIORITIES)
    ]
    return [(f"{cut}", plan.list_steps(position, ON, owner=cut[0], priority=cut[1])) for cut in cuts]


def check_plans(assessed: AssessedBatch) -> None:
    """Check every plan of every supplier of a batch."""
    for j in range(len(assessed.block_indexes)):
        block, position = get_block(assessed, j)
        for plan in (block.plan, block.plan.own_answer_plan):
            for name, steps in list_cut_plans(plan, position):
                check_referral_first(steps, name)
            if plan.state_imposed[position]:
                assert not [a.id for a, _ in plan.list_steps(position, ON) if a.contacts_workers]
        copied = [
            action for action, _ in block.plan.own_answer_plan.list_steps(position, ON) if action.owner != "buyer"
        ]
        check_referral_first([(action, 0) for action in copied], "the supplier's copy")
        assert block.scores.documented[position] <= block.plan.state_imposed[position]


# ------------------------------------------------------------ referral before contact, in 20,000 plans of each kind with --long


@invariant(250)
@given(answers(), st.sampled_from(["", "reported", "case", "emergency"]), st.sampled_from([*COUNTRIES, "CN", "TM"]))
def test_no_plan_of_a_site_contacts_workers_before_referral(row: Answers, harm: str, country: str) -> None:
    row = {**row, "country": country}
    if harm == "reported":
        row |= {"reported_harms": ("papers_withheld",), "reported_by": "workers"}
    strength = {"case": "pattern", "emergency": "emergency"}.get(harm)
    reading = CaseReading((), (), strength or "none_recorded", (), (), ())
    evidence = build_evidence_from_readings([[reading]]) if strength else None
    check_plans(assess_rows(row, case_evidence=evidence))


@invariant(250)
@given(answers("agency"))
def test_no_plan_of_an_agency_contacts_workers_before_referral(row: Answers) -> None:
    check_plans(assess_rows(row, kind="agency"))


@examples(60)
@given(st.lists(answers(), min_size=2, max_size=4))
def test_no_step_of_a_suppliers_copy_contacts_workers_before_referral(rows: list[Answers]) -> None:
    own = [{**row, "evidence_grade": "document"} for row in rows]
    for row in own:
        for question in ("reported_harms", "reported_by", "worker_reported_items"):
            row.pop(question, None)
    report = build_report([assess_rows(*own)], FACTS, ON, (), (), "A list")
    copy = for_audience(replace(report, audience="supplier"))
    for steps in (copy.plan, *(detail.steps for detail in copy.details)):
        check_referral_first([(LIBRARY[step.action], step.due) for step in steps], "a supplier's copy")


@given(st.integers(0, 2**32 - 1))
def test_whatever_calls_for_steps_no_plan_contacts_workers_before_referral(seed: int) -> None:
    random = np.random.default_rng(seed)
    library = tuple(LIBRARY.values())
    days = random.choice([*[inf] * 40, 0.02, 0.25, 1.0, 3.0, 7.0, 30.0, 180.0], size=(len(library), 40))
    state_imposed = random.random(40) < 0.2
    plan = Plan(library, days, state_imposed)
    planning.protect_contacts(plan.days, library, state_imposed)
    for position in range(40):
        for name, steps in list_cut_plans(plan, position):
            check_referral_first(steps, name)
            assert not (state_imposed[position] and any(action.contacts_workers for action, _ in steps))


def test_a_plan_merged_from_two_trades_is_protected_too() -> None:
    referral, contact = LIBRARY["prepare_referral"], LIBRARY["reach_people"]
    nowhere = np.zeros(2, dtype=bool)
    first = Plan((referral, contact), np.array([[7.0, 7.0], [inf, inf]]), nowhere)
    second = Plan((contact,), np.array([[3.0, 3.0]]), np.array([False, True]))
    merged = first.merge_earliest(np.array([0, 1]), second, np.array([0, 1]))
    assert merged.days.tolist() == [[3.0, 7.0], [3.0, inf]]
    assert merged.state_imposed.tolist() == [False, True]


# ---------------------------------------------------------------- the library


@pytest.mark.parametrize("action", LIBRARY.values(), ids=lambda action: action.id)
def test_an_action_says_whether_it_contacts_workers_and_who_speaks_with_them(action: Action) -> None:
    assert action.contacts_workers is (action.heard_by is not None)
    assert not (action.contacts_workers and action.owner == "supplier")


SPEAKS_WITH_WORKERS = re.compile(
    r"\binterview(s|ed)? (the )?(workers|crew)|\bask(s|ed)? (the |each |some )?(worker|workers|crew|residents)\b|"
    r"\bcalls? (the |each |some )?workers\b|\bprivate (interviews|calls)|\bspeaks? with (those|workers|the workers)\b",
    re.IGNORECASE,
)
DENIED = re.compile(r"does not question|No worker is contacted|before anyone calls|asks no one", re.IGNORECASE)


@pytest.mark.parametrize(
    "action", [a for a in LIBRARY.values() if not a.contacts_workers], ids=lambda action: action.id
)
def test_a_step_that_contacts_no_one_has_no_text_that_asks_for_it(action: Action) -> None:
    if action.is_referral or action.id in LATER:
        return
    for text in (action.do, action.with_workers, action.proof):
        assert not SPEAKS_WITH_WORKERS.search(text), text


# These say that workers are interviewed in other steps.
LATER = {"ask", "close_evidence_gap", "review_when_due", "monitor_recruitment", "name_agencies", "assess_named_agency"}


@pytest.mark.parametrize("action", [a for a in LIBRARY.values() if a.contacts_workers], ids=lambda action: action.id)
def test_a_step_that_contacts_workers_leaves_no_trace_with_the_employer(action: Action) -> None:
    text = " ".join((action.do, action.with_workers, action.proof))
    assert "paid as working time" not in text
    assert not re.search(r"\bmanagement'?s? (speaks|interviews|asks)", text)
    assert action.owner != "supplier"


def test_no_step_of_the_supplier_asks_what_workers_unions_or_authorities_reported() -> None:
    own = [action for action in LIBRARY.values() if action.owner != "buyer"]
    asked = re.compile(r"\b(report|list|hand over|send|name) (the |all )?(complaints|reports|statements|what workers)")
    assert [action.id for action in own if asked.search(action.do + action.proof)] == []
    assert "do not collect statements from workers" in LIBRARY["renew_evidence"].do
    for name in ("ask", "ask_again", "ask_open"):
        assert "what workers, unions or authorities reported" in LIBRARY[name].do


def test_removal_from_a_post_is_suspension_on_full_pay_with_an_inquiry() -> None:
    for name in ("stop_violence", "stop_threats"):
        text = LIBRARY[name].do
        assert "full pay" in text
        assert "independent inquiry" in text
        assert not re.search(r"\b(remove|dismiss) (the )?(people|person|accused|anyone)", text, re.IGNORECASE)


@pytest.mark.parametrize(
    "name",
    [
        "freedom_to_organise", "free_change_of_employer", "proper_status", "legal_aid_first", "return_papers", "stop_threats",
        "stop_violence", "no_retaliation", "protect_child", "private_interviews", "free_to_leave", "free_bonded_families",
        "decide_state_imposed", "hold_named_agency", "stop_intake_unlicensed", "shelter_and_new_place", "ask_again",
        "remedy_plan",
    ],
)  # fmt: skip
def test_what_local_law_may_forbid_needs_advice_first(name: str) -> None:
    assert re.search(r"legal advice|[Tt]ake advice", LIBRARY[name].do)


def test_consulates_lists_of_names_and_the_way_home_are_for_those_who_ask() -> None:
    for action in LIBRARY.values():
        text = " ".join((action.do, action.with_workers))
        for match in re.finditer(r"consulate|way home|journey home|ticket home|go home", text):
            sentence = text[text.rfind(".", 0, match.start()) + 1 : text.find(".", match.end()) + 1]
            on_request = r"\bask(s|ed)?\b|[Ii]f (they|workers) wish|whether they want|whatever the reason|would lose"
            assert re.search(on_request, sentence), (action.id, sentence)


def test_ending_at_once_may_be_right_where_management_imposed_the_abuse_with_remedy_first() -> None:
    for name in ("use_leverage_before_leaving", "stay_and_remedy", "decide_state_imposed"):
        assert re.search(r"management itself imposed the abuse", LIBRARY[name].do), name
        assert "remedy" in LIBRARY[name].do
        assert "SAFE-8" in LIBRARY[name].sources


# ---------------------------------------------------------------- triage: six hours, or 72 hours with referral first


def assess_case(*findings: tuple[str, str]) -> list[tuple[str, float]]:
    parsed = tuple(Finding(name, phase, True, "interview", "2026-11-01", "row 2") for name, phase in findings)
    steps = list_first_steps(read_case(Case("C-1", parsed, "adults"), ON), RELEASE)
    return [(action.id, days) for action, days in steps]


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("site", {"sector": ("14",), "violence": "open"}),
        ("site", {"sector": ("14",), "youngest_workers": "below_age"}),
        ("site", {"sector": ("0311",), "crew_losses": ("missing",)}),
        ("site", {"sector": ("14",), "violence": "open", "papers_retention": "held"}),
    ],
)  # fmt: skip
def test_danger_now_is_met_within_six_hours_with_referral_no_later(kind: str, row: Answers) -> None:
    assessed = assess_rows({"name": "Invented Works", "country": "TH", **row}, kind=kind)
    days = list_days(assessed)
    assert (days["keep_people_safe"], days["prepare_referral"]) == (0.25, 0.25)
    assert "reach_people" not in days
    assert list_ids(assessed)[:2] == ["prepare_referral", "keep_people_safe"]


@pytest.mark.parametrize(
    "row",
    [
        {"papers_retention": "held"},
        {"worker_debt": "bound"},
        {"movement": "locked"},
        {"threats": "open"},
        {"retaliation": "open"},
        {"reported_harms": ("worker_paid_fees",), "reported_by": "workers"},
    ],
)
def test_other_serious_harm_is_met_within_72_hours_with_referral_first(row: Answers) -> None:
    assessed = assess_rows({"name": "Invented Works", "country": "TH", "sector": ("14",), **row})
    days = list_days(assessed)
    assert days["reach_people"] == HOURS_72
    assert days["prepare_referral"] < HOURS_72
    assert "keep_people_safe" not in days
    order = list_ids(assessed)
    assert order[:2] == ["prepare_referral", "reach_people"]
    demands = [name for name in order if LIBRARY[name].owner != "buyer"]
    assert [days[name] for name in demands if LIBRARY[name].safety and days[name] < HOURS_72] == []


def test_an_emergency_case_is_met_within_six_hours_and_a_case_with_coercion_within_72() -> None:
    emergency = list_first_steps(CaseReading((), (), "emergency", (), (), ()), RELEASE)
    assert [(action.id, days) for action, days in emergency][:2] == [
        ("prepare_referral", 0.25),
        ("keep_people_safe", 0.25),
    ]
    coercion = assess_case(("papers_held", "work"), ("wages_withheld", "work"))
    assert coercion == [("prepare_referral", 1.0), ("reach_people", 3.0), ("no_retaliation", 3.0)]


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("urgent", [True, False])
def test_a_case_where_a_state_imposes_the_labour_contacts_no_one_and_asks_no_one_there(
    strength: str, urgent: bool
) -> None:
    reading = CaseReading((), (), strength, (), (), (), urgent=urgent)
    steps = list_first_steps(reading, RELEASE, state_imposed=True)
    assert [action.id for action, _ in steps] == (["help_through_others"] if strength == "emergency" else [])
    elsewhere = list_first_steps(reading, RELEASE)
    assert "help_through_others" not in {action.id for action, _ in elsewhere}


def test_before_2026_4_the_first_steps_of_a_case_stay_as_they_were() -> None:
    reading = CaseReading((), (), "emergency", (), (), ())
    old = [(action.id, days) for action, days in list_first_steps(reading, "2026.3")]
    assert old == [("keep_people_safe", 0.25), ("prepare_referral", 1.0), ("no_retaliation", 1.0)]


# ---------------------------------------------------------------- state-imposed labour


@pytest.mark.parametrize(
    "row",
    [
        {"country": "CN", "region": "Xinjiang", "sector": ("13",), "product": "cotton yarn"},
        {"country": "TM", "sector": ("01",), "product": "cotton", "papers_retention": "held"},
        {"country": "MY", "sector": ("14",), "worker_origin_countries": ("KP",)},
        {"country": "CN", "sector": ("26",), "reported_harms": ("state_imposed_labour",), "reported_by": "ngo"},
        {"country": "CN", "sector": ("14",), "state_placement": "transfer", "papers_retention": "held"},
        {
            "country": "CN",
            "sector": ("14",),
            "state_placement": "prison",
            "recruitment_fees": "most",
            "movement": "declined",
        },
    ],
)
def test_where_a_state_imposes_the_labour_no_step_contacts_workers_or_asks_the_site(row: Answers) -> None:
    assessed = assess_rows({"name": "Invented Works", **row})
    order = list_ids(assessed)
    assert [name for name in order if LIBRARY[name].contacts_workers or LIBRARY[name].owner != "buyer"] == []
    assert not {"ask", "ask_again", "ask_open", "renew_evidence", "preserve_evidence"} & set(order)
    assert order[0] == "decide_state_imposed"
    assert {"look_from_outside", "support_outside"} <= set(order)
    assert "import bans" in LIBRARY["decide_state_imposed"].do


def test_danger_where_a_state_imposes_the_labour_goes_through_organisations_outside() -> None:
    row = {
        "name": "Invented Works",
        "country": "CN",
        "sector": ("14",),
        "state_placement": "transfer",
        "violence": "open",
    }
    assessed = assess_rows(row)
    assert list_ids(assessed)[:2] == ["help_through_others", "decide_state_imposed"]
    assert list_days(assessed)["help_through_others"] == 0.25
    elsewhere = assess_rows({**row, "country": "TH", "state_placement": "none"})
    assert "help_through_others" not in list_ids(elsewhere)


def test_a_blank_about_state_transfer_is_looked_into_from_outside() -> None:
    row = {"name": "Invented Works", "country": "TH", "sector": ("14",), "state_placement": "declined"}
    assert "look_into_state_role" in list_ids(assess_rows(row))


# ---------------------------------------------------------------- people who may fear to return


@pytest.mark.parametrize(
    ("kind", "row", "expected"),
    [
        ("site", {"sector": ("14",), "employer_change": "asylum"}, True),
        ("site", {"sector": ("14",), "employer_change": "used"}, True),
        ("site", {"sector": ("14",), "employer_change": "tied"}, False),
        ("agency", {"visa_route": "irregular"}, True),
        ("agency", {"visa_route": "visit"}, False),
    ],
)
def test_refugees_and_people_without_papers_get_legal_aid_and_nothing_else_unless_they_ask(
    kind: str, row: Answers, expected: bool
) -> None:
    order = list_ids(assess_rows({"name": "Invented Works", "country": "TH", **row}, kind=kind))
    assert ("legal_aid_first" in order, "proper_status" in order) == (expected, not expected)
    assert not (expected and {"pay_the_way_home", "bring_stranded_workers_home"} & set(order))
    text = " ".join(LIBRARY["legal_aid_first"].do.split())
    assert not re.search(r"consulate|list of names|home", text)


# ---------------------------------------------------------------- what is due at once


def test_deductions_and_undisputed_wages_do_not_wait_for_the_next_payday() -> None:
    for name in ("stop_deductions", "repay_workers", "pay_what_is_owed"):
        assert "do not wait for the next payday" in LIBRARY[name].do
        assert "From the next payday" not in LIBRARY[name].do


# ---------------------------------------------------------------- faults of a library


@cache
def read_library_texts() -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in find_generation(RELEASE).glob("*.toml")}


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        ("order.toml", '"prepare_referral", "prepare_agency_referral", ', "", "is not an action|has no position"),
        ("3a_safeguards.toml", "referral = true", "referral = false", "no safety action of the owner"),
        ("3a_safeguards.toml", 'heard_by = "case_handler"\n', "", "'heard_by' is required"),
        ("3a_safeguards.toml", 'heard_by = "case_handler"', 'heard_by = "employer"', "'heard_by' is 'employer'"),
        ("3a_safeguards.toml", "contacts_workers = true", 'contacts_workers = "yes"', "not true or false"),
        ("3b_redress.toml", *(f'owner = "{owner}"\ncontacts_workers = true' for owner in ("buyer", "supplier")), "speak in"),
    ],
)  # fmt: skip
def test_a_library_that_could_hurt_is_refused(tmp_path: Path, file: str, old: str, new: str, fault: str) -> None:
    assert old in read_library_texts()[file]
    for name, text in read_library_texts().items():
        (tmp_path / name).write_text(text.replace(old, new) if name == file else text, encoding="utf-8")
    with pytest.raises(DataFileError, match=fault):
        load_actions(tmp_path)


def test_an_assessment_says_which_actions_contact_workers_since_2026_4_only() -> None:
    part = build_actions_part(list_release_actions(RELEASE))
    assert {action["id"] for action in part if action["contacts_workers"]} == {
        action.id for action in LIBRARY.values() if action.contacts_workers
    }
    assert not any("contacts_workers" in action for action in build_actions_part(list_release_actions("2026.3")))


def test_older_plans_are_not_changed_by_the_rules_on_contact() -> None:
    old = tuple(list_release_actions("2026.3"))
    days = np.full((len(old), 1), 5.0)
    planning.protect_contacts(days, old, np.array([True]))
    assert (days == 5.0).all()
    assert all(replace(action, contacts_workers=None) == action for action in old)
