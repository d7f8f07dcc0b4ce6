"""Test the forms of this release: new texts over the questions, ids and answers of the versions before."""

from itertools import combinations
from statistics import mean

import pytest
from answers import answers, assess_row
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from questionnaires.form import list_form_ids, list_versions, load_combined_form, load_form
from questionnaires.question import Question
from questionnaires.text_normalize import fold_text
from questionnaires.validation.json_answers import validate_answers
from questionnaires.workbook import build_template
from risk_models.model import Model, load_models
from risk_models.transforms import Choices

NEWEST = "2026.9"
BEFORE = "2026.8"
MODELS = "2026.9"
FORMS = [form for form in list_form_ids() if NEWEST in list_versions(form)]
EARLIER_FORMS = [(form, version) for form in FORMS for version in list_versions(form)[-3:-1]]
NEW_QUESTIONS = {"reported_on", "questions_shown"}


# ---------------------------------------------------------------- forms


@pytest.mark.parametrize(("form", "version"), EARLIER_FORMS)
def test_a_form_of_this_release_asks_the_same_questions_in_other_words(form: str, version: str) -> None:
    newest, released = load_form(form, NEWEST), load_form(form, version)
    assert newest.version == NEWEST
    questions, earlier = (
        [question for question in each.questions if question.id not in NEW_QUESTIONS] for each in (newest, released)
    )
    rules, earlier_rules = (
        [(each.id, each.type, each.feeds, each.min, each.max) for each in asked] for asked in (questions, earlier)
    )
    assert rules == earlier_rules
    assert questions != earlier, "some texts are new"
    assert {each.id for each in earlier if each.note} <= {each.id for each in questions if each.note}


@pytest.mark.parametrize(("form", "version"), EARLIER_FORMS)
def test_a_sheet_filled_in_earlier_still_matches_a_form_of_this_release(form: str, version: str) -> None:
    newest, released = load_form(form, NEWEST), load_form(form, version)
    assert {header: newest.headers[header][1] for header in released.headers} == {
        header: question for header, (_, question) in released.headers.items()
    }
    for question in released.questions:
        answers = newest.by_id[question.id].build_choice_lookup()
        assert answers == answers | question.build_choice_lookup(), question.id


@pytest.mark.parametrize("form", FORMS)
def test_a_form_of_this_release_makes_a_workbook(form: str) -> None:
    assert build_template(load_form(form, NEWEST)).startswith(b"PK")


def get_question(form: str, question: str) -> Question:
    return load_form(form, NEWEST).by_id[question]


@pytest.mark.parametrize(("form", "model"), [("site", "site_general"), ("agency", "agency")])
def test_reports_are_offered_under_the_titles_of_their_indicators(form: str, model: str) -> None:
    titles = {i.id: i.title for m in load_models() if (m.id, m.version) == (model, MODELS) for i in m.indicators}
    offered = {choice.code: choice.title for choice in get_question(form, "reported_harms").choices}
    same = {code for code, title in offered.items() if titles.get(code) == title}
    assert len(same) > len(offered) / 2, "a page shows both, side by side"


# ---------------------------------------------------------------- the core

SENT_FORMS = ["site", "site_fishing", "site_construction", "site_domestic_work", "agency"]


@pytest.mark.parametrize("form", SENT_FORMS)
def test_the_core_is_25_questions_and_20_minutes_at_most(form: str) -> None:
    core = load_form(form, NEWEST).core_questions
    assert len(core) <= 25
    assert sum(question.reading_minutes for question in core) <= 20
    assert sum(question.expected_minutes for question in core) <= 20
    assert {question.audience for question in core} == {"supplier"}
    assert not any(question.person for question in core)


@pytest.mark.parametrize("model", [model for model in load_models() if model.version == MODELS], ids=lambda m: m.id)
def test_whoever_answers_the_core_gets_a_level(model: Model) -> None:
    form = load_form("site" if model.id == "site_general" else model.id, NEWEST)
    core = {question.id for question in form.core_questions}
    covered = [indicator for indicator in model.indicators if indicator.question in core]
    assert sum(indicator.weight for indicator in covered) / model.total_weight > model.insufficient_below
    assert all(indicator.question in core for indicator in model.indicators if indicator.core)


# ---------------------------------------------------------------- the order of answers


def list_risks(order_of: str) -> dict[str, list[float]]:
    """Return the risks of the answers to each question, in the order in which a version of the forms lists the answers."""
    risks: dict[str, list[float]] = {}
    for model in load_models():
        if model.version == MODELS:
            form = load_form("site" if model.id == "site_general" else model.id, order_of)
            for indicator in model.indicators:
                question = form.by_id[indicator.question]
                if question.type == "choice" and isinstance(indicator.rule, Choices):
                    risks[f"{model.kind} {question.id}"] = [indicator.rule.table[c.code] for c in question.choices]
    return risks


def correlate_with_order(risks: list[float]) -> float:
    """Return 1 if risks only rise along the list of answers, -1 if they only fall, and about 0 if they do neither."""
    pairs = [(after > before) - (after < before) for before, after in combinations(risks, 2)]
    return sum(pairs) / max(1, sum(map(abs, pairs)))


def test_the_order_of_answers_does_not_show_which_is_best() -> None:
    by_version = {version: list(list_risks(version).values()) for version in ("2026.5", NEWEST)}
    correlation = {version: mean(map(correlate_with_order, risks)) for version, risks in by_version.items()}
    assert correlation["2026.5"] > 0.9, "it listed the best answer first"
    assert abs(correlation[NEWEST]) < 0.1
    best_first = mean(risks[0] == min(risks) for risks in by_version[NEWEST])
    by_chance = mean(risks.count(min(risks)) / len(risks) for risks in by_version[NEWEST])
    assert best_first < by_chance + 0.15


@pytest.mark.parametrize("form", SENT_FORMS)
def test_answers_are_listed_alphabetically_where_they_are_scored(form: str) -> None:
    for question in load_form(form, NEWEST).questions:
        titles = [fold_text(choice.title) for choice in question.choices]
        assert not question.feeds or titles == sorted(titles), question.id


# ---------------------------------------------------------------- equal answers


@pytest.mark.parametrize("kind", ["site", "agency"])
@examples(30)
@given(data=st.data())
def test_equal_answers_give_equal_results_under_either_version(kind: str, data: st.DataObject) -> None:
    row = data.draw(answers(kind))
    form = data.draw(st.sampled_from([form for form in SENT_FORMS if load_form(form).kind == kind]))
    returned = {**row, "form_returned": "2026-11-20"}
    results = []
    for version in (BEFORE, NEWEST):
        stamped = {**returned, "form_version": f"{form} {version}"}
        valid, _ = validate_answers(load_combined_form(kind), stamped, "2026-11-28")
        results.append({**assess_row(valid, kind), "answers": {**valid, "form_version": ""}})
    assert results[0] == results[1]
