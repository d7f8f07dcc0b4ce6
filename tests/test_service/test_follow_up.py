"""Asking suppliers: the workbook that goes out, what is recorded, and how a blank becomes "declined"."""

import io
from collections.abc import Iterator
from datetime import date, timedelta

import databases
import pytest
from callers import an_organisation
from openpyxl import Workbook, load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.form import load
from questionnaires.sheet import read
from service.clock import now, today
from service.db.session import Database
from service.db.tables import Asking, AuditEvent, Supplier
from service.monitoring import follow_up
from service.refusal import Refused
from service.taking_in.take_in import Choices, take_in

SENT, BACK = date(2026, 3, 1), date(2026, 3, 12)
FORM = load("site")
VERSION = FORM.version
FED = [q.id for q in FORM.questions if q.declinable]


def a_supplier(session: Session, kind: str = "site", **answers: object) -> Supplier:
    """A supplier of these answers."""
    given = {"reference": "S-7", "name": "Blue Pier Cannery", "country": "TH", **answers}
    more = {"company_key": "x", "created_at": now(), "updated_at": now()}
    supplier = Supplier(
        kind=kind, key=str(given["reference"]), reference=given["reference"], name=given["name"], answers=given, **more
    )
    session.add(supplier)
    session.flush()
    return supplier


def ask(session: Session, supplier: Supplier, form: str = "site", sent_on: date = SENT) -> tuple[str, Workbook]:
    """Asks; the id of the record, and the workbook as openpyxl reads it."""
    asking, data = follow_up.ask(session, supplier, form, "the compliance desk", sent_on, "user:1")
    session.flush()
    return asking.id, load_workbook(io.BytesIO(data))


@pytest.fixture
def one_database(sqlite: databases.Empty) -> Iterator[Database]:
    """An empty database; of one kind, for nothing here differs between them."""
    with sqlite() as engine:
        yield Database(engine)


@pytest.fixture
def session(one_database: Database) -> Iterator[Session]:
    """A session of an organisation."""
    with one_database.of(an_organisation(one_database)) as session:
        yield session


def filled_in(book: Workbook, form: str = "site") -> dict[str, object]:
    """What stands in the first row under the headers, by question."""
    sheet = book.worksheets[1]
    of_title = {question.title: question.id for question in load(form).questions}
    return {of_title[h.value]: c.value for h, c in zip(sheet[2], sheet[3], strict=True) if c.value is not None}


def test_the_workbook_says_whom_it_asks_and_which_asking_it_is(session: Session):
    asking_id, book = ask(session, a_supplier(session))
    assert {name: value for name, value in filled_in(book).items() if name != "form_version"} == {
        "reference": "S-7",
        "name": "Blue Pier Cannery",
        "country": "Thailand",
    }
    assert dict(book["_form"].values) == {"form": "site", "version": VERSION, "reference": "S-7", "asking": asking_id}
    assert book["_form"].sheet_state == "hidden"
    assert book.custom_doc_props["_asking"].value == asking_id


def test_the_workbook_says_that_a_blank_in_it_will_count_as_declined(session: Session):
    _, book = ask(session, a_supplier(session))
    told = " ".join(str(cell.value) for row in book["About"].iter_rows() for cell in row)
    assert "Once this form is back, an empty cell counts as declined" in told
    assert "neither good nor bad" not in told


def test_the_workbook_is_read_as_the_form_it_is(session: Session):
    _, data = follow_up.ask(session, a_supplier(session), "site", "the desk", SENT, "user:1")
    (about, sheet) = read(data, "answers.xlsx")
    assert (about.name, sheet.stamp) == ("About", f"site {VERSION}")


def test_the_workbook_keeps_the_notes_and_choices_of_the_form(session: Session):
    _, book = ask(session, a_supplier(session))
    sheet = book.worksheets[1]
    assert all(header.comment and header.comment.text for header in sheet[2])
    assert sheet.data_validations.dataValidation


def test_a_name_that_looks_like_a_formula_goes_out_as_a_text(session: Session):
    _, book = ask(session, a_supplier(session, name='=HYPERLINK("http://x","y")', reference="=1+1\x07"))
    cells = [*book.worksheets[1][3], *book["_form"]["B"]]
    told = {cell.value: cell.data_type for cell in cells if cell.value is not None}
    assert told['=HYPERLINK("http://x","y")'] == told["=1+1"] == "s"


def test_an_agency_is_asked_the_form_for_agencies_with_its_licence_number_filled_in(session: Session):
    agency = a_supplier(session, "agency", licence_number="TH-88/2560", licence_status="declined")
    _, book = ask(session, agency, "agency")
    told = filled_in(book, "agency")
    assert (told["licence_number"], told["form_version"]) == ("TH-88/2560", f"agency {load('agency').version}")


def test_what_is_known_of_who_and_where_a_supplier_is_comes_back_as_it_was(session: Session):
    known = {
        "country": "TW", "sector": ["0311", "1020"], "imo": "9074729", "flag": "PA", "call_sign": "BVXY", "parent": "Pearl Group",
        "city": "Kaohsiung", "tax_number": "007",
    }  # fmt: skip
    vessel = a_supplier(session, papers_retention="held", **known)
    _, data = follow_up.ask(session, vessel, "site_fishing", "the desk", SENT, "user:1")
    (batch,) = take_in([("back.xlsx", data)], Choices(), BACK).batches
    (row,) = batch.answers.rows()
    assert {question: row.get(question) for question in known} == known
    assert "papers_retention" not in row


