"""Bulk actions on the suppliers selected in a list: reassess them, or send them a questionnaire."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from questionnaires.form import Questionnaire, list_form_ids, load_form
from service.auth.caller import get_caller, read_session, write_session
from service.clock import today
from service.db.tables import QuestionnaireRequest, Supplier
from service.errors import DomainError, not_found
from service.queries import supplier_filter, supplier_pages
from service.queries.supplier_filter import SupplierFilter
from service.questionnaires_sent import requests as questionnaire_requests
from service.questionnaires_sent.asked_back import limit_form, list_asked_back
from service.reviews import jobs as reviews
from service.web.downloads import build_download
from service.web.pages.suppliers import TABLES, build_query, read_filter_fields

NOT_IN_FILE_NAME = re.compile(r"[^\w.-]+")


def reassess() -> AnyResponse:
    """Reassess the selected suppliers and show the list again."""
    selection = _read_selection()
    with write_session() as session:
        on, actor = today(get_caller().time_zone), get_caller().actor
        selected = [supplier.id for supplier in _list_selected(session, selection)]
        count = reviews.reassess_selected(session, selected, on, actor)
    flash(ngettext("%(num)s supplier reassessed.", "%(num)s suppliers reassessed.", count))
    path = request.form.get("list", "")
    fields = {**read_filter_fields(request.form), "selected": ""}
    query = build_query(supplier_filter.parse_filter(fields, own_answers_only=False))
    return redirect(url_for(f"pages.{path if path in TABLES else 'suppliers'}", **query), 303)


def show_request_form() -> Response:
    """Show the form to send the selected suppliers a questionnaire."""
    return _render_request_form(_read_selection(), None)


def create_requests() -> AnyResponse:
    """Record a questionnaire request for each selected supplier; an error is shown above the form."""
    selection, sent = _read_selection(), []
    try:
        with write_session() as session:
            on, actor = today(get_caller().time_zone), get_caller().actor
            for supplier in _list_selected(session, selection):
                form_id, sent_to = request.form.get(f"{supplier.kind}_form", ""), request.form.get("sent_to", "")
                sent.append(questionnaire_requests.create_request(session, supplier, form_id, sent_to, on, actor).id)
    except DomainError as error:
        return _render_request_form(selection, error)
    flash(ngettext("%(num)s request recorded.", "%(num)s requests recorded.", len(sent)))
    return redirect(url_for("pages.sent_requests", request=sent), 303)


def show_sent_requests() -> str:
    """Show some questionnaire requests, each with its pre-filled form to download."""
    with read_session() as session:
        sent = _list_sent(session)
    return render_template("requests_sent.html", sent=sent, titles={form.id: form.title for form in _load_forms()})


def download_forms() -> Response:
    """Return the pre-filled forms of some questionnaire requests as one ZIP file."""
    buffer = io.BytesIO()
    with read_session() as session, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        sent = _list_sent(session)
        for number, (each, supplier) in enumerate(sent, 1):
            form = limit_form(load_form(each.form, each.form_version), list_asked_back(session, each.id))
            name = NOT_IN_FILE_NAME.sub("_", supplier.reference or supplier.name)[:60]
            workbook = questionnaire_requests.build_request_workbook(each, supplier, form)
            archive.writestr(f"{number:02}_{name}_{each.form}.xlsx", workbook)
    return build_download(buffer.getvalue(), "application/zip", f"questionnaires_{today(get_caller().time_zone)}.zip")


def _render_request_form(selection: SupplierFilter, error: DomainError | None) -> Response:
    with read_session() as session:
        selected = _list_selected(session, selection)
    kinds = [kind for kind in ("site", "agency") if any(supplier.kind == kind for supplier in selected)]
    html = render_template(
        "requests_new.html",
        selected=selected,
        forms={kind: [form for form in _load_forms() if form.kind == kind] for kind in kinds},
        values=request.form,
        error=error,
    )
    return make_response(html, error.status if error else 200)


def _load_forms() -> list[Questionnaire]:
    return [load_form(form_id) for form_id in list_form_ids()]


def _read_selection() -> SupplierFilter:
    """Return the selected suppliers as a filter. Raises DomainError: ``selection.empty``, ``selection.too_large``."""
    fields = read_filter_fields(request.values)
    selected = supplier_filter.parse_filter(fields, own_answers_only=False).selected
    if not selected:
        raise DomainError("selection.empty", 422, _("Select at least one supplier in the list."))
    return SupplierFilter(selected=selected)


def _list_selected(session: Session, selection: SupplierFilter) -> Sequence[Supplier]:
    """Return the selected suppliers. Raises DomainError ``not_found`` if none of them exists."""
    selected = supplier_pages.get_supplier_page(session, selection, today(get_caller().time_zone)).suppliers
    if not selected:
        raise not_found(_("The selected suppliers were not found."))
    return selected


def _list_sent(session: Session) -> list[tuple[QuestionnaireRequest, Supplier]]:
    """Return the questionnaire requests named in the address. Raises DomainError ``not_found`` if none of them exists."""
    sent = questionnaire_requests.list_requests_by_id(session, request.args.getlist("request"))
    if not sent:
        raise not_found(_("The requests were not found."))
    return sent
