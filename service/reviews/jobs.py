"""Reviews: which suppliers are due, and the jobs that reassess suppliers.

Each result says when the next review is due: a number of months later, by its level (``review_months`` of its model). A review
reassesses a supplier from its stored answers, under the models and facts of the day. Sites whose agencies changed score are
reassessed at once, because a site's score depends on that of its worst agency.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.clock import now, today
from service.db import change_feed
from service.db.job_tables import Job
from service.db.session import Database
from service.db.tables import Engagement, Result, Supplier
from service.jobs.kinds import REASSESS_ALL
from service.jobs.table import ClaimedJob, enqueue, job_transaction
from service.suppliers import repository as suppliers
from service.suppliers import verified_steps
from service.suppliers.organisation_models import list_current_models, list_organisation_models

KINDS = ("agency", "site")  # agencies first: the score of a site depends on those of its agencies
CHUNK = 200  # suppliers reviewed in one transaction


def _is_assessed() -> ColumnElement[bool]:
    return and_(Supplier.deleted_at.is_(None), Supplier.latest_id.is_not(None))


def review_suppliers(db: Database, claimed: ClaimedJob) -> None:
    """Review the suppliers that are due (``rolling``) or all suppliers (``fixed``), one chunk per transaction (a job).

    Its payload: ``schedule_id``, ``rule`` and ``time_zone``; the day of review is fixed when the job starts.
    """
    state = _start(claimed)
    condition = _is_assessed()
    if claimed.payload["rule"]["kind"] == "rolling":
        condition = and_(condition, Supplier.review_due <= date.fromisoformat(state["on"]))
    _assess_in_chunks(db, claimed, state, condition, _review_chunk)
    with job_transaction(db, claimed, result={"reviewed": state["done"], "on": state["on"]}) as session:
        details = {"suppliers": state["done"], "on": state["on"]}
        record_event(session, claimed.actor, "schedule.reviewed", "schedule", claimed.payload["schedule_id"], details)


def reassess_all(db: Database, claimed: ClaimedJob) -> None:
    """Reassess all suppliers from their stored answers, since the organisation moved to another release of the models, or newer
    facts are known (a job).

    Its payload: ``time_zone``; the day of assessment is fixed when the job starts.
    """
    state = _start(claimed)
    _assess_in_chunks(db, claimed, state, _is_assessed(), _reassess_chunk)
    with job_transaction(db, claimed, result={"reassessed": state["done"], "on": state["on"]}) as session:
        details = {"suppliers": state["done"], "on": state["on"]}
        record_event(
            session, claimed.actor, "organisation.reassessed", "organisation", claimed.organisation_id, details
        )


def request_reassessment(session: Session, time_zone: str, by: str) -> Job:
    """Enqueue the job that reassesses all suppliers; return the one that is waiting or running where there is one."""
    unfinished = select(Job).where(Job.kind == REASSESS_ALL, Job.state.in_(("queued", "running")))
    return session.scalars(unfinished).first() or enqueue(session, REASSESS_ALL, {"time_zone": time_zone}, by)


def _start(claimed: ClaimedJob) -> dict[str, Any]:
    """Return the checkpoint of a job that assesses many suppliers, or the state in which it starts."""
    on = today(claimed.payload["time_zone"]).isoformat()
    return dict(claimed.checkpoint) or {"on": on, "kind": KINDS[0], "after": "", "done": 0}


def _assess_in_chunks(
    db: Database,
    claimed: ClaimedJob,
    state: dict[str, Any],
    condition: ColumnElement[bool],
    assess_chunk: Callable[[Session, Sequence[Supplier], date, str], None],
) -> None:
    """Assess the suppliers that meet a condition, one chunk per transaction, and move the checkpoint ``state`` with each."""
    on = date.fromisoformat(state["on"])
    if "of" not in state:
        with db.for_organisation(claimed.organisation_id, write=False) as session:
            state["of"] = session.scalars(select(func.count(Supplier.id)).where(condition)).one()
    while True:
        in_kind = and_(condition, Supplier.kind == state["kind"])
        with db.for_organisation(claimed.organisation_id, write=False) as session:
            query = select(Supplier.id).where(in_kind, Supplier.id > state["after"]).order_by(Supplier.id)
            ids = session.scalars(query.limit(CHUNK)).all()
        if not ids and state["kind"] == KINDS[-1]:
            break
        if not ids:
            state |= {"kind": KINDS[-1], "after": ""}
            continue
        state |= {"after": ids[-1], "done": state["done"] + len(ids)}
        progress = min(1.0, state["done"] / max(1, state["of"]))  # more suppliers may have come due than were counted
        with job_transaction(db, claimed, checkpoint=state, progress=progress) as session:
            # Locked, so that a supplier that is deleted in the meantime does not come back.
            chunk = session.scalars(select(Supplier).where(in_kind, Supplier.id.in_(ids)).with_for_update()).all()
            assess_chunk(session, chunk, on, claimed.actor)
        claimed.give_way()


def reassess_selected(session: Session, selected: Sequence[str], on: date, by: str) -> int:
    """Reassess some suppliers at once, whether or not they are due, and return how many were reassessed.

    Ids of suppliers that no longer exist are ignored.
    """
    condition = and_(_is_assessed(), Supplier.id.in_(selected))
    found = session.scalars(select(Supplier).where(condition).order_by(Supplier.id).with_for_update()).all()
    for supplier in found:
        record_event(session, by, f"{supplier.kind}.reassessed", supplier.kind, supplier.id, {})
    suppliers.reassess(session, [supplier.id for supplier in found], on, now(), by)
    return len(found)


def reassess_agency_sites(db: Database, claimed: ClaimedJob) -> None:
    """Reassess the sites that use agencies whose score or name changed, one chunk per transaction (a job).

    Sites that already have the current scores are skipped. Its payload: ``agency_keys``, or the ``site_ids`` of an erased
    agency, and ``on``, the day of assessment.
    """
    state = dict(claimed.checkpoint) or {"after": "", "assessed": 0}
    on = date.fromisoformat(claimed.payload["on"])
    named = select(Engagement.site_id).where(Engagement.agency_key.in_(claimed.payload.get("agency_keys", ())))
    condition = and_(_is_assessed(), Supplier.id.in_(claimed.payload.get("site_ids", named)))
    while True:
        with db.for_organisation(claimed.organisation_id, write=False) as session:
            query = select(Supplier.id).where(condition, Supplier.id > state["after"]).order_by(Supplier.id)
            ids = session.scalars(query.limit(CHUNK)).all()
        if not ids:
            break
        state |= {"after": ids[-1]}
        with job_transaction(db, claimed, checkpoint=state) as session:
            sites = session.scalars(select(Supplier).where(condition, Supplier.id.in_(ids)).with_for_update()).all()
            outdated = [site.id for site in suppliers.sites_with_outdated_agency_scores(session, sites)]
            suppliers.reassess(session, outdated, on, now(), claimed.actor, "agency")
            state["assessed"] += len(outdated)
        claimed.give_way()
    with job_transaction(db, claimed, result={"assessed": state["assessed"]}):
        pass


def count_verified_steps(db: Database, claimed: ClaimedJob) -> None:
    """Assess a supplier because one of its steps was closed or reopened (a job), unless its answers have the evidence already.

    Its payload: ``supplier_id``, and ``on``, the day of assessment.
    """
    on = date.fromisoformat(claimed.payload["on"])
    condition = and_(_is_assessed(), Supplier.id == claimed.payload["supplier_id"])
    with job_transaction(db, claimed, result={}) as session:
        supplier = session.scalars(select(Supplier).where(condition).with_for_update()).first()
        if supplier is None:
            return
        models = list_organisation_models(session, on)
        rows = [(supplier.id, supplier.answers)]
        (answers,) = verified_steps.lend_all(session, supplier.kind, rows, {supplier.id}, on, models)
        if answers != supplier.answers:
            suppliers.reassess(session, [supplier.id], on, now(), claimed.actor, verified_steps.CAUSE)


def _review_chunk(session: Session, due_suppliers: Sequence[Supplier], on: date, by: str) -> None:
    at = now()
    for supplier in due_suppliers:
        due_on = min(supplier.review_due or on, on)
        change_feed.write(session, "review_due", supplier.id, {"due": due_on.isoformat(), "level": supplier.level}, at)
    suppliers.reassess(session, [supplier.id for supplier in due_suppliers], on, at, by)


def _reassess_chunk(session: Session, chunk: Sequence[Supplier], on: date, by: str) -> None:
    versions = {model.version for model in list_current_models(session, on)}
    latest = select(Supplier.id).join(Result, Result.id == Supplier.latest_id)
    ids = [supplier.id for supplier in chunk]
    outdated = set(session.scalars(latest.where(Supplier.id.in_(ids), Result.model_version.not_in(versions))))
    at = now()
    suppliers.reassess(session, outdated, on, at, by, "release")
    suppliers.reassess(session, set(ids) - outdated, on, at, by)
