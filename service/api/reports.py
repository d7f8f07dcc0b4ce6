"""API views that request reports and return their progress; ``files.py`` has the one that downloads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from questionnaires.languages import ENGLISH
from reports.formats import FULL_REPORT
from service.api.responses import Reply, page_reply
from service.api.schemas.base import Resource
from service.api.suppliers import filter_from
from service.auth.caller import get_caller, get_settings
from service.db.job_tables import Job
from service.queries import lists
from service.reporting import report_jobs

Values = Mapping[str, Any]


def request_report(session: Session, body: Values) -> Reply:
    """Request a report on one supplier, or on all suppliers that match a filter."""
    conditions = dict(body)
    names = ("format", "audience", "document", "language")
    form, audience, document, language = (conditions.pop(name) for name in names)
    supplier_id = conditions.pop("supplier_id", None)
    who = get_caller()
    job = report_jobs.request_report(
        session,
        form,
        who.actor,
        filter_from(conditions),
        supplier_id,
        audience,
        document=document,
        language=language,
        worker_derived=who.sees_worker_derived,
        max_waiting=get_settings().waiting_jobs,
    )
    session.flush()
    return Reply(_report(job), 202, {"Location": f"/api/v1/reports/{job.id}"})


def list_reports(session: Session, query: Values) -> Reply:
    """Return reports, newest first."""
    return page_reply(lists.list_reports(session, **query), _report)


def get_report(session: Session, job_id: str) -> Reply:
    """Return the progress of a report."""
    return Reply(_report(report_jobs.get_report_state(session, job_id).job))


def _report(job: Job) -> Resource:
    names, outcome = ("format", "audience", "supplier_id"), job.result or {}
    requested = {name: job.payload.get(name) for name in names}
    requested |= {
        "document": job.payload.get("document", FULL_REPORT),
        "language": job.payload.get("language", ENGLISH),
    }
    return Resource(job, **requested, results=outcome.get("results"), size=outcome.get("size"))
