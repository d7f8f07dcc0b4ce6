"""Test the plans of whole results: people first, no steps that endanger anyone, and a step for every level.

The models are those of 2026.3, whose plans never change; what 2026.4 changed is in ``test_plan_contacts.py``.
"""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from examples import examples
from hypothesis import given

from risk_models.action_library import Action, expand_groups, get_order_release, list_release_actions, load_actions
from risk_models.action_releases import find_generation, list_generations
from risk_models.answers import from_rows
from risk_models.cases.evidence import build_evidence_from_readings
from risk_models.cases.readings import Case, Finding, read_case
from risk_models.facts.facts import load_facts
from risk_models.findings import find_unaddressed_findings, find_unused_actions, list_possible_findings
from risk_models.model import Model, get_model_version, load_models
from risk_models.name_normalize import name_key
from risk_models.plan import UNKNOWNS, build_plan, find_circumstances
from risk_models.transforms import Choices, get_best_answer
from service.assessment.assess import Batch, assess, assess_batch
from service.assessment.export_json import iter_result_json
from service.case_reading.export_json import list_first_steps
from service.model_governance.compare import load_models_at
from service.report_content.steps import list_first_step_titles
from tests.test_service.answers import Answers, answers, list_indicator_questions
from tests.test_service.test_packs import SECTOR_BY_MODEL

ON = date(2026, 11, 27)
FACTS = load_facts().as_of(ON)
RELEASE = "2026.3"
MODELS = load_models_at(RELEASE, ON)
LIBRARY = {action.id: action for action in list_release_actions(RELEASE)}
PROTECTION_STEPS = ["keep_people_safe", "prepare_referral"]
NO_AGENCY: Answers = {"uses_agencies": "no", "workers_migrant": 0.0, "migrant_pct": 0.0}


def build_best_answers(model_id: str, country: str = "NO", **answers: Any) -> Answers:
    """Return a supplier with the best answer to every question of its model, from workers last month, and the given answers."""
    model = get_model_version(model_id, RELEASE)
    rules, row = {i.question: i.rule for i in model.indicators}, Answers(name="Invented Supplier", country=country)
    for question in list_indicator_questions(model.kind):
        if question.id in rules:
            best = get_best_answer(rules[question.id], ON)
            row[question.id] = (best,) if question.type == "many" else best
    row |= {"sector": (SECTOR_BY_MODEL[model_id],), **NO_AGENCY} if model.kind == "site" else {}
    return (
        row | {"evidence_grade": "worker_voice", "evidence_date": "2026-11-01", "answered_on": "2026-11-01"} | answers
    )


def build_batch(row: Answers, kind: str = "site") -> Batch:
    return Batch(kind, from_rows([row]), "s.xlsx", "Rows", np.array([2]))


def assess_row(row: Answers, kind: str = "site") -> dict[str, Any]:
    """Return the result object of one supplier."""
    result: dict[str, Any] = orjson.loads(
        next(iter_result_json(assess([build_batch(row, kind)], FACTS, ON, MODELS)[0], ON))
    )
    return result


def list_step_ids(row: Answers, kind: str = "site") -> list[str]:
    return [action["id"] for action in assess_row(row, kind)["actions"]]


def list_step_ids_with_circumstances(row: Answers, agency_scores: dict[str, float]) -> list[str]:
    """Return the steps of a site whose plan also depends on circumstances in its answers."""
    block = assess_batch(build_batch(row), FACTS, ON, agency_scores, MODELS).blocks[0]
    unknown = {name: np.zeros(1, dtype=bool) for name in UNKNOWNS}
    plan = build_plan(
        block.scores, block.cells, block.model, unknown | find_circumstances(block.answers, block.model, agency_scores)
    )
    return [action.id for action, _ in plan.list_steps(0, ON)]


# ---------------------------------------------------------------- people first (expert 5)


