"""Test exit papers: what they need, who approves them, and that nothing else makes a supplier one that we have left."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from callers import make_browser, make_key, make_organisation, make_user, send
from flask import Flask
from flask.testing import FlaskClient
from portal import make_portal
from sqlalchemy import select
from sqlalchemy.orm import Session
from test_outbox_queue import add_endpoint
from test_remedy_accounts import Case
from test_retaliation_watch import LOCKED, ON, act_on
from test_taking_findings import HELD, SITE, save

from service.clock import now
from service.db.exit_tables import ExitPaper
from service.db.identity_tables import SupplierMerge
from service.db.outbox_tables import Message
from service.db.redress_tables import RemedyAccount
from service.db.session import Database
from service.db.tables import AuditEvent
from service.errors import DomainError
from service.remediation import exit_papers
from service.remediation.exit_papers import Attempt, ExitContent, list_grounds
from service.remediation.gate import list_exited_suppliers, load_gate_facts
from service.remediation.steps import Act
from service.reporting.stored_reports import build_internal_report, build_supplier_copy
from service.suppliers.merging import merge_suppliers, undo_merge

TRIED = Attempt(ON - timedelta(days=90), "Joint letter with two other buyers.")
COMPLETE = ExitContent(
    ground="no_progress",
    leverage=[TRIED],
    effect="40 people lose their jobs; their permits are tied to the site.",
    remedy="Fees are repaid from a fund that we have paid in full.",
    payment_after="The union pays from the fund until May.",
    spokesperson="union",
    consulted_on=ON - timedelta(days=5),
    reason="Three plans failed, and passports are still held.",
    ends_on=ON + timedelta(days=120),
)


class Leaving:
    """A supplier that we may leave, and what users do about it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.supplier = save(session, {**SITE, **HELD})

    def start(self, content: ExitContent = COMPLETE, by: Act | None = None) -> ExitPaper:
        return exit_papers.start_paper(self.session, self.supplier, content, by or act_on(ON))

    def move(self, paper: ExitPaper, state: str, by: Act, reason: str = "") -> None:
        exit_papers.change_state(self.session, paper, state, reason, by)

    def refuse(self, paper: ExitPaper, state: str, by: Act, reason: str = "") -> str:
        with pytest.raises(DomainError) as refused:
            self.move(paper, state, by, reason)
        return refused.value.code

    def is_left(self) -> bool:
        return self.supplier.id in list_exited_suppliers(self.session, [self.supplier.id])


@pytest.fixture
def leaving(database: Database) -> Iterator[Leaving]:
    with database.for_organisation(make_organisation(database)) as session:
        yield Leaving(session)


@pytest.fixture
def quick(sqlite_database: Database) -> Iterator[Leaving]:
    """The same where the kind of database makes no difference."""
    with sqlite_database.for_organisation(make_organisation(sqlite_database)) as session:
        yield Leaving(session)


APPROVER, AUTHOR, OTHER = act_on(ON, "dee", "approver"), act_on(ON), act_on(ON, "ben")


def test_a_supplier_is_left_only_once_another_person_has_approved_the_paper(leaving: Leaving):
    paper = leaving.start()
    assert leaving.refuse(paper, "approved", APPROVER) == "transition.not_allowed"
    assert leaving.refuse(paper, "submitted", act_on(ON, role=None)) == "transition.by_key"
    leaving.move(paper, "submitted", OTHER)
    assert not leaving.is_left()
    assert leaving.refuse(paper, "approved", OTHER) == "transition.approver"
    assert leaving.refuse(paper, "approved", act_on(ON, "ana", "admin")) == "transition.same_user"  # wrote it
    assert leaving.refuse(paper, "approved", act_on(ON, "ben", "admin")) == "transition.same_user"  # submitted it
    assert leaving.refuse(paper, "approved", act_on(ON, "dee", None)) == "transition.by_key"
    assert leaving.refuse(paper, "returned", APPROVER) == "transition.reason"
    leaving.move(paper, "approved", APPROVER)
    assert leaving.is_left()
    assert load_gate_facts(leaving.session, leaving.supplier.id).exited_on == COMPLETE.ends_on
    trail = leaving.session.scalars(select(AuditEvent.action).where(AuditEvent.object_id == paper.id)).all()
    assert trail.count("exit_paper.state_changed") == 2


