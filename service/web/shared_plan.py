"""Pages for suppliers, who have no account: the plan that was shared with them through a link.

They need no script and no cookie, work on a small screen, and tell no other site where they are. Where scripts run, files are
sent in pieces (static/upload.js).
"""

from __future__ import annotations

from datetime import date

from flask import Blueprint, Flask, Response, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from reports.document import Reason
from reports.redaction import for_audience
from service.auth.caller import get_link
from service.clock import now, today
from service.db.tables import Supplier
from service.errors import DomainError
from service.remediation.rules import Actor
from service.remediation.steps import Act
from service.reporting import stored_reports
from service.shared_plans import contents, proofs, submissions
from service.shared_plans.submissions import Answer
from service.supplier_links import links
from service.web import resumable_uploads, supplier_texts
from service.web.link_headers import HEADERS
from service.web.link_session import open_session

pages = Blueprint("shared", __name__, url_prefix="/shared/<token>")
supplier_texts.register(pages)
# What the page says after something was sent, by the word in its address.
SAVED = {
    "reply": "Your reply has been sent.",
    "agreement": "Your agreement has been recorded.",
    "progress": "The step has been marked as in progress.",
    "proposal": "Your proposal has been sent.",
    "obstacle": "Your message has been sent.",
    "file": "Your file has been received.",
}


def register(app: Flask) -> None:
    """Register these pages on the application."""
    app.register_blueprint(pages)


