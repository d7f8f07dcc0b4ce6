"""Reports that users request or schedules send: a job renders them from stored results into the blob store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.languages import ENGLISH
from reports.formats import FULL_REPORT, KINDS, Rendered, render
from service.audit import record_event
from service.blob_store import BlobStore
from service.clock import today
from service.db.job_tables import Job, Schedule
from service.db.session import Database
from service.db.tables import Supplier
from service.erasure.traces import REPORT_WITHDRAWN, WITHDRAWN
from service.errors import DomainError, not_found
from service.jobs.kinds import RENDER_REPORT
from service.jobs.quota import check_quota
from service.jobs.table import ClaimedJob, enqueue, get_job, job_transaction
from service.outbox.queue import Event, queue_events
from service.queries.supplier_filter import SupplierFilter, parse_filter
from service.queries.supplier_list import has_suppliers, list_supplier_ids
from service.reporting import scorecards, stored_reports
from service.reporting.logos import load_logo
from service.schedules.reports import build_payload, list_recipients
from service.translations.catalog import get_locale

AUDIENCES = ("internal", "supplier")
BRIEF, SCORECARD = "brief", "scorecard"
REPORT_LANGUAGES = (scorecards.OF_SUPPLIER, *scorecards.SCORECARD_LANGUAGES)
MAX_SCORECARDS = 5_000  # in one archive; each is rendered by itself
COMPARED_WITH = timedelta(days=90)  # a brief says what has changed since then, as boards usually meet every quarter


def list_report_languages() -> dict[str, str]:
    """Return the English names of REPORT_LANGUAGES by their codes; "" for the language of the supplier."""
    return {
        code: "" if code == scorecards.OF_SUPPLIER else get_locale(code).english_name or code
        for code in REPORT_LANGUAGES
    }


def request_report(
    session: Session,
    format: str,  # noqa: A002  the word of the field
    by: str,
    filter_: SupplierFilter | None = None,
    supplier_id: str | None = None,
    audience: str = "internal",
    *,
    document: str = FULL_REPORT,
    language: str = ENGLISH,
    worker_derived: bool = True,
    max_waiting: int | None = None,
) -> Job:
    """Enqueue a report on one supplier, or on all that match a filter.

    Raises DomainError: ``document.unknown``, ``format.unknown``, ``language.unknown``, ``audience.unknown``, ``report.empty``,
    ``report.too_many``, ``not_found``, and ``jobs.too_many`` for an organisation with ``max_waiting`` jobs.

    ``document``: one of KINDS. A scorecard, like a supplier's copy, is of one supplier and never shows another, so those of
    several suppliers are files in a ZIP archive; a brief is always internal. ``language``: of scorecards, one of
    REPORT_LANGUAGES; other reports are in English. ``worker_derived``: whether an internal report
    includes what workers reported; only callers who may see that can then download it.
    """
    if document not in KINDS:
        raise DomainError("document.unknown", 422, f"Choose one of these reports: {', '.join(KINDS)}.")
    kind = KINDS[document]
    if format not in kind.formats:
        formats = ", ".join(kind.formats)
        raise DomainError("format.unknown", 422, f"Choose one of these formats for this report: {formats}.")
    if language not in REPORT_LANGUAGES or (language != ENGLISH and document != SCORECARD):
        languages = ", ".join(REPORT_LANGUAGES)
        text = f"Scorecards are available in these languages: {languages}. Other reports are in English."
        raise DomainError("language.unknown", 422, text)
    if kind.audience == "supplier":
        audience = kind.audience
    if audience == "supplier" and kind.audience == "internal":
        raise DomainError("audience.unknown", 422, "A board brief is internal. Choose a scorecard for the supplier.")
    if audience not in AUDIENCES or (audience == "supplier" and supplier_id is None and document != SCORECARD):
        raise DomainError("audience.unknown", 422, "Choose an internal report, or a copy for one supplier.")
    if supplier_id is not None:
        _get_supplier(session, supplier_id)
    elif not has_suppliers(session, filter_ or SupplierFilter(), today()):
        raise DomainError("report.empty", 422, "No suppliers match this report.")
    elif (
        document == SCORECARD and len(list_supplier_ids(session, filter_ or SupplierFilter(), today())) > MAX_SCORECARDS
    ):
        text = f"At most {MAX_SCORECARDS:,} scorecards can be created at once. Use a filter to select fewer suppliers."
        raise DomainError("report.too_many", 422, text)
    check_quota(session, max_waiting)
    payload = {
        "document": document,
        "format": format,
        "language": language,
        "audience": audience,
        "supplier_id": supplier_id,
        "worker_derived": worker_derived and audience == "internal",
        "wanted": (filter_ or SupplierFilter()).to_dict(),
    }
    job = enqueue(session, RENDER_REPORT, payload, by, short=supplier_id is not None)
    requested = {"document": document, "format": format, "supplier": supplier_id}
    record_event(session, by, "report.requested", "job", job.id, requested)
    return job


def request_scheduled_report(session: Session, schedule: Schedule, by: str) -> Job:
    """Enqueue the report that a schedule sends, on all suppliers. Its recipients are chosen when it is ready."""
    report = schedule.report or {}
    payload = {
        "document": report["document"],
        "format": report["format"],
        "audience": "internal",
        "supplier_id": None,
        "worker_derived": report["worker_derived"],
        "wanted": SupplierFilter().to_dict(),
        "schedule_id": schedule.id,
    }
    return enqueue(session, RENDER_REPORT, payload, by)


def render_report(db: Database, blobs: BlobStore, claimed: ClaimedJob) -> None:
    """Render a requested report and store its bytes (a job); the result of the job holds their digest."""
    payload = claimed.payload
    supplier_id, format_ = payload["supplier_id"], payload["format"]
    document = payload.get("document", FULL_REPORT)  # jobs that an earlier version enqueued do not say
    if document == SCORECARD and not supplier_id:
        scorecards.render_scorecards(db, blobs, claimed)
        return
    with db.for_organisation(claimed.organisation_id, write=False) as session:
        worker_derived = _includes_worker_reports(payload)
        if payload["audience"] == "supplier":
            language = scorecards.choose_language(session, supplier_id, payload.get("language", ENGLISH))
            report = stored_reports.build_supplier_copy(session, supplier_id, language)
        else:
            filter_ = parse_filter(payload["wanted"], own_answers_only=not worker_derived)
            supplier_ids = [supplier_id] if supplier_id else list_supplier_ids(session, filter_, today())
            report = stored_reports.build_internal_report(session, supplier_ids, worker_derived=worker_derived)
            if not supplier_id:
                report = stored_reports.add_own_practices(session, report)
            if document == BRIEF:
                report = replace(
                    report, changes=stored_reports.find_changes(session, supplier_ids, today() - COMPARED_WITH)
                )
            if document == FULL_REPORT and not supplier_id and payload["wanted"] == SupplierFilter().to_dict():
                report = stored_reports.add_progress(session, report, worker_derived=worker_derived)
        report = replace(report, logo=load_logo(session, blobs))
    rendered = render(report, format_, document)
    file_name = _name_file(document, report.on, format_, of_one=bool(supplier_id))
    _store(db, blobs, claimed, rendered._replace(file_name=file_name), len(report.results))


def _store(db: Database, blobs: BlobStore, claimed: ClaimedJob, rendered: Rendered, results: int) -> None:
    """Store a report and, in the same transaction as the end of its job, queue the emails about one that a schedule sends."""
    result = {
        "sha256": blobs.put(rendered.data),
        "media_type": rendered.media_type,
        "file_name": rendered.file_name,
        "size": len(rendered.data),
        "results": results,
    }
    with job_transaction(db, claimed, progress=1.0, result=result) as session:
        made = {name: claimed.payload.get(name) for name in ("document", "format")}
        record_event(session, claimed.actor, "report.made", "job", claimed.id, made)
        schedule_id = claimed.payload.get("schedule_id")
        schedule = session.get(Schedule, schedule_id) if schedule_id else None
        if schedule is not None and schedule.report is not None:
            _announce(session, claimed, schedule.report["recipients"])


def _announce(session: Session, claimed: ClaimedJob, recipients: Sequence[str]) -> None:
    """Queue an email with a link to a report for the recipients of its schedule who may see it today."""
    report = {**claimed.payload, "recipients": recipients}  # as it was made, whatever the schedule sends by now
    payload = build_payload(report, report_id=claimed.id)
    event = Event(code="report.ready", occasion=claimed.id, payload=payload, mail_to=list_recipients(session, report))
    queue_events(session, event)


def _name_file(document: str, on: date, format_: str, *, of_one: bool) -> str:
    """Return the name of a file, which reveals no supplier where it is stored or sent."""
    name = document if document != FULL_REPORT else "supplier" if of_one else "portfolio"
    return f"{name}_{on.isoformat()}.{format_}"


@dataclass(frozen=True)
class ReportState:
    """The job of a report; ``ready`` once it can be downloaded, ``withdrawn`` when something in it was erased since."""

    job: Job
    ready: bool
    withdrawn: bool


def get_report_state(session: Session, job_id: str) -> ReportState:
    """Return the state of a requested report. Raises DomainError ``not_found`` for a job that is not a report."""
    job = get_job(session, job_id)
    if job.kind != RENDER_REPORT:
        raise not_found("Report not found.")
    withdrawn = job.result == WITHDRAWN
    return ReportState(job, job.state == "done" and not withdrawn, withdrawn)


def _includes_worker_reports(payload: Mapping[str, Any]) -> bool:
    """Return whether a requested report includes what workers reported."""
    return payload.get("audience", "internal") == "internal" and bool(payload.get("worker_derived", True))


def download_report(session: Session, blobs: BlobStore, job_id: str, *, sees_worker_derived: bool) -> Rendered:
    """Return a report as a file. Raises DomainError: ``not_found``, ``report.closed``, ``report.withdrawn``,
    ``report.not_ready``.
    """
    state = get_report_state(session, job_id)
    if _includes_worker_reports(state.job.payload) and not sees_worker_derived:
        raise DomainError(
            "report.closed",
            403,
            "This report contains worker reports that you do not have access to. Request your own report instead.",
        )
    if state.withdrawn:
        raise DomainError("report.withdrawn", 410, REPORT_WITHDRAWN)
    if not state.ready or state.job.result is None:
        raise DomainError("report.not_ready", 409, f"The report is {state.job.state}.")
    result = state.job.result
    return Rendered(blobs.get(result["sha256"]), result["media_type"], result["file_name"])


def list_reports(session: Session, limit: int = 20) -> Sequence[Job]:
    """Return the requested reports, newest first."""
    return session.scalars(
        select(Job).where(Job.kind == RENDER_REPORT).order_by(Job.created_at.desc(), Job.id).limit(limit)
    ).all()


def _get_supplier(session: Session, supplier_id: str) -> Supplier:
    supplier = session.scalars(
        select(Supplier).where(
            Supplier.id == supplier_id, Supplier.deleted_at.is_(None), Supplier.latest_id.is_not(None)
        )
    ).first()
    if supplier is None:
        raise not_found("Supplier not found.")
    return supplier
