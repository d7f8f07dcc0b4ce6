"""The hash chain over an organisation's audit trail, and over the events of the installation.

Each event is linked when its transaction commits: a link holds a digest of the event's salted details, and the hash of the event,
its number and the hash before it. If somebody changes, removes, moves or adds events, the chain no longer fits; if somebody
calculates the whole chain anew, it no longer agrees with the signed checkpoints outside the database.

Erasing the details of an event erases their salt with them. The digest stays, so the chain still fits, and nobody can find out
the details by trying what they may have been.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, cast

import orjson
from sqlalchemy import Connection, Table, event, insert, inspect, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from service.clock import now
from service.db.audit_tables import AuditChain, AuditLink, SystemEvent
from service.db.session import OwnedSession, chunks
from service.db.tables import AuditEvent

START = "0" * 64  # the hash before the first event
SYSTEM = "system"  # the chain of the installation, in checkpoints and exports
ORGANISATION_ERASED = "organisation.erased"
SALT_BYTES = 16
PENDING = "events_to_link"
LINKS, CHAINS = cast(Table, AuditLink.__table__), cast(Table, AuditChain.__table__)


def digest_details(salt: str, details: Mapping[str, Any]) -> str:
    """Return the digest of an event's details: SHA-256 of the salt, which is hexadecimal, and the details as sorted JSON."""
    return hashlib.sha256(bytes.fromhex(salt) + orjson.dumps(details, option=orjson.OPT_SORT_KEYS)).hexdigest()


def hash_event(before: str, number: int, chain: str, row: Any, digest: str) -> str:
    """Return the hash of an event at a place in a chain: SHA-256 of a JSON list of the hash before it and what it says.

    ``chain``: the id of the organisation, or "system". ``row``: an event, or a row with its columns.
    """
    said = [before, number, chain, format_time(row.at), row.actor, row.action, row.object_type, row.object_id, digest]
    return hashlib.sha256(orjson.dumps(said)).hexdigest()


def format_time(at: datetime) -> str:
    """Return a time as it is hashed and exported: UTC, to the microsecond."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def link_at_commit(session: Session, row: AuditEvent) -> None:
    """Have an event that was added to a session linked when the session commits.

    The end of the chain is locked only then, after all other locks of the transaction: so no two transactions block each other,
    and others of the same organisation wait only for as long as the commit takes.
    """
    session.info.setdefault(PENDING, []).append(row)


@event.listens_for(OwnedSession, "before_commit")
def _link_events(session: Session) -> None:
    if session.in_nested_transaction() or PENDING not in session.info:
        return
    session.flush()
    # An event that was recorded in a savepoint and rolled back with it is not persistent.
    rows: list[AuditEvent] = [row for row in session.info.pop(PENDING) if inspect(row).persistent]
    rows.sort(key=lambda row: (row.organisation_id, row.id))  # two transactions lock several chains in the same order
    for organisation_id, own in groupby(rows, key=lambda row: row.organisation_id):
        _append_links(session.connection(), organisation_id, list(own))


def _append_links(connection: Connection, organisation_id: str, rows: Collection[AuditEvent]) -> None:
    length, before = _lock_end(connection, organisation_id)
    links = []
    for number, row in enumerate(rows, length + 1):
        salt = os.urandom(SALT_BYTES).hex()
        digest = digest_details(salt, row.details)
        before = hash_event(before, number, organisation_id, row, digest)
        place = {"organisation_id": organisation_id, "number": number, "event_id": row.id}
        links.append({**place, "salt": salt, "digest": digest, "hash": before})
    connection.execute(insert(LINKS), links)
    end = update(CHAINS).where(CHAINS.c.organisation_id == organisation_id)
    connection.execute(end.values(length=length + len(links), hash=before))


def _lock_end(connection: Connection, organisation_id: str) -> tuple[int, str]:
    """Lock the end of a chain, and return its length and its hash."""
    query = select(CHAINS.c.length, CHAINS.c.hash).where(CHAINS.c.organisation_id == organisation_id).with_for_update()
    end = connection.execute(query).first()
    if end is None:
        first = {"organisation_id": organisation_id, "length": 0, "hash": START, "signed_length": 0}
        connection.execute(_insert_unless_there(connection).values(first))
        end = connection.execute(query).one()
    return end.length, end.hash


def _insert_unless_there(connection: Connection) -> Any:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(CHAINS).on_conflict_do_nothing()


def erase_details(session: Session, object_ids: Collection[str]) -> int:
    """Erase the details of all events about some objects, with their salts; return of how many. The chain still fits.

    Who did what and when stays. Events of the transaction itself, such as the one that records the erasure, keep their details.
    """
    count = 0
    for chunk in chunks(sorted(object_ids)):
        query = (
            select(AuditEvent.id)
            .join(AuditLink, AuditLink.event_id == AuditEvent.id)
            .where(AuditEvent.object_id.in_(chunk), AuditLink.salt.is_not(None))
        )
        event_ids = session.scalars(query).all()
        count += len(event_ids)
        for ids in chunks(event_ids):
            unsynchronized = {"synchronize_session": False}
            session.execute(
                update(AuditEvent).where(AuditEvent.id.in_(ids)).values(details={}), execution_options=unsynchronized
            )
            session.execute(
                update(AuditLink).where(AuditLink.event_id.in_(ids)).values(salt=None), execution_options=unsynchronized
            )
    return count


def record_system_event(
    session: Session, actor: str, action: str, object_type: str, object_id: str, details: Mapping[str, Any]
) -> None:
    """Append an event about the installation as a whole, such as the erasure of an organisation. They are rare."""
    session.flush()
    connection = session.connection()
    if connection.dialect.name == "postgresql":  # one after the other; SQLite has one writer anyway
        connection.exec_driver_sql("LOCK TABLE system_event IN SHARE ROW EXCLUSIVE MODE")
    newest = select(SystemEvent.number, SystemEvent.hash).order_by(SystemEvent.number.desc()).limit(1)
    last, before = session.execute(newest).first() or (0, START)
    row = SystemEvent(
        number=last + 1, at=now(), actor=actor, action=action, object_type=object_type, object_id=object_id,
        details=dict(details),
    )  # fmt: skip
    row.hash = hash_event(before, row.number, SYSTEM, row, digest_details("", row.details))
    session.add(row)
