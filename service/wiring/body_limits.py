"""How large the body of a request may be, by its route: files are large, everything else is small."""

from __future__ import annotations

from flask import Flask
from werkzeug.exceptions import HTTPException

from questionnaires.proof_files import PROOF_BYTES
from service.api.body import LONGEST
from service.settings import Settings
from service.worker_voice.collecting import MOST_BYTES

PROOFS = frozenset(
    {
        "shared.upload",
        "questionnaire.upload",
        "shared_uploads.add",
        "questionnaire_uploads.add",
        "pages.add_step_evidence",
        "api.upload_logo",
        "organisation.upload_logo",
    }
)
UPLOADS = frozenset(
    {
        "api.upload_files",
        "api.upload_plan_workbook",
        "pages.preview_language_file",
        "pages.preview_plan_workbook",
        "pages.save_language_file",
        "pages.save_plan_workbook",
        "pages.send",
        "pages.send_cases",
        "pages.work_out_repayment",
    }
)
EXPORTS = frozenset({"voice.count_export"})
SMALL = LONGEST  # bytes
EXPORT = MOST_BYTES  # bytes: read in memory only
PROOF = PROOF_BYTES + 100_000  # bytes: a file with the fields of its form


def get_limit(settings: Settings, endpoint: str | None) -> int:
    """Return the most bytes that the body of a request to a route may have."""
    if endpoint in UPLOADS:
        return settings.upload_bytes
    if endpoint in EXPORTS:
        return EXPORT
    return min(PROOF if endpoint in PROOFS else SMALL, settings.upload_bytes)


def find_limit(app: Flask, method: str, path: str) -> int:
    """Return the most bytes that the body of a request may have, before it is received."""
    settings: Settings = app.extensions["settings"]
    try:
        endpoint, _ = app.url_map.bind("").match(path, method)
    except HTTPException:  # no such route
        endpoint = None
    return get_limit(settings, endpoint)
