"""A supplier of several sectors is scored under the model of each: the worst counts, and what any of them finds is told."""

from typing import Any

import numpy as np
import orjson
from callers import an_organisation
from examples import examples
from flask import Flask
from hypothesis import assume, given
from hypothesis import strategies as st
from portal import a_portal

from risk_models.answers import from_rows
from risk_models.engine.frame import LEVEL_NAMES
from risk_models.engine.score import compute_queue_rank
from risk_models.model import get_model_version
from service.assessment.assess import AssessedBatch, Batch, assess
from service.assessment.export_json import iter_result_json
from service.db.session import Database
from service.queries.what_if import Baseline, compute_what_if
from service.report_content.build import build_details
from tests.test_service.answers import FACTS, ON, Answers, answers, result, results

SMALL = 1e-9
BOTH = ("0311", "4100")  # fishing and building
YARD: Answers = {"name": "Invented Shipping and Building", "country": "TH", "sector": BOTH, "answered_on": "2026-10-01"}
# At sea, known to the fishing model alone; on the building site, known to that model alone.
LOST = {"crew_losses": "abandoned"}
DEATHS = {"site_deaths": "unexplained"}
SILENT_ON_SITE = dict.fromkeys(
    ("subcontract_tiers", "labour_supply", "employment_status", "programme_pressure", "exit_control", "pay_when_paid",
     "pay_method", "end_of_service", "persons_per_room", "camp_faults", "heat", "site_access"), "declined",
)  # fmt: skip


def assessed(row: Answers) -> AssessedBatch:
    return assess([Batch("site", from_rows([row]), "s.xlsx", "Rows", np.array([2]))], FACTS, ON)[0]


