"""What a question and its answers are called in every language, so that an answer is read whatever language it was given in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

from questionnaires.form import Questionnaire, load_form
from questionnaires.languages import list_languages, load_language
from questionnaires.lookups import load_countries, load_sectors
from questionnaires.parse.answer import DECLINED, NOT_APPLICABLE
from questionnaires.question import Question
from questionnaires.text_normalize import fold_text
from questionnaires.workbook import UNIVERSAL_ANSWERS

SEPARATOR = "; "  # between several answers in a cell
RESERVED_TEXTS = dict(
    zip((NOT_APPLICABLE, DECLINED), UNIVERSAL_ANSWERS, strict=True)
)  # what is answered instead of a choice


@cache
def _load_languages(form_id: str, version: str) -> tuple[Questionnaire, ...]:
    form = load_form(form_id, version)
    return (form, *(form.in_language(load_language(code)) for code in list_languages()))


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
    """Load the codes of the choices of a question, and of no answer, by every text for them, in any language."""
    codes: dict[str, str] = {}
    for form in reversed(_load_languages(form_id, version)):
        translate = form.language.translate
        codes |= {fold_text(translate(text)): code for code, text in RESERVED_TEXTS.items()}
        if form.by_id[question_id].type == "yes_no":
            codes |= {fold_text(translate("Yes")): "yes", fold_text(translate("No")): "no"}
        codes |= form.by_id[question_id].build_choice_lookup()
    return codes


def make_answer_reader(
    question: Question, form: Questionnaire, own: Mapping[str, str] = MappingProxyType({})
) -> Callable[[str], str]:
    """Return the function that turns the texts or codes of an answer into codes. A text that it does not know stays.

    ``own``: codes by further texts for them, folded, which come first.
    """
    if question.choices or question.type == "yes_no":
        codes = {**load_codes_by_label(form.id, form.version, question.id), **own}
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
