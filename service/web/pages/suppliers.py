"""The tables of suppliers and agencies, the page of one supplier, and the forms to change it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from questionnaires.form import list_form_ids, load_form
from risk_models.cases.rules import STRENGTHS
from risk_models.evidence import needs_confirmation
from risk_models.model import get_model_version
from service.auth.access import ACCESS
from service.auth.caller import get_caller, read_session, write_session
from service.campaigns import board, contacts
from service.cases import service as case_service
from service.clock import now, today
from service.connected_systems.identifiers import list_by_system
from service.erasure import erase as erasure
from service.errors import DomainError
from service.online_questionnaires.checking import list_unread_answers
from service.online_questionnaires.progress import STATES, describe_progress
from service.outbox.mail_texts import list_mail_languages
from service.queries import supplier_detail, supplier_filter, supplier_list, supplier_pages
from service.queries.supplier_evidence import GRADES, list_answered_questions, list_evidence_items
from service.queries.supplier_filter import SupplierFilter
from service.queries.supplier_list import MEDIA_TYPES
from service.queries.supplier_pages import Position
from service.queries.supplier_remediation import get_supplier_remediation
from service.questionnaires_sent import requests as questionnaire_requests
from service.questionnaires_sent.asked_back import load_asked_back, load_review_states
from service.questionnaires_sent.form_files import REQUEST_LAYOUTS, build_request_file
from service.referrals.readiness import load_gate
from service.suppliers import identity, merging
from service.suppliers import repository as suppliers
from service.suppliers.agency_links import list_agencies_no_longer_named
from service.suppliers.imposed_labour import is_labour_imposed
from service.translations.catalog import get_locale
from service.web.downloads import build_download, read_form_layout
from service.web.holding_backups import find_holding_backups
from service.web.pages.agreements import get_agreement_titles
from service.web.pages.exits import EXIT_STATE_TITLES
from service.web.pages.remediation import get_titles, name_findings
from service.web.svg import build_waterfall, draw_range_plot, draw_scale

TABLES = {"suppliers": "", "agencies": "agency"}  # kind of supplier by path; the first table lists both kinds
PATHS = {"site": "suppliers", "agency": "agencies"}
REVIEW_STATES = {
    "in_review": lazy_gettext("In review"),
    "asked_back": lazy_gettext("Clarification requested"),
    "reviewed": lazy_gettext("Reviewed"),
}


def show_table(path: str) -> Response:
    """Show a page of the table, filtered and sorted by the query parameters."""
    return _render_table(path, request.args)


def _render_table(path: str, fields: MultiDict[str, str], error: DomainError | None = None) -> Response:
    """Render a page of the table. ``error``: the reason why the filter could not be saved under the name entered."""
    filter_ = _parse_filter(path, read_filter_fields(fields))
    on = today(get_caller().time_zone)
    query = build_query(filter_)
    with read_session() as session:
        page = supplier_pages.get_supplier_page(session, filter_, on, _read_position(fields))
        saved_filters = supplier_list.list_saved_filters(session, get_caller().id, filter_.kind)
        options = supplier_list.list_filter_options(session, filter_.kind)
    html = render_template(
        "suppliers.html",
        path=path,
        inherent_levels=supplier_filter.INHERENT_LEVELS,
        filter_error=error,
        filter_name=fields.get("filter_name", "").strip() if error else "",
        filter=filter_,
        query=query,
        table_url=lambda **changes: url_for(f"pages.{path}", **{**query, **changes}),
        page=page,
        options=options,
        saved_filters=[(saved, build_query(_parse_filter(path, saved.query))) for saved in saved_filters],
        on=on,
    )
    return make_response(html, error.status if error else 200)


def _read_position(fields: Mapping[str, str]) -> Position:
    page, read = (
        int(number) if number.isascii() and number.isdigit() and len(number) < 10 else default
        for number, default in ((fields.get("page", ""), 1), (fields.get("read", ""), 0))
    )
    return Position(page, fields.get("after"), fields.get("before"), read)


def export_table(path: str, format: str) -> Response:  # noqa: A002  the name in the address
    """Return the table, filtered and sorted as on the page, as a file."""
    on = today(get_caller().time_zone)
    with read_session() as session:
        data = supplier_list.export_table(session, _parse_filter(path, read_filter_fields(request.args)), on, format)
    return build_download(data, MEDIA_TYPES[format], f"{path}_{on.isoformat()}.{format}")


def save_filter(path: str) -> AnyResponse:
    """Save the current filter under a name. If the name is in use, the page offers to replace that filter or choose another."""
    filter_ = _parse_filter(path, read_filter_fields(request.form))
    name, replace = request.form.get("filter_name", ""), request.form.get("replace") == "yes"
    try:
        with write_session() as session:
            supplier_list.save_filter(session, get_caller().id, name, filter_, replace=replace)
    except DomainError as error:
        return _render_table(path, request.form, error)
    flash(_("Filter saved."))
    return redirect(url_for(f"pages.{path}", **build_query(filter_)), 303)


def delete_filter(path: str, filter_id: str) -> AnyResponse:
    """Delete a saved filter."""
    with write_session() as session:
        supplier_list.delete_filter(session, get_caller().id, filter_id)
    flash(_("Saved filter deleted."))
    return redirect(url_for(f"pages.{path}"), 303)


def read_filter_fields(fields: MultiDict[str, str]) -> dict[str, str]:
    """Return the fields of a filter; the ids of ticked suppliers, which have one field each, are joined."""
    return {**fields.to_dict(), "selected": ",".join(fields.getlist("selected"))}


def _parse_filter(path: str, fields: Mapping[str, str]) -> SupplierFilter:
    own_answers_only = not get_caller().sees_worker_derived
    return supplier_filter.parse_filter({**fields, "kind": TABLES[path]}, own_answers_only=own_answers_only)


def build_query(filter_: SupplierFilter) -> dict[str, Any]:
    """Return the query parameters for a filter."""
    return {name: value for name, value in filter_.to_dict().items() if name != "kind"}


def show_supplier(kind: str, supplier_id: str) -> str:
    """Show the page of a site or an agency."""
    caller = get_caller()
    on = today(caller.time_zone)
    with read_session() as session:
        gate = load_gate(session, on)
        view = supplier_detail.get_supplier_detail(
            session, kind, supplier_id, gate, sees_worker_derived=caller.sees_worker_derived
        )
        cases = case_service.list_supplier_cases(session, view.supplier.id) if caller.reads_cases else ()
        campaigns, contact = (
            board.list_campaigns_of(session, view.supplier.id),
            contacts.get_contact(session, view.supplier.id),
        )
        unread_cells = questionnaire_requests.list_unread_cells(session, view.result)
        unread_cells += list_unread_answers(session, view.result)
        reviews = load_review_states(session, [sent.id for sent in view.requests])
        asked_back = load_asked_back(session, [sent.id for sent in view.requests])
        progress = describe_progress(session, [sent for sent in view.requests if sent.returned_on is None], on)
        may_set = ACCESS.may_open(caller.role or "", f"pages.set_{kind}_identifier", "POST")
        connected = list_by_system(session, view.supplier.id) if may_set else {}
        remediation = get_supplier_remediation(
            session,
            view.supplier,
            gate,
            sees_worker_derived=caller.sees_worker_derived,
            sees_papers=ACCESS.may_open(caller.role or "", f"pages.{kind}_exit"),
        )
        finding_title = name_findings(session, view.supplier)
        is_imposed = is_labour_imposed(session, view.supplier, on)
    forms = [form for form in map(load_form, list_form_ids()) if form.kind == kind]
    step_id = supplier_list.get_next_step(view.supplier, own_answers_only=not caller.sees_worker_derived)
    return render_template(
        "supplier.html",
        kind=kind,
        view=view,
        next_step=next((step for step in view.detail.steps if step.action == step_id), None),
        answered_on=_get_answer_date(view.result.answers),
        plot=draw_range_plot(view.detail.headline, view.model),
        scale=draw_scale(view.model),
        waterfall=build_waterfall(view.detail, view.model),
        forms=forms,
        not_to_be_asked=questionnaire_requests.IMPOSED if is_imposed else "",
        no_longer_named=list_agencies_no_longer_named(view.supplier),
        unread_cells=unread_cells,
        progress=progress,
        states=STATES,
        reviews=reviews,
        review_states=REVIEW_STATES,
        asked_back=asked_back,
        campaigns=campaigns,
        contact=contact,
        connected=connected,
        mail_languages={code: get_locale(code).english_name or code for code in list_mail_languages()},
        cases=cases,
        remediation=remediation,
        strengths=STRENGTHS,
        on=on,
        grades=GRADES,
        evidence=list_evidence_items(view.supplier, on, sees_worker_derived=caller.sees_worker_derived),
        evidence_needs_confirmation=needs_confirmation(get_model_version(view.result.model, view.result.model_version)),
        answered_questions=list_answered_questions(view.supplier, on),
        finding_title=finding_title,
        **get_titles(),
        **get_agreement_titles(),
        exit_states=EXIT_STATE_TITLES,
    )


def _get_answer_date(answers: Mapping[str, Any]) -> date | None:
    """Return the date of the evidence behind the answers, or else the date of the answers; None if neither is given."""
    for question in ("evidence_date", "answered_on"):
        try:
            return date.fromisoformat(answers[question])
        except (KeyError, TypeError, ValueError):
            continue
    return None


def show_history(kind: str, supplier_id: str) -> str:
    """Show a page of the earlier assessments of a supplier. Raises DomainError: ``not_found``, ``cursor.unknown``."""
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        sees_all = get_caller().sees_worker_derived
        page = supplier_detail.list_history(session, supplier, request.args.get("cursor"), sees_worker_derived=sees_all)
    return render_template("history.html", kind=kind, supplier=supplier, page=page)


def create_request(kind: str, supplier_id: str) -> AnyResponse:
    """Record that a form was sent to a supplier. The form can be downloaded from the supplier's page."""
    with write_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        form_id, recipient = request.form.get("form", ""), request.form.get("sent_to", "")
        on, actor = today(get_caller().time_zone), get_caller().actor
        questionnaire_requests.create_request(session, supplier, form_id, recipient, on, actor)
    flash(_("Request recorded. Download the pre-filled questionnaire below and send it to the respondent."))
    return redirect(url_for(f"pages.{kind}", supplier_id=supplier_id, _anchor="questionnaires"), 303)