@pages.after_request
def _add_headers(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response


def _act() -> Act:
    link = get_link()
    return Act(Actor(link.actor, None, None), today(link.time_zone), now(), sees_worker_derived=False)


@pages.get("")
def show(token: str) -> AnyResponse:
    """Show the plan; or, before the link and each letter was opened, its cover page.

    Programs that look at addresses in emails open the page too, so it is no proof that a letter was delivered.
    """
    link = get_link()
    with open_session(write=False) as session:
        is_new = link.opened_at is None or contents.has_undelivered(session, link.record_id)
    if is_new:
        return make_response(render_template("shared_cover.html", token=token, link=link))
    return _render_plan(token)


@pages.post("/open", endpoint="open")
def open_plan(token: str) -> AnyResponse:
    """Record that somebody continued past the cover page, and with it that each letter was opened."""
    with open_session(write=True) as session:
        links.record_opening(session, get_link())
        submissions.record_opening(session, get_link().record_id, _act())
    return _redirect(token)


@pages.post("/letters/<reply_id>")
def reply(token: str, reply_id: str) -> AnyResponse:
    """Send what the supplier answers to each finding of a letter."""
    try:
        with open_session(write=True) as session:
            letter = contents.get_shared_letter(session, get_link().record_id, reply_id)
            answers = {
                finding.id: Answer(
                    request.form.get(f"position-{finding.id}", ""), request.form.get(f"text-{finding.id}", "")
                )
                for finding in contents.list_findings_of_letter(session, letter.id)
            }
            submissions.answer_letter(session, letter, answers, _act())
    except DomainError as error:
        return _render_refusal(token, error, reply_id)
    return _redirect(token, "reply")


@pages.post("/agreement")
def agree(token: str) -> AnyResponse:
    """Agree to the steps that were proposed."""
    try:
        with open_session(write=True) as session:
            supplier = session.get_one(Supplier, get_link().supplier_id)
            submissions.agree_to_plan(session, supplier, get_link().record_id, _act())
    except DomainError as error:
        return _render_refusal(token, error, "agreement")
    return _redirect(token, "agreement")


@pages.post("/steps/<step_id>/start")
def start(token: str, step_id: str) -> AnyResponse:
    """Mark a step as in progress."""
    try:
        with open_session(write=True) as session:
            submissions.start_step(session, contents.get_shared_step(session, get_link().record_id, step_id), _act())
    except DomainError as error:
        return _render_refusal(token, error, step_id)
    return _redirect(token, "progress", step_id)


@pages.post("/steps/<step_id>/date")
def propose_date(token: str, step_id: str) -> AnyResponse:
    """Propose another date for a step."""
    try:
        with open_session(write=True) as session:
            step = contents.get_shared_step(session, get_link().record_id, step_id)
            due, reason = _parse_day(request.form.get("due", "")), request.form.get("reason", "")
            submissions.propose_date(session, step, due, reason, _act())
    except DomainError as error:
        return _render_refusal(token, error, step_id)
    return _redirect(token, "proposal", step_id)


@pages.post("/steps/<step_id>/obstacle")
def report_obstacle(token: str, step_id: str) -> AnyResponse:
    """Say what the supplier cannot do of a step, and who should share the cost."""
    try:
        with open_session(write=True) as session:
            step = contents.get_shared_step(session, get_link().record_id, step_id)
            text, shared_by = request.form.get("text", ""), request.form.get("cost_shared_by") or None
            submissions.report_obstacle(session, step, text, shared_by, _act())
    except DomainError as error:
        return _render_refusal(token, error, step_id)
    return _redirect(token, "obstacle", step_id)


@pages.post("/steps/<step_id>/files")
def upload(token: str, step_id: str) -> AnyResponse:
    """Take a file that proves that a step was taken."""
    try:
        sent, kind = resumable_uploads.read_sent_file(), request.form.get("kind", "")
        with open_session(write=False) as session:
            contents.get_shared_step(session, get_link().record_id, step_id, lock=False)
            proofs.check_new_proof(session, kind, len(sent.data), _act().actor.name)
        file = resumable_uploads.store_file(sent)
        with open_session(write=True) as session:
            step = contents.get_shared_step(session, get_link().record_id, step_id)
            proofs.add_proof(session, step, kind, file, _act())
            resumable_uploads.end_upload(session, sent)
    except DomainError as error:
        return _render_refusal(token, error, step_id)
    resumable_uploads.remove_pieces(sent)
    return _redirect(token, "file", step_id)


def _parse_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _redirect(token: str, saved: str | None = None, anchor: str | None = None) -> AnyResponse:
    return redirect(url_for("shared.show", token=token, saved=saved, _anchor=anchor), 303)


def _render_refusal(token: str, error: DomainError, about: str) -> AnyResponse:
    """Render the plan again with why something was refused, above the form with what was entered in it."""
    if error.status == 404:
        raise error
    return _render_plan(token, error, about)


def _list_own_answers(session: Session, plan: contents.SharedPlan) -> dict[str, Reason]:
    """Return what the supplier's own answers say about each indicator, by its title in the language of the page.

    They are those of its copy of a report, which rests on nothing else; none for a record that was merged into another one.
    """
    supplier = session.get_one(Supplier, get_link().supplier_id)
    if plan.name is None or supplier.latest_id is None or not any(letter.findings for letter in plan.letters):
        return {}
    copy = for_audience(stored_reports.build_supplier_copy(session, supplier.id, supplier_texts.get_language()))
    return {reason.title: reason for reason in copy.details[0].reasons if reason.kind == "answer"}


def _render_plan(token: str, error: DomainError | None = None, about: str = "") -> AnyResponse:
    link = get_link()
    with open_session(write=False) as session:
        plan = contents.get_shared_plan(session, link.supplier_id, link.record_id, now())
        own_answers = _list_own_answers(session, plan)
    page = render_template(
        "shared_plan.html",
        token=token,
        link=link,
        plan=plan,
        own_answers=own_answers,
        saved=SAVED.get(request.args.get("saved", "")),
        error=error,
        about=about,
        values=request.form,
        positions=submissions.POSITIONS,
        kinds=proofs.KINDS,
        cost_sharing=submissions.COST_SHARING,
        on=today(link.time_zone),
    )
    return make_response(page, error.status if error else 200)
