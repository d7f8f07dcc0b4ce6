"""The page from which the notice for workers is downloaded: which organisations it names, or why there is none."""

from __future__ import annotations

from flask import Response, make_response, render_template, request

from service.auth.caller import get_blob_store, get_caller, read_session
from service.clock import today
from service.errors import DomainError
from service.report_content.labels import get_country_name
from service.reporting.logos import load_logo
from service.suppliers import repository as suppliers
from service.translations.catalog import get_name
from service.web.downloads import build_download
from service.worker_notice.notice import (
    ENGLISH,
    RENDERERS,
    build_notice,
    list_countries,
    list_notice_languages,
    render_notice,
)


def show_notice(kind: str, supplier_id: str) -> Response:
    """Show what the notice contains and the links to download it; why there is none, if workers cannot be helped yet."""
    notice, refused = None, None
    language = request.args.get("language", ENGLISH)
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        try:
            country, on = request.args.get("country"), today(get_caller().time_zone)
            notice = build_notice(session, supplier, on, country=country, language=language)
        except DomainError as error:
            refused = error
        page = render_template(
            "worker_notice.html",
            kind=kind,
            supplier=supplier,
            notice=notice,
            refused=refused,
            countries={code: get_country_name(code) for code in list_countries(supplier)},
            formats=list(RENDERERS),
            language=language,
            languages={code: get_name(code) for code in list_notice_languages()},
        )
    return make_response(page)


def download_notice(kind: str, supplier_id: str, format: str) -> Response:  # noqa: A002  the name in the address
    """Return the notice as a file. Raises DomainError, 404, 409 or 422."""
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        notice = build_notice(
            session,
            supplier,
            today(get_caller().time_zone),
            country=request.args.get("country") or None,
            language=request.args.get("language", ENGLISH),
        )
        logo = load_logo(session, get_blob_store())
    file = render_notice(notice, format, logo)
    return build_download(file.data, file.media_type, file.file_name)
