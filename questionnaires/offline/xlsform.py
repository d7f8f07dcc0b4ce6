"""Write a form as an XLSForm, the workbook from which KoboToolbox and ODK make a form for phones (xlsform.org).

Each question is named by its id and each choice by its code, so that what comes back is read by them, in whatever language it
was answered. The form states its version, and the day on which it was filled in, as answers of its own.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import xlsxwriter

from questionnaires.form import Questionnaire
from questionnaires.languages import ENGLISH_LANGUAGE, Language, list_sector_names
from questionnaires.lookups import load_countries, load_sectors
from questionnaires.offline.labels import RESERVED_TEXTS
from questionnaires.parse.answer import DECLINED
from questionnaires.question import Question
from questionnaires.relevance import format_xlsform
from questionnaires.validation.returned_forms import load_sensitive_questions
from questionnaires.workbook import describe_answers, list_outgoing_questions

VERSION_QUESTION, DAY_QUESTION = "form_version", "form_returned"
YES_NO, COUNTRIES, SECTORS = "yes_no", "country", "sector"  # lists of choices that several questions share
ONE, SEVERAL, TEXT = "select_one", "select_multiple", "text"
TYPES: Mapping[str, str] = {
    "text": TEXT,
    "evidence": TEXT,
    "number": "decimal",
    "money": "decimal",
    "percent": "decimal",
    "date": "date",
    "yes_no": f"{ONE} {YES_NO}",
    "country": f"{ONE} {COUNTRIES}",
    "countries": f"{SEVERAL} {COUNTRIES}",
    "sector": f"{SEVERAL} {SECTORS}",
}
LONG_LISTS = (COUNTRIES, SECTORS)  # searched rather than scrolled


class Choice(NamedTuple):
    """An answer of a list of choices, with its text in each language."""

    list_name: str
    code: str
    labels: tuple[str, ...]


def build_xlsform(form: Questionnaire, languages: Sequence[Language] = (ENGLISH_LANGUAGE,)) -> bytes:
    """Build the bytes of an XLSForm of a form, with its texts in some languages; the first one is shown first.

    It asks what is put to suppliers anywhere. A question that is sensitive in some countries is shown only in the others. The
    sectors to choose from are those that have a name in each of the languages.
    """
    versions = list(map(form.in_language, languages))
    asked = {question.id for question in list_outgoing_questions(form)} - {VERSION_QUESTION, DAY_QUESTION}
    translations = [[question for question in version.questions if question.id in asked] for version in versions]
    questions = list(zip(*translations, strict=True))
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(
        buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        write_table(book, "survey", _list_survey_rows(form, questions, languages))
        write_table(book, "choices", _list_choice_rows(form, questions, languages))
        settings = {
            "form_title": versions[0].title,
            "form_id": f"diligence_{form.id}",
            "version": form.version,
            "default_language": name_language(languages[0]),
            "style": "pages",
        }
        write_table(book, "settings", [settings])
    return buffer.getvalue()


def name_language(language: Language) -> str:
    """Return what the headers of an XLSForm call a language, which it knows by its first subtag alone."""
    return f"{language.name} ({language.code.partition('-')[0]})"


def _list_survey_rows(
    form: Questionnaire, questions: Sequence[tuple[Question, ...]], languages: Sequence[Language]
) -> list[dict[str, str]]:
    """List the rows of the sheet ``survey``: a page for each section, with its questions."""
    rows = [
        {"type": "calculate", "name": VERSION_QUESTION, "calculation": f"'{form.id} {form.version}'"},
        {"type": "today", "name": DAY_QUESTION},
    ]
    several = {question.id for question, *_ in questions if get_type(question).startswith(SEVERAL)}
    for number, (_, section) in enumerate(groupby(questions, lambda each: each[0].section), 1):
        members = list(section)
        name = f"section_{number}"
        titles = label("label", languages, [question.section for question in members[0]])
        rows.append({"type": "begin_group", "name": name, "appearance": "field-list", **titles})
        rows += [_describe_question(question, languages, several) for question in members]
        rows.append({"type": "end_group", "name": name})
    return rows


def _describe_question(
    question: tuple[Question, ...], languages: Sequence[Language], several: set[str]
) -> dict[str, str]:
    english = question[0]
    question_type = get_type(english)
    row = {
        "type": question_type,
        "name": english.id,
        **label("label", languages, [each.ask for each in question]),
        **label("hint", languages, list(map(_hint, question, languages))),
        "relevant": " and ".join(_list_conditions(english, several)),
        "constraint": _format_constraint(english),
        "required": "yes" if english.required or english.id == COUNTRIES else "",
        "appearance": "minimal autocomplete" if question_type.rpartition(" ")[2] in LONG_LISTS else "",
    }
    if row["constraint"]:
        row |= label("constraint_message", languages, list(map(describe_answers, question, languages)))
    return {name: text for name, text in row.items() if text}


def get_type(question: Question) -> str:
    """Return the type of a question in an XLSForm."""
    if question.type in ("choice", "many"):
        command = ONE if question.type == "choice" else SEVERAL
        return f"{command} {question.id}" if question.choices else TEXT
    return TYPES[question.type]


def _hint(question: Question, language: Language) -> str:
    needs_notation = get_type(question) == TEXT and question.type != "text" or question.unit
    notation = describe_answers(question, language) if needs_notation else ""
    return "\n\n".join(filter(None, (question.note, notation)))


def _list_conditions(question: Question, several: set[str]) -> list[str]:
    """List the conditions under which a question is shown: its own, and that nobody is endangered by an answer."""
    conditions = [format_xlsform(question.relevant, several)] if question.relevant else []
    countries = sorted(load_sensitive_questions().get(question.id, ()))
    if countries:
        conditions.append("not(" + " or ".join(f"${{{COUNTRIES}}} = '{code}'" for code in countries) + ")")
    return [f"({condition})" for condition in conditions] if len(conditions) > 1 else conditions


def _format_constraint(question: Question) -> str:
    bounds = (0, 100) if question.type == "percent" else (question.min, question.max)
    if question.type == "date":
        texts = ["" if bound is None else "today()" if bound == "today" else f"date('{bound}')" for bound in bounds]
    else:
        texts = ["" if bound is None else f"{bound:.15g}" if not isinstance(bound, str) else bound for bound in bounds]
    return " and ".join(f". {sign} {text}" for sign, text in zip((">=", "<="), texts, strict=True) if text)


def _list_choice_rows(
    form: Questionnaire, questions: Sequence[tuple[Question, ...]], languages: Sequence[Language]
) -> list[dict[str, str]]:
    """List the rows of the sheet ``choices``."""

    def translate(list_name: str, code: str, text: str) -> Choice:
        return Choice(list_name, code, tuple(language.translate(text) for language in languages))

    lists: dict[str, list[Choice]] = {}
    for question in questions:
        english = question[0]
        name = get_type(english).partition(" ")[2]
        if not name or name in lists:
            continue
        if english.choices:
            reserved = [
                translate(name, code, text)
                for code, text in RESERVED_TEXTS.items()
                if english.feeds and (code == DECLINED or form.offers_not_applicable(english))
            ]
            lists[name] = [
                Choice(name, same[0].code, tuple(choice.title for choice in same))
                for same in zip(*(each.choices for each in question), strict=True)
            ] + reserved
        elif name == COUNTRIES:
            named = [load_countries().list_names(language.code) for language in languages]
            codes = sorted(named[0], key=named[0].__getitem__)
            lists[name] = [Choice(name, code, tuple(names[code] for names in named)) for code in codes]
        elif name == SECTORS:
            sectors = list(map(list_sector_names, languages))
            shared = [code for code in load_sectors().names if all(code in each for each in sectors)]
            lists[name] = [Choice(name, code, tuple(f"{code} {each[code]}" for each in sectors)) for code in shared]
        else:
            lists[name] = [translate(name, code, text) for code, text in (("yes", "Yes"), ("no", "No"))]
    return [
        {"list_name": choice.list_name, "name": choice.code, **label("label", languages, choice.labels)}
        for choices in lists.values()
        for choice in choices
    ]


def label(column: str, languages: Sequence[Language], texts: Sequence[str]) -> dict[str, str]:
    """Return a text in each language, by the name of its column."""
    return {f"{column}::{name_language(one)}": text for one, text in zip(languages, texts, strict=True)}


def write_table(book: xlsxwriter.Workbook, name: str, rows: Sequence[Mapping[str, str]]) -> None:
    """Write a sheet of an XLSForm: a column for each key of its rows."""
    sheet = book.add_worksheet(name)
    headers = list(dict.fromkeys(header for row in rows for header in row))
    sheet.write_row(0, 0, headers, book.add_format({"bold": True}))
    for number, row in enumerate(rows, 1):
        for column, header in enumerate(headers):
            sheet.write_string(number, column, row.get(header, ""))
    sheet.set_column(0, len(headers), 24)
    sheet.freeze_panes(1, 0)
