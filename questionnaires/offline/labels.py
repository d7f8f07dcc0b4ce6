"""What a question and its answers are called in every language, so that an answer is read whatever language it was given in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType

from questionnaires.form import Questionnaire, load_form
from questionnaires.languages import ENGLISH, ENGLISH_LANGUAGE, list_languages, list_sector_names, load_language
from questionnaires.lookups import load_countries, load_sectors
from questionnaires.parse.answer import DECLINED, NOT_APPLICABLE
from questionnaires.question import Question
from questionnaires.text_normalize import fold_text
from questionnaires.workbook import UNIVERSAL_ANSWERS

OwnWords = Mapping[str, Sequence[str]]  # how an organisation words texts, in any language, by their English text
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


def list_own_labels(form: Questionnaire, own_words: OwnWords) -> dict[str, str]:
    """Return the ids of questions by what an organisation calls them, folded."""
    return {
        fold_text(wording): question.id
        for question in form.questions
        for text in (question.title, question.ask)
        for wording in own_words.get(text, ())
    }


def list_own_codes(question: Question, own_words: OwnWords) -> dict[str, str]:
    """Return the codes of the answers to a question by what an organisation calls them, folded."""
    texts = {choice.title: choice.code for choice in question.choices}
    texts |= {text: code for code, text in RESERVED_TEXTS.items()}
    if question.type == "yes_no":
        texts |= {"Yes": "yes", "No": "no"}
    codes = {fold_text(wording): code for text, code in texts.items() for wording in own_words.get(text, ())}
    if question.type == "sector":
        for code, name in load_sectors().names.items():
            codes |= {fold_text(f"{code} {wording}"): code for wording in own_words.get(name, ())}
    return codes


@cache
def load_codes_by_label(form_id: str, version: str, question_id: str) -> Mapping[str, str]:
    """Load the codes of the choices of a question, and of no answer, by every text for them, in any language."""
    codes: dict[str, str] = {}
    match load_form(form_id, version).by_id[question_id].type:
        case "countries":
            codes |= load_country_codes()
        case "sector":
            codes |= load_sector_codes()
    for form in reversed(_load_languages(form_id, version)):
        translate = form.language.translate
        codes |= {fold_text(translate(text)): code for code, text in RESERVED_TEXTS.items()}
        if form.by_id[question_id].type == "yes_no":
            codes |= {fold_text(translate("Yes")): "yes", fold_text(translate("No")): "no"}
        codes |= form.by_id[question_id].build_choice_lookup()
    return codes


@cache
def load_country_codes() -> Mapping[str, str]:
    """Load the codes of countries by themselves and by their names in any language."""
    countries = load_countries()
    named = [countries.list_names(language) for language in (ENGLISH, *list_languages())]
    codes = {fold_text(name): code for names in reversed(named) for code, name in names.items()}
    return codes | {fold_text(code): code for code in countries.names}


@cache
def load_sector_codes() -> Mapping[str, str]:
    """Load the codes of sectors by themselves, and by themselves before their names in any language."""
    codes = {fold_text(code): code for code in load_sectors().names}
    for language in (ENGLISH_LANGUAGE, *map(load_language, list_languages())):
        codes |= {fold_text(f"{code} {name}"): code for code, name in list_sector_names(language).items()}
    return codes


def make_answer_reader(
    question: Question, form: Questionnaire, own: Mapping[str, str] = MappingProxyType({})
) -> Callable[[str], str]:
    """Return the function that turns the texts or codes of an answer into codes. A text that it does not know stays.

    ``own``: codes by further texts for them, folded, which come first.
    """
    if not question.choices and question.type not in ("yes_no", "countries", "sector"):
        return str
    codes = {**load_codes_by_label(form.id, form.version, question.id), **own}

    def read(text: str) -> str:
        if fold_text(text) in codes:
            return codes[fold_text(text)]
        for answers in (text.split(SEPARATOR.strip()), text.split()):  # codes have spaces between them, in XLSForm
            if all(fold_text(answer) in codes for answer in answers):
                return SEPARATOR.join(codes[fold_text(answer)] for answer in answers)
        return text

    return read
