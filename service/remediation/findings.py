"""Findings: what was found at a supplier, how severe it is, and whether it has been put right.

A finding is remedied when each step that it calls for is verified, and closed by a second person. A finding about a case follows
the case, which two users close if people were in danger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.db.case_tables import StoredCase
from service.db.remediation_tables import Finding, Step, StepFinding, StepVerification, Transition
from service.errors import DomainError, not_found
from service.remediation import steps as step_service
from service.remediation.rules import DONE, check_reason, check_transition, load_rules
from service.remediation.steps import Act

INVOLVEMENT = ("caused", "contributed", "linked")
SEVERITY = ("scale", "scope", "irremediability")


def get_finding(
    session: Session, finding_id: str, act: Act, *, version: int | None = None, lock: bool = True
) -> Finding:
    """Return a finding that the caller may see, locked until the transaction ends.

    ``version``: the one that the caller has seen, None for any. Raises DomainError: ``not_found``, 404; ``finding.changed``, 409.
    """
    query = select(Finding).where(Finding.id == finding_id)
    if not act.sees_worker_derived:
        query = query.where(Finding.worker_derived.is_(False))
    if lock:
        query = query.with_for_update()
    finding = session.scalars(query).first()
    if finding is None:
        raise not_found("Finding not found.")
    if version is not None and finding.version != version:
        raise DomainError(
            "finding.changed", 409, "This finding has changed since you opened it. Check the current version first."
        )
    return finding


def list_steps_of(session: Session, finding: Finding, *, lock: bool = False) -> Sequence[Step]:
    """Return the steps that a finding calls for, locked until the transaction ends if asked."""
    linked = select(StepFinding.step_id).where(StepFinding.finding_id == finding.id)
    query = select(Step).where(Step.id.in_(linked)).order_by(Step.due, Step.id)
    if lock:
        query = query.with_for_update()
    return session.scalars(query).all()


def change_state(session: Session, finding: Finding, state: str, reason: str | None, act: Act, *, by: str = "") -> None:
    """Change the state of a locked finding. ``by``: the use case that does it, "" for a user's request.

    Raises DomainError as :func:`service.remediation.rules.check_transition` does, and ``finding.case_open``,
    ``finding.steps_open``, ``finding.not_set_aside``, 409.
    """
    steps = list_steps_of(session, finding, lock=True)
    last_actor = session.scalars(
        select(Transition.actor)
        .where(Transition.finding_id == finding.id)
        .order_by(Transition.at.desc(), Transition.id)
    ).first()
    check_transition(
        "finding", finding.state, state, act.actor, reason=reason, safety=True, last_actor=last_actor, by=by
    )
    if (finding.state, state) == ("disputed", "closed"):
        _check_set_aside(finding, steps)
    elif state in ("remedied", "closed"):
        _check_remedied(session, finding, steps)
    before, finding.state = finding.state, state
    finding.version += 1
    finding.updated_at = act.at
    values = {"field": "state", "from_value": before, "to_value": state, "reason": (reason or "").strip() or None}
    session.add(Transition(finding_id=finding.id, **values, actor=act.actor.name, at=act.at))
    details = {"from": before, "to": state}
    record_event(session, act.actor.name, "finding.state_changed", "finding", finding.id, details)
    session.flush()
    for step in steps if state == "reopened" else ():
        if step.state in DONE:
            step_service.change_state(session, step, "reopened", None, act, by="finding")


def _check_set_aside(finding: Finding, steps: Sequence[Step]) -> None:
    if finding.worker_derived or finding.case_id or any(step.safety for step in steps):
        raise DomainError(
            "finding.not_set_aside",
            409,
            "A finding that workers reported, or that calls for a step that protects people, "
            "cannot be set aside. It is closed once its steps have been verified.",
        )


def _check_remedied(session: Session, finding: Finding, steps: Sequence[Step]) -> None:
    """Check that a case is closed, that every step is done, and that somebody on the workers' side confirmed what needs it."""
    if finding.case_id is not None:
        case = session.get(StoredCase, finding.case_id)
        if case is None or case.state != "closed":
            raise DomainError(
                "finding.case_open",
                409,
                "Close the case first. If people were in danger, two users are needed to close it.",
            )
    taken = [step for step in steps if step.state != "withheld"]
    still_open = [step for step in taken if step.state not in DONE]
    if still_open or not (taken or finding.case_id):
        names = ", ".join(sorted(step.action for step in still_open))
        detail = (
            f"Some steps have not been verified: {names}." if names else "No step of this finding has been verified."
        )
        raise DomainError("finding.steps_open", 409, detail)
    if taken and any(step.safety or step.needs_workers for step in steps):
        worker_side = load_rules()["verification"]["worker_side"]
        query = select(StepVerification.id).where(
            StepVerification.step_id.in_([step.id for step in taken]),
            StepVerification.outcome == "verified",
            StepVerification.source.in_(worker_side),
        )
        if session.scalars(query).first() is None:
            raise DomainError(
                "finding.steps_open",
                409,
                "No one on the workers' side has confirmed that the problem has been put right.",
            )


def describe(session: Session, finding: Finding, changes: Mapping[str, Any], act: Act) -> None:
    """Set the severity (``scale``, ``scope``, ``irremediability``, 1 to 4) or the ``involvement`` of a locked finding.

    Lowering a severity takes a reason (``reason``), as does every involvement. Raises DomainError, 422: ``finding.severity``,
    ``finding.involvement``, ``transition.reason``, ``person.*``.
    """
    reason = changes.get("reason")
    for name in SEVERITY:
        value = changes.get(name)
        if value is not None and value not in (1, 2, 3, 4):
            raise DomainError("finding.severity", 422, f"{name}: Choose a number from 1 to 4.")
        if value is not None and value < (getattr(finding, name) or 0):
            check_reason(reason)
    involvement = changes.get("involvement")
    if involvement is not None:
        if involvement not in INVOLVEMENT:
            raise DomainError("finding.involvement", 422, f"Choose one of these: {', '.join(INVOLVEMENT)}.")
        check_reason(reason)
        finding.involvement_reason = reason
    changed = {
        name: changes[name]
        for name in (*SEVERITY, "involvement")
        if changes.get(name) is not None and changes[name] != getattr(finding, name)
    }
    for name, value in changed.items():
        setattr(finding, name, value)
    if changed:
        finding.version += 1
        finding.updated_at = act.at
        record_event(session, act.actor.name, "finding.described", "finding", finding.id, changed)
        session.flush()
