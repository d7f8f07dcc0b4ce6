"""Lists of what is stored, a page at a time (``db/pagination.py``)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from service.db.buyer_tables import BuyerAnswers
from service.db.case_tables import StoredCase
from service.db.pagination import DOWN, UP, Order, Page, order_by, paginate
from service.db.tables import Import, Job, Result, Supplier
from service.db.watchlist_tables import WatchlistMatch
from service.jobs.kinds import RENDER_REPORT
from service.queries.supplier_list import SupplierFilter, build_conditions

WORST_FIRST: Order = (
    (Supplier.rank, UP),
    (Supplier.inherent, DOWN),
    (Supplier.worst, DOWN),
    (Supplier.score, DOWN),
    (Supplier.id, UP),
)


def list_suppliers(
    session: Session,
    kind: str,
    wanted: SupplierFilter,
    on: date,
    *,
    company: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page:
    """Sites or agencies, worst first: by level, inherent risk, worst case, score. Raises Refused ``cursor.unknown``."""
    query = select(Supplier).where(Supplier.kind == kind, *build_conditions(wanted, on))
    if company:
        query = query.where(Supplier.company_key == company)
    return paginate(session, query, WORST_FIRST, cursor, limit)


def list_results(session: Session, supplier: Supplier, *, cursor: str | None = None, limit: int = 50) -> Page:
    """The results of a supplier, newest first. Raises Refused ``cursor.unknown``."""
    query = select(Result).where(Result.supplier_id == supplier.id)
    return paginate(session, query, ((Result.created_at, DOWN), (Result.id, UP)), cursor, limit)


def list_imports(session: Session, *, state: str | None = None, cursor: str | None = None, limit: int = 50) -> Page:
    """Imports, newest first. Raises Refused ``cursor.unknown``."""
    query = select(Import) if state is None else select(Import).where(Import.state == state)
    return paginate(session, query, ((Import.created_at, DOWN), (Import.id, UP)), cursor, limit)


def list_reports(session: Session, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Reports that were asked for, newest first. Raises Refused ``cursor.unknown``."""
    query = select(Job).where(Job.kind == RENDER_REPORT)
    return paginate(session, query, ((Job.created_at, DOWN), (Job.id, UP)), cursor, limit)


def list_jobs(session: Session, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Jobs of every kind, newest first. Raises Refused ``cursor.unknown``."""
    return paginate(session, select(Job), ((Job.created_at, DOWN), (Job.id, UP)), cursor, limit)


def list_matches(
    session: Session, *, state: str = "open", supplier_id: str | None = None, cursor: str | None = None, limit: int = 50
) -> Page:
    """Matches in a state that are still found, newest first. Raises Refused ``cursor.unknown``."""
    query = select(WatchlistMatch).where(WatchlistMatch.found, WatchlistMatch.state == state)
    if supplier_id is not None:
        query = query.where(WatchlistMatch.supplier_id == supplier_id)
    return paginate(session, query, ((WatchlistMatch.found_at, DOWN), (WatchlistMatch.id, UP)), cursor, limit)


def list_buyer_answers(session: Session, *, cursor: str | None = None, limit: int = 50) -> Page:
    """What the buyer's units answered about themselves, newest first. Raises Refused ``cursor.unknown``."""
    query = select(BuyerAnswers)
    return paginate(session, query, ((BuyerAnswers.created_at, DOWN), (BuyerAnswers.id, UP)), cursor, limit)


def list_cases(
    session: Session,
    *,
    state: str | None = None,
    supplier_id: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page:
    """Case records, the strongest evidence first, then the newest. Raises Refused ``cursor.unknown``."""
    query = select(StoredCase)
    if state is not None:
        query = query.where(StoredCase.state == state)
    if supplier_id is not None:
        query = query.where(StoredCase.supplier_id == supplier_id)
    order = ((StoredCase.strength, DOWN), (StoredCase.created_at, DOWN), (StoredCase.id, UP))
    return paginate(session, query, order, cursor, limit)


@dataclass(frozen=True)
class Company:
    """Sites of one name: how many, in which countries, and the worst of them."""

    company_key: str
    name: str
    sites: int
    countries: tuple[str, ...]
    worst: Supplier


def list_companies(session: Session, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Companies by name: sites with equal names are sites of one company. Raises Refused ``cursor.unknown``."""
    keys = (
        select(Supplier.company_key)
        .where(Supplier.kind == "site", Supplier.deleted_at.is_(None), Supplier.latest_id.is_not(None))
        .group_by(Supplier.company_key)
    )
    page = paginate(session, keys, ((Supplier.company_key, UP),), cursor, limit)
    sites: dict[str, list[Supplier]] = {key: [] for key in page.items}
    query = _kept("site").where(Supplier.company_key.in_(sites)).order_by(*order_by(WORST_FIRST))
    for site in session.scalars(query):
        sites[site.company_key].append(site)
    found = [
        Company(key, of[0].name, len(of), tuple(sorted({site.country for site in of if site.country})), of[0])
        for key, of in sites.items()
    ]
    return Page(tuple(found), page.next_cursor)


def _kept(kind: str) -> Select[Supplier]:
    return select(Supplier).where(Supplier.kind == kind, Supplier.deleted_at.is_(None), Supplier.latest_id.is_not(None))
