"""Page through a query by a cursor (keyset pagination), so that a page stays true while rows come and go.

A page begins behind the sort values of the last row that was seen, not behind a number of rows: what is inserted, moved or
erased meanwhile neither doubles nor hides another row. The cursor holds those values and nothing else.
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

UP, DOWN = 1, -1
Order = Sequence[tuple[InstrumentedAttribute[Any], int]]


@dataclass(frozen=True)
class Page:
    """Some of a list, and where the next page begins (None at the end)."""

    items: tuple[Any, ...]
    next_cursor: str | None


def paginate(session: Session, query: Select[Any], order: Order, cursor: str | None, limit: int) -> Page:
    if cursor is not None:
        query = query.where(_after(order, _values(cursor, order)))
    found = session.scalars(query.order_by(*order_by(order)).limit(limit + 1)).all()
    return Page(tuple(found[:limit]), _cursor(found[limit - 1], order) if len(found) > limit else None)


def order_by(order: Order) -> list[Any]:
    return [column if direction == UP else column.desc() for column, direction in order]


def _after(order: Order, values: Sequence[Any]) -> Any:
    """What stands behind these values in an order."""
    clauses = []
    for i, (column, direction) in enumerate(order):
        equal = [other == value for (other, _), value in zip(order[:i], values[:i], strict=True)]
        clauses.append(and_(*equal, column > values[i] if direction == UP else column < values[i]))
    return or_(*clauses)


def _cursor(last: Any, order: Order) -> str:
    values = [last] if isinstance(last, str) else [getattr(last, column.key) for column, _ in order]
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def _values(cursor: str, order: Order) -> list[Any]:
    """The sort values in a cursor. It comes from outside: whatever this list cannot have given out is refused."""
    try:
        told = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(told, list) or len(told) != len(order):
            raise ValueError("not the values of this order")
        return [_value(column.type, value) for (column, _), value in zip(order, told, strict=True)]
    except (ValueError, binascii.Error) as fault:
        raise DomainError("cursor.unknown", 400, "The cursor is none that this list gave out.") from fault


def _value(kind: TypeEngine[Any], told: object) -> Any:
    wanted = datetime if isinstance(kind, UTCTime) else kind.python_type
    if wanted is datetime and isinstance(told, str):
        moment = datetime.fromisoformat(told)
        if moment.tzinfo is not None:
            return moment
    if wanted is str and isinstance(told, str) and len(told) <= 300 and "\0" not in told:
        return told
    number = told if isinstance(told, int | float) and not isinstance(told, bool) else math.nan
    if abs(number) < 2**31 and wanted in (int, float):
        return wanted(number)
    raise ValueError("not a value of this order")
