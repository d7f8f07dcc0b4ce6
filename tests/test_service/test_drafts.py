"""Test the drafts of the next release: new texts over the rules, numbers, questions and ids of the released files."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from questionnaires.form import FORMS_DIR, KINDS, Question, list_form_ids, list_versions, load_combined_form, load_form
from questionnaires.workbook import build_template
from risk_models.action_releases import ACTIONS_FOLDER
from risk_models.buyer import RULES_FOLDER, load_all_practice_rules
from risk_models.cases.readings import CaseReading, read_case
from risk_models.cases.rules import load_case_rules
from risk_models.cases.sentences import FIRST_SENTENCES
from risk_models.model import MODELS_FOLDER, load_models
from risk_models.plan import load_actions
from service.case_reading import export_json

RELEASED, DRAFT = "2026.3", "2026.4"
DRAFTS = MODELS_FOLDER.parent / "drafts" / DRAFT
FORM_DRAFTS = FORMS_DIR.parent / "drafts"
FORMS = list_form_ids()
NEWEST_FORMS = [(form, list_versions(form)[-1]) for form in FORMS]
TEXTS = {
    "title", "because", "harm", "weight_because", "do", "with_workers", "proof", "section", "ask", "note", "unit",
    "synonyms", "spellings",
}  # fmt: skip
RELEASE_FIELDS = {"version", "effective", "digest"}
FROZEN = Path(__file__).parent / "frozen"
CASES = [
    case
    for path in sorted(FROZEN.glob("*cases*.json.gz"))
    for case in json.loads(gzip.decompress(path.read_bytes()))["cases"]
]


def strip_texts(value: Any) -> Any:
    """Return a model, form or action without its texts and without what a release itself changes."""
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value) if field.name not in TEXTS | RELEASE_FIELDS]
        return {name: strip_texts(getattr(value, name)) for name in names}
    return [strip_texts(item) for item in value] if isinstance(value, tuple) else value


def list_texts(value: Any) -> Iterator[tuple[str, str]]:
    """Yield every text of a model, form or action, with the name of its field."""
    for field in fields(value):
        content = getattr(value, field.name)
        if field.name in TEXTS and isinstance(content, str):
            yield field.name, content
        for item in content if isinstance(content, tuple) else ():
            if is_dataclass(item):
                yield from list_texts(item)


# ---------------------------------------------------------------- models, actions, the buyer's practices


def test_draft_actions_are_those_of_the_library_in_other_words() -> None:
    actions, released = load_actions(DRAFTS / "actions"), load_actions()
    assert repr(strip_texts(actions)) == repr(strip_texts(released))
    changed = [new.id for new, old in zip(actions, released, strict=True) if new.do != old.do]
    assert len(changed) > len(actions) - 3


def test_draft_practices_of_the_buyer_are_the_released_ones_in_other_words() -> None:
    (draft,), (released,) = load_all_practice_rules(DRAFTS / "buyer"), load_all_practice_rules(RULES_FOLDER)
    assert repr(strip_texts(draft)) == repr(strip_texts(released))


def test_no_draft_is_loaded_by_the_product() -> None:
    assert {version for form in FORMS for version in list_versions(form)}.isdisjoint({DRAFT})
    assert (ACTIONS_FOLDER / "RELEASED").read_text(encoding="utf-8").count(f"\n{DRAFT} ") == 0


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


# ---------------------------------------------------------------- case records


def read_stored_case(stored: Any, folder: Path | None = None) -> CaseReading:
    case = export_json.parse_case_record(stored).case
    return read_case(case, date(2026, 11, 27), load_case_rules(folder) if folder else None)


def without_sentences(reading: Any) -> Any:
    """Return a reading of a case without its sentences."""
    if is_dataclass(reading) and not isinstance(reading, type):
        return {f.name: without_sentences(getattr(reading, f.name)) for f in fields(reading) if f.name != "because"}
    if isinstance(reading, dict):
        return {key: without_sentences(value) for key, value in reading.items()}
    return [without_sentences(item) for item in reading] if isinstance(reading, tuple) else reading


def test_draft_case_rules_replace_every_sentence_and_no_placeholder_is_lost() -> None:
    rules = load_case_rules(DRAFTS / "cases")
    assert rules.sentences.keys() == rules.raw["sentence"].keys() == FIRST_SENTENCES.keys()
    assert load_case_rules().sentences == FIRST_SENTENCES


@pytest.mark.parametrize("stored", CASES, ids=lambda stored: stored["case"])
def test_draft_case_rules_read_a_case_alike_in_other_words(stored: Any) -> None:
    before, after = read_stored_case(stored), read_stored_case(stored, DRAFTS / "cases")
    assert without_sentences(after) == without_sentences(before)
    for old, new in zip(before.lists, after.lists, strict=True):
        assert new.forced_labour.because.startswith("Indicators of forced labour")
        assert new.trafficking.because != old.trafficking.because
        for dimension in (*old.dimensions, *new.dimensions):
            assert "{" not in dimension.because


def test_the_class_of_a_case_is_described_by_the_draft_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    reading = read_stored_case(CASES[0], DRAFTS / "cases").lists[0]
    monkeypatch.setattr(export_json, "load_case_rules", lambda: load_case_rules(DRAFTS / "cases"))
    range_of_classes = replace(reading, classes=("CASE-0", "CASE-1"))
    assert export_json._describe_class(range_of_classes) == (
        "Published class CASE-0 on the record: the dimension of exploitation is not reached, and every other class requires it. "
        "In the worst case CASE-1: indicators consistent with exploitation, a matter of labour rights."
    )
