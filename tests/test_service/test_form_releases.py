"""Test the forms of this release: new texts over the questions, ids and answers of the versions before."""

import pytest

from questionnaires.form import list_form_ids, list_versions, load_form
from questionnaires.question import Question
from questionnaires.workbook import build_template
from risk_models.model import load_models

NEWEST = "2026.5"
FORMS = [form for form in list_form_ids() if NEWEST in list_versions(form)]
EARLIER_FORMS = [(form, version) for form in FORMS for version in list_versions(form)[-3:-1]]
NEW_QUESTIONS = {"reported_on"}


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
    titles = {i.id: i.title for m in load_models() if (m.id, m.version) == (model, NEWEST) for i in m.indicators}
    offered = {choice.code: choice.title for choice in get_question(form, "reported_harms").choices}
    same = {code for code, title in offered.items() if titles.get(code) == title}
    assert len(same) > len(offered) / 2, "a page shows both, side by side"
