"""What a reviewer sees of a returned questionnaire, accepts and asks back, and how the answers return into the review."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from io import BytesIO
from threading import Thread
from typing import NamedTuple

import pytest
from callers import make_browser, make_key, make_organisation, make_user, send
from flask import Flask
from openpyxl import load_workbook
from sample_objects import make_exit_paper
from sqlalchemy import select
from sqlalchemy.orm import Session
from test_online_questionnaires import Case, create_case, find_section

from questionnaires.form import load_form
from service.campaigns.contacts import save_contact
from service.campaigns.rules import compute_due_at
from service.clock import now
from service.db.outbox_tables import Message
from service.db.remediation_tables import Finding
from service.db.review_tables import AnswerDecision
from service.db.session import Database
from service.db.tables import AuditEvent, QuestionnaireRequest, Result, Supplier
from service.questionnaire_reviews.clarifications import close_clarification, list_waiting, remind_of_clarifications
from service.questionnaire_reviews.contents import load_review
from service.questionnaire_reviews.decisions import Choice, decide, send_asked_back
from service.questionnaires_sent.asked_back import list_asked_back
from service.questionnaires_sent.form_files import build_request_file
from service.questionnaires_sent.requests import create_request, mark_form_returned
from service.supplier_links import links
from service.suppliers import repository as suppliers

ANSWERS = {
    "Workforce": {"workers_total": "120", "workers_migrant": "80", "worker_origin_countries": "Bangladesh"},
    "Recruitment": {"recruitment_fees": "none", "worker_debt": "none"},
}


@pytest.fixture
def case(app: Flask, database: Database) -> Case:
    """A cannery in Malaysia that answered a few questions and sent the questionnaire."""
    case = create_case(app, database, country="MY")
    case.post("/open")
    for section, answers in ANSWERS.items():
        case.save(case.see(find_section(case, section)), answers)
    assert case.send().status_code == 303
    return case


class Reviewer:
    """An officer's API key, used on the review of the questionnaire of a case."""

    def __init__(self, case: Case) -> None:
        scopes = ("suppliers:read", "suppliers:write", "cases:read")
        self.case, self.key = case, make_key(case.database, case.organisation_id, *scopes)
        self.path = f"/api/v1/suppliers/{case.supplier_id}/questionnaires/{case.asking_id}"
        self.client = case.app.test_client()

    def review(self) -> dict:
        answer = self.client.get(f"{self.path}/review", headers=self.key)
        assert answer.status_code == 200, answer.json
        return answer.json

    def find(self, question: str) -> dict:
        return next(one for one in self.review()["answers"] if one["question"] == question)

    def decide(self, **decisions: str):
        """Accept a question (``accepted``), or ask it back for a reason (anything else)."""
        choices = [
            {"question": question, "decision": "accepted"}
            if reason == "accepted"
            else {"question": question, "decision": "asked_back", "reason": reason}
            for question, reason in decisions.items()
        ]
        return self.client.post(f"{self.path}/review", json={"decisions": choices}, headers=self.key)

    def ask_back(self):
        return self.client.post(f"{self.path}/ask-back", headers=self.key)

    def open_link(self) -> str:
        """Ask back what is to be asked; return the token of the link."""
        answer = self.ask_back()
        assert answer.status_code == 201, answer.json
        return answer.json["address"].rsplit("/", 1)[1]


@pytest.fixture
def reviewer(case: Case) -> Reviewer:
    return Reviewer(case)


def test_a_reviewer_is_pointed_to_what_the_corridor_says_about_no_fees(reviewer: Reviewer):
    answer = reviewer.find("recruitment_fees")
    texts = [point["text"] for point in answer["points"] if point["code"] == "corridor"]
    assert "Workers who go from Bangladesh to Malaysia pay 18 months of wages on average" in texts[0]
    assert answer["state"] == "open"


