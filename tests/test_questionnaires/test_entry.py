"""One entity's answers as JSON pass the rules of a sheet: those that no rule reads are handed past them."""

from typing import Any

import pytest

from questionnaires.form import Questionnaire, load_reading_form
from questionnaires.parse.answer import Value
from questionnaires.validation import json_answers
from questionnaires.validation.rules import apply_rules


class Watched(dict[str, Any]):
    """Answers that note which of them were asked for."""

    def __init__(self, answers: dict[str, Any]) -> None:
        super().__init__(answers)
        self.read: set[str] = set()

    def get(self, question: str, otherwise: Any = None) -> Any:
        self.read.add(question)
        return super().get(question, otherwise)

    def __getitem__(self, question: str) -> Any:
        self.read.add(question)
        return super().__getitem__(question)


def everything(form: Questionnaire) -> dict[str, Value | None]:
    """Every question answered, with what makes as many rules as possible look closer."""
    told: dict[str, Value | None] = {
        q.id: q.choices[-1].code if q.type == "choice" else (q.choices[-1].code,) if q.choices else "text"
        for q in form.questions
    }
    numbers = {q.id: 40.0 for q in form.questions if q.type in ("number", "integer", "percent")}
    more = {"country": "TH", "agencies": ("Kite",), "workers_by_agency": ("Kite: 3",), "naics": "311710"}
    lists: dict[str, Value] = {"worker_origin_countries": ("MM",), "uses_agencies": "no", "workers_migrant": 0.0}
    told |= {question: answer for question, answer in {**numbers, **more, **lists}.items() if question in told}
    return {question: answer for question, answer in told.items() if question != "form_version"}


@pytest.mark.parametrize("kind", ["site", "agency"])
def test_the_rules_read_no_answer_that_an_entry_hands_past_them(kind: str, monkeypatch: pytest.MonkeyPatch):
    seen: list[Watched] = []

    def watched(reading: Any, form: Questionnaire) -> None:
        reading.answers = Watched(reading.answers)
        seen.append(reading.answers)
        apply_rules(reading, form)

    form = load_reading_form(kind)
    monkeypatch.setattr(json_answers, "READ", frozenset(form.by_id))
    monkeypatch.setattr(json_answers, "apply_rules", watched)
    json_answers.checked(form, everything(form))
    monkeypatch.undo()
    (answers,) = seen
    assert {"country", "uses_agencies", "fees_repaid"} <= answers.read
    assert answers.read & set(form.by_id) <= json_answers.READ


def test_answers_that_no_rule_reads_stand_in_the_order_they_were_told():
    told = {"name": "A", "wage_timing": "on_time", "workers_total": 0.0, "papers_retention": None, "country": "TH"}
    stands, issues = json_answers.checked(load_reading_form("site"), told)
    assert list(stands.items()) == [("name", "A"), ("wage_timing", "on_time"), ("country", "TH")]
    assert [issue.code for issue in issues] == ["placeholder"]


@pytest.mark.parametrize("version", ["2026.1", None])
def test_a_blank_in_a_form_that_came_back_is_declined_though_no_other_rule_reads_it(version: str | None):
    told = {"form_version": version, "form_returned": "2026-06-01", "papers_retention": None}
    stands, _ = json_answers.checked(load_reading_form("site"), told)
    assert stands["papers_retention"] == "declined"