@pytest.mark.parametrize(
    ("model_id", "answers"),
    [
        ("site_general", {"papers_retention": "held"}),
        ("site_general", {"worker_debt": "bound"}),
        ("site_general", {"family_debt": "bound"}),
        ("site_general", {"threats": "open"}),
        ("site_general", {"violence": "open"}),
        ("site_general", {"movement": "locked"}),
        ("site_general", {"outside_contact": "none"}),
        ("site_fishing", {"outside_contact": "none", "communications_aboard": "none"}),
        ("site_fishing", {"crew_losses": ("abandoned",)}),
        ("site_construction", {"papers_retention": "held", "worker_debt": "bound"}),
        ("agency", {"papers_retention": "until_end"}),
        ("agency", {"worker_debt": "bound"}),
    ],
)  # fmt: skip
def test_protection_by_the_buyer_comes_before_demands_on_the_employer(model_id: str, answers: Answers) -> None:
    step_ids = list_step_ids(build_best_answers(model_id, **answers), "agency" if model_id == "agency" else "site")
    assert step_ids[:2] == PROTECTION_STEPS
    assert LIBRARY[step_ids[2]].owner != "buyer" or not LIBRARY[step_ids[2]].safety


@pytest.mark.parametrize(
    "model", [get_model_version(name, RELEASE) for name in (*SECTOR_BY_MODEL, "agency")], ids=lambda model: model.id
)
def test_every_severe_indicator_starts_with_protection_of_people(model: Model) -> None:
    strong = [i for i in model.indicators if i.severe and isinstance(i.rule, Choices)]
    assert strong
    for indicator in strong:
        worst = max(indicator.rule.table, key=indicator.rule.table.__getitem__)
        assert (
            list_step_ids(build_best_answers(model.id, **{indicator.question: worst}), model.kind)[:2]
            == PROTECTION_STEPS
        ), indicator.id


@pytest.mark.parametrize("harm", ["papers_withheld", "worker_paid_fees", "housing_poor"])
def test_where_workers_reported_they_are_made_safe_first_and_what_they_may_lose_comes_before_other_demands(
    harm: str,
) -> None:
    step_ids = list_step_ids(build_best_answers("site_general", reported_harms=(harm,), reported_by="workers"))
    assert step_ids[:3] == [*PROTECTION_STEPS, "no_retaliation"]


def test_the_undertaking_against_retaliation_does_not_reveal_that_anyone_spoke() -> None:
    assert "what was told" not in LIBRARY["no_retaliation"].do
    assert "say nothing of who said what" in LIBRARY["no_retaliation"].do


def test_steps_due_on_the_same_day_follow_the_order_of_the_library() -> None:
    due = {
        name: LIBRARY[name].get_sort_key(1)
        for name in ("prepare_referral", "no_retaliation", "open_doors", "stop_deductions")
    }
    assert sorted(due, key=lambda name: due[name]) == [
        "prepare_referral", "no_retaliation", "open_doors", "stop_deductions",
    ]  # fmt: skip
    a, z = "free_to_leave", "account_for_the_dead_and_missing"
    assert (
        sorted((a, z)) != sorted((a, z), key=lambda name: LIBRARY[name].tie_break)
        or LIBRARY[z].tie_break < LIBRARY[a].tie_break
    )
    assert len({action.position for action in LIBRARY.values()}) == len(LIBRARY)


def test_a_shorter_deadline_does_not_put_a_demand_before_protection() -> None:
    assert LIBRARY["stop_violence"].due_days["harm"] < LIBRARY["prepare_referral"].due_days["harm"]
    assert LIBRARY["prepare_referral"].get_sort_key(1) < LIBRARY["stop_violence"].get_sort_key(0.25)
    step_ids = list_step_ids(build_best_answers("site_general", violence="open"))
    assert step_ids.index("prepare_referral") < step_ids.index("stop_violence")


