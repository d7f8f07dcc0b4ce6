"""In which order a plan is taken and what it may not ask: people first, nobody in danger by it, no level without a step."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import orjson
import pytest
from examples import examples
from hypothesis import given

from risk_models.answers import from_rows
from risk_models.cases.evidence import build_evidence_from_readings
from risk_models.cases.readings import Case, Finding, read_case
from risk_models.facts.facts import load_facts
from risk_models.findings import find_unaddressed_findings, find_unused_actions, list_possible_findings
from risk_models.model import Model, get_model_in_force, load_models
from risk_models.name_normalize import name_key
from risk_models.plan import (
    CIRCUMSTANCES,
    UNKNOWNS,
    Action,
    build_plan,
    expand_groups,
    find_circumstances,
    get_order_release,
    list_release_actions,
    load_actions,
)
from risk_models.transforms import Choices
from service.assessment.assess import Batch, assess, assess_batch
from service.assessment.export_json import iter_result_json
from service.case_reading.export_json import list_first_steps
from service.queries.what_if import get_best_answer
from service.report_content.steps import list_first_step_titles as titles_of_first_steps
from tests.test_service.answers import Answers, answers, list_indicator_questions
from tests.test_service.test_packs import SECTOR_BY_MODEL

ON = date(2026, 11, 27)
FACTS = load_facts().as_of(ON)
LIBRARY = {action.id: action for action in load_actions()}
PROTECTION_STEPS = ["keep_people_safe", "prepare_referral"]
NO_AGENCY: Answers = {"uses_agencies": "no", "workers_migrant": 0.0, "migrant_pct": 0.0}


def build_best_answers(model_id: str, country: str = "NO", **others: Any) -> Answers:
    """A supplier with the best answer to every question of its model, told by workers last month; the others as given."""
    model = get_model_in_force(model_id, ON)
    rules, row = {i.question: i.rule for i in model.indicators}, Answers(name="Invented Supplier", country=country)
    for question in list_indicator_questions(model.kind):
        if question.id in rules:
            best = get_best_answer(rules[question.id], ON)
            row[question.id] = (best,) if question.type == "many" else best
    row |= {"sector": (SECTOR_BY_MODEL[model_id],), **NO_AGENCY} if model.kind == "site" else {}
    return row | {"evidence_grade": "worker_voice", "evidence_date": "2026-11-01", "answered_on": "2026-11-01"} | others


def build_batch(row: Answers, kind: str = "site") -> Batch:
    return Batch(kind, from_rows([row]), "s.xlsx", "Rows", np.array([2]))


def assess_row(row: Answers, kind: str = "site") -> dict[str, Any]:
    """The result of one supplier, as assessment.json has it."""
    result: dict[str, Any] = orjson.loads(next(iter_result_json(assess([build_batch(row, kind)], FACTS, ON)[0], ON)))
    return result


def list_step_ids(row: Answers, kind: str = "site") -> list[str]:
    return [action["id"] for action in assess_row(row, kind)["actions"]]


def list_step_ids_with_circumstances(row: Answers, agency_scores: dict[str, float]) -> list[str]:
    """The steps of a site, with what its plan reads off its answers beside the scores."""
    block = assess_batch(build_batch(row), FACTS, ON, agency_scores).blocks[0]
    unknown = {name: np.zeros(1, dtype=bool) for name in UNKNOWNS}
    whole = build_plan(
        block.scores, block.cells, block.model, unknown | find_circumstances(block.answers, block.model, agency_scores)
    )
    return [action.id for action, _ in whole.list_steps(0, ON)]


# ---------------------------------------------------------------- people first (expert 5)


@pytest.mark.parametrize(
    ("model_id", "sign"),
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
def test_where_people_are_bound_the_buyer_protects_them_before_anything_is_asked_of_the_employer(
    model_id: str, sign: Answers
) -> None:
    found = list_step_ids(build_best_answers(model_id, **sign), "agency" if model_id == "agency" else "site")
    assert found[:2] == PROTECTION_STEPS
    assert LIBRARY[found[2]].owner != "buyer" or not LIBRARY[found[2]].safety


@pytest.mark.parametrize(
    "model", [get_model_in_force(name, ON) for name in (*SECTOR_BY_MODEL, "agency")], ids=lambda model: model.id
)
def test_every_strong_sign_of_every_model_calls_for_the_people_first(model: Model) -> None:
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
    found = list_step_ids(build_best_answers("site_general", reported_harms=(harm,), reported_by="workers"))
    assert found[:3] == [*PROTECTION_STEPS, "no_retaliation"]


def test_the_undertaking_against_retaliation_does_not_say_that_anybody_spoke() -> None:
    assert "what was told" not in LIBRARY["no_retaliation"].do
    assert "say nothing of who said what" in LIBRARY["no_retaliation"].do


def test_what_is_due_on_one_day_follows_the_order_that_the_data_gives_and_no_id() -> None:
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


def test_some_hours_more_do_not_put_a_demand_before_what_protects_people() -> None:
    assert LIBRARY["stop_violence"].due_days["harm"] < LIBRARY["prepare_referral"].due_days["harm"]
    assert LIBRARY["prepare_referral"].get_sort_key(1) < LIBRARY["stop_violence"].get_sort_key(0.25)
    found = list_step_ids(build_best_answers("site_general", violence="open"))
    assert found.index("prepare_referral") < found.index("stop_violence")


@examples(40)
@given(answers())
def test_a_report_names_the_same_first_step_as_the_result(row: Answers) -> None:
    assessed = assess([build_batch(row)], FACTS, ON)[0]
    plan_of = assessed.blocks[assessed.block_indexes[0]].plan
    assert titles_of_first_steps(plan_of.actions, plan_of.days) == [LIBRARY[assess_row(row)["next_step"]].title]


# ---------------------------------------------------------------- nobody loses anything for having spoken (officer 9)


@pytest.mark.parametrize("sign", [{"papers_retention": "held"}, {"worker_debt": "bound"}, {"violence": "open"}])
def test_an_undertaking_against_retaliation_is_asked_for_where_somebody_spoke_and_nowhere_else(sign: Answers) -> None:
    assert "no_retaliation" not in list_step_ids(build_best_answers("site_general", **sign))
    assert "no_retaliation" in list_step_ids(
        build_best_answers("site_general", reported_harms=("violence",), reported_by="workers")
    )


def test_it_is_asked_for_where_retaliation_itself_is_found() -> None:
    assert "no_retaliation" in list_step_ids(build_best_answers("site_general", retaliation="open"))


def test_items_that_workers_reported_of_an_agency_call_for_it() -> None:
    found = list_step_ids(build_best_answers("agency", worker_reported_items=("placement", "recovery")), "agency")
    assert found[:3] == [*PROTECTION_STEPS, "no_retaliation"]


def test_it_is_no_step_by_the_suppliers_own_answers_where_only_workers_told() -> None:
    row = build_best_answers(
        "site_general", papers_retention="held", reported_harms=("threats",), reported_by="workers"
    )
    block = assess([build_batch(row)], FACTS, ON)[0].blocks[0]
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
def test_where_a_state_imposes_the_labour_no_step_goes_to_workers_on_site(row: Answers) -> None:
    found = list_step_ids(row | {"reported_by": "workers"})
    assert not STEPS_ON_SITE & set(found)
    assert {"look_from_outside", "decide_state_imposed", "support_outside"} <= set(found)
    for name in ("look_from_outside", "decide_state_imposed", "support_outside"):
        assert "calls" not in LIBRARY[name].with_workers


def test_labour_imposed_further_up_the_chain_leaves_the_site_to_be_asked() -> None:
    found = list_step_ids(build_best_answers("site_general", state_placement="supplier", violence="declined"))
    assert {"decide_state_imposed", "ask_again"} <= set(found)
    assert "look_from_outside" not in found


def test_a_step_that_is_withheld_stays_so_for_a_site_of_several_trades() -> None:
    row = build_best_answers(
        "site_general", "CN", state_placement="transfer", sector=("14", "9700"), household_checks="declined"
    )
    assert not STEPS_ON_SITE & set(list_step_ids(row))


# ---------------------------------------------------------------- no level without a step (expert 7, officer 10)


@examples(60)
@given(answers())
def test_no_site_is_left_without_a_next_step(row: Answers) -> None:
    assert assess_row(row)["next_step"] is not None


@examples(30)
@given(answers("agency"))
def test_no_agency_is_left_without_a_next_step(row: Answers) -> None:
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
def test_a_level_that_rests_on_place_trade_or_what_nobody_knows_is_verified_with_workers(row: Answers) -> None:
    result = assess_row(row)
    assert result["score"] >= 25
    assert "watch_and_verify" in {action["id"] for action in result["actions"]}
    assert {"SD-65"} <= set(LIBRARY["watch_and_verify"].sources)


def test_harm_that_was_found_has_its_own_steps_instead() -> None:
    assert "watch_and_verify" not in list_step_ids(build_best_answers("site_general", "MM", papers_retention="held"))


def test_a_low_supplier_that_answered_all_keeps_its_review_and_nothing_else() -> None:
    result = assess_row(build_best_answers("site_general", product="shirts"))
    assert (result["level"], [a["id"] for a in result["actions"]]) == ("low", ["review_when_due"])


FEW_QUESTIONS = ("weekly_hours", "worker_representation", "months_since_monitoring")


def test_a_form_that_came_back_but_for_a_few_questions_is_not_sent_again_and_they_do_not_come_first() -> None:
    row = {
        question: said
        for question, said in build_best_answers("site_general", "TH", violence="open").items()
        if question not in FEW_QUESTIONS
    }
    found = list_step_ids(row)
    assert "ask" not in found
    assert found[-1] == "ask_open" or found.index("ask_open") > found.index("remedy_plan")
    quiet = {
        q: said
        for q, said in build_best_answers("site_general", "TH", evidence_grade="self_declared").items()
        if q not in FEW_QUESTIONS
    }
    assert list_step_ids(quiet)[-1] == "ask_open" != list_step_ids(quiet)[0]


def test_a_low_supplier_with_a_few_open_questions_is_asked_them_at_its_review() -> None:
    row = {
        q: said
        for q, said in build_best_answers("site_general", product="shirts").items()
        if q != "worker_representation"
    }
    result = assess_row(row)
    assert (result["level"], result["next_step"]) == ("low", "review_when_due")
    assert "ask_open" not in {action["id"] for action in result["actions"]}


def test_a_supplier_that_answered_little_is_sent_the_questionnaire_first() -> None:
    assert list_step_ids({"name": "Invented Works", "country": "BD", "sector": ("14",)})[0] == "ask"


# ---------------------------------------------------------------- agencies under a sanction (expert 8)


def test_a_site_whose_worst_agency_stands_high_takes_no_new_intake_and_strands_nobody() -> None:
    row = build_best_answers("site_fishing", "TH", uses_agencies="yes", agencies=("Golden Oar", "Silver Oar"))
    assert "hold_named_agency" in list_step_ids_with_circumstances(
        row, {name_key("Golden Oar"): 67.6, name_key("Silver Oar"): 10.0}
    )
    assert "hold_named_agency" not in list_step_ids_with_circumstances(row, {name_key("Golden Oar"): 49.0})
    step = LIBRARY["hold_named_agency"]
    assert "Take no new intake" in step.do
    assert "keep their jobs" in step.do
    assert {"RM-12", "SD-49"} <= set(step.sources)


# ---------------------------------------------------------------- buying stops last (expert 12)


@pytest.mark.parametrize(
    ("model_id", "gap", "step"),
    [
        ("site_fishing", {"oversight": "neither"}, "vessel_lists"),
        ("site_construction", {"materials_origin": "listed"}, "trace_materials"),
    ],
)  # fmt: skip
def test_a_gap_in_safeguards_is_answered_by_leverage_and_not_by_buying_elsewhere(
    model_id: str, gap: Answers, step: str
) -> None:
    assert step in list_step_ids(build_best_answers(model_id, **gap))
    said = LIBRARY[step].do
    assert "no new purchase" not in said
    assert "buy elsewhere" not in said
    assert "last resort" in said
    assert "SAFE-8" in LIBRARY[step].sources
    assert not LIBRARY[step].ends_relationship


# ---------------------------------------------------------------- children and young workers (expert 15)


@pytest.mark.parametrize(
    ("model_id", "told_of", "step"),
    [
        ("site_general", {"youngest_workers": "below_age"}, "protect_child"),
        ("site_general", {"youngest_workers": "young_hazardous"}, "young_worker_off_hazard"),
        ("site_general", {"youngest_workers": "young_hazardous", "reported_harms": ("child_labour",)}, "protect_child"),
        ("site_fishing", {"youngest_aboard": 15.0}, "protect_child"),
        ("site_fishing", {"youngest_aboard": 16.0}, "young_worker_off_hazard"),
        ("site_fishing", {"youngest_aboard": 14.0, "youngest_workers": "young_hazardous"}, "protect_child"),
    ],
)  # fmt: skip
def test_a_child_is_taken_out_of_the_work_and_a_young_worker_off_the_hazard(
    model_id: str, told_of: Answers, step: str
) -> None:
    found = list_step_ids_with_circumstances(build_best_answers(model_id, **told_of), {})
    assert {"protect_child", "young_worker_off_hazard"} & set(found) == {step}
    assert found[:2] == PROTECTION_STEPS


# ---------------------------------------------------------------- cases (expert 16)


def read_findings(*findings: tuple[str, str]) -> Any:
    said = tuple(
        Finding(what, phase, True, "interview", "2026-11-01", f"row {n}") for n, (what, phase) in enumerate(findings)
    )
    return read_case(Case("C-1", said, "adults"), ON)


def test_a_case_in_which_coercion_is_reached_has_first_steps_though_its_strength_is_signals() -> None:
    held = read_findings(("papers_held", "work"), ("wages_withheld", "work"))
    assert (held.strength, held.urgent) == ("signals", True)
    assert any("check on the people concerned now" in sentence for sentence in held.because)
    assert [(action.id, days) for action, days in list_first_steps(held)] == [
        ("keep_people_safe", 0.25), ("prepare_referral", 1.0), ("no_retaliation", 1.0),
    ]  # fmt: skip


def test_the_plan_of_the_site_such_a_case_is_about_begins_as_the_case_does() -> None:
    held = read_findings(("papers_held", "work"), ("wages_withheld", "work"))
    of_case = replace(build_batch(build_best_answers("site_general")), case=build_evidence_from_readings([[held]]))
    block = assess([of_case], FACTS, ON)[0].blocks[0]
    found = [action.id for action, _ in block.plan.list_steps(0, ON)]
    assert found[:3] == [action.id for action, _ in list_first_steps(held)]


def test_a_case_that_tells_what_no_question_asks_makes_people_safe_all_the_same() -> None:
    told_once = read_findings(("contract_not_kept", "work"))
    assert not {i.id for i in get_model_in_force("site_general", ON).indicators} & set(told_once.indicators)
    of_case = replace(build_batch(build_best_answers("site_general")), case=build_evidence_from_readings([[told_once]]))
    plan_of = assess([of_case], FACTS, ON)[0].blocks[0].plan
    assert [action.id for action, _ in plan_of.list_steps(0, ON)][:2] == PROTECTION_STEPS
    assert "keep_people_safe" not in {action.id for action, _ in plan_of.own_answer_plan.list_steps(0, ON)}


def test_a_case_without_coercion_says_neither() -> None:
    mild = read_findings(("wages_withheld", "work"))
    assert (mild.strength, mild.urgent, list_first_steps(mild)) == ("signals", False, [])


def test_a_case_of_an_older_assessment_keeps_the_steps_that_were_told() -> None:
    held = read_findings(("papers_held", "work"), ("wages_withheld", "work"))
    assert list_first_steps(held, "2026.2") == []


# ---------------------------------------------------------------- what keeps a level from low (expert 19)


@pytest.mark.parametrize(
    "row",
    [
        build_best_answers("site_general", evidence_grade="self_declared"),
        build_best_answers("site_fishing", flag="NO", imo="9074729", vessel_type="trawler"),
    ],
)
def test_what_keeps_a_level_from_low_is_not_said_to_be_the_suppliers_word_where_workers_spoke(row: Answers) -> None:
    result = assess_row(row)
    assert result["level"] == "medium"
    assert result["next_step"] == "confirm_answers"
    step = LIBRARY["confirm_answers"]
    assert "it rests on the supplier's own word" not in step.do
    for possible in ("words or paper", "nobody asked or looked into", "facts we do not hold"):
        assert possible in step.do


# ---------------------------------------------------------------- the library as a whole


def test_every_finding_reaches_a_step_and_every_step_is_reached_also_by_circumstances() -> None:
    findings = list_possible_findings(load_models())
    assert set(CIRCUMSTANCES.items()) <= set(findings)
    library = expand_groups(load_actions(), load_models())
    assert find_unaddressed_findings(findings, library) == ()
    buying = [action for action in library if action.addresses[0].startswith("buyer:")]
    assert set(find_unused_actions(findings, library)) == {action.id for action in buying}


def test_a_step_is_withheld_under_findings_that_can_be_made() -> None:
    findings = {finding for finding, _ in list_possible_findings(load_models())}
    for action in load_actions():
        assert set(action.withheld_for) <= findings, action.id


def test_models_released_before_the_order_read_the_library_as_it_was() -> None:
    old: dict[str, Action] = {action.id: action for action in list_release_actions("2026.2")}
    assert get_order_release() == "2026.3"
    assert "papers_withheld" not in old["keep_people_safe"].addresses
    assert "floor:strong_sign" in old["no_retaliation"].addresses
    assert not any(action.withheld_for or action.since == "2026.3" for action in old.values())
    assert old["no_retaliation"].get_sort_key(1) < old["prepare_referral"].get_sort_key(1)  # by id, as it was
