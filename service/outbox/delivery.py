"""Deliver what is queued: claim a message under a lease, try to deliver it outside any transaction, and record how it ended.

If a process is killed meanwhile, another claims the message when the lease ends, and the recipient may get it a second time with
the same Message-ID or webhook-id. An attempt that was merely slow records nothing once a later one has begun.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from functools import partial
from threading import Event as Signal
from threading import Thread

import structlog
from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from service.clock import now
from service.db.outbox_tables import DeliveryAttempt, Message, WebhookEndpoint
from service.db.session import Database
from service.db.tables import new_id
from service.heartbeats import Pulse
from service.outbox import endpoints, mail, webhooks
from service.outbox.exchange import Receiving
from service.outbox.outcome import Outcome
from service.outbox.queue import LIFETIME, Event, queue_events
from service.trouble import find_trouble

LEASE = timedelta(minutes=5)  # longer than any attempt takes
MIN_DELAY, MAX_DELAY = timedelta(seconds=5), timedelta(hours=4)
MAX_SKEW = timedelta(minutes=10)  # by which the clocks of two machines differ at most: a lease that is longer has ended
JITTER = 0.25
POLL_SECONDS, TROUBLE_SECONDS = 1.0, 5.0

log = structlog.get_logger("service.outbox")


@dataclass(frozen=True)
class Channels:
    """How messages leave: the mail server, if there is one, the receivers of webhooks that are allowed, and the secret key."""

    mail_server: mail.MailServer | None
    receiving: Receiving
    secret_keys: Sequence[bytes]


@dataclass(frozen=True)
class Claim:
    """A message that this process is to deliver, and the number of the attempt."""

    id: str
    organisation_id: str
    number: int


def run_delivery(db: Database, channels: Channels, stop: Signal) -> None:
    """Deliver messages until ``stop`` is set, emails and webhooks on a thread each, so that slow receivers hold up no mail."""
    threads = [
        Thread(
            target=run_loop, args=(db, kind, partial(deliver_next, db, channels, kind), stop), name=kind, daemon=True
        )
        for kind in ("mail", "webhook")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run_loop(db: Database, name: str, attempt: Callable[[], bool], stop: Signal) -> None:
    """Make attempts until ``stop`` is set, and wait a moment after one for which nothing was due."""
    pulse = Pulse(db, name)
    while not stop.is_set():
        pulse.beat()
        try:
            if not attempt():
                stop.wait(POLL_SECONDS)
        except Exception as error:  # noqa: BLE001  it is logged: nothing but `stop` ends the loop
            pulse.record_failure(error)
            stop.wait(TROUBLE_SECONDS)


def deliver_next(db: Database, channels: Channels, kind: str) -> bool:
    """Try to deliver the message of a kind whose turn it is; return False if none is due.

    Without a mail server, emails that are due are held until somebody sends them by hand or has them tried again.
    """
    if kind == "mail" and channels.mail_server is None:
        return _hold_mails(db)
    claim = claim_message(db, kind, channels)
    if claim is None:
        return False
    began = time.monotonic()
    try:
        outcome = _attempt(db, claim, channels)
    except Exception as error:
        if find_trouble(error) is not None:
            raise  # the database is tried again, and the message once its lease has ended
        log.error("delivery_fault", bug=new_id(), message=claim.id, exc_info=error)
        outcome = Outcome("retry", "internal_error")
    milliseconds = round(1000 * (time.monotonic() - began))
    record_outcome(db, claim, outcome, milliseconds)
    log.info(
        "delivery", message=claim.id, kind=kind, attempt=claim.number, code=outcome.code, milliseconds=milliseconds
    )
    return True


def _hold_mails(db: Database) -> bool:
    with db.unscoped() as session:
        due = Message.kind == "mail", Message.state == "queued", Message.next_attempt_at <= now()
        held = session.scalars(
            update(Message).where(*due).values(state="held", code="no_mail_server").returning(Message.id)
        )
        return held.first() is not None


def claim_message(db: Database, kind: str, channels: Channels) -> Claim | None:
    """Claim the message of a kind whose turn it is, of any organisation; None if none is due.

    The endpoint to which a call was made longest ago comes first, so one with thousands of calls holds up no other.
    """
    at = now()
    last = func.coalesce(WebhookEndpoint.paused_until, WebhookEndpoint.created_at)
    waits = and_(Message.state == "queued", Message.next_attempt_at <= at)
    was_left = and_(
        Message.state == "sending", or_(Message.lease_until <= at, Message.lease_until > at + LEASE + MAX_SKEW)
    )
    query = (
        select(Message)
        .outerjoin(WebhookEndpoint, Message.endpoint_id == WebhookEndpoint.id)
        .where(Message.kind == kind, or_(waits, was_left), or_(WebhookEndpoint.id.is_(None), last <= at))
        .order_by(last, Message.next_attempt_at, Message.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=Message)
    )
    with db.unscoped() as session:
        message = session.scalars(query).first()
        if message is None:
            return None
        message.state, message.lease_until, message.attempts = "sending", at + LEASE, message.attempts + 1
        if kind == "mail" and message.message_id is None and channels.mail_server is not None:
            message.message_id = mail.build_message_id(message.id, channels.mail_server.domain)
        return Claim(message.id, message.organisation_id, message.attempts)


def _attempt(db: Database, claim: Claim, channels: Channels) -> Outcome:
    with db.for_organisation(claim.organisation_id, write=False) as session:
        message = session.get(Message, claim.id)
        if message is None:  # its supplier was erased
            return Outcome("failed", "deleted")
        prepared = (
            _prepare_mail(session, message, channels)
            if message.kind == "mail"
            else _prepare_call(session, message, channels)
        )
    return prepared if isinstance(prepared, Outcome) else prepared()


def _prepare_mail(session: Session, message: Message, channels: Channels) -> Outcome | Callable[[], Outcome]:
    server = channels.mail_server
    assert server is not None
    built: EmailMessage | None = mail.build_mail(session, message, server.sender, server.address, message.created_at)
    return Outcome("failed", "user_inactive") if built is None else lambda: mail.send_mail(server, built)


def _prepare_call(session: Session, message: Message, channels: Channels) -> Outcome | Callable[[], Outcome]:
    endpoint = session.get_one(WebhookEndpoint, message.endpoint_id)
    if endpoint.disabled_code is not None:
        return Outcome("failed", "endpoint_disabled")
    body = webhooks.build_body(message)
    try:
        signing = endpoints.list_signing_secrets(endpoint, channels.secret_keys, now())
    except endpoints.SecretLost:
        return Outcome("failed", endpoints.SECRET_LOST)
    headers = webhooks.build_headers(message.id, body, signing, now())
    return lambda: webhooks.post(endpoint.url, body, headers, channels.receiving)


def record_outcome(db: Database, claim: Claim, outcome: Outcome, milliseconds: int) -> None:
    """Record how an attempt ended, unless a later one has begun or the message is gone."""
    at = now()
    with db.for_organisation(claim.organisation_id) as session:
        message = session.scalars(select(Message).where(Message.id == claim.id).with_for_update()).first()
        if message is None or (message.state, message.attempts) != ("sending", claim.number):
            return
        session.add(
            DeliveryAttempt(
                message_id=claim.id,
                number=claim.number,
                at=at,
                code=outcome.code,
                status=outcome.status,
                milliseconds=milliseconds,
            )
        )
        _set_state(message, outcome, at)
        if message.endpoint_id is not None:
            _note_endpoint(session, message.endpoint_id, outcome, at)


def _set_state(message: Message, outcome: Outcome, at: datetime) -> None:
    message.lease_until, message.code = None, None if outcome.end == "sent" else outcome.code
    if outcome.end == "retry":
        next_attempt_at = at + max(compute_delay(message, at), timedelta(seconds=outcome.wait))
        if next_attempt_at < message.give_up_at:
            message.state, message.next_attempt_at = "queued", next_attempt_at
            return
    message.state = {"sent": "sent", "failed": "failed", "retry": "given_up"}[outcome.end]
    message.finished_at = at
    if outcome.end == "sent":
        message.letter_values = None


def compute_delay(message: Message, at: datetime) -> timedelta:
    """Return how long to wait after a failed attempt to deliver a message."""
    return compute_back_off(at - (message.give_up_at - LIFETIME))


def compute_back_off(tried_for: timedelta) -> timedelta:
    """Return how long to wait after a failure: as long again as it has been tried for, at least five seconds and at most four
    hours, give or take a quarter so that many do not come back at once.
    """
    return min(max(tried_for, MIN_DELAY), MAX_DELAY) * random.uniform(1 - JITTER, 1 + JITTER)


def _note_endpoint(session: Session, endpoint_id: str, outcome: Outcome, at: datetime) -> None:
    """Note how a call to an endpoint ended: it is left alone for a while after a failure, and disabled after days of them."""
    endpoint = endpoints.get_endpoint(session, endpoint_id, lock=True)
    if outcome.end == "sent":
        endpoint.failing_since, endpoint.paused_until = None, at
        return
    if endpoint.disabled_code is not None:
        return
    endpoint.failing_since = endpoint.failing_since or at
    failing_for = at - endpoint.failing_since
    endpoint.paused_until = at + min(max(failing_for, MIN_DELAY), timedelta(minutes=5))
    if outcome.code == f"http.{webhooks.GONE}":
        endpoint.disabled_code = endpoints.GONE
    elif outcome.code == endpoints.SECRET_LOST:
        endpoint.disabled_code = endpoints.SECRET_LOST
    elif failing_for >= timedelta(days=endpoints.FAILING_DAYS):
        endpoint.disabled_code = endpoints.FAILING
    if endpoint.disabled_code is not None:
        occasion = f"{endpoint.id} {at.isoformat()}"
        queue_events(session, Event(code="webhook.disabled", occasion=occasion, payload={"endpoint_id": endpoint.id}))
