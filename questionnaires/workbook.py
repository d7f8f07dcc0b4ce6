"""A form as a workbook to fill in: one row a site or agency, drop-downs, notes, and a page that says what is asked and
why.

The form and its version are stamped in (a hidden sheet ``_form`` and a document property of that name), so that a
filled workbook says which questions were asked.
"""

from __future__ import annotations

import io
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.packaging.custom import StringProperty
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from questionnaires.form import Question, Questionnaire
from questionnaires.lookups import LISTS, countries, sectors

ROWS = 5000  # rows that have drop-downs
BAND, HEADER, FIRST = 1, 2, 3  # rows of the sections, the headers and the first answer
ANY = (-(10**12), 10**15)  # what "any number" is to Excel
SAID_ANYWHERE = ("Not applicable", "Declined to answer")

INK, PALE, LINE = "1F2933", "F5F7FA", "CBD2D9"
SECTIONS = (
    ("243B53", "D9E2EC"),
    ("0C6B58", "D5EFE8"),
    ("8D2B0B", "FBE3D6"),
    ("44337A", "E6E0F5"),
    ("7B5B00", "FBF0CC"),
    ("0B5C8A", "D6ECF8"),
    ("6B2148", "F7DCE9"),
)
FONT = "Calibri"

WIDTHS = {
    "text": 24,
    "number": 13,
    "money": 14,
    "percent": 12,
    "date": 14,
    "yes_no": 14,
    "choice": 28,
    "many": 30,
    "country": 22,
    "countries": 26,
    "sector": 34,
    "evidence": 44,
}
WIDE = {"name": 34, "name_local": 28, "address": 42, "product": 28}


@cache
def sayings() -> Mapping[str, Any]:
    """``lists/template.toml``: what the workbook says beside the questions."""
    return tomllib.loads((LISTS / "template.toml").read_text(encoding="utf-8"))


def template(form: Questionnaire, *, sent: bool = False) -> bytes:
    """The form as the bytes of an .xlsx workbook. Filled in and read back, it gives the answers that were chosen.

    Questions about a person are left out: their answers would not be kept. ``sent``: it goes out under a record of asking, so
    that a blank in it will count as declined, and it says so.
    """
    book = Workbook()
    asked = [question for question in form.questions if not question.person]
    entity = sayings()["entity"][form.kind]
    about, sheet, lists = (
        book.active or book.create_sheet(),
        book.create_sheet(entity["sheet"]),
        book.create_sheet("_lists"),
    )
    about.title = "About"
    fill_about(about, form, asked, entity, sent=sent)
    ranges = fill_lists(lists, asked)
    fill_headers(sheet, asked, ranges)
    stamp = book.create_sheet("_form")
    for row in (("form", form.id), ("version", form.version)):
        stamp.append(row)
    lists.sheet_state = stamp.sheet_state = "hidden"
    book.custom_doc_props.append(  # type: ignore[attr-defined]
        StringProperty(name="_form", value=f"{form.id} {form.version}")
    )
    book.properties.title, book.properties.creator = f"{form.title} ({form.id} {form.version})", "Diligence"
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


def offered(question: Question) -> tuple[str, ...]:
    """What the drop-down of a question offers; empty if it has none."""
    if question.type == "country":
        return tuple(sorted(countries().names.values()))
    if question.type == "sector":
        return tuple(f"{code} {name}" for code, name in sectors().names.items())
    titles = {"yes_no": ("Yes", "No"), "choice": tuple(choice.title for choice in question.choices)}.get(
        question.type, ()
    )
    return titles + SAID_ANYWHERE if titles and question.feeds else titles


def fill_lists(sheet: Worksheet, asked: Sequence[Question]) -> dict[tuple[str, ...], str]:
    """Writes each list once, a column each; gives the cells of each list, as a formula names them."""
    ranges: dict[tuple[str, ...], str] = {}
    for titles in map(offered, asked):
        if titles and titles not in ranges:
            letter = get_column_letter(len(ranges) + 1)
            ranges[titles] = f"'{sheet.title}'!${letter}$1:${letter}${len(titles)}"
            for row, title in enumerate(titles, 1):
                sheet[f"{letter}{row}"] = title
    return ranges


