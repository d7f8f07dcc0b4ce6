"""The referral directory: what makes a country ready, its contacts through the API and the pages, and the directory as a file."""

import csv
from datetime import date, datetime, timedelta
from io import BytesIO, StringIO
from typing import Any

import pytest
from callers import form_token, make_browser, make_organisation, make_user
from flask import Flask
from portal import Portal, make_portal
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import now
from service.db.session import Database
from service.db.tables import AuditEvent
from service.errors import DomainError
from service.referrals import contact_file, contacts
from service.referrals.readiness import list_open_countries, list_readiness, load_gate
from service.suppliers import repository as suppliers

TODAY = date(2026, 11, 28)
AT = datetime.fromisoformat("2026-11-28T09:00:00+00:00")
HELPLINE = {
    "country": "TH",
    "kind": "hotline",
    "name": "Harbour Helpline",
    "reach": "+66 2 000 0000",
    "languages": ["my", "km"],
    "hours": "every day, 8 to 20",
    "not_safe_for": ["refugees"],
    "note": "",
}
NEEDED = ("shelter", "legal_aid", "health", "hotline")
HEADER = "Country,Kind,Name,How to reach it,Languages,Hours,Not safe for,Note,Called on"


def add(session: Session, kind: str, called_on: date | None = TODAY, country: str = "TH") -> None:
    values = {**HELPLINE, "kind": kind, "name": f"{kind} of {country}", "country": country}
    contacts.add_contact(session, values, called_on, TODAY, AT, "user:ana")


def list_missing(session: Session, country: str = "TH", on: date = TODAY) -> tuple[str, ...]:
    return next(tuple(each.missing) for each in list_readiness(session, on) if each.country == country)


@pytest.fixture
def organisation(database: Database) -> str:
    return make_organisation(database)


@pytest.fixture
def portal(app: Flask, database: Database) -> Portal:
    return make_portal(app, make_organisation(database))


# ------------------------------------------------------------ readiness


def test_a_country_is_ready_once_somebody_called_one_contact_of_each_kind(database: Database, organisation: str):
    with database.for_organisation(organisation) as session:
        for kind in NEEDED[:-1]:
            add(session, kind)
        assert list_missing(session) == ("a hotline",)
        assert not load_gate(session, TODAY).is_ready({"TH"})
        add(session, "hotline")
        assert list_missing(session) == ()
        gate = load_gate(session, TODAY)
        assert gate.is_ready({"TH"})
        assert not gate.is_ready({"TH", "MY"})
        assert not gate.is_ready(set())  # it is not known where the workers are


def test_an_ngo_counts_as_a_shelter_and_a_consulate_counts_for_nothing(database: Database, organisation: str):
    with database.for_organisation(organisation) as session:
        for kind in ("consulate", "port_mission", "legal_aid", "health", "hotline"):
            add(session, kind)
        assert list_missing(session) == ("a shelter or an NGO",)
        add(session, "ngo")
        assert list_missing(session) == ()


def test_a_call_counts_for_90_days_and_a_contact_that_was_never_called_does_not(database: Database, organisation: str):
    with database.for_organisation(organisation) as session:
        for kind in NEEDED:
            add(session, kind, TODAY - timedelta(days=10 if kind == "health" else 0))
        last = TODAY + timedelta(days=80)
        assert [each.until for each in list_readiness(session, TODAY)] == [last]
        assert list_missing(session, on=last) == ()
        assert list_missing(session, on=last + timedelta(days=1)) == ("health care",)
        add(session, "health", None)
        assert list_missing(session, on=last + timedelta(days=1)) == ("health care",)


def test_countries_with_suppliers_and_no_help_are_open_the_most_suppliers_first(database: Database, organisation: str):
    with database.for_organisation(organisation) as session:
        for kind in NEEDED:
            add(session, kind, country="MY")
        for number, country in enumerate(("TH", "TH", "MY", "ID", None)):
            answers = {
                "reference": f"S-{number}",
                "name": f"Pier {number}",
                **({"country": country} if country else {}),
            }
            suppliers.save_supplier(session, "site", answers, TODAY, AT, "user:ana", "api")
        assert [(each.country, each.suppliers) for each in list_open_countries(session, TODAY)] == [
            ("TH", 2),
            ("ID", 1),
        ]


# ------------------------------------------------------------ contacts


