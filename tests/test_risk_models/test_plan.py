"""Test plans: which actions findings call for, by when, and in which order.

The plans of complete results, and what they must not ask of anybody, are in ``tests/test_service/test_plan_steps.py``.
"""

from dataclasses import replace
from datetime import date
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from risk_models.action_library import Action, list_release_actions, load_actions
from risk_models.answers import from_rows
from risk_models.engine.score import score
from risk_models.facts.facts import load_facts
from risk_models.features import build_features
from risk_models.findings import find_unaddressed_findings, find_unused_actions, list_possible_findings
from risk_models.model import get_model_version
from risk_models.name_normalize import name_key
from risk_models.plan import UNKNOWNS, Plan, build_plan, compute_due_date, find_circumstances, sort_steps

ON = date(2026, 11, 27)
FACTS = load_facts().as_of(ON)
SITE = get_model_version("site_general", "2026.3")
LIBRARY = {action.id: action for action in list_release_actions("2026.3")}


def build_action(name: str, **changes: Any) -> Action:
    """Return an invented action, a step of prevention without urgency unless changed."""
    action = Action(
        id=name,
        title=name,
        do="Do it.",
        priority="3a",
        stage="act",
        owner="supplier",
        with_workers="Ask them.",
        proof="They agree.",
        safety=False,
        sources=("UG-17",),
        addresses=("violence",),
        states=("harm",),
        due_days={"harm": 30.0},
        position=0,
    )
    return replace(action, **changes)


def build_invented_plan(library: tuple[Action, ...], days: list[list[float]]) -> Plan:
    """Return the plan of suppliers at places without state-imposed labour."""
    return Plan(library, np.array(days), np.zeros(len(days[0]), dtype=bool))


def list_ids(steps: tuple[tuple[Action, date], ...]) -> list[str]:
    return [step.id for step, _ in steps]


def build_plans(*rows: dict[str, Any], agency_scores: dict[str, float] | None = None, **unknown: bool) -> Plan:
    """Return the plan of some sites in the order of their rows; ``unknown``: what is unknown about all of them."""
    answers = from_rows([{"name": "Invented Site", "country": "TH", "sector": ("1020",), **row} for row in rows])
    frame = build_features(answers, SITE, FACTS, ON, agency_scores or {}).frame
    flags = {name: np.full(len(rows), unknown.get(name, False)) for name in UNKNOWNS}
    return build_plan(*score(frame, SITE), SITE, flags | find_circumstances(answers, SITE, agency_scores or {}))


# ---------------------------------------------------------------- by when


@pytest.mark.parametrize(
    ("days", "day"),
    [(0.25, 27), (0.99, 27), (1.0, 28), (1.5, 29), (3.0, 30)],
)
def test_an_action_within_hours_is_due_today_and_any_other_on_the_day_of_its_last_hour(days: float, day: int) -> None:
    assert compute_due_date(ON, days) == date(2026, 11, day)


def test_keeping_people_safe_within_six_hours_is_due_on_the_day_of_the_assessment() -> None:
    assert LIBRARY["keep_people_safe"].due_days["harm"] == 0.25
    first, day = build_plans({"violence": "open"}).list_steps(0, ON)[0]
    assert (first.id, day) == ("keep_people_safe", ON)


def test_an_action_that_several_findings_call_for_is_due_by_the_earliest() -> None:
    assert LIBRARY["prepare_referral"].due_days == {"harm": 1.0, "declined": 7.0}
    declined, declined_and_harm = {"movement": "declined"}, {"movement": "declined", "violence": "open"}

    def list_days(plan: Plan) -> list[float]:
        return plan.days[[step.id for step in plan.actions].index("prepare_referral")].tolist()

    assert list_days(build_plans(declined, declined_and_harm)) == [7.0, 1.0]
    assert [*list_days(build_plans(declined)), *list_days(build_plans(declined_and_harm))] == [7.0, 1.0]


# ---------------------------------------------------------------- in which order