def test_a_finding_that_is_open_is_shown_beside_an_answer_that_says_all_is_well(reviewer: Reviewer):
    at, indicator = now(), load_form("site").by_id["worker_debt"].feeds[0]
    with reviewer.case.database.for_organisation(reviewer.case.organisation_id) as session:
        common = {"supplier_id": reviewer.case.supplier_id, "record_id": reviewer.case.supplier_id, "kind": "indicator"}
        found = {"source_class": "audit", "found_on": at.date(), "raised_on": at.date(), "state": "open"}
        by = {"created_by": "user:ana", "created_at": at, "updated_at": at}
        session.add(Finding(about=indicator, worker_derived=True, **common, **found, **by))
    assert "finding" in [point["code"] for point in reviewer.find("worker_debt")["points"]]
    reviewer.key = make_key(reviewer.case.database, reviewer.case.organisation_id, "suppliers:read")
    assert "finding" not in [point["code"] for point in reviewer.find("worker_debt")["points"]], "known from workers"


def test_accepting_changes_no_score_and_the_review_ends_when_all_is_accepted(reviewer: Reviewer):
    def list_results() -> list[str]:
        with reviewer.case.database.for_organisation(reviewer.case.organisation_id) as session:
            return list(session.scalars(select(Result.id)))

    before = list_results()
    assert reviewer.decide(recruitment_fees="accepted").json["state"] == "in_review"
    everything = {one["question"]: "accepted" for one in reviewer.review()["answers"]}
    assert reviewer.decide(**everything).json["state"] == "reviewed"
    assert list_results() == before


def test_what_is_asked_back_goes_out_as_one_small_form_and_returns_into_the_same_review(reviewer: Reviewer):
    case = reviewer.case
    reviewer.decide(recruitment_fees="Who paid the agency in Dhaka?", workers_total="At which site?")
    token = reviewer.open_link()
    assert reviewer.review()["state"] == "asked_back"
    assert "asks you to complete or explain 2 of them" in case.see("", token)
    case.post("/open", token)
    page = case.see("", token)
    assert "Housing" not in page
    sections = sorted(set(re.findall(r'/sections/\d+(?=")', page)))
    assert len(sections) == 2
    shown = "".join(case.see(path, token) for path in sections)
    assert "Why we are asking again: Who paid the agency in Dhaka?" in shown
    assert "family_debt" not in shown
    for path in sections:
        part = case.see(path, token)
        new = {"recruitment_fees": "most"} if "recruitment_fees" in part else {"workers_total": "150"}
        case.save(part, new, token)
    assert case.post("/send", token, confirmed="yes").status_code == 303
    supplier = case.load_supplier()
    kept = {name: supplier.answers[name] for name in ("recruitment_fees", "workers_total", "worker_debt")}
    assert kept == {"recruitment_fees": "most", "workers_total": 150, "worker_debt": "none"}
    review = reviewer.review()
    assert review["state"] == "in_review"
    answers = {one["question"]: one for one in review["answers"]}
    assert (answers["recruitment_fees"]["answer"], answers["recruitment_fees"]["state"]) == ("most", "open")
    assert answers["recruitment_fees"]["decisions"][0]["follow_up_id"] == review["follow_ups"][0]


def test_a_blank_to_what_was_asked_back_counts_as_declined_and_nothing_else_changes(reviewer: Reviewer):
    reviewer.decide(recruitment_fees="Who paid the agency?")
    token = reviewer.open_link()
    reviewer.case.post("/open", token)
    assert reviewer.case.post("/send", token, confirmed="yes").status_code == 303
    answers = reviewer.case.load_supplier().answers
    assert (answers["recruitment_fees"], answers["worker_debt"]) == ("declined", "none")


def test_nothing_is_asked_back_twice_for_the_same_answer_without_a_new_reason(reviewer: Reviewer):
    reviewer.decide(worker_debt="Which contract says so?")
    token = reviewer.open_link()
    assert reviewer.decide(worker_debt="And since when?").json["code"] == "review.waiting"
    reviewer.case.post("/open", token)
    page = reviewer.case.see("/sections/1", token)
    reviewer.case.save(page, {"worker_debt": "none"}, token)
    reviewer.case.post("/send", token, confirmed="yes")
    again = reviewer.decide(worker_debt="which contract  says so?")
    assert (again.status_code, again.json["code"]) == (409, "review.asked_before")
    assert reviewer.decide(worker_debt="Please send the contract.").status_code == 200


