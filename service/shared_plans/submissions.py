"""What a supplier sends through its link: replies, agreement, progress, and proposals about steps.

Each function is one change in the caller's transaction, with its entry in the audit trail under the name of the link.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.db.link_tables import FindingAnswer, StepProposal
from service.db.remediation_tables import Finding, Reply, Step
from service.db.tables import Supplier
from service.errors import DomainError, not_found
from service.outbox.approvals import tell_approvers
from service.remediation import findings, plans, replies, steps
from service.remediation.rules import check_reason, check_text, list_next_states
from service.remediation.steps import Act
from service.shared_plans.contents import FindingTitles, list_findings_of_letter, list_shared_steps, list_undelivered

# What a supplier can say about a finding, and the state that the finding then has (None: only consulted).
POSITIONS = {
    "accepts": "We accept this finding",
    "disputes": "We dispute this finding",
    "comments": "We have a comment",
}
STATE_AFTER = {"accepts": "accepted", "disputes": "disputed", "comments": None}
COST_SHARING = {
    "agency": "The recruitment agency",
    "buyer": "The buyer",
    "agency_and_buyer": "The recruitment agency and the buyer",
}
MOST_OPEN = 5  # proposals about one step that wait for a decision


@dataclass(frozen=True)
class Answer:
    """What a supplier answers about one finding."""

    position: str
    text: str


def record_opening(session: Session, record_id: str, act: Act) -> None:
    """Record that each letter to a supplier that had not been delivered was opened, and start the time to reply."""
    for reply in list_undelivered(session, record_id):
        replies.record_opening(session, reply, act.at, act.actor.name)


def answer_letter(session: Session, reply: Reply, answers: Mapping[str, Answer], act: Act) -> None:
    """Record what a supplier answers about each finding of a locked letter, by the id of the finding.

    Raises DomainError, 422: ``reply.incomplete`` for a finding without a position, ``reply.answer`` for a dispute or comment
    without a text, ``text.too_long``, ``person.*``; and ``reply.answered``, 409.
    """
    found = list_findings_of_letter(session, reply.id)
    titles = FindingTitles(session, session.get_one(Supplier, reply.supplier_id))
    lines = []
    for finding in found:
        answer = answers.get(finding.id)
        if answer is None or answer.position not in POSITIONS:
            raise DomainError(
                "reply.incomplete", 422, "For each finding, say whether you accept or dispute it, or add a comment."
            )
        if answer.position != "accepts" and not answer.text.strip():
            raise DomainError("reply.answer", 422, "Explain why you dispute a finding, or add a comment.")
        check_text(answer.text)
        lines.append(f"{titles.get_title(finding)}: {POSITIONS[answer.position]}. {answer.text.strip()}".strip())
    replies.record_answer(session, reply, "\n".join(lines), act)
    for finding in found:
        answer = answers[finding.id]
        values = {"position": answer.position, "text": answer.text.strip()}
        sent = {"sent_by": act.actor.name, "sent_at": act.at}
        session.add(FindingAnswer(reply_id=reply.id, finding_id=finding.id, **values, **sent))
        _follow_position(session, finding, answer, act)
    session.flush()


def _follow_position(session: Session, finding: Finding, answer: Answer, act: Act) -> None:
    """Change the state of a finding as the supplier's position says, where its state permits that."""
    state = STATE_AFTER[answer.position]
    query = select(Finding).where(Finding.id == finding.id).with_for_update()
    locked = session.scalars(query).one()
    if state is not None and state in list_next_states("finding", locked.state):
        reason = answer.text.strip() or POSITIONS[answer.position]
        findings.change_state(session, locked, state, reason, act)


def agree_to_plan(session: Session, supplier: Supplier, record_id: str, act: Act) -> None:
    """Record that a supplier agrees to each step that was proposed to it. Raises DomainError ``plan.nothing_proposed``, 409."""
    proposed = list_shared_steps(session, record_id, "planned")
    if not proposed:
        raise DomainError("plan.nothing_proposed", 409, "There are no steps left to agree to.")
    for step in proposed:
        steps.change_state(session, step, "agreed", None, act)
    before = plans.get_plan(session, supplier.id)
    kept = ("workers_agreed_on", "spokesperson", "cost", "currency", *plans.SHARES)
    agreement = plans.Agreement(
        agreed_on=act.on, agreed_how="online", **{name: getattr(before, name, None) for name in kept}
    )
    plans.save_agreement(session, supplier, agreement, act)