def test_a_contact_is_added_changed_called_and_deleted_through_the_api(portal: Portal):
    made = portal.post("/referral-contacts", HELPLINE)
    assert (made.status_code, made.json["called_on"], made.json["languages"]) == (201, None, ["my", "km"])
    path = made.location.removeprefix("/api/v1")
    day = now().date().isoformat()
    assert portal.post(f"{path}/call", {"called_on": day}).json["called_on"] == day
    read = portal.get(path)
    changed = portal.call("PATCH", path, json={"hours": "day and night"}, headers={"If-Match": read.headers["ETag"]})
    assert (changed.json["hours"], changed.json["called_on"]) == ("day and night", day)
    stale = portal.call("PATCH", path, json={"hours": "never"}, headers={"If-Match": read.headers["ETag"]})
    assert stale.status_code == 412
    assert portal.call("DELETE", path).status_code == 204
    assert portal.get("/referral-contacts").json["items"] == []


def test_a_new_number_has_to_be_called_again(database: Database, organisation: str):
    with database.for_organisation(organisation) as session:
        contact = contacts.add_contact(session, HELPLINE, TODAY, TODAY, AT, "user:ana")
        contacts.change_contact(session, contact, {"reach": "+66 2 111 1111"}, "user:ana")
        assert (contact.called_on, contact.called_by) == (None, None)


def test_a_call_in_the_future_is_refused(database: Database, organisation: str):
    with database.for_organisation(organisation) as session:
        contact = contacts.add_contact(session, HELPLINE, None, TODAY, AT, "user:ana")
        with pytest.raises(DomainError, match="future"):
            contacts.confirm_contact(session, contact, TODAY + timedelta(days=1), TODAY, "user:ana")


def test_the_audit_trail_names_country_and_kind_and_nothing_that_was_typed(database: Database, organisation: str):
    with database.for_organisation(organisation) as session:
        contact = contacts.add_contact(session, HELPLINE, TODAY, TODAY, AT, "user:ana")
        contacts.delete_contact(session, contact, "user:ana")
        session.flush()
        events = session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
        assert [event.action.partition(".")[2] for event in events] == ["added", "called", "deleted"]
        assert all(event.details.keys() <= {"country", "kind", "called_on"} for event in events)


def test_the_directory_is_kept_on_its_page(app: Flask, database: Database):
    organisation = make_organisation(database)
    browser = make_browser(app, make_user(database, organisation, "officer"))
    form = {**HELPLINE, "languages": "Burmese, Khmer", "called": "yes", "csrf_token": form_token(browser)}
    assert browser.post("/referrals", data=form).status_code == 303
    page = browser.get("/referrals").get_data(as_text=True)
    assert "Harbour Helpline" in page
    assert "Burmese, Khmer" in page
    wrong = browser.post("/referrals", data={**form, "languages": "Elvish"})
    assert wrong.status_code == 422
    assert "Elvish" in wrong.get_data(as_text=True)
    assert browser.get("/referrals").get_data(as_text=True).count("Harbour Helpline</a>") == 1


def test_an_incomplete_directory_is_a_task_on_the_portfolio_page(app: Flask, database: Database):
    organisation = make_organisation(database)
    officer, viewer = (make_browser(app, make_user(database, organisation, role)) for role in ("officer", "viewer"))
    on = now().date()
    with database.for_organisation(organisation) as session:
        answers = {"reference": "S-1", "name": "Blue Pier", "country": "TH", "sector": ["1020"]}
        suppliers.save_supplier(session, "site", answers, on, now(), "user:ana", "api")
    task = "Complete the referral directory"
    assert task in officer.get("/").get_data(as_text=True)
    assert task not in viewer.get("/").get_data(as_text=True)  # viewers cannot complete it
    with database.for_organisation(organisation) as session:
        for kind in NEEDED:
            contacts.add_contact(session, {**HELPLINE, "kind": kind}, on, on, now(), "user:ana")
    assert task not in officer.get("/").get_data(as_text=True)


# ------------------------------------------------------------ as a file


