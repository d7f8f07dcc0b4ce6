"""Reports: asked for, made by a job, fetched."""

from __future__ import annotations

from flask import Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from service import report_jobs
from service.auth.caller import get_blob_store, get_caller, read_session, write_session
from service.queries import supplier_list
from service.web.pages.suppliers import as_file


def ask() -> AnyResponse:
    """Asks for a report of one supplier, or of what the table shows."""
    told = request.form
    with write_session() as session:
        job = report_jobs.request_report(
            session,
            told.get("format", ""),
            get_caller().actor,
            supplier_list.parse_filter(told, own_answers_only=not get_caller().sees_worker_derived),
            told.get("supplier_id") or None,
            told.get("audience", "internal"),
            worker_derived=get_caller().sees_worker_derived,
        )
    return redirect(url_for("pages.report", job_id=job.id), 303)


def one(job_id: str) -> str:
    """How far a report is, and the way to fetch it."""
    with read_session() as session:
        return render_template("report_job.html", state=report_jobs.get_report_state(session, job_id))


def progress(job_id: str) -> Response:
    """How far a report is, for the part of its page that is renewed."""
    with read_session() as session:
        state = report_jobs.get_report_state(session, job_id)
    over = {} if state.job.state in ("queued", "running") else {"HX-Refresh": "true"}
    return make_response(render_template("report_progress.html", state=state), 200, over)


def fetch(job_id: str) -> Response:
    """The report as a file."""
    with read_session() as session:
        rendered = report_jobs.download_report(
            session, get_blob_store(), job_id, sees_worker_derived=get_caller().sees_worker_derived
        )
    return as_file(rendered.data, rendered.media_type, rendered.file_name)
