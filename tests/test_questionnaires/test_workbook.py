"""The workbook to fill in: what it offers, and that what is chosen in it is what is read."""

import io
import re

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.utils import get_column_letter

from questionnaires.form import form_ids, load, load_reading_form
from questionnaires.sheet import read
from questionnaires.text_normalize import fold
from questionnaires.validation.match import find_header, find_kind, match
from questionnaires.validation.validate import validate
from questionnaires.workbook import SAID_ANYWHERE, offered, sayings, template
from tests.test_questionnaires.tables import AGENCY, FORMS, SITE, said

FORM = load("site_fishing", None, FORMS)
CHOSEN = {  # question: what is filled in, what is read
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


def opened(form=FORM) -> Workbook:
    """The template as openpyxl reads it."""
    return load_workbook(io.BytesIO(template(form)))


def column(sheet, title: str) -> str:
    """The letter of the column under a header."""
    return next(get_column_letter(cell.column) for cell in sheet[2] if cell.value == title)


def checks(sheet) -> dict[str, object]:
    """The check of each column, by its letter."""
    return {
        str(check.sqref).rstrip("0123456789").split("3")[0]: check for check in sheet.data_validations.dataValidation
    }


def test_filled_in_and_read_back_it_gives_the_answers_that_were_chosen():
    book = opened()
    for question, (value, _) in CHOSEN.items():
        book["Sites"][f"{column(book['Sites'], FORM.by_id[question].title)}3"] = value
    held = io.BytesIO()
    book.save(held)
    sheet = next(sheet for sheet in read(held.getvalue(), "filled.xlsx") if sheet.name == "Sites")
    header = find_header(sheet, [SITE, AGENCY])
    matched = match(sheet, header, SITE)
    got = validate(sheet, header, matched, SITE)
    assert (header, find_kind(matched.headers, sheet.name, {"site": SITE, "agency": AGENCY})) == (2, "site")
    assert {question: said(got, question) for question in CHOSEN} == {q: [answer] for q, (_, answer) in CHOSEN.items()}
    assert (got.accepted, got.issues, matched.unmapped) == (1, (), ())


def test_every_choice_that_is_offered_is_read_as_an_answer():
    book = opened()
    lists, sheet = book["_lists"], book["Sites"]
    for question in FORM.questions:
        check = None if question.person else checks(sheet).get(column(sheet, question.title))
        if check and check.type == "list":
            texts = [cell.value for (cell,) in lists[check.formula1.split("!")[1].replace("$", "")]]
            answers, faults = question.field().fitted(texts)[0].read_column(texts)
            assert faults == {}, question.id
            assert len(set(answers)) == len(texts), question.id


def test_it_opens_on_the_page_that_says_what_it_is_for():
    book = opened()
    assert book.active.title == "About"
    text = "\n".join(str(cell.value) for row in book["About"].iter_rows() for cell in row if cell.value)
    for wanted in (
        "What this is for",
        "Who sees it",
        "Never write the name",
        "One row for each site on the sheet 'Sites'",
    ):
        assert wanted in text
    for question in FORM.questions:
        assert (question.ask in text) != question.person


def if_you_do_not_know(form, **how) -> str:
    """What the page About says under that heading."""
    about = load_workbook(io.BytesIO(template(form, **how)))["About"]
    return next(row[2].value for row in about.iter_rows() if row[1].value == "If you do not know")


@pytest.mark.parametrize("form", ["site", "site_fishing", "agency"])
def test_a_form_says_truly_what_an_empty_cell_counts(form):
    empty, sent = (if_you_do_not_know(load(form), sent=sent) for sent in (False, True))
    assert "leave the cell empty: that counts as not asked" in empty
    assert "where 'Form returned on' is filled in, an empty cell counts as declined" in empty
    assert "Do not leave a question empty" in sent
    assert "an empty cell counts as declined, and that is the worst answer" in sent
    titles = {choice.title for question in load(form).questions for choice in question.choices}
    for text in (empty, sent):
        quoted = re.findall(r"'([^']+)'", text)
        known = titles | {*SAID_ANYWHERE} | {question.title for question in load(form).questions}
        assert set(quoted) <= known


def test_a_form_about_ourselves_or_of_cases_says_what_an_empty_cell_means_there():
    assert "not answered yet" in if_you_do_not_know(load("buyer"))
    assert "'Found' left empty means yes" in if_you_do_not_know(load("case"))


def test_the_page_about_it_is_never_taken_for_a_table():
    sheet = next(sheet for sheet in read(template(FORM), "template.xlsx") if sheet.name == "About")
    words = {fold(text) for column in sheet.columns for text in column.values}
    assert not words & (SITE.headers.keys() | AGENCY.headers.keys())


def test_each_header_carries_its_question_and_stays_in_sight():
    sheet = opened()["Sites"]
    assert sheet.freeze_panes == "C3"
    for question in FORM.questions:
        if not question.person:
            comment = sheet[f"{column(sheet, question.title)}2"].comment.text
            assert question.ask in comment
            assert question.note in comment


def test_a_question_about_a_person_is_not_asked():
    assert "E-mail" not in [cell.value for cell in opened()["Sites"][2]]


def test_form_and_version_are_stamped_twice():
    book = opened()
    assert [[cell.value for cell in row] for row in book["_form"]["A1:B2"]] == [
        ["form", "site_fishing"],
        ["version", "2026.1"],
    ]
    assert book.custom_doc_props["_form"].value == "site_fishing 2026.1"
    assert {name: book[name].sheet_state for name in ("_form", "_lists")} == {"_form": "hidden", "_lists": "hidden"}


def test_cells_are_checked_by_the_type_and_range_of_the_question():
    sheet = opened()["Sites"]
    found = checks(sheet)
    months = found[column(sheet, "Months at sea")]
    assert (months.type, months.formula1, months.formula2, months.errorStyle) == ("decimal", "0", "60", "stop")
    assert found[column(sheet, "Papers")].errorStyle == "stop"
    assert found[column(sheet, "Country")].errorStyle == "warning"
    assert column(sheet, "Address") not in found


def test_a_reference_keeps_its_noughts():
    sheet = opened()["Sites"]
    assert sheet.column_dimensions[column(sheet, "Reference")].number_format == "@"


@pytest.mark.parametrize("form", ["site", "site_fishing", "agency"])
def test_no_text_is_longer_than_a_spreadsheet_takes(form):
    book = opened(load(form, None, FORMS))
    for sheet in book:
        for check in sheet.data_validations.dataValidation:
            assert len(check.error or "") <= 255
            assert len(check.errorTitle or "") <= 32


@pytest.mark.parametrize("form_id", form_ids())
def test_what_a_form_that_ships_offers_is_read_as_so_many_answers(form_id):
    for question in load(form_id).questions:
        texts = offered(question)
        answers, faults = question.field().fitted(texts)[0].read_column(texts)
        assert {texts[at]: fault.code for at, fault in faults.items()} == {}, question.id
        assert len(set(answers)) == len(texts), question.id


@pytest.mark.parametrize("form_id", form_ids())
def test_a_template_that_ships_names_every_question_by_its_header(form_id):
    form = load(form_id)
    sheet = load_workbook(io.BytesIO(template(form)))[sayings()["entity"][form.kind]["sheet"]]
    headers = [cell.value for cell in sheet[2]]
    reading_form = load_reading_form(form.kind)
    asked = [question.id for question in form.questions if not question.person]
    assert [reading_form.headers[fold(header)][1] for header in headers] == asked
