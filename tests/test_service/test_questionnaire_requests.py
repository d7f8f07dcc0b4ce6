"""Questionnaire requests: the workbook that is sent, the record of it, and how a blank becomes "declined"."""

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import databases
import pytest
from callers import freeze_time, make_organisation
from openpyxl import Workbook, load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session
from stored_keys import SECRET_KEYS

from questionnaires.form import load_form
from questionnaires.sheet import read_sheets
from service.clock import now, today
from service.db.session import Database
from service.db.tables import AuditEvent, QuestionnaireRequest, Supplier
from service.errors import DomainError
from service.imports.pipeline import Choices, parse_files
from service.questionnaires_sent import requests as questionnaire_requests

SENT, BACK = date(2026, 3, 1), date(2026, 3, 12)
FORM = load_form("site")
VERSION = FORM.version
FED = [q.id for q in FORM.questions if q.declinable]


def make_supplier(session: Session, kind: str = "site", **answers: object) -> Supplier:
    """A supplier of these answers."""
    filled = {"reference": "S-7", "name": "Blue Pier Cannery", "country": "TH", **answers}
    more = {"company_key": "x", "created_at": now(), "updated_at": now()}
    supplier = Supplier(
        kind=kind,
        key=str(filled["reference"]),
        reference=filled["reference"],
        name=filled["name"],
        answers=filled,
        **more,
    )
    session.add(supplier)
    session.flush()
    return supplier


def build_workbook(session: Session, supplier: Supplier, request: QuestionnaireRequest) -> bytes:
    form = load_form(request.form, request.form_version)
    return questionnaire_requests.build_request_workbook(request, supplier, form)


def ask(session: Session, supplier: Supplier, form: str = "site", sent_on: date = SENT) -> tuple[str, Workbook]:
    """Asks; the id of the record, and the workbook as openpyxl reads it."""
    request = questionnaire_requests.create_request(session, supplier, form, "the compliance desk", sent_on, "user:1")
    session.flush()
    data = build_workbook(session, supplier, request)
    return request.id, load_workbook(io.BytesIO(data))


@pytest.fixture
def sqlite_database(sqlite: databases.Empty) -> Iterator[Database]:
    """An empty database; of one kind, for nothing here differs between them."""
    with sqlite() as engine:
        yield Database(engine, SECRET_KEYS)


@pytest.fixture
def session(sqlite_database: Database) -> Iterator[Session]:
    """A session of an organisation."""
    with sqlite_database.for_organisation(make_organisation(sqlite_database)) as session:
        yield session


def filled_in(book: Workbook, form: str = "site") -> dict[str, object]:
    """The values of the first row under the headers, by question."""
    sheet = book.worksheets[1]
    of_title = {question.title: question.id for question in load_form(form).questions}
    return {of_title[h.value]: c.value for h, c in zip(sheet[2], sheet[3], strict=True) if c.value is not None}


def test_the_workbook_holds_the_supplier_and_the_request_id(session: Session):
    request_id, book = ask(session, make_supplier(session))
    assert filled_in(book) == {"reference": "S-7", "name": "Blue Pier Cannery", "country": "Thailand"}
    assert dict(book["_form"].values) == {"form": "site", "version": VERSION, "reference": "S-7", "asking": request_id}
    assert book["_form"].sheet_state == "hidden"
    assert book.custom_doc_props["_asking"].value == request_id


def test_the_workbook_says_that_a_blank_in_it_will_count_as_declined(session: Session):
    _, book = ask(session, make_supplier(session))
    cell_values = " ".join(str(cell.value) for row in book["About"].iter_rows() for cell in row)
    assert "Once this form has been returned, an empty cell counts as declined" in cell_values
    assert "neither good nor bad" not in cell_values


def test_the_workbook_is_recognised_as_its_form(session: Session):
    supplier = make_supplier(session)
    request = questionnaire_requests.create_request(session, supplier, "site", "the desk", SENT, "user:1")
    data = build_workbook(session, supplier, request)
    (about, sheet) = read_sheets(data, "answers.xlsx")
    assert (about.name, sheet.stamp) == ("About", f"site {VERSION}")