def colours(asked: Sequence[Question]) -> Iterator[tuple[str, list[Question], str, str]]:
    """The sections in the order they are asked: title, questions, dark and pale colour."""
    for number, (section, questions) in enumerate(groupby(asked, lambda question: question.section)):
        yield section, list(questions), *SECTIONS[number % len(SECTIONS)]


def fill_headers(sheet: Worksheet, asked: Sequence[Question], ranges: dict[tuple[str, ...], str]) -> None:
    """The sheet to fill in: sections over headers, each header with its note, and the checks of the cells below."""
    line = Side(style="thin", color=LINE)
    at = 0
    for section, questions, dark, pale in colours(asked):
        band = sheet.cell(BAND, at + 1, section)
        band.font, band.alignment = (
            Font(name=FONT, bold=True, color="FFFFFF", size=12),
            Alignment(vertical="center", indent=1),
        )
        for question in questions:
            at += 1
            letter = get_column_letter(at)
            sheet.cell(BAND, at).fill = PatternFill("solid", fgColor=dark)
            header = sheet.cell(HEADER, at, question.title)
            header.font, header.fill = Font(name=FONT, bold=True, color=INK), PatternFill("solid", fgColor=pale)
            header.alignment = Alignment(wrap_text=True, vertical="center", horizontal="left")
            header.border = Border(bottom=Side(style="medium", color=dark), right=line)
            header.comment = note(question)
            column = sheet.column_dimensions[letter]
            # Wide enough for a header on three lines.
            column.width = max(WIDE.get(question.id, WIDTHS[question.type]), len(question.title) / 2.6 + 2)
            column.number_format = {
                "date": "yyyy-mm-dd",
                "number": "General",
                "money": "#,##0.00",
                "percent": "0.##",
            }.get(question.type, "@")
            column.alignment = Alignment(
                vertical="top", wrap_text=question.type in ("text", "many", "countries", "evidence")
            )
            check = cell_check(question, ranges)
            if check:
                check.add(f"{letter}{FIRST}:{letter}{FIRST + ROWS}")
                sheet.add_data_validation(check)
        first = at - len(questions) + 1
        if len(questions) > 1 and not first <= name_column(asked) < at:  # a merged cell may not cross the frozen edge
            sheet.merge_cells(start_row=BAND, start_column=first, end_row=BAND, end_column=at)
    sheet.row_dimensions[BAND].height, sheet.row_dimensions[HEADER].height = 24, 48
    sheet.freeze_panes = f"{get_column_letter(name_column(asked) + 1)}{FIRST}"
    sheet.sheet_view.zoomScale = 100
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A4
    sheet.print_title_rows = f"{BAND}:{HEADER}"


def name_column(asked: Sequence[Question]) -> int:
    """The column of the name, which stays in sight; the first if there is none."""
    return next((at for at, question in enumerate(asked, 1) if question.id == "name"), 1)


def answers_of(question: Question) -> str:
    """In words, what a cell may hold."""
    titles = "; ".join(choice.title for choice in question.choices)
    kind = "texts" if question.type == "many" and not titles else question.type
    told = str(sayings()["answers"][kind]) + titles
    return f"{told} ({question.unit})" if question.unit else told


