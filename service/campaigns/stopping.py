"""Stop questionnaires where a state turns out to impose the labour after they were sent (a scheduled look).

New facts, an answer or a case may show it. No one there is reminded any more, the links no longer open, and silence does not
count as declined: whoever answers may be punished for it (method, fourth release, section 10). Whoever sent the questionnaire
gets an email.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.campaigns.campaigns import close
from service.campaigns.sending import ACTOR
from service.db.campaign_tables import CampaignSupplier
from service.db.link_tables import SupplierLink
from service.db.session import Database, chunks
from service.db.tables import QuestionnaireRequest, Supplier
from service.outbox.queue import Event, queue_events
from service.questionnaires_sent.asked_back import note_return
from service.questionnaires_sent.requests import STATE_IMPOSED, UNSAFE
from service.supplier_links.links import revoke_request_links
from service.suppliers.imposed_labour import find_imposed_labour

STOPPED = "questionnaire.stopped"


def stop_all_unsafe(db: Database, at: datetime) -> int:
    """Stop in every organisation the questionnaires that people would be in danger for answering; return how many.

    Only those that can still be answered or reminded of: with a valid link, or a campaign in which something is due.
    """
    with db.unscoped(write=False) as session:
        reachable = _select_reachable(at).with_only_columns(QuestionnaireRequest.organisation_id).distinct()
        organisations = session.scalars(reachable).all()
    count = 0
    for organisation_id in organisations:
        # Suppliers are assessed without the lock of a writer, which would keep everybody waiting.
        with db.for_organisation(organisation_id, write=False) as session:
            unsafe = list(_find_unsafe(session, at))
        for asking_id in unsafe:
            with db.for_organisation(organisation_id) as session:
                count += _stop(session, asking_id)
    return count


def _find_unsafe(session: Session, at: datetime) -> Iterator[str]:
    """Yield the requests to suppliers at which, by what is known at a moment, a state imposes the labour."""
    selected = _select_reachable(at).with_only_columns(QuestionnaireRequest.id, QuestionnaireRequest.supplier_id)
    requests = session.execute(selected.order_by(QuestionnaireRequest.id)).all()
    for some in chunks(requests):
        ids = {supplier_id for _, supplier_id in some}
        imposed = find_imposed_labour(
            session, session.scalars(select(Supplier).where(Supplier.id.in_(ids))).all(), at.date()
        )
        yield from (asking_id for asking_id, supplier_id in some if supplier_id in imposed)
        session.expunge_all()  # a register may be too large to be loaded


def _select_reachable(at: datetime) -> Select[QuestionnaireRequest]:
    valid = SupplierLink.asking_id.is_not(None), SupplierLink.revoked_at.is_(None), SupplierLink.expires_at > at
    due = CampaignSupplier.asking_id.is_not(None), CampaignSupplier.next_at.is_not(None)
    return select(QuestionnaireRequest).where(
        QuestionnaireRequest.returned_on.is_(None),
        QuestionnaireRequest.closed_as.is_(None),
        or_(
            QuestionnaireRequest.id.in_(select(SupplierLink.asking_id).where(*valid)),
            QuestionnaireRequest.id.in_(select(CampaignSupplier.asking_id).where(*due)),
        ),
    )


def _stop(session: Session, asking_id: str) -> bool:
    lock = select(QuestionnaireRequest).where(QuestionnaireRequest.id == asking_id).with_for_update()
    request = session.scalars(lock).one()
    if request.returned_on is not None or request.closed_as is not None:
        return False
    request.closed_as = UNSAFE
    revoke_request_links(session, request.id, ACTOR)
    for row in session.scalars(select(CampaignSupplier).where(CampaignSupplier.asking_id == request.id)):
        close(session, row, "cancelled", ACTOR, STATE_IMPOSED)
    note_return(session, request, ACTOR)
    kind, _, user_id = request.created_by.partition(":")
    event = Event(
        code=STOPPED,
        occasion=request.id,
        payload={"supplier_id": request.supplier_id, "questionnaire_id": request.id},
        supplier_id=request.supplier_id,
        mail_to=(user_id,) if kind == "user" else (),
    )
    queue_events(session, event)
    record_event(session, ACTOR, "form.stopped", "asking", request.id)
    return True
