"""Test which questions come next: the core first, then what can still change the level, and nothing else."""

from random import Random

import pytest
from answers import FACTS, ON, Answers, answers, assess_row, list_newest_models, possible_answers
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from questionnaires.form import Questionnaire, load_combined_form, load_form
from questionnaires.question import Question
from questionnaires.validation.returned_forms import is_sensitive
from service.assessment.next_questions import NextQuestions, choose_next_questions, is_open

MODELS = list_newest_models()
SITE = {"name": "Invented Works", "country": "TH", "sector": ("14",)}
HARM = {"papers_retention": "until_end", "movement": "locked", "worker_debt": "bound", "violence": "open"}


def choose(form: str, row: Answers) -> NextQuestions:
    """Return the questions of a form that come next."""
    return choose_next_questions(load_form(form), row, FACTS, ON, models=MODELS)


def get_level(row: Answers, kind: str = "site") -> str:
    """Return the level of a supplier with these answers."""
    return str(assess_row(row, kind, models=MODELS)["level"])


def list_ids(chosen: NextQuestions, reason: str) -> list[str]:
    """Return the questions that are asked for a reason."""
    return [each.id for each in chosen.questions if each.reason == reason]


def answer_well(question: Question, form: Questionnaire) -> object:
    """Return the best answer to a question, as its model reads it."""
    best = min(
        (
            (indicator.rule.risk(answer), str(answer), answer)
            for model in MODELS
            if model.kind == form.kind
            for indicator in model.indicators
            if indicator.question == question.id
            for answer in [*(choice.code for choice in question.choices), 0.0, 40.0]
            if question.choices == () or isinstance(answer, str)
        ),
        default=(0.0, "", None),
    )
    return best[2]


@pytest.mark.parametrize("form", ["site", "site_fishing", "site_construction", "site_domestic_work", "agency"])
def test_the_core_comes_first_in_the_order_of_the_form(form: str) -> None:
    chosen = choose(form, {"name": "Invented"})
    core = [question.id for question in load_form(form).core_questions if question.id != "name"]
    assert [each.id for each in chosen.questions][: len(core)] == core
    assert list_ids(chosen, "core") == core
    assert chosen.stopped == ""


def test_core_questions_are_asked_even_when_nothing_can_change_the_level() -> None:
    chosen = choose("site", {**SITE, **HARM})
    assert (chosen.level, chosen.lowest_level, chosen.highest_level) == ("critical", "critical", "critical")
    assert {"recruitment_fees", "threats", "workers_total"} <= set(list_ids(chosen, "core"))
    assert list_ids(chosen, "practice") == []


def test_the_form_stops_once_the_level_is_settled() -> None:
    row = {**SITE, **HARM}
    while questions := choose("site", row).questions:
        row[questions[0].id] = "declined"
    stopped = choose("site", row)
    assert (stopped.stopped, stopped.minutes, stopped.level) == ("settled", 0, "critical")
    assert {"wage_level", "fees_repaid", "retaliation"} <= set(stopped.left_out)
    assert get_level(row) == "critical"


def test_a_supplier_without_findings_is_asked_whatever_could_still_raise_its_level() -> None:
    form = load_form("site")
    row = SITE | {question.id: answer_well(question, form) for question in form.core_questions if question.feeds}
    chosen = choose("site", row)
    points = [each.points for each in chosen.questions if each.reason == "practice"]
    assert chosen.lowest_level != chosen.highest_level
    assert points == sorted(points, reverse=True)
    assert points[0] > 1
    assert "reported_harms" not in {each.id for each in chosen.questions}, "it is not for suppliers"


def test_a_level_that_can_only_rise_is_not_settled() -> None:
    row = SITE | {"papers_retention": "held"}
    chosen = choose("site", row)
    assert (chosen.level, chosen.lowest_level, chosen.highest_level) == ("high", "high", "critical")
    assert {"retaliation", "wage_level"} <= set(list_ids(chosen, "practice"))
    badly = dict.fromkeys([each.id for each in chosen.questions if each.reason != "facts"], "declined") | row
    assert get_level(badly | HARM) == "critical"


def test_a_supplier_with_one_finding_is_not_asked_what_cannot_change_its_level() -> None:
    form = load_form("site")
    well = {question.id: answer_well(question, form) for question in form.core_questions if question.feeds}
    chosen = choose("site", SITE | well | {"papers_retention": "held"})
    assert (chosen.lowest_level, chosen.highest_level) == ("high", "high")
    assert list_ids(chosen, "practice") == []


def test_the_end_is_told_apart_from_a_level_that_is_settled() -> None:
    form = load_form("site")
    row: Answers = {question.id: "declined" for question in form.questions} | SITE
    assert choose("site", row).stopped == "answered"


def test_questions_that_do_not_apply_are_neither_asked_nor_left_out() -> None:
    chosen = choose("site", {**SITE, "uses_agencies": "no"})
    open_questions = {each.id for each in chosen.questions} | set(chosen.left_out)
    assert "agency_checks" not in open_questions
    assert "agency_checks" in {each.id for each in choose("site", SITE).questions}


def test_a_question_that_endangers_whoever_answers_it_is_not_asked() -> None:
    chosen = choose("site", {**SITE, "country": "CN"})
    assert "state_placement" not in {each.id for each in chosen.questions} | set(chosen.left_out)


def test_facts_are_asked_until_something_settles_them() -> None:
    assert "region" in list_ids(choose("site", SITE), "facts")
    assert "region" not in list_ids(choose("site", {**SITE, "city": "Rayong"}), "facts")


def test_no_level_is_settled_while_the_place_is_unknown() -> None:
    row = {"name": "Invented Works", **HARM}
    assert list_ids(choose("site", row), "practice") != []


@pytest.mark.parametrize("kind", ["site", "agency"])
@examples(40)
@given(data=st.data())
def test_answers_to_questions_left_out_cannot_change_the_level(kind: str, data: st.DataObject) -> None:
    form = load_combined_form(kind)
    row = data.draw(answers(kind), label="answers")
    row |= data.draw(st.sampled_from([{}, HARM])) if kind == "site" else {}
    chosen = choose_next_questions(form, row, FACTS, ON, models=MODELS)
    asked = {each.id for each in chosen.questions}
    left_out = [form.by_id[each] for each in chosen.left_out if form.by_id[each].is_practice]
    assert asked.isdisjoint(chosen.left_out)
    core = [question for question in form.core_questions if is_open(question, row)]
    assert {question.id for question in core if not is_sensitive(question.id, row.get("country"))} <= asked
    if not left_out:
        return
    random = Random(str(sorted(row)))
    for _ in range(4):
        filling = {q.id: data.draw(possible_answers(q)) for q in left_out if random.random() < 0.8}
        assert get_level(row | filling, kind) == chosen.level


@examples(20)
@given(row=answers("site"))
def test_the_choice_is_the_same_every_time(row: Answers) -> None:
    form = load_combined_form("site")
    first, second = (choose_next_questions(form, dict(row), FACTS, ON, models=MODELS) for _ in range(2))
    assert first == second