@pytest.mark.parametrize(
    ("reason", "code"),
    [(" ", "review.reason"), ("Ask Mr Somchai Rattana, +66 81 234 5678", "person."), ("x" * 501, "")],
)
def test_a_reason_is_needed_is_short_and_names_nobody(reviewer: Reviewer, reason: str, code: str):
    answer = reviewer.decide(worker_debt=reason)
    assert answer.status_code == 422
    assert code in answer.json["code"]
    assert reviewer.review()["state"] is None, "nothing was saved"


def test_an_email_with_the_questions_goes_to_the_confirmed_address(reviewer: Reviewer):
    with reviewer.case.database.for_organisation(reviewer.case.organisation_id) as session:
        supplier = session.get_one(Supplier, reviewer.case.supplier_id)
        save_contact(session, supplier, "office@pier.example", None, "user:ana", confirmed=True)
    reviewer.decide(worker_debt="Which contract says so?")
    assert reviewer.ask_back().json["email"] == "office@pier.example"
    with reviewer.case.database.for_organisation(reviewer.case.organisation_id) as session:
        mail = session.scalars(select(Message).where(Message.event == "questionnaire.asked_back")).one()
        assert mail.recipient == "office@pier.example"
        assert "contract" not in str(mail.payload), "events carry no text"
    assert reviewer.ask_back().json["code"] == "review.nothing"


def test_the_workbook_of_what_is_asked_back_has_only_these_questions(reviewer: Reviewer):
    reviewer.decide(worker_debt="Which contract says so?")
    follow_up = reviewer.ask_back().json["id"]
    with reviewer.case.database.for_organisation(reviewer.case.organisation_id) as session:
        sent, supplier = (
            session.get_one(QuestionnaireRequest, follow_up),
            session.get_one(Supplier, reviewer.case.supplier_id),
        )
        data = build_request_file(session, sent, supplier, "table", "en").data
    headers = [cell.value for cell in load_workbook(BytesIO(data)).worksheets[1][2]]
    assert len(headers) == 3, headers


def test_a_questionnaire_without_answers_cannot_be_reviewed(app: Flask, database: Database):
    reviewer = Reviewer(create_case(app, database))
    answer = reviewer.client.get(f"{reviewer.path}/review", headers=reviewer.key)
    assert (answer.status_code, answer.json["code"]) == (404, "review.not_returned")


def test_on_its_page_an_officer_accepts_what_nothing_speaks_against_and_asks_the_rest_back(case: Case):
    browser = make_browser(case.app, make_user(case.database, case.organisation_id))
    path = f"/suppliers/{case.supplier_id}/questionnaires/{case.asking_id}"
    page = browser.get(f"{path}/review").get_data(as_text=True)
    assert "18 months of wages" in page
    fields = {"decision-recruitment_fees": "asked_back", "reason-recruitment_fees": "Who paid the agency?"}
    assert send(browser, f"{path}/review", then="accept_rest", **fields).status_code == 303
    page = browser.get(f"{path}/review").get_data(as_text=True)
    assert "1 answer to clarify" in page
    sent = send(browser, f"{path}/ask-back").get_data(as_text=True)
    assert re.search(r"http://localhost/questionnaire/[\w-]{43}", sent)
    assert "Clarification requested" in browser.get(f"/suppliers/{case.supplier_id}").get_data(as_text=True)
    with case.database.for_organisation(case.organisation_id) as session:
        decisions = {one.question: one.decision for one in session.scalars(select(AnswerDecision))}
        events = set(session.scalars(select(AuditEvent.action)))
    assert decisions["recruitment_fees"] == "asked_back"
    assert decisions["worker_debt"] == "accepted"
    assert {"review.decided", "review.asked_back"} <= events
    viewer = make_browser(case.app, make_user(case.database, case.organisation_id, "viewer"))
    assert viewer.get(f"{path}/review").status_code == 403


def test_a_questionnaire_that_was_returned_as_a_workbook_can_no_longer_be_answered_through_its_link(
    app: Flask, database: Database
):
    case = create_case(app, database)
    case.post("/open")
    page = case.see(find_section(case, "Workforce"))
    with database.for_organisation(case.organisation_id) as session:
        mark_form_returned(session, case.asking_id, now().date(), "user:ana")
    assert case.save(page, {"workers_total": "120"}).status_code == 303
    assert case.send().status_code == 303
    assert "received your answers in another way" in case.see()
    assert "workers_total" not in case.load_supplier().answers


