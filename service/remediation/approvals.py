"""Requests to an approver: to move a step that protects people to a later date, or not to take it because it is unsafe.

Whoever may not decide this asks for it, with a reason that the approver reads. The step stays as it is until another user with
the role of an approver has decided.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.db.approval_tables import StepRequest
from service.db.remediation_tables import Step
from service.errors import DomainError, not_found
from service.outbox.approvals import tell_approvers
from service.remediation.rules import DONE, check_approver, check_reason, list_permitted
from service.remediation.steps import Act, change_state, get_step, move_due

DUE, WITHHELD = "due", "withheld"  # kinds of requests


def ask_for_date(session: Session, step: Step, due: date, reason: str, act: Act) -> StepRequest:
    """Ask an approver to move a locked step that protects people to a later date.

    Raises DomainError: ``approval.not_needed``, 422, for any other date or step; ``approval.done``, 409;
    ``transition.by_key``, 403; ``transition.reason``, ``text.too_long``, ``person.*``, 422.
    """
    if not step.safety or due <= step.due:
        raise DomainError(
            "approval.not_needed",
            422,
            "Only a later date for a step that protects people needs an approver. Change this date directly.",
        )
    _check_open(step)
    return _ask(session, step, StepRequest(kind=DUE, due=due), reason, act)


def ask_to_withhold(session: Session, step: Step, reason: str, act: Act) -> StepRequest:
    """Ask an approver to withhold a locked step that protects people, because taking it would put people at risk.

    Raises DomainError: ``approval.not_needed``, 422, for any other step; ``transition.not_allowed``, 409; and as
    :func:`ask_for_date` does.
    """
    if not step.safety:
        raise DomainError("approval.not_needed", 422, "This step does not need an approver. Change its state directly.")
    _check_open(step)
    if (step.state, WITHHELD, "") not in list_permitted("step"):
        raise DomainError("transition.not_allowed", 409, "This step has already been withheld.")
    return _ask(session, step, StepRequest(kind=WITHHELD), reason, act)


def _ask(session: Session, step: Step, request: StepRequest, reason: str, act: Act) -> StepRequest:
    if not act.actor.is_user:
        raise DomainError("transition.by_key", 403, "An API key cannot request an approval; only a user can.")
    check_reason(reason)
    earlier = select(StepRequest).where(
        StepRequest.step_id == step.id, StepRequest.kind == request.kind, StepRequest.state == "open"
    )
    for replaced in session.scalars(earlier):
        replaced.state = "withdrawn"
    request.step_id, request.reason, request.state = step.id, reason.strip(), "open"
    request.asked_by, request.asked_at = act.actor.name, act.at
    session.add(request)
    session.flush()
    due = request.due and request.due.isoformat()
    record_event(session, act.actor.name, "step.approval_asked", "step", step.id, {"change": request.kind, "due": due})
    tell_approvers(session, "step", request.id, act.at, supplier_id=step.supplier_id)
    return request


def _check_open(step: Step) -> None:
    if step.state in DONE:
        raise DomainError("approval.done", 409, "This step is done, so there is nothing left to decide.")


def get_request(session: Session, request_id: str) -> StepRequest:
    """Return a request, locked until the transaction ends. Raises DomainError ``not_found``, 404."""
    query = select(StepRequest).where(StepRequest.id == request_id).with_for_update()
    request = session.scalars(query).first()
    if request is None:
        raise not_found("Request not found.")
    return request


def decide(session: Session, request: StepRequest, *, approves: bool, response: str, act: Act) -> None:
    """Approve a locked request, which changes the step, or decline it with a reason.

    The approver decides on what it was asked, also where it may not otherwise see what workers said. Raises DomainError:
    ``transition.approver``, ``approval.own``, 403; ``approval.decided``, ``approval.done``, 409; ``transition.reason``,
    ``text.too_long``, ``person.*``, 422; and as :func:`service.remediation.steps.get_step` does.
    """
    check_approver(act.actor)
    if request.state != "open":
        raise DomainError("approval.decided", 409, "This request has already been decided.")
    if request.asked_by == act.actor.name:
        raise DomainError("approval.own", 403, "You made this request. A different approver has to decide on it.")
    check_reason(response, is_needed=not approves)
    step = get_step(session, request.step_id, replace(act, sees_worker_derived=True))
    if approves:
        _check_open(step)
        if request.due is not None:
            move_due(session, step, request.due, request.reason, act)
        else:
            change_state(session, step, WITHHELD, request.reason, act)
    request.state = "approved" if approves else "declined"
    request.response, request.decided_by, request.decided_at = response.strip() or None, act.actor.name, act.at
    record_event(session, act.actor.name, f"step.approval_{request.state}", "step", step.id, {"change": request.kind})
    session.flush()
