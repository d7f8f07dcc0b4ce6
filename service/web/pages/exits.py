"""The page of the exit papers about a supplier, and the forms to write, submit and withdraw one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service.auth.caller import get_caller, read_session, write_session
from service.clock import now
from service.db.account_tables import User
from service.db.exit_tables import ExitPaper
from service.db.tables import Supplier
from service.errors import DomainError
from service.queries import watches as watch_queries
from service.remediation import exit_papers, remedy_accounts
from service.remediation.exit_papers import CHANGEABLE, MAX_LEVERAGE, Attempt, ExitContent
from service.remediation.remedy_totals import compute_totals, list_instalments
from service.remediation.steps import Act, build_act
from service.suppliers import repository as suppliers
from service.web.form_fields import parse_day, parse_number
from service.web.pages.agreements import SPOKESPERSON_TITLES

FIELDS = tuple(field.name for field in fields(ExitContent) if field.name != "leverage")
ROWS = 3  # empty rows of the list of what was tried
GROUND_TITLES = {
    "no_progress": lazy_gettext("Remediation has failed: nothing has changed despite everything that was tried"),
    "danger_remains": lazy_gettext(
        "People's lives or freedom are still at risk, and nothing tried so far has changed this"
    ),
    "imposed_by_management": lazy_gettext("Management itself confined or threatened people"),
    "state_imposed": lazy_gettext("State-imposed labour"),
    "business_reason": lazy_gettext("Our own business reasons, such as lower volumes"),
}
EXIT_STATE_TITLES = {
    "draft": lazy_gettext("Draft"),
    "submitted": lazy_gettext("Waiting for an approver"),
    "returned": lazy_gettext("Returned"),
    "approved": lazy_gettext("Approved"),
    "withdrawn": lazy_gettext("Withdrawn"),
}


def show_exit(kind: str, supplier_id: str) -> Response:
    """Show the exit papers about a supplier, and the form of the one that can be changed or started."""
    return _render(kind, supplier_id, None)


def _render(kind: str, supplier_id: str, error: DomainError | None) -> Response:
    act = build_act(get_caller(), now())
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        papers = exit_papers.list_papers(session, supplier.id)
        accounts = remedy_accounts.list_accounts(session, supplier.id)
        instalments = list_instalments(session, [account.id for account in accounts])
        watch = watch_queries.get_open_watch(session, supplier.id) if act.sees_worker_derived else None
        names = {f"user:{user.id}": user.name for user in session.scalars(select(User))}
    totals = [(account, compute_totals(account, instalments[account.id])) for account in accounts]
    current = next((paper for paper in papers if paper.state in CHANGEABLE), None)
    can_start = all(paper.state == "withdrawn" for paper in papers)
    html = render_template(
        "exit.html",
        kind=kind,
        supplier=supplier,
        papers=papers,
        current=current,
        can_write=current is not None or can_start,
        form=_get_shown(current),
        attempts=_list_shown_attempts(current),
        owed=[(account, sums) for account, sums in totals if not sums.is_paid],
        watch=watch,
        names=names,
        grounds=GROUND_TITLES,
        states=EXIT_STATE_TITLES,
        spokespeople=SPOKESPERSON_TITLES,
        is_approver=act.actor.is_approver,
        today=act.on,
        values=request.form,
        error=error,
    )
    return make_response(html, error.status if error else 200)


def _get_shown(current: ExitPaper | None) -> dict[str, Any]:
    """Return what the fields of the form show: what was sent and refused, or what the paper says."""
    sent = request.form if "payment_after" in request.form else None
    return {name: sent.get(name) if sent is not None else getattr(current, name, None) for name in FIELDS}


def _list_shown_attempts(current: ExitPaper | None) -> list[tuple[str, str]]:
    """Return the rows of what was tried, as day and text, with empty ones at the end."""
    sent = list(zip(request.form.getlist("tried_on"), request.form.getlist("tried"), strict=False))
    known = [(each["on"], each["tried"]) for each in current.leverage] if current else []
    return [*(sent or known), *[("", "")] * ROWS][:MAX_LEVERAGE]


def save_exit(kind: str, supplier_id: str) -> AnyResponse:
    """Save the exit paper about a supplier as a draft, or what was changed in one, and submit it if asked to.

    If it cannot be submitted, the page shows why, and what was written stays saved.
    """

    def save(session: Session, act: Act) -> None:
        content, paper_id = _read_content(), request.form.get("paper")
        if paper_id:
            version = parse_number(request.form.get("version", ""))
            exit_papers.change_paper(session, exit_papers.get_paper(session, paper_id, version=version), content, act)
        else:
            exit_papers.start_paper(session, suppliers.get_supplier(session, kind, supplier_id), content, act)

    saved = _change(kind, supplier_id, save, _("Exit paper saved."))
    if saved.status_code != 303 or request.form.get("then") != "submit":
        return saved

    def submit(session: Session, act: Act) -> None:
        papers = exit_papers.list_papers(session, supplier_id)
        current = next(paper for paper in papers if paper.state in CHANGEABLE)
        paper = exit_papers.get_paper(session, current.id, version=current.version)
        exit_papers.change_state(session, paper, "submitted", "", act)

    return _change(kind, supplier_id, submit, _("The exit paper is waiting for an approver."))


def change_state(exit_paper_id: str) -> AnyResponse:
    """Submit an exit paper, or withdraw it."""
    form = request.form
    with read_session() as session:
        supplier = session.get_one(Supplier, exit_papers.get_paper(session, exit_paper_id, lock=False).supplier_id)
    state = "submitted" if form.get("state") == "submitted" else "withdrawn"

    def change(session: Session, act: Act) -> None:
        version = parse_number(form.get("version", ""))
        paper = exit_papers.get_paper(session, exit_paper_id, version=version)
        exit_papers.change_state(session, paper, state, form.get("reason", ""), act)

    text = _("The exit paper is waiting for an approver.") if state == "submitted" else _("Exit paper withdrawn.")
    return _change(supplier.kind, supplier.id, change, text)


def _change(kind: str, supplier_id: str, change: Callable[[Session, Act], None], done: str) -> AnyResponse:
    try:
        with write_session() as session:
            change(session, build_act(get_caller(), now()))
    except DomainError as error:
        if error.code == "not_found":
            raise
        return _render(kind, supplier_id, error)
    flash(done)
    return redirect(url_for(f"pages.{kind}_exit", supplier_id=supplier_id), 303)


def _read_content() -> ExitContent:
    form = request.form
    texts = {name: form.get(name) or None for name in ("ground", "effect", "remedy", "payment_after", "reason")}
    consulted_on, ends_on = (parse_day(form[name]) if form.get(name) else None for name in ("consulted_on", "ends_on"))
    return ExitContent(
        **texts,
        leverage=list(_read_attempts()),
        spokesperson=form.get("spokesperson") or None,
        consulted_on=consulted_on,
        ends_on=ends_on,
    )


def _read_attempts() -> Iterator[Attempt]:
    for on, tried in zip(request.form.getlist("tried_on"), request.form.getlist("tried"), strict=False):
        if on or tried.strip():
            yield Attempt(parse_day(on), tried)
