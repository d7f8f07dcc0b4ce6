"""Paginated lists of stored objects (``db/pagination.py``)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from service.db.buyer_tables import BuyerAnswers
from service.db.case_tables import StoredCase
from service.db.edition_tables import EditionEntry
from service.db.identity_tables import IdentityProposal, SupplierMerge
from service.db.import_tables import Import
from service.db.job_tables import Job
from service.db.pagination import ASCENDING, DESCENDING, Page, build_order_by, paginate
from service.db.tables import Result, Supplier
from service.db.watchlist_tables import WatchlistMatch
from service.jobs.kinds import RENDER_REPORT
from service.queries.supplier_filter import QUEUE, SupplierFilter
from service.queries.supplier_pages import list_by_risk


def list_suppliers(
    session: Session,
    kind: str,
    filter_: SupplierFilter,
    on: date,
    *,
    company: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page:
    """Return a page of sites or agencies, highest risk first: by level, inherent risk, worst case, score, key.

    Raises DomainError ``cursor.unknown``.
    """
    of_company = (Supplier.company_key == company,) if company else ()
    return list_by_risk(session, replace(filter_, kind=kind), on, cursor, limit, *of_company)


def list_results(session: Session, supplier: Supplier, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Return a page of the results of a supplier, newest first. Raises DomainError ``cursor.unknown``."""
    query = select(Result).where(Result.supplier_id == supplier.id)
    return paginate(session, query, ((Result.created_at, DESCENDING), (Result.id, ASCENDING)), cursor, limit)


def list_imports(session: Session, *, state: str | None = None, cursor: str | None = None, limit: int = 50) -> Page:
    """Return a page of imports, newest first. Raises DomainError ``cursor.unknown``."""
    query = select(Import)
    if state in ("previewed", "needs_layout"):  # the latter is stored as a preview with a flag
        query = query.where(Import.state == "previewed", Import.needs_layout.is_(state == "needs_layout"))
    elif state is not None:
        query = query.where(Import.state == state)
    return paginate(session, query, ((Import.created_at, DESCENDING), (Import.id, ASCENDING)), cursor, limit)


def list_reports(session: Session, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Return a page of report jobs, newest first. Raises DomainError ``cursor.unknown``."""
    query = select(Job).where(Job.kind == RENDER_REPORT)
    return paginate(session, query, ((Job.created_at, DESCENDING), (Job.id, ASCENDING)), cursor, limit)


def list_jobs(session: Session, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Return a page of jobs of every kind, newest first. Raises DomainError ``cursor.unknown``."""
    return paginate(session, select(Job), ((Job.created_at, DESCENDING), (Job.id, ASCENDING)), cursor, limit)


def list_matches(
    session: Session, *, state: str = "open", supplier_id: str | None = None, cursor: str | None = None, limit: int = 50
) -> Page:
    """Return a page of current watchlist matches in a state, newest first. Raises DomainError ``cursor.unknown``."""
    query = select(WatchlistMatch).where(WatchlistMatch.found, WatchlistMatch.state == state)
    if supplier_id is not None:
        query = query.where(WatchlistMatch.supplier_id == supplier_id)
    return paginate(
        session, query, ((WatchlistMatch.found_at, DESCENDING), (WatchlistMatch.id, ASCENDING)), cursor, limit
    )


def list_proposals(session: Session, *, state: str = "open", cursor: str | None = None, limit: int = 50) -> Page:
    """Return a page of pairs of suppliers that may be the same, newest first. Raises DomainError ``cursor.unknown``."""
    order = ((IdentityProposal.found_at, DESCENDING), (IdentityProposal.id, ASCENDING))
    return paginate(session, select(IdentityProposal).where(IdentityProposal.state == state), order, cursor, limit)


def list_edition_entries(
    session: Session, import_id: str, *, state: str | None = None, cursor: str | None = None, limit: int = 50
) -> Page:
    """Return a page of the differences between a list and the one before it. Raises DomainError ``cursor.unknown``."""
    query = select(EditionEntry).where(EditionEntry.import_id == import_id)
    if state is not None:
        query = query.where(EditionEntry.state == state)
    order = ((EditionEntry.state, ASCENDING), (EditionEntry.position, ASCENDING), (EditionEntry.id, ASCENDING))
    return paginate(session, query, order, cursor, limit)


def list_merges(session: Session, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Return a page of merges, newest first. Raises DomainError ``cursor.unknown``."""
    order = ((SupplierMerge.merged_at, DESCENDING), (SupplierMerge.id, ASCENDING))
    return paginate(session, select(SupplierMerge), order, cursor, limit)


def list_buyer_answers(session: Session, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Return a page of the answers of the buyer's own units, newest first. Raises DomainError ``cursor.unknown``."""
    query = select(BuyerAnswers)
    return paginate(
        session, query, ((BuyerAnswers.created_at, DESCENDING), (BuyerAnswers.id, ASCENDING)), cursor, limit
    )


def list_cases(
    session: Session,
    *,
    state: str | None = None,
    supplier_id: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page:
    """Return a page of case records, strongest evidence first, then newest. Raises DomainError ``cursor.unknown``."""
    query = select(StoredCase)
    if state is not None:
        query = query.where(StoredCase.state == state)
    if supplier_id is not None:
        query = query.where(StoredCase.supplier_id == supplier_id)
    order = ((StoredCase.strength, DESCENDING), (StoredCase.created_at, DESCENDING), (StoredCase.id, ASCENDING))
    return paginate(session, query, order, cursor, limit)


@dataclass(frozen=True)
class Company:
    """A company, made up of sites that share a name: how many, in which countries, and the site with the highest risk."""

    company_key: str
    name: str
    sites: int
    countries: tuple[str, ...]
    worst: Supplier


def list_companies(session: Session, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Return a page of companies by name; sites with equal names belong to one company. Raises DomainError ``cursor.unknown``."""
    keys = (
        select(Supplier.company_key)
        .where(Supplier.kind == "site", Supplier.deleted_at.is_(None), Supplier.latest_id.is_not(None))
        .group_by(Supplier.company_key)
    )
    page = paginate(session, keys, ((Supplier.company_key, ASCENDING),), cursor, limit)
    sites: dict[str, list[Supplier]] = {key: [] for key in page.items}
    query = _select_assessed("site").where(Supplier.company_key.in_(sites)).order_by(*build_order_by(QUEUE))
    for site in session.scalars(query):
        sites[site.company_key].append(site)
    companies = [
        Company(key, group[0].name, len(group), tuple(sorted({s.country for s in group if s.country})), group[0])
        for key, group in sites.items()
    ]
    return Page(tuple(companies), page.next_cursor)


def _select_assessed(kind: str) -> Select[Supplier]:
    return select(Supplier).where(Supplier.kind == kind, Supplier.deleted_at.is_(None), Supplier.latest_id.is_not(None))
