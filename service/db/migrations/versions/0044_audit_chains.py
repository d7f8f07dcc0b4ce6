"""Link the events of the audit trail in a chain of hashes for each organisation, and add a chain of events of the installation.

``fill`` links the stored events in portions, oldest first: a migration that is interrupted continues after the last link.
"""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

from service.db.audit_triggers import restore

revision = "0044"
down_revision = "0040"

PORTION = 2000  # events
START = "0" * 64
SCHEMA = sa.MetaData()
ORGANISATION = sa.Table("organisation", SCHEMA, sa.Column("id", sa.String(36), primary_key=True))
EVENT = sa.table(
    "audit_event",
    *(sa.column(name) for name in ("id", "organisation_id", "actor", "action", "object_type", "object_id")),
    sa.column("at", sa.DateTime(timezone=True)),
    sa.column("details", sa.JSON),
)


def _build_owner() -> sa.Column[str]:
    return sa.Column(
        "organisation_id", sa.String(36), sa.ForeignKey("organisation.id", ondelete="CASCADE"), primary_key=True
    )


LINK = sa.Table(
    "audit_link",
    SCHEMA,
    _build_owner(),
    sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("event_id", sa.BigInteger(), nullable=False, unique=True),
    sa.Column("salt", sa.String(32), nullable=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
CHAIN = sa.Table(
    "audit_chain",
    SCHEMA,
    _build_owner(),
    sa.Column("length", sa.Integer(), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("signed_length", sa.Integer(), nullable=False),
)


def fill(connection: sa.Connection) -> bool:
    """Link the next events; return whether there were any."""
    SCHEMA.create_all(connection, tables=[LINK, CHAIN])
    last = connection.scalar(sa.select(sa.func.max(LINK.c.event_id))) or 0
    events = connection.execute(sa.select(EVENT).where(EVENT.c.id > last).order_by(EVENT.c.id).limit(PORTION)).all()
    if not events:
        return False
    organisations = {event.organisation_id for event in events}
    query = sa.select(CHAIN).where(CHAIN.c.organisation_id.in_(organisations))
    ends = {row.organisation_id: (row.length, row.hash) for row in connection.execute(query)}
    links = []
    for event in events:
        length, before = ends.get(event.organisation_id, (0, START))
        salt = os.urandom(16).hex()
        details = orjson.dumps(event.details, option=orjson.OPT_SORT_KEYS)
        digest = hashlib.sha256(bytes.fromhex(salt) + details).hexdigest()
        end = _hash_event(before, length + 1, event, digest)
        ends[event.organisation_id] = (length + 1, end)
        links.append({
            "organisation_id": event.organisation_id, "number": length + 1, "event_id": event.id, "salt": salt,
            "digest": digest, "hash": end,
        })  # fmt: skip
    connection.execute(sa.insert(LINK), links)
    connection.execute(sa.delete(CHAIN).where(CHAIN.c.organisation_id.in_(organisations)))
    values = [
        {"organisation_id": organisation_id, "length": length, "hash": end, "signed_length": 0}
        for organisation_id, (length, end) in ends.items()
    ]
    connection.execute(sa.insert(CHAIN), values)
    return True


def _hash_event(before: str, number: int, event: Any, digest: str) -> str:
    at: datetime = event.at if event.at.tzinfo else event.at.replace(tzinfo=UTC)
    time = at.astimezone(UTC).isoformat(timespec="microseconds")
    what = [event.actor, event.action, event.object_type, event.object_id]
    return hashlib.sha256(orjson.dumps([before, number, event.organisation_id, time, *what, digest])).hexdigest()


def upgrade() -> None:
    """Upgrade from 0040, after the portions that are left."""
    connection = op.get_bind()
    while fill(connection):
        pass
    op.create_index("audit_events_of_object", "audit_event", ["object_id"])
    op.create_table(
        "system_event",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("object_type", sa.String(40), nullable=False),
        sa.Column("object_id", sa.String(80), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    restore(connection)
