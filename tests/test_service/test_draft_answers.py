"""Draft answers in both databases: several people at once, and what becomes of them when the questionnaire is sent."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from callers import make_organisation
from sqlalchemy import select

from service.clock import now
from service.db.link_tables import SupplierLink
from service.db.session import Database
from service.db.tables import QuestionnaireRequest, Result, Supplier
from service.errors import DomainError
from service.online_questionnaires.drafts import Draft, Sent, load_drafts, save_answers
from service.online_questionnaires.questions import OnlineForm, load_online_form
from service.online_questionnaires.sending import send_questionnaire
from service.questionnaires_sent.requests import create_request, get_open_request
from service.supplier_links import links
from service.suppliers import repository as suppliers


class Questionnaire:
    """A questionnaire that a supplier was sent."""

    def __init__(self, database: Database) -> None:
        self.database, self.organisation_id, at = database, make_organisation(database), now()
        known = {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}
        with database.for_organisation(self.organisation_id) as session:
            supplier, _ = suppliers.save_supplier(session, "site", known, at.date(), at, "user:ana", "import")
            request = create_request(session, supplier, "site", "the manager", at.date(), "user:ana")
            session.flush()
            until = at + timedelta(days=30)
            link, _ = links.create_questionnaire_link(session, request, "management", until, "user:ana")
            self.supplier_id, self.asking_id, self.by = supplier.id, request.id, f"link:{link.id}"
            self.form: OnlineForm = load_online_form(request, supplier, {}, is_same_record=True)

    def answer(self, seen: int = 0, by: str = "", **texts: str) -> set[str]:
        sent = {question: Sent(text, seen) for question, text in texts.items()}
        with self.database.for_organisation(self.organisation_id) as session:
            return save_answers(session, self.asking_id, self.form, sent, by or self.by, now())

    def load(self, question: str) -> Draft:
        with self.database.for_organisation(self.organisation_id) as session:
            return load_drafts(session, self.asking_id, self.form)[question]

    def send(self) -> None:
        with self.database.for_organisation(self.organisation_id) as session:
            send_questionnaire(session, self.asking_id, self.supplier_id, self.by, now().date(), now())


@pytest.fixture
def questionnaire(database: Database) -> Questionnaire:
    return Questionnaire(database)


def test_the_same_answer_sent_again_makes_no_new_version(questionnaire: Questionnaire):
    assert questionnaire.answer(workers_total="120") == {"workers_total"}
    assert questionnaire.answer(workers_total="120") == set()
    assert questionnaire.load("workers_total").version == 1


def test_an_answer_can_be_taken_back(questionnaire: Questionnaire):
    questionnaire.answer(workers_total="120")
    questionnaire.answer(seen=1, workers_total="")
    assert questionnaire.load("workers_total").text == ""
    questionnaire.answer(country="")
    assert questionnaire.load("country").text == "", "also one that was filled in beforehand"


def test_of_many_answers_at_once_none_is_lost(questionnaire: Questionnaire):
    with ThreadPoolExecutor(4) as people:
        list(people.map(lambda number: questionnaire.answer(workers_total=str(number)), range(1, 9)))
    last = questionnaire.load("workers_total")
    assert last.version == 8
    assert last.replaced, "whoever answered last had not seen the answer before"


def test_a_questionnaire_that_two_people_send_at_once_is_sent_once(questionnaire: Questionnaire):
    questionnaire.answer(workers_total="120")

    def send(_: int) -> str:
        try:
            questionnaire.send()
        except DomainError as error:
            return error.code
        return "sent"

    with ThreadPoolExecutor(2) as people:
        assert sorted(people.map(send, range(2))) == ["questionnaire.sent", "sent"]
    with questionnaire.database.for_organisation(questionnaire.organisation_id) as session:
        assert session.scalars(select(Result.cause)).all().count("questionnaire") == 1
        assert session.get_one(Supplier, questionnaire.supplier_id).answers["workers_total"] == 120
        assert session.get_one(QuestionnaireRequest, questionnaire.asking_id).submitted_by == questionnaire.by


def test_nothing_is_saved_once_the_questionnaire_was_sent(questionnaire: Questionnaire):
    questionnaire.send()
    with pytest.raises(DomainError, match="already been submitted"):
        questionnaire.answer(workers_total="120")
    until = now() + timedelta(days=1)
    with questionnaire.database.for_organisation(questionnaire.organisation_id) as session:
        request = session.get_one(QuestionnaireRequest, questionnaire.asking_id)
        with pytest.raises(DomainError, match="already been returned"):
            links.create_questionnaire_link(session, request, "management", until, "user:ana")


def test_nothing_is_saved_and_no_link_is_made_once_the_request_was_closed(questionnaire: Questionnaire):
    with questionnaire.database.for_organisation(questionnaire.organisation_id) as session:
        session.get_one(QuestionnaireRequest, questionnaire.asking_id).closed_as = "cancelled"
        supplier = session.get_one(Supplier, questionnaire.supplier_id)
        with pytest.raises(DomainError, match="was closed"):
            get_open_request(session, supplier, questionnaire.asking_id, now().date())
    with pytest.raises(DomainError, match="not found"):
        questionnaire.answer(workers_total="120")


def test_a_link_to_a_section_is_over_as_soon_as_the_one_it_was_made_through_is_revoked(questionnaire: Questionnaire):
    with questionnaire.database.for_organisation(questionnaire.organisation_id) as session:
        request = session.get_one(QuestionnaireRequest, questionnaire.asking_id)
        until = now() + timedelta(days=1)
        parent, token = links.create_questionnaire_link(session, request, "management", until, "user:ana")
        _, narrower = links.create_section_link(
            session, links.find_link(session, token, "questionnaire"), "other", "Workforce"
        )
        section = links.find_link(session, narrower, "questionnaire")
        links.check_link(session, section)
        session.get_one(SupplierLink, parent.id).revoked_at = now()
        with pytest.raises(DomainError, match="not found"):
            links.check_link(session, section)
