"""Reports requested from the pages and the API: a job renders them from stored results into the blob store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.form import load_combined_form
from questionnaires.validation.returned_forms import is_sensitive
from reports.document import DRAFT, LEVELS, Changes, Detail, Level, LevelChange, Report
from reports.formats import FULL_REPORT, KINDS, Rendered, render
from risk_models.answers import from_rows
from risk_models.facts.facts import load_facts
from service.assessment.assess import AssessedBatch, Batch, assess_batch
from service.audit import record_event
from service.blob_store import BlobStore
from service.buyer import own_practices
from service.clock import now, today
from service.db.session import Database, chunks
from service.db.tables import Import, Job, Organisation, Result, Supplier
from service.erasure.traces import REPORT_WITHDRAWN, WITHDRAWN
from service.errors import DomainError, not_found
from service.jobs.kinds import RENDER_REPORT
from service.jobs.quota import check_quota
from service.jobs.table import ClaimedJob, enqueue, get_job, job_transaction
from service.queries import stored_results
from service.queries.supplier_filter import SupplierFilter, parse_filter
from service.queries.supplier_list import has_suppliers, list_supplier_ids
from service.remediation import replies
from service.report_content.build import MAX_DETAILS, build_details, build_report
from service.report_content.redaction import filter_own_answers, redact_report, with_supplier_visible_plan
from service.report_content.supplier_help import list_what_helps

AUDIENCES = ("internal", "supplier")
BRIEF = "brief"
COMPARED_WITH = timedelta(days=90)  # a brief says what has changed since then, as boards usually meet every quarter


def request_report(
    session: Session,
    format: str,  # noqa: A002  the word of the field
    by: str,
    filter_: SupplierFilter | None = None,
    supplier_id: str | None = None,
    audience: str = "internal",
    *,
    document: str = FULL_REPORT,
    worker_derived: bool = True,
    max_waiting: int | None = None,
) -> Job:
    """Enqueue a report on one supplier, or on all that match a filter. Raises DomainError: ``document.unknown``,
    ``format.unknown``, ``audience.unknown``, ``report.empty``, ``not_found``, and ``jobs.too_many`` for an organisation with
    ``max_waiting`` jobs.

    ``document``: one of KINDS. A scorecard, like a supplier's copy, is of one supplier and never shows another; a brief is always
    internal. ``worker_derived``: whether an internal report includes what workers reported; only callers who may see that can
    then download it.
    """
    if document not in KINDS:
        raise DomainError("document.unknown", 422, f"Choose one of these reports: {', '.join(KINDS)}.")
    kind = KINDS[document]
    if format not in kind.formats:
        formats = ", ".join(kind.formats)
        raise DomainError("format.unknown", 422, f"Choose one of these formats for this report: {formats}.")
    if kind.audience == "supplier":
        audience = kind.audience
    if audience == "supplier" and kind.audience == "internal":
        raise DomainError("audience.unknown", 422, "A board brief is internal. Choose a scorecard for the supplier.")
    if audience not in AUDIENCES or (audience == "supplier" and supplier_id is None):
        raise DomainError("audience.unknown", 422, "Choose an internal report, or a copy for one supplier.")
    if supplier_id is not None:
        _get_supplier(session, supplier_id)
    elif not has_suppliers(session, filter_ or SupplierFilter(), today()):
        raise DomainError("report.empty", 422, "No supplier matches this report.")
    check_quota(session, max_waiting)
    payload = {
        "document": document,
        "format": format,
        "audience": audience,
        "supplier_id": supplier_id,
        "worker_derived": worker_derived and audience == "internal",
        "wanted": (filter_ or SupplierFilter()).to_dict(),
    }
    job = enqueue(session, RENDER_REPORT, payload, by, short=supplier_id is not None)
    requested = {"document": document, "format": format, "supplier": supplier_id}
    record_event(session, by, "report.requested", "job", job.id, requested)
    return job


def render_report(db: Database, blobs: BlobStore, claimed: ClaimedJob) -> None:
    """Render a requested report and store its bytes (a job); the result of the job holds their digest."""
    payload = claimed.payload
    supplier_id, format_ = payload["supplier_id"], payload["format"]
    document = payload.get("document", FULL_REPORT)  # jobs that an earlier version enqueued do not say
    with db.for_organisation(claimed.organisation_id, write=False) as session:
        worker_derived = _includes_worker_reports(payload)
        if payload["audience"] == "supplier":
            report = build_supplier_copy(session, supplier_id)
        else:
            filter_ = parse_filter(payload["wanted"], own_answers_only=not worker_derived)
            supplier_ids = [supplier_id] if supplier_id else list_supplier_ids(session, filter_, today())
            report = build_internal_report(session, supplier_ids, worker_derived=worker_derived)
            if not supplier_id:
                report = add_own_practices(session, report)
            if document == BRIEF:
                report = replace(report, changes=find_changes(session, supplier_ids, today() - COMPARED_WITH))
    rendered = render(report, format_, document)
    result = {
        "sha256": blobs.put(rendered.data),
        "media_type": rendered.media_type,
        "file_name": _name_file(document, report, format_, of_one=bool(supplier_id)),
        "size": len(rendered.data),
        "results": len(report.results),
    }
    with job_transaction(db, claimed, progress=1.0, result=result) as session:
        made = {"document": document, "format": format_}
        record_event(session, claimed.actor, "report.made", "job", claimed.id, made)


def _name_file(document: str, report: Report, format_: str, *, of_one: bool) -> str:
    """Return the name of a file, which reveals no supplier where it is stored or sent."""
    name = document if document != FULL_REPORT else "supplier" if of_one else "portfolio"
    return f"{name}_{report.on.isoformat()}.{format_}"


def find_changes(session: Session, supplier_ids: Sequence[str], since: date) -> Changes:
    """Return which suppliers have moved to another level since a day, the worst now first, and how many were not there then."""
    before: dict[str, Level] = {}
    now_: dict[str, tuple[str, Level]] = {}
    for chunk in chunks(supplier_ids):
        then = select(Result.supplier_id, Result.level).where(Result.supplier_id.in_(chunk), Result.on <= since)
        before.update((row.supplier_id, row.level) for row in session.execute(then.order_by(Result.created_at)))
        latest = select(Supplier.id, Supplier.name, Result.level).join(Result, Supplier.latest_id == Result.id)
        now_.update((row.id, (row.name, row.level)) for row in session.execute(latest.where(Supplier.id.in_(chunk))))
    moved = [
        LevelChange(name, before[id_], level) for id_, (name, level) in now_.items() if before.get(id_, level) != level
    ]
    moved.sort(key=lambda change: (LEVELS.index(change.now), change.name))
    return Changes(since, tuple(moved), added=len(now_.keys() - before.keys()))


def build_internal_report(session: Session, supplier_ids: Sequence[str], *, worker_derived: bool = True) -> Report:
    """Build the internal report on the latest results of some suppliers, each as of its own day.

    ``worker_derived``: whether it includes what workers reported. Raises DomainError ``report.empty``.
    """
    results = _load_latest_results(session, supplier_ids)
    if not results:
        raise DomainError("report.empty", 422, "No supplier matches this report.")
    on = max(result.on for result in results)
    assessed = [stored_results.reassess_group(group) for group in stored_results.group_alike(results)]
    if not worker_derived:
        assessed = [with_supplier_visible_plan(batch) for batch in assessed]
    organisation = session.get_one(Organisation, results[0].organisation_id)
    files = _list_source_files(session, results)
    report = build_report(assessed, load_facts().as_of(on), on, files, (), organisation.name)
    # Details come from the stored results: a report on one supplier then knows the scores that its agencies had.
    by_supplier = {result.supplier_id: result for result in results}
    details = tuple(stored_results.build_detail(by_supplier[i]) for i in supplier_ids[:MAX_DETAILS] if i in by_supplier)
    title = report.results[0].name if len(results) == 1 else organisation.name
    report = replace(report, details=details, title=title, draft=_get_draft_mark(session, by_supplier))
    return report if worker_derived else redact_report(report)


def build_supplier_copy(session: Session, supplier_id: str) -> Report:
    """Build the copy for a supplier: its latest result as it would be from the supplier's own answers alone.

    Reports of workers, case records and agency scores are left out (those belong to others, and may rest on what workers
    reported), so that the copy is the same with and without them. Raises DomainError ``report.empty``.
    """
    results = _load_latest_results(session, [supplier_id])
    if not results:
        raise DomainError("report.empty", 422, "No supplier matches this report.")
    result = results[0]
    model, facts = stored_results.find_model_and_facts(result)
    form_answers = session.get_one(Supplier, supplier_id).form_answers
    answers = from_rows([filter_own_answers(model.kind, result.answers, form_answers)])
    batch = Batch(model.kind, answers, "", "", np.zeros(1, dtype=np.intp))
    assessed = assess_batch(batch, facts, result.on, {}, stored_results.list_models_released_with(model))
    report = build_report([assessed], facts, result.on, (), (), "")
    details = build_details(assessed, facts, result.on)
    country = report.results[0].country
    not_for_supplier = {
        question.id
        for question in load_combined_form(model.kind).questions
        if question.audience != "supplier" or is_sensitive(question.id, country)
    }
    indicators = [indicator for block in assessed.blocks for indicator in block.model.indicators]
    withheld_titles = {indicator.title for indicator in indicators if indicator.question in not_for_supplier}
    return replace(
        report,
        title=report.results[0].name,
        audience="supplier",
        draft=_get_draft_mark(session, [supplier_id]),
        details=tuple(_prepare_for_supplier(detail, assessed, withheld_titles) for detail in details),
        not_checked=tuple(question for question in report.not_checked if question.title not in withheld_titles),
    )


def _prepare_for_supplier(detail: Detail, assessed: AssessedBatch, withheld_titles: Collection[str]) -> Detail:
    """Return the explanation of a supplier's only result, with what would help it.

    Questions that are not for it are withheld: those to the buyer, and those that are dangerous to answer in its country.
    """
    reasons = tuple(
        replace(reason, withheld=reason.kind == "answer" and reason.title in withheld_titles)
        for reason in detail.reasons
    )
    documented, place_open = (
        any(bool(getattr(block.scores, name)[0]) for block in assessed.blocks) for name in ("documented", "place_open")
    )
    own = replace(detail, reasons=reasons)
    return replace(own, helps=list_what_helps(own, documented=documented, place_open=place_open))


def _get_draft_mark(session: Session, supplier_ids: Collection[str]) -> str:
    """Return the draft mark of a report on some suppliers; empty where each of them has been heard.

    A request that was merely marked as returned is no response.
    """
    return "" if set(supplier_ids) <= replies.list_heard_suppliers(session, supplier_ids, now()) else DRAFT


def add_own_practices(session: Session, report: Report) -> Report:
    """Return a portfolio report with the findings on the buyer's own practices as of today. Not for a supplier's copy."""
    findings, steps = own_practices.build_report_lines(own_practices.list_units(session, today()))
    return replace(report, buyer=findings, buyer_plan=steps)


def _load_latest_results(session: Session, supplier_ids: Sequence[str]) -> list[Result]:
    latest: dict[str, Result] = {}
    for chunk in chunks(supplier_ids):
        query = select(Result).join(Supplier, Supplier.latest_id == Result.id).where(Supplier.id.in_(chunk))
        latest.update({result.supplier_id: result for result in session.scalars(query)})
    return [latest[i] for i in supplier_ids if i in latest]


def _list_source_files(session: Session, results: Sequence[Result]) -> list[Mapping[str, Any]]:
    """Return the files that the results were read from, each with its number of results."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for result in results:
        if result.import_id:
            counts[result.import_id, str(result.place.get("file", ""))] += 1
    imports = {i.id: i for i in session.scalars(select(Import).where(Import.id.in_({key[0] for key in counts})))}
    files: list[Mapping[str, Any]] = []
    for (import_id, name), rows in counts.items():
        preview = imports[import_id].found if import_id in imports else None
        file = next((f for f in (preview or {}).get("files", ()) if f["name"] == name), None)
        if file is not None:
            files.append({**file, "rows": rows, "accepted": rows, "rejected": 0})
    return files


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