def test_the_workbook_keeps_the_notes_and_choices_of_the_form(session: Session):
    _, book = ask(session, make_supplier(session))
    sheet = book.worksheets[1]
    assert all(header.comment and header.comment.text for header in sheet[2])
    assert sheet.data_validations.dataValidation


def test_a_name_that_looks_like_a_formula_is_written_as_text(session: Session):
    _, book = ask(session, make_supplier(session, name='=HYPERLINK("http://x","y")', reference="=1+1\x07"))
    cells = [*book.worksheets[1][3], *book["_form"]["B"]]
    cell_values = {cell.value: cell.data_type for cell in cells if cell.value is not None}
    assert cell_values['=HYPERLINK("http://x","y")'] == cell_values["=1+1"] == "s"


def test_an_agency_gets_the_agency_form_with_its_licence_number_filled_in(session: Session):
    agency = make_supplier(session, "agency", licence_number="TH-88/2560", licence_status="declined")
    _, book = ask(session, agency, "agency")
    assert filled_in(book, "agency")["licence_number"] == "TH-88/2560"
    assert book["_form"]["B2"].value == load_form("agency").version


def test_a_form_for_a_place_where_answering_is_dangerous_leaves_the_question_out(session: Session):
    title = FORM.by_id["state_placement"].title
    for country, is_asked in (("CN", False), ("TH", True)):
        _, book = ask(session, make_supplier(session, country=country, reference=f"S-{country}"))
        assert (title in [header.value for header in book.worksheets[1][2]]) is is_asked
        cells = [str(cell.value) for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
        assert (FORM.by_id["state_placement"].ask in " ".join(cells)) is is_asked


def test_prefilled_answers_are_read_back_unchanged(session: Session):
    known = {
        "country": "TW", "sector": ["0311", "1020"], "imo": "9074729", "flag": "PA", "call_sign": "BVXY", "parent": "Pearl Group",
        "city": "Kaohsiung", "tax_number": "007", "mmsi": "416004321", "duns": "150483782", "region": "South",
        "postal_code": "80641", "address": "1 Dock Road", "name_local": "藍碼頭", "trade_name": "Blue Pier",
        "product": "frozen tuna; 0303",
    }  # fmt: skip
    vessel = make_supplier(session, papers_retention="held", **known)
    request = questionnaire_requests.create_request(session, vessel, "site_fishing", "the desk", SENT, "user:1")
    data = build_workbook(session, vessel, request)
    (batch,) = parse_files([("back.xlsx", data)], Choices(), BACK).batches
    (row,) = batch.answers.to_rows()
    assert {question: row.get(question) for question in known} == known
    assert row["papers_retention"] == "declined", "it came back as it was sent, and answers are never filled in"


def test_an_unknown_or_declined_sector_is_not_prefilled(session: Session):
    for number, sector in enumerate(("declined", [], ["no such code"])):
        _, book = ask(session, make_supplier(session, sector=sector, reference=f"S-{number}"))
        assert "sector" not in filled_in(book)


def test_a_request_is_recorded_and_the_audit_trail_holds_no_recipient(session: Session):
    supplier = make_supplier(session)
    request_id, _ = ask(session, supplier)
    (request,) = questionnaire_requests.list_requests(session, supplier)
    assert (request.id, request.form, request.form_version, request.sent_to) == (
        request_id,
        "site",
        VERSION,
        "the compliance desk",
    )
    assert (request.sent_on, request.returned_on, request.created_by) == (SENT, None, "user:1")
    (event,) = session.scalars(select(AuditEvent)).all()
    assert (event.action, event.object_id) == ("form.sent", supplier.id)
    assert event.details == {"asking": request_id, "form": "site", "version": VERSION}


def test_an_invalid_request_is_refused(session: Session):
    supplier = make_supplier(session)
    for form, version, sent_to, code in (
        ("agency", None, "the desk", "asking.form"),
        ("no_such", None, "the desk", "asking.form"),
        ("site", "1999.1", "the desk", "asking.form"),
        ("../site", None, "the desk", "asking.form"),
        ("site", None, " ", "asking.sent_to"),
    ):
        with pytest.raises(DomainError) as refused:
            questionnaire_requests.create_request(session, supplier, form, sent_to, SENT, "user:1", version)
        assert (refused.value.code, refused.value.status) == (code, 422)


def test_a_returned_form_is_marked_and_cannot_be_returned_before_it_was_sent(session: Session):
    request_id, _ = ask(session, make_supplier(session))
    with pytest.raises(DomainError) as refused:
        questionnaire_requests.mark_form_returned(session, request_id, date(2026, 2, 28), "user:1")
    assert refused.value.code == "asking.returned_on"
    assert questionnaire_requests.mark_form_returned(session, request_id, BACK, "user:1").returned_on == BACK


def test_a_form_cannot_be_returned_in_the_future(session: Session):
    request_id, _ = ask(session, make_supplier(session))
    with pytest.raises(DomainError) as refused:
        questionnaire_requests.mark_form_returned(session, request_id, today() + timedelta(days=3), "user:1")
    assert refused.value.code == "asking.returned_on"
    assert questionnaire_requests.mark_form_returned(session, request_id, today(), "user:1").returned_on == today()


def test_the_request_of_another_organisation_is_not_found(sqlite_database: Database):
    with sqlite_database.for_organisation(make_organisation(sqlite_database, "One")) as session:
        request_id, _ = ask(session, make_supplier(session))
    other_organisation = make_organisation(sqlite_database, "Other")
    with sqlite_database.for_organisation(other_organisation) as session, pytest.raises(DomainError) as refused:
        questionnaire_requests.mark_form_returned(session, request_id, BACK, "user:1")
    assert (refused.value.code, refused.value.status) == ("not_found", 404)


def came_back(session: Session, supplier: Supplier, form: str = "site") -> QuestionnaireRequest:
    """A form that was sent out and came back."""
    request_id, _ = ask(session, supplier, form)
    returned = questionnaire_requests.receive_returned_form(session, request_id, "user:1", BACK)
    assert returned is not None
    assert returned[1].id == supplier.id
    return returned[0]


def test_a_blank_in_a_returned_form_is_declined_and_answers_are_unchanged(session: Session):
    answered, blank = FED[0], FED[1:]
    answers = {"name": "Blue Pier Cannery", answered: "no", blank[0]: None, blank[1]: []}
    whole = questionnaire_requests.complete_returned_answers(came_back(session, make_supplier(session)), answers, BACK)
    assert (whole["name"], whole[answered]) == ("Blue Pier Cannery", "no")
    assert {question: whole[question] for question in blank} == dict.fromkeys(blank, "declined")
    assert (whole["form_version"], whole["form_returned"]) == (f"site {VERSION}", "2026-03-12")


def test_questions_that_are_not_scored_or_not_in_the_form_are_never_declined(session: Session):
    whole = questionnaire_requests.complete_returned_answers(came_back(session, make_supplier(session)), {}, BACK)
    assert whole.keys() == {*FED, "form_version", "form_returned"}


def test_a_form_uploaded_again_keeps_its_first_day_of_return(session: Session):
    request = came_back(session, make_supplier(session))
    again = questionnaire_requests.receive_returned_form(session, request.id, "user:1", date(2026, 4, 1))
    assert again is not None
    assert again[0].returned_on == BACK


def test_the_day_of_return_is_neither_in_the_future_nor_before_the_form_was_sent(
    session: Session, monkeypatch: pytest.MonkeyPatch
):
    freeze_time(monkeypatch, datetime(2026, 3, 5, 12, tzinfo=UTC))
    for on, expected in ((date(2026, 3, 9), date(2026, 3, 5)), (SENT - timedelta(days=1), SENT)):
        request_id, _ = ask(session, make_supplier(session, reference=f"S-{on}"))
        request, _ = questionnaire_requests.receive_returned_form(session, request_id, "user:1", on)
        assert request.returned_on == expected


def test_a_returned_form_of_another_organisation_has_no_request(sqlite_database: Database):
    with sqlite_database.for_organisation(make_organisation(sqlite_database, "One")) as session:
        request_id, _ = ask(session, make_supplier(session))
    with sqlite_database.for_organisation(make_organisation(sqlite_database, "Other")) as session:
        assert questionnaire_requests.receive_returned_form(session, request_id, "user:1", BACK) is None
    with sqlite_database.unscoped() as session:
        assert session.get_one(QuestionnaireRequest, request_id).returned_on is None
