"""The tables of suppliers and agencies, the page of one of them, and what can be done to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from questionnaires.form import list_form_ids, load_form
from reports import charts
from risk_models.cases.rules import STRENGTHS
from service.auth.caller import get_caller, read_session, write_session
from service.cases import service as case_service
from service.clock import now, today
from service.errors import DomainError
from service.queries import supplier_detail, supplier_list
from service.queries.supplier_list import MEDIA_TYPES, SupplierFilter
from service.questionnaires_sent import requests as questionnaire_requests
from service.suppliers import identity
from service.suppliers import repository as suppliers
from service.web.svg import range_plot

TABLES = {"suppliers": "", "agencies": "agency"}  # the first holds all, the second agencies alone
PATHS = {"site": "suppliers", "agency": "agencies"}


def table(path: str) -> str:
    """A page of the table, narrowed and sorted as the address says."""
    wanted = _wanted(path, request.args)
    page = request.args.get("page", "1")
    on = today(get_caller().time_zone)
    here = _address(wanted)
    with read_session() as session:
        shown = supplier_list.get_page(session, wanted, on, int(page) if page.isascii() and page.isdigit() else 1)
        saved = supplier_list.list_saved_filters(session, get_caller().id, wanted.kind)
        offered = supplier_list.list_filter_options(session, wanted.kind)
    return render_template(
        "suppliers.html",
        path=path,
        wanted=wanted,
        here=here,
        at=lambda **changes: url_for(f"pages.{path}", **{**here, **changes}),
        shown=shown,
        offered=offered,
        saved=[(kept, _address(_wanted(path, kept.query))) for kept in saved],
        on=on,
    )


def export(path: str, format: str) -> Response:  # noqa: A002  the word of the field
    """The table as shown, as a file."""
    on = today(get_caller().time_zone)
    with read_session() as session:
        data = supplier_list.export_table(session, _wanted(path, request.args), on, format)
    return as_file(data, MEDIA_TYPES[format], f"{path}_{on.isoformat()}.{format}")


def as_file(data: bytes, media_type: str, name: str) -> Response:
    """Bytes that the browser is to keep rather than to show."""
    return Response(data, content_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def save_filter(path: str) -> AnyResponse:
    """Keeps the filter that is being shown."""
    wanted = _wanted(path, request.form)
    with write_session() as session:
        supplier_list.save_filter(session, get_caller().id, request.form.get("filter_name", ""), wanted)
    flash(_("The filter is kept."))
    return redirect(url_for(f"pages.{path}", **_address(wanted)), 303)


def forget_filter(path: str, filter_id: str) -> AnyResponse:
    """Removes a filter."""
    with write_session() as session:
        supplier_list.delete_filter(session, get_caller().id, filter_id)
    flash(_("The filter is removed."))
    return redirect(url_for(f"pages.{path}"), 303)


def _wanted(path: str, told: Mapping[str, str]) -> SupplierFilter:
    return supplier_list.parse_filter(
        {**told, "kind": TABLES[path]}, own_answers_only=not get_caller().sees_worker_derived
    )


def _address(wanted: SupplierFilter) -> dict[str, Any]:
    return {name: value for name, value in wanted.to_dict().items() if name != "kind"}


def one(kind: str, supplier_id: str) -> str:
    """The page of a site or an agency."""
    with read_session() as session:
        found = supplier_detail.get_supplier_detail(
            session, kind, supplier_id, sees_worker_derived=get_caller().sees_worker_derived
        )
        cases = case_service.list_cases_of_supplier(session, found.supplier.id) if get_caller().reads_cases else ()
        unread = questionnaire_requests.list_unread_cells(session, found.result)
    forms = [form for form in map(load_form, list_form_ids()) if form.kind == kind]
    return render_template(
        "supplier.html",
        kind=kind,
        p=found,
        plot=range_plot(found.detail.headline, found.model),
        bars=Markup(charts.draw_contributions("bars", found.detail, found.model).svg()),
        forms=forms,
        unread=unread,
        cases=cases,
        strengths=STRENGTHS,
        on=today(get_caller().time_zone),
    )


def history(kind: str, supplier_id: str) -> str:
    """Earlier assessments of a supplier, by pages. Raises Refused: ``not_found``, ``cursor.unknown``."""
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        page = supplier_detail.list_history(session, supplier, request.args.get("cursor"))
    return render_template("history.html", kind=kind, supplier=supplier, page=page)


def ask(kind: str, supplier_id: str) -> AnyResponse:
    """Records that a form goes to a supplier; the form is fetched from its page."""
    with write_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        told = (request.form.get("form", ""), request.form.get("sent_to", ""), today(get_caller().time_zone))
        questionnaire_requests.create_request(session, supplier, *told, get_caller().actor)
    flash(_("Recorded. Fetch the form below and send it: it knows whom it went to."))
    return redirect(url_for(f"pages.{kind}", supplier_id=supplier_id, _anchor="asking"), 303)


def asked_form(kind: str, supplier_id: str, asking_id: str) -> Response:
    """The form of a record of asking, as a workbook. Raises Refused ``not_found``."""
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        asking = questionnaire_requests.get_request(session, supplier, asking_id)
        data = questionnaire_requests.build_request_workbook(
            asking, supplier, load_form(asking.form, asking.form_version)
        )
    return as_file(data, MEDIA_TYPES["xlsx"], f"{asking.form}_{asking.form_version}_{asking.sent_on.isoformat()}.xlsx")


def returned(kind: str, supplier_id: str, asking_id: str) -> AnyResponse:
    """Records that a form came back on a day."""
    try:
        on = date.fromisoformat(request.form.get("on", ""))
    except ValueError as fault:
        raise DomainError("asking.returned_on", 422, "Say the day as year, month and day.") from fault
    with write_session() as session:
        questionnaire_requests.get_request(session, suppliers.get_supplier(session, kind, supplier_id), asking_id)
        questionnaire_requests.mark_returned(session, asking_id, on, get_caller().actor)
    flash(_("Recorded: the form came back. Upload it to have its answers assessed."))
    return redirect(url_for(f"pages.{kind}", supplier_id=supplier_id, _anchor="asking"), 303)


def confirm_erase(kind: str, supplier_id: str) -> str:
    """Asks once more before a supplier is erased."""
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id, itself=True)
        results = len(suppliers.list_results(session, supplier, limit=1000))
    return render_template("erase.html", kind=kind, supplier=supplier, results=results)


def erase(kind: str, supplier_id: str) -> AnyResponse:
    """Erases a supplier with all its results."""
    with write_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id, itself=True)
        suppliers.erase_supplier(session, supplier, now(), get_caller().actor)
    flash(_("Erased, with every result. The audit trail keeps that it happened, and by whom."))
    return redirect(url_for(f"pages.{PATHS[kind]}"), 303)


def confirm_merge(kind: str, supplier_id: str) -> str:
    """Asks which supplier this one is, before the two are merged."""
    text = request.args.get("text", "").strip()[:200]
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id, itself=True)
        wanted = SupplierFilter(kind=kind, text=text or supplier.name)
        found = supplier_list.get_page(session, wanted, today(get_caller().time_zone)).suppliers
    others = [other for other in found if other.id != supplier.id]
    return render_template("merge.html", kind=kind, supplier=supplier, text=text, others=others)


def merge(kind: str, supplier_id: str) -> AnyResponse:
    """Merges a supplier into another, which stays."""
    with write_session() as session:
        source = suppliers.get_supplier(session, kind, supplier_id, itself=True)
        target = suppliers.get_supplier(session, kind, request.form.get("into", ""))
        suppliers.merge_suppliers(session, source, target, now(), get_caller().actor)
    flash(_("Merged: its results and answers stand here now."))
    return redirect(url_for(f"pages.{kind}", supplier_id=target.id), 303)


def let_go(kind: str, supplier_id: str, merged_key_id: str) -> AnyResponse:
    """Has a supplier no longer found by the key of one that was merged into it."""
    with write_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        identity.remove_alias(session, supplier, merged_key_id, get_caller().actor)
    flash(_("Let go: the next list that names it makes it one of its own, without history."))
    return redirect(url_for(f"pages.{kind}", supplier_id=supplier.id), 303)
