"""The audit trail: who did what to which object, recorded in the same transaction as the action itself.

The database itself refuses changes and deletion (``db/audit_triggers.py``), and events form a chain of hashes
(``audit_chain.py``). Details are codes, ids, counts and dates, never
text that a person typed or that was in a cell, so that no event contains a worker's name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.audit_chain import link_at_commit
from service.clock import now
from service.db.account_tables import ApiKey, User
from service.db.tables import AuditEvent

CODE = re.compile(r"[A-Za-z0-9_.:+/@-]{0,90}")  # the longest is an Ed25519 signature
PAGE = 50


def record_event(
    session: Session,
    actor: str,
    action: str,
    object_type: str,
    object_id: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Append an event. ``actor`` is ``user:<id>``, ``key:<id>`` or ``system:<what>``; ``action`` reads ``key.revoked``.

    Raises ValueError for details that are free text: values are numbers, codes of up to 90 letters, or lists of those.
    """
    values = dict(details or {})
    for name, value in values.items():
        if not is_code(value):
            raise ValueError(f"the detail '{name}' of {action} is not a code, number or date")
    event = AuditEvent(
        at=now(), actor=actor, action=action, object_type=object_type, object_id=object_id, details=values
    )
    session.add(event)
    link_at_commit(session, event)


def is_code(value: object) -> bool:
    """Return whether a value is a number, a code of up to 90 letters, None, or a list of those, and not free text."""
    if isinstance(value, list | tuple):
        return all(is_code(item) for item in value)
    return (
        value is None
        or isinstance(value, int | float)
        or (isinstance(value, str) and CODE.fullmatch(value) is not None)
    )


def list_actor_names(session: Session) -> dict[str, str]:
    """Return the names of the users and keys of an organisation, by the actor that events have."""
    names = {f"user:{user_id}": name for user_id, name in session.execute(select(User.id, User.name))}
    return names | {f"key:{key_id}": name for key_id, name in session.execute(select(ApiKey.id, ApiKey.name))}


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, newest first, and the id to request the next page with (None: this is the last)."""

    events: tuple[AuditEvent, ...]
    next_before: int | None


def list_events(
    session: Session,
    *,
    actor: str | None = None,
    action: str | None = None,
    object_type: str | None = None,
    object_id: str | None = None,
    object_ids: Collection[str] | None = None,
    except_actions: Collection[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> EventPage:
    """Return events that match every filter that is set, newest first; ``until`` is exclusive."""
    query = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(limit + 1)
    filters = {
        AuditEvent.actor: actor,
        AuditEvent.action: action,
        AuditEvent.object_type: object_type,
        AuditEvent.object_id: object_id,
    }
    for column, value in filters.items():
        if value:
            query = query.where(column == value)
    if object_ids is not None:
        query = query.where(AuditEvent.object_id.in_(object_ids))
    if except_actions:
        query = query.where(AuditEvent.action.not_in(except_actions))
    if since is not None:
        query = query.where(AuditEvent.at >= since)
    if until is not None:
        query = query.where(AuditEvent.at < until)
    if before is not None:
        query = query.where(AuditEvent.id < before)
    events = session.scalars(query).all()
    return EventPage(tuple(events[:limit]), events[limit - 1].id if len(events) > limit else None)


def list_actions(session: Session) -> list[str]:
    """Return every action that occurs in the trail, sorted."""
    return list(session.scalars(select(AuditEvent.action).distinct().order_by(AuditEvent.action)))
