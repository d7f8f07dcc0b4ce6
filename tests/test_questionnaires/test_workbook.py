"""The workbook to fill in: what it offers, and that the chosen answers are read back."""

import io
import re
from datetime import date

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.utils import get_column_letter

from questionnaires.form import list_form_ids, load_combined_form, load_form
from questionnaires.sheet import read_sheets
from questionnaires.text_normalize import fold_text
from questionnaires.validation.match import detect_kind, find_header_row, match_columns
from questionnaires.validation.validate import validate_sheet
from questionnaires.workbook import (
    UNIVERSAL_ANSWERS,
    build_template,
    list_options,
    list_outgoing_questions,
    list_own_questions,
    load_template_texts,
)
from tests.test_questionnaires.tables import AGENCY, FORMS, SITE, get_answers, get_issue_codes, submit

FORM = load_form("site_fishing", None, FORMS)
FILLED_IN = {  # question: (what is filled in, what is read)
    "reference": ("007", "007"),
    "name": ("Alpha Works", "Alpha Works"),
    "country": ("Namibia", "NA"),
    "sector": ("0311 Marine fishing", ("0311",)),
    "workers_total": (120, 120.0),
    "migrant_pct": (45, 45.0),
    "wage": (1234.5, 1234.5),
    "worker_origin_countries": ("Nepal; Viet Nam", ("NP", "VN")),
    "papers": ("None", "none"),
    "contracts": ("Not applicable", "cannot_apply"),
    "harms": ("Debt; Threats, of any kind", ("debt", "threats")),
    "visited": ("2026-02-01", "2026-02-01"),
    "flag": ("Panama", "PA"),
    "months_at_sea": (11, 11.0),
}


def load_template(form=FORM) -> Workbook:
    """Load the template with openpyxl."""
    return load_workbook(io.BytesIO(build_template(form)))


def find_column(sheet, title: str) -> str:
    """Return the letter of the column under a header."""
    return next(get_column_letter(cell.column) for cell in sheet[2] if cell.value == title)


def get_validations(sheet) -> dict[str, object]:
    """Return the validation of each column, by its letter."""
    return {
        str(validation.sqref).rstrip("0123456789").split("3")[0]: validation
        for validation in sheet.data_validations.dataValidation
    }


def test_a_filled_workbook_is_read_back_with_the_chosen_answers():
    book = load_template()
    for question, (value, _) in FILLED_IN.items():
        book["Sites"][f"{find_column(book['Sites'], FORM.by_id[question].title)}3"] = value
    buffer = io.BytesIO()
    book.save(buffer)
    sheet = next(sheet for sheet in read_sheets(buffer.getvalue(), "filled.xlsx") if sheet.name == "Sites")
    header = find_header_row(sheet, [SITE, AGENCY])
    matched = match_columns(sheet, header, SITE)
    submission = validate_sheet(sheet, header, matched, SITE)
    assert (header, detect_kind(matched.headers, sheet.name, {"site": SITE, "agency": AGENCY})) == (2, "site")
    assert {question: get_answers(submission, question) for question in FILLED_IN} == {
        question: [answer] for question, (_, answer) in FILLED_IN.items()
    }
    # A template before 2026.4 may be a buyer's own list: the importer is asked.
    assert [issue.code for issue in submission.issues] == ["form.sender_unknown"]
    assert (submission.accepted, matched.unmapped) == (1, ())


def test_every_option_of_a_drop_down_is_read_as_an_answer():
    book = load_template()
    lists, sheet = book["_lists"], book["Sites"]
    for question in FORM.questions:
        validation = None if question.person else get_validations(sheet).get(find_column(sheet, question.title))
        if validation and validation.type == "list":
            texts = [cell.value for (cell,) in lists[validation.formula1.split("!")[1].replace("$", "")]]
            answers, errors = question.build_field().fit_to_column(texts)[0].parse_column(texts)
            assert errors == {}, question.id
            assert len(set(answers)) == len(texts), question.id


