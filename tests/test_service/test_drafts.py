"""Test the drafts of the next forms: new texts over the rules, numbers, questions and ids of the released files."""

from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from questionnaires.form import FORMS_DIR, KINDS, Question, list_form_ids, list_versions, load_combined_form, load_form
from questionnaires.workbook import build_template
from risk_models.model import load_models

DRAFT = "2026.4"
FORM_DRAFTS = FORMS_DIR.parent / "drafts"
FORMS = list_form_ids()
NEWEST_FORMS = [(form, list_versions(form)[-1]) for form in FORMS]
TEXTS = {
    "title", "because", "harm", "weight_because", "do", "with_workers", "proof", "section", "ask", "note", "unit",
    "synonyms", "spellings",
}  # fmt: skip
RELEASE_FIELDS = {"version", "effective", "digest"}


def strip_texts(value: Any) -> Any:
    """Return a model, form or action without its texts and without what a release itself changes."""
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value) if field.name not in TEXTS | RELEASE_FIELDS]
        return {name: strip_texts(getattr(value, name)) for name in names}
    return [strip_texts(item) for item in value] if isinstance(value, tuple) else value


# ---------------------------------------------------------------- forms


@pytest.mark.parametrize(("form", "version"), NEWEST_FORMS)
def test_a_draft_form_asks_the_same_questions_in_other_words(form: str, version: str) -> None:
    draft, released = load_form(form, None, FORM_DRAFTS), load_form(form, version)
    assert draft.version == DRAFT
    assert strip_texts(draft.questions) == strip_texts(released.questions)
    texts = [(question.ask, question.note) for question in draft.questions]
    assert texts != [(question.ask, question.note) for question in released.questions]
    assert [bool(note) for _, note in texts] == [bool(question.note) for question in released.questions]


@pytest.mark.parametrize(("form", "version"), NEWEST_FORMS)
def test_a_sheet_filled_in_earlier_still_matches_a_draft_form(form: str, version: str) -> None:
    draft, released = load_form(form, None, FORM_DRAFTS), load_form(form, version)
    assert {header: draft.headers[header][1] for header in released.headers} == {
        header: question for header, (_, question) in released.headers.items()
    }
    for question in released.questions:
        answers = draft.by_id[question.id].build_choice_lookup()
        assert answers == answers | question.build_choice_lookup(), question.id


@pytest.mark.parametrize("kind", KINDS)
def test_no_header_of_the_draft_forms_names_two_questions(kind: str) -> None:
    drafts, released = load_combined_form(kind, FORM_DRAFTS), load_combined_form(kind)
    assert {drafts.headers[header][1] for header in released.headers} == set(released.by_id) & {
        question for _, question in released.headers.values()
    }


@pytest.mark.parametrize("form", FORMS)
def test_a_draft_form_makes_a_workbook(form: str) -> None:
    assert build_template(load_form(form, None, FORM_DRAFTS)).startswith(b"PK")


def get_question(form: str, question: str) -> Question:
    return load_form(form, None, FORM_DRAFTS).by_id[question]


@pytest.mark.parametrize(("form", "model"), [("site", "site_general"), ("agency", "agency")])
def test_reports_are_offered_under_the_titles_of_their_indicators(form: str, model: str) -> None:
    titles = {i.id: i.title for m in load_models() if (m.id, m.version) == (model, DRAFT) for i in m.indicators}
    offered = {choice.code: choice.title for choice in get_question(form, "reported_harms").choices}
    same = {code for code, title in offered.items() if titles.get(code) == title}
    assert len(same) > len(offered) / 2, "a page shows both, side by side"