@examples(40)
@given(answers())
def test_the_report_and_the_result_have_the_same_first_step(row: Answers) -> None:
    assessed = assess([build_batch(row)], FACTS, ON, MODELS)[0]
    plan = assessed.blocks[assessed.block_indexes[0]].plan
    assert list_first_step_titles(plan) == [LIBRARY[assess_row(row)["next_step"]].title]


# ---------------------------------------------------------------- no retaliation (officer 9)


@pytest.mark.parametrize("answers", [{"papers_retention": "held"}, {"worker_debt": "bound"}, {"violence": "open"}])
def test_the_undertaking_against_retaliation_is_required_only_after_reports(answers: Answers) -> None:
    assert "no_retaliation" not in list_step_ids(build_best_answers("site_general", **answers))
    assert "no_retaliation" in list_step_ids(
        build_best_answers("site_general", reported_harms=("violence",), reported_by="workers")
    )


def test_the_undertaking_is_required_where_retaliation_is_found() -> None:
    assert "no_retaliation" in list_step_ids(build_best_answers("site_general", retaliation="open"))


def test_the_undertaking_is_required_where_workers_report_fees_of_an_agency() -> None:
    step_ids = list_step_ids(build_best_answers("agency", worker_reported_items=("placement", "recovery")), "agency")
    assert step_ids[:3] == [*PROTECTION_STEPS, "no_retaliation"]


def test_the_undertaking_is_not_in_the_plan_by_the_suppliers_own_answers() -> None:
    row = build_best_answers(
        "site_general", papers_retention="held", reported_harms=("threats",), reported_by="workers"
    )
    block = assess([build_batch(row)], FACTS, ON, MODELS)[0].blocks[0]
    assert "no_retaliation" in {action.id for action, _ in block.plan.list_steps(0, ON)}
    assert "no_retaliation" not in {action.id for action, _ in block.plan.own_answer_plan.list_steps(0, ON)}


# ---------------------------------------------------------------- labour imposed by a state (expert 6)

STEPS_ON_SITE = {
    "ask", "ask_again", "ask_open", "close_evidence_gap", "private_interviews", "set_audit_aside", "hear_workers_unwatched",
    "renew_evidence", "remedy_plan", "repay_workers", "compensate_harm", "tell_workers_rights", "grievance_site",
    "close_on_outcome", "watch_and_verify", "confirm_answers", "no_retaliation", "join_others",
}  # fmt: skip


@pytest.mark.parametrize(
    "row",
    [
        {"country": "CN", "name": "Invented Works", "sector": ("26",), "reported_harms": ("state_imposed_labour",)},
        build_best_answers("site_general", "CN", state_placement="transfer", free_talks="barred"),
        build_best_answers(
            "site_general", "CN", state_placement="order", audit_deception="coached", recruitment_fees="most"
        ),
        build_best_answers(
            "site_general", "CN", state_placement="prison", papers_retention="declined", evidence_date="2020-01-01"
        ),
    ],
)
def test_state_imposed_labour_has_no_steps_with_workers_on_site(row: Answers) -> None:
    step_ids = list_step_ids(row | {"reported_by": "workers"})
    assert not STEPS_ON_SITE & set(step_ids)
    assert {"look_from_outside", "decide_state_imposed", "support_outside"} <= set(step_ids)
    for name in ("look_from_outside", "decide_state_imposed", "support_outside"):
        assert "calls" not in LIBRARY[name].with_workers


def test_state_imposed_labour_at_a_subsupplier_keeps_steps_on_site() -> None:
    step_ids = list_step_ids(build_best_answers("site_general", state_placement="supplier", violence="declined"))
    assert {"decide_state_imposed", "ask_again"} <= set(step_ids)
    assert "look_from_outside" not in step_ids


def test_a_withheld_step_stays_withheld_for_a_site_of_several_sectors() -> None:
    row = build_best_answers(
        "site_general", "CN", state_placement="transfer", sector=("14", "9700"), household_checks="declined"
    )
    assert not STEPS_ON_SITE & set(list_step_ids(row))


# ---------------------------------------------------------------- a step for every level (expert 7, officer 10)


