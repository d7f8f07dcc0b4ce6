"""The page on which an agreement with a supplier is recorded, with what was agreed before."""

from __future__ import annotations

from datetime import date

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.wrappers import Response as AnyResponse

from service.auth.caller import get_caller, read_session, write_session
from service.clock import now, today
from service.errors import DomainError
from service.remediation import plans
from service.remediation.plans import SHARES, Agreement
from service.remediation.steps import build_act
from service.suppliers import repository as suppliers
from service.web.form_fields import parse_day, parse_number

AGREED_HOW_TITLES = {
    "signed": lazy_gettext("Signed"),
    "in_writing": lazy_gettext("By letter or email"),
    "meeting": lazy_gettext("At a meeting"),
    "call": lazy_gettext("By telephone"),
    "online": lazy_gettext("Through the link to the plan"),
}
SPOKESPERSON_TITLES = {
    "union": lazy_gettext("A union"),
    "elected": lazy_gettext("Elected representatives of the workers"),
    "committee": lazy_gettext("A worker committee"),
    "ngo": lazy_gettext("An NGO that the workers chose"),
    "affected_workers": lazy_gettext("The workers concerned"),
}
SHARE_TITLES = {
    "employer_share": lazy_gettext("Employer"),
    "agency_share": lazy_gettext("Agency"),
    "buyer_share": lazy_gettext("Us"),
}


def show_agreement(kind: str, supplier_id: str) -> Response:
    """Show the agreement with a supplier, earlier ones, and the form to record another."""
    return _render(kind, supplier_id)


def save_agreement(kind: str, supplier_id: str) -> AnyResponse:
    """Record what was agreed as a new version of the plan for a supplier."""
    try:
        agreement, version = _read_form(), parse_number(_read("version") or "")
        with write_session() as session:
            supplier = suppliers.get_supplier(session, kind, supplier_id)
            plans.lock_plan(session, supplier.id, version)
            plans.save_agreement(session, supplier, agreement, build_act(get_caller(), now()))
    except DomainError as error:
        if error.status == 404:
            raise
        return _render(kind, supplier_id, error)
    flash(_("Agreement saved."))
    return redirect(url_for(f"pages.{kind}", supplier_id=supplier.id, _anchor="remediation"), 303)


def _render(kind: str, supplier_id: str, error: DomainError | None = None) -> Response:
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        versions = plans.list_plan_versions(session, supplier.id)
    page = render_template(
        "agreement.html",
        kind=kind,
        supplier=supplier,
        versions=versions,
        today=today(get_caller().time_zone),
        values=request.form if error else _list_values(versions[0]) if versions else {},
        error=error,
        **get_agreement_titles(),
    )
    return make_response(page, error.status if error else 200)


def get_agreement_titles() -> dict[str, object]:
    """Return what templates show for the codes of agreements."""
    return {"agreed_how": AGREED_HOW_TITLES, "spokespeople": SPOKESPERSON_TITLES, "shares": SHARE_TITLES}


def _list_values(plan: object) -> dict[str, str]:
    """Return the fields of the form for an agreement."""
    values = {name: getattr(plan, name) for name in Agreement.__dataclass_fields__}
    return {name: str(value) for name, value in values.items() if value is not None}


def _read_form() -> Agreement:
    """Return the agreement that was entered. Raises DomainError ``field.value``, 422."""
    return Agreement(
        agreed_on=_read_day("agreed_on"),
        agreed_how=_read("agreed_how"),
        workers_agreed_on=_read_day("workers_agreed_on"),
        spokesperson=_read("spokesperson"),
        cost=_read("cost"),
        currency=(_read("currency") or "").upper() or None,
        **{name: parse_number(_read(name) or "") for name in SHARES},
    )


def _read(field: str) -> str | None:
    return request.form.get(field, "").strip() or None


def _read_day(field: str) -> date | None:
    text = _read(field)
    return parse_day(text) if text else None
