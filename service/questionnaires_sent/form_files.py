"""Forms as files: a table with a row per supplier, a workbook with a row per question, an XLSForm for phones, or a PDF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import count, groupby
from typing import Any, Literal, NamedTuple

from sqlalchemy.orm import Session

from questionnaires.form import Questionnaire, load_form
from questionnaires.languages import ENGLISH, ENGLISH_LANGUAGE, Language, list_languages
from questionnaires.offline.row_workbook import build_row_workbook
from questionnaires.offline.xlsform import build_xlsform
from questionnaires.question import Question
from questionnaires.workbook import (
    build_template,
    describe_answers,
    list_introduction,
    list_options,
    list_outgoing_questions,
)
from reports.formats import FORMATS
from reports.typesetting import typeset
from service.db.tables import QuestionnaireRequest, Supplier
from service.errors import DomainError
from service.questionnaires_sent.asked_back import limit_form, list_asked_back
from service.questionnaires_sent.requests import build_request_workbook, list_prefilled
from service.translations.review import load_all_texts, load_texts

Layout = Literal["table", "questions", "xlsform", "pdf"]
LAYOUTS: tuple[Layout, ...] = ("table", "questions", "xlsform", "pdf")
REQUEST_LAYOUTS: tuple[Layout, ...] = ("table", "questions", "pdf")  # an XLSForm is for many suppliers
UNPRINTED_LANGUAGES = ("si",)  # none of the packages of fonts has its script
LONG_TYPES = ("many", "countries", "sector", "evidence")  # answers that need two lines


class FormFile(NamedTuple):
    """A form as a file."""

    data: bytes
    media_type: str
    name: str


def list_form_languages() -> tuple[str, ...]:
    """List the languages in which forms are available, English first."""
    return (ENGLISH, *list_languages())


def load_form_languages(session: Session, first: str = ENGLISH) -> list[Language]:
    """Load the languages in which forms are available, in the words of the session's organisation; one of them first."""
    texts = load_all_texts(session)
    languages = [ENGLISH_LANGUAGE, *(texts[code].form_language for code in list_languages())]
    return sorted(languages, key=lambda language: language.code != first)


def build_form_file(
    form: Questionnaire,
    layout: Layout,
    on: date,
    *,
    languages: Sequence[Language] = (ENGLISH_LANGUAGE,),
    country: str | None = None,
    goods: Sequence[str] = (),
) -> FormFile:
    """Build a blank form.

    ``on``: the day that a PDF bears; ``languages``: the first is that of a PDF, and shown first in the layouts that have
    several; ``country`` and ``goods``: as in :func:`~questionnaires.workbook.build_template`.
    """
    match layout:
        case "table":
            data = build_template(form, country=country, goods=goods)
        case "questions":
            data = build_row_workbook(form, list_outgoing_questions(form, country), languages)
        case "xlsform":
            data = build_xlsform(form, languages)
        case "pdf":
            data = build_printed_form(form, on, language=languages[0], country=country)
    return name_form_file(form, layout, data)


def build_request_file(
    session: Session, request: QuestionnaireRequest, supplier: Supplier, layout: Layout, language: str
) -> FormFile:
    """Build the form that is sent under a request, filled in with what identifies the supplier, in a layout of
    ``REQUEST_LAYOUTS``. If it asks questions back, it contains only these.
    """
    form = limit_form(load_form(request.form, request.form_version), list_asked_back(session, request.id))
    country = supplier.answers.get("country")
    match layout:
        case "questions":
            stamp = {"reference": supplier.reference or "", "asking": request.id}
            questions = list_outgoing_questions(form, country)
            languages = load_form_languages(session, language)
            data = build_row_workbook(form, questions, languages, list_prefilled(supplier, language), stamp)
        case "pdf":
            printed_in = load_texts(session, language).form_language
            known = list_prefilled(supplier, language)
            data = build_printed_form(form, request.sent_on, language=printed_in, country=country, known=known)
        case _:
            data = build_request_workbook(request, supplier, form)
    return name_form_file(form, layout, data, f"_{request.sent_on.isoformat()}")


def name_form_file(form: Questionnaire, layout: Layout, data: bytes, note: str = "") -> FormFile:
    """Return a form as a file with a name that tells what it is."""
    ending = "pdf" if layout == "pdf" else "xlsx"
    middle = "" if layout in ("table", "pdf") else f"_{layout}"
    return FormFile(data, FORMATS[ending].media_type, f"{form.id}_{form.version}{middle}{note}.{ending}")


def build_printed_form(
    form: Questionnaire, on: date, *, language: Language, country: str | None, known: Mapping[str, str] | None = None
) -> bytes:
    """Build a form as a PDF to print and fill in by hand. Raises FontsMissingError, and DomainError ``form.language`` if there is
    no font for the script of the language.

    ``known``: texts that are printed on the lines of questions, for the supplier to correct.
    """
    known = known or {}
    if language.code in UNPRINTED_LANGUAGES:
        raise DomainError(
            "form.language",
            422,
            f"language: There is no PDF in {language.english_name}, because no font for its script is installed. "
            "Use another layout.",
        )
    translated = form.in_language(language)
    asked = {question.id for question in list_outgoing_questions(form, country)}
    numbers = count(1)
    sections = [
        {
            "title": title,
            "questions": [_print_question(translated, each, next(numbers), known.get(each.id, "")) for each in members],
        }
        for title, members in groupby(
            (question for question in translated.questions if question.id in asked), lambda each: each.section
        )
    ]
    content = {
        "title": translated.title,
        "supplier": known.get("name", ""),
        "language": language.code,
        "direction": language.direction,
        "footer": f"{form.id} {form.version}",
        "introduction": [
            {"heading": language.translate(heading), "text": language.translate(text)}
            for heading, text in list_introduction()
        ],
        "sections": sections,
    }
    return typeset("questionnaire.typ", content, on)


def _print_question(form: Questionnaire, question: Question, number: int, known: str) -> dict[str, Any]:
    """Return a question as the template prints it: with boxes to tick, or with lines; what is known is on the first of them."""
    is_listed = question.type in ("choice", "yes_no") or bool(question.choices)
    options = list_options(form, question) or tuple(choice.title for choice in question.choices)
    notation = "" if is_listed or question.type == "text" else describe_answers(question, form.language)
    return {
        "number": str(number),
        "ask": question.ask,
        "note": "\n".join(part for part in (question.note, notation) if part),
        "options": list(options) if is_listed else [],
        "lines": 0 if is_listed else 1 + (question.type in LONG_TYPES),
        "known": "" if is_listed else known,
    }