def start_step(session: Session, step: Step, act: Act) -> None:
    """Record that a supplier has begun with a locked step. Raises DomainError ``transition.not_allowed``, 409."""
    steps.change_state(session, step, "in_progress", None, act)


def propose_date(session: Session, step: Step, due: date | None, reason: str, act: Act) -> StepProposal:
    """Record that a supplier proposes another date for a locked step.

    Raises DomainError, 422: ``proposal.due``, ``transition.reason``, ``text.too_long``, ``person.*``; ``proposal.too_many``,
    409.
    """
    if due is None or due < act.on or due == step.due:
        raise DomainError(
            "proposal.due", 422, "Choose a date that is not in the past and differs from the one in the plan."
        )
    check_reason(reason)
    proposal = _add_proposal(session, step, StepProposal(due=due, text=reason.strip()), act)
    if step.safety and due > step.due:
        tell_approvers(session, "date_proposal", proposal.id, act.at, supplier_id=step.supplier_id)
    return proposal


def report_obstacle(session: Session, step: Step, text: str, cost_shared_by: str | None, act: Act) -> StepProposal:
    """Record what a supplier cannot do of a locked step, and who should share the cost (None: nobody).

    Raises DomainError, 422: ``proposal.text``, ``proposal.cost``, ``text.too_long``, ``person.*``; ``proposal.too_many``, 409.
    """
    if not text.strip():
        raise DomainError("proposal.text", 422, "Explain what your company cannot do, and why.")
    if cost_shared_by is not None and cost_shared_by not in COST_SHARING:
        raise DomainError(
            "proposal.cost",
            422,
            "Choose who should share the cost: %(choices)s.",
            values={"choices": ", ".join(COST_SHARING)},
        )
    check_text(text)
    return _add_proposal(session, step, StepProposal(text=text.strip(), cost_shared_by=cost_shared_by), act)


def _add_proposal(session: Session, step: Step, proposal: StepProposal, act: Act) -> StepProposal:
    waiting = select(func.count()).where(StepProposal.step_id == step.id, StepProposal.state == "open")
    if step.state in ("verified", "closed") or session.scalars(waiting).one() >= MOST_OPEN:
        raise DomainError(
            "proposal.too_many",
            409,
            "You cannot send a message about this step now: it is done, or too many of your messages are still waiting "
            "for an answer.",
        )
    proposal.step_id, proposal.state = step.id, "open"
    proposal.sent_by, proposal.sent_at = act.actor.name, act.at
    session.add(proposal)
    session.flush()
    details = {"proposal": proposal.id, "due": proposal.due and proposal.due.isoformat()}
    record_event(session, act.actor.name, "step.proposal_received", "step", step.id, details)
    return proposal


def get_proposal(session: Session, supplier_id: str, proposal_id: str) -> StepProposal:
    """Return a proposal of a supplier, locked until the transaction ends. Raises DomainError ``not_found``, 404."""
    steps_of_supplier = select(Step.id).where(Step.supplier_id == supplier_id)
    query = select(StepProposal).where(StepProposal.id == proposal_id, StepProposal.step_id.in_(steps_of_supplier))
    query = query.with_for_update()
    proposal = session.scalars(query).first()
    if proposal is None:
        raise not_found("Proposal not found.")
    return proposal


def decide_proposal(session: Session, proposal: StepProposal, *, accepts: bool, reason: str, act: Act) -> None:
    """Accept or decline a locked proposal with a reason, which the supplier sees. Accepting a date changes that of the step.

    Raises DomainError: ``proposal.decided``, 409; ``transition.reason``, ``text.too_long``, ``person.*``, 422; and as
    :func:`service.remediation.steps.move_due` does.
    """
    if proposal.state != "open":
        raise DomainError("proposal.decided", 409, "This proposal has already been decided.")
    check_reason(reason)
    step = steps.get_step(session, proposal.step_id, act)
    if accepts and proposal.due is not None:
        steps.move_due(session, step, proposal.due, reason, act)
    proposal.state = "accepted" if accepts else "declined"
    proposal.response, proposal.responded_by, proposal.responded_at = reason.strip(), act.actor.name, act.at
    record_event(session, act.actor.name, f"step.proposal_{proposal.state}", "step", step.id, {"proposal": proposal.id})
    session.flush()