def test_safety_comes_before_anything_that_is_due_sooner() -> None:
    safe, demand = build_action("safe", safety=True, position=9), build_action("demand", position=1)
    assert list_ids(sort_steps([demand, safe], [1.0, 30.0], ON)) == ["safe", "demand"]


def test_the_action_due_on_an_earlier_day_comes_first() -> None:
    early, late = build_action("early", position=9), build_action("late", position=1)
    assert list_ids(sort_steps([late, early], [8.0, 7.0], ON)) == ["early", "late"]


def test_among_actions_due_on_one_day_the_order_of_the_library_decides_and_hours_do_not() -> None:
    protect, demand = build_action("protect", position=1), build_action("demand", position=2)
    assert list_ids(sort_steps([demand, protect], [0.25, 1.0], ON)) == ["protect", "demand"]


def test_under_models_older_than_the_order_hours_then_priority_then_id_decide() -> None:
    a, b, c = (
        build_action(name, position=-1, priority=priority) for name, priority in (("a", "3a"), ("b", "1"), ("c", "1"))
    )
    assert list_ids(sort_steps([a, b, c], [1.0, 1.0, 1.0], ON)) == ["b", "c", "a"]
    assert list_ids(sort_steps([a, b, c], [0.25, 1.0, 0.5], ON)) == ["a", "c", "b"]


def test_an_action_that_is_not_called_for_is_in_no_plan() -> None:
    assert list_ids(sort_steps([build_action("a"), build_action("b")], [inf, 1.0], ON)) == ["b"]


@examples(60)
@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.lists(st.sampled_from([0.25, 0.5, 1.0, 7.0, 30.0, inf]), min_size=3, max_size=3),
        ),
        min_size=1,
        max_size=6,
    ),
    st.booleans(),
)
def test_the_first_step_of_each_supplier_is_the_first_of_its_steps(
    drawn: list[tuple[bool, list[float]]], in_order: bool
) -> None:
    library = tuple(
        build_action(f"a{n}", safety=safety, position=n if in_order else -1) for n, (safety, _) in enumerate(drawn)
    )
    plan = build_invented_plan(library, [days for _, days in drawn])
    assert plan.list_first_steps() == [next(iter(list_ids(plan.list_steps(j, ON))), None) for j in range(3)]


# ---------------------------------------------------------------- merged plans


def test_in_two_merged_plans_each_action_is_due_as_soon_as_either_says() -> None:
    a, b, elsewhere = build_action("a"), build_action("b"), build_action("elsewhere")
    first = build_invented_plan((a, b), [[30.0, 30.0], [inf, 7.0]])
    second = build_invented_plan((b, elsewhere, a), [[1.0], [1.0], [90.0]])
    merged = first.merge_earliest(np.array([1]), second, np.array([0]))
    assert merged.days.tolist() == [[30.0, 30.0], [inf, 1.0]]
    assert merged.own_answers is None
    assert first.days.tolist() == [[30.0, 30.0], [inf, 7.0]], "the plans themselves are unchanged"


def test_actions_that_only_reports_call_for_are_not_in_the_plan_of_own_answers() -> None:
    a = build_action("a")
    first = build_invented_plan((a,), [[30.0]])
    second = replace(build_invented_plan((a,), [[1.0]]), own_answers=build_invented_plan((a,), [[inf]]))
    merged = first.merge_earliest(np.array([0]), second, np.array([0]))
    assert (merged.days.tolist(), merged.own_answer_plan.days.tolist()) == ([[1.0]], [[30.0]])


def test_without_reports_the_plan_of_own_answers_is_the_plan_itself() -> None:
    plan = build_invented_plan((build_action("a"),), [[30.0]])
    assert plan.own_answer_plan is plan


# ---------------------------------------------------------------- what calls for what


