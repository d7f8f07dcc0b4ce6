"""Lists in pages that stay true while rows come and go.

A page begins behind the sort values of the last row that was seen, not behind a number of rows: what is inserted, moved or
erased meanwhile neither doubles nor hides another row. The cursor holds those values and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.types import TypeEngine

from service.db.buyer_tables import BuyerAnswers
from service.db.case_tables import KeptCase
from service.db.tables import Import, Job, Result, Supplier, UTCTime
from service.db.watchlist_tables import WatchlistMatch
from service.jobs.kinds import RENDER_REPORT
from service.refusal import Refused
from service.register.supplier_list import Wanted, conditions

UP, DOWN = 1, -1
Order = Sequence[tuple[InstrumentedAttribute[Any], int]]
WORST_FIRST: Order = (
    (Supplier.rank, UP),
    (Supplier.inherent, DOWN),
    (Supplier.worst, DOWN),
    (Supplier.score, DOWN),
    (Supplier.id, UP),
)


@dataclass(frozen=True)
class Page:
    """Some of a list, and where the next page begins (None at the end)."""

    items: tuple[Any, ...]
    next_cursor: str | None


def suppliers(
    session: Session,
    kind: str,
    wanted: Wanted,
    on: date,
    *,
    company: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page:
    """Sites or agencies, worst first: by level, inherent risk, worst case, score. Raises Refused ``cursor.unknown``."""
    query = select(Supplier).where(Supplier.kind == kind, *conditions(wanted, on))
    if company:
        query = query.where(Supplier.company_key == company)
    return _page(session, query, WORST_FIRST, cursor, limit)


def results(session: Session, supplier: Supplier, *, cursor: str | None = None, limit: int = 50) -> Page:
    """The results of a supplier, newest first. Raises Refused ``cursor.unknown``."""
    query = select(Result).where(Result.supplier_id == supplier.id)
    return _page(session, query, ((Result.created_at, DOWN), (Result.id, UP)), cursor, limit)


def imports(session: Session, *, state: str | None = None, cursor: str | None = None, limit: int = 50) -> Page:
    """Imports, newest first. Raises Refused ``cursor.unknown``."""
    query = select(Import) if state is None else select(Import).where(Import.state == state)
    return _page(session, query, ((Import.created_at, DOWN), (Import.id, UP)), cursor, limit)


def reports(session: Session, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Reports that were asked for, newest first. Raises Refused ``cursor.unknown``."""
    query = select(Job).where(Job.kind == RENDER_REPORT)
    return _page(session, query, ((Job.created_at, DOWN), (Job.id, UP)), cursor, limit)


def jobs(session: Session, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Jobs of every kind, newest first. Raises Refused ``cursor.unknown``."""
    return _page(session, select(Job), ((Job.created_at, DOWN), (Job.id, UP)), cursor, limit)


def matches(
    session: Session, *, state: str = "open", supplier_id: str | None = None, cursor: str | None = None, limit: int = 50
) -> Page:
    """Matches in a state that are still found, newest first. Raises Refused ``cursor.unknown``."""
    query = select(WatchlistMatch).where(WatchlistMatch.found, WatchlistMatch.state == state)
    if supplier_id is not None:
        query = query.where(WatchlistMatch.supplier_id == supplier_id)
    return _page(session, query, ((WatchlistMatch.found_at, DOWN), (WatchlistMatch.id, UP)), cursor, limit)


def buyer_answers(session: Session, *, cursor: str | None = None, limit: int = 50) -> Page:
    """What the buyer's units answered about themselves, newest first. Raises Refused ``cursor.unknown``."""
    query = select(BuyerAnswers)
    return _page(session, query, ((BuyerAnswers.created_at, DOWN), (BuyerAnswers.id, UP)), cursor, limit)


def cases(
    session: Session,
    *,
    state: str | None = None,
    supplier_id: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page:
    """Case records, the strongest evidence first, then the newest. Raises Refused ``cursor.unknown``."""
    query = select(KeptCase)
    if state is not None:
        query = query.where(KeptCase.state == state)
    if supplier_id is not None:
        query = query.where(KeptCase.supplier_id == supplier_id)
    order = ((KeptCase.strength, DOWN), (KeptCase.created_at, DOWN), (KeptCase.id, UP))
    return _page(session, query, order, cursor, limit)


@dataclass(frozen=True)
class Company:
    """Sites of one name: how many, in which countries, and the worst of them."""

    company_key: str
    name: str
    sites: int
    countries: tuple[str, ...]
    worst: Supplier


def companies(session: Session, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Companies by name: sites with equal names are sites of one company. Raises Refused ``cursor.unknown``."""
    keys = (
        select(Supplier.company_key)
        .where(Supplier.kind == "site", Supplier.deleted_at.is_(None), Supplier.latest_id.is_not(None))
        .group_by(Supplier.company_key)
    )
    page = _page(session, keys, ((Supplier.company_key, UP),), cursor, limit)
    sites: dict[str, list[Supplier]] = {key: [] for key in page.items}
    query = _kept("site").where(Supplier.company_key.in_(sites)).order_by(*_order(WORST_FIRST))
    for site in session.scalars(query):
        sites[site.company_key].append(site)
    found = [
        Company(key, of[0].name, len(of), tuple(sorted({site.country for site in of if site.country})), of[0])
        for key, of in sites.items()
    ]
    return Page(tuple(found), page.next_cursor)


def _kept(kind: str) -> Select[Supplier]:
    return select(Supplier).where(Supplier.kind == kind, Supplier.deleted_at.is_(None), Supplier.latest_id.is_not(None))


def _page(session: Session, query: Select[Any], order: Order, cursor: str | None, limit: int) -> Page:
    if cursor is not None:
        query = query.where(_behind(order, _values(cursor, order)))
    found = session.scalars(query.order_by(*_order(order)).limit(limit + 1)).all()
    return Page(tuple(found[:limit]), _cursor(found[limit - 1], order) if len(found) > limit else None)


def _order(order: Order) -> list[Any]:
    return [column if direction == UP else column.desc() for column, direction in order]


def _behind(order: Order, values: Sequence[Any]) -> Any:
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
        raise Refused("cursor.unknown", 400, "The cursor is none that this list gave out.") from fault


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
