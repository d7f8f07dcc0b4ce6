"""Keyset pagination: page through a query by a cursor, so that pages stay correct while rows are added and removed.

A page begins after the sort values of the last row of the page before, not after a number of rows: rows that are inserted,
moved or deleted in the meantime neither repeat nor hide others. The cursor holds those values and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Select
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from service.db.tables import UTCTime
from service.errors import DomainError

ASCENDING, DESCENDING = 1, -1
Order = Sequence[tuple[Any, int]]  # columns of one class, and whether each ascends or descends


@dataclass(frozen=True)
class Page:
    """Items of a list, and the cursor of the next page (None at the end)."""

    items: tuple[Any, ...]
    next_cursor: str | None


def paginate(session: Session, query: Select[Any], order: Order, cursor: str | None, limit: int) -> Page:
    """Return the page of a query after a cursor (None: the first page). Raises DomainError ``cursor.unknown``, 400."""
    after = None if cursor is None else decode_cursor(cursor, order)
    rows = [row[0] for row in read_after(session, query, order, after, limit + 1)]
    return Page(tuple(rows[:limit]), encode_cursor(rows[limit - 1], order) if len(rows) > limit else None)


def read_after(
    session: Session, query: Select[Any], order: Order, after: Sequence[Any] | None, limit: int
) -> Sequence[Any]:
    """Return the first rows of a query after some sort values (None: from the first row), in order.

    The rows after (a, b, c) are those with the same a and b and a later c, then those with the same a and a later b, then those
    with a later a. Each part is one range of an index of this order; a single condition would make a database read the index
    from its beginning.
    """
    if after is None:
        return session.execute(query.order_by(*build_order_by(order)).limit(limit)).all()
    rows: list[Any] = []
    for i, conditions in zip(reversed(range(len(order))), build_ranges(order, after), strict=True):
        part = query.where(*conditions).order_by(*build_order_by(order[i:]))
        rows += session.execute(part.limit(limit - len(rows)))
        if len(rows) == limit:
            break
    return rows


def build_ranges(order: Order, after: Sequence[Any]) -> Iterator[list[ColumnElement[bool]]]:
    """Yield the conditions of each part of the rows after some sort values, the nearest first."""
    for i in reversed(range(len(order))):
        column, direction = order[i]
        same = [earlier == value for (earlier, _), value in zip(order[:i], after[:i], strict=True)]
        yield [*same, column > after[i] if direction == ASCENDING else column < after[i]]


def reverse(order: Order) -> Order:
    """Return the opposite order."""
    return [(column, -direction) for column, direction in order]


def build_order_by(order: Order) -> list[Any]:
    """Return the ORDER BY clauses of an order."""
    return [column if direction == ASCENDING else column.desc() for column, direction in order]


def encode_cursor(last: Any, order: Order) -> str:
    """Return the cursor of the rows after one."""
    return encode_position([last] if isinstance(last, str) else [getattr(last, column.key) for column, _ in order])


def encode_position(values: Sequence[Any]) -> str:
    """Return the cursor of the rows after some sort values."""
    return base64.urlsafe_b64encode(orjson.dumps(list(values))).decode().rstrip("=")


def decode_cursor(cursor: str, order: Order) -> list[Any]:
    """Return the sort values in a cursor. It comes from outside: values that this list cannot have issued are refused.

    Raises DomainError ``cursor.unknown``, 400.
    """
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(order):
            raise ValueError("not the values of this order")
        return [_parse_value(column.type, value) for (column, _), value in zip(order, values, strict=True)]
    except (ValueError, binascii.Error) as error:
        raise DomainError("cursor.unknown", 400, "This cursor is not valid for this list.") from error


def _parse_value(column_type: TypeEngine[Any], value: object) -> Any:
    type_ = datetime if isinstance(column_type, UTCTime) else column_type.python_type
    if type_ is datetime and isinstance(value, str):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment
    if type_ is date and isinstance(value, str):
        return date.fromisoformat(value)
    if type_ is str and isinstance(value, str) and len(value) <= 300 and "\0" not in value:
        return value
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if abs(number) < 2**31 and type_ in (int, float):
        return type_(number)
    raise ValueError("not a value of this order")
