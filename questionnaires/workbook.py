"""Build a form as a workbook to fill in: one row per site or agency, drop-downs, notes, and a page that explains each question.

Form and version are stamped in (a hidden sheet ``_form``, a document property of that name, and a line above the headers, which
a text file keeps), so that a filled workbook shows which questions were asked. A form that is sent out asks its recipient only:
what the buyer or a case handler answers is left out, and so is what would endanger whoever answers it.
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

from questionnaires.form import COMPLETE_FROM, Questionnaire, load_combined_form
from questionnaires.languages import ENGLISH_LANGUAGE, Language
from questionnaires.lookups import LISTS_DIR, load_countries, load_sectors
from questionnaires.question import Question
from questionnaires.sheet import OWN_LIST
from questionnaires.validation.returned_forms import BUYER, is_sensitive

CHECKED_ROWS = 5000  # rows with drop-downs and other checks
SECTION_ROW, HEADER_ROW, FIRST_ANSWER_ROW = 1, 2, 3
ANY_NUMBER = (-(10**12), 10**15)  # the bounds of an unbounded number in Excel
NOT_APPLICABLE_TEXT = "Not applicable"
UNIVERSAL_ANSWERS = (NOT_APPLICABLE_TEXT, "Declined to answer")

INK, PALE, LINE = "1F2933", "F5F7FA", "CBD2D9"
SECTION_COLORS = (  # dark and pale
    ("243B53", "D9E2EC"),
    ("0C6B58", "D5EFE8"),
    ("8D2B0B", "FBE3D6"),
    ("44337A", "E6E0F5"),
    ("7B5B00", "FBF0CC"),
    ("0B5C8A", "D6ECF8"),
    ("6B2148", "F7DCE9"),
)
FONT = "Calibri"

WIDTH_BY_TYPE = {
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
WIDTH_BY_QUESTION = {"name": 34, "name_local": 28, "address": 42, "product": 28}


@cache
def load_template_texts() -> Mapping[str, Any]:
    """Load ``lists/template.toml``: the texts of the workbook besides the questions."""
    return tomllib.loads((LISTS_DIR / "template.toml").read_text(encoding="utf-8"))


def list_outgoing_questions(form: Questionnaire, country: str | None = None) -> list[Question]:
    """List the questions of a form that its recipient is asked, in a country.

    Questions about a person are left out (their answers would not be stored), and so are those for somebody else and those that
    are sensitive in the country. The newest form decides, for earlier versions too.
    """
    newest = load_combined_form(form.kind, form.folder).by_id
    return [
        question
        for question in form.questions
        if not question.person
        and newest.get(question.id, question).audience == question_audience(form)
        and not is_sensitive(question.id, country)
    ]


def list_own_questions(form: Questionnaire) -> list[Question]:
    """List the questions of a form that a buyer can answer in its own list: those for suppliers, and those for the buyer."""
    asked = (question_audience(form), BUYER)
    newest = load_combined_form(form.kind, form.folder).by_id
    return [q for q in form.questions if not q.person and newest.get(q.id, q).audience in asked]


def question_audience(form: Questionnaire) -> str:
    """Return who fills in a form, as its newest version says."""
    return load_combined_form(form.kind, form.folder).audience


def build_template(
    form: Questionnaire,
    *,
    country: str | None = None,
    for_request: bool = False,
    for_buyer: bool = False,
    goods: Sequence[str] = (),
) -> bytes:
    """Build the bytes of an .xlsx workbook of a form. Filled in and read back, it gives the answers that were chosen.

    ``country``: where its recipient is, if that is known. ``for_request``: it is sent under a questionnaire request, so that a
    blank in it will count as declined, and it says so. ``for_buyer``: it is a list that the buyer fills in itself, in which a
    blank was not asked. ``goods``: words for listed goods, shown if the form asks for the product.
    """
    book = Workbook()
    questions = list_own_questions(form) if for_buyer else list_outgoing_questions(form, country)
    entity = load_template_texts()["entity"][form.kind]
    about, sheet, lists = (
        book.active or book.create_sheet(),
        book.create_sheet(entity["sheet"]),
        book.create_sheet("_lists"),
    )
    about.title = "About"
    is_used = {
        "own": for_buyer,
        "complete": form.method >= COMPLETE_FROM and not for_buyer,
        "sent": for_request,
        "text": True,
    }
    wordings = [wording for wording, used in is_used.items() if used]
    row = write_about_page(about, form, questions, entity, wordings)
    if goods and any(question.id == "product" for question in questions):
        write_goods(about, row, goods)
    ranges = write_lists(lists, form, questions)
    write_answer_sheet(sheet, form, questions, ranges, is_stamped=form.method >= COMPLETE_FROM and not for_buyer)
    version = f"{form.version} {OWN_LIST}" if for_buyer else form.version
    stamp = book.create_sheet("_form")
    for entry in (("form", form.id), ("version", version)):
        stamp.append(entry)
    lists.sheet_state = stamp.sheet_state = "hidden"
    book.custom_doc_props.append(  # type: ignore[attr-defined]
        StringProperty(name="_form", value=f"{form.id} {version}")
    )
    book.properties.title, book.properties.creator = f"{form.title} ({form.id} {form.version})", "Diligence"
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def list_options(form: Questionnaire, question: Question) -> tuple[str, ...]:
    """List the options in the drop-down of a question of a form, in the language of the form; empty if it has none."""
    translate = form.language.translate
    if question.type == "country":
        return tuple(sorted(load_countries().names.values()))
    if question.type == "sector":
        return tuple(f"{code} {name}" for code, name in load_sectors().names.items())
    titles = {
        "yes_no": (translate("Yes"), translate("No")),
        "choice": tuple(choice.title for choice in question.choices),
    }.get(question.type, ())
    if not titles or not question.feeds:
        return titles
    return titles + tuple(
        translate(answer)
        for answer in UNIVERSAL_ANSWERS
        if answer != NOT_APPLICABLE_TEXT or form.offers_not_applicable(question)
    )


def write_lists(sheet: Worksheet, form: Questionnaire, questions: Sequence[Question]) -> dict[tuple[str, ...], str]:
    """Write each list of options once, one a column; return the cell range of each list, as a formula names it."""
    ranges: dict[tuple[str, ...], str] = {}
    for options in (list_options(form, question) for question in questions):
        if options and options not in ranges:
            letter = get_column_letter(len(ranges) + 1)
            ranges[options] = f"'{sheet.title}'!${letter}$1:${letter}${len(options)}"
            for row, option in enumerate(options, 1):
                sheet[f"{letter}{row}"] = option
    return ranges


def iter_sections(questions: Sequence[Question]) -> Iterator[tuple[str, list[Question], str, str]]:
    """Yield the sections in the order they are asked: title, questions, dark and pale colour."""
    for number, (title, section) in enumerate(groupby(questions, lambda question: question.section)):
        yield title, list(section), *SECTION_COLORS[number % len(SECTION_COLORS)]


def write_answer_sheet(
    sheet: Worksheet,
    form: Questionnaire,
    questions: Sequence[Question],
    ranges: Mapping[tuple[str, ...], str],
    *,
    is_stamped: bool,
) -> None:
    """Write the sheet to fill in: sections over headers, each header with its note, and the checks of the cells below.

    ``is_stamped``: the line above the headers names form and version.
    """
    column = 0
    for title, section, dark, pale in iter_sections(questions):
        stamp = f" (form {form.id} {form.version})" if is_stamped and not column else ""
        band = sheet.cell(SECTION_ROW, column + 1, title + stamp)
        band.font, band.alignment = (
            Font(name=FONT, bold=True, color="FFFFFF", size=12),
            Alignment(vertical="center", indent=1),
        )
        for question in section:
            column += 1
            write_question_column(sheet, column, question, dark, pale)
            validation = build_cell_validation(form, question, ranges)
            if validation:
                letter = get_column_letter(column)
                validation.add(f"{letter}{FIRST_ANSWER_ROW}:{letter}{FIRST_ANSWER_ROW + CHECKED_ROWS}")
                sheet.add_data_validation(validation)
        first = column - len(section) + 1
        # A merged cell must not cross the frozen edge.
        if len(section) > 1 and not first <= find_name_column(questions) < column:
            sheet.merge_cells(start_row=SECTION_ROW, start_column=first, end_row=SECTION_ROW, end_column=column)
    sheet.row_dimensions[SECTION_ROW].height, sheet.row_dimensions[HEADER_ROW].height = 24, 48
    sheet.freeze_panes = f"{get_column_letter(find_name_column(questions) + 1)}{FIRST_ANSWER_ROW}"
    sheet.sheet_view.zoomScale = 100
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A4
    sheet.print_title_rows = f"{SECTION_ROW}:{HEADER_ROW}"


def write_question_column(sheet: Worksheet, column: int, question: Question, dark: str, pale: str) -> None:
    """Write the header of a question's column, and set its width and formats."""
    sheet.cell(SECTION_ROW, column).fill = PatternFill("solid", fgColor=dark)
    header = sheet.cell(HEADER_ROW, column, question.title)
    header.font, header.fill = Font(name=FONT, bold=True, color=INK), PatternFill("solid", fgColor=pale)
    header.alignment = Alignment(wrap_text=True, vertical="center", horizontal="left")
    header.border = Border(bottom=Side(style="medium", color=dark), right=Side(style="thin", color=LINE))
    header.comment = build_header_comment(question)
    dimension = sheet.column_dimensions[get_column_letter(column)]
    # Wide enough for a header on three lines.
    width = WIDTH_BY_QUESTION.get(question.id, WIDTH_BY_TYPE[question.type])
    dimension.width = max(width, len(question.title) / 2.6 + 2)
    dimension.number_format = {
        "date": "yyyy-mm-dd",
        "number": "General",
        "money": "#,##0.00",
        "percent": "0.##",
    }.get(question.type, "@")
    dimension.alignment = Alignment(
        vertical="top", wrap_text=question.type in ("text", "many", "countries", "evidence")
    )


