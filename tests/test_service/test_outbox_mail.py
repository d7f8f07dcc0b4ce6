"""Mails reach a real mail server over TLS, and how it replies decides whether they are tried again."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from callers import make_organisation, make_user
from mail_server import SENDER, Inbox, serve_mail
from sqlalchemy import select, update

from service.clock import now
from service.db.account_tables import User
from service.db.outbox_tables import DeliveryAttempt, Message
from service.db.session import Database
from service.errors import DomainError
from service.outbox import delivery, mail, mail_texts
from service.outbox.delivery import Channels
from service.outbox.exchange import Receiving
from service.outbox.queue import Event, queue_events, queue_letter
from service.settings import SettingError, Settings


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[mail.MailServer, Inbox]]:
    with serve_mail(tmp_path_factory.mktemp("mail")) as served:
        yield served


@pytest.fixture
def inbox(server: tuple[mail.MailServer, Inbox]) -> Inbox:
    server[1].mails.clear()
    server[1].replies.clear()
    return server[1]


@pytest.fixture
def channels(server: tuple[mail.MailServer, Inbox]) -> Channels:
    return Channels(server[0], Receiving(), (b"k" * 32,))


def queue_mail(database: Database, name: str = "Ana Marín", **more: object) -> str:
    """A mail about a step that is due, to a new user; the id of its organisation."""
    organisation_id = make_organisation(database)
    user = make_user(database, organisation_id, "officer", "ana@harbour.example", name)
    with database.for_organisation(organisation_id) as session:
        payload = {"step_id": "s1", "due": "2026-12-04", "days": 3}
        queue_events(session, Event(code="step.due", occasion="s1 3", payload=payload, mail_to=[user], **more))
    return organisation_id


def get_message(database: Database, organisation_id: str) -> Message:
    with database.for_organisation(organisation_id, write=False) as session:
        return session.scalars(select(Message)).one()


def make_due(database: Database) -> None:
    with database.unscoped() as session:
        session.execute(update(Message).values(next_attempt_at=now(), lease_until=None))


def test_a_mail_is_delivered_over_tls_and_says_what_to_do(database: Database, channels: Channels, inbox: Inbox):
    organisation_id = queue_mail(database)
    assert delivery.deliver_next(database, channels, "mail")
    assert not delivery.deliver_next(database, channels, "mail")
    (received,) = inbox.mails
    assert inbox.was_encrypted[-1]
    assert received["From"] == SENDER
    assert received["To"] == "Ana Marín <ana@harbour.example>"
    assert received["Subject"] == "Due on 4 Dec 2026: a step at a supplier"
    assert received["Auto-Submitted"] == "auto-generated"
    assert "https://diligence.harbour.example/remediation/steps/s1" in received.get_content()
    message = get_message(database, organisation_id)
    assert (message.state, message.attempts, message.code) == ("sent", 1, None)
    assert received["Message-ID"] == message.message_id


def test_a_permanent_refusal_of_the_recipient_is_final(database: Database, channels: Channels, inbox: Inbox):
    organisation_id = queue_mail(database)
    inbox.replies.append("550 No such user here")
    delivery.deliver_next(database, channels, "mail")
    make_due(database)
    assert not delivery.deliver_next(database, channels, "mail")
    message = get_message(database, organisation_id)
    assert (message.state, message.code) == ("failed", "smtp.550")


def test_a_temporary_refusal_is_tried_again_under_the_same_message_id(
    database: Database, channels: Channels, inbox: Inbox
):
    organisation_id = queue_mail(database)
    inbox.replies.append("451 Try again later")
    delivery.deliver_next(database, channels, "mail")
    first = get_message(database, organisation_id)
    assert (first.state, first.code) == ("queued", "smtp.451")
    assert first.next_attempt_at > now()
    make_due(database)
    delivery.deliver_next(database, channels, "mail")
    (received,) = inbox.mails
    assert received["Message-ID"] == first.message_id
    with database.for_organisation(organisation_id, write=False) as session:
        attempts = session.scalars(select(DeliveryAttempt).order_by(DeliveryAttempt.number)).all()
    assert [(one.number, one.code, one.status) for one in attempts] == [(1, "smtp.451", 451), (2, "smtp.250", 250)]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"password": "guessed"}, "smtp.sign_in"),
        ({"ca_file": ""}, "tls"),
        ({"host": "localhost"}, "tls"),
        ({"security": "tls"}, "tls"),
        ({"port": 9}, "unreachable"),
    ],
)
def test_what_the_operator_can_put_right_is_tried_again(
    sqlite_database: Database, channels: Channels, inbox: Inbox, changes: dict[str, object], code: str
):
    organisation_id = queue_mail(sqlite_database)
    assert channels.mail_server is not None
    wrong = replace(channels, mail_server=replace(channels.mail_server, **changes))
    delivery.deliver_next(sqlite_database, wrong, "mail")
    message = get_message(sqlite_database, organisation_id)
    assert (message.state, message.code) == ("queued", code)
    assert inbox.mails == []


def test_delivery_is_given_up_after_a_day(sqlite_database: Database, channels: Channels, inbox: Inbox):
    organisation_id = queue_mail(sqlite_database)
    with sqlite_database.unscoped() as session:
        session.execute(update(Message).values(give_up_at=now()))
    inbox.replies.append("451 Try again later")
    delivery.deliver_next(sqlite_database, channels, "mail")
    assert get_message(sqlite_database, organisation_id).state == "given_up"


def test_after_a_kill_during_the_call_the_mail_is_sent_again_under_the_same_message_id(
    database: Database, channels: Channels, inbox: Inbox
):
    organisation_id = queue_mail(database)
    claim = delivery.claim_message(database, "mail", channels)
    assert claim is not None  # the process is killed here: its mail may have been taken
    assert delivery.claim_message(database, "mail", channels) is None
    message_id = get_message(database, organisation_id).message_id
    with database.unscoped() as session:
        session.execute(update(Message).values(lease_until=now() - timedelta(seconds=1)))
    delivery.deliver_next(database, channels, "mail")
    (received,) = inbox.mails
    assert received["Message-ID"] == message_id


def test_an_attempt_that_was_only_slow_records_nothing_once_a_later_one_has_begun(
    database: Database, channels: Channels, inbox: Inbox
):
    organisation_id = queue_mail(database)
    slow = delivery.claim_message(database, "mail", channels)
    assert slow is not None
    with database.unscoped() as session:
        session.execute(update(Message).values(lease_until=now() - timedelta(seconds=1)))
    delivery.deliver_next(database, channels, "mail")
    delivery.record_outcome(database, slow, delivery.Outcome("failed", "smtp.550", 550), 1)
    assert get_message(database, organisation_id).state == "sent"


def test_without_a_mail_server_emails_are_held(sqlite_database: Database, channels: Channels):
    organisation_id = queue_mail(sqlite_database)
    assert delivery.deliver_next(sqlite_database, replace(channels, mail_server=None), "mail")
    assert get_message(sqlite_database, organisation_id).state == "held"
    assert not delivery.deliver_next(sqlite_database, channels, "mail")


def test_a_user_who_has_left_gets_no_mail(sqlite_database: Database, channels: Channels, inbox: Inbox):
    organisation_id = queue_mail(sqlite_database)
    with sqlite_database.unscoped() as session:
        session.execute(update(User).values(active=False))
    delivery.deliver_next(sqlite_database, channels, "mail")
    message = get_message(sqlite_database, organisation_id)
    assert (message.state, message.code, inbox.mails) == ("failed", "user_inactive", [])


def test_no_name_can_add_a_header(sqlite_database: Database, channels: Channels, inbox: Inbox):
    organisation_id = queue_mail(sqlite_database, 'Ana"\r\nBcc: all@harbour.example')
    with sqlite_database.for_organisation(organisation_id) as session:
        mail_texts.save_text(session, "step.due", "en", "{recipient}: {due}", "For {recipient}", "user:ana")
    delivery.deliver_next(sqlite_database, channels, "mail")
    (received,) = inbox.mails
    assert received["Bcc"] is None
    assert received["Subject"] == 'Ana" Bcc: all@harbour.example: 4 Dec 2026'


def test_a_letter_carries_its_link_and_forgets_it_once_it_is_sent(
    sqlite_database: Database, channels: Channels, inbox: Inbox
):
    organisation_id = make_organisation(sqlite_database)
    with sqlite_database.for_organisation(organisation_id) as session:
        event = Event(code="reply.received", occasion="1", payload={})
        queue_letter(session, event, "pier@supplier.example", {"link": "https://diligence.example/r/k3y"}, "en")
    delivery.deliver_next(sqlite_database, channels, "mail")
    (received,) = inbox.mails
    assert received["To"] == "pier@supplier.example"
    assert "https://diligence.example/r/k3y" in received.get_content()
    assert get_message(sqlite_database, organisation_id).letter_values is None


@pytest.mark.parametrize("wrong", ["{name}", "{due!r}", "{due:>9}", "{due.year}", "{", "}", "{0}", "{}"])
def test_a_text_with_anything_else_in_braces_is_refused(sqlite_database: Database, wrong: str):
    organisation_id = make_organisation(sqlite_database)
    with sqlite_database.for_organisation(organisation_id) as session, pytest.raises(DomainError) as refused:
        mail_texts.save_text(session, "step.due", "en", "Due", f"Due on {wrong}", "user:ana")
    assert refused.value.code == "mail_text.placeholder"


def test_an_organisation_writes_its_own_emails_and_can_restore_the_original_text(sqlite_database: Database):
    organisation_id, other = make_organisation(sqlite_database), make_organisation(sqlite_database, "Other")
    with sqlite_database.for_organisation(organisation_id) as session:
        ours = mail_texts.find_text(session, "step.due", "en")
        mail_texts.save_text(session, "step.due", "en", "Soon: {due}", "See {link}", "user:ana")
        assert mail_texts.find_text(session, "step.due", "th").subject == "Soon: {due}"
    with sqlite_database.for_organisation(other) as session:
        assert mail_texts.find_text(session, "step.due", "en") == ours
    with sqlite_database.for_organisation(organisation_id) as session:
        mail_texts.reset_text(session, "step.due", "en", "user:ana")
        assert mail_texts.find_text(session, "step.due", "en") == ours


def test_every_event_has_a_text_whose_placeholders_it_fills():
    texts = mail_texts.list_default_texts()["en"]
    assert texts.keys() == mail_texts.list_events().keys()
    for event, text in texts.items():
        shown = mail_texts.preview(event, text.subject, text.body)
        assert "{" not in shown.subject + shown.body, event
        assert len(shown.subject) <= mail_texts.MAX_SUBJECT, event


GIVEN = {"smtp_host": "mail.example", "smtp_from": SENDER, "address": "https://diligence.example"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"smtp_security": "none"},
        {"smtp_security": "ssl"},
        {"smtp_from": ""},
        {"address": ""},
        {"webhook_networks": ("x",)},
    ],
)
def test_settings_with_which_no_mail_could_leave_safely_are_refused(wrong: dict[str, object]):
    with pytest.raises(SettingError):
        Settings(**{**GIVEN, **wrong})


def test_the_password_is_read_from_a_file_and_not_shown_with_the_settings(tmp_path: Path):
    (tmp_path / "password").write_text("four grey seals\n")
    server = mail.read_mail_server(Settings(**GIVEN, smtp_password_file=str(tmp_path / "password")))
    assert server is not None
    assert server.password == "four grey seals"
    assert "seals" not in repr(Settings(**GIVEN, smtp_password="four grey seals")) + repr(server)
    with pytest.raises(SettingError, match="PASSWORD_FILE"):
        mail.read_mail_server(Settings(**GIVEN, smtp_password_file=str(tmp_path / "none")))
