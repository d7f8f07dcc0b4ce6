"""Read the suppliers that match a filter in the order of an index, in portions, and at most ``READ`` of them for one page.

An index leads to the suppliers that match one part of a filter; the other parts are tested on each supplier that is read. If
these rarely match, a page ends early and the next one continues: what a page costs does not depend on the size of the register.
Where the filter's own index finds few enough, the database sorts these instead (``sort_in_database``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from service.db.pagination import Order, build_order_by, build_ranges, read_after
from service.db.tables import Supplier
from service.queries.supplier_filter import (
    DIVISION,
    INSUFFICIENT,
    QUEUE,
    SORTS,
    UNKNOWN,
    SupplierFilter,
    build_filter_conditions,
    get_rank,
)

READ = 20_000  # suppliers read for a page
COUNTED = 4_000  # suppliers read to say how many match at least
PORTION = 250  # suppliers read at first
GROWTH = 4  # of a portion that follows one with too few matches
OF_QUEUE = (
    "level",
    "inherent_level",
    "country",
    "sector",
    "step",
    "kind",
)  # fields with an index in the order of the queue


@dataclass(frozen=True)
class Scan:
    """The first matching suppliers after a position: their ids, and the sort values of each.

    ``last``: the sort values of the last supplier read, None if none was. ``ended``: whether there is none after it.
    ``read``: how many suppliers were read.
    """

    ids: Sequence[str]
    positions: Sequence[Sequence[Any]]
    last: Sequence[Any] | None
    ended: bool
    read: int


def scan(
    session: Session,
    filter_: SupplierFilter,
    fields: Sequence[str],
    on: date,
    order: Order,
    after: Sequence[Any] | None,
    limit: int,
    most: int | None = None,
) -> Scan:
    """Return the first suppliers that match a filter after some sort values (None: from the first), in an order with an index.

    ``fields``: the fields of the filter that the fewest suppliers match. ``most``: how many suppliers are read at most, READ
    unless given.
    """
    most = READ if most is None else most
    query = _select_fitting(filter_, fields, on, order)
    found: list[Any] = []
    read, portion = 0, min(max(limit, PORTION), most)
    while True:
        rows = read_after(session, query, order, after, portion)
        found += [row for row in rows if row.fits]
        read += len(rows)
        after = rows[-1][2:] if rows else after
        ended = len(rows) < portion
        if ended or len(found) >= limit or read >= most:
            found = found[:limit]
            return Scan([row.id for row in found], [row[2:] for row in found], after, ended, read)
        portion = min(GROWTH * portion, most - read)


def sort_in_database(
    session: Session,
    filter_: SupplierFilter,
    fields: Sequence[str],
    on: date,
    order: Order,
    after: Sequence[Any] | None,
    limit: int,
) -> Scan:
    """Return what ``scan`` does, whatever the order has to do with the filter: the database reads all suppliers that the index
    of these fields finds, and sorts those that match.
    """
    columns = [column.label(f"sort{i}") for i, (column, _) in enumerate(order)]
    matching = select(Supplier.id, *columns).where(*build_filter_conditions(filter_, on, fields)).cte("matching")
    matching = matching.prefix_with("MATERIALIZED")  # or a database might read the index of the order after all
    sorted_by = [(matching.c[f"sort{i}"], direction) for i, (_, direction) in enumerate(order)]
    query = select(matching).order_by(*build_order_by(sorted_by)).limit(limit)
    if after is not None:
        query = query.where(or_(*(and_(*conditions) for conditions in build_ranges(sorted_by, after))))
    rows = session.execute(query).all()
    positions = [row[1:] for row in rows]
    return Scan([row.id for row in rows], positions, positions[-1] if rows else after, len(rows) < limit, len(rows))


def count_first(session: Session, filter_: SupplierFilter, fields: Sequence[str], on: date) -> int:
    """Return how many of the first ``COUNTED`` suppliers that a scan reads in the order of the queue match."""
    read = _select_fitting(filter_, fields, on, QUEUE).order_by(*build_order_by(QUEUE)).limit(COUNTED).subquery()
    return session.scalar(select(func.count()).select_from(read).where(read.c.fits)) or 0


def _select_fitting(filter_: SupplierFilter, fields: Sequence[str], on: date, order: Order) -> Select[Any]:
    """Return the query of suppliers in the part of an index, whether they match the whole filter, and their sort values."""
    by_queue = order[0][0] is QUEUE[0][0]
    indexed = SupplierFilter(own_answers_only=filter_.own_answers_only)
    if by_queue:
        indexed = _choose_index(filter_, fields, indexed)
    elif order[0][0] is SORTS["review"][0][0]:
        indexed = replace(indexed, review=filter_.review)
    elif order[0][0] is SORTS["country"][0][0]:
        indexed = replace(indexed, country=filter_.country)
    conditions = build_filter_conditions(indexed, on)
    ranked_by = filter_.inherent_level if filter_.level == INSUFFICIENT else filter_.level
    if by_queue and ranked_by and filter_.level:
        conditions.append(Supplier.rank == get_rank(filter_.level, ranked_by))
    fits = and_(*build_filter_conditions(filter_, on, ())).label("fits")
    columns = [column.label(f"sort{i}") for i, (column, _) in enumerate(order)]
    return select(Supplier.id, fits, *columns).where(*conditions)


def _choose_index(filter_: SupplierFilter, fields: Sequence[str], indexed: SupplierFilter) -> SupplierFilter:
    """Return the part of a filter that an index of the queue finds: by the fields of the fewest suppliers, if they have one."""
    for field in (*(field for field in fields if field != "kind"), *OF_QUEUE):  # kind is in every list, and finds most
        value = getattr(filter_, field) if field in OF_QUEUE else ""
        if field == "sector" and value != UNKNOWN:
            value = value[:DIVISION] if len(value) >= DIVISION else ""
        if value:
            chosen: dict[str, Any] = {field: value}
            return replace(indexed, **chosen)
    return indexed
