"""Pages of remedy accounts: those of a supplier, and one with its payments and the forms to record and confirm them."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service.auth.caller import get_caller, read_session, write_session
from service.clock import now, today
from service.db.redress_tables import RemedyAccount
from service.db.tables import Supplier
from service.errors import DomainError
from service.remediation import remedy_accounts as accounts
from service.remediation.remedy_accounts import Confirmation, Payment
from service.remediation.remedy_totals import compute_totals, list_instalments
from service.remediation.rules import load_rules
from service.remediation.steps import Act, build_act
from service.remediation.verification import SOURCES
from service.suppliers import repository as suppliers
from service.web.form_fields import parse_day, parse_number
from service.web.pages.repayment import calculate_uploaded

STAFF_TITLES = {
    "current": lazy_gettext("Current workers"),
    "past": lazy_gettext("Past workers"),
    "all": lazy_gettext("Not broken down by cohort"),
}
MEASURE_TITLES = {
    "searching": lazy_gettext("The search continues"),
    "union_ngo_asked": lazy_gettext("A union or an NGO is looking for the workers in their home area"),
    "notice_published": lazy_gettext("A notice was published in the workers' home area"),
    "held_in_trust": lazy_gettext("An independent party holds the workers' money for them"),
    "family_paid": lazy_gettext("Their families were paid, with the workers' consent or after their death"),
}


def show_accounts(kind: str, supplier_id: str) -> Response:
    """Show the remedy accounts of a supplier, and the form to calculate and save another."""
    return _render_accounts(kind, supplier_id)


def save_account(kind: str, supplier_id: str) -> AnyResponse:
    """Calculate what the uploaded cohorts are owed, and save it as a remedy account."""
    try:
        document = calculate_uploaded()
    except DomainError as error:
        return _render_accounts(kind, supplier_id, error)
    with write_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        account_id = accounts.save_account(session, supplier, document, build_act(get_caller(), now())).id
    flash(_("Remedy account saved."))
    return redirect(url_for("pages.remedy_account", account_id=account_id), 303)


def _render_accounts(kind: str, supplier_id: str, error: DomainError | None = None) -> Response:
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        found = accounts.list_accounts(session, supplier.id)
        instalments = list_instalments(session, [account.id for account in found])
    page = render_template(
        "remedy_accounts.html",
        kind=kind,
        supplier=supplier,
        accounts=[(account, compute_totals(account, instalments[account.id])) for account in found],
        values=request.form,
        error=error,
    )
    return make_response(page, error.status if error else 200)


def show_account(account_id: str) -> Response:
    """Show a remedy account: what workers are owed, each payment, and who was not found."""
    return _render_account(account_id)


def _render_account(account_id: str, error: DomainError | None = None, number: int | None = None) -> Response:
    """Return the page of an account. ``number``: the instalment whose form was refused; it keeps what was entered."""
    with read_session() as session:
        account = accounts.get_account(session, account_id, lock=False)
        supplier = session.get_one(Supplier, account.supplier_id)
        instalments = list_instalments(session, [account.id])[account.id]
    page = render_template(
        "remedy_account.html",
        account=account,
        supplier=supplier,
        instalments=instalments,
        totals=compute_totals(account, instalments),
        measures=MEASURE_TITLES,
        sources={source: SOURCES[source] for source in load_rules()["verification"]["worker_side"]},
        staff=STAFF_TITLES,
        today=today(get_caller().time_zone),
        values=request.form,
        error=error,
        refused=number,
    )
    return make_response(page, error.status if error else 200)


def record_payment(account_id: str, number: int) -> AnyResponse:
    """Record that an instalment was paid."""
    form = request.form

    def record(session: Session, account: RemedyAccount, act: Act) -> None:
        workers = parse_number(form.get("workers", "")) or 0
        payment = Payment(parse_day(form.get("paid_on", "")), form.get("amount", ""), workers, form.get("proof", ""))
        accounts.record_payment(session, account, number, payment, act)

    return _change(account_id, record, number)


def confirm_payment(account_id: str, number: int) -> AnyResponse:
    """Record what workers say of a payment."""
    form = request.form

    def confirm(session: Session, account: RemedyAccount, act: Act) -> None:
        asked, confirming = (parse_number(form.get(name, "")) or 0 for name in ("asked", "confirming"))
        on = parse_day(form.get("asked_on", ""))
        confirmation = Confirmation(on, form.get("source", ""), asked, confirming)
        accounts.confirm_payment(session, account, number, confirmation, act)

    return _change(account_id, confirm, number)


def explain_unpaid(account_id: str) -> AnyResponse:
    """Record how many workers could not be found, what was done for them, and why workers are still owed money."""
    form = request.form

    def explain(session: Session, account: RemedyAccount, act: Act) -> None:
        not_found, measures = parse_number(form.get("not_found", "")) or 0, form.getlist("measure")
        accounts.explain_unpaid(session, account, not_found, measures, form.get("still_owed", ""), act)

    return _change(account_id, explain)


def _change(
    account_id: str, change: Callable[[Session, RemedyAccount, Act], None], number: int | None = None
) -> AnyResponse:
    """Make a change to the version of an account that the form was shown for; an error is shown above the account."""
    try:
        with write_session() as session:
            version = parse_number(request.form.get("version", ""))
            account = accounts.get_account(session, account_id, version=version)
            change(session, account, build_act(get_caller(), now()))
    except DomainError as error:
        if error.status == 404:
            raise
        return _render_account(account_id, error, number)
    flash(_("Saved."))
    return redirect(url_for("pages.remedy_account", account_id=account_id), 303)


def delete_account(account_id: str) -> AnyResponse:
    """Delete a remedy account for which no payment has been recorded."""
    try:
        with write_session() as session:
            account = accounts.get_account(session, account_id)
            supplier = session.get_one(Supplier, account.supplier_id)
            accounts.delete_account(session, account, build_act(get_caller(), now()))
    except DomainError as error:
        if error.status == 404:
            raise
        return _render_account(account_id, error)
    flash(_("Remedy account deleted."))
    return redirect(url_for(f"pages.{supplier.kind}_accounts", supplier_id=supplier.id), 303)
