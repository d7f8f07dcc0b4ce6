"""One entity's answers as JSON are validated by the rules of sheets; answers that no rule reads skip them."""

import random
from typing import Any

import pytest

from questionnaires.form import Questionnaire, load_combined_form
from questionnaires.parse.answer import Value
from questionnaires.validation import json_answers
from questionnaires.validation.rules import apply_rules


class TrackedAnswers(dict[str, Any]):
    """Answers that record which of them were read."""

    def __init__(self, answers: dict[str, Any]) -> None:
        super().__init__(answers)
        self.read: set[str] = set()

    def get(self, question: str, default: Any = None) -> Any:
        self.read.add(question)
        return super().get(question, default)

    def __getitem__(self, question: str) -> Any:
        self.read.add(question)
        return super().__getitem__(question)


def answer_everything(form: Questionnaire) -> dict[str, Value | None]:
    """Return answers to every question, chosen so that as many rules as possible apply."""
    answers: dict[str, Value | None] = {
        q.id: q.choices[-1].code if q.type == "choice" else (q.choices[-1].code,) if q.choices else "text"
        for q in form.questions
    }
    numbers = {q.id: 40.0 for q in form.questions if q.type in ("number", "integer", "percent")}
    more = {"country": "TH", "agencies": ("Kite",), "workers_by_agency": ("Kite: 3",), "naics": "311710"}
    lists: dict[str, Value] = {"worker_origin_countries": ("MM",), "uses_agencies": "no", "workers_migrant": 0.0}
    answers |= {question: answer for question, answer in {**numbers, **more, **lists}.items() if question in answers}
    return {q: answer for q, answer in answers.items() if q not in ("form_version", "form_returned")}


@pytest.mark.parametrize("kind", ["site", "agency"])
def test_every_answer_that_a_rule_reads_is_passed_to_the_rules(kind: str, monkeypatch: pytest.MonkeyPatch):
    calls: list[TrackedAnswers] = []

    def apply_tracked(context: Any, form: Questionnaire) -> None:
        context.answers = TrackedAnswers(context.answers)
        calls.append(context.answers)
        apply_rules(context, form)

    form = load_combined_form(kind)
    monkeypatch.setattr(json_answers, "RULE_INPUTS", frozenset(form.by_id))
    monkeypatch.setattr(json_answers, "apply_rules", apply_tracked)
    json_answers.validate_answers(form, answer_everything(form))
    monkeypatch.undo()
    (answers,) = calls
    assert {"country", "recruitment_fees", "fees_repaid"} <= answers.read
    assert answers.read & set(form.by_id) <= json_answers.RULE_INPUTS


@pytest.mark.parametrize("kind", ["site", "agency"])
def test_answers_that_contradict_nothing_are_left_out_of_the_rules_without_effect(
    kind: str, monkeypatch: pytest.MonkeyPatch
):
    form, chance = load_combined_form(kind), random.Random(1)
    chosen = [
        {
            question: form.by_id[question].choices[chance.randrange(len(form.by_id[question].choices))].code
            if form.by_id[question].type == "choice"
            else answer
            for question, answer in answer_everything(form).items()
            if chance.random() < 0.2
        }
        for _ in range(40)
    ]
    by_need = [json_answers.validate_answers(form, answers, "2026-11-29") for answers in chosen]
    monkeypatch.setattr(json_answers, "UNCONTRADICTED_INPUTS", frozenset(form.by_id))
    monkeypatch.setattr(json_answers, "RULE_INPUTS", frozenset(form.by_id))
    assert by_need == [json_answers.validate_answers(form, answers, "2026-11-29") for answers in chosen]
    assert len({issue.code for _, issues in by_need for issue in issues}) > 1


def test_valid_answers_keep_their_order():
    answers = {"name": "A", "wage_timing": "on_time", "workers_total": 0.0, "papers_retention": None, "country": "TH"}
    valid, issues = json_answers.validate_answers(load_combined_form("site"), answers)
    assert list(valid.items()) == [("name", "A"), ("wage_timing", "on_time"), ("country", "TH")]
    assert [issue.code for issue in issues] == ["placeholder"]


@pytest.mark.parametrize("version", ["2026.1", None])
def test_a_blank_in_a_returned_form_is_declined_though_no_other_rule_reads_it(version: str | None):
    answers = {"form_version": version, "form_returned": "2026-06-01", "papers_retention": None}
    valid, _ = json_answers.validate_answers(load_combined_form("site"), answers)
    assert valid["papers_retention"] == "declined"
