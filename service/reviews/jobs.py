"""Reviews: which suppliers are due, and the jobs that assess suppliers again.

Each result says when the next review is due: so many months on, by its level (``review_months`` of its model). A review
assesses a supplier from the answers that are kept, under the models and facts of the day. Sites whose agencies moved are assessed
again at once, for a site takes the score of its worst agency.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.clock import now, today
from service.db import change_feed
from service.db.session import Database
from service.db.tables import Engagement, Supplier
from service.jobs.table import ClaimedJob, job_transaction
from service.suppliers import repository as suppliers

KINDS = ("agency", "site")  # agencies first: a site's score takes those of its agencies in
CHUNK = 200  # suppliers reviewed in one transaction


def list_due(session: Session, on: date, limit: int = 50) -> Sequence[Supplier]:
    """Sites and agencies whose review is due on a day or was before, the worst first."""
    query = select(Supplier).where(_is_assessed(), Supplier.review_due <= on)
    return session.scalars(query.order_by(Supplier.rank, Supplier.review_due, Supplier.id).limit(limit)).all()


def count_upcoming(session: Session, on: date, days: int = 5) -> list[tuple[date, int]]:
    """The next ``n`` days after a day on which reviews fall due, with how many do."""
    query = select(Supplier.review_due, func.count()).where(_is_assessed(), Supplier.review_due > on)
    found = session.execute(query.group_by(Supplier.review_due).order_by(Supplier.review_due).limit(days))
    return [(day, count) for day, count in found if day is not None]


def _is_assessed() -> ColumnElement[bool]:
    return and_(Supplier.deleted_at.is_(None), Supplier.latest_id.is_not(None))


def review_suppliers(db: Database, claimed: ClaimedJob) -> None:
    """The job of a firing: reviews what is due (``rolling``) or all suppliers (``fixed``), a chunk in each transaction.

    Its payload: ``schedule_id``, ``rule`` and ``time_zone``; which day it is, is decided once.
    """
    so_far = dict(claimed.checkpoint) or {
        "on": today(claimed.payload["time_zone"]).isoformat(),
        "kind": KINDS[0],
        "after": "",
        "done": 0,
    }
    on = date.fromisoformat(so_far["on"])
    which = _is_assessed()
    if claimed.payload["rule"]["kind"] == "rolling":
        which = and_(which, Supplier.review_due <= on)
    if "of" not in so_far:
        with db.for_organisation(claimed.organisation_id, write=False) as session:
            so_far["of"] = session.scalars(select(func.count(Supplier.id)).where(which)).one()
    while True:
        of_kind = and_(which, Supplier.kind == so_far["kind"])
        with db.for_organisation(claimed.organisation_id, write=False) as session:
            query = select(Supplier.id).where(of_kind, Supplier.id > so_far["after"]).order_by(Supplier.id)
            ids = session.scalars(query.limit(CHUNK)).all()
        if not ids and so_far["kind"] == KINDS[-1]:
            break
        if not ids:
            so_far |= {"kind": KINDS[-1], "after": ""}
            continue
        so_far |= {"after": ids[-1], "done": so_far["done"] + len(ids)}
        progress = min(1.0, so_far["done"] / max(1, so_far["of"]))  # more may have come due than were counted
        with job_transaction(db, claimed, checkpoint=so_far, progress=progress) as session:
            # Locked, so that one who erases a supplier meanwhile does not see it come back.
            chunk = session.scalars(select(Supplier).where(of_kind, Supplier.id.in_(ids)).with_for_update()).all()
            _review_chunk(session, chunk, on, claimed.actor)
    with job_transaction(db, claimed, result={"reviewed": so_far["done"], "on": so_far["on"]}) as session:
        told = {"suppliers": so_far["done"], "on": so_far["on"]}
        record_event(session, claimed.actor, "schedule.reviewed", "schedule", claimed.payload["schedule_id"], told)


def reassess_agency_sites(db: Database, claimed: ClaimedJob) -> None:
    """The job that follows agencies whose score or name moved: assesses the sites that name them again, a chunk in each
    transaction; those that have taken in the present scores already are passed over.

    Its payload: ``agency_keys`` and ``on``, the day of the assessment.
    """
    so_far = dict(claimed.checkpoint) or {"after": "", "assessed": 0}
    on = date.fromisoformat(claimed.payload["on"])
    naming = select(Engagement.site_id).where(Engagement.agency_key.in_(claimed.payload["agency_keys"]))
    which = and_(_is_assessed(), Supplier.id.in_(naming))
    while True:
        with db.for_organisation(claimed.organisation_id, write=False) as session:
            query = select(Supplier.id).where(which, Supplier.id > so_far["after"]).order_by(Supplier.id)
            ids = session.scalars(query.limit(CHUNK)).all()
        if not ids:
            break
        so_far |= {"after": ids[-1]}
        with job_transaction(db, claimed, checkpoint=so_far) as session:
            sites = session.scalars(select(Supplier).where(which, Supplier.id.in_(ids)).with_for_update()).all()
            moved = [site.id for site in suppliers.sites_with_outdated_agency_scores(session, sites)]
            suppliers.reassess(session, moved, on, now(), claimed.actor, "agency")
            so_far["assessed"] += len(moved)
    with job_transaction(db, claimed, result={"assessed": so_far["assessed"]}):
        pass


def _review_chunk(session: Session, due_suppliers: Sequence[Supplier], on: date, by: str) -> None:
    at = now()
    for supplier in due_suppliers:
        due_on = min(supplier.review_due or on, on)
        change_feed.write(session, "review_due", supplier.id, {"due": due_on.isoformat(), "level": supplier.level}, at)
    suppliers.reassess(session, [supplier.id for supplier in due_suppliers], on, at, by)
