"""What a supplier sees through its link: the findings that were put to it, and its own part of the plan.

What is left out is left out here, once for everything that a link serves: findings and steps that are known from workers, case
records, evidence that others submitted, comments, the history with its reasons, verifications, steps of the buyer, withheld
steps, steps that contact workers until help is arranged, and the names of users. Nothing is numbered, so that no gap shows. A
rejected step is shown like one in progress, and a reopened one like one that is done until a user starts it again: both may
rest on the workers' word, and the supplier must not see when that came. A link shows only what was entered for the record that
it was made for, so that a wrong merge shows nobody the findings of another supplier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, func, not_, select
from sqlalchemy.orm import Session

from risk_models.model import Model, get_model_version
from service.clock import today
from service.db.link_tables import FindingAnswer, StepProposal
from service.db.remediation_tables import Finding, Reply, ReplyFinding, Step, StepEvidence
from service.db.tables import Result, Supplier
from service.errors import DomainError, not_found
from service.referrals.readiness import load_gate
from service.remediation import withholding
from service.remediation.replies import WAITS, is_consulted
from service.remediation.rules import list_next_states
from service.remediation.steps import get_action
from service.report_content.contact_gate import SUPPLIER_TEXT

DONE = "Done"
# The state of a step in the words that the supplier sees.
STATES = {
    "planned": "Proposed",
    "agreed": "Agreed",
    "in_progress": "In progress",
    "rejected": "In progress",
    "reopened": "Done",
    "evidence_in": "Proof received",
    "verified": "Done",
    "closed": "Done",
}
BUYER = "buyer"
FROM_LINKS = "link:"  # the beginning of the name of a link in the audit trail


@dataclass(frozen=True)
class SharedFinding:
    """A finding in words that are safe for the workers, and what the supplier answered about it (None: nothing yet).

    ``indicators``: the titles of the indicators that it is about, several if it combines them.
    """

    id: str
    title: str
    indicators: tuple[str, ...]
    answer: FindingAnswer | None


@dataclass(frozen=True)
class SharedLetter:
    """Findings that were put to the supplier, the text of the letter, and its answer. ``is_late``: its time has passed."""

    id: str
    text: str
    sent_on: date
    due_at: datetime
    answered_at: datetime | None
    response: str | None
    is_late: bool
    findings: tuple[SharedFinding, ...]


@dataclass(frozen=True)
class SharedStep:
    """A step that the supplier or its agency has to take. ``state``: in the words of STATES; ``files``: the number of proofs."""

    id: str
    title: str
    text: str
    party: str
    due: date
    state: str
    is_done: bool
    may_start: bool
    may_prove: bool
    proposals: tuple[StepProposal, ...]
    files: int


@dataclass(frozen=True)
class SharedPlan:
    """Everything that a link shows. ``name``: the supplier's own; None after it was merged into another one.

    ``withheld``: the text that replaces steps that contact workers, until help for them is arranged; "" if none is withheld.
    """

    name: str | None
    letters: tuple[SharedLetter, ...]
    steps: tuple[SharedStep, ...]
    withheld: str

    @property
    def may_be_agreed(self) -> bool:
        """Whether there are steps that the supplier has not agreed to yet."""
        return any(step.state == STATES["planned"] for step in self.steps)


def list_undelivered(session: Session, record_id: str) -> Sequence[Reply]:
    """Return the letters to a supplier that nobody is known to have received, locked until the transaction ends."""
    query = select(Reply).where(Reply.record_id == record_id, Reply.delivered_at.is_(None))
    return session.scalars(query.order_by(Reply.id).with_for_update()).all()


def has_undelivered(session: Session, record_id: str) -> bool:
    """Return whether there are letters to a supplier that nobody is known to have received."""
    query = select(Reply.id).where(Reply.record_id == record_id, Reply.delivered_at.is_(None))
    return session.scalars(query.limit(1)).first() is not None


def get_shared_plan(session: Session, supplier_id: str, record_id: str, at: datetime) -> SharedPlan:
    """Return what a link for a record of a supplier shows."""
    supplier = session.get_one(Supplier, supplier_id)
    titles = FindingTitles(session, supplier)
    letters = session.scalars(
        select(Reply)
        .where(Reply.record_id == record_id, Reply.delivered_at.is_not(None))
        .order_by(Reply.sent_on.desc(), Reply.id)
    )
    withheld = _build_withheld(session)
    of_record = _select_of_record(record_id)
    steps = session.scalars(of_record.where(not_(withheld)).order_by(Step.due, Step.action)).all()
    is_withheld = session.scalars(of_record.where(withheld).limit(1)).first() is not None
    name = supplier.name if record_id == supplier.id else None
    return SharedPlan(
        name,
        tuple(_build_letter(session, letter, titles, at) for letter in letters),
        tuple(_build_step(session, step) for step in steps),
        SUPPLIER_TEXT if is_withheld else "",
    )


def get_shared_letter(session: Session, record_id: str, reply_id: str) -> Reply:
    """Return a letter that a link shows, locked until the transaction ends. Raises DomainError ``not_found``, 404."""
    query = select(Reply).where(Reply.id == reply_id, Reply.record_id == record_id, Reply.delivered_at.is_not(None))
    reply = session.scalars(query.with_for_update()).first()
    if reply is None:
        raise not_found("Letter not found.")
    return reply


def list_findings_of_letter(session: Session, reply_id: str) -> Sequence[Finding]:
    """Return the findings of a letter that the supplier sees, in an order that says nothing."""
    linked = select(ReplyFinding.finding_id).where(ReplyFinding.reply_id == reply_id)
    query = select(Finding).where(Finding.id.in_(linked), Finding.worker_derived.is_(False), Finding.case_id.is_(None))
    return session.scalars(query.order_by(Finding.about, Finding.id)).all()


def get_shared_step(session: Session, record_id: str, step_id: str, *, lock: bool = True) -> Step:
    """Return a step that a link shows, to change it, locked until the transaction ends.

    Raises DomainError: ``not_found``, 404; ``step.done``, 409, for a step that is shown as done.
    """
    query = _select_steps(session, record_id).where(Step.id == step_id)
    if lock:
        query = query.with_for_update()
    step = session.scalars(query).first()
    if step is None:
        raise not_found("Step not found.")
    if STATES[step.state] == DONE:
        raise DomainError("step.done", 409, "This step is done.")
    return step


def list_shared_steps(session: Session, record_id: str, state: str) -> Sequence[Step]:
    """Return the steps in a state that a link shows, locked until the transaction ends."""
    query = _select_steps(session, record_id).where(Step.state == state).order_by(Step.id)
    return session.scalars(query.with_for_update()).all()


def _select_steps(session: Session, record_id: str) -> Select[Step]:
    return _select_of_record(record_id).where(not_(_build_withheld(session)))


def _build_withheld(session: Session) -> ColumnElement[bool]:
    return withholding.build_condition(session, load_gate(session, today()))


def _select_of_record(record_id: str) -> Select[Step]:
    return select(Step).where(
        Step.record_id == record_id,
        Step.worker_derived.is_(False),
        Step.party != BUYER,
        Step.state.in_(STATES),
    )


def list_findings_to_ask(session: Session, supplier_id: str) -> Sequence[Finding]:
    """Return the findings on which a supplier can be consulted and has not been; never one that is known only from workers."""
    asked = select(ReplyFinding.finding_id).join(Reply).where(Reply.supplier_id == supplier_id)
    query = select(Finding).where(
        Finding.supplier_id == supplier_id,
        Finding.state.in_(WAITS),
        Finding.worker_derived.is_(False),
        Finding.case_id.is_(None),
        Finding.id.not_in(asked),
    )
    return session.scalars(query.order_by(Finding.about, Finding.id)).all()


def list_proposals(session: Session, supplier_id: str) -> Sequence[tuple[StepProposal, Step]]:
    """Return what a supplier proposed for its steps, open proposals first, then the newest."""
    query = (
        select(StepProposal, Step)
        .join(Step, Step.id == StepProposal.step_id)
        .where(Step.supplier_id == supplier_id, Step.worker_derived.is_(False))
        .order_by(StepProposal.state != "open", StepProposal.sent_at.desc(), StepProposal.id)
    )
    return [(proposal, step) for proposal, step in session.execute(query)]


def count_open_proposals(session: Session, step: Step) -> int:
    """Return how many proposals of the supplier about a step wait for a decision."""
    query = select(func.count()).where(StepProposal.step_id == step.id, StepProposal.state == "open")
    return session.scalar(query) or 0


class FindingTitles:
    """The titles of findings about a supplier: those of the indicators and floors of the model that assessed it."""

    def __init__(self, session: Session, supplier: Supplier) -> None:
        result = session.get(Result, supplier.latest_id) if supplier.latest_id else None
        self.model: Model | None = get_model_version(result.model, result.model_version) if result else None

    def get_title(self, finding: Finding) -> str:
        """Return the title of a finding; one that the model does not know any more is called by its id."""
        named: Mapping[str, str] = {}
        if self.model is not None:
            parts = self.model.indicators if finding.kind == "indicator" else self.model.floors
            named = {part.id: part.title for part in parts}
        return named.get(finding.about, finding.about.replace("_", " ").capitalize())

    def list_indicators(self, finding: Finding) -> tuple[str, ...]:
        """Return the titles of the indicators that a finding is about: its own one, or those that a floor reads."""
        if self.model is None:
            return ()
        ids = {finding.about}
        if finding.kind == "floor":
            ids = {id_ for floor in self.model.floors if floor.id == finding.about for id_ in floor.indicator_ids}
        return tuple(indicator.title for indicator in self.model.indicators if indicator.id in ids)


def list_answers(session: Session, reply_id: str) -> Sequence[FindingAnswer]:
    """Return what a supplier answered about each finding of a letter."""
    query = select(FindingAnswer).where(FindingAnswer.reply_id == reply_id)
    return session.scalars(query.order_by(FindingAnswer.finding_id)).all()


def _build_letter(session: Session, reply: Reply, titles: FindingTitles, at: datetime) -> SharedLetter:
    answers = {answer.finding_id: answer for answer in list_answers(session, reply.id)}
    found = list_findings_of_letter(session, reply.id)
    return SharedLetter(
        id=reply.id,
        text=reply.text,
        sent_on=reply.sent_on,
        due_at=reply.due_at,
        answered_at=reply.answered_at,
        response=reply.response,
        is_late=reply.answered_at is None and is_consulted(reply, at),
        findings=tuple(
            SharedFinding(
                finding.id, titles.get_title(finding), titles.list_indicators(finding), answers.get(finding.id)
            )
            for finding in found
        ),
    )


def _build_step(session: Session, step: Step) -> SharedStep:
    action = get_action(step)
    proposals = session.scalars(
        select(StepProposal).where(StepProposal.step_id == step.id).order_by(StepProposal.sent_at, StepProposal.id)
    )
    files = session.scalars(
        select(StepEvidence.id).where(StepEvidence.step_id == step.id, StepEvidence.submitted_by.startswith(FROM_LINKS))
    ).all()
    is_done = STATES[step.state] == DONE
    return SharedStep(
        id=step.id,
        title=action.title,
        text=action.do,
        party=step.party,
        due=step.due,
        state=STATES[step.state],
        is_done=is_done,
        may_start="in_progress" in list_next_states("step", step.state)
        and STATES[step.state] not in ("In progress", DONE),
        may_prove=not is_done,
        proposals=tuple(proposals),
        files=len(files),
    )
