"""The change feed (an outbox): what happened to suppliers, for readers of ``GET /changes``, each change exactly once.

A change is written in the transaction of its cause. Its id is drawn when it is written, but it becomes visible when that
transaction commits, and on PostgreSQL a later id may commit first: a reader that had moved on to the later one would never see
the earlier. Therefore a writer, before it draws its first id, takes an advisory lock whose number is the last id drawn so far.
These locks are shared, so no writer waits for another, and they end with the transaction. A reader stops at the lowest lock;
writers that take a lock after the reader has looked draw ids higher than any it can see. On SQLite only one transaction writes
at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, cast, column, func, select, table
from sqlalchemy.dialects.postgresql import REGCLASS
from sqlalchemy.orm import Session

from service.db.bulk_rows import insert_rows
from service.db.tables import Change
from service.errors import DomainError

LEVEL_MOVED = "level_moved"
LOCK_CLASS = 0x4348  # identifies these locks among the advisory locks of the database
LOCKS = table("pg_locks", *map(column, ("locktype", "database", "classid", "objid")))
DATABASES = table("pg_database", column("oid"), column("datname"))


@dataclass(frozen=True)
class Page:
    """Changes in order, and the cursor of those that follow."""

    items: tuple[Change, ...]
    next_cursor: str


def write(session: Session, kind: str, supplier_id: str, data: Mapping[str, Any], at: datetime) -> None:
    """Write a change, in the caller's transaction."""
    write_all(session, kind, [(supplier_id, data)], at)


def write_all(session: Session, kind: str, changes: Sequence[tuple[str, Mapping[str, Any]]], at: datetime) -> None:
    """Write changes of a kind, each as (supplier id, data), in the caller's transaction.

    Changes must be written here only: elsewhere they would be written without the lock.
    """
    if not changes:
        return
    if session.get_bind().dialect.name == "postgresql":
        transaction = session.get_nested_transaction() or session.get_transaction()
        if session.info.get("locked") is not transaction:
            session.execute(select(func.pg_advisory_xact_lock_shared(LOCK_CLASS, _select_last_drawn_id())))
            session.info["locked"] = transaction
    rows = [
        {
            "at": at,
            "kind": kind,
            "supplier_id": supplier_id,
            "data": dict(data),
            "level_before": data.get("from") if kind == LEVEL_MOVED else None,
        }
        for supplier_id, data in changes
    ]
    insert_rows(session, Change, rows)


def read(session: Session, since: str | None = None, limit: int = 100) -> Page:
    """Return the changes after a cursor (by default from the first), in order. Raises DomainError, 400, for an invalid cursor.

    Raises RuntimeError on PostgreSQL if the session reads from one snapshot.
    """
    if since is not None and not (since.isascii() and since.isdigit() and len(since) < 19):
        raise DomainError("cursor.unknown", 400, "This cursor is not valid for this list.")
    after = int(since or 0)
    query = select(Change).where(Change.id > after).order_by(Change.id).limit(limit)
    if session.get_bind().dialect.name == "postgresql":
        query = query.where(Change.id <= _get_settled_id(session))
    items = tuple(session.scalars(query))
    return Page(items, str(items[-1].id if items else after))


def _get_settled_id(session: Session) -> int:
    """Return the highest id up to which every drawn id is committed, or never will be.

    The order matters: first the drawn ids, then the locks, and only then, in a statement with a later snapshot, the changes.
    In one snapshot a writer that ends between the first and the second statement would have neither lock nor rows.
    """
    if session.info.get("snapshot"):
        raise RuntimeError(
            "changes are read without a snapshot: Database.for_organisation(..., write=False, snapshot=False)"
        )
    drawn = session.scalars(select(_select_last_drawn_id())).one()
    this_database = select(DATABASES.c.oid).where(DATABASES.c.datname == func.current_database()).scalar_subquery()
    lowest_lock = select(func.min(cast(LOCKS.c.objid, Integer))).where(
        LOCKS.c.locktype == "advisory", LOCKS.c.database == this_database, LOCKS.c.classid == LOCK_CLASS
    )
    lowest = session.scalars(lowest_lock).one()
    return drawn if lowest is None else min(drawn, lowest)


def _select_last_drawn_id() -> ColumnElement[int]:
    """Build the expression for the highest id drawn so far, 0 if none was."""
    last = func.pg_sequence_last_value(cast(func.pg_get_serial_sequence("change", "id"), REGCLASS))
    return cast(func.coalesce(last, 0), Integer)