@pytest.mark.parametrize(
    ("row", "step"),
    [
        ({"violence": "open"}, "stop_violence"),
        ({"papers_retention": "held"}, "return_papers"),
        ({"violence": "declined"}, "ask_again"),
        ({}, "ask"),
        ({"violence": "none_known", "evidence_grade": "document", "evidence_date": "2020-01-01", "answered_on": "2020-01-01"},
         "renew_evidence"),
    ],
    ids=["harm", "harm of another kind", "declined", "not asked", "expired"],
)  # fmt: skip
def test_harm_and_declined_unasked_or_expired_answers_each_call_for_their_action(
    row: dict[str, Any], step: str
) -> None:
    assert step in list_ids(build_plans(row).list_steps(0, ON))


@pytest.mark.parametrize(
    ("unknown", "step"),
    [
        ("country", "name_country"),
        ("sector", "name_sector"),
        ("agency", "assess_named_agency"),
        ("agencies_not_named", "name_agencies"),
    ],
)
def test_each_unknown_of_a_supplier_calls_for_an_action_of_its_own(unknown: str, step: str) -> None:
    assert step in list_ids(build_plans({}, **{unknown: True}).list_steps(0, ON))
    assert step not in list_ids(build_plans({}).list_steps(0, ON))


def test_an_action_is_withheld_where_a_finding_makes_it_dangerous() -> None:
    row = {"violence": "declined", "reported_by": "workers"}
    assert "ask_again" in list_ids(build_plans(row).list_steps(0, ON))
    assert "ask_again" not in list_ids(
        build_plans({**row, "reported_harms": ("state_imposed_labour",)}).list_steps(0, ON)
    )


def test_the_plan_of_a_supplier_is_the_same_alone_or_among_others() -> None:
    rows = [
        {"violence": "open"},
        {"reported_harms": ("state_imposed_labour",), "reported_by": "workers"},
        {"violence": "declined", "papers_retention": "worker_holds"},
        {},
    ]
    together = build_plans(*rows)
    for j, row in enumerate(rows):
        assert build_plans(row).days[:, 0].tolist() == together.days[:, j].tolist()


# ---------------------------------------------------------------- circumstances in the answers


@pytest.mark.parametrize(
    ("scores", "high"),
    [((50.0,), True), ((49.999,), False), ((10.0, 50.0), True), ((75.0,), True), ((), False)],
)
def test_an_agency_with_a_score_of_exactly_50_is_high(scores: tuple[float, ...], high: bool) -> None:
    names = tuple(f"Invented Agency {n}" for n, _ in enumerate(scores)) or ("Nobody Assessed",)
    known = {name_key(name): points for name, points in zip(names, scores, strict=False)}
    assert find_circumstances(from_rows([{"agencies": names}]), SITE, known)["agency:high"].tolist() == [high]
    assert (
        "hold_named_agency" in list_ids(build_plans({"agencies": names}, agency_scores=known).list_steps(0, ON))
    ) == high


@pytest.mark.parametrize(
    ("row", "young"),
    [
        ({"youngest_workers": "young_hazardous"}, True),
        ({"youngest_workers": "below_age"}, False),
        ({"youngest_aboard": 16.0}, True),
        ({"youngest_aboard": 17.9}, True),
        ({"youngest_aboard": 18.0}, False),
        ({"youngest_aboard": 15.9}, False),
        ({"youngest_aboard": "declined"}, False),
        ({"youngest_aboard": 12.0, "youngest_workers": "young_hazardous"}, False),
    ],
)
def test_workers_of_16_or_17_in_hazardous_work_are_young_workers_and_younger_ones_are_not(
    row: dict[str, Any], young: bool
) -> None:
    assert find_circumstances(from_rows([row]), SITE, {})["young:in_hazard"].tolist() == [young]


# ---------------------------------------------------------------- the library


VALID_ACTION: dict[str, str] = {
    "id": '"first"',
    "title": '"First"',
    "do": '"Do it."',
    "priority": '"1"',
    "stage": '"act"',
    "owner": '"supplier"',
    "with_workers": '"Ask them."',
    "proof": '"They agree."',
    "sources": '["UG-17"]',
    "addresses": '["violence"]',
    "states": '["harm"]',
    "due_days": "{ harm = 1 }",
}


