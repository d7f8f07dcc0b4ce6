"""The messages of an organisation: list them, have one tried again, or note that one was sent by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from service.audit import record_event
from service.clock import now
from service.db.outbox_tables import DeliveryAttempt, Message
from service.db.session import Database, chunks
from service.errors import DomainError, not_found
from service.outbox import mail
from service.outbox.queue import LIFETIME

STATES = ("queued", "sending", "held", "failed", "given_up", "sent")
ENDED = ("sent", "failed", "given_up")
BY_HAND = "sent_by_hand"
WITHDRAWN = "withdrawn"  # code of an email whose cause ended before it was sent
PAGE = 50
NO_SENDER = "diligence@localhost.invalid"  # of an email that is downloaded where no mail server is set
MEDIA_TYPE = "message/rfc822"


@dataclass(frozen=True)
class MessagePage:
    """Messages, newest first, and the id after which the next page begins (None: this is the last)."""

    messages: Sequence[Message]
    next_after: str | None


def list_messages(
    session: Session, *, state: str = "", endpoint_id: str = "", after: str = "", limit: int = PAGE
) -> MessagePage:
    """Return a page of messages in a state, or to an endpoint, or all; ``after``: the id of the last one of the page before."""
    query = select(Message).order_by(Message.created_at.desc(), Message.id.desc()).limit(limit + 1)
    if state:
        query = query.where(Message.state == state)
    if endpoint_id:
        query = query.where(Message.endpoint_id == endpoint_id)
    last = session.scalars(select(Message).where(Message.id == after)).first() if after else None
    if last is not None:
        is_as_old = and_(Message.created_at == last.created_at, Message.id < last.id)
        query = query.where(or_(Message.created_at < last.created_at, is_as_old))
    found = session.scalars(query).all()
    return MessagePage(found[:limit], found[limit - 1].id if len(found) > limit else None)


def count_states(session: Session) -> Mapping[str, int]:
    """Return how many messages are in each state."""
    counts = dict(session.execute(select(Message.state, func.count()).group_by(Message.state)).all())
    return {state: counts.get(state, 0) for state in STATES}


def get_message(session: Session, message_id: str, *, endpoint_id: str = "", lock: bool = False) -> Message:
    """Return a message by id, to an endpoint if one is given, locked for update if asked. Raises DomainError, 404."""
    query = select(Message).where(Message.id == message_id)
    if endpoint_id:
        query = query.where(Message.endpoint_id == endpoint_id)
    message = session.scalars(query.with_for_update() if lock else query).first()
    if message is None:
        raise not_found("Message not found.")
    return message


def list_attempts(session: Session, message_id: str) -> Sequence[DeliveryAttempt]:
    """Return the attempts to deliver a message, first one first."""
    query = select(DeliveryAttempt).where(DeliveryAttempt.message_id == message_id)
    return session.scalars(query.order_by(DeliveryAttempt.number)).all()


def retry_message(session: Session, message_id: str, by: str, *, endpoint_id: str = "") -> Message:
    """Have a message delivered at once, for another day; a webhook call that was received is made again, under the same id.

    Raises DomainError: ``not_found``; ``message.sent``, 409, for an email that was sent; ``message.sending``, 409.
    """
    message = get_message(session, message_id, endpoint_id=endpoint_id, lock=True)
    if message.state == "sending":
        raise DomainError("message.sending", 409, "The message is currently being delivered.")
    if message.state == "sent" and message.kind == "mail":
        raise DomainError(
            "message.sent", 409, "This email has already been sent. A second copy would confuse the recipient."
        )
    at = now()
    message.state, message.next_attempt_at, message.give_up_at = "queued", at, at + LIFETIME
    message.code = message.finished_at = None
    record_event(session, by, "message.retried", "message", message.id, {"event": message.event})
    return message


def mark_sent(session: Session, message_id: str, by: str) -> Message:
    """Note that an email was sent by hand, so that it is not sent again, and return it.

    Raises DomainError: ``not_found``, also for a webhook call; ``message.sending`` or ``message.sent``, 409.
    """
    message = get_message(session, message_id, lock=True)
    if message.kind != "mail":
        raise not_found("Message not found.")
    if message.state in ("sending", "sent"):
        raise DomainError(f"message.{message.state}", 409, "The email has been sent, or is currently being sent.")
    message.state, message.code, message.finished_at, message.letter_values = "sent", BY_HAND, now(), None
    record_event(session, by, "message.sent_by_hand", "message", message.id, {"event": message.event})
    return message


def build_file(session: Session, message_id: str, sender: str, address: str) -> bytes:
    """Return an email as a file (.eml, RFC 5322) that mail programs open, from ``sender``.

    Raises DomainError: ``not_found``, also for a webhook call, and ``message.user_inactive``, 409.
    """
    message = get_message(session, message_id)
    if message.kind != "mail":
        raise not_found("Message not found.")
    built = mail.build_mail(session, message, sender, address, message.created_at)
    if built is None:
        raise DomainError(
            "message.user_inactive",
            409,
            "The recipient is no longer an active user, or no longer has access to the subject of this email.",
        )
    return built.as_bytes()


def hold_mails(session: Session, ids: Sequence[str], code: str) -> None:
    """Hold back the emails that have not been sent, with a code that says why."""
    _change_mails(session, ids, ("queued",), state="held", code=code)


def release_mails(session: Session, ids: Sequence[str], code: str) -> None:
    """Queue the emails that were held back with a code."""
    at = now()
    fields = {"state": "queued", "code": None, "next_attempt_at": at, "give_up_at": at + LIFETIME}
    _change_mails(session, ids, ("held",), Message.code == code, **fields)


def withdraw_mails(session: Session, ids: Sequence[str]) -> None:
    """Withdraw the emails that have not been sent: they never will be. Nothing of what a letter would have said is left."""
    fields = {"state": "failed", "code": WITHDRAWN, "finished_at": now(), "letter_values": None}
    _change_mails(session, ids, ("queued", "held", "given_up"), **fields)


def _change_mails(
    session: Session, ids: Sequence[str], states: Sequence[str], *conditions: ColumnElement[bool], **fields: Any
) -> None:
    for chunk in chunks(ids):
        changed = update(Message).where(Message.id.in_(chunk), Message.state.in_(states), *conditions)
        session.execute(changed.values(**fields).execution_options(synchronize_session="fetch"))


def purge_messages(session: Session, ended_before: datetime, created_before: datetime) -> int:
    """Delete the messages that ended before a moment, and all that are older than another; return how many."""
    ended = and_(Message.state.in_(ENDED), Message.finished_at < ended_before)
    removed = session.execute(delete(Message).where(or_(ended, Message.created_at < created_before)))
    assert isinstance(removed, CursorResult)
    return removed.rowcount


def measure_oldest(db: Database) -> Mapping[str, float]:
    """Return for each kind of message the seconds for which the oldest one has waited to be delivered, over all organisations;
    0 if none waits. Emails that are held do not wait: somebody has to send them.
    """
    query = select(Message.kind, func.min(Message.created_at)).where(Message.state.in_(("queued", "sending")))
    with db.unscoped(write=False) as session:
        oldest = {kind: (now() - at).total_seconds() for kind, at in session.execute(query.group_by(Message.kind))}
    return {kind: max(0.0, oldest.get(kind, 0.0)) for kind in ("mail", "webhook")}
