"""Retaliation watches and their checks, for the board, the pages and the API. Only for callers who see what workers reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from service.db.account_tables import User
from service.db.pagination import ASCENDING, Page, paginate
from service.db.retaliation_tables import RetaliationCheck, RetaliationWatch
from service.db.session import chunks
from service.db.tables import Supplier
from service.retaliation.watches import OPEN, list_checks

SOON = timedelta(days=30)  # before a check is due, from when on it is listed
MOST = 50  # checks in a list


@dataclass(frozen=True)
class DueCheck:
    """A check that somebody has to make soon, with its watch and the supplier."""

    check: RetaliationCheck
    watch: RetaliationWatch
    supplier: Supplier


def list_due_checks(session: Session, on: date, *, supplier_id: str | None = None) -> list[DueCheck]:
    """Return the checks of open watches that are overdue on a day or due within 30 days of it, those due first first."""
    query = _select_pending().where(RetaliationCheck.due <= on + SOON)
    if supplier_id is not None:
        query = query.where(RetaliationWatch.supplier_id == supplier_id)
    joined = query.join(Supplier, Supplier.id == RetaliationWatch.supplier_id).add_columns(RetaliationWatch, Supplier)
    rows = session.execute(joined.order_by(RetaliationCheck.due, RetaliationCheck.id).limit(MOST))
    return [DueCheck(*row) for row in rows]


def count_due(session: Session, on: date) -> tuple[int, int]:
    """Count the checks of open watches that are overdue on a day, and those due within 30 days of it."""
    counted = _select_pending().with_only_columns(func.count(), maintain_column_froms=True)
    overdue = session.scalars(counted.where(RetaliationCheck.due < on)).one()
    return overdue, session.scalars(counted.where(RetaliationCheck.due.between(on, on + SOON))).one()


def _select_pending() -> Select[RetaliationCheck]:
    joined = select(RetaliationCheck).join(RetaliationWatch, RetaliationWatch.id == RetaliationCheck.watch_id)
    return joined.where(RetaliationCheck.result.is_(None), RetaliationWatch.state == OPEN)


@dataclass(frozen=True)
class OpenWatch:
    """An open watch of a supplier: when its next and its last check are due."""

    watch: RetaliationWatch
    next_due: date
    ends_on: date


def get_open_watch(session: Session, supplier_id: str) -> OpenWatch | None:
    """Return the open watch of a supplier whose next check is due first; None if no watch is open."""
    query = (
        select(RetaliationWatch, func.min(RetaliationCheck.due), func.max(RetaliationCheck.due))
        .join(RetaliationCheck, RetaliationCheck.watch_id == RetaliationWatch.id)
        .where(RetaliationWatch.supplier_id == supplier_id, RetaliationWatch.state == OPEN)
        .where(RetaliationCheck.result.is_(None))
        .group_by(RetaliationWatch.id)
        .order_by(func.min(RetaliationCheck.due), RetaliationWatch.id)
    )
    row = session.execute(query).first()
    return OpenWatch(*row) if row else None


def list_watches(
    session: Session,
    *,
    sees_worker_derived: bool,
    supplier_id: str | None = None,
    state: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page:
    """Return a page of watches, the oldest first; none for a caller who may not see what workers reported.

    Raises DomainError ``cursor.unknown``.
    """
    query = select(RetaliationWatch)
    if not sees_worker_derived:
        query = query.where(RetaliationWatch.id.is_(None))
    if supplier_id is not None:
        query = query.where(RetaliationWatch.supplier_id == supplier_id)
    if state is not None:
        query = query.where(RetaliationWatch.state == state)
    order = ((RetaliationWatch.started_on, ASCENDING), (RetaliationWatch.id, ASCENDING))
    return paginate(session, query, order, cursor, limit)


def list_checks_of(session: Session, watches: Sequence[RetaliationWatch]) -> Mapping[str, Sequence[RetaliationCheck]]:
    """Return the checks of watches by due date, by the id of the watch."""
    found: dict[str, list[RetaliationCheck]] = {watch.id: [] for watch in watches}
    for chunk in chunks(list(found)):
        query = select(RetaliationCheck).where(RetaliationCheck.watch_id.in_(chunk))
        for check in session.scalars(query.order_by(RetaliationCheck.due, RetaliationCheck.id)):
            found[check.watch_id].append(check)
    return found


@dataclass(frozen=True)
class WatchRecord:
    """A watch with its supplier and its checks by due date. ``names``: those of users, by their name in the audit trail."""

    watch: RetaliationWatch
    supplier: Supplier
    checks: Sequence[RetaliationCheck]
    names: Mapping[str, str]


def get_watch_record(session: Session, watch: RetaliationWatch) -> WatchRecord:
    """Return a watch with what belongs to it."""
    names = {f"user:{user.id}": user.name for user in session.scalars(select(User))}
    return WatchRecord(watch, session.get_one(Supplier, watch.supplier_id), list_checks(session, watch), names)
