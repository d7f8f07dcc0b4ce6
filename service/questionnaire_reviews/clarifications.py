"""Requests for clarification that wait for a reply: reminding the supplier, by the rules of campaigns, and ending the wait.

Reminders stop when the supplier replies or refuses, when the request is cancelled or its links are revoked, and when an approved
exit paper parts with the supplier. Nobody's silence counts as an answer: the reviewer decides on the answer as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.campaigns.contacts import get_contact
from service.campaigns.rules import DAY, Calendar, choose_language, compute_due_at, load_rules
from service.campaigns.sending import mail_link
from service.clock import now
from service.db.review_tables import AnswerDecision
from service.db.session import Database
from service.db.tables import Organisation, QuestionnaireRequest, Supplier
from service.errors import DomainError
from service.questionnaires_sent.asked_back import list_asked_back, note_return
from service.questionnaires_sent.requests import UNSAFE, check_may_ask
from service.remediation.gate import list_exited_suppliers
from service.supplier_links import links

REMINDER = "questionnaire.clarification_reminder"
ENDS = ("refused", "cancelled")  # why no reply is expected any more, by an officer
CLOSED_AS = (*ENDS, UNSAFE)


@dataclass(frozen=True)
class Waiting:
    """A request for clarification without a reply. ``next_reminder``: when the next one is due; None if there is none."""

    request: QuestionnaireRequest
    next_reminder: datetime | None


def close_clarification(session: Session, request: QuestionnaireRequest, closed_as: str, by: str) -> None:
    """Stop waiting for a reply, because the supplier refused or the request is cancelled: its links end, the answers stay as they
    are, and the review is open again.

    Raises DomainError: ``clarification.closed_as``, 422; ``clarification.not_open``, 409, for a request that asks for no
    clarification, or was returned or closed.
    """
    if closed_as not in ENDS:
        raise DomainError("clarification.closed_as", 422, f"Choose why the request ends: {', '.join(ENDS)}.")
    lock = select(QuestionnaireRequest).where(QuestionnaireRequest.id == request.id).with_for_update()
    session.scalars(lock).one()
    if not list_asked_back(session, request.id) or request.returned_on is not None or request.closed_as is not None:
        raise DomainError("clarification.not_open", 409, "This request is not waiting for clarification.")
    request.closed_as = closed_as
    links.revoke_request_links(session, request.id, by)
    note_return(session, request, by)
    record_event(session, by, "clarification.closed", "asking", request.id, {"as": closed_as})


def list_waiting(session: Session, requests: Sequence[QuestionnaireRequest]) -> list[Waiting]:
    """Return those of some requests for clarification that wait for a reply, with the next reminder of each."""
    waiting = []
    for request in requests:
        if request.returned_on is None and request.closed_as is None and request.due_on is not None:
            calendar = _build_calendar(session, session.get_one(Supplier, request.supplier_id), request.due_on)
            is_reminded = _is_reminded(session, request)
            waiting.append(Waiting(request, calendar.find_next_reminder(now()) if is_reminded else None))
    return waiting


def remind_of_clarifications(db: Database, at: datetime) -> int:
    """Queue the reminders of clarifications that are due at a moment, in every organisation; return how many there were.

    Any number of processes may do so at once, and be killed: each reminder is queued once.
    """
    asked = QuestionnaireRequest.id.in_(select(AnswerDecision.follow_up_id))
    is_open = QuestionnaireRequest.returned_on.is_(None), QuestionnaireRequest.closed_as.is_(None)
    recent = QuestionnaireRequest.due_on >= at.date() - DAY * load_rules()["open_after"]
    with db.unscoped(write=False) as session:
        query = select(QuestionnaireRequest.organisation_id, QuestionnaireRequest.id).where(asked, *is_open, recent)
        waiting = session.execute(query.order_by(QuestionnaireRequest.due_on, QuestionnaireRequest.id)).all()
    count = 0
    for organisation_id, asking_id in waiting:
        with db.for_organisation(organisation_id) as session:
            count += remind(session, asking_id, at)
    return count


def remind(session: Session, asking_id: str, at: datetime) -> bool:
    """Queue the reminder of a clarification that is due at a moment, if any; return whether one was."""
    query = select(QuestionnaireRequest).where(QuestionnaireRequest.id == asking_id).with_for_update()
    request = session.scalars(query).first()
    if request is None or request.due_on is None or request.returned_on is not None or request.closed_as is not None:
        return False
    supplier = session.get_one(Supplier, request.supplier_id)
    calendar = _build_calendar(session, supplier, request.due_on)
    days = calendar.find_reminder(at)
    before = calendar.find_reminder(request.reminded_at or _end_day(request.sent_on))
    contact = get_contact(session, supplier.id)
    if days is None or days == before or contact is None or not _is_reminded(session, request):
        return False
    language = choose_language(supplier.answers.get("country"), request.language or contact.language, REMINDER)
    request.reminded_at = at
    try:
        with session.begin_nested():
            check_may_ask(session, supplier, at.date())
            mail_link(session, request, supplier, contact, calendar, REMINDER, f"{request.id} {days}", language)
    except DomainError:  # the links have expired, there are too many valid ones, or nobody may be asked there
        return False
    return True


def _is_reminded(session: Session, request: QuestionnaireRequest) -> bool:
    """Return whether a supplier is reminded of a request at all: nobody has revoked its links, and it is not exited."""
    found = links.list_links(session, request.supplier_id)
    is_valid = any(one.asking_id == request.id and links.is_valid(one, now()) for one in found)
    return is_valid and not list_exited_suppliers(session, [request.supplier_id])


def _build_calendar(session: Session, supplier: Supplier, due_on: date) -> Calendar:
    zone = session.get_one(Organisation, supplier.organisation_id).time_zone
    return Calendar(compute_due_at(due_on, supplier.answers.get("country"), zone))


def _end_day(day: date) -> datetime:
    return datetime.combine(day + DAY, time(), UTC)
