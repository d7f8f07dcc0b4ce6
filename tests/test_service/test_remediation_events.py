"""Whoever sees to a step or wrote a letter is told what became of it, and no time to reply passes unnoticed."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from callers import make_organisation
from sqlalchemy import select
from sqlalchemy.orm import Session
from test_outbox_queue import add_endpoint
from test_remediation_rules import AT, HEARD, PAYROLL, Workspace

from service.auth.access import ACCESS
from service.db.outbox_tables import Message
from service.db.remediation_tables import Finding, Reply, Step, Transition
from service.db.session import Database
from service.remediation import findings, replies, steps, verification
from service.remediation.rules import load_rules

EVENTS = ("reply.received", "step.verified", "step.closed", "step.reopened")


class Office(Workspace):
    """A workspace with a system that takes every event of remediation; Ana owns the plain step."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.endpoint = add_endpoint(session, *EVENTS)
        steps.assign(session, self.plain, self.people["ana"].id, self.act("dee"))

    def verify(self, step: Step) -> None:
        self.prove(step, by="dee")

    def read_messages(self, event: str) -> dict[str, dict[str, object]]:
        """What each recipient of an event is told."""
        messages = self.session.scalars(select(Message).where(Message.event == event)).all()
        names = {user.id: name for name, user in self.people.items()} | {self.endpoint: "system"}
        assert len(messages) == len({message.recipient for message in messages})
        return {names[message.recipient]: message.payload for message in messages}


@pytest.fixture
def office(database: Database) -> Iterator[Office]:
    with database.for_organisation(make_organisation(database)) as session:
        yield Office(session)


def close_finding(office: Office) -> None:
    """Both steps are verified and the plain one is closed; so is their finding."""
    for step in (office.safety, office.plain):
        office.verify(step)
    steps.change_state(office.session, office.plain, "closed", None, office.act("ben"))
    findings.change_state(office.session, office.finding, "remedied", "All is done", office.act("ana"))
    findings.change_state(office.session, office.finding, "closed", None, office.act("ben", days=1))


def test_the_owner_and_the_systems_learn_that_a_step_was_verified(office: Office):
    office.verify(office.plain)
    told = {"step_id": office.plain.id, "supplier_id": office.supplier.id, "method": HEARD.source}
    assert office.read_messages("step.verified") == {"ana": told, "system": told}


def test_a_rejected_step_is_no_verified_one(office: Office):
    steps.add_evidence(office.session, office.plain, PAYROLL, office.act("dee"))
    verification.reject_step(office.session, office.plain, HEARD, "Half of them were paid", office.act("ben"))
    assert not office.read_messages("step.verified")


def test_the_owner_and_the_systems_learn_that_a_step_was_closed(office: Office):
    office.verify(office.plain)
    steps.change_state(office.session, office.plain, "closed", None, office.act("ben"))
    told = {"step_id": office.plain.id, "supplier_id": office.supplier.id}
    assert office.read_messages("step.closed") == {"ana": told, "system": told}


def test_nobody_gets_a_mail_about_what_they_did_themselves(office: Office):
    office.verify(office.plain)
    steps.change_state(office.session, office.plain, "closed", None, office.act("ana"))
    assert set(office.read_messages("step.closed")) == {"system"}


def test_a_user_reopens_a_step_without_its_reason_being_sent(office: Office):
    office.verify(office.plain)
    steps.change_state(office.session, office.plain, "reopened", "Fees are taken again", office.act("ben"))
    told = {"step_id": office.plain.id, "supplier_id": office.supplier.id, "reason": "request"}
    assert office.read_messages("step.reopened") == {"ana": told, "system": told}


@pytest.mark.parametrize("by", ["", "assessment"])
def test_a_finding_that_is_reopened_by_a_user_or_an_assessment_reopens_its_steps(office: Office, by: str):
    close_finding(office)
    findings.change_state(office.session, office.finding, "reopened", "It is back", office.act("ben", days=2), by=by)
    messages = office.session.scalars(select(Message).where(Message.event == "step.reopened")).all()
    ids = {step.id: step.supplier_id for step in (office.safety, office.plain)}
    assert [(message.recipient, message.payload["step_id"]) for message in messages if message.kind == "mail"] == [
        (office.people["ana"].id, office.plain.id)
    ]
    assert {message.payload["step_id"]: message.payload["supplier_id"] for message in messages} == ids
    assert {message.payload["reason"] for message in messages} == {"finding"}


def test_each_time_that_a_step_is_reopened_is_an_event_of_its_own(office: Office):
    for _ in range(2):
        office.verify(office.plain)
        steps.change_state(office.session, office.plain, "reopened", "Fees are taken again", office.act("ben"))
    occasions = select(Message.occasion).where(Message.event == "step.reopened", Message.kind == "webhook")
    assert len(set(office.session.scalars(occasions))) == 2


