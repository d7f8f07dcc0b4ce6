"""Test the pages of remediation as they are sent: one finding from its report to its closing, and who sees what."""

import re
from io import BytesIO

import pytest
from callers import make_browser, make_organisation, make_user, send
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from test_taking_findings import AT, HELD, SITE, save

from risk_models.action_library import PRIORITIES
from service.clock import today
from service.db.remediation_tables import Finding, Step
from service.db.session import Database
from service.report_content.contact_gate import list_later_contacts

pytestmark = pytest.mark.usefixtures("quick_hashes")
REPORTED = {"reported_harms": ["beaten"], "reported_by": "workers", "reported_on": "2026-10-30"}


class Office:
    """A site that holds papers, and the people who see to it."""

    def __init__(self, app: Flask, database: Database) -> None:
        self.database, self.id = database, make_organisation(database)
        people = {"ana": "officer", "ben": "case_handler", "dee": "approver", "vic": "viewer"}
        self.ids = {name: make_user(database, self.id, role, name=name.title()) for name, role in people.items()}
        self.browsers = {name: make_browser(app, user_id) for name, user_id in self.ids.items()}
        with database.for_organisation(self.id) as session:
            save(session, {**SITE, **HELD})
            self.finding = session.scalars(select(Finding.id).where(Finding.about == "papers_withheld")).one()
            self.step = session.scalars(select(Step.id).where(Step.action == "return_papers")).one()

    @property
    def path(self) -> str:
        return f"/remediation/steps/{self.step}"

    def read(self, name: str, path: str | None = None) -> str:
        response = self.browsers[name].get(path or self.path)
        assert response.status_code == 200
        return response.get_data(as_text=True)

    def change(self, name: str, what: str, **fields: object) -> str:
        """Send a form of the step's page, and return the error it shows; "" if it was saved."""
        version = re.search(r'name="version" value="(\d+)"', self.read(name))
        response = send(self.browsers[name], f"{self.path}/{what}", **{"version": version[1], **fields})
        if response.status_code == 303:
            return ""
        shown = re.search(r'role="alert"[^>]*>([^<]+)<', response.get_data(as_text=True))
        return shown[1] if shown else str(response.status_code)

    def state(self) -> tuple[str, str]:
        with self.database.for_organisation(self.id, write=False) as session:
            return session.get_one(Step, self.step).state, session.get_one(Finding, self.finding).state


@pytest.fixture
def office(app: Flask, database: Database) -> Office:
    return Office(app, database)


def check(**changes: object) -> dict[str, object]:
    spoken = {"source": "union_ngo", "checked_on": today().isoformat(), "workers": "8", "confirmed_percent": "100"}
    return {**spoken, "chosen_by": "worker_organisation", "asked_about_retaliation": "yes", **changes}


def test_a_finding_goes_from_its_step_to_its_closing_by_two_users(office: Office):
    assert office.change("ana", "owner", owner=office.ids["ana"]) == ""
    assert office.change("ana", "state", state="agreed") == ""
    assert office.change("ana", "evidence", kind="document", reference="Receipts 1 to 80") == ""
    assert "Verify step" not in office.read("ana"), "who submitted the evidence is told so before filling in a form"
    assert "Verify step" in office.read("ben")
    assert "A different user has to verify it" in office.change("ana", "verification", **check())
    assert "Documents cannot show" in office.change("ben", "verification", **check(source="document"))
    assert office.change("ben", "verification", **check()) == ""
    assert office.state() == ("verified", "open")
    with office.database.for_organisation(office.id) as session:  # the other steps of the finding
        for step in session.scalars(select(Step).where(Step.id != office.step)):
            step.state = "verified"
    about = f"findings/{office.finding}"
    assert office.change("ana", about, state="remedied", reason="Everyone has their papers.") == ""
    assert "A different user has to" in office.change("ana", about, state="closed")
    assert office.change("ben", about, state="closed") == ""
    assert office.change("ana", "state", state="closed") == ""
    assert office.state() == ("closed", "closed")
    page = office.read("ana")
    for shown in ("Receipts 1 to 80", "8 workers were spoken to.", "Waiting for verification → Verified", "Ben"):
        assert shown in page


def test_only_who_may_not_postpone_a_step_that_protects_people_is_told_who_may(office: Office):
    with office.database.for_organisation(office.id, write=False) as session:
        shown = select(Step.id).where(Step.safety, Step.action.not_in(list_later_contacts()))
        path = f"/remediation/steps/{session.scalars(shown).first()}"
    told = {
        name: "Only an approver or an admin can move this step" in office.read(name, path) for name in ("ana", "dee")
    }
    assert told == {"ana": True, "dee": False}


def test_a_rejection_says_who_chose_the_workers_that_were_spoken_to(office: Office):
    office.change("ana", "owner", owner=office.ids["ana"])
    office.change("ana", "state", state="agreed")
    office.change("ana", "evidence", kind="document", reference="Receipts 1 to 80")
    rejection = check(outcome="rejected", reason="Two workers have no receipt.")
    assert "Choose who selected the workers" in office.change("ben", "verification", **{**rejection, "chosen_by": ""})
    assert "from 0 to 100" in office.change("ben", "verification", **{**rejection, "confirmed_percent": "101"})
    assert office.change("ben", "verification", **{**rejection, "confirmed_percent": "40"}) == ""
    assert "40% of these workers confirm that the step worked." in office.read("ben")