def test_whoever_changes_a_returned_paper_becomes_an_author_and_cannot_approve_it(quick: Leaving):
    paper = quick.start()
    quick.move(paper, "submitted", AUTHOR)
    quick.move(paper, "returned", APPROVER, "Ask the lenders first.")
    assert paper.response == "Ask the lenders first."
    exit_papers.change_paper(quick.session, paper, replace(COMPLETE, reason="The lenders declined."), APPROVER)
    quick.move(paper, "submitted", AUTHOR)
    with pytest.raises(DomainError, match="Only drafts"):
        exit_papers.change_paper(quick.session, paper, COMPLETE, AUTHOR)
    assert quick.refuse(paper, "approved", APPROVER) == "transition.same_user"
    quick.move(paper, "approved", act_on(ON, "eve", "admin"))
    assert quick.is_left()


def test_a_paper_is_submitted_only_when_it_says_everything(quick: Leaving):
    paper = quick.start(ExitContent())
    for missing in ("ground", "effect", "remedy", "payment_after", "reason", "ends_on"):
        exit_papers.change_paper(quick.session, paper, replace(COMPLETE, **{missing: None}), AUTHOR)
        assert quick.refuse(paper, "submitted", AUTHOR) == "exit.incomplete", missing
    nobody = {"spokesperson": None, "consulted_on": None}
    for ground, needs in list_grounds().items():
        for part, without in (("leverage", {"leverage": []}), ("consulted", nobody)):
            exit_papers.change_paper(quick.session, paper, replace(COMPLETE, ground=ground, **without), AUTHOR)
            if part in needs:
                assert quick.refuse(paper, "submitted", AUTHOR) == "exit.incomplete", (ground, part)
            else:
                exit_papers._check_complete(paper)
    assert "leverage" not in list_grounds()["imposed_by_management"]  # ending it at once may be right there (SAFE-8)
    assert all("leverage" in list_grounds()[ground] for ground in ("no_progress", "danger_remains", "business_reason"))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ground": "cheaper"}, "exit.ground"),
        ({"leverage": [Attempt(ON, " ")]}, "exit.leverage"),
        ({"leverage": [TRIED] * 21}, "exit.leverage"),
        ({"leverage": [Attempt(ON + timedelta(days=1), "A letter.")]}, "date.future"),
        ({"spokesperson": "manager"}, "exit.consulted"),
        ({"consulted_on": None}, "exit.consulted"),
        ({"consulted_on": ON + timedelta(days=1)}, "date.future"),
        ({"effect": "Ask Somchai, +66 81 234 5678."}, "person."),
        ({"reason": "x" * 2001}, "text.too_long"),
    ],
)
def test_what_a_paper_cannot_say_is_refused_and_nothing_is_saved(quick: Leaving, change: dict[str, object], code: str):
    with pytest.raises(DomainError) as refused:
        quick.start(replace(COMPLETE, **change))
    assert refused.value.code.startswith(code)
    assert quick.session.scalars(select(ExitPaper)).all() == []


def test_a_supplier_has_one_paper_at_a_time_and_staying_takes_no_approval(quick: Leaving):
    paper = quick.start()
    with pytest.raises(DomainError, match="already an exit paper"):
        quick.start()
    assert quick.refuse(paper, "withdrawn", AUTHOR) == "transition.reason"
    quick.move(paper, "submitted", AUTHOR)
    quick.move(paper, "withdrawn", AUTHOR, "The papers were handed back.")
    later = quick.start()
    quick.move(later, "submitted", AUTHOR)
    quick.move(later, "approved", APPROVER)
    assert quick.refuse(later, "withdrawn", AUTHOR, "We buy again.") == "transition.approver"
    quick.move(later, "withdrawn", APPROVER, "We buy again.")
    assert not quick.is_left()


def test_a_key_of_a_user_writes_a_draft_and_one_of_nobody_does_not(quick: Leaving):
    quick.start(by=act_on(ON, "ana", None))
    nobody = replace(AUTHOR, actor=replace(AUTHOR.actor, person=None, role=None))
    with pytest.raises(DomainError, match="does not belong to any user"):
        exit_papers.change_paper(quick.session, quick.session.scalars(select(ExitPaper)).one(), COMPLETE, nobody)