def find_name_column(questions: Sequence[Question]) -> int:
    """Return the column of the name, which stays visible when scrolling; the first column if there is none."""
    return next((column for column, question in enumerate(questions, 1) if question.id == "name"), 1)


def describe_answers(question: Question, language: Language = ENGLISH_LANGUAGE) -> str:
    """Describe in words what a cell may contain. ``language``: that of the question."""
    titles = "; ".join(choice.title for choice in question.choices)
    kind = "texts" if question.type == "many" and not titles else question.type
    description = " ".join(filter(None, (language.translate(load_template_texts()["answers"][kind]), titles)))
    return f"{description} ({question.unit})" if question.unit else description


def list_introduction() -> list[tuple[str, str]]:
    """List the headings and texts that a printed form begins with."""
    texts = load_template_texts()
    printed = {entry["heading"]: entry.get("printed", entry["text"]) for entry in texts["about"]}
    return [(heading, printed[heading]) for heading in texts["printed"]["headings"]]


def list_fixed_texts() -> list[str]:
    """List the English texts of forms, beside the questions, that appear in the language of whoever fills them in."""
    texts = load_template_texts()
    return [
        *texts["words"].values(),
        *texts["answers"].values(),
        *(text for pair in list_introduction() for text in pair),
    ]


def build_header_comment(question: Question) -> Comment:
    """Build the note on a header: the question, help, and what may be answered."""
    text = "\n\n".join(part for part in (question.ask, question.note, describe_answers(question)) if part)
    comment = Comment(text, "Diligence")
    comment.width, comment.height = 340, 60 + 17 * (len(text) // 48 + text.count("\n"))
    return comment


def build_cell_validation(
    form: Questionnaire, question: Question, ranges: Mapping[tuple[str, ...], str]
) -> DataValidation | None:
    """Build the check that Excel applies to the cells of a question; None if any text is allowed.

    A country, a sector or a date may be written differently from our notation and still be read: there Excel only warns.
    """
    options = list_options(form, question)
    if options:
        validation = DataValidation(
            type="list", formula1=f"={ranges[options]}", error="Please choose an answer from the list."
        )
    elif question.type in ("number", "money", "percent"):
        minimum, maximum = (0, 100) if question.type == "percent" else (question.min, question.max)
        first = str(ANY_NUMBER[0] if minimum is None else minimum)
        second = str(ANY_NUMBER[1] if maximum is None else maximum)
        validation = DataValidation(type="decimal", operator="between", formula1=first, formula2=second)
        validation.error = f"Please enter a number. {describe_answers(question)}."
    elif question.type == "date":
        validation = DataValidation(
            type="date", operator="greaterThan", formula1="1", error="Please enter the date as YYYY-MM-DD."
        )
    else:
        return None
    validation.errorStyle = "warning" if question.type in ("country", "sector", "date") else "stop"
    validation.allow_blank, validation.showErrorMessage, validation.errorTitle = True, True, question.title[:32]
    return validation


def write_about_page(
    sheet: Worksheet,
    form: Questionnaire,
    questions: Sequence[Question],
    entity: Mapping[str, str],
    wordings: Sequence[str],
) -> int:
    """Write the page that is read first: the purpose, how to fill the form in, who sees it, and every question; return the row
    after them.

    A text of ``entity`` under a heading of the page replaces the general one; each text has the first of ``wordings`` that it is
    written in.
    """
    sheet.sheet_view.showGridLines = False
    for letter, width in zip("ABCDE", (3, 34, 62, 52, 3), strict=True):
        sheet.column_dimensions[letter].width = width
    title = sheet.cell(2, 2, form.title)
    title.font = Font(name=FONT, bold=True, size=20, color=INK)
    sheet.cell(3, 2, f"Form {form.id}, version {form.version}").font = Font(name=FONT, color="7B8794")
    row = write_about_texts(sheet, 5, entity, wordings)
    row = write_question_list(sheet, row, questions)
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    return row


def write_goods(sheet: Worksheet, row: int, goods: Sequence[str]) -> None:
    """Write which goods on public lists are recognised, from a row on."""
    texts = load_template_texts()["goods"]
    text = f"{texts['text']}\n{'; '.join(sorted(goods))}"
    for column, cell_text in ((2, texts["heading"]), (3, text)):
        cell = sheet.cell(row + 1, column, cell_text)
        cell.alignment, cell.fill = Alignment(wrap_text=True, vertical="top"), PatternFill("solid", fgColor=PALE)
        cell.font = Font(name=FONT, bold=column == 2, color=INK)
    sheet.merge_cells(start_row=row + 1, start_column=3, end_row=row + 1, end_column=4)
    sheet.row_dimensions[row + 1].height = 6 + 16 * count_lines(text, 112)


def write_about_texts(sheet: Worksheet, row: int, entity: Mapping[str, str], wordings: Sequence[str]) -> int:
    """Write the headings and texts of the first page from a row on, each in the first of some wordings that it has; return the
    row after them.
    """
    for entry in load_template_texts()["about"]:
        general = {**entry, "text": entity.get(entry["heading"], entry["text"])}
        is_warning = entry.get("grave", False)
        has_own_text = entry["heading"] in entity  # forms that are not about a supplier say how their blanks count
        wording = next(name for name in wordings if name in general and not (has_own_text and name == "complete"))
        text = general[wording].format(**entity)
        fill = PatternFill("solid", fgColor="FBE3D6" if is_warning else PALE)
        for column, cell_text in ((2, entry["heading"]), (3, text)):
            cell = sheet.cell(row, column, cell_text)
            cell.alignment, cell.fill = Alignment(wrap_text=True, vertical="top"), fill
            cell.font = Font(name=FONT, bold=column == 2, color="8D2B0B" if is_warning and column == 2 else INK)
        sheet.cell(row, 4).fill = fill
        sheet.merge_cells(start_row=row, start_column=3, end_row=row, end_column=4)
        sheet.row_dimensions[row].height = 6 + 16 * count_lines(text, 112)
        row += 1
    return row


def write_question_list(sheet: Worksheet, row: int, questions: Sequence[Question]) -> int:
    """Write every question of the form, by section, below a row; return the row after them.

    Parts and questions are numbered, so that no cell of this page reads like a header of the sheet to fill in.
    """
    number = 0
    for part, (title, section, dark, pale) in enumerate(iter_sections(questions), 1):
        row += 1
        for column, text in ((2, f"Part {part}: {title}"), (3, "Question"), (4, "Answer")):
            cell = sheet.cell(row, column, text)
            cell.font, cell.fill = Font(name=FONT, bold=True, color="FFFFFF"), PatternFill("solid", fgColor=dark)
        for question in section:
            row, number = row + 1, number + 1
            ask = question.ask + (f"\n{question.note}" if question.note else "")
            texts = (f"{number}. {question.title}", ask, describe_answers(question))
            for column, text in enumerate(texts, 2):
                cell = sheet.cell(row, column, text)
                cell.alignment = Alignment(wrap_text=True, vertical="top")
                cell.font = Font(name=FONT, bold=column == 2, color=INK)
                cell.border = Border(bottom=Side(style="thin", color=LINE))
            sheet.cell(row, 2).fill = PatternFill("solid", fgColor=pale)
            height = max(count_lines(text, width) for text, width in zip(texts, (30, 60, 50), strict=True))
            sheet.row_dimensions[row].height = 6 + 15 * height
    return row + 1


def count_lines(text: str, width: int) -> int:
    """Count the lines that a text takes up in a cell of a given width in characters."""
    return sum(len(line) // width + 1 for line in text.split("\n"))
