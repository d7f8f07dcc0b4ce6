"""Pages for reports: request a report, follow its progress and download the file."""

from __future__ import annotations

from flask import Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from questionnaires.languages import ENGLISH
from reports.formats import FULL_REPORT
from service.auth.caller import get_blob_store, get_caller, get_settings, read_session, write_session
from service.db.tables import Supplier
from service.queries import supplier_filter
from service.reporting import report_jobs
from service.web.downloads import build_download
from service.web.pages.suppliers import read_filter_fields


def request_report() -> AnyResponse:
    """Request a report on one supplier, or on all suppliers that match a filter."""
    form = request.form
    document, _, format_ = form.get("format", "").rpartition(".")  # "brief.pdf", or "pdf" for a full report
    with write_session() as session:
        job = report_jobs.request_report(
            session,
            format_,
            get_caller().actor,
            supplier_filter.parse_filter(
                read_filter_fields(form), own_answers_only=not get_caller().sees_worker_derived
            ),
            form.get("supplier_id") or None,
            form.get("audience", "internal"),
            document=document or FULL_REPORT,
            language=form.get("language", ENGLISH) if document == report_jobs.SCORECARD else ENGLISH,
            worker_derived=get_caller().sees_worker_derived,
            max_waiting=get_settings().waiting_jobs,
        )
    return redirect(url_for("pages.report", job_id=job.id), 303)


def show_report(job_id: str) -> str:
    """Show the progress of a report, and the link to download it; the way back leads to where it was requested."""
    with read_session() as session:
        state = report_jobs.get_report_state(session, job_id)
        supplier_id = state.job.payload.get("supplier_id")
        supplier = session.get(Supplier, supplier_id) if supplier_id else None  # None: of several, or erased since
        return render_template("report.html", state=state, supplier=supplier)


def show_progress(job_id: str) -> Response:
    """Return the progress bar of a report, which its page polls; the header HX-Refresh reloads the page at the end."""
    with read_session() as session:
        state = report_jobs.get_report_state(session, job_id)
    headers = {} if state.job.state in ("queued", "running") else {"HX-Refresh": "true"}
    return make_response(render_template("report_progress.html", state=state), 200, headers)


def download_report(job_id: str) -> Response:
    """Return the report as a file."""
    with read_session() as session:
        report = report_jobs.download_report(
            session, get_blob_store(), job_id, sees_worker_derived=get_caller().sees_worker_derived
        )
    return build_download(report.data, report.media_type, report.file_name)
