"""A form as a workbook with a row per question: the answers of one supplier, in whatever language its reader chooses.

The sheet is protected, except for the answers and the choice of language. A question that the answers so far make irrelevant is
greyed out. What comes back is read by the ids of the questions, which stand in a hidden column.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import xlsxwriter
from xlsxwriter.utility import xl_rowcol_to_cell

from questionnaires.form import Questionnaire, list_versions, load_form
from questionnaires.languages import ENGLISH, load_language
from questionnaires.layout.apply import transpose
from questionnaires.offline.labels import make_answer_reader
from questionnaires.question import Question
from questionnaires.relevance import AllOf, AnyOf, Comparison, Condition, Not
from questionnaires.sheet import STAMP_SHEET, Column, Sheet
from questionnaires.workbook import (
    FONT,
    INK,
    LINE,
    PALE,
    SECTION_COLORS,
    describe_answers,
    list_options,
)

ID_HEADER = "question_id"  # over the hidden column by which the sheet is recognised
SECTION, QUESTION, HELP, ID, ANSWER = range(5)
WIDTHS = (5, 58, 58, 4, 42)
TITLE_ROW, LANGUAGE_ROW, HEADER_ROW = 0, 1, 3
TEXTS_SHEET, LISTS_SHEET = "_texts", "_lists"
ORDER = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}
NEVER = "FALSE"


class Place(NamedTuple):
    """The place of a question: the row of its answer, and the rows of the list of its options, by code."""

    row: int
    options: Mapping[str, int]


def build_row_workbook(
    form: Questionnaire,
    questions: Sequence[Question],
    languages: Sequence[str] = (ENGLISH,),
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
        self, book: xlsxwriter.Workbook, form: Questionnaire, questions: Sequence[Question], languages: Sequence[str]
    ) -> None:
        self.form, self.languages = form, [load_language(code) for code in languages]
        ids = {question.id for question in questions}
        versions = [form.in_language(code) for code in languages]
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
            "plain": book.add_format({"font_name": FONT, "font_color": INK}),
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
            self.sheet.write(LANGUAGE_ROW, HELP, "Language / ภาษา / Bahasa / Ngôn ngữ / 语言", self.formats["plain"])
            self.sheet.write(LANGUAGE_ROW, ANSWER, names[0], self.formats["answer"])
            self.sheet.data_validation(
                LANGUAGE_ROW, ANSWER, LANGUAGE_ROW, ANSWER, {"validate": "list", "source": names}
            )
            # The number of the chosen language, by which every text is looked up.
            formula = f"=IFERROR(MATCH({self.sheet.name}!{chosen},{TEXTS_SHEET}!$B$1:${chr(65 + len(names))}$1,0),1)"
            self.texts.write_formula(0, 0, formula, None, 1)
        headers = {SECTION: "", QUESTION: "Question", HELP: "Help", ID: ID_HEADER, ANSWER: "Answer"}
        for column, header in headers.items():
            texts = [language.translate(header) for language in self.languages]
            self._write_text(HEADER_ROW, column, texts, self.formats["header"])

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
            "\n".join(filter(None, (each.note, "" if offers_list else describe_answers(each)))) for each in question
        ]
        self._write_text(row, HELP, helps, self.formats["text"])
        self.sheet.write_string(row, ID, english.id, self.formats["text"])
        is_number = english.type in ("number", "money", "percent")
        answer_format = self.formats["date" if english.type == "date" else "number" if is_number else "answer"]
        self.sheet.write_string(row, ANSWER, answer, answer_format)
        self.places[english.id] = Place(row, self._write_options(row, question))

    def _write_options(self, row: int, question: tuple[Question, ...]) -> dict[str, int]:
        """Write the options of a question and offer them in its cell; return their rows by code."""
        english = question[0]
        options = list(zip(*map(list_options, self.versions, question), strict=True))
        if not options or english.type == "sector":  # a supplier may be in several sectors
            return {}
        first = self.n_options
        for option in options:
            self.lists.write_row(self.n_options, 0, option)
            self.n_options += 1
        number = f"{TEXTS_SHEET}!$A$1" if len(self.languages) > 1 else "1"
        source = f"=OFFSET({LISTS_SHEET}!$A${first + 1},0,{number}-1,{len(options)},1)"
        self.sheet.data_validation(
            row, ANSWER, row, ANSWER,
            {"validate": "list", "source": source, "error_type": "warning" if english.type == "country" else "stop",
             "error_title": "Answer", "error_message": "Please choose an answer from the list."},
        )  # fmt: skip
        codes = ("yes", "no") if english.type == "yes_no" else tuple(choice.code for choice in english.choices)
        return dict(zip(codes, range(first, first + len(options)), strict=False))

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
        last = chr(64 + len(self.languages))
        equal = [
            f"COUNTIF({LISTS_SHEET}!$A${place.options[str(value)] + 1}:${last}${place.options[str(value)] + 1},{cell})>0"
            for value in comparison.values
            if str(value) in place.options
        ]
        found = f"OR({','.join(equal)})" if equal else NEVER
        return f'AND({cell}<>"",NOT({found}))' if comparison.operator in ("!=", "not in") else found


def read_row_workbook(sheet: Sheet) -> Sheet:
    """Return a sheet with a row per question as one with a column per question, in codes; any other sheet as it is."""
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
        texts = [question.id, make_answer_reader(question, form)(answer)] if question else ["", ""]
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
