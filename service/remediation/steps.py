"""The steps of a plan: their state, owner and due date, the evidence that they were taken, and comments.

Each function is one change in the caller's transaction, with its entry in the history and in the audit trail. A step is locked
while it is changed, and a change that was made to an older version is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from risk_models.action_library import Action, list_release_actions
from service.audit import record_event
from service.clock import today
from service.db.account_tables import User
from service.db.remediation_tables import Step, StepComment, StepEvidence, Transition
from service.db.session import chunks
from service.db.tables import new_id
from service.errors import DomainError, not_found
from service.referrals.readiness import load_gate
from service.remediation import withholding
from service.remediation.events import queue_step_event
from service.remediation.evidence_files import StoredFile
from service.remediation.remedy_totals import check_repaid
from service.remediation.rules import Actor, check_approver, check_reason, check_text, check_transition
from service.suppliers.verified_steps import queue_assessment

EVIDENCE_KINDS = ("payment_proof", "document", "photo", "interview_summary", "official")
FROM_WORKERS = "interview_summary"  # the kind of evidence that says what workers said
MAX_REFERENCE = 300
NO_HELP = "step.no_help"  # the code of the error for a step that is withheld until the referral directory is ready


@dataclass(frozen=True)
class Act:
    """Who does something, on which day and at what moment; ``sees_worker_derived``: whether what workers said is visible to
    that caller.
    """

    actor: Actor
    on: date
    at: datetime
    sees_worker_derived: bool


class SignedIn(Protocol):
    """A caller of the service, such as ``service.auth.caller.Caller``."""

    @property
    def actor(self) -> str:
        """Return the name of the caller in the audit trail."""

    @property
    def role(self) -> str | None:
        """Return the role of a user; None for an API key."""

    @property
    def owner_id(self) -> str | None:
        """Return the ID of the user, or of the user who answers for the key."""

    @property
    def time_zone(self) -> str:
        """Return the time zone of the organisation."""

    @property
    def sees_worker_derived(self) -> bool:
        """Whether the caller sees what workers reported."""


def build_act(caller: SignedIn, at: datetime) -> Act:
    """Return what a caller does at a moment, on the day that it is where the caller's organisation is."""
    actor = Actor(caller.actor, caller.role, caller.owner_id)
    return Act(actor, today(caller.time_zone), at, caller.sees_worker_derived)


@dataclass(frozen=True)
class Evidence:
    """Evidence as it is submitted: its ``kind``, where it is kept, the period it is about, and a ``file``, if one was sent."""

    kind: str
    reference: str
    period_from: date | None = None
    period_to: date | None = None
    file: StoredFile | None = None


def get_step(session: Session, step_id: str, act: Act, *, version: int | None = None, lock: bool = True) -> Step:
    """Return a step that the caller may see, locked until the transaction ends.

    ``version``: the one that the caller has seen, None for any. Raises DomainError: ``not_found``, 404; ``step.no_help``, 409,
    for a step that contacts workers where the referral directory is not ready; ``step.changed``, 409.
    """
    query = select(Step).where(Step.id == step_id)
    if not act.sees_worker_derived:
        query = query.where(Step.worker_derived.is_(False))
    if lock:
        query = query.with_for_update()
    step = session.scalars(query).first()
    if step is None:
        raise not_found("Step not found.")
    _check_help(session, [step], act.on)
    if version is not None and step.version != version:
        raise DomainError(
            "step.changed", 409, "This step has changed since you opened it. Check the current version first."
        )
    return step


def get_steps(session: Session, ids: Collection[str], act: Act) -> list[Step]:
    """Return several steps as :func:`get_step` does, locked in the order of their ids. Raises DomainError as it does."""
    steps = find_steps(session, ids, act)
    if len(steps) < len(set(ids)):
        raise not_found("Step not found.")
    _check_help(session, list(steps.values()), act.on)
    return list(steps.values())


def find_steps(session: Session, ids: Collection[str], act: Act, *, lock: bool = True) -> Mapping[str, Step]:
    """Return those steps of these ids that the caller may see, by id, locked in the order of their ids: two transactions that
    locked the same steps in different orders would wait for each other.
    """
    steps: dict[str, Step] = {}
    for chunk in chunks(sorted(set(ids))):
        query = select(Step).where(Step.id.in_(chunk)).order_by(Step.id)
        if not act.sees_worker_derived:
            query = query.where(Step.worker_derived.is_(False))
        if lock:
            query = query.with_for_update()
        steps |= {step.id: step for step in session.scalars(query)}
    return steps


def describe_no_help(session: Session, steps: Collection[Step], on: date) -> Mapping[str, str]:
    """Return for each step that is withheld because it contacts workers what the referral directory lacks, by its id."""
    contacts = [step for step in steps if withholding.is_open_contact(step)]
    return withholding.describe_each(session, load_gate(session, on), contacts) if contacts else {}


def _check_help(session: Session, steps: Collection[Step], on: date) -> None:
    for text in describe_no_help(session, steps, on).values():
        raise DomainError(NO_HELP, 409, text)


def get_action(step: Step) -> Action:
    """Return the action of a step as it stood in the release of the library that the step was taken from."""
    return next(action for action in list_release_actions(step.actions_release) if action.id == step.action)


