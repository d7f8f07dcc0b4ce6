"""Test that a supplier of several sectors is scored by the model of each, and that the worst result counts."""

from typing import Any

import numpy as np
import orjson
from callers import make_organisation
from examples import examples
from flask import Flask
from hypothesis import assume, given
from hypothesis import strategies as st
from portal import make_portal

from risk_models.answers import from_rows
from risk_models.engine.frame import LEVEL_NAMES
from risk_models.engine.score import compute_queue_rank
from risk_models.model import get_model_version
from service.assessment.assess import AssessedBatch, Batch, assess
from service.assessment.export_json import iter_result_json
from service.db.session import Database
from service.queries.what_if import Baseline, compute_what_if
from service.report_content.build import build_details
from tests.test_service.answers import FACTS, ON, Answers, answers, assess_row, assess_rows

TOLERANCE = 1e-9
BOTH_SECTORS = ("0311", "4100")  # fishing and building
YARD: Answers = {
    "name": "Invented Shipping and Building",
    "country": "TH",
    "sector": BOTH_SECTORS,
    "answered_on": "2026-10-01",
}
# At sea, known to the fishing model alone; on the building site, known to that model alone.
LOST = {"crew_losses": "abandoned"}
DEATHS = {"site_deaths": "unexplained"}
BLANK_ON_SITE = dict.fromkeys(
    ("subcontract_tiers", "labour_supply", "employment_status", "programme_pressure", "exit_control", "pay_when_paid",
     "pay_method", "end_of_service", "persons_per_room", "camp_faults", "heat", "site_access"), "declined",
)  # fmt: skip


def assess_answers(row: Answers) -> AssessedBatch:
    return assess([Batch("site", from_rows([row]), "s.xlsx", "Rows", np.array([2]))], FACTS, ON)[0]


