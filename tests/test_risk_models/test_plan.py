"""From findings to steps: which action each calls for, by when, and in which order.

The plans of whole results, and what they may not ask of anybody, are in ``tests/test_service/test_plan_steps.py``.
"""

from dataclasses import replace
from datetime import date
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_models.answers import from_rows
from risk_models.engine.score import score
from risk_models.facts.facts import load_facts
from risk_models.features import build_features
from risk_models.findings import find_unaddressed_findings, find_unused_actions, list_possible_findings
from risk_models.model import get_model_in_force
from risk_models.name_normalize import name_key
from risk_models.plan import (
    UNKNOWNS,
    Action,
    Plan,
    build_plan,
    compute_due_date,
    find_circumstances,
    list_release_actions,
    load_actions,
    sort_steps,
)

ON = date(2026, 11, 27)
FACTS = load_facts().as_of(ON)
SITE = get_model_in_force("site_general", ON)
LIBRARY = {action.id: action for action in load_actions()}


def action(name: str, **changes: Any) -> Action:
    """An invented action, a step of prevention without urgency unless changed."""
    made = Action(
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
    return replace(made, **changes)


def ids(steps: tuple[tuple[Action, date], ...]) -> list[str]:
    return [step.id for step, _ in steps]


def planned(*rows: dict[str, Any], agency_scores: dict[str, float] | None = None, **unknown: bool) -> Plan:
    """The plan of some sites in the order of their rows; ``unknown``: what is not known of all of them."""
    answers = from_rows([{"name": "Invented Site", "country": "TH", "sector": ("1020",), **row} for row in rows])
    frame = build_features(answers, SITE, FACTS, ON, agency_scores or {}).frame
    flags = {name: np.full(len(rows), unknown.get(name, False)) for name in UNKNOWNS}
    return build_plan(*score(frame, SITE), SITE, flags | find_circumstances(answers, SITE, agency_scores or {}))


# ---------------------------------------------------------------- by when


@pytest.mark.parametrize(
    ("days", "day"),
    [(0.25, 27), (0.99, 27), (1.0, 28), (1.5, 29), (3.0, 30)],
)
def test_a_step_of_some_hours_is_due_today_and_any_other_on_the_day_its_last_hour_falls(days: float, day: int) -> None:
    assert compute_due_date(ON, days) == date(2026, 11, day)


def test_keeping_people_safe_within_six_hours_is_due_on_the_day_of_the_assessment() -> None:
    assert LIBRARY["keep_people_safe"].due_days["harm"] == 0.25
    first, day = planned({"violence": "open"}).list_steps(0, ON)[0]
    assert (first.id, day) == ("keep_people_safe", ON)


def test_of_several_findings_that_call_for_a_step_the_soonest_counts() -> None:
    assert LIBRARY["prepare_referral"].due_days == {"harm": 1.0, "declined": 7.0}
    one, both = {"movement": "declined"}, {"movement": "declined", "violence": "open"}

    def days(made: Plan) -> list[float]:
        return made.days[[step.id for step in made.actions].index("prepare_referral")].tolist()

    assert days(planned(one, both)) == [7.0, 1.0]
    assert [*days(planned(one)), *days(planned(both))] == [7.0, 1.0]


# ---------------------------------------------------------------- in which order


def test_safety_comes_before_whatever_is_due_sooner() -> None:
    safe, demand = action("safe", safety=True, position=9), action("demand", position=1)
    assert ids(sort_steps([demand, safe], [1.0, 30.0], ON)) == ["safe", "demand"]


def test_of_two_steps_the_one_due_on_an_earlier_day_comes_first() -> None:
    early, late = action("early", position=9), action("late", position=1)
    assert ids(sort_steps([late, early], [8.0, 7.0], ON)) == ["early", "late"]


def test_of_what_is_due_on_one_day_the_order_of_the_library_decides_and_hours_do_not() -> None:
    protect, demand = action("protect", position=1), action("demand", position=2)
    assert ids(sort_steps([demand, protect], [0.25, 1.0], ON)) == ["protect", "demand"]


def test_under_models_older_than_the_order_hours_decide_then_the_priority_then_the_id() -> None:
    a, b, c = (action(name, position=-1, priority=each) for name, each in (("a", "3a"), ("b", "1"), ("c", "1")))
    assert ids(sort_steps([a, b, c], [1.0, 1.0, 1.0], ON)) == ["b", "c", "a"]
    assert ids(sort_steps([a, b, c], [0.25, 1.0, 0.5], ON)) == ["a", "c", "b"]


def test_a_step_that_is_not_called_for_is_in_no_plan() -> None:
    assert ids(sort_steps([action("a"), action("b")], [inf, 1.0], ON)) == ["b"]


@settings(max_examples=60)
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
        action(f"a{n}", safety=safety, position=n if in_order else -1) for n, (safety, _) in enumerate(drawn)
    )
    whole = Plan(library, np.array([days for _, days in drawn]))
    assert whole.list_first_steps() == [next(iter(ids(whole.list_steps(j, ON))), None) for j in range(3)]