@examples(60)
@given(answers())
def test_every_site_has_a_next_step(row: Answers) -> None:
    assert assess_row(row)["next_step"] is not None


@examples(30)
@given(answers("agency"))
def test_every_agency_has_a_next_step(row: Answers) -> None:
    assert assess_row(row, "agency")["next_step"] is not None


@pytest.mark.parametrize(
    "row",
    [
        build_best_answers("site_general", "MM", evidence_grade="self_declared"),
        build_best_answers("site_general", "CN", state_placement="not_traced", evidence_grade="self_declared"),
        build_best_answers(
            "site_general",
            "MM",
            evidence_grade="self_declared",
            recruitment_fees="not_known",
            worker_debt="not_known",
            youngest_workers="not_checked",
        ),
        build_best_answers(
            "site_fishing", "TH", flag="TH", evidence_grade="self_declared", agencies=("Invented Manning",)
        ),
    ],
)
def test_a_level_from_context_or_unknowns_is_verified_with_workers(row: Answers) -> None:
    result = assess_row(row)
    assert result["score"] >= 25
    assert "watch_and_verify" in {action["id"] for action in result["actions"]}
    assert {"SD-65"} <= set(LIBRARY["watch_and_verify"].sources)


def test_found_harm_has_its_own_steps_instead_of_verification() -> None:
    assert "watch_and_verify" not in list_step_ids(build_best_answers("site_general", "MM", papers_retention="held"))


def test_a_low_supplier_without_open_questions_has_only_its_review() -> None:
    result = assess_row(build_best_answers("site_general", product="shirts"))
    assert (result["level"], [a["id"] for a in result["actions"]]) == ("low", ["review_when_due"])


FEW_QUESTIONS = ("weekly_hours", "worker_representation", "months_since_monitoring")


def test_a_few_open_questions_are_asked_last_without_a_new_form() -> None:
    row = {
        question: answer
        for question, answer in build_best_answers("site_general", "TH", violence="open").items()
        if question not in FEW_QUESTIONS
    }
    step_ids = list_step_ids(row)
    assert "ask" not in step_ids
    assert step_ids[-1] == "ask_open" or step_ids.index("ask_open") > step_ids.index("remedy_plan")
    self_declared = {
        q: answer
        for q, answer in build_best_answers("site_general", "TH", evidence_grade="self_declared").items()
        if q not in FEW_QUESTIONS
    }
    assert list_step_ids(self_declared)[-1] == "ask_open" != list_step_ids(self_declared)[0]


def test_the_form_is_sent_again_where_more_than_15_percent_of_the_weight_is_open() -> None:
    model, row = get_model_version("site_general", RELEASE), build_best_answers("site_general", "TH", violence="open")
    asked = {}
    for indicator in model.indicators[:4]:
        row.pop(indicator.question)
        result = assess_row(row)
        open_ = {reason["indicator"] for reason in result["reasons"] if reason["state"] == "not_asked"}
        weight = sum(each.weight for each in model.indicators if each.id in open_) / model.total_weight
        asked[round(weight, 2)] = {action["id"] for action in result["actions"]} & {"ask", "ask_open"}
    assert asked == {0.04: {"ask_open"}, 0.09: {"ask_open"}, 0.14: {"ask_open"}, 0.16: {"ask"}}


def test_a_low_supplier_answers_a_few_open_questions_at_its_review() -> None:
    row = {
        q: answer
        for q, answer in build_best_answers("site_general", product="shirts").items()
        if q != "worker_representation"
    }
    result = assess_row(row)
    assert (result["level"], result["next_step"]) == ("low", "review_when_due")
    assert "ask_open" not in {action["id"] for action in result["actions"]}


def test_a_supplier_with_few_answers_gets_the_questionnaire_first() -> None:
    assert list_step_ids({"name": "Invented Works", "country": "BD", "sector": ("14",)})[0] == "ask"


