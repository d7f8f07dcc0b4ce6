"""API view of the notice for the workers of a site or an agency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response

from service.api.responses import attachment
from service.auth.caller import get_blob_store, get_caller, read_session
from service.clock import today
from service.reporting.logos import load_logo
from service.suppliers import repository as suppliers
from service.worker_notice.notice import build_notice, render_notice


def download_notice(kind: str, supplier_id: str, query: Mapping[str, Any]) -> Response:
    """Return the notice as a file."""
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        on = today(get_caller().time_zone)
        notice = build_notice(session, supplier, on, country=query.get("country"), language=query["language"])
        logo = load_logo(session, get_blob_store())
    file = render_notice(notice, query["format"], logo)
    return attachment(file.data, file.media_type, file.file_name)