def index_reasons(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {reason["indicator"]: reason for reason in result["reasons"]}


def test_harm_found_by_either_model_is_in_the_result() -> None:
    result = assess_row({**YARD, **LOST, **DEATHS})
    assert {"crew_lost", "deaths_unexplained"} <= index_reasons(result).keys()
    assert {"crew_lost", "deaths"} <= set(result["floors"])
    assert {"account_for_the_dead_and_missing", "keep_people_safe"} <= {action["id"] for action in result["actions"]}


def test_harm_found_by_the_other_model_has_no_points_and_its_reason_says_so() -> None:
    row = {**YARD, **LOST, **DEATHS}
    other_indicator = {"site_fishing": "deaths_unexplained", "site_construction": "crew_lost"}[assess_row(row)["model"]]
    assert index_reasons(assess_row(row))[other_indicator]["points"] == 0
    (detail,) = build_details(assess_answers(row), FACTS, ON)
    (reason,) = [reason for reason in detail.reasons if "another of its sectors" in reason.text]
    assert reason.harm
    titles = {"Crew dead without explanation, missing or abandoned", "Deaths without explanation"}
    assert {floor.title for floor in detail.floors} == titles


def test_a_supplier_of_unknown_sector_is_not_said_to_have_several_trades() -> None:
    unknown = {name: value for name, value in YARD.items() if name != "sector"}
    detail = build_details(assess_answers({**unknown, **LOST, **DEATHS}), FACTS, ON)[0]
    (reason,) = [reason for reason in detail.reasons if "adds no points here" in reason.text]
    assert "a possible sector, because the supplier's sector is not known" in reason.text
    higher = build_details(assess_answers({**unknown, **LOST, **BLANK_ON_SITE}), FACTS, ON)[0]
    (rule,) = [floor for floor in higher.floors if floor.title == "A higher score when assessed for another sector"]
    assert rule.text.startswith("The sector is not known. ")
    assert 'as "Construction' in rule.text
    assert "its sectors" not in repr((detail, higher))


def test_the_result_has_the_worst_level_and_the_highest_score_of_its_models() -> None:
    """Harm at sea sets the level; blank answers about the building site, without core questions, set the score."""
    row = {**YARD, **LOST, **BLANK_ON_SITE}
    combined, at_sea, on_site = (
        assess_row({**row, "sector": sector}) for sector in (BOTH_SECTORS, BOTH_SECTORS[:1], BOTH_SECTORS[1:])
    )
    assert (at_sea["level"], on_site["level"]) == ("high", "insufficient_evidence")
    assert on_site["score"] > at_sea["score"]
    assert (combined["model"], combined["level"]) == ("site_fishing", "high")
    assert combined["score"] >= on_site["score"]
    assert (
        abs(sum(reason["points"] for reason in combined["reasons"]) + combined["uplift"] - combined["score"])
        < TOLERANCE
    )
    assert combined["best"] <= combined["score"] <= combined["worst"]
    (detail,) = build_details(assess_answers(row), FACTS, ON)
    (rule,) = [floor for floor in detail.floors if floor.title == "A higher score in another of the supplier's sectors"]
    assert 'as "Construction' in rule.text
    assert rule.at_least == detail.headline.score


def test_rounding_errors_do_not_decide_between_models_with_equal_scores() -> None:
    """Nothing was asked, so each model adds up the same facts in another order: the pack must be chosen everywhere."""
    countries = FACTS.get_country_table().index[:60]
    results = assess_rows(
        *({"name": "Invented Works", "country": country, "sector": ("14", "4100")} for country in countries)
    )
    assert {(result["model"], result["uplift"]) for result in results} == {("site_construction", 0.0)}


def test_older_models_report_only_the_indicators_of_one_model() -> None:
    row = {**YARD, **LOST, **DEATHS}
    old = assess(
        [Batch("site", from_rows([row]), "s.xlsx", "Rows", np.array([2]))], FACTS, ON.replace(month=10, day=31)
    )[0]
    result = orjson.loads(next(iter_result_json(old, ON)))
    indicators = {indicator.id for indicator in old.blocks[old.block_indexes[0]].model.indicators}
    assert {name for name, reason in index_reasons(result).items() if reason["kind"] == "answer"} <= indicators


@examples(40)
@given(answers(), st.permutations(["0311", "4100", "9700", "26"]))
def test_the_worst_of_all_models_is_reported_and_explained_for_any_answers(row: Answers, sectors: list[str]) -> None:
    assume(row)
    batch = assess_answers({**row, "sector": tuple(sectors[:3])})
    (result,) = (orjson.loads(row) for row in iter_result_json(batch, ON))
    ranks = [compute_queue_rank(block.scores.level, block.scores.inherent_level)[0] for block in batch.blocks]
    level = np.array([LEVEL_NAMES.index(result["level"])], dtype=np.int8)
    inherent = np.array([LEVEL_NAMES.index(result["inherent_level"])], dtype=np.int8)
    assert compute_queue_rank(level, inherent)[0] == min(ranks)
    assert result["score"] >= max(block.scores.total[0] for block in batch.blocks) - TOLERANCE
    assert abs(sum(reason["points"] for reason in result["reasons"]) + result["uplift"] - result["score"]) < TOLERANCE
    assert result["best"] <= result["score"] <= result["worst"]
    harms = {
        indicator.id
        for block in batch.blocks
        for indicator, harm in zip(block.model.indicators, block.cells.harm[:, 0], strict=True)
        if harm
    }
    assert harms <= index_reasons(result).keys()
    floors = {
        floor.id
        for block in batch.blocks
        for floor, state in zip(block.model.floors, block.scores.floors[:, 0], strict=True)
        if state
    }
    assert floors <= set(result["floors"])
    assert build_details(batch, FACTS, ON)


def test_results_of_mixed_batches_equal_those_of_single_suppliers() -> None:
    rows = [
        {**YARD, **LOST, **DEATHS},
        {**YARD, "sector": ("4100",), **DEATHS},
        {**YARD, "sector": ("14", "0311"), **LOST},
        {**YARD, "sector": ("26",)},
        {**YARD, "sector": ("14", "4100"), **DEATHS},
    ]
    for together, row in zip(assess_rows(*rows), rows, strict=True):
        assert {**together, "row": None} == {**assess_row(row), "row": None}


def test_a_stored_result_is_recomputed_with_all_its_models(app: Flask, database: Database) -> None:
    portal = make_portal(app, make_organisation(database))
    row = {**YARD, **LOST, **BLANK_ON_SITE, "sector": list(BOTH_SECTORS), "reference": "S-1"}
    response = portal.put("/suppliers/S-1", row)
    assert response.status_code == 201
    stored = portal.get("/suppliers/S-1").json
    assert stored["model"] == "site_fishing"
    assert stored["floors"]
    assert abs(sum(reason["points"] for reason in stored["reasons"]) + stored["uplift"] - stored["score"]) < TOLERANCE
    what_if = portal.post("/suppliers/S-1/what-if", {"answers": {"crew_losses": "none"}})
    assert what_if.status_code == 200, what_if.json
    assert what_if.json["before"]["score"] == stored["score"]
    assert (what_if.json["before"]["level"], what_if.json["after"]["level"]) == ("critical", "insufficient_evidence")


def test_an_action_closes_a_finding_of_the_other_model() -> None:
    row = {**YARD, **LOST, **DEATHS}
    baseline = Baseline(row, {}, get_model_version(assess_row(row)["model"], "2026.2"), FACTS, ON)
    outcome = compute_what_if(baseline, {}, ["account_for_the_dead_and_missing"], grade="official")
    assert len(outcome.before.floors) == 2
    assert outcome.after.floors == ()