# ---------------------------------------------------------------- agencies under a sanction (expert 8)


def test_a_site_with_a_high_risk_agency_stops_new_intake_and_protects_its_workers() -> None:
    row = build_best_answers("site_fishing", "TH", uses_agencies="yes", agencies=("Golden Oar", "Silver Oar"))
    assert "hold_named_agency" in list_step_ids_with_circumstances(
        row, {name_key("Golden Oar"): 67.6, name_key("Silver Oar"): 10.0}
    )
    assert "hold_named_agency" not in list_step_ids_with_circumstances(row, {name_key("Golden Oar"): 49.0})
    step = LIBRARY["hold_named_agency"]
    assert "Take no new intake" in step.do
    assert "keep their jobs" in step.do
    assert {"RM-12", "SD-49"} <= set(step.sources)


# ---------------------------------------------------------------- ending the relationship is the last resort (expert 12)


@pytest.mark.parametrize(
    ("model_id", "gap", "step"),
    [
        ("site_fishing", {"oversight": "neither"}, "vessel_lists"),
        ("site_construction", {"materials_origin": "listed"}, "trace_materials"),
    ],
)  # fmt: skip
def test_a_gap_in_safeguards_calls_for_leverage_before_leaving(model_id: str, gap: Answers, step: str) -> None:
    assert step in list_step_ids(build_best_answers(model_id, **gap))
    text = LIBRARY[step].do
    assert "no new purchase" not in text
    assert "buy elsewhere" not in text
    assert "last resort" in text
    assert "SAFE-8" in LIBRARY[step].sources
    assert not LIBRARY[step].ends_relationship


# ---------------------------------------------------------------- children and young workers (expert 15)


@pytest.mark.parametrize(
    ("model_id", "answers", "step"),
    [
        ("site_general", {"youngest_workers": "below_age"}, "protect_child"),
        ("site_general", {"youngest_workers": "young_hazardous"}, "young_worker_off_hazard"),
        ("site_general", {"youngest_workers": "young_hazardous", "reported_harms": ("child_labour",)}, "protect_child"),
        ("site_fishing", {"youngest_aboard": 15.0}, "protect_child"),
        ("site_fishing", {"youngest_aboard": 16.0}, "young_worker_off_hazard"),
        ("site_fishing", {"youngest_aboard": 14.0, "youngest_workers": "young_hazardous"}, "protect_child"),
    ],
)  # fmt: skip
def test_children_leave_the_work_and_young_workers_leave_the_hazard(model_id: str, answers: Answers, step: str) -> None:
    step_ids = list_step_ids_with_circumstances(build_best_answers(model_id, **answers), {})
    assert {"protect_child", "young_worker_off_hazard"} & set(step_ids) == {step}
    assert step_ids[:2] == PROTECTION_STEPS


# ---------------------------------------------------------------- cases (expert 16)


def read_findings(*findings: tuple[str, str]) -> Any:
    parsed = tuple(
        Finding(finding_id, phase, True, "interview", "2026-11-01", f"row {n}")
        for n, (finding_id, phase) in enumerate(findings)
    )
    return read_case(Case("C-1", parsed, "adults"), ON)


def test_a_case_with_coercion_has_first_steps_even_if_its_strength_is_signals() -> None:
    case_reading = read_findings(("papers_held", "work"), ("wages_withheld", "work"))
    assert (case_reading.strength, case_reading.urgent) == ("signals", True)
    assert any("check on the people concerned now" in sentence for sentence in case_reading.because)
    assert [(action.id, days) for action, days in list_first_steps(case_reading, RELEASE)] == [
        ("keep_people_safe", 0.25), ("prepare_referral", 1.0), ("no_retaliation", 1.0),
    ]  # fmt: skip


