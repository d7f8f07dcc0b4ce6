"""What-if analysis: the points that a change would move, and the fewest actions that would change a level."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import given

from risk_models import plan as planning
from risk_models.action_library import load_actions
from risk_models.answers import from_rows
from risk_models.facts.facts import load_facts
from risk_models.model import Model, get_model_version
from risk_models.transforms import Ramp, Since, Steps, get_best_answer
from service.assessment.assess import Batch, assess
from service.queries.what_if import (
    UPLIFT,
    Baseline,
    compute_what_if,
    find_fewest_actions,
    list_blocks,
    map_closed_indicators,
)
from tests.test_service.answers import answers

ON = date(2026, 10, 15)
FACTS = load_facts().as_of(ON)
GENERAL = get_model_version("site_general", "2026.1")
PLACE = {"name": "Blue Pier Mill", "country": "TH", "sector": ["1410"], "answered_on": "2026-10-01"}
HARMED = {
    **PLACE, "papers_retention": "held", "violence": "open", "recruitment_fees": "all", "wage_payment": "on_time",
    "weekly_hours": 80.0,
}  # fmt: skip


def on_ground(row: dict[str, Any], model: Model = GENERAL) -> Baseline:
    return Baseline(row, {}, model, FACTS, ON)


def well_answered() -> dict[str, Any]:
    """The best answer to everything."""
    return {**PLACE, **{i.question: get_best_answer(i.rule, ON) for i in GENERAL.indicators}}


def change_of(result: Any, title: str) -> float:
    return sum(change.after - change.before for change in result.changes if change.title == title)


def test_without_changes_no_points_change() -> None:
    result = compute_what_if(on_ground(HARMED), {})
    assert result.changes == ()
    assert result.before == result.after


def test_a_changed_answer_changes_its_indicator_and_the_changes_add_up_to_the_score_change() -> None:
    result = compute_what_if(on_ground(HARMED), {"papers_retention": "worker_holds"})
    assert change_of(result, "Papers withheld") < 0
    assert sum(move.after - move.before for move in result.changes) == pytest.approx(
        result.after.headline.score - result.before.headline.score, abs=1e-9
    )
    assert {move.title for move in result.changes} <= {"Papers withheld", UPLIFT}


def test_better_evidence_for_a_changed_answer_changes_more_points() -> None:
    plain, sources = (
        compute_what_if(on_ground(HARMED), {"violence": "none_asked"}, grade=g) for g in (None, "worker_voice")
    )
    assert change_of(sources, "Violence") < change_of(plain, "Violence") < 0


def test_a_removed_answer_counts_as_not_asked() -> None:
    result = compute_what_if(on_ground(HARMED), {"violence": None})
    (move,) = [move for move in result.changes if move.title == "Violence"]
    assert (move.state_before, move.state_after) == ("answered", "not_asked")


@pytest.mark.parametrize("question", ["country", "sector", "name"])
def test_country_and_sector_cannot_be_changed(question: str) -> None:
    with pytest.raises(ValueError, match="identifies the supplier"):
        compute_what_if(on_ground(HARMED), {question: "VN"})


def test_an_action_that_is_not_due_cannot_be_done() -> None:
    with pytest.raises(ValueError, match="not an action in this supplier's plan"):
        compute_what_if(on_ground(well_answered()), {}, ["stop_violence"])
    with pytest.raises(ValueError, match="not a grade of evidence"):
        compute_what_if(on_ground(HARMED), {}, [], "hearsay")


def test_a_completed_action_gives_its_indicators_the_best_answer_and_changes_nothing_else() -> None:
    ground = on_ground(HARMED)
    closed = map_closed_indicators(ground.assess([HARMED]).blocks[0])["stop_violence"]
    assert closed == {"violence"}
    result = compute_what_if(ground, {}, ["stop_violence"], "worker_voice")
    assert {move.title for move in result.changes} <= {"Violence", UPLIFT}
    assert change_of(result, "Violence") < 0


def test_reports_of_workers_are_closed_by_worker_or_official_evidence_only() -> None:
    ground = on_ground({**PLACE, "violence": "none_asked", "reported_harms": ["violence"], "reported_by": "workers"})
    reason_changes = {
        g: change_of(compute_what_if(ground, {}, ["stop_violence"], g), "Violence")
        for g in (None, "audit", "worker_voice")
    }
    assert reason_changes[None] == reason_changes["audit"] == 0
    assert reason_changes["worker_voice"] < 0


def test_another_agency_changes_only_the_points_of_the_agency() -> None:
    ground = replace(on_ground({**PLACE, "agencies": ["Kite Placement"]}), agency_scores={"kiteplacement": 95.0})
    result = compute_what_if(ground, {"agencies": ["Fern Placement"]}, agency_scores={"fernplacement": 20.0})
    assert change_of(result, "Highest-scoring agency named") < 0


def test_the_fewest_actions_change_the_level_and_each_of_them_is_needed() -> None:
    ground = on_ground({**well_answered(), "papers_retention": "held", "violence": "open", "recruitment_fees": "all"})
    fewest = find_fewest_actions(ground)
    before = compute_what_if(ground, {}).before.headline.level
    names = [action.id for action in fewest.actions]
    assert fewest.changes_level
    assert compute_what_if(ground, {}, names, "worker_voice").after.headline.level == fewest.level != before
    for name in names:
        fewer = [other_answers for other_answers in names if other_answers != name]
        assert compute_what_if(ground, {}, fewer, "worker_voice").after.headline.level == before


def test_an_action_chosen_first_for_its_severity_is_dropped_if_it_is_not_needed() -> None:
    ground = on_ground({**well_answered(), "papers_retention": "held", "housing": "unsafe"})
    called = map_closed_indicators(ground.assess([ground.answers]).blocks[0])
    safety = {action.id for action in load_actions() if action.safety}
    assert {name for name, closed in called.items() if "housing_poor" in closed and name in safety}
    (only,) = find_fewest_actions(ground).actions
    assert called[only.id] == {"papers_withheld"}


def test_safety_comes_first_among_the_fewest_actions() -> None:
    both = on_ground({**well_answered(), "violence": "open", "papers_retention": "held", "recruitment_fees": "all"})
    fewest = find_fewest_actions(both)
    assert fewest.actions[0].safety


def test_a_list_of_referral_contacts_alone_closes_no_finding() -> None:
    on = date(2026, 12, 1)
    ground = Baseline(HARMED, {}, get_model_version("site_general", "2026.4"), load_facts().as_of(on), on)
    closed = map_closed_indicators(ground.assess([ground.answers]).blocks[0])
    assert closed["prepare_referral"] == frozenset()  # a list of contacts changes nothing until people are reached
    assert "violence" in closed["keep_people_safe"]
    fewest = find_fewest_actions(ground)
    assert fewest.changes_level
    assert "prepare_referral" not in {action.id for action in fewest.actions}


def test_no_actions_are_named_where_country_and_sector_alone_hold_the_level() -> None:
    fewest = find_fewest_actions(on_ground({"name": "Nowhere Mill"}))
    assert (fewest.actions, fewest.changes_level, fewest.level) == ((), False, "insufficient_evidence")


def test_ending_the_relationship_is_never_among_the_fewest_actions() -> None:
    assert {action.id for action in load_actions() if action.ends_relationship} >= {
        "decide_state_imposed",
        "use_leverage_before_leaving",
    }
    state_imposed = on_ground({**well_answered(), "state_placement": "prison"})
    block = state_imposed.assess([state_imposed.answers]).blocks[0]
    assert "decide_state_imposed" in map_closed_indicators(block)  # it is called for, and would move the level
    done = compute_what_if(state_imposed, {}, ["decide_state_imposed"], "worker_voice")
    assert done.after.headline.level != done.before.headline.level
    assert not any(action.ends_relationship for action in find_fewest_actions(state_imposed).actions)


def test_an_action_for_a_group_closes_its_indicators_in_every_model_of_a_supplier(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ask = next(replace(action, addresses=("group:asked",)) for action in load_actions() if action.id == "ask")
    monkeypatch.setattr(planning, "list_release_actions", lambda release: (ask,))
    packs = [get_model_version(name, "2026.3") for name in ("site_general", "site_fishing")]
    models = [replace(m, indicators=tuple(replace(i, groups=("asked",)) for i in m.indicators)) for m in packs]
    batch = Batch("site", from_rows([{"sector": ("14", "0311")}]), "", "", np.arange(1))
    (assessed,) = assess([batch], FACTS, date(2026, 11, 26), models)
    assert {"long_hours", "months_at_sea"} <= map_closed_indicators(*list_blocks(assessed))["ask"]


@examples(15)
@given(answers())
def test_the_named_actions_never_worsen_the_result(row: dict[str, Any]) -> None:
    ground = on_ground(row)
    fewest = find_fewest_actions(ground)
    result = compute_what_if(ground, {}, [action.id for action in fewest.actions], "worker_voice")
    assert result.before.headline.score == pytest.approx(compute_what_if(ground, {}).before.headline.score)
    if fewest.changes_level:
        assert (result.after.headline.level, result.after.headline.score) == (fewest.level, pytest.approx(fewest.score))
        assert result.after.headline.score <= result.before.headline.score + 1e-9


def test_the_best_answer_has_the_lowest_risk() -> None:
    assert get_best_answer(Ramp(48.0, 80.0), ON) == 48.0
    assert get_best_answer(Steps(((0.0, 0.9), (1.0, 0.0))), ON) == 1.0
    assert get_best_answer(Steps(((3.0, 0.6), (6.0, 0.9))), ON) == 2.0
    assert get_best_answer(Since(((30.0, 0.5), (60.0, 0.9))), ON) == (ON - timedelta(days=29)).isoformat()