def test_approvers_are_told_that_a_paper_waits_without_its_supplier(database: Database):
    organisation_id = make_organisation(database)
    approver = make_user(database, organisation_id, "approver")
    make_user(database, organisation_id, "officer")
    with database.for_organisation(organisation_id) as session:
        add_endpoint(session, "approval.waiting")
        leaving = Leaving(session)
        paper = leaving.start()
        leaving.move(paper, "submitted", AUTHOR)
        messages = session.scalars(select(Message).where(Message.event == "approval.waiting")).all()
        assert {message.recipient for message in messages if message.kind == "mail"} == {approver}
        assert [message.payload for message in messages] == [{"kind": "exit_paper", "object_id": paper.id}] * 2


def test_merging_moves_a_paper_and_separating_takes_it_back(leaving: Leaving):
    session, paper = leaving.session, leaving.start()
    target = save(session, {**SITE, "reference": "S-2", "name": "Blue Pier Foods"})
    merge_suppliers(session, leaving.supplier, target, AUTHOR.at, "user:ana")
    session.refresh(paper)
    assert paper.supplier_id == target.id
    merge = session.scalars(select(SupplierMerge.id)).one()
    _, back = undo_merge(session, merge, AUTHOR.at, "user:ana")
    session.refresh(paper)
    assert paper.supplier_id == back.id


def test_a_supplier_that_we_have_left_is_not_merged_with_one_that_we_have_not(quick: Leaving):
    session, paper = quick.session, quick.start()
    other = save(session, {**SITE, "reference": "S-2", "name": "Blue Pier Foods"})
    add_endpoint(session, "supplier.exited")
    quick.move(paper, "submitted", AUTHOR)
    quick.move(paper, "approved", APPROVER)
    event = session.scalars(select(Message).where(Message.event == "supplier.exited")).one()
    assert event.payload["ends_on"] == COMPLETE.ends_on.isoformat()
    for source, target in ((quick.supplier, other), (other, quick.supplier)):
        with pytest.raises(DomainError, match="would apply to both"):
            merge_suppliers(session, source, target, AUTHOR.at, "user:ana")
    quick.move(paper, "withdrawn", APPROVER, "The relationship continues.")
    merge_suppliers(session, quick.supplier, other, AUTHOR.at, "user:ana")


class Desk:
    """A supplier that workers have reported something about, and the browsers of an officer and an approver."""

    def __init__(self, app: Flask, database: Database) -> None:
        self.app, self.database, self.id = app, database, make_organisation(database)
        self.officer, self.approver = (
            make_browser(app, make_user(database, self.id, role)) for role in ("officer", "approver")
        )
        with database.for_organisation(self.id) as session:
            self.supplier = save(session, {**SITE, **HELD, **LOCKED}, now()).id
        self.portal = make_portal(app, self.id)

    @property
    def path(self) -> str:
        return f"/suppliers/{self.supplier}"

    def write(self, **changes: str) -> None:
        texts = {name: getattr(COMPLETE, name) for name in ("ground", "effect", "remedy", "payment_after", "reason")}
        consulted = {"spokesperson": "union", "consulted_on": "2026-01-02", "ends_on": "2030-01-01"}
        form = {**texts, **consulted, "tried_on": "2026-01-02", "tried": "A joint letter.", **changes}
        assert send(self.officer, f"{self.path}/exit", **form).status_code == 303

    def get_paper(self) -> dict[str, object]:
        return self.portal.get(f"{self.path}/exit-papers").json["items"][0]

    def submit(self, browser: FlaskClient) -> int:
        paper = self.get_paper()
        form = {"state": "submitted", "version": paper["version"]}
        return send(browser, f"/exit-papers/{paper['id']}/state", **form).status_code

    def decide(self, browser: FlaskClient, decision: str, reason: str = "") -> int:
        path = f"/approvals/exits/{self.get_paper()['id']}"
        return send(browser, path, decision=decision, reason=reason).status_code


@pytest.fixture
def desk(app: Flask, database: Database) -> Desk:
    return Desk(app, database)


def test_what_was_written_is_saved_when_the_paper_is_submitted_complete_or_not(desk: Desk):
    desk.write()
    form = {"paper": desk.get_paper()["id"], "version": desk.get_paper()["version"], "then": "submit"}
    refused = send(desk.officer, f"{desk.path}/exit", **form, reason="Three plans have failed.")
    assert refused.status_code == 422
    assert "The exit paper is not complete yet." in refused.text
    assert (desk.get_paper()["state"], desk.get_paper()["reason"]) == ("draft", "Three plans have failed.")
    form["version"] = desk.get_paper()["version"]
    desk.write(**form)
    assert desk.get_paper()["state"] == "submitted"


