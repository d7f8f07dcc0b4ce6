"""What a question and its answers are called in every language, so that an answer is read whatever language it was given in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from questionnaires.form import Questionnaire, load_form
from questionnaires.languages import list_languages
from questionnaires.lookups import load_countries, load_sectors
from questionnaires.question import Question
from questionnaires.text_normalize import fold_text

SEPARATOR = "; "  # between several answers in a cell


@cache
def _load_languages(form_id: str, version: str) -> tuple[Questionnaire, ...]:
    form = load_form(form_id, version)
    return (form, *(form.in_language(code) for code in list_languages()))


@cache
def load_questions_by_label(form_id: str, version: str) -> Mapping[str, str]:
    """Load the ids of questions by everything that a header may call them: the question or the title, in any language."""
    return {
        fold_text(text): question.id
        for form in reversed(_load_languages(form_id, version))
        for question in form.questions
        for text in (question.ask, question.title, question.id)
    }


@cache
def load_codes_by_label(form_id: str, version: str, question_id: str) -> Mapping[str, str]:
    """Load the codes of the choices of a question by every text for them, in any language."""
    questions = [form.by_id[question_id] for form in _load_languages(form_id, version)]
    return {text: code for question in reversed(questions) for text, code in question.build_choice_lookup().items()}


def make_answer_reader(question: Question, form: Questionnaire) -> Callable[[str], str]:
    """Return the function that turns the texts or codes of an answer into codes. A text that it does not know stays."""
    if question.choices:
        codes = load_codes_by_label(form.id, form.version, question.id)
    elif question.type in ("countries", "sector"):
        known = load_countries().names if question.type == "countries" else load_sectors().names
        codes = {fold_text(code): code for code in known}
    else:
        return str

    def read(text: str) -> str:
        if fold_text(text) in codes:
            return codes[fold_text(text)]
        for answers in (text.split(SEPARATOR.strip()), text.split()):  # codes have spaces between them, in XLSForm
            if all(fold_text(answer) in codes for answer in answers):
                return SEPARATOR.join(codes[fold_text(answer)] for answer in answers)
        return text

    return read