def download_form(kind: str, supplier_id: str, request_id: str) -> Response:
    """Return the form of a questionnaire request as a file, laid out as the query says. Raises DomainError, ``not_found``."""
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        sent = questionnaire_requests.get_request(session, supplier, request_id)
        layout, language = read_form_layout(REQUEST_LAYOUTS)
        file = build_request_file(session, sent, supplier, layout, language)
    return build_download(file.data, file.media_type, file.name)


def mark_returned(kind: str, supplier_id: str, request_id: str) -> AnyResponse:
    """Record the date on which a form was returned."""
    try:
        on = date.fromisoformat(request.form.get("on", ""))
    except ValueError as error:
        raise DomainError("asking.returned_on", 422, "Enter the date as YYYY-MM-DD.") from error
    with write_session() as session:
        questionnaire_requests.get_request(session, suppliers.get_supplier(session, kind, supplier_id), request_id)
        questionnaire_requests.mark_form_returned(session, request_id, on, get_caller().actor)
    flash(
        _(
            "The questionnaire is marked as returned. Upload it to have its answers assessed. Until then, reports remain drafts."
        )
    )
    return redirect(url_for(f"pages.{kind}", supplier_id=supplier_id, _anchor="questionnaires"), 303)


def show_erase_confirmation(kind: str, supplier_id: str) -> str:
    """Show the page that asks to confirm erasing a supplier."""
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id, itself=True)
        preview = erasure.preview_supplier(session, supplier)
    holding = find_holding_backups(preview)
    return render_template("erase.html", kind=kind, supplier=supplier, preview=preview, holding=holding)


