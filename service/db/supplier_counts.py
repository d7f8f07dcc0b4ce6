"""Counts of the assessed suppliers of each organisation.

Whoever inserts suppliers counts them (``count_new``); changes and deletions are counted by triggers
(``service.db.count_triggers``).

A count is the sum of its rows. On PostgreSQL each transaction adds to rows of its own (``shard`` is its number), so that no
writer waits for another, and ``fold_counts`` adds them up later. SQLite lets one transaction write at a time, and the shard is
always 0. Counting is part of the transaction that changes the supplier: whatever becomes of it becomes of the counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import orjson
from sqlalchemy import JSON, ColumnElement, Connection, func, select, text
from sqlalchemy.orm import Session

from service.db.count_triggers import KEY, REVIEWS, SHARDS, add_rows, select_counts
from service.db.derived_tables import SupplierCount
from service.db.tables import Supplier

FOLD_LOCK = 0x464F4C44  # of the process that folds on PostgreSQL
# How each database lists the texts of a JSON array: one parameter, whatever their number.
LISTED = {
    "sqlite": "SELECT value FROM json_each(:ids)",
    "postgresql": "SELECT json_array_elements_text(CAST(:ids AS json))",
}


class Count(NamedTuple):
    """The number of suppliers of a kind with a value of a facet and a detail; "" is a missing one."""

    kind: str
    value: str
    detail: str
    n: int


def list_counts(session: Session, facet: str) -> list[Count]:
    """Return the counts of a facet that are not 0."""
    by = (SupplierCount.kind, SupplierCount.value, SupplierCount.detail)
    total = func.sum(SupplierCount.n)
    rows = session.execute(select(*by, total).where(SupplierCount.facet == facet).group_by(*by).having(total != 0))
    return [Count(kind, value, detail, int(n)) for kind, value, detail, n in rows]


def sum_counts(session: Session, facet: str, *conditions: ColumnElement[bool]) -> int:
    """Return the sum of the counts of a facet that meet conditions on ``SupplierCount``."""
    return int(session.scalar(select(func.sum(SupplierCount.n)).where(SupplierCount.facet == facet, *conditions)) or 0)


def count_overdue(session: Session, on: date) -> int:
    """Return how many suppliers should have been reviewed before a day."""
    return sum_counts(session, REVIEWS, SupplierCount.value != "", SupplierCount.value < on.isoformat())


def fold_counts(session: Session) -> None:
    """Add up the rows of finished transactions, and delete counts of 0. For a session of all organisations.

    Writers never wait for this, nor this for them: it takes only rows that are committed, which nobody else changes.
    """
    if session.get_bind().dialect.name == "postgresql":
        if not session.scalar(select(func.pg_try_advisory_xact_lock(FOLD_LOCK))):
            return
        session.execute(text(
            f"WITH taken AS (DELETE FROM supplier_count WHERE shard <> 0 RETURNING {KEY}, n) "
            f"INSERT INTO supplier_count ({KEY}, shard, n) SELECT {KEY}, 0, sum(n) FROM taken GROUP BY {KEY} "
            f"ORDER BY {KEY} ON CONFLICT ({KEY}, shard) DO UPDATE SET n = supplier_count.n + excluded.n"
        ))  # fmt: skip
    session.execute(text("DELETE FROM supplier_count WHERE shard = 0 AND n = 0"))


def count_new(session: Session, supplier_ids: Sequence[str]) -> None:
    """Add suppliers to the counts, in the transaction that has inserted them."""
    connection = session.connection()
    dialect = connection.dialect.name
    columns = ", ".join(column.name for column in Supplier.__table__.columns if not isinstance(column.type, JSON))
    added = f"SELECT {columns} FROM supplier WHERE id IN ({LISTED[dialect]})"
    rows = f"WITH added AS MATERIALIZED ({added}) {select_counts('added', dialect, 1)}"
    connection.execute(text(add_rows(rows, SHARDS[dialect])), {"ids": orjson.dumps(list(supplier_ids)).decode()})


class Miscount(NamedTuple):
    """A count that differs from the suppliers that are stored."""

    organisation_id: str
    facet: str
    kind: str
    value: str
    detail: str
    kept: int
    counted: int


def find_miscounts(session: Session) -> list[Miscount]:
    """Count all suppliers again and return the counts that differ. For a session of all organisations."""
    dialect = session.get_bind().dialect.name
    counted = f"SELECT {KEY}, 0 AS kept, n AS counted FROM ({select_counts('supplier', dialect, 1)}) AS rows"
    both = f"SELECT {KEY}, n AS kept, 0 AS counted FROM supplier_count UNION ALL {counted}"
    rows = session.connection().execute(text(
        f"SELECT {KEY}, sum(kept), sum(counted) FROM ({both}) AS both_counts GROUP BY {KEY} "
        f"HAVING sum(kept) <> sum(counted) ORDER BY {KEY}"
    ))  # fmt: skip
    return [Miscount._make((*row[:5], int(row[5]), int(row[6]))) for row in rows]


def recount(session: Session) -> None:
    """Replace all counts by a new count of all suppliers. For a session of all organisations, while nobody else writes."""
    session.execute(text("DELETE FROM supplier_count"))
    add_counts(session.connection())


def add_counts(connection: Connection, after: str | None = None, last: str | None = None) -> None:
    """Add the suppliers whose id lies after one and up to another to the counts; all suppliers unless given."""
    portion = "" if last is None else "supplier.id > :after AND supplier.id <= :last"
    rows = select_counts("supplier", connection.dialect.name, 1, condition=portion)
    connection.execute(text(add_rows(rows, "0")), {"after": after, "last": last} if portion else {})
