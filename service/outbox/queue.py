"""Queue what has happened for those who want to know, in the transaction in which it happens.

A message exists if, and only if, its cause is committed. Its unique key is the organisation, the event, the occasion and the
recipient: whoever comes second to queue the same message, in whichever process, queues nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.errors import MessageError
from email.headerregistry import Address
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from service.audit import is_code
from service.clock import now
from service.db.account_tables import User
from service.db.outbox_tables import Message, WebhookEndpoint
from service.db.session import chunks
from service.db.tables import new_id
from service.outbox.events import list_events

LIFETIME = timedelta(hours=24)  # for which delivery is tried, as Standard Webhooks recommends at least
LANGUAGE = "en"
ADMIN = "admin"
UNIQUE = ("organisation_id", "event", "occasion", "kind", "recipient")


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened: its code in events.toml, and what makes this occasion unique among those with its code.

    ``payload``: ids, codes, numbers and dates. The messages are deleted with the supplier and the case that it is about.
    ``mail_to``: ids of users who get an email, besides those whose role does.
    """

    code: str
    occasion: str
    payload: Mapping[str, Any]
    supplier_id: str | None = None
    case_id: str | None = None
    mail_to: Collection[str] = field(default=())


def queue_events(session: Session, *events: Event) -> None:
    """Queue each event for the webhook endpoints that take it and for the users who get an email.

    An occasion that was queued for a recipient before is not queued again. Raises ValueError for an unknown code, for a field
    that events.toml does not list for it, and for a value that is free text.
    """
    for event in events:
        _check(event)
    endpoints = session.scalars(select(WebhookEndpoint).where(WebhookEndpoint.disabled_code.is_(None))).all()
    users = _list_users_by_role(session) if any(event.mail_to or _get_roles(event) for event in events) else {}
    at = now()
    rows = []
    for event in events:
        for endpoint in endpoints:
            if event.code in endpoint.events:
                rows.append(_build_row(event, at, "webhook", endpoint.id, endpoint_id=endpoint.id))
        for user_id in _choose_users(event, users):
            rows.append(_build_row(event, at, "mail", user_id, user_id=user_id))
    _insert_new(session, rows)


def queue_letter(session: Session, event: Event, address: str, values: Mapping[str, str], language: str) -> str:
    """Queue an email to somebody who has no account, with values for the placeholders of its text, such as a link; return its id.

    ``path`` instead of a link is completed with the address of this installation when the letter leaves. The values are stored
    until the letter was sent. Raises ValueError as :func:`queue_events` does, and for an address of
    more than 254 characters or with spaces or control characters in it.
    """
    _check(event)
    if not is_address(address):
        raise ValueError("the address of a letter is not one")
    row = _build_row(event, now(), "mail", address, letter_values=dict(values), language=language)
    _insert_new(session, [row])
    return str(row["id"])


def is_address(text: str) -> bool:
    """Return whether a text is a mail address to which a letter can be sent: one, without a name, in at most 254 letters."""
    try:
        return (
            len(text) <= 254 and text.isprintable() and Address(addr_spec=text).addr_spec == text and "@" in text[1:-1]
        )
    except (ValueError, IndexError, MessageError):
        return False


def _check(event: Event) -> None:
    known = list_events().get(event.code)
    if known is None:
        raise ValueError(f"events.toml lists no event '{event.code}'")
    for name, value in event.payload.items():
        if name not in known.payload or not is_code(value):
            raise ValueError(f"{event.code} may not carry '{name}', or its value is not an id, code, number or date")


def _get_roles(event: Event) -> tuple[str, ...]:
    return list_events()[event.code].mail_roles


def _list_users_by_role(session: Session) -> dict[str, list[str]]:
    """Return the ids of the active users by their role."""
    by_role: dict[str, list[str]] = {}
    for user_id, role in session.execute(select(User.id, User.role).where(User.active).order_by(User.id)):
        by_role.setdefault(role, []).append(user_id)
    return by_role


def _choose_users(event: Event, by_role: Mapping[str, list[str]]) -> list[str]:
    """Return the active users who get an email; if the roles that should have nobody, the admins stand in."""
    active = {user_id for users in by_role.values() for user_id in users}
    chosen = set(event.mail_to) & active
    roles = _get_roles(event)
    chosen |= {user_id for role in roles for user_id in by_role.get(role, ())}
    if not chosen and (roles or event.mail_to):
        chosen = set(by_role.get(ADMIN, ()))
    return sorted(chosen)


def _build_row(event: Event, at: datetime, kind: str, recipient: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": new_id(),
        "kind": kind,
        "event": event.code,
        "occasion": event.occasion,
        "recipient": recipient,
        "user_id": None,
        "endpoint_id": None,
        "supplier_id": event.supplier_id,
        "case_id": event.case_id,
        "payload": dict(event.payload),
        "letter_values": None,
        "language": LANGUAGE,
        "state": "queued",
        "next_attempt_at": at,
        "give_up_at": at + LIFETIME,
        "created_at": at,
    } | fields


def _insert_new(session: Session, rows: list[dict[str, Any]]) -> None:
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    for chunk in chunks(rows):
        session.execute(dialect.insert(Message).on_conflict_do_nothing(index_elements=UNIQUE), list(chunk))
