"""Keyset pagination: page through a query by a cursor, so that pages stay correct while rows are added and removed.

A page begins after the sort values of the last row of the page before, not after a number of rows: rows that are inserted,
moved or deleted in the meantime neither repeat nor hide others. The cursor holds those values and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Select, and_, or_
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.types import TypeEngine

from service.db.tables import UTCTime
from service.errors import DomainError

ASCENDING, DESCENDING = 1, -1
Order = Sequence[tuple[InstrumentedAttribute[Any], int]]


@dataclass(frozen=True)
class Page:
    """Items of a list, and the cursor of the next page (None at the end)."""

    items: tuple[Any, ...]
    next_cursor: str | None


def paginate(session: Session, query: Select[Any], order: Order, cursor: str | None, limit: int) -> Page:
    """Return the page of a query after a cursor (None: the first page). Raises DomainError ``cursor.unknown``, 400."""
    if cursor is not None:
        query = query.where(_build_after_clause(order, _decode_cursor(cursor, order)))
    rows = session.scalars(query.order_by(*build_order_by(order)).limit(limit + 1)).all()
    return Page(tuple(rows[:limit]), _encode_cursor(rows[limit - 1], order) if len(rows) > limit else None)


def build_order_by(order: Order) -> list[Any]:
    """Return the ORDER BY clauses of an order."""
    return [column if direction == ASCENDING else column.desc() for column, direction in order]


def _build_after_clause(order: Order, values: Sequence[Any]) -> Any:
    """Build the condition for rows after these values in an order."""
    clauses = []
    for i, (column, direction) in enumerate(order):
        equal = [earlier == value for (earlier, _), value in zip(order[:i], values[:i], strict=True)]
        clauses.append(and_(*equal, column > values[i] if direction == ASCENDING else column < values[i]))
    return or_(*clauses)


def _encode_cursor(last: Any, order: Order) -> str:
    values = [last] if isinstance(last, str) else [getattr(last, column.key) for column, _ in order]
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def _decode_cursor(cursor: str, order: Order) -> list[Any]:
    """Return the sort values in a cursor. It comes from outside: values that this list cannot have issued are refused."""
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
    if type_ is str and isinstance(value, str) and len(value) <= 300 and "\0" not in value:
        return value
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if abs(number) < 2**31 and type_ in (int, float):
        return type_(number)
    raise ValueError("not a value of this order")