def change_state(session: Session, step: Step, state: str, reason: str | None, act: Act, *, by: str = "") -> None:
    """Change the state of a locked step, and queue its event. ``by``: the use case that does it, "" for a user's request.

    Raises DomainError as :func:`service.remediation.rules.check_transition` does, and ``remedy.owed``, 409, for a step of
    repayment that is closed while workers are owed.
    """
    set_state(session, step, state, reason, act, by=by)
    queue_state(session, step, act, by=by)


def set_state(session: Session, step: Step, state: str, reason: str | None, act: Act, *, by: str = "") -> None:
    """Change the state of a locked step as :func:`change_state` does, without its event."""
    check_transition("step", step.state, state, act.actor, reason=reason, safety=step.safety, by=by)
    if state == "closed":
        check_repaid(session, step)
    before, step.state = step.state, state
    record_change(session, step, "state", before, state, reason, act)
    if "closed" in (before, state):
        queue_assessment(session, step.supplier_id, act.on, act.actor.name)


def queue_state(session: Session, step: Step, act: Act, *, by: str = "") -> None:
    """Queue the event that a step is now closed or reopened, if it is."""
    if step.state == "closed":
        queue_step_event(session, step, act.actor)
    elif step.state == "reopened":
        queue_step_event(session, step, act.actor, reason=by or "request")


def move_due(session: Session, step: Step, due: date, reason: str | None, act: Act) -> None:
    """Move the due date of a locked step. A later date for a step that protects people takes an approver.

    Raises DomainError: ``transition.reason``, 422; ``transition.approver``, 403.
    """
    if due == step.due:
        return
    check_reason(reason)
    if step.safety and due > step.due:
        check_approver(act.actor)
    before, step.due = step.due, due
    record_change(session, step, "due", before.isoformat(), due.isoformat(), reason, act)


def assign(session: Session, step: Step, owner_id: str | None, act: Act) -> None:
    """Give a locked step to a user, or to nobody (None). Raises DomainError ``step.owner``, 422, for one who has no access."""
    if owner_id == step.owner_id:
        return
    owner = session.get(User, owner_id) if owner_id else None
    if owner_id and (owner is None or not owner.active):
        raise DomainError("step.owner", 422, "Choose a user who can sign in.")
    before, step.owner_id = step.owner_id, owner_id
    record_change(session, step, "owner", before, owner_id, None, act)


def add_evidence(session: Session, step: Step, evidence: Evidence, act: Act) -> StepEvidence:
    """Add evidence to a locked step, which then waits for verification.

    Raises DomainError: ``evidence.kind``, ``evidence.reference``, ``evidence.period``, ``person.*``, 422; ``evidence.nobody``,
    403, for a key that nobody answers for; ``not_found`` for a caller who may not see what workers said and sends that.
    """
    if act.actor.person is None:
        raise DomainError(
            "evidence.nobody", 403, "This API key does not belong to any user, so it cannot be used to submit evidence."
        )
    if evidence.kind not in EVIDENCE_KINDS:
        raise DomainError("evidence.kind", 422, f"Choose one of these kinds: {', '.join(EVIDENCE_KINDS)}.")
    if not evidence.reference.strip() and evidence.file is None:
        detail = "Choose a file, or enter where the evidence is kept and a document or case number."
        raise DomainError("evidence.reference", 422, detail)
    check_text(evidence.reference, MAX_REFERENCE)
    if evidence.period_from and evidence.period_to and evidence.period_from > evidence.period_to:
        raise DomainError("evidence.period", 422, "The period ends before it begins.")
    stored = StepEvidence(
        id=new_id(),
        step_id=step.id,
        kind=evidence.kind,
        reference=evidence.reference.strip() or None,
        **(asdict(evidence.file) if evidence.file else {}),
        period_from=evidence.period_from,
        period_to=evidence.period_to,
        worker_derived=evidence.kind == FROM_WORKERS,
        submitted_by=act.actor.name,
        person=act.actor.person,
        submitted_at=act.at,
    )
    change_state(session, step, "evidence_in", None, act, by="evidence")
    session.add(stored)
    details = {"kind": stored.kind, "evidence": stored.id, "bytes": stored.size}
    record_event(session, act.actor.name, "step.evidence_added", "step", step.id, details)
    return stored


def add_comment(session: Session, step: Step, text: str, act: Act) -> StepComment:
    """Add a comment to a step. Raises DomainError, 422: ``comment.empty``, ``text.too_long``, ``person.*``."""
    if not text.strip():
        raise DomainError("comment.empty", 422, "Write a comment.")
    check_text(text)
    comment = StepComment(step_id=step.id, text=text.strip(), created_by=act.actor.name, created_at=act.at)
    session.add(comment)
    record_event(session, act.actor.name, "step.comment_added", "step", step.id)
    return comment


def record_change(
    session: Session, step: Step, field: str, before: str | None, after: str | None, reason: str | None, act: Act
) -> None:
    """Add a change to the history of a step and to the audit trail, and count it as a new version."""
    step.version += 1
    step.updated_at = act.at
    values = {"field": field, "from_value": before, "to_value": after}
    session.add(
        Transition(step_id=step.id, **values, reason=(reason or "").strip() or None, actor=act.actor.name, at=act.at)
    )
    record_event(session, act.actor.name, f"step.{field}_changed", "step", step.id, {"from": before, "to": after})