def test_the_workbook_opens_on_the_page_that_explains_it():
    book = load_template()
    assert book.active.title == "About"
    text = "\n".join(str(cell.value) for row in book["About"].iter_rows() for cell in row if cell.value)
    for phrase in (
        "What this is for",
        "Who sees it",
        "Never enter a worker's name",
        "Use one row for each site on the sheet 'Sites'",
    ):
        assert phrase in text
    for question in FORM.questions:
        assert (question.ask in text) != question.person


def get_advice_on_blanks(form, **options) -> str:
    """Return what the page About says under "If you do not know"."""
    about = load_workbook(io.BytesIO(build_template(form, **options)))["About"]
    return next(row[2].value for row in about.iter_rows() if row[1].value == "If you do not know")


@pytest.mark.parametrize("form", ["site", "site_fishing", "agency"])
@pytest.mark.parametrize("for_request", [True, False])
def test_a_form_states_that_it_is_complete_or_declined(form, for_request):
    text = get_advice_on_blanks(load_form(form), for_request=for_request)
    assert "an empty cell counts as declined, which is the worst possible answer" in text
    assert "not asked" not in text
    titles = {choice.title for question in load_form(form).questions for choice in question.choices}
    assert set(re.findall(r"'([^']+)'", text)) <= titles | {*UNIVERSAL_ANSWERS}


@pytest.mark.parametrize("form", ["site", "site_fishing", "agency"])
def test_a_form_before_2026_4_states_correctly_how_a_blank_counts(form):
    earlier = load_form(form, "2026.2")
    empty, sent = (get_advice_on_blanks(earlier, for_request=for_request) for for_request in (False, True))
    assert "leave the cell empty: it counts as not asked" in empty
    assert "if 'Form returned on' is filled in, an empty cell counts as declined" in empty
    assert "Please answer every question" in sent
    assert "an empty cell counts as declined, which is the worst possible answer" in sent
    titles = {choice.title for question in earlier.questions for choice in question.choices}
    for text in (empty, sent):
        quoted = re.findall(r"'([^']+)'", text)
        known = titles | {*UNIVERSAL_ANSWERS} | {question.title for question in load_form(form).questions}
        assert set(quoted) <= known


def test_goods_that_are_recognised_are_listed_where_the_form_asks_for_the_product():
    texts = {}
    for form in ("site", "agency"):
        about = load_workbook(io.BytesIO(build_template(load_form(form), goods=["shrimp", "bricks"])))["About"]
        texts[form] = "\n".join(str(cell.value) for row in about.iter_rows() for cell in row)
    assert "bricks; shrimp" in texts["site"]
    assert "bricks" not in texts["agency"]


@pytest.mark.parametrize("form", ["site", "site_fishing", "agency"])
def test_a_list_of_the_buyers_own_asks_what_suppliers_and_the_buyer_answer(form):
    own = load_form(form)
    about = get_advice_on_blanks(own, for_buyer=True)
    assert "it counts as not asked" in about
    newest = load_combined_form(own.kind).by_id
    expected = [q.id for q in own.questions if newest[q.id].audience in ("supplier", "buyer") and not q.person]
    assert [question.id for question in list_own_questions(own)] == expected
    sheets = read_sheets(build_template(own, for_buyer=True), "list.xlsx")
    table = next(sheet for sheet in sheets if sheet.name == load_template_texts()["entity"][own.kind]["sheet"])
    assert table.stamp == f"{form} {own.version} own list"


@pytest.mark.parametrize(("for_buyer", "state"), [(True, None), (False, "declined")])
def test_a_blank_is_declined_in_a_form_and_not_asked_in_a_list_of_the_buyers_own(for_buyer, state):
    form = load_form("site")
    book = load_workbook(io.BytesIO(build_template(form, for_buyer=for_buyer)))
    sheet = book["Sites"]
    columns = {cell.value: cell.column for cell in sheet[2]}
    practice = form.by_id["papers_retention"]
    row = {"name": "Blue Pier Mill", "country": "Thailand", "papers_retention": practice.choices[0].title}
    for question, answer in row.items():
        sheet.cell(3, columns[form.by_id[question].title], answer)
    buffer = io.BytesIO()
    book.save(buffer)
    table = next(sheet for sheet in read_sheets(buffer.getvalue(), "list.xlsx") if sheet.name == "Sites")
    submission = submit(table, load_combined_form("site"), as_of=date(2026, 11, 27))
    assert submission.returned.tolist() == [not for_buyer]
    assert get_answers(submission, "papers_retention") == [practice.choices[0].code]
    assert (get_answers(submission, "wage_payment") if "wage_payment" in submission.answers else [None]) == [state]
    assert "form.sender_unknown" not in get_issue_codes(submission)