# ---------------------------------------------------------------- plans put together


def test_of_two_plans_of_a_supplier_each_step_is_due_as_soon_as_either_says() -> None:
    a, b, elsewhere = action("a"), action("b"), action("elsewhere")
    here = Plan((a, b), np.array([[30.0, 30.0], [inf, 7.0]]))
    there = Plan((b, elsewhere, a), np.array([[1.0], [1.0], [90.0]]))
    both = here.merge_earliest(np.array([1]), there, np.array([0]))
    assert both.days.tolist() == [[30.0, 30.0], [inf, 1.0]]
    assert both.own_answer_days is None
    assert here.days.tolist() == [[30.0, 30.0], [inf, 7.0]], "the plans themselves stay as they were"


def test_what_only_reports_call_for_stays_out_of_the_plan_of_the_suppliers_own_answers() -> None:
    a = action("a")
    here, there = Plan((a,), np.array([[30.0]])), Plan((a,), np.array([[1.0]]), np.array([[inf]]))
    both = here.merge_earliest(np.array([0]), there, np.array([0]))
    assert (both.days.tolist(), both.own_answer_plan.days.tolist()) == ([[1.0]], [[30.0]])


def test_without_reports_the_plan_of_the_suppliers_own_answers_is_the_whole_plan() -> None:
    whole = Plan((action("a"),), np.array([[30.0]]))
    assert whole.own_answer_plan is whole


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
def test_harm_and_answers_declined_not_asked_or_expired_each_call_for_their_step(
    row: dict[str, Any], step: str
) -> None:
    assert step in ids(planned(row).list_steps(0, ON))


@pytest.mark.parametrize(
    ("what", "step"),
    [
        ("country", "name_country"),
        ("sector", "name_sector"),
        ("agency", "assess_named_agency"),
        ("agencies_not_named", "name_agencies"),
    ],
)
def test_what_is_not_known_of_a_supplier_calls_for_a_step_of_its_own(what: str, step: str) -> None:
    assert step in ids(planned({}, **{what: True}).list_steps(0, ON))
    assert step not in ids(planned({}).list_steps(0, ON))


def test_a_step_is_withheld_where_a_finding_makes_it_dangerous_whatever_else_calls_for_it() -> None:
    row = {"violence": "declined", "reported_by": "workers"}
    assert "ask_again" in ids(planned(row).list_steps(0, ON))
    assert "ask_again" not in ids(planned({**row, "reported_harms": ("state_imposed_labour",)}).list_steps(0, ON))


def test_a_supplier_alone_has_the_plan_that_it_has_among_others() -> None:
    rows = [
        {"violence": "open"},
        {"reported_harms": ("state_imposed_labour",), "reported_by": "workers"},
        {"violence": "declined", "papers_retention": "worker_holds"},
        {},
    ]
    among = planned(*rows)
    for j, row in enumerate(rows):
        assert planned(row).days[:, 0].tolist() == among.days[:, j].tolist()


# ---------------------------------------------------------------- what is read off the answers


@pytest.mark.parametrize(
    ("scores", "high"),
    [((50.0,), True), ((49.999,), False), ((10.0, 50.0), True), ((75.0,), True), ((), False)],
)
def test_an_agency_at_exactly_50_stands_high(scores: tuple[float, ...], high: bool) -> None:
    names = tuple(f"Invented Agency {n}" for n, _ in enumerate(scores)) or ("Nobody Assessed",)
    known = {name_key(name): points for name, points in zip(names, scores, strict=False)}
    assert find_circumstances(from_rows([{"agencies": names}]), SITE, known)["agency:high"].tolist() == [high]
    assert ("hold_named_agency" in ids(planned({"agencies": names}, agency_scores=known).list_steps(0, ON))) == high


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
def test_somebody_of_16_or_17_at_hazardous_work_is_a_young_worker_and_nobody_below_is(
    row: dict[str, Any], young: bool
) -> None:
    assert find_circumstances(from_rows([row]), SITE, {})["young:in_hazard"].tolist() == [young]


