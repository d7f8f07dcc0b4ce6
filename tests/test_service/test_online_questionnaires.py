"""What a supplier sees and sends when it answers a questionnaire through a link, and what its buyer gets."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import pytest
from callers import make_organisation
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from questionnaires.form import load_form
from service import links
from service.clock import now
from service.db.session import Database
from service.db.tables import QuestionnaireRequest, Result, Supplier
from service.questionnaires_sent.requests import create_request
from service.suppliers import repository as suppliers


@dataclass(frozen=True)
class Case:
    """A supplier that was sent a questionnaire, its link in a browser without an account, and its buyer."""

    app: Flask
    database: Database
    organisation_id: str
    supplier_id: str
    asking_id: str
    token: str
    client: FlaskClient

    def get(self, path: str = "", token: str | None = None) -> TestResponse:
        return self.client.get(f"/questionnaire/{token or self.token}{path}")

    def see(self, path: str = "", token: str | None = None) -> str:
        answer = self.get(path, token)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_data(as_text=True)

    def post(self, path: str, token: str | None = None, **fields: object) -> TestResponse:
        return self.client.post(f"/questionnaire/{token or self.token}{path}", data=fields)

    def save(
        self, page: str, answers: Mapping[str, object], token: str | None = None, then: str = "next"
    ) -> TestResponse:
        """Send the form of a section as a browser does: all its fields, with some answers changed."""
        number = re.search(r'/sections/(\d+)" data-saving', page)[1]
        return self.post(f"/sections/{number}", token, **{**read_fields(page), **answers}, then=then)

    def send(self) -> TestResponse:
        return self.post("/send", confirmed="yes")

    def count(self, table: type) -> int:
        with self.database.for_organisation(self.organisation_id) as session:
            return session.scalars(select(func.count()).select_from(table)).one()

    def load_supplier(self) -> Supplier:
        with self.database.for_organisation(self.organisation_id) as session:
            supplier = session.get_one(Supplier, self.supplier_id)
            session.expunge(supplier)
            return supplier


def read_fields(page: str) -> dict[str, object]:
    """The fields of a page with their values, as a browser would send them."""
    fields: dict[str, object] = {}
    for tag in re.findall(r"<input [^>]*>", page):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and ("checked" in tag or not re.search(r'type="(radio|checkbox|file)"', tag)):
            fields[name[1]] = value[1] if value else ""
    return fields


def create_case(app: Flask, database: Database, form: str = "site", **answers: object) -> Case:
    organisation_id = make_organisation(database)
    kind = load_form(form).kind
    known = {"name": "Blue Pier Cannery", "reference": "S-1", "country": "TH", "sector": ["1020"], **answers}
    at = now()
    with database.for_organisation(organisation_id) as session:
        supplier, _ = suppliers.save_supplier(session, kind, known, at.date(), at, "user:ana", "import")
        sent = create_request(session, supplier, form, "the manager", at.date(), "user:ana")
        session.flush()
        _, token = links.create_questionnaire_link(session, sent, "management", at + timedelta(days=30), "user:ana")
        return Case(app, database, organisation_id, supplier.id, sent.id, token, app.test_client())


@pytest.fixture
def case(app: Flask, database: Database) -> Case:
    return create_case(app, database)


def find_section(case: Case, title: str) -> str:
    """The path of a section."""
    return re.search(rf'(/sections/\d+)">{title}<', case.see())[1]


def open_section(case: Case, title: str) -> str:
    return case.see(find_section(case, title))


def test_the_cover_page_says_who_asks_and_what_becomes_of_the_answers_before_anything_is_asked(case: Case):
    page = case.see()
    assert "Harbour Foods asks Blue Pier Cannery" in page
    assert "a blank counts as declined" in page
    assert "section" not in page
    assert case.post("/open").status_code == 303
    assert "Recruitment" in case.see()


def test_answers_are_saved_by_section_and_are_there_when_the_page_is_opened_again(case: Case):
    case.post("/open")
    page = open_section(case, "Workforce")
    answer = case.save(page, {"workers_total": "120", "uses_agencies": "no"})
    assert answer.status_code == 303
    again = open_section(case, "Workforce")
    assert 'name="workers_total" id="f-workers_total" value="120"' in again
    assert case.load_supplier().answers.get("workers_total") is None, "a draft is not scored"


def test_a_questionnaire_that_is_sent_is_assessed_and_marked_returned(case: Case):
    case.post("/open")
    case.save(open_section(case, "Workforce"), {"workers_total": "120", "workers_migrant": "80"})
    assert "will count as declined" in case.see("/review")
    assert case.send().status_code == 303
    supplier = case.load_supplier()
    assert supplier.answers["workers_total"] == 120
    assert supplier.answers["recruitment_fees"] == "declined"
    with case.database.for_organisation(case.organisation_id) as session:
        sent = session.get_one(QuestionnaireRequest, case.asking_id)
        assert (sent.returned_on, sent.submitted_at is not None) == (now().date(), True)
        assert session.get_one(Result, supplier.latest_id).cause == "questionnaire"
    page = case.see()
    assert "The questionnaire was sent" in page
    assert "Your result" in page
