"""Find the suppliers that a supplier has to do with: its agencies, the sites that use it, and the other sites of its company."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from risk_models.agencies import count_workers_from_agency
from service.db.tables import AgencyName, Engagement, Supplier


def list_agencies(session: Session, site: Supplier) -> Sequence[tuple[str, Supplier | None]]:
    """List the agencies a site names: each name with its supplier, if that agency was assessed."""
    links = session.scalars(select(Engagement).where(Engagement.site_id == site.id)).all()
    if not links:
        return []
    rows = session.execute(
        select(AgencyName.key, Supplier)
        .join(Supplier, Supplier.id == AgencyName.agency_id)
        .where(AgencyName.key.in_([link.agency_key for link in links]), Supplier.deleted_at.is_(None))
        .order_by(Supplier.key.desc())  # of agencies that share a name, the first by key is shown
    ).all()
    agencies = dict(rows)
    names = sorted((link.named, link.agency_key) for link in links)
    return [(named, agencies.get(key)) for named, key in names]


def list_sites_using(session: Session, agency: Supplier) -> Sequence[Supplier]:
    """List the sites that name an agency, highest risk first."""
    keys = select(AgencyName.key).where(AgencyName.agency_id == agency.id)
    sites = select(Engagement.site_id).where(Engagement.agency_key.in_(keys))
    return session.scalars(
        select(Supplier)
        .where(Supplier.id.in_(sites), Supplier.deleted_at.is_(None))
        .order_by(Supplier.rank, Supplier.inherent.desc(), Supplier.key)
    ).all()


@dataclass(frozen=True)
class AgencyReach:
    """The reach of an agency: how many sites name it, how many of these state the number of workers it supplied, and the total
    they state.
    """

    sites: int
    reporting_sites: int
    workers: float


def get_agency_reach(session: Session, agency: Supplier, sites: Sequence[Supplier]) -> AgencyReach:
    """Compute the reach of an agency from the sites that name it (:func:`list_sites_using`)."""
    keys = frozenset(session.scalars(select(AgencyName.key).where(AgencyName.agency_id == agency.id)))
    counts = [count for site in sites if (count := count_workers_from_agency(keys, site.answers)) is not None]
    return AgencyReach(len(sites), len(counts), sum(counts))


def list_company_sites(session: Session, site: Supplier) -> Sequence[Supplier]:
    """List the other sites of the same company, highest risk first."""
    query = select(Supplier).where(
        Supplier.kind == "site", Supplier.company_key == site.company_key, Supplier.id != site.id
    )
    return session.scalars(
        query.where(Supplier.deleted_at.is_(None)).order_by(Supplier.rank, Supplier.inherent.desc(), Supplier.key)
    ).all()
