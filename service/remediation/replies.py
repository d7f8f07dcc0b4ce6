"""The right of reply: what was put to a supplier, when it arrived, and what it answered.

Sending proves nothing: only a letter that was opened, or of which an officer noted how and when it was delivered, starts the time
to reply. A supplier has been consulted once it has answered, or once that time has passed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Exists, Text, and_, cast, exists, not_, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from reports.document import ASSESSED_FROM_OUTSIDE, DRAFT
from service.audit import record_event
from service.db.remediation_tables import Finding, Reply, ReplyFinding, Step, StepFinding, Transition
from service.db.session import Database, chunks
from service.db.tables import Organisation, Supplier
from service.errors import DomainError, not_found
from service.remediation import findings as finding_service
from service.remediation.events import queue_reply_event
from service.remediation.rules import Actor, check_text, get_reply_deadline
from service.remediation.steps import Act
from service.suppliers.imposed_labour import find_imposed_labour

MAX_TEXT = 20_000
WAITS = ("open", "reopened")  # states of findings that a supplier has not been consulted on
DEADLINES = Actor("system:remediation", None, None)  # who acts when the time to reply has passed


def ask_for_reply(session: Session, supplier: Supplier, findings: Sequence[Finding], text: str, act: Act) -> Reply:
    """Put findings to a supplier in words that are safe for its workers, and return the request for a reply.

    Raises DomainError, 422: ``reply.findings`` for none, or for one of another supplier; ``reply.worker_derived`` for one that
    is known only from workers; ``reply.text``, ``text.too_long``, ``person.*``.
    """
    if not findings or any(finding.supplier_id != supplier.id for finding in findings):
        raise DomainError("reply.findings", 422, "Choose the findings to put to the supplier.")
    if any(finding.worker_derived for finding in findings):
        raise DomainError(
            "reply.worker_derived",
            422,
            "The supplier must not learn anything that is known only from workers. Leave that finding out.",
        )
    if not text.strip():
        raise DomainError("reply.text", 422, "Describe what was found without identifying anyone.")
    check_text(text, MAX_TEXT)
    linked = select(StepFinding.step_id).where(StepFinding.finding_id.in_([finding.id for finding in findings]))
    safety = session.scalars(select(Step.id).where(Step.id.in_(linked), Step.safety)).first() is not None
    reply = Reply(
        supplier_id=supplier.id,
        record_id=supplier.id,
        text=text.strip(),
        safety=safety,
        sent_on=act.on,
        due_at=get_reply_deadline(act.at, safety=safety),
        created_by=act.actor.name,
        created_at=act.at,
    )
    session.add(reply)
    session.flush()
    session.add_all(ReplyFinding(reply_id=reply.id, finding_id=finding.id) for finding in findings)
    record_event(session, act.actor.name, "reply.asked", "reply", reply.id, {"findings": len(findings)})
    session.flush()
    return reply


def get_reply(session: Session, reply_id: str) -> Reply:
    """Return a request for a reply, locked until the transaction ends. Raises DomainError ``not_found``, 404."""
    query = select(Reply).where(Reply.id == reply_id).with_for_update()
    reply = session.scalars(query).first()
    if reply is None:
        raise not_found("Reply not found.")
    return reply


def list_replies(session: Session, supplier_id: str) -> Sequence[Reply]:
    """Return the requests for a reply of a supplier, newest first."""
    query = select(Reply).where(Reply.supplier_id == supplier_id)
    return session.scalars(query.order_by(Reply.created_at.desc(), Reply.id)).all()


def record_opening(session: Session, reply: Reply, at: datetime, by: str) -> None:
    """Record that the supplier opened the letter, and start its time to reply. Later openings change nothing."""
    if reply.delivered_at is None:
        _deliver(session, reply, "opened", at, by)


def note_delivery(session: Session, reply: Reply, delivered_at: datetime, note: str, act: Act) -> None:
    """Note how and when a letter was delivered, and start the supplier's time to reply.

    Raises DomainError: ``reply.delivered``, 409; ``reply.delivery``, ``date.future``, ``text.too_long``, ``person.*``, 422;
    ``transition.by_key``, 403.
    """
    if not act.actor.is_user:
        raise DomainError("transition.by_key", 403, "An API key cannot confirm a delivery; only a user can.")
    if reply.delivered_at is not None:
        raise DomainError("reply.delivered", 409, "The delivery has already been recorded.")
    if not note.strip():
        raise DomainError("reply.delivery", 422, "Choose how the letter was delivered.")
    check_text(note, 300)
    if delivered_at > act.at:
        raise DomainError("date.future", 422, "The delivery date cannot be in the future.")
    if delivered_at.date() < reply.sent_on:
        raise DomainError("reply.delivery", 422, "The letter cannot have been delivered before it was sent.")
    reply.delivery_note, reply.delivery_noted_by = note.strip(), act.actor.name
    _deliver(session, reply, "noted", delivered_at, act.actor.name)


def _deliver(session: Session, reply: Reply, how: str, at: datetime, by: str) -> None:
    reply.delivered_how, reply.delivered_at = how, at
    reply.due_at = get_reply_deadline(at, safety=reply.safety)
    reply.version += 1
    record_event(session, by, "reply.delivered", "reply", reply.id, {"how": how, "on": at.date().isoformat()})
    session.flush()


def record_answer(session: Session, reply: Reply, answer: str, act: Act) -> None:
    """Record what the supplier answered, which consults it on the findings of the letter.

    Raises DomainError: ``reply.answered``, 409; ``reply.answer``, ``text.too_long``, ``person.*``, 422.
    """
    if reply.answered_at is not None:
        raise DomainError("reply.answered", 409, "The reply has already been recorded.")
    if not answer.strip():
        raise DomainError("reply.answer", 422, "Enter the supplier's reply.")
    check_text(answer, MAX_TEXT)
    reply.answer, reply.answered_at, reply.answered_by = answer.strip(), act.at, act.actor.name
    reply.version += 1
    record_event(session, act.actor.name, "reply.received", "reply", reply.id)
    asked = select(ReplyFinding.finding_id).where(ReplyFinding.reply_id == reply.id)
    queue_reply_event(session, reply, session.scalars(asked).all(), act.actor)
    mark_consulted(session, reply, act)


def respond(session: Session, reply: Reply, response: str, act: Act) -> None:
    """Record what was answered to the supplier's reply. Raises DomainError: ``reply.not_answered``, 409; ``reply.response``,
    ``text.too_long``, ``person.*``, 422.
    """
    if reply.answered_at is None:
        raise DomainError("reply.not_answered", 409, "The supplier has not replied yet.")
    if not response.strip():
        raise DomainError("reply.response", 422, "Enter your response.")
    check_text(response, MAX_TEXT)
    reply.response, reply.responded_by = response.strip(), act.actor.name
    reply.version += 1
    record_event(session, act.actor.name, "reply.responded", "reply", reply.id)
    session.flush()


def mark_consulted(session: Session, reply: Reply, act: Act) -> None:
    """Count the supplier as consulted on the findings of a locked letter, once it has answered or its time has passed. Other
    findings stay as they are, and so does one that was reopened after a letter without an answer: the supplier has not been asked
    about the news.
    """
    if not is_consulted(reply, act.at):
        return
    linked = select(ReplyFinding.finding_id).where(ReplyFinding.reply_id == reply.id)
    waiting = select(Finding).where(Finding.id.in_(linked), Finding.state.in_(WAITS)).order_by(Finding.id)
    if reply.answered_at is None:
        waiting = waiting.where(~_is_reopened_after(reply.created_at))
    for finding in session.scalars(waiting.with_for_update()):
        finding_service.change_state(session, finding, "consulted", None, act, by="reply")


def mark_all_consulted(db: Database, at: datetime) -> int:
    """Count suppliers as consulted on delivered letters whose time to reply has passed at a moment without an answer, in every
    organisation; return how many letters there were. Any number of processes may do so at once, and be killed.
    """
    with db.unscoped(write=False) as session:
        organisations = session.scalars(select(Organisation.id).order_by(Organisation.id)).all()
    act, count = Act(DEADLINES, at.date(), at, sees_worker_derived=True), 0
    for organisation_id in organisations:
        with db.for_organisation(organisation_id, write=False) as session:
            passed = _list_passed(session, at)
        for reply_id in passed:
            with db.for_organisation(organisation_id) as session:
                reply = session.get(Reply, reply_id, with_for_update=True)
                if reply is not None:  # its supplier was not erased in the meantime
                    mark_consulted(session, reply, act)
        count += len(passed)
    return count


def _list_passed(session: Session, at: datetime) -> Sequence[str]:
    """Return the ids of the letters whose time to reply has passed without an answer, and that have findings to mark."""
    query = (
        select(Reply.id)
        .where(Reply.answered_at.is_(None), Reply.delivered_at.is_not(None), Reply.due_at <= at)
        .join(ReplyFinding, ReplyFinding.reply_id == Reply.id)
        .join(Finding, Finding.id == ReplyFinding.finding_id)
        .where(Finding.state.in_(WAITS), ~_is_reopened_after(Reply.created_at))
    )
    return session.scalars(query.distinct().order_by(Reply.id)).all()


def _is_reopened_after(moment: datetime | InstrumentedAttribute[datetime]) -> Exists:
    """Return the condition that a finding of the query was reopened after a moment."""
    return exists().where(
        Transition.finding_id == Finding.id, Transition.to_value == "reopened", Transition.at > moment
    )


def is_consulted(reply: Reply, at: datetime) -> bool:
    """Return whether the supplier has answered, or has let its time pass after the letter was delivered."""
    return reply.answered_at is not None or (reply.delivered_at is not None and reply.due_at <= at)


def list_consulted_suppliers(session: Session, supplier_ids: Collection[str], at: datetime) -> set[str]:
    """Return the suppliers that have been consulted: they returned a form whose answers are stored, or each letter to them was
    answered or delivered so long ago that the time to reply has passed.
    """
    consulted = or_(Reply.answered_at.is_not(None), and_(Reply.delivered_at.is_not(None), Reply.due_at <= at))
    asked = select(Reply.id).where(Reply.supplier_id == Supplier.id)
    replied = and_(asked.exists(), not_(asked.where(not_(consulted)).exists()))
    # A column of JSON holds "null" where a supplier was stored without a form.
    returned = cast(Supplier.form_answers, Text) != "null"
    found: set[str] = set()
    for chunk in chunks(sorted(supplier_ids)):
        found |= set(session.scalars(select(Supplier.id).where(Supplier.id.in_(chunk), or_(returned, replied))))
    return found


def get_draft_mark(session: Session, supplier_ids: Collection[str], at: datetime) -> str:
    """Return the mark of a report on some suppliers: that it is a draft while one of them is still to be consulted, or that it
    was written from outside if all that are missing are places where a state imposes the labour, which no one may ask (method,
    fourth release, section 10); empty where each has been consulted.

    A request that was merely marked as returned is no response.
    """
    missing = set(supplier_ids) - list_consulted_suppliers(session, supplier_ids, at)
    for chunk in chunks(sorted(missing)):
        if len(chunk) == 1:  # on the page of a supplier, which is loaded already
            suppliers: Sequence[Supplier] = [session.get_one(Supplier, chunk[0])]
        else:
            suppliers = session.scalars(select(Supplier).where(Supplier.id.in_(chunk))).all()
        if len(find_imposed_labour(session, suppliers, at.date())) < len(suppliers):
            return DRAFT
    return ASSESSED_FROM_OUTSIDE if missing else ""