def test_a_directory_that_leaves_as_a_file_comes_in_unchanged(database: Database, organisation: str):
    with database.for_organisation(organisation) as session:
        contacts.add_contact(session, {**HELPLINE, "note": "=SUM(A1)"}, TODAY, TODAY, AT, "user:ana")
        data = contact_file.write_contacts(session)
        taken = contact_file.import_contacts(session, data, TODAY, AT, "user:bo")
        assert (taken.added, taken.changed, taken.unchanged) == (0, 0, 1)
    (row,) = csv.DictReader(StringIO(data.decode("utf-8-sig")))
    assert (row["How to reach it"], row["Note"]) == ("'+66 2 000 0000", "'=SUM(A1)")  # no formula in a spreadsheet
    with database.for_organisation(make_organisation(database, "Quay Trading")) as session:
        assert contact_file.import_contacts(session, data, TODAY, AT, "user:bo").added == 1
        (contact,) = contacts.list_contacts(session)
        assert {field: getattr(contact, field) for field in contacts.FIELDS} == {**HELPLINE, "note": "=SUM(A1)"}
        assert (contact.called_on, contact.called_by) == (TODAY, "user:bo")


@pytest.mark.parametrize(
    ("row", "line", "column", "code"),
    [
        ("Thailandia Norte,Hotline,Helpline,123,,,,,", 2, "Country", "referral.choice"),
        ("Thailand,Friend,Helpline,123,,,,,", 2, "Kind", "referral.choice"),
        ("Thailand,Hotline,,123,,,,,", 2, "Name", "referral.missing"),
        ("Thailand,Hotline,Helpline,,,,,,", 2, "How to reach it", "referral.missing"),
        ("Thailand,Hotline,Helpline,123,Elvish,,,,", 2, "Languages", "referral.choice"),
        ("Thailand,Hotline,Helpline,123,,,dwarves,,", 2, "Not safe for", "referral.choice"),
        ("Thailand,Hotline,Helpline,123,,,,,soon", 2, "Called on", "referral.date"),
        ("Thailand,Hotline,Helpline,123,,,,,2099-01-01", 2, "Called on", "referral.date"),
        ("TH,hotline,Helpline,123,,,,,\nThailand,Hotline,HELPLINE,456,,,,,", 3, "Name", "referral.twice"),
    ],
)
def test_a_fault_in_a_file_is_named_with_its_cell_and_nothing_is_saved(
    portal: Portal, row: str, line: int, column: str, code: str
):
    good = "Malaysia,Shelter,Rumah Aman,03 000 000,Malay,,,,2026-11-01"
    answer = portal.post("/referral-directory/import", {"csv": f"{HEADER}\n{row}\n{good}\n"})
    assert (answer.status_code, answer.json["code"]) == (422, "referral.file")
    (fault,) = answer.json["faults"]
    assert (fault["line"], fault["column"], fault["code"]) == (line, column, code)
    assert fault["fix"]
    assert portal.get("/referral-contacts").json["items"] == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "column"),
        (f"{HEADER}\n".encode(), "no contacts"),
        (b"Country,Kind,Name,Phone of our friend\nTH,hotline,A,1\n", "no column 'Phone of our friend'"),
        (b"Country,Kind,Name\nTH,hotline,A\n", "How to reach it"),
        ("Country;Kind;Name\nTH;hotline;Caf\xe9\n".encode("latin-1"), "UTF-8"),
        (b'Country,Kind,Name,How to reach it\nTH,hotline,"A,1\n', "not valid CSV"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_what_to_do(
    database: Database, organisation: str, data: bytes, said: str
):
    with database.for_organisation(organisation) as session, pytest.raises(DomainError, match=said):
        contact_file.import_contacts(session, data, TODAY, AT, "user:ana")


def test_a_file_separated_by_semicolons_is_read_too(app: Flask, database: Database):
    organisation = make_organisation(database)
    browser = make_browser(app, make_user(database, organisation, "case_handler"))
    data = (
        "Country;Kind;Name;How to reach it;Languages\nVietnam;NGO or union;Blue Bridge;blue.example;Vietnamese, Khmer\n"
    )
    sent: dict[str, Any] = {"file": (BytesIO(data.encode()), "contacts.csv"), "csrf_token": form_token(browser)}
    assert browser.post("/referrals/sheet", data=sent).status_code == 303
    with database.for_organisation(organisation) as session:
        (contact,) = contacts.list_contacts(session)
        assert (contact.country, contact.kind, contact.languages) == ("VN", "ngo", ["vi", "km"])
    answer = browser.get("/referrals.csv")
    assert answer.mimetype == "text/csv"
    assert "Blue Bridge" in answer.get_data(as_text=True)