def test_buyer_and_case_forms_state_how_a_blank_counts():
    assert "not answered yet" in get_advice_on_blanks(load_form("buyer"))
    assert "'Found', where an empty cell means yes" in get_advice_on_blanks(load_form("case"))


def test_the_about_page_is_never_read_as_a_table():
    sheet = next(sheet for sheet in read_sheets(build_template(FORM), "template.xlsx") if sheet.name == "About")
    words = {fold_text(text) for column in sheet.columns for text in column.values}
    assert not words & (SITE.headers.keys() | AGENCY.headers.keys())


def test_each_header_has_its_question_as_a_note_and_stays_visible():
    sheet = load_template()["Sites"]
    assert sheet.freeze_panes == "C3"
    for question in FORM.questions:
        if not question.person:
            comment = sheet[f"{find_column(sheet, question.title)}2"].comment.text
            assert question.ask in comment
            assert question.note in comment


def test_questions_about_a_person_are_left_out():
    assert "E-mail" not in [cell.value for cell in load_template()["Sites"][2]]


def test_form_and_version_are_stamped_in_a_sheet_and_a_property():
    book = load_template()
    assert [[cell.value for cell in row] for row in book["_form"]["A1:B2"]] == [
        ["form", "site_fishing"],
        ["version", "2026.1"],
    ]
    assert book.custom_doc_props["_form"].value == "site_fishing 2026.1"
    assert {name: book[name].sheet_state for name in ("_form", "_lists")} == {"_form": "hidden", "_lists": "hidden"}


def test_cells_are_validated_by_the_type_and_range_of_the_question():
    sheet = load_template()["Sites"]
    validations = get_validations(sheet)
    months = validations[find_column(sheet, "Months at sea")]
    assert (months.type, months.formula1, months.formula2, months.errorStyle) == ("decimal", "0", "60", "stop")
    assert validations[find_column(sheet, "Papers")].errorStyle == "stop"
    assert validations[find_column(sheet, "Country")].errorStyle == "warning"
    assert find_column(sheet, "Address") not in validations


def test_a_reference_keeps_its_leading_zeros():
    sheet = load_template()["Sites"]
    assert sheet.column_dimensions[find_column(sheet, "Reference")].number_format == "@"


@pytest.mark.parametrize("form", ["site", "site_fishing", "agency"])
def test_no_validation_text_is_longer_than_excel_allows(form):
    book = load_template(load_form(form, None, FORMS))
    for sheet in book:
        for validation in sheet.data_validations.dataValidation:
            assert len(validation.error or "") <= 255
            assert len(validation.errorTitle or "") <= 32


@pytest.mark.parametrize("form_id", list_form_ids())
def test_the_options_of_a_released_form_are_read_as_distinct_answers(form_id):
    form = load_form(form_id)
    for question in form.questions:
        texts = list_options(form, question)
        answers, errors = question.build_field().fit_to_column(texts)[0].parse_column(texts)
        assert {texts[index]: error.code for index, error in errors.items()} == {}, question.id
        assert len(set(answers)) == len(texts), question.id


@pytest.mark.parametrize("form_id", list_form_ids())
def test_the_template_of_a_released_form_names_every_question_by_its_header(form_id):
    form = load_form(form_id)
    sheet = load_workbook(io.BytesIO(build_template(form)))[load_template_texts()["entity"][form.kind]["sheet"]]
    headers = [cell.value for cell in sheet[2]]
    combined = load_combined_form(form.kind)
    question_ids = [question.id for question in list_outgoing_questions(form)]
    assert [combined.headers[fold_text(header)][1] for header in headers] == question_ids