# ---------------------------------------------------------------- the library


GOOD: dict[str, str] = {
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


def library(folder: Path, *actions: dict[str, str], order: str = '["first"]') -> Path:
    """A folder with some actions and their order."""
    folder.mkdir()
    entries = ["[[action]]\n" + "".join(f"{key} = {value}\n" for key, value in each.items()) for each in actions]
    (folder / "1_some.toml").write_text("\n".join(entries), encoding="utf-8")
    (folder / "order.toml").write_text(f'since = "2026.3"\n[[turn]]\nid = "all"\nactions = {order}\n', encoding="utf-8")
    return folder


def test_a_library_is_read_with_the_place_of_each_action_in_its_order(tmp_path: Path) -> None:
    folder = library(tmp_path / "actions", GOOD, {**GOOD, "id": '"second"'}, order='["second", "first"]')
    assert [(each.id, each.position) for each in load_actions(folder)] == [("first", 1), ("second", 0)]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"proof": '""'}, "'proof' is missing"),
        ({"sources": "[]"}, "'sources' is missing"),
        ({"priority": '"4"'}, "'priority' is '4', not one of 1, 2, 3a, 3b"),
        ({"owner": '"nobody"'}, "'owner' is 'nobody'"),
        ({"stage": '"rest"'}, "'stage' is 'rest'"),
        ({"due_days": "{ harm = 0 }"}, "'due_days' must give days above 0"),
        ({"due_days": "{ declined = 1 }"}, "state 'harm' is unknown or has no 'due_days'"),
        ({"states": '["gone"]', "due_days": "{ gone = 1 }"}, "state 'gone' is unknown"),
        ({"since": '"soon"'}, "'since' is 'soon', which is no version"),
    ],
)
def test_an_action_with_a_fault_is_refused_with_its_file_its_name_and_the_fault(
    tmp_path: Path, changes: dict[str, str], fault: str
) -> None:
    folder = library(tmp_path / "actions", GOOD | changes)
    with pytest.raises(match=r"^1_some\.toml: action 'first'") as refused:
        load_actions(folder)
    assert fault in str(refused.value)


@pytest.mark.parametrize(
    ("actions", "order", "fault"),
    [
        ([GOOD, GOOD], '["first"]', "action 'first' stands twice"),
        ([GOOD], "[]", "action 'first' has no place in order.toml"),
        ([GOOD], '["first", "gone"]', "order.toml: 'gone' is no action"),
        ([GOOD], '["first", "first"]', "order.toml: 'first' stands twice"),
    ],
)
def test_every_action_stands_once_in_the_library_and_once_in_its_order(
    tmp_path: Path, actions: list[dict[str, str]], order: str, fault: str
) -> None:
    with pytest.raises(match=fault):
        load_actions(library(tmp_path / "actions", *actions, order=order))


def test_an_action_that_came_with_a_version_is_in_no_plan_under_an_older_one() -> None:
    later = action("later", since="2026.10")
    assert [later.is_in_release(version) for version in ("2026.9", "2026.10", "2027.1")] == [False, True, True]
    assert {each.since for each in list_release_actions("2026.2")} <= {"", "2026.2"}


def test_a_finding_that_no_action_answers_and_an_action_that_nothing_calls_for_are_both_named() -> None:
    findings = [("violence", "harm"), ("violence", "declined")]
    idle = action("idle", addresses=("nothing",))
    assert find_unaddressed_findings(findings, [action("stop")]) == ("violence (declined)",)
    assert find_unused_actions(findings, [action("stop"), idle]) == ("idle",)


def test_a_rule_on_cases_is_found_and_never_declined_and_a_rule_on_silence_the_other_way_round() -> None:
    made = set(list_possible_findings([SITE]))
    of_cases = [floor.id for floor in SITE.floors if floor.case is not None]
    on_silence = [floor.id for floor in SITE.floors if floor.declined_core]
    assert of_cases
    assert on_silence
    for name in of_cases:
        assert {state for finding, state in made if finding == f"floor:{name}"} == {"harm"}
    for name in on_silence:
        assert {state for finding, state in made if finding == f"floor:{name}"} == {"declined"}
