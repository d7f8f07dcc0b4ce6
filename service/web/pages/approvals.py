"""Pages of what waits for an approver, and the forms with which other users ask for it."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from service.auth.caller import get_caller, read_session, write_session
from service.case_reading.worker_selection import CHOSEN_BY
from service.cases import closing
from service.clock import now
from service.errors import DomainError
from service.queries import approvals as queries
from service.remediation import approvals, exit_papers, steps
from service.remediation.steps import Act, build_act
from service.retaliation import watches
from service.web.form_fields import parse_day, parse_number
from service.web.pages.agreements import SPOKESPERSON_TITLES
from service.web.pages.exits import GROUND_TITLES
from service.web.pages.remediation import render_step


def show_approvals() -> Response:
    """Show what waits for an approver, the longest-waiting first."""
    return _render_approvals(None)


def _render_approvals(error: DomainError | None) -> Response:
    with read_session() as session:
        queue = queries.get_queue(session, build_act(get_caller(), now()).on)
    html = render_template(
        "approvals.html",
        queue=queue,
        outcomes=closing.list_outcomes(),
        chosen_by=CHOSEN_BY,
        actor=get_caller().actor,
        person=get_caller().owner_id,
        grounds=GROUND_TITLES,
        spokespeople=SPOKESPERSON_TITLES,
        error=error,
    )
    return make_response(html, error.status if error else 200)


def decide_request(step_request_id: str) -> AnyResponse:
    """Approve or decline a request to change a step."""

    def decide(session: Session, act: Act) -> None:
        asked = approvals.get_request(session, step_request_id)
        approvals.decide(session, asked, approves=_approves(), response=request.form.get("reason", ""), act=act)

    return _decide(decide)


def decide_closing(case_id: str) -> AnyResponse:
    """Close an emergency as proposed, or send the proposal back."""

    def decide(session: Session, act: Act) -> None:
        by, is_approver, proposed_at = act.actor.name, act.actor.is_approver, request.form.get("proposed_at", "")
        if _approves():
            closing.confirm_closing(
                session, case_id, act.on, act.at, by, is_approver=is_approver, proposed_at=proposed_at
            )
        else:
            reason = request.form.get("reason", "")
            closing.decline_closing(
                session, case_id, reason, act.on, act.at, by, is_approver=is_approver, proposed_at=proposed_at
            )

    return _decide(decide)


def decide_exit(exit_paper_id: str) -> AnyResponse:
    """Approve an exit paper, or return it to its authors."""

    def decide(session: Session, act: Act) -> None:
        paper = exit_papers.get_paper(session, exit_paper_id)
        state = "approved" if _approves() else "returned"
        exit_papers.change_state(session, paper, state, request.form.get("reason", ""), act)

    return _decide(decide)


def decide_watch_end(watch_id: str) -> AnyResponse:
    """Agree to end a retaliation watch early, or decline it."""

    def decide(session: Session, act: Act) -> None:
        watches.decide_on_end(session, watch_id, approves=_approves(), response=request.form.get("reason", ""), act=act)

    return _decide(decide)


def _approves() -> bool:
    return request.form.get("decision") == "approve"


def _decide(decide: Callable[[Session, Act], None]) -> AnyResponse:
    try:
        with write_session() as session:
            decide(session, build_act(get_caller(), now()))
    except DomainError as error:
        if error.code == "not_found":
            raise
        return _render_approvals(error)
    flash(_("Decision saved."))
    return redirect(url_for("pages.approvals"), 303)


def ask(step_id: str) -> AnyResponse:
    """Ask an approver for a later date of a step that protects people, or not to take it."""
    form, act = request.form, build_act(get_caller(), now())
    try:
        with write_session() as session:
            step = steps.get_step(session, step_id, act, version=parse_number(form.get("version", "")))
            if form.get("request") == approvals.WITHHELD:
                approvals.ask_to_withhold(session, step, form.get("reason", ""), act)
            else:
                approvals.ask_for_date(session, step, parse_day(form.get("due", "")), form.get("reason", ""), act)
    except DomainError as error:
        if error.code == "not_found":
            raise
        return render_step(step_id, error)
    flash(_("Your request is waiting for an approver. Until then, the step will not change."))
    return redirect(url_for("pages.step", step_id=step_id), 303)
