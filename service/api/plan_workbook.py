"""API views of the action plan workbook: download the open steps, and send the file back with what was filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, request
from sqlalchemy.orm import Session

from questionnaires.parse.answer import make_legible
from reports.formats import FORMATS
from service.api.responses import Reply, attachment
from service.api.schemas.plan_workbook import PLAN_WORKBOOK_UPLOAD, YES_OR_NO
from service.auth.caller import get_blob_store, get_caller, read_session
from service.clock import now, today
from service.errors import DomainError
from service.plan_workbook.changes import preview_changes, save_changes
from service.plan_workbook.reading import Table, read_workbook
from service.plan_workbook.writing import write_workbook
from service.remediation.steps import build_act
from service.reporting.logos import load_logo


def download_workbook(query: Mapping[str, Any]) -> Response:
    """Return the open steps as a workbook."""
    with read_session() as session:
        data = write_workbook(
            session,
            build_act(get_caller(), now()),
            supplier_id=query.get("supplier_id"),
            party=query.get("party"),
            from_workers=query.get("from_workers") == "true",
            logo=load_logo(session, get_blob_store()),
        )
    name = f"action_plan_{today(get_caller().time_zone).isoformat()}.xlsx"
    return attachment(data, FORMATS["xlsx"].media_type, name)


def read_upload() -> Mapping[str, Any]:
    """Return the ``table`` of the workbook that was sent, and whether it is only previewed (``is_preview``)."""
    data, name, is_preview = _read_form()
    return {"table": read_workbook(data, name), "is_preview": is_preview}


def upload_workbook(session: Session, table: Table, *, is_preview: bool) -> Reply:
    """Make the changes of a workbook, or only find them, and return them."""
    act = build_act(get_caller(), now())
    outcome = (preview_changes if is_preview else save_changes)(session, table, act)
    return Reply(
        {
            "changes": outcome.changes,
            "stale": [{"row": row, "step_id": step_id} for row, step_id in outcome.stale],
            "unchanged": outcome.unchanged,
            "unread": list(table.unread),
        }
    )


def _read_form() -> tuple[bytes, str, bool]:
    """Return the file, its name, and whether it is only previewed. Raises DomainError, 415 or 422."""
    if request.mimetype != "multipart/form-data":
        raise DomainError("content_type", 415, "Send the file as multipart/form-data.")
    unknown = sorted((request.form.keys() | request.files.keys()) - PLAN_WORKBOOK_UPLOAD.fields.keys())
    if unknown:
        raise DomainError("field.unknown", 422, f"{make_legible(unknown[0])}: This field does not exist.")
    files, preview = request.files.getlist("file"), request.form.get("preview", "") or "false"
    if len(files) != 1:
        raise DomainError("field.required", 422, "file: Send one workbook.")
    if preview not in YES_OR_NO:
        raise DomainError("field.value", 422, f"preview: Enter {' or '.join(YES_OR_NO)}.")
    data = files[0].read()
    files[0].seek(0)  # for the digest of the request
    return data, files[0].filename or "", preview == "true"