def erase_supplier(kind: str, supplier_id: str) -> AnyResponse:
    """Erase a supplier with all its results."""
    with write_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id, itself=True)
        erasure.erase_supplier(session, supplier, now(), get_caller().actor)
    flash(_("The supplier and all its results were erased. The audit trail shows who erased them and when."))
    return redirect(url_for(f"pages.{PATHS[kind]}"), 303)


def show_merge_form(kind: str, supplier_id: str) -> str:
    """Show the form to choose the supplier into which this one is merged."""
    text = supplier_filter.clean_search_text(request.args.get("text", ""))[:200]
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id, itself=True)
        filter_ = SupplierFilter(kind=kind, text=text or supplier.name)
        found = supplier_pages.get_supplier_page(session, filter_, today(get_caller().time_zone)).suppliers
    candidates = [candidate for candidate in found if candidate.id != supplier.id]
    return render_template("merge.html", kind=kind, supplier=supplier, text=text, candidates=candidates)


def merge_supplier(kind: str, supplier_id: str) -> AnyResponse:
    """Merge a supplier into another one, which remains."""
    with write_session() as session:
        source = suppliers.get_supplier(session, kind, supplier_id, itself=True)
        target = suppliers.get_supplier(session, kind, request.form.get("into", ""))
        merging.merge_suppliers(session, source, target, now(), get_caller().actor)
    flash(_("Records merged. The other record's results and answers are now part of this one."))
    return redirect(url_for(f"pages.{kind}", supplier_id=target.id), 303)


def remove_alias(kind: str, supplier_id: str, merged_key_id: str) -> AnyResponse:
    """Remove an alias of a supplier, so that the key of a merged record no longer leads to it."""
    with write_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        identity.remove_alias(session, supplier, merged_key_id, get_caller().actor)
    flash(_("Alias removed. The next upload that uses it will create a new record with no history."))
    return redirect(url_for(f"pages.{kind}", supplier_id=supplier.id), 303)
