"""The page of a retaliation watch, with the forms to record a check and to ask an approver to end the watch early."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service.auth.caller import get_caller, read_session, write_session
from service.case_reading.worker_selection import CHOSEN_BY
from service.clock import now
from service.db.retaliation_tables import RetaliationWatch
from service.errors import DomainError
from service.queries import watches as queries
from service.referrals.readiness import load_gate
from service.remediation.steps import Act, build_act
from service.remediation.verification import SOURCES
from service.report_content.contact_gate import list_worker_places
from service.retaliation import watches
from service.retaliation.checks import Outcome, record_check
from service.retaliation.rules import list_signs, load_watch_rules
from service.web.form_fields import parse_day, parse_number

SIGN_TITLES = {
    "dismissed": lazy_gettext("Dismissed"),
    "sent_home": lazy_gettext("Sent home or deported"),
    "blacklisted": lazy_gettext("Blacklisted"),
    "transferred": lazy_gettext("Moved to worse work, worse housing or another site"),
    "paid_less": lazy_gettext("Paid less, or given fewer hours"),
    "threatened": lazy_gettext("Threatened (including threats to their families)"),
}
RESULT_TITLES = {
    "no_sign": lazy_gettext("No signs"),
    "signs": lazy_gettext("Signs of retaliation"),
    "not_possible": lazy_gettext("Check not possible"),
}


def show_watch(watch_id: str) -> Response:
    """Show a retaliation watch with its checks."""
    return _render(watch_id, None)


def _render(watch_id: str, error: DomainError | None) -> Response:
    act = build_act(get_caller(), now())
    with read_session() as session:
        watch = watches.get_watch(session, watch_id, act, lock=False)
        record = queries.get_watch_record(session, watch)
        gate, supplier = load_gate(session, act.on), record.supplier
    pending = [check for check in record.checks if check.result is None]
    html = render_template(
        "watch.html",
        record=record,
        watch=watch,
        pending=pending,
        has_help=gate.is_ready(list_worker_places(supplier.kind, supplier.answers)),
        signs={code: SIGN_TITLES[code] for code in list_signs()},
        results=RESULT_TITLES,
        sources={source: SOURCES[source] for source in load_watch_rules()["source"]},
        chosen_by=CHOSEN_BY,
        today=act.on,
        values=request.form,
        error=error,
    )
    return make_response(html, error.status if error else 200)


def record(watch_id: str) -> AnyResponse:
    """Record a check of a watch."""
    form = request.form
    outcome = form.get("result", "")

    def add(session: Session, watch: RetaliationWatch, act: Act) -> None:
        found = Outcome(
            outcome,
            parse_day(form.get("checked_on", "")),
            form.get("source", ""),
            parse_number(form.get("workers", "")) or 0,
            form.get("chosen_by", ""),
            {sign: parse_number(form.get(f"sign-{sign}", "")) for sign in list_signs()},
            form.get("reason", ""),
        )
        record_check(session, watch, form.get("check", ""), found, act)

    text = _("Check recorded.")
    if outcome == "signs":
        text = _(
            "Check recorded. Resolved findings have been reopened, and the signs have been added to a case record."
        )
    return _change(watch_id, add, text)


def ask_to_end(watch_id: str) -> AnyResponse:
    """Ask an approver to end a watch early."""
    reason = request.form.get("reason", "")

    def ask(session: Session, watch: RetaliationWatch, act: Act) -> None:
        watches.ask_to_end(session, watch, reason, act)

    return _change(watch_id, ask, _("Your request is waiting for an approver. Until then, the watch continues."))


def _change(watch_id: str, change: Callable[[Session, RetaliationWatch, Act], None], done: str) -> AnyResponse:
    """Make a change to the version of a watch that the form was shown for; an error is shown above it."""
    act = build_act(get_caller(), now())
    try:
        with write_session() as session:
            version = parse_number(request.form.get("version", ""))
            change(session, watches.get_watch(session, watch_id, act, version=version), act)
    except DomainError as error:
        if error.code == "not_found":
            raise
        return _render(watch_id, error)
    flash(done)
    return redirect(url_for("pages.watch", watch_id=watch_id), 303)
