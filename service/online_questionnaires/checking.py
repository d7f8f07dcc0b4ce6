"""Check the draft answers of a questionnaire as those of a returned workbook are checked, and say what is open.

A form with a core asks its core questions first. Once they are answered, or the supplier is about to send what it has, it also
asks those whose answers can still change the level of the supplier (service/assessment/next_questions.py), and then stops. A
question that was never shown is not asked, so that its blank means nothing. Only the answers that the supplier gives here decide
what it is asked: neither what others reported nor what the buyer knows shows in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.issues import Issue
from questionnaires.languages import ENGLISH_LANGUAGE, Language
from questionnaires.lookups import load_common_words
from questionnaires.question import Question
from questionnaires.text_normalize import fold_text
from questionnaires.validation.text_answers import TextAnswers, describe_to_respondent, validate_texts
from risk_models.answers import DECLINED, from_columns
from risk_models.facts.facts import load_facts
from service.assessment.next_questions import choose_next_questions, is_open
from service.db.tables import QuestionnaireRequest, Result, Supplier
from service.online_questionnaires.drafts import Draft, load_drafts
from service.online_questionnaires.questions import OnlineForm, Section, format_answer, load_online_form
from service.questionnaires_sent.asked_back import list_asked_back
from service.questionnaires_sent.requests import UnreadCell

SENT_CAUSE = "questionnaire"  # of the results of a questionnaire that was sent through a link
CONTRADICTED = "answer.contradicted"
UNFINISHED = "answer.unsupported"  # the other question may still be answered


@dataclass(frozen=True)
class Message:
    """What is said beside an answer. ``is_problem``: the answer, or a part of it, cannot be used as it is.

    ``contradiction``: if two answers do not agree, their questions and texts, the one that the message is about first.
    """

    issue: Issue
    is_problem: bool
    contradiction: tuple[tuple[Question, str], tuple[Question, str]] | None = None

    @property
    def code(self) -> str:
        """Return the code of the issue."""
        return self.issue.code

    @property
    def text(self) -> str:
        """Return what is said, in English."""
        return self.describe(ENGLISH_LANGUAGE, str)

    def describe(self, language: Language, translate: Callable[[str], str]) -> str:
        """Return what is said, in the language of the questions.

        ``translate``: returns a text of ``lists/respondent_issues.toml`` in that language.
        """
        return describe_to_respondent(self.name_answers(language), translate)

    def name_answers(self, language: Language = ENGLISH_LANGUAGE) -> Issue:
        """Return the issue with answers as people read them, in a language: the form stores the codes of choices."""
        if self.contradiction is None:
            return self.issue
        (question, text), (other, other_text) = self.contradiction
        expected = f"'{format_answer(other, other_text, language)}' ({language.translate(other.title)})"
        return replace(self.issue, seen=format_answer(question, text, language), expected=expected)


@dataclass(frozen=True)
class Check:
    """What the checks say about the answers to a questionnaire.

    ``answers``: those that can be used, as JSON by question, with those that were declined, the form and the day. It is empty
    if an answer has to be corrected first, such as a country that is not one. ``asked``: the questions to show;
    ``inapplicable``: those among them that do not apply; ``sensitive``: those that may not be asked there. ``unread``: those
    whose text cannot be read as an answer, so that it counts as a blank. ``is_core_open``: core questions are open, so that
    further questions may follow.
    """

    answers: Mapping[str, Any]
    messages: Mapping[str, tuple[Message, ...]]
    asked: Set[str]
    inapplicable: Set[str]
    sensitive: Set[str]
    texts: Mapping[str, str]
    unread: Set[str]
    is_core_open: bool

    @property
    def is_blocked(self) -> bool:
        """Whether the questionnaire cannot be sent before an answer is corrected."""
        return not self.answers

    def list_messages(self, question: str, *, finished: bool = True) -> tuple[Message, ...]:
        """Return the messages about an answer; ``finished``: also those that further answers may settle."""
        return tuple(one for one in self.messages.get(question, ()) if finished or one.code != UNFINISHED)

    def list_open(self, section: Section) -> list[str]:
        """Return the questions of a section that are asked, apply and have no answer that can be read."""
        shown = self.list_shown(section)
        return [question for question in shown if not self.texts.get(question) or question in self.unread]

    def list_shown(self, section: Section) -> list[str]:
        """Return the questions of a section that are asked and apply."""
        hidden = self.inapplicable | self.sensitive
        return [question.id for question in section.questions if question.id in self.asked - hidden]

    def count_answered(self, sections: Sequence[Section]) -> tuple[int, int]:
        """Return how many questions of sections are answered, and how many are asked and apply."""
        shown = sum(len(self.list_shown(section)) for section in sections)
        return shown - sum(len(self.list_open(section)) for section in sections), shown


def check_drafts(
    form: OnlineForm, drafts: Mapping[str, Draft], on: date, evidence: str = "", *, sending: bool = False
) -> Check:
    """Check the answers of a form that would be returned on a day.

    ``evidence``: lines about its files, in our notation. ``sending``: ask the further questions also if core questions are open,
    which are declined now: leaving one of them blank must not spare the rest.
    """
    texts = {question: draft.text for question, draft in drafts.items()}
    asked = {q.id for q in form.questions if q.core or texts.get(q.id) or not form.has_core}
    if evidence:
        asked.add("evidence")
        texts["evidence"] = "\n".join(filter(None, (texts.get("evidence", ""), evidence)))
    read, answers = _validate(form, texts, asked, on)
    given = {question: answer for question, answer in answers.items() if texts.get(question)}
    unread = _list_unread(read, answers, texts)
    is_core_open = any(q.core and (not texts.get(q.id) or q.id in unread) and is_open(q, given) for q in form.questions)
    if form.has_core and answers and (sending or not is_core_open):
        known = answers if is_core_open else given
        following = choose_next_questions(form.form, known, load_facts().as_of(on), on).questions
        if further := {one.id for one in following if one.id in form.by_id} - asked:
            asked |= further
            read, answers = _validate(form, texts, asked, on)
            unread = _list_unread(read, answers, texts)
    messages = {
        question: tuple(_build_message(form, question, issue) for issue in issues)
        for question, issues in read.issues.items()
    }
    return Check(
        {question: answer for question, answer in answers.items() if question not in form.known},
        messages,
        asked,
        form.list_inapplicable(answers),
        form.list_sensitive(answers),
        {question: draft.text for question, draft in drafts.items()},
        unread,
        is_core_open,
    )


def _list_unread(read: TextAnswers, answers: Mapping[str, Any], texts: Mapping[str, str]) -> Set[str]:
    """Return the questions whose text cannot be read as an answer, so that it counts as a blank; one that declines can."""
    if not answers:  # an answer has to be corrected first: what is wrong is known, but not what can be read
        wrong = {one for one, issues in read.issues.items() if any(issue.severity != "info" for issue in issues)}
        return {question for question in wrong if texts.get(question)}
    words = load_common_words().reserved
    return {
        question
        for question, text in texts.items()
        if text and answers.get(question) in (None, DECLINED) and words.get(fold_text(text)) != DECLINED
    }


def _build_message(form: OnlineForm, question: str, issue: Issue) -> Message:
    is_problem = issue.severity != "info"
    if issue.code != CONTRADICTED or question not in form.by_id:
        return Message(issue, is_problem)
    text, _, header = issue.expected.partition("' under *")
    other = next((one for one in form.form.questions if one.title == header.removesuffix("*")), None)
    contradiction = ((form.by_id[question], issue.seen), (other, text[1:])) if other else None
    return Message(issue, is_problem, contradiction)


def list_unread_answers(session: Session, result: Result) -> list[UnreadCell]:
    """Return the answers of the questionnaire that a result assessed, which could not be read as they were entered."""
    if result.cause != SENT_CAUSE:
        return []
    query = select(QuestionnaireRequest).where(
        QuestionnaireRequest.supplier_id == result.supplier_id, QuestionnaireRequest.submitted_at == result.created_at
    )
    request = session.scalars(query).first()
    if request is None:
        return []
    supplier = session.get_one(Supplier, request.supplier_id)
    form = load_online_form(request, supplier, list_asked_back(session, request.id), is_same_record=True)
    check = check_drafts(form, load_drafts(session, request.id, form), result.on, sending=True)
    return [
        UnreadCell("", form.by_id[question].title, format_answer(form.by_id[question], check.texts[question]))
        for question, messages in check.messages.items()
        if question in form.by_id and any(message.is_problem for message in messages)
    ]


def _validate(
    form: OnlineForm, texts: Mapping[str, str], asked: Set[str], on: date
) -> tuple[TextAnswers, Mapping[str, Any]]:
    """Validate the texts of the questions that are asked, and those that are known; return them read, and as JSON."""
    given = {**form.given, **form.known}
    cells = {question: texts.get(question, given.get(question, "")) for question in [*given, *asked]}
    shown = asked if form.has_core or form.asked_back else None
    read = validate_texts(form.form, {q.id: cells[q.id] for q in form.form.questions if q.id in cells}, on, shown=shown)
    return read, from_columns(1, read.answers).to_rows()[0] if read.answers else {}
