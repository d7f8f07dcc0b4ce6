"""Evidence on pages: the forms to confirm, withdraw and enter it, and the list from which it is confirmed in bulk."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as AnyResponse

from service.assessment.evidence_entries import parse_day
from service.auth.caller import get_caller, read_session, write_session
from service.clock import now, today
from service.errors import DomainError
from service.queries import supplier_filter, supplier_list
from service.queries.claimed_evidence import list_claimed_evidence
from service.queries.supplier_evidence import GRADES
from service.suppliers import evidence
from service.suppliers import repository as suppliers
from service.suppliers.confirmations import Voucher
from service.suppliers.evidence import Act, ChosenPiece
from service.web.pages.suppliers import read_filter_fields

PIECES_ON_PAGE = 100


def confirm(kind: str, supplier_id: str, piece_id: str) -> AnyResponse:
    """Confirm a piece of evidence for the ticked questions."""
    covers = tuple(request.form.getlist("covers"))
    if not covers:
        raise DomainError("evidence.covers_required", 422, _("Tick at least one question."))
    with write_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        seen = request.form.get("seen")
        evidence.confirm_evidence(session, supplier, piece_id, _read_voucher(covers), _get_act(), seen=seen)
    flash(_("Evidence confirmed. The supplier has been reassessed."))
    return _show_evidence(kind, supplier_id)


def withdraw(kind: str, supplier_id: str, piece_id: str) -> AnyResponse:
    """Withdraw the confirmation of a piece of evidence."""
    with write_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        evidence.withdraw_confirmation(session, supplier, piece_id, _get_act())
    flash(_("Confirmation withdrawn. The supplier has been reassessed."))
    return _show_evidence(kind, supplier_id)


def add(kind: str, supplier_id: str) -> AnyResponse:
    """Add a piece of evidence from the buyer's own organisation, confirmed for the ticked questions."""
    covers = tuple(request.form.getlist("covers"))
    piece = {name: request.form.get(name, "").strip() for name in ("grade", "date", "expires", "source")}
    if piece["grade"] not in GRADES:
        raise DomainError("evidence.no_kind", 422, _("Choose a kind of evidence."))
    with write_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        evidence.add_evidence(session, supplier, piece, _read_voucher(covers), _get_act())
    flash(_("Evidence added. The supplier has been reassessed."))
    return _show_evidence(kind, supplier_id)


def _show_evidence(kind: str, supplier_id: str) -> AnyResponse:
    return redirect(url_for(f"pages.{kind}", supplier_id=supplier_id, _anchor="evidence"), 303)


def show_claimed() -> Response:
    """Show the claimed evidence of the suppliers that match a filter, to confirm it in bulk."""
    return _render_claimed(None)


def confirm_selected() -> Response | AnyResponse:
    """Confirm the ticked pieces of evidence; an error is shown above the list."""
    chosen = [
        ChosenPiece(supplier_id, piece_id, seen=seen)
        for supplier_id, piece_id, seen in (f"{each}  ".split(" ")[:3] for each in request.form.getlist("piece"))
    ]
    try:
        if not chosen:
            raise DomainError("evidence.none_selected", 422, _("Select at least one piece of evidence."))
        with write_session() as session:
            outcome = evidence.confirm_in_bulk(session, chosen, _read_voucher(()), _get_act())
    except DomainError as error:
        return _render_claimed(error)
    done = ngettext(
        "%(num)s piece of evidence confirmed", "%(num)s pieces of evidence confirmed", len(outcome.confirmed)
    )
    whose = ngettext("for %(num)s supplier", "for %(num)s suppliers", outcome.suppliers)
    flash(f"{done} {whose}.")
    if outcome.refused:
        flash(f"{_('Not confirmed:')} {' '.join(dict.fromkeys(each.error.detail for each in outcome.refused))}")
    query: dict[str, Any] = {name: value for name, value in _read_filter().items() if value}
    return redirect(url_for("pages.claimed_evidence", **query), 303)


def _render_claimed(error: DomainError | None) -> Response:
    fields = _read_filter()
    who = get_caller()
    on = today(who.time_zone)
    filter_ = supplier_filter.parse_filter(fields, own_answers_only=not who.sees_worker_derived)
    grade = fields["grade"] if fields["grade"] in GRADES else ""
    with read_session() as session:
        page = list_claimed_evidence(
            session, filter_, on, grade=grade, limit=PIECES_ON_PAGE, sees_worker_derived=who.sees_worker_derived
        )
        options = supplier_list.list_filter_options(session)
    html = render_template(
        "evidence.html",
        page=page,
        filter=filter_,
        fields={name: value for name, value in fields.items() if value},
        grade=grade,
        grades=GRADES,
        options=options,
        parse_day=parse_day,
        reference=request.form.get("reference", ""),
        error=error,
    )
    return make_response(html, error.status if error else 200)


def _read_filter() -> dict[str, str]:
    """Return the fields of the filter of the list of claimed evidence."""
    fields = read_filter_fields(request.values)
    return {name: fields.get(name, "") for name in ("text", "country", "level", "grade", "kind", "selected")}


def _read_voucher(covers: tuple[str, ...]) -> Voucher:
    who = get_caller()
    return Voucher(who.name, today(who.time_zone), request.form.get("reference", "").strip() or None, covers)


def _get_act() -> Act:
    who = get_caller()
    return Act(who.actor, today(who.time_zone), now(), who.sees_worker_derived)