def test_the_language_that_was_chosen_on_the_pages_is_kept(app: Flask, database: Database):
    case = create_case(app, database)
    case.post("/open?language=th")
    assert 'lang="th"' in case.see("/sections/1")
    case.post("/open?language=en")
    assert 'lang="th"' not in case.see("/sections/1")


def test_an_answer_that_earlier_ones_outweigh_is_shown_as_not_used(database: Database):
    organisation_id, at = make_organisation(database), now()
    answers = {"name": "Blue Pier", "country": "TH", "workers_total": 120}
    with database.for_organisation(organisation_id) as session:
        known = {**answers, "agencies": ["Swift Hands"]}
        supplier, _ = suppliers.save_supplier(session, "site", known, at.date(), at, "user:ana", "import")
        sent = create_request(session, supplier, "site", "the manager", at.date(), "user:ana")
        session.flush()
        mark_form_returned(session, sent.id, at.date(), "user:ana")
        form = {"form_version": f"{sent.form} {sent.form_version}", "form_returned": at.date().isoformat()}
        received = {**answers, "uses_agencies": "no", **form}
        suppliers.save_supplier(session, "site", received, at.date(), at, "a", "api")
        review = load_review(session, sent, at.date(), sees_worker_derived=False)
        (text,) = (one.text for one in review.answers if one.question.id == "uses_agencies")
    assert text == "not used, because other answers outweigh it"


def test_decisions_are_kept_whatever_the_answer_was(database: Database):
    organisation_id, at = make_organisation(database), now()
    answers = {"name": "Blue Pier", "country": "TH", "workers_total": 120, "worker_origin_countries": ["MM"]}
    with database.for_organisation(organisation_id) as session:
        supplier, _ = suppliers.save_supplier(session, "site", answers, at.date(), at, "user:ana", "import")
        sent = create_request(session, supplier, "site", "the manager", at.date(), "user:ana")
        session.flush()
        mark_form_returned(session, sent.id, at.date(), "user:ana")
        form = {"form_version": f"{sent.form} {sent.form_version}", "form_returned": at.date().isoformat()}
        suppliers.save_supplier(session, "site", {**answers, **form, "housing": "declined"}, at.date(), at, "a", "api")
        asked = [Choice(question, "asked_back", "Why?") for question in ("worker_origin_countries", "housing")]
        choices = [Choice("workers_total", "accepted"), *asked]
        review = decide(session, sent, choices, "user:ana", at.date(), sees_worker_derived=False)
        states = {one.question.id: one.state for one in review.answers}
        assert states == {"workers_total": "accepted", "worker_origin_countries": "to_ask", "housing": "to_ask"}
        asked_back = send_asked_back(session, sent, "user:ana", at.date(), "/q/{token}", sees_worker_derived=False)
        assert set(list_asked_back(session, asked_back.request.id)) == {"worker_origin_countries", "housing"}


class Clarification(NamedTuple):
    """A request for clarification that a supplier in Thailand was sent by email, and the end of its due day there."""

    database: Database
    organisation_id: str
    supplier_id: str
    asking_id: str
    due_at: datetime

    def change(self, act: Callable[[Session, QuestionnaireRequest], object]) -> None:
        with self.database.for_organisation(self.organisation_id) as session:
            act(session, session.get_one(QuestionnaireRequest, self.asking_id))

    def remind(self, days: int, hour: int = 10) -> int:
        """What a scheduler does at an hour of a day so many days before the due day."""
        return remind_of_clarifications(self.database, self.due_at - timedelta(days=days + 1) + timedelta(hours=hour))

    def list_reminders(self) -> list[tuple[str, str]]:
        with self.database.for_organisation(self.organisation_id) as session:
            sent = select(Message).where(Message.event == "questionnaire.clarification_reminder")
            return [(one.recipient, one.occasion.split()[1]) for one in session.scalars(sent.order_by(Message.id))]


