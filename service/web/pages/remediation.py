"""Pages of remediation: the board of steps, one step with its history, and the forms that change steps and findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext, ngettext
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from reports.document import PRIORITIES
from service.auth.caller import get_blob_store, get_caller, read_session, write_session
from service.case_reading.worker_selection import CHOSEN_BY
from service.clock import now
from service.db.account_tables import User
from service.db.remediation_tables import Finding, Step
from service.db.tables import Supplier
from service.errors import DomainError
from service.queries import remediation as queries
from service.queries import watches
from service.remediation import evidence_files, findings, steps, verification
from service.remediation.evidence_files import StoredFile
from service.remediation.remedy_totals import repays_workers
from service.remediation.rules import DONE, list_next_states
from service.remediation.steps import Act, Evidence, build_act
from service.remediation.verification import Check
from service.shared_plans.contents import FindingTitles, count_open_proposals
from service.web.downloads import build_download
from service.web.form_fields import parse_day, parse_number

STEP_STATE_TITLES = {
    "planned": lazy_gettext("Planned"),
    "agreed": lazy_gettext("Agreed"),
    "in_progress": lazy_gettext("In progress"),
    "evidence_in": lazy_gettext("Waiting for verification"),
    "verified": lazy_gettext("Verified"),
    "rejected": lazy_gettext("Evidence rejected"),
    "closed": lazy_gettext("Closed"),
    "reopened": lazy_gettext("Reopened"),
    "withheld": lazy_gettext("Withheld: unsafe"),
}
FINDING_STATE_TITLES = {
    "open": lazy_gettext("Open"),
    "consulted": lazy_gettext("Supplier consulted"),
    "disputed": lazy_gettext("Disputed"),
    "accepted": lazy_gettext("Accepted"),
    "remedied": lazy_gettext("Remedied"),
    "closed": lazy_gettext("Closed"),
    "reopened": lazy_gettext("Reopened"),
}
EVIDENCE_TITLES = {
    "payment_proof": lazy_gettext("Proof of payment"),
    "document": lazy_gettext("Document"),
    "photo": lazy_gettext("Photograph"),
    "interview_summary": lazy_gettext("Summary of interviews with workers"),
    "official": lazy_gettext("Document from an authority"),
}
PARTY_TITLES = {
    "supplier": lazy_gettext("Supplier"),
    "agency": lazy_gettext("Agency"),
    "buyer": lazy_gettext("Us"),
}
SEVERITY_TITLES = {
    "scale": lazy_gettext("Scale"),
    "scope": lazy_gettext("Scope"),
    "irremediability": lazy_gettext("How hard the harm is to remedy"),
}
INVOLVEMENT_TITLES = {
    "caused": lazy_gettext("we caused it"),
    "contributed": lazy_gettext("we contributed to it"),
    "linked": lazy_gettext("it is linked to our purchases"),
}
REQUEST_STATE_TITLES = {
    "open": lazy_gettext("waiting for an approver"),
    "approved": lazy_gettext("approved"),
    "declined": lazy_gettext("declined"),
    "withdrawn": lazy_gettext("replaced by a newer request"),
}
SHOWN = ("party", "priority", "owner", "supplier")  # what the board can be limited to, besides its view
VIEWS = ("open", "mine", "unassigned", "overdue", "to_verify", "done")


def show_board() -> Response:
    """Show the steps of all suppliers: those that protect people first, then by due date."""
    return _render_board(None)


def _render_board(error: DomainError | None) -> Response:
    act, view = build_act(get_caller(), now()), request.args.get("view", "open")
    view = view if view in VIEWS else "open"
    filters: dict[str, dict[str, Any]] = {
        "open": {"states": queries.OPEN_STATES},
        "mine": {"states": queries.OPEN_STATES, "owner_id": get_caller().id},
        "unassigned": {"states": queries.OPEN_STATES, "owner_id": ""},
        "overdue": {"overdue_on": act.on},
        "to_verify": {"states": ("evidence_in",)},
        "done": {"states": DONE},
    }
    shown = {name: request.args.get(name) or None for name in SHOWN}
    with read_session() as session:
        page = queries.list_steps(
            session,
            sees_worker_derived=act.sees_worker_derived,
            supplier_id=shown["supplier"],
            party=shown["party"] if shown["party"] in PARTY_TITLES else None,
            priority=shown["priority"] if shown["priority"] in PRIORITIES else None,
            cursor=request.args.get("cursor"),
            **{"owner_id": shown["owner"], **filters[view]},
        )
        html = render_template(
            "remediation.html",
            view=view,
            shown=shown,
            supplier_id=shown["supplier"],
            steps=page.items,
            withheld=page.withheld,
            next_cursor=page.next_cursor,
            suppliers=queries.get_suppliers(session, page.items),
            users=_list_users(session),
            checks=watches.list_due_checks(session, act.on, supplier_id=shown["supplier"])
            if act.sees_worker_derived
            else (),
            overdue=queries.count_overdue(session, act.on, sees_worker_derived=act.sees_worker_derived),
            today=act.on,
            error=error,
            values=request.form,
            **get_titles(),
        )
    return make_response(html, error.status if error else 200)


def change_selected() -> AnyResponse:
    """Change the owner, the due date or the state of the selected steps: all of them, or none."""
    ids, reason = request.form.getlist("step"), request.form.get("reason", "")
    owner, due, state = (request.form.get(name, "") for name in ("owner", "due", "state"))
    try:
        if not ids or not (owner or due or state):
            raise DomainError("steps.nothing", 422, _("Select at least one step, and choose what to change."))
        with write_session() as session:
            act = build_act(get_caller(), now())
            for step in steps.get_steps(session, ids, act):
                if owner:
                    steps.assign(session, step, None if owner == "nobody" else owner, act)
                if due:
                    steps.move_due(session, step, parse_day(due), reason, act)
                if state:
                    steps.change_state(session, step, state, reason, act)
    except DomainError as error:
        if error.code == "not_found":
            raise
        return _render_board(error)
    flash(ngettext("%(num)s step changed.", "%(num)s steps changed.", len(ids)))
    shown = {name: request.args.get(name) for name in ("view", *SHOWN)}
    return redirect(url_for("pages.remediation", **shown), 303)  # type: ignore[arg-type]


def show_step(step_id: str) -> Response:
    """Show a step with its findings, history, evidence, verifications and comments."""
    return render_step(step_id, None)


def render_step(step_id: str, error: DomainError | None) -> Response:
    """Show a step, with the error of a form above it."""
    act = build_act(get_caller(), now())
    with read_session() as session:
        try:
            step = steps.get_step(session, step_id, act, lock=False)
        except DomainError as withheld:
            if withheld.code != steps.NO_HELP:
                raise
            html = render_template("step_withheld.html", withheld=withheld.detail)
            return make_response(html, error.status if error else 200)
        record = queries.get_step_record(session, step, act)
        html = render_template(
            "step.html",
            record=record,
            step=step,
            action=steps.get_action(step),
            users=_list_users(session),
            next_states=[(code, STEP_STATE_TITLES[code]) for code in list_next_states("step", step.state)],
            next_finding_states={
                one.id: [(code, FINDING_STATE_TITLES[code]) for code in list_next_states("finding", one.state)]
                for one in record.findings
            },
            sees_worker_derived=act.sees_worker_derived,
            proposals=count_open_proposals(session, step),
            repays_workers=repays_workers(step),
            is_approver=act.actor.is_approver,
            today=act.on,
            error=error,
            values=request.form,
            finding_title=name_findings(session, record.supplier),
            **get_titles(),
        )
    return make_response(html, error.status if error else 200)


def change_state(step_id: str) -> AnyResponse:
    """Change the state of a step."""
    state, reason = request.form.get("state", ""), request.form.get("reason", "")
    return _change(step_id, lambda session, step, act: steps.change_state(session, step, state, reason, act))


def move_due(step_id: str) -> AnyResponse:
    """Move the due date of a step, with a reason."""
    due, reason = request.form.get("due", ""), request.form.get("reason", "")
    return _change(step_id, lambda session, step, act: steps.move_due(session, step, parse_day(due), reason, act))


def assign(step_id: str) -> AnyResponse:
    """Give a step to a user, or to nobody."""
    owner = request.form.get("owner") or None
    return _change(step_id, lambda session, step, act: steps.assign(session, step, owner, act))


def add_evidence(step_id: str) -> AnyResponse:
    """Add evidence to a step, with a file or without, which then waits for verification."""
    form = request.form
    try:
        file = _keep_file(step_id)
    except DomainError as error:
        if error.code == "not_found":
            raise
        return render_step(step_id, error)

    def add(session: Session, step: Step, act: Act) -> None:
        begin, end = (parse_day(form[name]) if form.get(name) else None for name in ("period_from", "period_to"))
        evidence = Evidence(form.get("kind", ""), form.get("reference", ""), begin, end, file)
        steps.add_evidence(session, step, evidence, act)

    return _change(step_id, add)


def _keep_file(step_id: str) -> StoredFile | None:
    """Check and store the file of the form; None if there is none. A file that no row refers to in the end is deleted later."""
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        return None
    with read_session() as session:
        steps.get_step(session, step_id, build_act(get_caller(), now()), lock=False)
    proof = evidence_files.check_file(sent.read())
    return evidence_files.describe_file(proof, get_blob_store().put(proof.data))


def download_file(step_id: str, evidence_id: str) -> Response:
    """Return a file that is evidence of a step, to be saved and never shown by the browser."""
    act = build_act(get_caller(), now())
    with read_session() as session:
        step = steps.get_step(session, step_id, act, lock=False)
        evidence = evidence_files.get_file(session, step, evidence_id, sees_worker_derived=act.sees_worker_derived)
        name = evidence_files.build_file_name(evidence, step)
    return build_download(get_blob_store().get(evidence.sha256 or ""), evidence.media_type or "", name)


def verify(step_id: str) -> AnyResponse:
    """Verify a step, or reject its evidence."""
    form = request.form

    def check(session: Session, step: Step, act: Act) -> None:
        found = Check(
            form.get("source", ""),
            parse_day(form.get("checked_on", "")),
            parse_number(form.get("workers", "")) or 0,
            form.get("chosen_by", ""),
            parse_number(form.get("confirmed_percent", "")),
            "asked_about_retaliation" in form,
        )
        if form.get("outcome") == "rejected":
            verification.reject_step(session, step, found, form.get("reason", ""), act)
        else:
            verification.verify_step(session, step, found, act)

    return _change(step_id, check)


def add_comment(step_id: str) -> AnyResponse:
    """Add a comment to a step."""
    text = request.form.get("text", "")

    def add(session: Session, step: Step, act: Act) -> None:
        steps.add_comment(session, step, text, act)

    return _change(step_id, add)


def show_finding(finding_id: str) -> str:
    """Show a finding with every change of its state, its steps and the letters about it."""
    act = build_act(get_caller(), now())
    with read_session() as session:
        finding = findings.get_finding(session, finding_id, act, lock=False)
        record = queries.get_finding_record(session, finding, act)
        return render_template(
            "finding.html",
            record=record,
            finding=finding,
            finding_title=name_findings(session, record.supplier),
            sees_worker_derived=act.sees_worker_derived,
            today=act.on,
            **get_titles(),
        )


def change_finding(step_id: str, finding_id: str) -> AnyResponse:
    """Change the state of a finding that a step is for."""
    state, reason = request.form.get("state", ""), request.form.get("reason", "")

    def change(session: Session, step: Step, act: Act) -> None:
        finding = findings.get_finding(session, finding_id, act)
        findings.change_state(session, finding, state, reason, act)

    return _change(step_id, change, lock=False)


def _change(step_id: str, change: Callable[[Session, Step, Act], object], *, lock: bool = True) -> AnyResponse:
    """Make a change to the version of a step that the form was shown for; an error is shown above the step."""
    act = build_act(get_caller(), now())
    try:
        with write_session() as session:
            version = parse_number(request.form.get("version", ""))
            change(session, steps.get_step(session, step_id, act, version=version, lock=lock), act)
    except DomainError as error:
        if error.code == "not_found":
            raise
        return render_step(step_id, error)
    flash(_("Saved."))
    return redirect(url_for("pages.step", step_id=step_id), 303)


def _list_users(session: Session) -> Mapping[str, str]:
    """Return the names of the users who can be given a step, by id."""
    query = select(User).where(User.active, User.role != "viewer").order_by(User.name, User.id)
    return {user.id: user.name for user in session.scalars(query)}


def get_titles() -> dict[str, object]:
    """Return what templates show for codes."""
    return {
        "step_states": STEP_STATE_TITLES,
        "finding_states": FINDING_STATE_TITLES,
        "evidence_kinds": EVIDENCE_TITLES,
        "parties": PARTY_TITLES,
        "request_states": REQUEST_STATE_TITLES,
        "sources_of_verification": verification.SOURCES,
        "chosen_by": CHOSEN_BY,
        "severities": SEVERITY_TITLES,
        "involvements": INVOLVEMENT_TITLES,
    }


def name_findings(session: Session, supplier: Supplier) -> Callable[[Finding], str]:
    """Return a function that says what a finding about a supplier is about, in the words of the model that assessed it."""
    titles = FindingTitles(session, supplier)
    return lambda finding: str(_("Case record")) if finding.kind == "case" else titles.get_title(finding)
