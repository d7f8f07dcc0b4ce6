"""The outbox: what happened to suppliers, for whoever reads along (``GET /changes``), each thing once and none left out.

A change is written in the transaction of its cause. Its id is drawn when it is written, but it is seen when that transaction
commits, and on PostgreSQL a later id may commit first: a reader who had gone on to the later one would never see the earlier.
So a writer, before it draws its first id, holds up a mark that says which ids were drawn by then: an advisory lock that all
writers share and nobody waits for, and that goes with the transaction. A reader goes no farther than the lowest mark; whoever
puts one up after it looked draws an id beyond all those that it can see. On SQLite only one transaction writes at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, cast, column, func, insert, select, table
from sqlalchemy.dialects.postgresql import REGCLASS
from sqlalchemy.orm import Session

from service.db.tables import Change
from service.errors import DomainError

MARK = 0x4348  # the class of our marks among the advisory locks of the database
LOCKS = table("pg_locks", *map(column, ("locktype", "database", "classid", "objid")))
DATABASES = table("pg_database", column("oid"), column("datname"))


@dataclass(frozen=True)
class Page:
    """Some changes in order, and the cursor to ask for those that come after."""

    items: tuple[Change, ...]
    next_cursor: str


def write(session: Session, kind: str, supplier_id: str, data: Mapping[str, Any], at: datetime) -> None:
    """Writes a change, in the caller's transaction."""
    write_all(session, kind, [(supplier_id, data)], at)


def write_all(session: Session, kind: str, told: Sequence[tuple[str, Mapping[str, Any]]], at: datetime) -> None:
    """Writes changes of a kind, each of a supplier, in the caller's transaction. Nobody writes a Change but here: it would be
    one without a mark.
    """
    if not told:
        return
    if session.get_bind().dialect.name == "postgresql":
        transaction = session.get_nested_transaction() or session.get_transaction()
        if session.info.get("marked") is not transaction:
            session.execute(select(func.pg_advisory_xact_lock_shared(MARK, _drawn())))
            session.info["marked"] = transaction
    rows = [{"at": at, "kind": kind, "supplier_id": supplier_id, "data": dict(data)} for supplier_id, data in told]
    session.execute(insert(Change), rows)


def read(session: Session, since: str | None = None, limit: int = 100) -> Page:
    """The changes after a cursor (from the first unless told), in order. Raises Refused, 400, for what is no cursor.

    On PostgreSQL the session may not read one snapshot: RuntimeError.
    """
    if since is not None and not (since.isascii() and since.isdigit() and len(since) < 19):
        raise DomainError("cursor.unknown", 400, "The cursor is none that this list gave out.")
    after = int(since or 0)
    query = select(Change).where(Change.id > after).order_by(Change.id).limit(limit)
    if session.get_bind().dialect.name == "postgresql":
        query = query.where(Change.id <= _settled(session))
    items = tuple(session.scalars(query))
    return Page(items, str(items[-1].id if items else after))


def _settled(session: Session) -> int:
    """The highest id up to which all that was drawn is committed, or never will be.

    The order counts: first what was drawn, then the marks, and only then, in a statement with a later snapshot, the changes.
    In one snapshot a writer who ends between the first and the second statement would have no mark and no rows.
    """
    if session.info.get("snapshot"):
        raise RuntimeError("changes are read without a snapshot: Database.for_organisation(..., write=False, snapshot=False)")
    drawn = session.scalars(select(_drawn())).one()
    ours = select(DATABASES.c.oid).where(DATABASES.c.datname == func.current_database()).scalar_subquery()
    marks = select(func.min(cast(LOCKS.c.objid, Integer))).where(
        LOCKS.c.locktype == "advisory", LOCKS.c.database == ours, LOCKS.c.classid == MARK
    )
    lowest = session.scalars(marks).one()
    return drawn if lowest is None else min(drawn, lowest)


def _drawn() -> ColumnElement[int]:
    """The highest id drawn so far; 0 if none was."""
    last = func.pg_sequence_last_value(cast(func.pg_get_serial_sequence("change", "id"), REGCLASS))
    return cast(func.coalesce(last, 0), Integer)
