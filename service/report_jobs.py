"""Reports asked for from the pages and the API: made by a job from what is kept, laid in the blob store, fetched there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.form import load_combined_form
from reports.document import Report
from reports.formats import FORMATS, Rendered, render
from risk_models.answers import from_rows
from risk_models.facts.facts import load_facts
from service.assessment.assess import AssessedBatch, Batch, assess_batch
from service.audit import record_event
from service.blob_store import BlobStore
from service.buyer import own_practices
from service.case_reading import evidence
from service.clock import today
from service.db.session import Database, chunks
from service.db.tables import Import, Job, Organisation, Result, Supplier
from service.errors import DomainError, not_found
from service.jobs.kinds import RENDER_REPORT
from service.jobs.table import ClaimedJob, enqueue, get_job, job_transaction
from service.queries import stored_results
from service.queries.supplier_list import SupplierFilter, list_ids, parse_filter
from service.report_content.build import MAX_DETAILS, build_details, build_report
from service.report_content.redaction import filter_own_answers, redact_report, with_supplier_visible_plan

AUDIENCES = ("internal", "supplier")


def request_report(
    session: Session,
    format: str,  # noqa: A002  the word of the field
    by: str,
    filter_: SupplierFilter | None = None,
    supplier_id: str | None = None,
    audience: str = "internal",
    *,
    worker_derived: bool = True,
) -> Job:
    """Asks for a report of one supplier, or of all that a filter wants. Raises Refused: ``format.unknown``,
    ``audience.unknown``, ``report.empty``, ``not_found``.

    A supplier's copy is of one supplier: it never shows another. ``worker_derived``: whether an internal report tells what
    workers reported; only who may see that may fetch it then.
    """
    if format not in FORMATS:
        raise DomainError("format.unknown", 422, f"A report comes as {', '.join(FORMATS)}.")
    if audience not in AUDIENCES or (audience == "supplier" and supplier_id is None):
        raise DomainError("audience.unknown", 422, "A report is internal, or the copy of one supplier.")
    if supplier_id is not None:
        _get_supplier(session, supplier_id)
    elif not list_ids(session, filter_ or SupplierFilter(), today()):
        raise DomainError("report.empty", 422, "There is no supplier like that to report on.")
    shown = worker_derived and audience == "internal"
    asked = {"format": format, "audience": audience, "supplier_id": supplier_id, "worker_derived": shown}
    job = enqueue(session, RENDER_REPORT, {**asked, "wanted": (filter_ or SupplierFilter()).to_dict()}, by)
    record_event(session, by, "report.requested", "job", job.id, {"format": format, "supplier": supplier_id})
    return job


def render_report(db: Database, blobs: BlobStore, claimed: ClaimedJob) -> None:
    """The job: the report in its format, its bytes kept; the result says under which digest."""
    asked = claimed.payload
    with db.for_organisation(claimed.organisation_id, write=False) as session:
        one = asked["supplier_id"]
        shown = _includes_worker_reports(asked)
        some = [one] if one else list_ids(session, parse_filter(asked["wanted"], own_answers_only=not shown), today())
        made = (
            build_supplier_copy(session, one)
            if asked["audience"] == "supplier"
            else build_internal_report(session, some, worker_derived=shown)
        )
        if not one:
            made = add_own_practices(session, made)
    rendered = render(made, asked["format"])
    kept = {
        "sha256": blobs.put(rendered.data),
        "media_type": rendered.media_type,
        "file_name": f"{'supplier' if asked['supplier_id'] else 'portfolio'}_{made.on.isoformat()}.{asked['format']}",
        "size": len(rendered.data),
        "results": len(made.results),
    }
    with job_transaction(db, claimed, progress=1.0, result=kept) as session:
        record_event(session, claimed.actor, "report.made", "job", claimed.id, {"format": asked["format"]})


def build_internal_report(session: Session, supplier_ids: Sequence[str], *, worker_derived: bool = True) -> Report:
    """The internal report on the latest results of some suppliers, each as of its own day; ``worker_derived``: whether it tells
    what workers reported. Raises Refused ``report.empty``.
    """
    results = _load_latest_results(session, supplier_ids)
    if not results:
        raise DomainError("report.empty", 422, "There is no supplier like that to report on.")
    on = max(result.on for result in results)
    again = [_reassess_group(group) for group in _group_alike(results)]
    assessed = again if worker_derived else [with_supplier_visible_plan(part) for part in again]
    organisation = session.get_one(Organisation, results[0].organisation_id)
    whole = build_report(assessed, load_facts().as_of(on), on, _list_source_files(session, results), (), organisation.name)
    # Explained from what is kept: a report of one supplier knows the scores that its agencies had.
    by_place = {result.supplier_id: result for result in results}
    details = tuple(stored_results.build_detail(by_place[i]) for i in supplier_ids[:MAX_DETAILS] if i in by_place)
    title = whole.results[0].name if len(results) == 1 else organisation.name
    made = replace(whole, details=details, title=title)
    return made if worker_derived else redact_report(made)


def build_supplier_copy(session: Session, supplier_id: str) -> Report:
    """A supplier's copy: its latest result as it would be on that day had nobody but the supplier said anything (own_answers).

    No report, no case and no score of an agency goes into it (that is another's, and may rest on what its workers told), so it
    is alike with them and without. Raises Refused ``report.empty``.
    """
    results = _load_latest_results(session, [supplier_id])
    if not results:
        raise DomainError("report.empty", 422, "There is no supplier like that to report on.")
    result = results[0]
    model, facts = stored_results.find_model_and_facts(result)
    in_form = session.get_one(Supplier, supplier_id).form_answers
    own = from_rows([filter_own_answers(model.kind, result.answers, in_form)])
    batch = Batch(model.kind, own, "", "", np.zeros(1, dtype=np.intp))
    assessed = assess_batch(batch, facts, result.on, {}, stored_results.list_models_released_with(model))
    whole = build_report([assessed], facts, result.on, (), (), "")
    ours = {question.id for question in load_combined_form(model.kind).questions if question.buyer_answered}
    of_ours = {i.title for block in assessed.blocks for i in block.model.indicators if i.question in ours}
    return replace(
        whole,
        title=whole.results[0].name,
        audience="supplier",
        details=build_details(assessed, facts, result.on),
        not_checked=tuple(question for question in whole.not_checked if question.title not in of_ours),
    )


def add_own_practices(session: Session, report: Report) -> Report:
    """A report on the portfolio with what the buyer does to it, as it stands today. No supplier's copy is such a report."""
    findings, steps = own_practices.build_report_lines(own_practices.list_units(session, today()))
    return replace(report, buyer=findings, buyer_plan=steps)


def _load_latest_results(session: Session, supplier_ids: Sequence[str]) -> list[Result]:
    found: dict[str, Result] = {}
    for chunk in chunks(supplier_ids):
        query = select(Result).join(Supplier, Supplier.latest_id == Result.id)
        some = query.where(Supplier.id.in_(chunk))
        found.update({result.supplier_id: result for result in session.scalars(some)})
    return [found[i] for i in supplier_ids if i in found]


def _group_alike(results: Sequence[Result]) -> list[list[Result]]:
    """Results that can be worked out again together: of one day and kind, with the same scores of agencies."""
    groups: dict[Any, list[Result]] = defaultdict(list)
    for result in results:
        kind = "agency" if result.model == "agency" else "site"
        groups[result.on, kind, tuple(sorted(result.agency_scores.items()))].append(result)
    return list(groups.values())


def _reassess_group(group: Sequence[Result]) -> AssessedBatch:
    on, kind = group[0].on, "agency" if group[0].model == "agency" else "site"
    rows = np.array([int(result.place.get("row", 1)) for result in group])
    file = str(group[0].place.get("file", ""))
    cases = evidence.decode_case_evidence([result.case_evidence for result in group])
    batch = Batch(kind, from_rows([result.answers for result in group]), file, "", rows, cases)
    return assess_batch(batch, load_facts().as_of(on), on, group[0].agency_scores)


def _list_source_files(session: Session, results: Sequence[Result]) -> list[Mapping[str, Any]]:
    """The files that the results were read from, with how many of them."""
    counted: dict[tuple[str, str], int] = defaultdict(int)
    for result in results:
        if result.import_id:
            counted[result.import_id, str(result.place.get("file", ""))] += 1
    imports = {i.id: i for i in session.scalars(select(Import).where(Import.id.in_({key[0] for key in counted})))}
    files: list[Mapping[str, Any]] = []
    for (import_id, name), rows in counted.items():
        found = imports[import_id].found if import_id in imports else None
        file = next((f for f in (found or {}).get("files", ()) if f["name"] == name), None)
        if file is not None:
            files.append({**file, "rows": rows, "accepted": rows, "rejected": 0})
    return files


@dataclass(frozen=True)
class ReportState:
    """How far a report has come; ``ready`` once it can be fetched."""

    job: Job
    ready: bool


def get_report_state(session: Session, job_id: str) -> ReportState:
    """A report that was asked for. Raises Refused ``not_found`` for what is no report."""
    job = get_job(session, job_id)
    if job.kind != RENDER_REPORT:
        raise not_found("There is no such report.")
    return ReportState(job, job.state == "done")


def _includes_worker_reports(asked: Mapping[str, Any]) -> bool:
    """Whether a report that was asked for tells what workers reported."""
    return asked.get("audience", "internal") == "internal" and bool(asked.get("worker_derived", True))


def download_report(session: Session, blobs: BlobStore, job_id: str, *, sees_worker_derived: bool) -> Rendered:
    """A report as a file. Raises Refused: ``not_found``, ``report.closed``, ``report.not_ready``."""
    found = get_report_state(session, job_id)
    if _includes_worker_reports(found.job.payload) and not sees_worker_derived:
        raise DomainError(
            "report.closed", 403, "It tells what workers reported, which is not open to you: ask for one of your own."
        )
    if not found.ready or found.job.result is None:
        raise DomainError("report.not_ready", 409, f"The report is {found.job.state}.")
    kept = found.job.result
    return Rendered(blobs.get(kept["sha256"]), kept["media_type"], kept["file_name"])


def list_reports(session: Session, limit: int = 20) -> Sequence[Job]:
    """Reports that were asked for, newest first."""
    return session.scalars(
        select(Job).where(Job.kind == RENDER_REPORT).order_by(Job.created_at.desc(), Job.id).limit(limit)
    ).all()


def _get_supplier(session: Session, supplier_id: str) -> Supplier:
    found = session.scalars(
        select(Supplier).where(
            Supplier.id == supplier_id, Supplier.deleted_at.is_(None), Supplier.latest_id.is_not(None)
        )
    ).first()
    if found is None:
        raise not_found("There is no such supplier.")
    return found