def note(question: Question) -> Comment:
    """The note on a header: the question, help, and what may be answered."""
    text = "\n\n".join(part for part in (question.ask, question.note, answers_of(question)) if part)
    comment = Comment(text, "Diligence")
    comment.width, comment.height = 340, 60 + 17 * (len(text) // 48 + text.count("\n"))
    return comment


def cell_check(question: Question, ranges: Mapping[tuple[str, ...], str]) -> DataValidation | None:
    """What Excel lets be typed into the cells of a question.

    A country, a sector or a date may be written otherwise than we ask and still be read: there Excel only warns.
    """
    titles = offered(question)
    if titles:
        check = DataValidation(type="list", formula1=f"={ranges[titles]}", error="Please choose from the list.")
    elif question.type in ("number", "money", "percent"):
        least, most = (0, 100) if question.type == "percent" else (question.min, question.max)
        first, second = str(ANY[0] if least is None else least), str(ANY[1] if most is None else most)
        check = DataValidation(type="decimal", operator="between", formula1=first, formula2=second)
        check.error = f"Please write a number. {answers_of(question)}."
    elif question.type == "date":
        check = DataValidation(type="date", operator="greaterThan", formula1="1", error="Please write YYYY-MM-DD.")
    else:
        return None
    check.errorStyle = "warning" if question.type in ("country", "sector", "date") else "stop"
    check.allow_blank, check.showErrorMessage, check.errorTitle = True, True, question.title[:32]
    return check


def fill_about(
    sheet: Worksheet, form: Questionnaire, asked: Sequence[Question], entity: Mapping[str, str], *, sent: bool
) -> None:
    """The page that is read first: what it is for, how to fill it in, who sees it, and every question.

    What ``entity`` says under a heading of the page goes before what is said to all; what is said of a form that is ``sent``
    before both.
    """
    sheet.sheet_view.showGridLines = False
    for letter, width in zip("ABCDE", (3, 34, 62, 52, 3), strict=True):
        sheet.column_dimensions[letter].width = width
    wrapped = Alignment(wrap_text=True, vertical="top")
    title = sheet.cell(2, 2, form.title)
    title.font = Font(name=FONT, bold=True, size=20, color=INK)
    sheet.cell(3, 2, f"Form {form.id}, version {form.version}").font = Font(name=FONT, color="7B8794")
    row = 5
    for said in sayings()["about"]:
        told = entity.get(said["heading"], said["text"])
        grave, text = said.get("grave", False), (said.get("sent", told) if sent else told).format(**entity)
        fill = PatternFill("solid", fgColor="FBE3D6" if grave else PALE)
        for column, cell_text in ((2, said["heading"]), (3, text)):
            cell = sheet.cell(row, column, cell_text)
            cell.alignment, cell.fill = wrapped, fill
            cell.font = Font(name=FONT, bold=column == 2, color="8D2B0B" if grave and column == 2 else INK)
        sheet.cell(row, 4).fill = fill
        sheet.merge_cells(start_row=row, start_column=3, end_row=row, end_column=4)
        sheet.row_dimensions[row].height = 6 + 16 * lines(text, 112)
        row += 1
    number = 0
    # Parts and questions are numbered, so that no cell of this page reads like a header of the sheet to fill in.
    for part, (section, questions, dark, pale) in enumerate(colours(asked), 1):
        row += 1
        for column, text in ((2, f"Part {part}: {section}"), (3, "The question"), (4, "The answer")):
            cell = sheet.cell(row, column, text)
            cell.font, cell.fill = Font(name=FONT, bold=True, color="FFFFFF"), PatternFill("solid", fgColor=dark)
        for question in questions:
            row, number = row + 1, number + 1
            told = question.ask + (f"\n{question.note}" if question.note else "")
            texts = (f"{number}. {question.title}", told, answers_of(question))
            for column, text in enumerate(texts, 2):
                cell = sheet.cell(row, column, text)
                cell.alignment, cell.font = wrapped, Font(name=FONT, bold=column == 2, color=INK)
                cell.border = Border(bottom=Side(style="thin", color=LINE))
            sheet.cell(row, 2).fill = PatternFill("solid", fgColor=pale)
            most = max(lines(text, width) for text, width in zip(texts, (30, 60, 50), strict=True))
            sheet.row_dimensions[row].height = 6 + 15 * most
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)


def lines(text: str, width: int) -> int:
    """How many lines a text takes in a cell of so many characters."""
    return sum(len(line) // width + 1 for line in text.split("\n"))
