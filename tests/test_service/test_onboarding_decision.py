"""Test the onboarding decision since method 4: proceed, proceed with a plan, ask, or hold (method-4, section 9)."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import orjson
import pytest
from examples import invariant
from hypothesis import assume, given
from hypothesis import strategies as st

from risk_models.answers import from_rows
from risk_models.cases.evidence import CaseEvidence, build_evidence_from_values
from risk_models.cases.rules import STRENGTHS
from risk_models.facts.facts import load_facts
from risk_models.model import Indicator, load_models
from risk_models.transforms import bind_day, get_best_answer
from service.assessment.assess import AssessedBatch, Batch, assess_batch
from service.assessment.decision import CorrectivePlan, Decision, NextStep, decide, load_decision_rules
from service.assessment.export_json import iter_result_json
from tests.test_service.answers import answers, list_indicator_questions, possible_answers

ON = date(2026, 11, 26)
FACTS = load_facts().as_of(ON)
# The models of 2026.4 as if they were in force.
MODELS = [replace(model, effective=date(2026, 1, 1)) for model in load_models() if model.version == "2026.4"]
GENERAL = next(model for model in MODELS if model.id == "site_general")
INDICATORS = {indicator.id: indicator for indicator in GENERAL.indicators}
CORE = [indicator for indicator in GENERAL.indicators if indicator.core]
LONG_AGO, YESTERDAY = ON - timedelta(days=60), ON - timedelta(days=1)
PLACE = {"name": "Blue Pier Mill", "country": "NO", "region": "Oslo", "sector": ["2610"], "answered_on": ON.isoformat()}
# Worse is higher: to proceed and to proceed with a plan both let orders go on.
SEVERITY = {"proceed": 0, "proceed_with_plan": 0, "ask": 1, "hold": 2}


def confirm(*questions: str, grade: str = "worker_voice") -> dict[str, Any]:
    confirmed = {"by": "user:ana", "on": ON.isoformat(), "reference": "visit 7", "covers": list(questions)}
    return {"grade": grade, "date": ON.isoformat(), "covers": list(questions), "confirmed": confirmed}


def answer_well(*, confirmed: bool = True, **changes: Any) -> dict[str, Any]:
    """Return a site with the best answer to every question, confirmed by workers unless it is changed."""
    best = {indicator.question: get_best_answer(indicator.rule, ON) for indicator in GENERAL.indicators}
    questions = [question for question in best if question not in changes]
    row = {**PLACE, **best, "evidence": [confirm(*questions)] if confirmed else None, **changes}
    return {question: answer for question, answer in row.items() if answer is not None}


def assess_site(row: dict[str, Any], cases: CaseEvidence | None = None) -> AssessedBatch:
    batch = Batch("site", from_rows([row]), "", "", np.array([1]), cases)
    return assess_batch(batch, FACTS, ON, {}, MODELS)


def decide_on(
    row: dict[str, Any],
    plan: CorrectivePlan | None = None,
    informed_on: date | None = None,
    cases: CaseEvidence | None = None,
    **options: Any,
) -> Decision:
    return decide_on_assessed(assess_site(row, cases), plan, informed_on, **options)


def decide_on_assessed(
    assessed: AssessedBatch, plan: CorrectivePlan | None = None, informed_on: date | None = None, **options: Any
) -> Decision:
    result = orjson.loads(next(iter_result_json(assessed, ON)))
    return decide(assessed, result, FACTS, ON, plan, informed_on, **options)


def list_safety_steps(assessed: AssessedBatch) -> list[str]:
    plan = assessed.blocks[assessed.block_indexes[0]].plan
    return [action.id for action, _ in plan.list_steps(0, ON) if action.safety]


def agree_plan(row: dict[str, Any], *covers: str, cases: CaseEvidence | None = None) -> CorrectivePlan:
    """Return a plan that is on time, with every safety step done."""
    return agree_plan_on_assessed(assess_site(row, cases), *covers)


def agree_plan_on_assessed(assessed: AssessedBatch, *covers: str) -> CorrectivePlan:
    return CorrectivePlan(YESTERDAY, covers, dict.fromkeys(list_safety_steps(assessed), True), ON + timedelta(days=30))


def record_case(strength: str, *indicators: str) -> CaseEvidence:
    return build_evidence_from_values([STRENGTHS.index(strength)], [indicators], [ON.isoformat()])


def list_codes(decision: Decision) -> list[str]:
    return [code for code, _ in decision.reasons]


def get_admission(indicator: Indicator) -> Any:
    """Return an answer that admits harm."""
    return max(indicator.rule.table, key=lambda code: indicator.rule.table[code])


HELD = {"papers_retention": get_admission(INDICATORS["papers_withheld"])}
HELD_IN_DEBT = {**HELD, "worker_debt": get_admission(INDICATORS["debt_bondage"])}


def test_a_site_with_every_answer_confirmed_proceeds() -> None:
    decision = decide_on(answer_well())
    assert (decision.answer, decision.decision, list_codes(decision)) == ("proceed", "proceed", ["answered"])
    assert "does not clear the supplier" in decision.reasons[0][1]


def test_good_answers_that_nobody_confirmed_wait_for_evidence() -> None:
    decision = decide_on(answer_well(confirmed=False))
    assert decision.answer == "ask"
    assert "or the evidence for every core question must be confirmed." in dict(decision.reasons)["worst_case.open"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"country": None}, "country.unknown"),
        ({"sector": None}, "sector.unknown"),
        ({"papers_retention": None}, "core.open"),
        ({"papers_retention": "declined"}, "core.open"),
        ({"freedom_to_resign": "declined"}, "floor.unanswered"),
        ({"country": "CN", "region": None}, "region.unknown"),
    ],
)
def test_what_is_not_known_waits_for_answers(changes: dict[str, Any], code: str) -> None:
    decision = decide_on(answer_well(**changes))
    assert (decision.answer, code in list_codes(decision)) == ("ask", True)
    assert (decision.ends_when, decision.meanwhile) == (None, None)


def test_an_answer_that_is_out_of_date_waits_for_a_new_one() -> None:
    row = answer_well(answered_on="2023-01-01", papers_retention="worker_holds")
    assert "core.open" in list_codes(decide_on(row))


def test_admitted_harm_with_a_plan_on_time_lets_orders_go_on() -> None:
    row = answer_well(**HELD)
    assert decide_on(row).answer == "ask"
    decision = decide_on(row, agree_plan(row, "papers_withheld"), LONG_AGO)
    assert (decision.answer, decision.decision) == ("proceed_with_plan", "ask")
    assert list_codes(decision) == ["plan.on_time", "harm.on_record"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"covers": ("violence",)}, "plan.not_covered"),
        ({"covers": ()}, "plan.not_covered"),
        ({"steps": {}}, "plan.safety_open"),
        ({"steps": {"return_papers": False}}, "plan.safety_open"),
        ({"next_due": YESTERDAY}, "plan.late"),
    ],
)
def test_a_plan_counts_only_if_it_covers_all_is_safe_and_on_time(changes: dict[str, Any], code: str) -> None:
    row = answer_well(**HELD)
    decision = decide_on(row, replace(agree_plan(row, "papers_withheld"), **changes))
    assert (decision.answer, code in list_codes(decision)) == ("ask", True)


def test_a_plan_whose_steps_are_all_done_has_no_next_step_due() -> None:
    row = answer_well(**HELD)
    assert decide_on(row, replace(agree_plan(row, "papers_withheld"), next_due=None)).answer == "proceed_with_plan"


def test_a_plan_does_not_make_up_for_what_is_otherwise_open() -> None:
    row = answer_well(**HELD, movement="declined")
    decision = decide_on(row, agree_plan(row, "papers_withheld"))
    assert (decision.answer, "core.open" in list_codes(decision)) == ("ask", True)


def test_reports_of_workers_are_covered_by_a_plan_like_admissions() -> None:
    row = answer_well(reported_harms=["wages_withheld"], reported_by="workers")
    assert list_codes(decide_on(row))[0] == "harm.on_record"
    assert decide_on(row, agree_plan(row, "wages_withheld")).answer == "proceed_with_plan"


def test_a_case_below_an_emergency_is_covered_by_a_plan() -> None:
    cases, row = record_case("pattern", "papers_withheld"), answer_well()
    assert decide_on(row, cases=cases).answer == "ask"
    assert decide_on(row, agree_plan(row, "papers_withheld", cases=cases), cases=cases).answer == "proceed_with_plan"
    unplaced = record_case("signals")
    assert decide_on(row, agree_plan(row, cases=unplaced), cases=unplaced).answer == "ask"
    plan = agree_plan(row, "case_records", cases=unplaced)
    assert decide_on(row, plan, cases=unplaced).answer == "proceed_with_plan"


def test_an_emergency_in_case_records_holds_whatever_is_planned() -> None:
    cases, row = record_case("emergency", "movement_restricted"), answer_well()
    for plan in (None, agree_plan(row, "movement_restricted", cases=cases)):
        decision = decide_on(row, plan, cases=cases)
        assert (decision.answer, decision.decision, list_codes(decision)[0]) == ("hold", "hold", "emergency.reported")
        assert "safe" in decision.ends_when
        assert "Pay in full" in decision.meanwhile


def test_a_hold_where_a_state_imposes_the_labour_asks_no_worker_whether_they_are_safe() -> None:
    cases, row = record_case("emergency", "movement_restricted"), answer_well(country="CN", region="Xinjiang")
    decision = decide_on(row, cases=cases)
    assert decision.answer == "hold"
    assert "do not contact anyone there" in decision.ends_when
    assert decision.next_step.action == "help_through_others"


@pytest.mark.parametrize("indicator", ["violence", "child_labour"])
@pytest.mark.parametrize("reporter", ["workers", "official"])
def test_danger_that_is_reported_holds_and_danger_that_is_admitted_asks(indicator: str, reporter: str) -> None:
    reported = answer_well(reported_harms=[indicator], reported_by=reporter)
    assert decide_on(reported, agree_plan(reported, indicator)).answer == "hold"
    admitted = answer_well(**{INDICATORS[indicator].question: get_admission(INDICATORS[indicator])})
    assert decide_on(admitted).answer == "ask"


def test_every_indicator_that_means_danger_is_one_of_a_model() -> None:
    known = {indicator.id for model in MODELS for indicator in model.indicators}
    assert set(load_decision_rules()["emergency"]["indicators"]) <= known


@pytest.mark.parametrize(
    ("informed_on", "answer"),
    [
        (None, "ask"),
        (ON, "ask"),
        (ON - timedelta(days=13), "ask"),
        (ON - timedelta(days=14), "hold"),
        (LONG_AGO, "hold"),
    ],
)
def test_serious_harm_without_a_plan_holds_once_the_supplier_had_its_days(
    informed_on: date | None, answer: str
) -> None:
    decision = decide_on(answer_well(**HELD_IN_DEBT), None, informed_on)
    assert decision.answer == answer
    if answer == "hold":
        assert list_codes(decision)[0] == "plan.none"
        assert "plan" in decision.ends_when


def test_serious_harm_with_a_late_plan_holds_and_with_a_plan_on_time_goes_on() -> None:
    row = answer_well(**HELD_IN_DEBT)
    plan = agree_plan(row, "papers_withheld", "debt_bondage")
    assert decide_on(row, plan, LONG_AGO).answer == "proceed_with_plan"
    late = decide_on(row, replace(plan, next_due=YESTERDAY), LONG_AGO)
    assert (late.answer, list_codes(late)[0]) == ("hold", "plan.late")


def test_a_lesser_harm_never_holds() -> None:
    assert decide_on(answer_well(**HELD), None, LONG_AGO).answer == "ask"


def test_where_a_state_imposes_labour_the_next_step_is_to_decide_and_to_check_import_law() -> None:
    row = answer_well(country="CN", region="Xinjiang", sector=["1310"])
    decision = decide_on(row, agree_plan(row), LONG_AGO)
    assert (decision.answer, list_codes(decision)[0]) == ("ask", "state_imposed.documented")
    assert isinstance(decision.next_step, NextStep)
    assert decision.next_step.action == "decide_state_imposed"
    assert "import law" in decision.next_step.text


def test_danger_comes_before_the_decision_to_leave_where_a_state_imposes_labour() -> None:
    row = answer_well(
        country="CN", region="Xinjiang", sector=["1310"], reported_harms=["violence"], reported_by="workers"
    )
    decision = decide_on(row)
    assert decision.answer == "hold"
    assert decision.next_step is not None
    assert decision.next_step.action in list_safety_steps(assess_site(row))


def test_readers_who_may_not_see_reports_get_the_same_answer_and_nothing_of_the_reports() -> None:
    told = {"reported_harms": ["violence", "debt_bondage"], "reported_by": "workers"}
    for row, cases in ((answer_well(**told, **HELD), None), (answer_well(), record_case("emergency", "violence"))):
        full, open_ = (
            decide_on(row, None, LONG_AGO, cases, sees_worker_derived=sees_all) for sees_all in (True, False)
        )
        assert full.answer == open_.answer == "hold"
        texts = " ".join(text for _, text in open_.reasons) + str(open_.ends_when) + str(open_.next_step)
        assert not [word for word in ("orkers report", "Violence", "Debt", "ase record", "emergency") if word in texts]


harmful = [i for i in GENERAL.indicators if not i.safeguard and hasattr(i.rule, "table")]


@invariant(40)
@given(answers(), st.data())
def test_a_row_without_answers_reports_and_cases_never_holds(row: dict[str, Any], data: st.DataObject) -> None:
    practice = {question.id for question in list_indicator_questions("site")}
    bare = {question: answer for question, answer in row.items() if question not in practice}
    plan = data.draw(st.sampled_from([None, CorrectivePlan(LONG_AGO, (), {}, LONG_AGO)]))
    assert decide_on(bare, plan, LONG_AGO).answer in ("proceed", "ask")


@invariant(60)
@given(answers(), st.sampled_from(["none_recorded", "signals", "pattern"]), st.booleans())
def test_new_orders_are_never_held_without_harm(row: dict[str, Any], strength: str, late: bool) -> None:
    plan = CorrectivePlan(LONG_AGO, (), {}, LONG_AGO) if late else None
    decision = decide_on(row, plan, LONG_AGO, record_case(strength) if strength != "none_recorded" else None)
    assert decision.answer != "hold" or "harm.on_record" in list_codes(decision)


@st.composite
def sites(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a site that mostly answers well, with some answers, confirmations and circumstances changed."""
    questions = {question.id: question for question in list_indicator_questions("site")}
    changed = draw(st.lists(st.sampled_from([i.question for i in GENERAL.indicators]), max_size=3, unique=True))
    changes = {name: draw(possible_answers(questions[name])) for name in changed}
    country = draw(st.sampled_from(["NO", "TH", "JP", "QA", "CN"]))
    row = answer_well(confirmed=draw(st.integers(0, 3)) > 0, **changes, country=country)
    if draw(st.booleans()):
        row |= {"reported_harms": [draw(st.sampled_from(["wages_withheld", "violence"]))], "reported_by": "workers"}
    return row


