"""Check the draft answers of a questionnaire as those of a returned workbook are checked, and say what is open."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import date
from typing import Any

from questionnaires.validation.text_answers import describe_to_respondent, validate_texts
from risk_models.answers import from_columns
from service.online_questionnaires.drafts import Draft
from service.online_questionnaires.questions import OnlineForm, Section

UNFINISHED = "answer.unsupported"  # the other question may still be answered


@dataclass(frozen=True)
class Message:
    """What is said beside an answer. ``is_problem``: the answer, or a part of it, cannot be used as it is."""

    text: str
    is_problem: bool
    code: str


@dataclass(frozen=True)
class Check:
    """The answers that can be used, as JSON by question; messages by question; and the questions that do not apply, or may not be
    asked (``sensitive``).

    ``answers`` also says which form was returned when, and which questions were declined. It is empty if an answer has to be
    corrected first (``blocked``), such as a country that is not one.
    """

    answers: Mapping[str, Any]
    messages: Mapping[str, tuple[Message, ...]]
    inapplicable: Set[str]
    sensitive: Set[str]
    texts: Mapping[str, str]

    @property
    def blocked(self) -> bool:
        """Whether the questionnaire cannot be sent before an answer is corrected."""
        return not self.answers

    def list_messages(self, question: str, *, finished: bool = True) -> tuple[Message, ...]:
        """Return the messages about an answer; ``finished``: also those that further answers may settle."""
        return tuple(one for one in self.messages.get(question, ()) if finished or one.code != UNFINISHED)

    def list_open(self, section: Section) -> list[str]:
        """Return the questions of a section that apply and have no answer."""
        return [question for question in self.list_shown(section) if not self.texts.get(question)]

    def list_shown(self, section: Section) -> list[str]:
        """Return the questions of a section that apply."""
        hidden = self.inapplicable | self.sensitive
        return [question.id for question in section.questions if question.id not in hidden]


def check_drafts(form: OnlineForm, drafts: Mapping[str, Draft], on: date, evidence: str = "") -> Check:
    """Check the answers of a form that would be returned on a day. ``evidence``: lines about its files, in our notation."""
    texts = {question: draft.text for question, draft in drafts.items()}
    cells = {question.id: "" for question in form.questions} | dict(form.given) | texts
    if evidence:
        cells["evidence"] = "\n".join(filter(None, (cells.get("evidence", ""), evidence)))
    read = validate_texts(form.form, cells, on)
    answers = from_columns(1, read.answers).to_rows()[0] if read.answers else {}
    messages = {
        question: tuple(
            Message(describe_to_respondent(issue), issue.severity != "info", issue.code) for issue in issues
        )
        for question, issues in read.issues.items()
    }
    return Check(answers, messages, form.list_inapplicable(answers), form.list_sensitive(answers), texts)
