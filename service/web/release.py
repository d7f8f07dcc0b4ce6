"""Pages for admins: the release of the models in use, whose level the next one would change, and from which day."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from reports.formats import FORMATS
from service.auth.caller import get_blob_store, get_caller, read_session, write_session
from service.clock import today
from service.db.job_tables import Job
from service.errors import DomainError
from service.model_governance import release_preview
from service.model_governance.rule_effects import RULE_TITLES
from service.reviews import jobs as reviews
from service.suppliers import organisation_models
from service.web.downloads import build_download

release_pages = Blueprint("release", __name__, url_prefix="/organisation/release")


@release_pages.get("", endpoint="show")
def show_release() -> Response:
    """Show the release in use, the newest preview of the next one, and the form to set its day."""
    return _render_release()


@release_pages.post("/preview", endpoint="preview")
def request_preview() -> AnyResponse:
    """Request a preview of the next release."""
    with write_session() as session:
        release_preview.request_preview(session, _today(), get_caller().actor)
    return redirect(url_for("release.show"), 303)


@release_pages.get("/preview/progress", endpoint="progress")
def show_progress() -> Response:
    """Return the progress bar of the newest preview, which its page polls; the header HX-Refresh reloads the page at the end."""
    with read_session() as session:
        job = release_preview.get_preview(session)
    headers = {} if job.state in ("queued", "running") else {"HX-Refresh": "true"}
    return make_response(render_template("release_progress.html", job=job), 200, headers)


@release_pages.get("/preview/file", endpoint="file")
def download_preview() -> Response:
    """Return the newest preview with all suppliers as a CSV or XLSX file."""
    format_ = request.args.get("format", "xlsx")
    with read_session() as session:
        job = release_preview.get_preview(session)
    document = release_preview.load_preview(get_blob_store(), job)
    data = release_preview.export_preview(document, format_)
    name = f"release_{document['release']}_preview_{document['on']}.{format_}"
    return build_download(data, FORMATS[format_].media_type, name)


@release_pages.post("", endpoint="set_day")
def set_day() -> AnyResponse:
    """Set the day from which the next release applies; an error is shown above the form."""
    try:
        with write_session() as session:
            organisation_models.set_next_release(
                session, request.form.get("release", ""), _parse_day(), _today(), get_caller().actor
            )
    except DomainError as error:
        return _render_release(error)
    flash(_("Saved. You can change this date as long as it is in the future."))
    return redirect(url_for("release.show"), 303)


@release_pages.post("/cancel", endpoint="cancel")
def cancel() -> AnyResponse:
    """Remove the day from which the next release applies."""
    with write_session() as session:
        organisation_models.cancel_next_release(session, _today(), get_caller().actor)
    flash(_("The date has been removed. The release in use does not change."))
    return redirect(url_for("release.show"), 303)


@release_pages.post("/reassessment", endpoint="reassess")
def reassess() -> AnyResponse:
    """Have all suppliers reassessed under the release in use."""
    with write_session() as session:
        reviews.request_reassessment(session, get_caller().time_zone, get_caller().actor)
    flash(_("All suppliers are being reassessed. See Imports and jobs for the progress."))
    return redirect(url_for("release.show"), 303)


def _render_release(error: DomainError | None = None) -> Response:
    with read_session() as session:
        state = release_preview.get_release_state(session, _today())
    preview = state.preview
    if preview is not None and not _concerns(preview, state):
        preview = None
    preview_on = None if preview is None else date.fromisoformat(preview.payload["on"])
    page = render_template(
        "release.html",
        state=state,
        preview=preview,
        preview_on=preview_on,
        rule_titles=RULE_TITLES,
        find_main_reason=release_preview.find_main_reason,
        today=_today(),
        error=error,
        values=request.form,
    )
    return make_response(page, error.status if error else 200)


def _concerns(preview: Job, state: release_preview.ReleaseState) -> bool:
    """Return whether a preview is about what comes next: the next release or, if there is none, newer facts."""
    if state.available is not None:
        return bool(preview.payload["release"] == state.available)
    return bool(state.outdated_facts and release_preview.is_of_facts(preview.payload))


def _today() -> date:
    return today(get_caller().time_zone)


def _parse_day() -> date:
    try:
        return date.fromisoformat(request.form.get("day", ""))
    except ValueError as error:
        raise DomainError("release.day", 422, _("Enter the date as YYYY-MM-DD.")) from error