@pytest.mark.parametrize(("owner", "recipients"), [("ana", {"ana", "system"}), ("dee", {"system"})])
def test_what_only_workers_said_is_sent_without_the_supplier_and_only_to_those_who_may_see_it(
    office: Office, owner: str, recipients: set[str]
):
    office.plain.worker_derived, office.plain.owner_id = True, office.people[owner].id
    steps.add_evidence(office.session, office.plain, PAYROLL, office.key("ben"))
    verification.verify_step(office.session, office.plain, HEARD, office.act("dee" if owner == "ana" else "ana"))
    messages = office.read_messages("step.verified")
    assert set(messages) == recipients
    assert all(payload == {"step_id": office.plain.id, "method": HEARD.source} for payload in messages.values())


def test_emails_about_what_workers_said_go_to_the_roles_that_see_it():
    assert set(load_rules()["mail"]["worker_derived_roles"]) == ACCESS.worker_derived_roles


def test_nobody_is_notified_of_what_is_rolled_back(database: Database):
    organisation_id = make_organisation(database)
    with pytest.raises(RuntimeError), database.for_organisation(organisation_id) as session:  # noqa: PT012
        office = Office(session)
        office.verify(office.plain)
        assert office.read_messages("step.verified")
        raise RuntimeError("the power fails")
    with database.for_organisation(organisation_id, write=False) as session:
        assert not session.scalars(select(Message)).all()


def ask(office: Office, *asked: Finding) -> Reply:
    text = "Fees were found at the site. What do you know of them?"
    return replies.ask_for_reply(office.session, office.supplier, asked or (office.finding,), text, office.act("ana"))


def test_whoever_asked_and_the_systems_learn_of_a_reply_once(office: Office):
    other = office.add_finding("policy_weak", office.plain)
    reply = ask(office, office.finding, other)
    replies.record_answer(office.session, reply, "We have repaid them all.", office.act("ben"))
    told = {
        "supplier_id": office.supplier.id,
        "reply_id": reply.id,
        "finding_ids": sorted([office.finding.id, other.id]),
    }
    assert office.read_messages("reply.received") == {"ana": told, "system": told}


def test_a_user_who_enters_the_reply_gets_no_mail_about_it(office: Office):
    replies.record_answer(office.session, ask(office), "We have repaid them all.", office.act("ana"))
    assert set(office.read_messages("reply.received")) == {"system"}


def deliver(database: Database, organisation_id: str) -> str:
    """A letter about one finding, delivered when it was written; its supplier has two days. The id of the finding."""
    with database.for_organisation(organisation_id) as session:
        office = Office(session)
        replies.record_opening(session, ask(office), AT, "link:1")
        return office.finding.id


def read_states(database: Database, organisation_id: str, finding_id: str) -> list[str | None]:
    """The states that a finding has had, in their order."""
    with database.for_organisation(organisation_id, write=False) as session:
        query = select(Transition.to_value).where(Transition.finding_id == finding_id).order_by(Transition.at)
        return list(session.scalars(query))


def test_a_supplier_counts_as_consulted_once_the_time_to_reply_has_passed(database: Database):
    organisation_id = make_organisation(database)
    finding_id = deliver(database, organisation_id)
    assert replies.mark_all_consulted(database, AT + timedelta(days=2, seconds=-1)) == 0
    assert replies.mark_all_consulted(database, AT + timedelta(days=2)) == 1
    assert replies.mark_all_consulted(database, AT + timedelta(days=3)) == 0
    assert read_states(database, organisation_id, finding_id) == ["consulted"]


def test_a_letter_does_not_speak_for_what_came_up_after_it(database: Database):
    organisation_id = make_organisation(database)
    finding_id = deliver(database, organisation_id)
    with database.for_organisation(organisation_id) as session:
        finding, at = session.get_one(Finding, finding_id), AT + timedelta(days=1)
        finding.state = "reopened"
        moved = {"field": "state", "from_value": "closed", "to_value": "reopened"}
        session.add(Transition(finding_id=finding_id, **moved, actor="system:remediation", at=at))
    assert replies.mark_all_consulted(database, AT + timedelta(days=9)) == 0
    assert read_states(database, organisation_id, finding_id) == ["reopened"]


def test_a_letter_that_was_never_delivered_consults_nobody(sqlite_database: Database):
    with sqlite_database.for_organisation(make_organisation(sqlite_database)) as session:
        ask(Office(session))
    assert replies.mark_all_consulted(sqlite_database, AT + timedelta(days=400)) == 0