def test_the_plan_of_a_site_starts_with_the_first_steps_of_its_case() -> None:
    case_reading = read_findings(("papers_held", "work"), ("wages_withheld", "work"))
    batch_with_case = replace(
        build_batch(build_best_answers("site_general")), case_evidence=build_evidence_from_readings([[case_reading]])
    )
    block = assess([batch_with_case], FACTS, ON, MODELS)[0].blocks[0]
    step_ids = [action.id for action, _ in block.plan.list_steps(0, ON)]
    assert step_ids[:3] == [action.id for action, _ in list_first_steps(case_reading, RELEASE)]


def test_a_finding_that_no_question_asks_still_requires_protection() -> None:
    case_reading = read_findings(("contract_not_kept", "work"))
    assert not {i.id for i in get_model_version("site_general", RELEASE).indicators} & set(case_reading.indicators)
    batch_with_case = replace(
        build_batch(build_best_answers("site_general")), case_evidence=build_evidence_from_readings([[case_reading]])
    )
    plan = assess([batch_with_case], FACTS, ON, MODELS)[0].blocks[0].plan
    assert [action.id for action, _ in plan.list_steps(0, ON)][:2] == PROTECTION_STEPS
    assert "keep_people_safe" not in {action.id for action, _ in plan.own_answer_plan.list_steps(0, ON)}


def test_a_case_without_coercion_has_no_first_steps() -> None:
    case_reading = read_findings(("wages_withheld", "work"))
    assert (case_reading.strength, case_reading.urgent, list_first_steps(case_reading, RELEASE)) == (
        "signals",
        False,
        [],
    )


def test_a_case_of_an_older_assessment_keeps_its_steps() -> None:
    case_reading = read_findings(("papers_held", "work"), ("wages_withheld", "work"))
    assert list_first_steps(case_reading, "2026.2") == []


# ---------------------------------------------------------------- what prevents a low level (expert 19)


@pytest.mark.parametrize(
    "row",
    [
        build_best_answers("site_general", evidence_grade="self_declared"),
        build_best_answers("site_fishing", flag="NO", imo="9074729", vessel_type="trawler"),
    ],
)
def test_the_step_to_reach_low_names_all_possible_causes(row: Answers) -> None:
    result = assess_row(row)
    assert result["level"] == "medium"
    assert result["next_step"] == "confirm_answers"
    step = LIBRARY["confirm_answers"]
    assert "it rests on the supplier's own word" not in step.do
    for possible in ("words or paper", "nobody asked or looked into", "facts we do not hold"):
        assert possible in step.do


# ---------------------------------------------------------------- the library as a whole


@pytest.mark.parametrize("generation", list_generations(), ids=lambda path: path.name)
def test_every_finding_has_an_action_and_every_action_a_finding(generation: Path) -> None:
    library = load_actions(generation)
    models = [model for model in load_models() if find_generation(model.actions) == generation]
    findings = list_possible_findings(models, library)
    expanded = expand_groups(library, models)
    assert find_unaddressed_findings(findings, expanded) == ()
    buying = [action for action in expanded if action.addresses[0].startswith("buyer:")]
    assert set(find_unused_actions(findings, expanded)) == {action.id for action in buying}
    for action in library:
        assert set(action.withheld_for) | set(action.only_for) <= {finding for finding, _ in findings}, action.id


def test_the_newest_library_has_every_action_of_the_older_ones() -> None:
    *older, newest = [{action.id for action in load_actions(generation)} for generation in list_generations()]
    for ids in older:
        assert ids <= newest, "a document has the texts of the newest library that any of its models uses"


def test_older_models_use_the_library_without_the_new_order() -> None:
    old: dict[str, Action] = {action.id: action for action in list_release_actions("2026.2")}
    assert get_order_release(find_generation("2026.2")) == "2026.3"
    assert "papers_withheld" not in old["keep_people_safe"].addresses
    assert "floor:strong_sign" in old["no_retaliation"].addresses
    assert not any(action.withheld_for or action.since == "2026.3" for action in old.values())
    assert old["no_retaliation"].get_sort_key(1) < old["prepare_referral"].get_sort_key(1)  # by id, as it was
