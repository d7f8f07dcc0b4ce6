"""What happens is queued in its transaction: once for each recipient, and with ids and codes only."""

from datetime import UTC, datetime

import pytest
from callers import make_organisation
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.cases.service import open_case
from service.clock import now
from service.db.account_tables import User
from service.db.outbox_tables import Message, WebhookEndpoint
from service.db.session import Database
from service.db.tables import Supplier, new_id
from service.outbox.events import list_events
from service.outbox.queue import Event, queue_events, queue_letter
from service.suppliers import merging
from service.suppliers import repository as suppliers

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
ON = AT.date()


def add_user(session: Session, role: str, *, active: bool = True) -> str:
    user = User(email=f"{new_id()}@a.example", name="Bo", password_hash="", role=role, active=active, created_at=AT)
    session.add(user)
    session.flush()
    return user.id


def add_endpoint(session: Session, *events: str) -> str:
    keys = {"salt": "0" * 64, "secret_digest": "0" * 64}
    endpoint = WebhookEndpoint(
        url="https://erp.example/hook", events=list(events), created_by="user:ana", created_at=AT, **keys
    )
    session.add(endpoint)
    session.flush()
    return endpoint.id


def list_messages(database: Database, organisation_id: str) -> list[Message]:
    with database.for_organisation(organisation_id, write=False) as session:
        return list(session.scalars(select(Message).order_by(Message.event, Message.occasion, Message.kind)))


def save(session: Session, at: datetime = AT, **answers: object) -> None:
    incoming = [suppliers.IncomingSupplier({"name": "Blue Pier", "reference": "S-1", **answers}, {})]
    suppliers.save_suppliers(session, "site", incoming, suppliers.Origin(at.date(), at, "user:ana", "import"))


def test_an_event_is_queued_for_the_endpoints_that_take_it_and_for_the_users_it_names(database: Database):
    organisation_id = make_organisation(database)
    with database.for_organisation(organisation_id) as session:
        taking, user = add_endpoint(session, "step.due"), add_user(session, "officer")
        add_endpoint(session, "level.changed")
        gone = add_user(session, "officer", active=False)
        event = Event(code="step.due", occasion="s1 7d", payload={"step_id": "s1", "days": 7}, mail_to=[user, gone])
        queue_events(session, event)
    messages = list_messages(database, organisation_id)
    assert [(each.kind, each.recipient, each.state) for each in messages] == [
        ("mail", user, "queued"),
        ("webhook", taking, "queued"),
    ]


def test_an_occasion_is_queued_once_however_often_it_is_reported(database: Database):
    organisation_id = make_organisation(database)
    for occasion in ("s1 7d", "s1 7d", "s1 3d"):
        with database.for_organisation(organisation_id) as session:
            user = session.scalars(select(User.id)).first() or add_user(session, "officer")
            event = Event(code="step.due", occasion=occasion, payload={"step_id": "s1"}, mail_to=[user])
            queue_events(session, event, event)
    assert [each.occasion for each in list_messages(database, organisation_id)] == ["s1 3d", "s1 7d"]


def test_what_is_rolled_back_leaves_no_message(database: Database):
    organisation_id = make_organisation(database)

    def queue_and_fail() -> None:
        with database.for_organisation(organisation_id) as session:
            event = Event(code="step.due", occasion="s1", payload={}, mail_to=[add_user(session, "officer")])
            queue_events(session, event)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        queue_and_fail()
    assert list_messages(database, organisation_id) == []


@pytest.mark.parametrize(
    ("code", "payload"),
    [
        ("step.moved", {}),
        ("step.due", {"supplier_name": "s1"}),
        ("step.due", {"step_id": "Passports were taken from Maria"}),
        ("case.emergency", {"supplier_id": "s1"}),
    ],
)
def test_nothing_but_the_listed_ids_and_codes_can_be_queued(database: Database, code: str, payload: dict[str, str]):
    with (
        database.for_organisation(make_organisation(database)) as session,
        pytest.raises(ValueError, match=r"event|carry"),
    ):
        queue_events(session, Event(code=code, occasion="1", payload=payload))


