"""The release of the models in use, through the API: what the next one would change, and from which day it applies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from reports.formats import FORMATS
from service.api.responses import Reply, attachment
from service.auth.caller import get_blob_store, get_caller, read_session
from service.clock import today
from service.db.job_tables import Job
from service.errors import DomainError
from service.model_governance import release_preview
from service.reviews import jobs as reviews
from service.suppliers import organisation_models

Values = Mapping[str, Any]
SUMMARY = ("current", "release", "on", "levels", "matrix", "total", "level_changes", "score_changes", "rules")


def get_release(session: Session) -> Reply:
    """Return the release in use, the newest one in force, the date set for it, and the latest preview."""
    state = release_preview.get_release_state(session, _today())
    release, day = state.planned or (None, None)
    return Reply(
        {
            "current": state.current,
            "available": state.available,
            "release": release,
            "day": None if day is None else day.isoformat(),
            "outdated": state.outdated,
            "outdated_facts": state.outdated_facts,
            "preview": None if state.preview is None else _preview(state.preview),
        }
    )


def set_day(session: Session, body: Values) -> Reply:
    """Set the day from which the next release applies."""
    try:
        day = date.fromisoformat(body["day"])
    except ValueError as error:
        raise DomainError("field.value", 422, "day: Enter the date as YYYY-MM-DD.") from error
    organisation_models.set_next_release(session, body["release"], day, _today(), get_caller().actor)
    session.flush()
    return get_release(session)


def cancel_day(session: Session) -> Reply:
    """Remove the day from which the next release applies."""
    organisation_models.cancel_next_release(session, _today(), get_caller().actor)
    session.flush()
    return get_release(session)


def request_preview(session: Session) -> Reply:
    """Request a preview of the next release, or of newer facts: a job assesses all suppliers under both."""
    job = release_preview.request_preview(session, _today(), get_caller().actor)
    session.flush()
    return Reply(_preview(job), 202, {"Location": "/api/v1/organisation/release"})


def _preview(job: Job) -> dict[str, Any]:
    found = job.result or {}
    moved = [
        {name: value for name, value in line.items() if name != "level_changes"} for line in found.get("moved", ())
    ]
    return {
        "id": job.id,
        "state": job.state,
        "progress": job.progress,
        "message": job.message,
        "created_at": job.created_at,
        "summary": {name: found[name] for name in SUMMARY} if found else None,
        "moved": moved,
    }


def download_preview(query: Values) -> Response:
    """Return the latest preview as a file that lists all suppliers."""
    with read_session() as session:
        job = release_preview.get_preview(session)
    data = release_preview.export_preview(release_preview.load_preview(get_blob_store(), job), query["format"])
    name = f"release_{job.payload['release']}_preview_{job.payload['on']}.{query['format']}"
    return attachment(data, FORMATS[query["format"]].media_type, name)


def reassess(session: Session) -> Reply:
    """Reassess all suppliers under the release in use."""
    job = reviews.request_reassessment(session, get_caller().time_zone, get_caller().actor)
    session.flush()
    return Reply(job, 202)


def _today() -> date:
    return today(get_caller().time_zone)
