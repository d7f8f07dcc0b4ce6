"""A form as a workbook with a row per question: the answers of one supplier, in whatever language its reader chooses.

The sheet is protected, except for the answers and the choice of language. A question that the answers so far make irrelevant is
greyed out. What comes back is read by the ids of the questions, which stand in a hidden column, and by the codes of their
options, which stand beside their texts on a hidden sheet: an organisation may have worded both in its own way.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import xlsxwriter
from xlsxwriter.utility import xl_range_abs, xl_rowcol_to_cell

from questionnaires.form import Questionnaire, list_versions, load_form
from questionnaires.languages import ENGLISH_LANGUAGE, Language
from questionnaires.layout.apply import transpose
from questionnaires.offline.labels import RESERVED_TEXTS, make_answer_reader
from questionnaires.question import Question
from questionnaires.relevance import AllOf, AnyOf, Comparison, Condition, Not
from questionnaires.sheet import STAMP_SHEET, Column, Sheet
from questionnaires.text_normalize import fold_text
from questionnaires.workbook import (
    FONT,
    INK,
    LINE,
    PALE,
    SECTION_COLORS,
    describe_answers,
    list_options,
    load_template_texts,
)

ID_HEADER = "question_id"  # over the hidden column by which the sheet is recognised
SECTION, QUESTION, HELP, ID, ANSWER = range(5)
WIDTHS = (5, 58, 58, 4, 42)
TITLE_ROW, LANGUAGE_ROW, HEADER_ROW = 0, 1, 3
TEXTS_SHEET, LISTS_SHEET = "_texts", "_lists"
LIST_QUESTION, LIST_CODE, LIST_TEXT = range(3)  # columns of the options; from the third on, a column per language
ORDER = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}
NEVER = "FALSE"


class Place(NamedTuple):
    """The place of a question: the row of its answer, and the rows of the list of its options, by code."""

    row: int
    options: Mapping[str, int]


def build_row_workbook(
    form: Questionnaire,
    questions: Sequence[Question],
    languages: Sequence[Language] = (ENGLISH_LANGUAGE,),
    filled: Mapping[str, str] | None = None,
    stamp: Mapping[str, str] | None = None,
) -> bytes:
    """Build the bytes of a workbook that asks one supplier some questions of a form.

    ``languages``: those its reader can choose from; the first is shown when it is opened. ``filled``: answers that are already
    known, as texts. ``stamp``: what the workbook states about itself beside form and version, such as the request it answers.
    """
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(
        buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        _Writer(book, form, questions, languages).write(filled or {})
        sheet = book.add_worksheet(STAMP_SHEET)
        for row, entry in enumerate({"form": form.id, "version": form.version, **(stamp or {})}.items()):
            sheet.write_row(row, 0, entry)
        sheet.hide()
        book.set_properties({"title": f"{form.title} ({form.id} {form.version})", "author": "Diligence"})
    return buffer.getvalue()


class _Writer:
    """Writes the sheets: the questions, and hidden ones with their texts and options, a column per language."""

    def __init__(
        self,
        book: xlsxwriter.Workbook,
        form: Questionnaire,
        questions: Sequence[Question],
        languages: Sequence[Language],
    ) -> None:
        self.form, self.languages = form, languages
        self.words: Mapping[str, str] = load_template_texts()["words"]
        ids = {question.id for question in questions}
        versions = list(map(form.in_language, languages))
        self.versions, self.titles = versions, [version.title for version in versions]
        # A tuple for each question: it in each language.
        self.questions = list(
            zip(
                *([question for question in version.questions if question.id in ids] for version in versions),
                strict=True,
            )
        )
        self.sheet = book.add_worksheet("Questionnaire")
        self.texts, self.lists = book.add_worksheet(TEXTS_SHEET), book.add_worksheet(LISTS_SHEET)
        self.n_texts = self.n_options = 1  # the first row of the texts names the languages
        self.places: dict[str, Place] = {}
        wrapped: dict[str, Any] = {
            "font_name": FONT,
            "font_color": INK,
            "text_wrap": True,
            "valign": "top",
            "border": 1,
        }
        wrapped |= {"border_color": f"#{LINE}"}
        self.formats = {
            "title": book.add_format({"font_name": FONT, "font_color": INK, "bold": True, "font_size": 18}),
            "wrapped": book.add_format({"font_name": FONT, "font_color": INK, "text_wrap": True, "valign": "top"}),
            "header": book.add_format({**wrapped, "bold": True, "bg_color": f"#{PALE}"}),
            "text": book.add_format(wrapped),
            "answer": book.add_format({**wrapped, "locked": False, "bg_color": "#FFFDF0", "num_format": "@"}),
            "date": book.add_format({**wrapped, "locked": False, "bg_color": "#FFFDF0", "num_format": "yyyy-mm-dd"}),
            "number": book.add_format({**wrapped, "locked": False, "bg_color": "#FFFDF0", "num_format": "General"}),
            "irrelevant": book.add_format({"font_color": "#9AA5B1", "bg_color": "#E4E7EB"}),
        }
        self.sections = [
            book.add_format({"font_name": FONT, "bold": True, "font_color": "#FFFFFF", "bg_color": f"#{dark}"})
            for dark, _ in SECTION_COLORS
        ]

    def write(self, filled: Mapping[str, str]) -> None:
        """Write all sheets."""
        self._write_head()
        row = HEADER_ROW + 1
        for number, (_, members) in enumerate(groupby(self.questions, lambda question: question[0].section)):
            section = list(members)
            band = self.sections[number % len(self.sections)]
            for column in range(len(WIDTHS)):
                self.sheet.write_blank(row, column, None, band)
            self._write_text(row, SECTION, [question.section for question in section[0]], band)
            row += 1
            for question in section:
                self._write_question(row, question, filled.get(question[0].id, ""))
                row += 1
        for question in self.questions:
            if question[0].relevant:
                self._grey_out(question[0])
        for column, width in enumerate(WIDTHS):
            self.sheet.set_column(column, column, width, None, {"hidden": column == ID})
        self.sheet.freeze_panes(HEADER_ROW + 1, 0)
        self.sheet.protect("", {"format_rows": True, "format_columns": True})
        self.sheet.set_paper(9)
        self.sheet.fit_to_pages(1, 0)
        self.sheet.repeat_rows(HEADER_ROW)
        if any(language.direction == "rtl" for language in self.languages[:1]):
            self.sheet.right_to_left()
        self.texts.hide()
        self.lists.hide()

    def _write_head(self) -> None:
        names = [language.name for language in self.languages]
        self.texts.write_row(0, 1, names)
        self._write_text(TITLE_ROW, SECTION, self.titles, self.formats["title"])
        if len(names) > 1:
            chosen = xl_rowcol_to_cell(LANGUAGE_ROW, ANSWER, row_abs=True, col_abs=True)
            every = dict.fromkeys(language.translate(self.words["language"]) for language in self.languages)
            self.sheet.write(LANGUAGE_ROW, HELP, " / ".join(every), self.formats["wrapped"])
            self.sheet.set_row(LANGUAGE_ROW, 15 * (1 + len(every) // 6))
            self.sheet.write(LANGUAGE_ROW, ANSWER, names[0], self.formats["answer"])
            self.sheet.data_validation(
                LANGUAGE_ROW, ANSWER, LANGUAGE_ROW, ANSWER, {"validate": "list", "source": names}
            )
            # The number of the chosen language, by which every text is looked up.
            formula = f"=IFERROR(MATCH({self.sheet.name}!{chosen},{TEXTS_SHEET}!$B$1:${chr(65 + len(names))}$1,0),1)"
            self.texts.write_formula(0, 0, formula, None, 1)
        headers = {QUESTION: self.words["question"], HELP: self.words["help"], ANSWER: self.words["answer"]}
        for column in range(len(WIDTHS)):
            texts = [language.translate(headers.get(column, "")) for language in self.languages]
            self._write_text(HEADER_ROW, column, texts, self.formats["header"])
        self.sheet.write_string(HEADER_ROW, ID, ID_HEADER, self.formats["header"])

    def _write_text(self, row: int, column: int, texts: Sequence[str], text_format: Any) -> None:
        """Write a text that follows the chosen language; one that is the same in all languages as it is."""
        if len(set(texts)) == 1:
            self.sheet.write_string(row, column, texts[0], text_format)
            return
        self.texts.write_row(self.n_texts, 1, texts)
        last = chr(65 + len(texts))
        line = f"{TEXTS_SHEET}!$B${self.n_texts + 1}:${last}${self.n_texts + 1}"
        self.sheet.write_formula(row, column, f"=INDEX({line},1,{TEXTS_SHEET}!$A$1)", text_format, texts[0])
        self.n_texts += 1

    def _write_question(self, row: int, question: tuple[Question, ...], answer: str) -> None:
        english = question[0]
        self._write_text(row, QUESTION, [each.ask for each in question], self.formats["text"])
        offers_list = bool(list_options(self.form, english)) and english.type != "sector"
        helps = [
            "\n".join(filter(None, (each.note, "" if offers_list else describe_answers(each, language))))
            for each, language in zip(question, self.languages, strict=True)
        ]
        self._write_text(row, HELP, helps, self.formats["text"])
        self.sheet.write_string(row, ID, english.id, self.formats["text"])
        is_number = english.type in ("number", "money", "percent")
        answer_format = self.formats["date" if english.type == "date" else "number" if is_number else "answer"]
        self.sheet.write_string(row, ANSWER, answer, answer_format)
        self.places[english.id] = Place(row, self._write_options(row, question))

    def _write_options(self, row: int, question: tuple[Question, ...]) -> dict[str, int]:
        """Write the options of a question with their codes, and offer them in its cell if it takes one of them; return their rows
        by code then.
        """
        english = question[0]
        options = list(zip(*map(list_options, self.versions, question), strict=True))
        is_offered = bool(options) and english.type != "sector"  # a supplier may be in several sectors
        if not is_offered:
            options = list(zip(*([choice.title for choice in each.choices] for each in question), strict=True))
        codes = {choice.title: choice.code for choice in english.choices} or {"Yes": "yes", "No": "no"}
        codes |= {text: code for code, text in RESERVED_TEXTS.items()}
        first, rows = self.n_options, {}
        for option in options:
            code = codes.get(option[0], "")
            self.lists.write_row(self.n_options, 0, (english.id, code, *option))
            rows[code] = self.n_options
            self.n_options += 1
        if not is_offered:
            return {}
        number = f"{TEXTS_SHEET}!$A$1" if len(self.languages) > 1 else "1"
        place = xl_rowcol_to_cell(first, LIST_TEXT, row_abs=True, col_abs=True)
        source = f"=OFFSET({LISTS_SHEET}!{place},0,{number}-1,{len(options)},1)"
        translate = self.languages[0].translate
        self.sheet.data_validation(
            row, ANSWER, row, ANSWER,
            {"validate": "list", "source": source, "error_type": "warning" if english.type == "country" else "stop",
             "error_title": translate(self.words["answer"]), "error_message": translate(self.words["choose"])},
        )  # fmt: skip
        return rows

    def _grey_out(self, question: Question) -> None:
        assert question.relevant is not None
        row = self.places[question.id].row
        formula = f"=NOT({self._format_condition(question.relevant)})"
        self.sheet.conditional_format(
            row, SECTION, row, ANSWER, {"type": "formula", "criteria": formula, "format": self.formats["irrelevant"]}
        )

    def _format_condition(self, condition: Condition) -> str:
        """Return a condition as a formula; a question that is not in the workbook has no answer."""
        match condition:
            case Comparison():
                return self._format_comparison(condition)
            case Not(part):
                return f"NOT({self._format_condition(part)})"
            case AllOf(parts):
                return f"AND({','.join(map(self._format_condition, parts))})"
            case AnyOf(parts):
                return f"OR({','.join(map(self._format_condition, parts))})"

    def _format_comparison(self, comparison: Comparison) -> str:
        place = self.places.get(comparison.question)
        if place is None:
            return NEVER
        cell = xl_rowcol_to_cell(place.row, ANSWER, row_abs=True, col_abs=True)
        if comparison.operator in ORDER:
            return f"AND(ISNUMBER({cell}),{cell}{comparison.operator}{comparison.values[0]:.15g})"
        rows = [place.options[str(value)] for value in comparison.values if str(value) in place.options]
        last = LIST_TEXT + len(self.languages) - 1
        equal = [
            f"COUNTIF({LISTS_SHEET}!{xl_range_abs(option_row, LIST_TEXT, option_row, last)},{cell})>0"
            for option_row in rows
        ]
        found = f"OR({','.join(equal)})" if equal else NEVER
        return f'AND({cell}<>"",NOT({found}))' if comparison.operator in ("!=", "not in") else found


def read_codes(sheets: Sequence[Sheet]) -> Mapping[str, Mapping[str, str]]:
    """Return the codes of the options that a workbook itself lists: by question, and by their folded text in any language."""
    lists = next((sheet for sheet in sheets if sheet.name == LISTS_SHEET and not sheet.visible), None)
    codes: dict[str, dict[str, str]] = {}
    for row in transpose(lists).columns if lists and len(lists.columns) > LIST_TEXT else ():
        question, code, *texts = (row.values[number] if number >= 0 else "" for number in row.codes.tolist())
        if code:
            codes.setdefault(question, {}).update((fold_text(text), code) for text in texts if text)
    return codes


def read_row_workbook(sheet: Sheet, codes: Mapping[str, Mapping[str, str]]) -> Sheet:
    """Return a sheet with a row per question as one with a column per question, in codes; any other sheet as it is.

    ``codes``: those that its workbook lists. One that the form does not have is ignored.
    """
    form_id, version, *_ = (sheet.stamp or "").split(" ") + [""]
    has_ids = len(sheet.columns) > ANSWER and ID_HEADER in sheet.columns[ID].values
    if not has_ids or version not in list_versions(form_id):
        return sheet
    form = load_form(form_id, version)
    across = transpose(sheet)
    columns = []
    for column in across.columns:
        question_id, answer = (column.values[code] if code >= 0 else "" for code in column.codes[[ID, ANSWER]].tolist())
        question = form.by_id.get(question_id)
        texts = [question.id, _read_answer(question, form, codes, answer)] if question else ["", ""]
        values = tuple(dict.fromkeys(filter(None, texts)))
        columns.append(Column(values, np.array([values.index(text) if text else -1 for text in texts], np.int32)))
    answer_errors = {place: text for place, text in across.errors.items() if place[0] == ANSWER + 1}
    return Sheet(
        file=sheet.file,
        name=sheet.name,
        visible=sheet.visible,
        first_row=ID + 1,
        n_rows=2,
        columns=tuple(columns),
        errors=answer_errors,
        stamp=sheet.stamp,
        request_id=sheet.request_id,
        request_reference=sheet.request_reference,
        cell_text=sheet.cell_text,
        is_transposed=True,
    )


def _read_answer(question: Question, form: Questionnaire, codes: Mapping[str, Mapping[str, str]], answer: str) -> str:
    known = {*(question.list_codes() or ()), *RESERVED_TEXTS}
    listed = {text: code for text, code in codes.get(question.id, {}).items() if code in known}
    return make_answer_reader(question, form, listed)(answer)