@pytest.fixture
def clarification(database: Database) -> Clarification:
    make_organisation(database, "Quay Trading")  # its time zone is no matter of the other organisation
    organisation_id, at = make_organisation(database), now()
    answers = {"name": "Blue Pier", "country": "TH", "workers_total": 120}
    with database.for_organisation(organisation_id) as session:
        supplier, _ = suppliers.save_supplier(session, "site", answers, at.date(), at, "user:ana", "import")
        save_contact(session, supplier, "office@pier.example", None, "user:ana", confirmed=True)
        sent = create_request(session, supplier, "site", "the manager", at.date(), "user:ana")
        session.flush()
        mark_form_returned(session, sent.id, at.date(), "user:ana")
        form = {"form_version": f"{sent.form} {sent.form_version}", "form_returned": at.date().isoformat()}
        suppliers.save_supplier(session, "site", {**answers, **form}, at.date(), at, "a", "api")
        choices = [Choice("workers_total", "asked_back", "At which site?")]
        decide(session, sent, choices, "user:ana", at.date(), sees_worker_derived=False)
        asked = send_asked_back(session, sent, "user:ana", at.date(), "/q/{token}", sees_worker_derived=False).request
        due_at = compute_due_at(asked.due_on, "TH", "UTC")
        return Clarification(database, organisation_id, supplier.id, asked.id, due_at)


def test_two_schedulers_remind_a_supplier_of_a_clarification_once_on_each_day(clarification: Clarification):
    assert [clarification.remind(8), clarification.remind(7, hour=8)] == [0, 0]
    both = [Thread(target=clarification.remind, args=(7,)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert clarification.list_reminders() == [("office@pier.example", "7")]
    assert [clarification.remind(days) for days in (6, 3, 2, 1, 0, -3, -9, -10, -20)] == [0, 1, 0, 1, 0, 1, 0, 1, 0]
    assert len(clarification.list_reminders()) == 5


def exit_supplier(session: Session, asked: QuestionnaireRequest) -> None:
    paper = make_exit_paper(session, {"supplier_id": asked.supplier_id, "user_id": "ana"})
    paper.state = "approved"
    session.add(paper)


def revoke(session: Session, asked: QuestionnaireRequest) -> None:
    links.revoke_request_links(session, asked.id, "user:ana")


def reply(session: Session, asked: QuestionnaireRequest) -> None:
    mark_form_returned(session, asked.id, asked.sent_on, "user:ana")


def refuse(session: Session, asked: QuestionnaireRequest) -> None:
    close_clarification(session, asked, "refused", "user:ana")


@pytest.mark.parametrize("end", [reply, refuse, revoke, exit_supplier])
def test_nobody_is_reminded_after_a_reply_a_refusal_or_the_end_of_the_relationship(
    clarification: Clarification, end: Callable[[Session, QuestionnaireRequest], None]
):
    clarification.change(end)
    assert clarification.remind(7) == 0
    assert clarification.list_reminders() == []
    clarification.change(lambda session, asked: check_no_reminder(list_waiting(session, [asked])))


def check_no_reminder(waiting: list) -> None:
    assert [one.next_reminder for one in waiting if one.next_reminder] == []


def test_the_review_shows_reminders_and_an_officer_ends_the_wait(reviewer: Reviewer):
    case = reviewer.case
    reviewer.decide(worker_debt="Which contract says so?")
    follow_up = reviewer.ask_back().json["id"]
    officer = make_browser(case.app, make_user(case.database, case.organisation_id))
    path = f"/suppliers/{case.supplier_id}/questionnaires"
    page = officer.get(f"{path}/{case.asking_id}/review").get_data(as_text=True)
    assert "Next reminder on" in page
    assert send(officer, f"{path}/{case.asking_id}/close", closed_as="refused").status_code == 409
    answer = reviewer.client.post(
        f"/api/v1{path}/{follow_up}/close", json={"closed_as": "refused"}, headers=reviewer.key
    )
    assert (answer.status_code, answer.json["state"], answer.json["closed_as"]) == (200, "closed", "refused")
    assert send(officer, f"{path}/{follow_up}/close", closed_as="cancelled").status_code == 409
    assert "Next reminder on" not in officer.get(f"{path}/{case.asking_id}/review").get_data(as_text=True)
    assert reviewer.find("worker_debt")["state"] == "open"
    assert reviewer.decide(worker_debt="accepted").status_code == 200