def ids(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {reason["indicator"]: reason for reason in told["reasons"]}


def test_harm_that_only_one_of_its_models_asks_about_is_told_whichever_is_shown() -> None:
    told = result({**YARD, **LOST, **DEATHS})
    assert {"crew_lost", "deaths_unexplained"} <= ids(told).keys()
    assert {"crew_lost", "deaths"} <= set(told["floors"])
    assert {"account_for_the_dead_and_missing", "keep_people_safe"} <= {action["id"] for action in told["actions"]}


def test_what_another_model_found_moves_no_points_and_says_so() -> None:
    row = {**YARD, **LOST, **DEATHS}
    beside = {"site_fishing": "deaths_unexplained", "site_construction": "crew_lost"}[result(row)["model"]]
    assert ids(result(row))[beside]["points"] == 0
    (detail,) = build_details(assessed(row), FACTS, ON)
    (reason,) = [reason for reason in detail.reasons if "another of its trades" in reason.text]
    assert reason.harm
    titles = {"Crew dead without explanation, missing or abandoned", "Deaths without explanation"}
    assert {floor.title for floor in detail.floors} == titles


def test_where_the_sector_is_not_known_nothing_is_called_one_of_its_trades() -> None:
    unknown = {name: value for name, value in YARD.items() if name != "sector"}
    told = build_details(assessed({**unknown, **LOST, **DEATHS}), FACTS, ON)[0]
    (reason,) = [reason for reason in told.reasons if "moves no points here" in reason.text]
    assert "which it is read as while its sector is not known" in reason.text
    higher = build_details(assessed({**unknown, **LOST, **SILENT_ON_SITE}), FACTS, ON)[0]
    (rule,) = [floor for floor in higher.floors if floor.title == "A higher score read as another trade"]
    assert rule.text.startswith("The sector is not known: ")
    assert 'as "Construction' in rule.text
    assert "its trades" not in repr((told, higher))


def test_the_level_is_the_worst_of_all_and_the_score_the_highest() -> None:
    """Harm at sea makes the level; silence about the building site, on which no core question is, makes the score."""
    row = {**YARD, **LOST, **SILENT_ON_SITE}
    shown, at_sea, on_site = (result({**row, "sector": each}) for each in (BOTH, BOTH[:1], BOTH[1:]))
    assert (at_sea["level"], on_site["level"]) == ("high", "insufficient_evidence")
    assert on_site["score"] > at_sea["score"]
    assert (shown["model"], shown["level"]) == ("site_fishing", "high")
    assert shown["score"] >= on_site["score"]
    assert abs(sum(reason["points"] for reason in shown["reasons"]) + shown["uplift"] - shown["score"]) < SMALL
    assert shown["best"] <= shown["score"] <= shown["worst"]
    (detail,) = build_details(assessed(row), FACTS, ON)
    (rule,) = [floor for floor in detail.floors if floor.title == "A higher score in another of its trades"]
    assert 'as "Construction' in rule.text
    assert rule.at_least == detail.headline.score


def test_models_that_score_alike_but_for_the_last_bits_are_not_told_apart_by_them() -> None:
    """Nothing was asked, so that each model says what facts say, added up in another order: the pack is shown, everywhere."""
    places = FACTS.get_country_table().index[:60]
    told = results(*({"name": "Invented Works", "country": place, "sector": ("14", "4100")} for place in places))
    assert {(one["model"], one["uplift"]) for one in told} == {("site_construction", 0.0)}


def test_under_the_models_before_one_of_them_is_shown_whole_as_it_was() -> None:
    row = {**YARD, **LOST, **DEATHS}
    old = assess(
        [Batch("site", from_rows([row]), "s.xlsx", "Rows", np.array([2]))], FACTS, ON.replace(month=10, day=31)
    )[0]
    told = orjson.loads(next(iter_result_json(old, ON)))
    known = {indicator.id for indicator in old.blocks[old.block_indexes[0]].model.indicators}
    assert {name for name, reason in ids(told).items() if reason["kind"] == "answer"} <= known


@examples(40)
@given(answers(), st.permutations(["0311", "4100", "9700", "26"]))
def test_whatever_was_said_the_worst_of_all_models_is_shown_and_explained(row: Answers, sectors: list[str]) -> None:
    assume(row)
    batch = assessed({**row, "sector": tuple(sectors[:3])})
    (told,) = (orjson.loads(row) for row in iter_result_json(batch, ON))
    ranks = [compute_queue_rank(b.scores.level, b.scores.inherent_level)[0] for b in batch.blocks]
    level = np.array([LEVEL_NAMES.index(told["level"])], dtype=np.int8)
    inherent = np.array([LEVEL_NAMES.index(told["inherent_level"])], dtype=np.int8)
    assert compute_queue_rank(level, inherent)[0] == min(ranks)
    assert told["score"] >= max(b.scores.total[0] for b in batch.blocks) - SMALL
    assert abs(sum(reason["points"] for reason in told["reasons"]) + told["uplift"] - told["score"]) < SMALL
    assert told["best"] <= told["score"] <= told["worst"]
    harms = {
        indicator.id
        for b in batch.blocks
        for indicator, harm in zip(b.model.indicators, b.cells.harm[:, 0], strict=True)
        if harm
    }
    assert harms <= ids(told).keys()
    floors = {f.id for b in batch.blocks for f, at in zip(b.model.floors, b.scores.floors[:, 0], strict=True) if at}
    assert floors <= set(told["floors"])
    assert build_details(batch, FACTS, ON)


def test_suppliers_of_one_sector_and_of_several_stand_beside_each_other() -> None:
    rows = [
        {**YARD, **LOST, **DEATHS},
        {**YARD, "sector": ("4100",), **DEATHS},
        {**YARD, "sector": ("14", "0311"), **LOST},
        {**YARD, "sector": ("26",)},
        {**YARD, "sector": ("14", "4100"), **DEATHS},
    ]
    for together, row in zip(results(*rows), rows, strict=True):
        assert {**together, "row": None} == {**result(row), "row": None}


def test_a_kept_result_is_worked_out_again_under_all_its_models(app: Flask, database: Database) -> None:
    portal = a_portal(app, an_organisation(database))
    row = {**YARD, **LOST, **SILENT_ON_SITE, "sector": list(BOTH), "reference": "S-1"}
    made = portal.put("/suppliers/S-1", row)
    assert made.status_code == 201
    kept = portal.get("/suppliers/S-1").json
    assert kept["model"] == "site_fishing"
    assert kept["uplift"] > 0
    assert abs(sum(reason["points"] for reason in kept["reasons"]) + kept["uplift"] - kept["score"]) < SMALL
    tried = portal.post("/suppliers/S-1/what-if", {"answers": {"crew_losses": "none"}})
    assert tried.status_code == 200, tried.json
    assert tried.json["before"]["score"] == kept["score"]
    assert (tried.json["before"]["level"], tried.json["after"]["level"]) == ("high", "insufficient_evidence")


def test_an_action_closes_what_only_another_of_its_models_found() -> None:
    row = {**YARD, **LOST, **DEATHS}
    ground = Baseline(row, {}, get_model_version(result(row)["model"], "2026.2"), FACTS, ON)
    done = compute_what_if(ground, {}, ["account_for_the_dead_and_missing"], grade="official")
    assert len(done.before.floors) == 2
    assert done.after.floors == ()