@pytest.mark.parametrize(
    "address", ["a@b.example\nBcc: c@d.example", "a@b.example\r\n", "a b@c.example", "nobody", "@"]
)
def test_an_address_that_could_add_a_header_is_refused(database: Database, address: str):
    with database.for_organisation(make_organisation(database)) as session, pytest.raises(ValueError, match="address"):
        queue_letter(session, Event(code="reply.received", occasion="1", payload={}), address, {}, "en")


def test_a_level_that_changes_is_queued_and_a_first_level_is_not(database: Database):
    organisation_id = make_organisation(database)
    with database.for_organisation(organisation_id) as session:
        add_endpoint(session, "level.changed")
        save(session, country="TH", sector=["0311"])
    assert list_messages(database, organisation_id) == []
    with database.for_organisation(organisation_id) as session:
        before = session.scalars(select(Supplier)).one().level
        findings = [{"finding": "violence", "source": "grievance", "found_on": "2026-11-01"}]
        open_case(session, {"case_id": "C-1", "linked_reference": "S-1"}, findings, ON, now(), "user:ana")
        after = session.scalars(select(Supplier)).one()
    (message,) = list_messages(database, organisation_id)
    assert message.payload == {"supplier_id": after.id, "from": before, "to": after.level, "cause": "review"}


def test_an_emergency_is_queued_by_the_id_of_its_case_for_those_who_handle_cases(database: Database):
    organisation_id = make_organisation(database)
    with database.for_organisation(organisation_id) as session:
        add_user(session, "officer")
        handler, endpoint = add_user(session, "case_handler"), add_endpoint(session, "case.emergency")
        findings = [{"finding": "violence", "source": "grievance", "found_on": "2026-11-01"}]
        case = open_case(session, {"case_id": "C-1"}, findings, ON, AT, "user:ana")
    messages = list_messages(database, organisation_id)
    assert [(each.kind, each.recipient) for each in messages] == [("mail", handler), ("webhook", endpoint)]
    assert all(each.payload == {"case_id": case.id} for each in messages)


def test_without_a_case_handler_the_admins_are_notified_of_an_emergency(database: Database):
    organisation_id = make_organisation(database)
    with database.for_organisation(organisation_id) as session:
        add_user(session, "officer")
        admin = add_user(session, "admin")
        queue_events(session, Event(code="case.emergency", occasion="1", payload={}))
    assert [each.recipient for each in list_messages(database, organisation_id)] == [admin]


def test_messages_go_along_when_suppliers_are_merged_and_separated(database: Database):
    organisation_id = make_organisation(database)
    with database.for_organisation(organisation_id) as session:
        user = add_user(session, "officer")
        for reference in ("S-1", "S-2"):
            save(session, reference=reference, country="TH")
        first, second = session.scalars(select(Supplier).order_by(Supplier.reference)).all()
        ids = first.id, second.id
        event = Event(code="step.due", occasion="1", payload={}, supplier_id=first.id, mail_to=[user])
        queue_events(session, event)
        merging.merge_suppliers(session, first, second, AT, "user:ana")
    assert [each.supplier_id for each in list_messages(database, organisation_id)] == [ids[1]]
    with database.for_organisation(organisation_id) as session:
        merge = session.scalars(select(merging.SupplierMerge)).one()
        merging.undo_merge(session, merge.id, now(), "user:ana")
    assert [each.supplier_id for each in list_messages(database, organisation_id)] == [ids[0]]


def test_every_event_says_what_it_is_about_and_why_it_carries_what_it_does():
    for code, event in list_events().items():
        assert event.title, code
        assert event.about.endswith("."), code
        assert event.because.endswith("."), code