def test_a_paper_goes_from_its_page_to_an_approver_and_the_gate_says_so(desk: Desk):
    desk.write()
    assert "Draft" in desk.officer.get(f"{desk.path}/exit").text
    assert desk.portal.get(desk.path).json["exited_on"] is None
    assert desk.submit(desk.officer) == 303
    assert [each["kind"] for each in desk.portal.get("/approvals").json["items"]] == ["exit_paper"]
    shown = desk.approver.get("/approvals").text
    assert COMPLETE.effect in shown
    assert "1 decision<" in desk.approver.get("/").text
    assert desk.decide(desk.officer, "approve") == 403
    assert desk.decide(desk.approver, "approve") == 303
    assert desk.portal.get("/approvals").json["items"] == []
    answer = desk.portal.get(desk.path).json
    assert answer["exited_on"] == "2030-01-01"
    assert answer["decision_reasons"][0]["code"] == "supplier.exited"
    assert answer["decision"] in ("ask", "hold")
    for browser in (desk.officer, desk.approver):
        assert "Exit approved" in browser.get(desk.path).text


def test_the_gate_never_proceeds_with_a_supplier_that_we_have_left(desk: Desk):
    before = desk.portal.get(desk.path).json
    desk.write()
    desk.submit(desk.officer)
    desk.decide(desk.approver, "approve")
    after = desk.portal.call("POST", f"{desk.path}/decision", json={}).json
    assert after["decision_details"]["answer"] == ("hold" if before["decision"] == "hold" else "ask")
    assert after["score"] == before["score"]


def test_the_internal_report_names_who_waits_for_a_decision_and_the_suppliers_copy_does_not(desk: Desk):
    desk.write()
    desk.submit(desk.officer)
    with desk.database.for_organisation(desk.id, write=False) as session:
        assert build_internal_report(session, [desk.supplier]).exits == (SITE["name"],)
        assert build_supplier_copy(session, desk.supplier).exits == ()


def test_a_refused_form_keeps_what_was_entered_and_an_old_version_is_refused(desk: Desk):
    desk.write(ground="")
    paper = desk.get_paper()
    assert desk.submit(desk.officer) == 422
    form = {"paper": paper["id"], "version": "7", "effect": "Nobody loses anything."}
    refused = send(desk.officer, f"{desk.path}/exit", **form)
    assert refused.status_code == 409
    kept = send(desk.officer, f"{desk.path}/exit", payment_after="Call +66 81 234 5678", reason="Kept text.")
    assert kept.status_code == 409 or "Kept text." in kept.text
    assert send(
        desk.officer, f"/exit-papers/{paper['id']}/state", state="approved", version=paper["version"]
    ).status_code
    assert desk.get_paper()["state"] != "approved"


def test_what_waits_for_an_approver_is_listed_as_far_as_the_caller_may_see_it(desk: Desk):
    watch = desk.portal.get("/retaliation-watches").json["items"][0]
    asked = {"reason": "The site has closed.", "version": watch["version"]}
    assert send(desk.officer, f"/retaliation-watches/{watch['id']}/ending", **asked).status_code == 303
    assert [each["kind"] for each in desk.portal.get("/approvals").json["items"]] == ["watch_end"]
    assert "The site has closed." in desk.approver.get("/approvals").text
    key = make_key(desk.database, desk.id, "remediation:read")
    assert desk.app.test_client().get("/api/v1/approvals", headers=key).json["items"] == []


def test_a_supplier_without_findings_links_to_its_remedy_accounts(app: Flask, database: Database):
    case = Case(database)
    with database.for_organisation(case.id) as session:
        site = save(session, {"reference": "S-9", "name": "Hill Mill", "country": "NO", "sector": ["1020"]})
        site_id = site.id
        session.get_one(RemedyAccount, case.account).supplier_id = site_id
    browser = make_browser(app, make_user(database, case.id))
    assert f"/suppliers/{site_id}/remedy-accounts" in browser.get(f"/suppliers/{site_id}").text
