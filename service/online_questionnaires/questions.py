"""What a questionnaire asks on its pages: the questions of its pinned version for the supplier, by section, and what applies.

Only questions for the supplier are shown, and none that is sensitive where it is (``list_outgoing_questions``). What workers
reported is not read here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from questionnaires.form import Questionnaire, load_form
from questionnaires.languages import ENGLISH, Language
from questionnaires.lookups import load_countries
from questionnaires.parse.answer import RESERVED_ANSWERS
from questionnaires.question import Question
from questionnaires.relevance import is_relevant, iter_comparisons
from questionnaires.validation.returned_forms import is_sensitive
from questionnaires.workbook import list_outgoing_questions
from service.db.tables import QuestionnaireRequest, Supplier
from service.questionnaires_sent.requests import list_prefilled

FIXED = ("reference", "name")  # by which the supplier is known: they are shown, and not asked where they are known


@dataclass(frozen=True)
class Section:
    """A part of a questionnaire: its number from 1, its title, and its questions."""

    number: int
    title: str
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class OnlineForm:
    """The questions that a supplier is asked through its link. ``given``: texts of answers that are known beforehand.

    ``asked_back``: the reasons of a reviewer, by question, if only some questions are asked back; the conditions of these are
    judged by what the supplier answered before (``known``), which is not asked again.
    """

    form: Questionnaire
    questions: tuple[Question, ...]
    given: Mapping[str, str]
    country: str | None
    asked_back: Mapping[str, str] = field(default_factory=dict)
    known: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """Return the sections in the order of the form; questions of a section that a pack continues stand together."""
        by_title: dict[str, list[Question]] = {}
        for question in self.questions:
            by_title.setdefault(question.section, []).append(question)
        return tuple(
            Section(number, title, tuple(questions)) for number, (title, questions) in enumerate(by_title.items(), 1)
        )

    @cached_property
    def by_id(self) -> Mapping[str, Question]:
        """Return the questions by id."""
        return {question.id: question for question in self.questions}

    @property
    def has_core(self) -> bool:
        """Whether the form asks some questions first, and others only if they matter."""
        return not self.asked_back and any(question.core for question in self.questions)

    @property
    def minutes(self) -> int:
        """Return how many minutes it takes to answer the questions that everyone is asked, at least one."""
        return max(1, round(sum(question.expected_minutes for question in self.first_questions)))

    @property
    def first_questions(self) -> tuple[Question, ...]:
        """Return the questions that everyone is asked: the core, or all of a form without one."""
        return tuple(question for question in self.questions if question.core or not self.has_core)

    def find_section(self, title: str | None) -> Section | None:
        """Return the section with a title; None if there is none."""
        return next((section for section in self.sections if section.title == title), None)

    def list_inapplicable(self, answers: Mapping[str, Any]) -> Set[str]:
        """Return the questions that do not apply, given the answers so far (as JSON)."""
        return {one.id for one in self.questions if one.relevant and not is_relevant(one.relevant, answers)}

    def list_sensitive(self, answers: Mapping[str, Any]) -> Set[str]:
        """Return the questions that may not be asked in the country that the answers name."""
        return {question.id for question in self.questions if is_sensitive(question.id, answers.get("country"))}


def load_online_form(
    request: QuestionnaireRequest,
    supplier: Supplier,
    asked_back: Mapping[str, str],
    *,
    is_same_record: bool,
    language: str = ENGLISH,
) -> OnlineForm:
    """Load the questions of a request for its supplier.

    ``asked_back``: the questions that it asks back, with the reasons; empty for a whole form. ``is_same_record``: whether the
    request was sent to this record. After a merge, nothing known about the other is filled in. ``language``: of what is
    filled in.
    """
    form = load_form(request.form, request.form_version)
    country = supplier.answers.get("country")
    known = {question: text for question, text in list_prefilled(supplier, language).items() if text}
    questions = tuple(q for q in list_outgoing_questions(form, country) if q.id not in FIXED or q.id not in known)
    shown = {question.id for question in form.questions} if is_same_record else set(FIXED)
    given = {question: text for question, text in known.items() if question in shown}
    if not asked_back:
        return OnlineForm(form, questions, given, country)
    questions = tuple(question for question in questions if question.id in asked_back)
    conditions = {one.question for q in questions if q.relevant for one in iter_comparisons(q.relevant)}
    texts = {question: _format_stored(supplier.answers.get(question)) for question in conditions - asked_back.keys()}
    known_before = {question: text for question, text in texts.items() if text and question not in given}
    return OnlineForm(form, questions, given, country, asked_back, known_before)


def _format_stored(answer: Any) -> str:
    """Return a stored answer as the text of a cell; "" if there is none."""
    if answer in (None, *RESERVED_ANSWERS):
        return ""
    parts = answer if isinstance(answer, list) else [answer]
    return "; ".join(f"{part:.12g}" if isinstance(part, float) else str(part) for part in parts)


def format_answer(question: Question, text: str, language: Language | None = None) -> str:
    """Return the text of an answer as people read it, with the titles of its choices.

    ``language``: that of the reader. Without it, the answer is as the workbook of the form has it, in English.
    """
    if language:
        question = language.translate_question(question)
        if question.type == "yes_no":
            return {"yes": language.translate("Yes"), "no": language.translate("No")}.get(text, text)
    titles = {choice.code: choice.title for choice in question.choices}
    if question.type == "many" and titles:
        return "; ".join(titles.get(code, code) for code in text.split("; "))
    return titles.get(text, text)


@cache
def list_country_names(language: str) -> Sequence[str]:
    """Return the names of all countries in a language, sorted."""
    return sorted(load_countries().list_names(language).values())