def test_the_board_changes_all_selected_steps_or_none(office: Office):
    with office.database.for_organisation(office.id, write=False) as session:
        shown = select(Step).where(Step.action.not_in(list_later_contacts()))
        by_safety = {step.safety: step.id for step in session.scalars(shown)}
    both = [by_safety[True], by_safety[False]]
    later = {"due": "2030-01-01", "reason": "The shelter opens then."}
    refused = send(office.browsers["ana"], "/remediation", step=both, owner=office.ids["ana"], **later)
    assert refused.status_code == 403
    assert "Only an approver or an admin" in refused.get_data(as_text=True)
    assert "Ana</td>" not in office.read("ana", "/remediation")
    assert send(office.browsers["dee"], "/remediation", step=both, owner=office.ids["ana"], **later).status_code == 303
    mine = office.read("ana", "/remediation?view=mine")
    assert [mine.count(f"/remediation/steps/{step}") for step in both] == [1, 1]


def test_who_may_not_see_what_workers_said_sees_neither_such_steps_nor_any_free_text(office: Office):
    assert office.change("ana", "comments", text="The night shift told the union.") == ""
    with office.database.for_organisation(office.id) as session:
        others = select(Step).where(Step.id != office.step, Step.action.not_in(list_later_contacts()))
        step = session.scalars(others).first()
        step.worker_derived = True
        hidden = step.id
    for name in ("vic", "dee"):
        assert "night shift" not in office.read(name)
        assert hidden not in office.read(name, "/remediation")
        assert office.browsers[name].get(f"/remediation/steps/{hidden}").status_code == 404
    assert hidden in office.read("ben", "/remediation")


def test_a_viewer_changes_nothing_and_an_old_form_is_refused(office: Office):
    assert "Change state" not in office.read("vic")
    assert send(office.browsers["vic"], f"{office.path}/state", state="agreed").status_code == 403
    assert "This step has changed since you opened it" in office.change("ana", "state", state="agreed", version="7")
    assert office.state()[0] == "planned"


def test_an_officer_uploads_a_file_that_is_handed_out_under_another_name(office: Office):
    sheet = b"paid on,amount\n2026-05-01,100\n"
    sent = {"kind": "payment_proof", "reference": "", "file": (BytesIO(sheet), "Somchai Jaidee.csv")}
    assert office.change("ana", "evidence", **sent) == ""
    page = office.read("ana")
    assert "Somchai" not in page
    address = re.search(rf"{office.path}/evidence/[\w-]+", page)[0]
    saved = office.browsers["dee"].get(address)
    assert saved.data == sheet
    assert saved.headers["Content-Disposition"].startswith('attachment; filename="return_papers_')
    assert office.browsers["vic"].get(address).status_code == 403
    refused = {"kind": "document", "reference": "", "file": (BytesIO(b"MZ\x90\x00"), "a.pdf")}
    assert office.change("ana", "evidence", **refused) != ""
    assert office.read("ana").count('tag">file<') == 1


def test_a_file_with_what_workers_said_is_handed_out_only_to_those_who_may_see_it(office: Office):
    sent = {"kind": "interview_summary", "reference": "", "file": (BytesIO(b"shift,heard\nnight,8\n"), "a.csv")}
    assert office.change("ben", "evidence", **sent) == ""
    address = re.search(rf"{office.path}/evidence/[\w-]+", office.read("ana"))[0]
    assert office.browsers["ana"].get(address).status_code == 200
    assert office.browsers["dee"].get(address).status_code == 404
    assert address not in office.read("dee")


def test_the_board_is_limited_to_a_priority_and_an_owner(office: Office):
    assert office.change("ana", "owner", owner=office.ids["ana"]) == ""
    all_steps = office.read("ana", "/remediation").count('name="step"')
    by_priority = [office.read("ana", f"/remediation?priority={one}").count('name="step"') for one in PRIORITIES]
    assert sum(by_priority) == all_steps
    assert office.read("ben", f"/remediation?owner={office.ids['ana']}").count('name="step"') == 1


def test_the_page_of_a_finding_shows_who_changed_its_state_when_and_why(office: Office):
    about = f"findings/{office.finding}"
    assert office.change("ben", about, state="accepted", reason="Admitted on the telephone.") == ""
    path = f"/remediation/findings/{office.finding}"
    page = office.read("ana", path)
    for shown in ("Open → Accepted", "Ben", "Admitted on the telephone.", office.path, "has not been put to"):
        assert shown in page
    assert path in office.read("ana")
    assert "Admitted on the telephone." not in office.read("vic", path)
    with office.database.for_organisation(office.id) as session:
        session.get_one(Finding, office.finding).worker_derived = True
    assert office.browsers["vic"].get(path).status_code == 404
    assert office.browsers["ben"].get(path).status_code == 200


def read_names(client: FlaskClient) -> str:
    return client.get("/remediation").get_data(as_text=True)


def test_the_board_names_supplier_and_day(office: Office):
    page = read_names(office.browsers["vic"])
    assert "Blue Pier Cannery" in page
    assert str(AT.year) in page
