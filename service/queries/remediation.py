"""Lists of findings and steps, for the board and the API: what the caller may see of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

from sqlalchemy import func, not_, select
from sqlalchemy.orm import Session

from risk_models.action_library import load_actions
from risk_models.action_releases import list_generations
from service.clock import today
from service.db.account_tables import User
from service.db.approval_tables import StepRequest
from service.db.pagination import ASCENDING, DESCENDING, Page, build_order_by, paginate
from service.db.remediation_tables import (
    Finding,
    Reply,
    ReplyFinding,
    Step,
    StepComment,
    StepEvidence,
    StepFinding,
    StepVerification,
    Transition,
)
from service.db.session import chunks
from service.db.tables import Supplier
from service.queries.watches import OpenWatch, get_open_watch
from service.referrals.readiness import load_gate
from service.remediation import withholding
from service.remediation.rules import DONE
from service.remediation.steps import FROM_WORKERS, Act

OPEN_STATES = ("planned", "agreed", "in_progress", "evidence_in", "rejected", "reopened", "withheld")
MAX_STEPS = 50  # on a page of the board
MAX_DAYS = 1000  # in a calendar
STEP_ORDER = ((Step.safety, DESCENDING), (Step.due, ASCENDING), (Step.id, ASCENDING))  # those that protect people first


def list_findings(
    session: Session,
    *,
    sees_worker_derived: bool,
    supplier_id: str | None = None,
    state: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page:
    """Return a page of findings, the oldest first. Raises DomainError ``cursor.unknown``."""
    query = select(Finding)
    if not sees_worker_derived:
        query = query.where(Finding.worker_derived.is_(False))
    if supplier_id is not None:
        query = query.where(Finding.supplier_id == supplier_id)
    if state is not None:
        query = query.where(Finding.state == state)
    return paginate(session, query, ((Finding.found_on, ASCENDING), (Finding.id, ASCENDING)), cursor, limit)


@dataclass(frozen=True)
class StepPage(Page):
    """A page of steps. ``withheld``: the text that replaces those that contact workers, until help is arranged; "" if none is."""

    withheld: str


def list_steps(
    session: Session,
    *,
    sees_worker_derived: bool,
    supplier_id: str | None = None,
    states: Collection[str] = (),
    owner_id: str | None = None,
    party: str | None = None,
    priority: str | None = None,
    overdue_on: date | None = None,
    cursor: str | None = None,
    limit: int = MAX_STEPS,
) -> StepPage:
    """Return a page of steps: those that protect people first, then by due date.

    ``priority``: only those of one Bali Process priority. ``overdue_on``: only those that are not done and were due before a day.
    ``owner_id``: "" for those of nobody. Raises DomainError ``cursor.unknown``.
    """
    query = select(Step)
    if not sees_worker_derived:
        query = query.where(Step.worker_derived.is_(False))
    if supplier_id is not None:
        query = query.where(Step.supplier_id == supplier_id)
    if states:
        query = query.where(Step.state.in_(tuple(states)))
    if owner_id is not None:
        query = query.where(Step.owner_id == owner_id if owner_id else Step.owner_id.is_(None))
    if party is not None:
        query = query.where(Step.party == party)
    if priority is not None:
        query = query.where(Step.action.in_(list_actions_of_priority(priority)))
    if overdue_on is not None:
        query = query.where(Step.due < overdue_on, Step.state.not_in(DONE))
    gate = load_gate(session, today())
    withheld = withholding.build_condition(session, gate)
    page = paginate(session, query.where(not_(withheld)), STEP_ORDER, cursor, limit)
    text = withholding.describe_withheld(session, gate, query.where(withheld))
    return StepPage(page.items, page.next_cursor, text)


def list_days(session: Session, on: date, *, owner_id: str | None) -> Sequence[Step]:
    """Return the steps that are not done, by due date, of one owner or (None) of all; never what is known only from workers, nor
    what is withheld on a day.
    """
    withheld = withholding.build_condition(session, load_gate(session, on))
    query = select(Step).where(Step.worker_derived.is_(False), Step.state.not_in(DONE), not_(withheld))
    if owner_id is not None:
        query = query.where(Step.owner_id == owner_id)
    return session.scalars(query.order_by(Step.due, Step.id).limit(MAX_DAYS)).all()


@cache
def list_actions_of_priority(priority: str) -> frozenset[str]:
    """Return the ids of the actions of one Bali Process priority, in every generation of the library."""
    every = (action for folder in list_generations() for action in load_actions(folder))
    return frozenset(action.id for action in every if action.priority == priority)


def count_overdue(session: Session, on: date, *, sees_worker_derived: bool) -> int:
    """Count the steps that are not done, were due before a day and are not withheld."""
    withheld = withholding.build_condition(session, load_gate(session, on))
    query = select(func.count(Step.id)).where(Step.due < on, Step.state.not_in(DONE), not_(withheld))
    if not sees_worker_derived:
        query = query.where(Step.worker_derived.is_(False))
    return session.scalars(query).one()


def get_suppliers(session: Session, rows: Sequence[Step | Finding]) -> Mapping[str, Supplier]:
    """Return the suppliers that steps or findings are about, by id."""
    found: dict[str, Supplier] = {}
    for chunk in chunks(sorted({row.supplier_id for row in rows})):
        found |= {one.id: one for one in session.scalars(select(Supplier).where(Supplier.id.in_(chunk)))}
    return found


def get_steps(session: Session, ids: Collection[str]) -> Mapping[str, Step]:
    """Return steps by id. The caller has seen to it that they may be shown."""
    found: dict[str, Step] = {}
    for chunk in chunks(sorted(set(ids))):
        found |= {step.id: step for step in session.scalars(select(Step).where(Step.id.in_(chunk)))}
    return found


def list_finding_ids(session: Session, steps: Sequence[Step], *, sees_worker_derived: bool) -> Mapping[str, list[str]]:
    """Return the ids of the findings that each step is for, by the id of the step."""
    ids: dict[str, list[str]] = {step.id: [] for step in steps}
    query = select(StepFinding.step_id, StepFinding.finding_id).join(Finding, Finding.id == StepFinding.finding_id)
    if not sees_worker_derived:
        query = query.where(Finding.worker_derived.is_(False))
    for chunk in chunks(list(ids)):
        for step_id, finding_id in session.execute(query.where(StepFinding.step_id.in_(chunk)).order_by(Finding.about)):
            ids[step_id].append(finding_id)
    return ids


@dataclass(frozen=True)
class StepRecord:
    """A step with all that belongs to it, oldest entries first, as far as the caller may see it. ``watch``: the open one over the
    workers of its supplier.
    """

    step: Step
    supplier: Supplier
    findings: Sequence[Finding]
    history: Sequence[Transition]
    evidence: Sequence[StepEvidence]
    verifications: Sequence[StepVerification]
    comments: Sequence[StepComment]
    requests: Sequence[StepRequest]
    watch: OpenWatch | None
    names: Mapping[str, str]


def get_step_record(session: Session, step: Step, act: Act) -> StepRecord:
    """Return a step with its history. Who may not see what workers said sees no free text: it might repeat that."""
    of_step = {"step_id": step.id}
    linked = select(StepFinding.finding_id).filter_by(**of_step)
    findings = select(Finding).where(Finding.id.in_(linked)).order_by(Finding.found_on, Finding.about)
    evidence = select(StepEvidence).filter_by(**of_step).order_by(StepEvidence.submitted_at, StepEvidence.id)
    if not act.sees_worker_derived:
        findings = findings.where(Finding.worker_derived.is_(False))
        evidence = evidence.where(StepEvidence.kind != FROM_WORKERS)
    comments = select(StepComment).filter_by(**of_step).order_by(StepComment.created_at, StepComment.id)
    return StepRecord(
        step,
        session.get_one(Supplier, step.supplier_id),
        session.scalars(findings).all(),
        session.scalars(select(Transition).filter_by(**of_step).order_by(Transition.at, Transition.id)).all(),
        session.scalars(evidence).all(),
        session.scalars(
            select(StepVerification).filter_by(**of_step).order_by(StepVerification.verified_at, StepVerification.id)
        ).all(),
        session.scalars(comments).all() if act.sees_worker_derived else (),
        session.scalars(select(StepRequest).filter_by(**of_step).order_by(StepRequest.asked_at, StepRequest.id)).all(),
        get_open_watch(session, step.supplier_id) if act.sees_worker_derived else None,
        {user.id: user.name for user in session.scalars(select(User))},
    )


@dataclass(frozen=True)
class FindingRecord:
    """A finding with all that belongs to it, oldest entries first, as far as the caller may see it.

    ``letters``: those in which it was put to the supplier. ``withheld``: the text that replaces steps that contact workers, until
    help is arranged; "" if none is. ``watch``: the open one over the workers of the supplier.
    """

    finding: Finding
    supplier: Supplier
    history: Sequence[Transition]
    steps: Sequence[Step]
    withheld: str
    letters: Sequence[Reply]
    watch: OpenWatch | None
    names: Mapping[str, str]


def get_finding_record(session: Session, finding: Finding, act: Act) -> FindingRecord:
    """Return a finding with its history."""
    supplier = session.get_one(Supplier, finding.supplier_id)
    linked = select(StepFinding.step_id).where(StepFinding.finding_id == finding.id)
    steps = select(Step).where(Step.id.in_(linked)).order_by(*build_order_by(STEP_ORDER))
    if not act.sees_worker_derived:
        steps = steps.where(Step.worker_derived.is_(False))
    gate = load_gate(session, act.on)
    shown, withheld = withholding.leave_out_withheld(gate, supplier, session.scalars(steps).all())
    asked = select(ReplyFinding.reply_id).where(ReplyFinding.finding_id == finding.id)
    return FindingRecord(
        finding,
        supplier,
        session.scalars(
            select(Transition).where(Transition.finding_id == finding.id).order_by(Transition.at, Transition.id)
        ).all(),
        shown,
        withheld,
        session.scalars(select(Reply).where(Reply.id.in_(asked)).order_by(Reply.created_at, Reply.id)).all(),
        get_open_watch(session, supplier.id) if act.sees_worker_derived else None,
        {user.id: user.name for user in session.scalars(select(User))},
    )