def test_a_sector_that_is_not_known_or_was_declined_is_left_to_the_supplier(session: Session):
    for number, sector in enumerate(("declined", [], ["no such code"])):
        _, book = ask(session, a_supplier(session, sector=sector, reference=f"S-{number}"))
        assert "sector" not in filled_in(book)


def test_it_is_recorded_what_went_to_whom_and_when_and_the_audit_trail_holds_no_address(session: Session):
    supplier = a_supplier(session)
    asking_id, _ = ask(session, supplier)
    (asking,) = follow_up.of_supplier(session, supplier)
    assert (asking.id, asking.form, asking.form_version, asking.sent_to) == (
        asking_id,
        "site",
        VERSION,
        "the compliance desk",
    )
    assert (asking.sent_on, asking.returned_on, asking.created_by) == (SENT, None, "user:1")
    (event,) = session.scalars(select(AuditEvent)).all()
    assert (event.action, event.object_id) == ("form.sent", supplier.id)
    assert event.details == {"asking": asking_id, "form": "site", "version": VERSION}


def test_what_cannot_be_asked_is_refused(session: Session):
    supplier = a_supplier(session)
    for form, version, sent_to, code in (
        ("agency", None, "the desk", "asking.form"),
        ("no_such", None, "the desk", "asking.form"),
        ("site", "1999.1", "the desk", "asking.form"),
        ("../site", None, "the desk", "asking.form"),
        ("site", None, " ", "asking.sent_to"),
    ):
        with pytest.raises(Refused) as refused:
            follow_up.ask(session, supplier, form, sent_to, SENT, "user:1", version)
        assert (refused.value.code, refused.value.status) == (code, 422)


def test_a_form_that_came_back_is_marked_and_cannot_have_come_back_before_it_went(session: Session):
    asking_id, _ = ask(session, a_supplier(session))
    with pytest.raises(Refused) as refused:
        follow_up.mark_returned(session, asking_id, date(2026, 2, 28), "user:1")
    assert refused.value.code == "asking.returned_on"
    assert follow_up.mark_returned(session, asking_id, BACK, "user:1").returned_on == BACK


def test_a_form_cannot_have_come_back_on_a_day_still_to_come(session: Session):
    asking_id, _ = ask(session, a_supplier(session))
    with pytest.raises(Refused) as refused:
        follow_up.mark_returned(session, asking_id, today() + timedelta(days=3), "user:1")
    assert refused.value.code == "asking.returned_on"
    assert follow_up.mark_returned(session, asking_id, today(), "user:1").returned_on == today()


def test_the_asking_of_another_organisation_looks_like_none(one_database: Database):
    with one_database.of(an_organisation(one_database, "One")) as session:
        asking_id, _ = ask(session, a_supplier(session))
    other = an_organisation(one_database, "Other")
    with one_database.of(other) as session, pytest.raises(Refused) as refused:
        follow_up.mark_returned(session, asking_id, BACK, "user:1")
    assert (refused.value.code, refused.value.status) == ("not_found", 404)


def test_what_has_been_out_too_long_is_told_the_longest_first_until_it_comes_back(session: Session):
    supplier = a_supplier(session)
    late, later, fresh = (ask(session, supplier, sent_on=day)[0] for day in (SENT, date(2026, 2, 1), date(2026, 3, 10)))
    on = date(2026, 3, 15)
    assert [(asking.id, asked.id) for asking, asked in follow_up.overdue(session, on)] == [
        (later, supplier.id),
        (late, supplier.id),
    ]
    follow_up.mark_returned(session, later, BACK, "user:1")
    assert [asking.id for asking, _ in follow_up.overdue(session, on)] == [late]
    assert fresh in [asking.id for asking, _ in follow_up.overdue(session, on, days=3)]
    supplier.deleted_at = now()
    assert follow_up.overdue(session, on) == []


def came_back(session: Session, supplier: Supplier, form: str = "site") -> Asking:
    """A form that was sent out and came back."""
    asking_id, _ = ask(session, supplier, form)
    found = follow_up.of_returned_form(session, asking_id, "user:1", BACK)
    assert found is not None
    assert found[1].id == supplier.id
    return found[0]


def test_a_blank_in_a_form_that_came_back_is_declined_and_what_was_answered_stands(session: Session):
    answered, blank = FED[0], FED[1:]
    answers = {"name": "Blue Pier Cannery", answered: "no", blank[0]: None, blank[1]: []}
    whole = follow_up.answers_of_returned(came_back(session, a_supplier(session)), answers)
    assert (whole["name"], whole[answered]) == ("Blue Pier Cannery", "no")
    assert {question: whole[question] for question in blank} == dict.fromkeys(blank, "declined")
    assert (whole["form_version"], whole["form_returned"]) == (f"site {VERSION}", "2026-03-12")


def test_what_feeds_nothing_or_was_not_in_the_form_is_never_declined(session: Session):
    whole = follow_up.answers_of_returned(came_back(session, a_supplier(session)), {})
    assert whole.keys() == {*FED, "form_version", "form_returned"}


def test_a_form_that_is_sent_in_again_came_back_when_it_first_did(session: Session):
    asking = came_back(session, a_supplier(session))
    again = follow_up.of_returned_form(session, asking.id, "user:1", date(2026, 4, 1))
    assert again is not None
    assert again[0].returned_on == BACK


def test_a_form_of_another_organisation_came_back_from_nobody(one_database: Database):
    with one_database.of(an_organisation(one_database, "One")) as session:
        asking_id, _ = ask(session, a_supplier(session))
    with one_database.of(an_organisation(one_database, "Other")) as session:
        assert follow_up.of_returned_form(session, asking_id, "user:1", BACK) is None
    with one_database.across() as session:
        assert session.get_one(Asking, asking_id).returned_on is None
