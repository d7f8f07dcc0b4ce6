"""Check that the forms sent to suppliers can be read and answered: few core questions, plain words, one thing at a time.

The limits follow the project's brief on questionnaires: 25 core questions in 20 minutes at 200 words a minute, reading grade 8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from questionnaires.form import JUDGED_KINDS, Questionnaire, list_form_ids, load_form
from questionnaires.languages import TranslationCount, list_form_texts, list_languages, load_language
from questionnaires.question import Question
from questionnaires.readability import asks_two_things, compute_grade
from questionnaires.workbook import list_outgoing_questions

MAX_CORE_QUESTIONS = 25
MAX_CORE_MINUTES = 20.0
MAX_GRADE = 8.0


@dataclass(frozen=True)
class FormReport:
    """What a form asks of its recipient: how many questions, how long they take in minutes, the highest reading grade of one.

    ``translations``: how many texts of the core questions are translated, by code of the language; ``faults``: what to correct.
    """

    form: Questionnaire
    questions: int
    minutes: float
    core_questions: int
    core_minutes: float
    grade: float
    translations: Mapping[str, TranslationCount]
    faults: tuple[str, ...]


def check_forms() -> list[FormReport]:
    """Check the newest version of every form that is sent to suppliers. Raises DataFileError if one is invalid."""
    forms = [load_form(form_id) for form_id in list_form_ids()]
    return [check_form(form) for form in forms if form.kind in JUDGED_KINDS]


def check_form(form: Questionnaire) -> FormReport:
    """Check one form; return its figures and faults. Raises DataFileError if the file of a language is invalid."""
    questions = list_outgoing_questions(form)
    core = [question for question in questions if question.core]
    core_minutes = sum(question.expected_minutes for question in core)
    return FormReport(
        form=form,
        questions=len(questions),
        minutes=sum(question.expected_minutes for question in questions),
        core_questions=len(core),
        core_minutes=core_minutes,
        grade=max(map(compute_question_grade, questions), default=0.0),
        translations={code: load_language(code).count(list_form_texts(core)) for code in list_languages()},
        faults=(
            *_check_core(form, len(core), core_minutes),
            *(f"{form.file}: {q.id} {fault}" for q in questions for fault in _check_question(q)),
        ),
    )


def compute_question_grade(question: Question) -> float:
    """Return the reading grade of a question with its note. Answers are not sentences, so they have no grade."""
    return compute_grade([question.ask, question.note])


def _check_core(form: Questionnaire, questions: int, minutes: float) -> Iterator[str]:
    wrong = [q.id for q in form.core_questions if q.audience != form.audience or q.person]
    if wrong:
        yield f"{form.file}: {', '.join(wrong)} cannot be core, because the recipient is not asked"
    if not questions:
        yield f"{form.file}: no question is core"
    if questions > MAX_CORE_QUESTIONS:
        yield f"{form.file}: {questions} questions are core; the maximum is {MAX_CORE_QUESTIONS}"
    if minutes > MAX_CORE_MINUTES:
        yield f"{form.file}: the core takes {minutes:.0f} minutes; the maximum is {MAX_CORE_MINUTES:.0f}"


def _check_question(question: Question) -> Iterator[str]:
    if not question.feeds and not question.why:
        yield "feeds no indicator and does not say why it is asked (why)"
    if asks_two_things(question.ask):
        yield f"asks two things: '{question.ask}'"
    if (grade := compute_question_grade(question)) > MAX_GRADE:
        yield f"has reading grade {grade:.1f}; the maximum is {MAX_GRADE:.0f}: use shorter sentences and words"