def write_library(folder: Path, *actions: dict[str, str], order: str = '["first"]') -> Path:
    """Write some actions and their order, and return the folder."""
    folder.mkdir()
    entries = ["[[action]]\n" + "".join(f"{key} = {value}\n" for key, value in action.items()) for action in actions]
    (folder / "1_some.toml").write_text("\n".join(entries), encoding="utf-8")
    (folder / "order.toml").write_text(f'since = "2026.3"\n[[turn]]\nid = "all"\nactions = {order}\n', encoding="utf-8")
    return folder


def test_a_library_is_loaded_with_the_position_of_each_action_in_its_order(tmp_path: Path) -> None:
    folder = write_library(
        tmp_path / "actions", VALID_ACTION, {**VALID_ACTION, "id": '"second"'}, order='["second", "first"]'
    )
    assert [(action.id, action.position) for action in load_actions(folder)] == [("first", 1), ("second", 0)]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"proof": '""'}, "'proof' is missing"),
        ({"sources": "[]"}, "'sources' is missing"),
        ({"priority": '"4"'}, "'priority' is '4', not one of 1, 2, 3a, 3b"),
        ({"owner": '"nobody"'}, "'owner' is 'nobody'"),
        ({"stage": '"rest"'}, "'stage' is 'rest'"),
        ({"due_days": "{ harm = 0 }"}, "'due_days' must be above 0"),
        ({"due_days": "{ declined = 1 }"}, "state 'harm' is unknown or has no 'due_days'"),
        ({"states": '["gone"]', "due_days": "{ gone = 1 }"}, "state 'gone' is unknown"),
        ({"since": '"soon"'}, "'since' is 'soon', which is not a version"),
    ],
)
def test_an_invalid_action_is_rejected_with_file_action_and_fault(
    tmp_path: Path, changes: dict[str, str], fault: str
) -> None:
    folder = write_library(tmp_path / "actions", VALID_ACTION | changes)
    with pytest.raises(match=r"^1_some\.toml: action 'first'") as error:
        load_actions(folder)
    assert fault in str(error.value)


@pytest.mark.parametrize(
    ("actions", "order", "fault"),
    [
        ([VALID_ACTION, VALID_ACTION], '["first"]', "action 'first' appears twice"),
        ([VALID_ACTION], "[]", "action 'first' has no position: set 'after', or add it to order.toml"),
        ([VALID_ACTION], '["first", "gone"]', "order.toml: 'gone' is not an action"),
        ([VALID_ACTION], '["first", "first"]', "order.toml: 'first' appears twice"),
    ],
)
def test_every_action_is_once_in_the_library_and_once_in_its_order(
    tmp_path: Path, actions: list[dict[str, str]], order: str, fault: str
) -> None:
    with pytest.raises(match=fault):
        load_actions(write_library(tmp_path / "actions", *actions, order=order))


def test_an_action_added_in_a_release_is_in_no_older_release() -> None:
    later = build_action("later", since="2026.10")
    assert [later.is_in_release(version) for version in ("2026.9", "2026.10", "2027.1")] == [False, True, True]
    assert {action.since for action in list_release_actions("2026.2")} <= {"", "2026.2"}


def test_findings_without_an_action_and_actions_without_a_finding_are_listed() -> None:
    findings = [("violence", "harm"), ("violence", "declined")]
    unused = build_action("unused", addresses=("nothing",))
    assert find_unaddressed_findings(findings, [build_action("stop")]) == ("violence (declined)",)
    assert find_unused_actions(findings, [build_action("stop"), unused]) == ("unused",)


def test_a_floor_on_cases_is_found_and_never_declined_and_a_floor_on_declined_questions_the_reverse() -> None:
    findings = set(list_possible_findings([SITE], LIBRARY.values()))
    case_floors = [floor.id for floor in SITE.floors if floor.case is not None]
    declined_floors = [floor.id for floor in SITE.floors if floor.declined_core]
    assert case_floors
    assert declined_floors
    for name in case_floors:
        assert {state for finding, state in findings if finding == f"floor:{name}"} == {"harm"}
    for name in declined_floors:
        assert {state for finding, state in findings if finding == f"floor:{name}"} == {"declined"}