@invariant(60)
@given(sites(), st.sampled_from(harmful), st.data())
def test_admitting_with_a_plan_on_time_is_never_worse_than_a_blank_or_an_unconfirmed_denial(
    row: dict[str, Any], indicator: Indicator, data: st.DataObject
) -> None:
    rule, question = bind_day(indicator.rule, ON), indicator.question
    admissions = [code for code in indicator.rule.table if rule.risk(code) >= 0.5]
    denials = [code for code in indicator.rule.table if rule.risk(code) < 0.5]
    assume(admissions and denials)
    pieces = [
        confirm(*(covered for covered in piece["confirmed"]["covers"] if covered != question))
        for piece in row.get("evidence", ())
    ]
    row = {**row, **({"evidence": pieces} if pieces else {})}
    admitted = {**row, question: data.draw(st.sampled_from(admissions))}
    assessed = assess_site(admitted)
    told = [
        i.id
        for block in assessed.blocks
        for i, harm in zip(
            block.model.indicators, block.compute_cells(np.zeros(1, dtype=np.intp)).harm[:, 0], strict=True
        )
        if harm
    ]
    informed_on = data.draw(st.sampled_from([None, YESTERDAY, LONG_AGO]))
    with_plan = decide_on_assessed(assessed, agree_plan_on_assessed(assessed, *told), informed_on)
    for other in (None, "declined", data.draw(st.sampled_from(denials))):
        without = {name: answer for name, answer in row.items() if name != question}
        without |= {} if other is None else {question: other}
        assessed = assess_site(without)
        for plan in (None, agree_plan_on_assessed(assessed, *told)):
            assert SEVERITY[with_plan.answer] <= SEVERITY[decide_on_assessed(assessed, plan, informed_on).answer]
