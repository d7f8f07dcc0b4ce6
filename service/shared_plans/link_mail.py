"""Send a new link to the supplier by mail, through the outbox: in the transaction that creates the link."""

from __future__ import annotations

from sqlalchemy.orm import Session

from service.audit import record_event
from service.db.link_tables import SupplierLink
from service.db.tables import QuestionnaireRequest, Supplier
from service.errors import DomainError
from service.outbox.queue import LANGUAGE, Event, is_address, queue_events, queue_letter
from service.questionnaires_sent.requests import get_due_day


def send_link(
    session: Session,
    supplier: Supplier,
    link: SupplierLink,
    address: str,
    recipient: str,
    by: str,
    code: str = "",
    language: str = LANGUAGE,
) -> None:
    """Queue an email with the ``address`` of a link to a ``recipient``, which a user has confirmed to be the supplier's.

    Without a mail server it is held until somebody downloads it. The recipient is stored with the message only, and is in no
    event. ``code``: of the event, by default that of the purpose of the link. Raises DomainError ``link.email``, 422.
    """
    if not is_address(recipient):
        raise DomainError("link.email", 422, "Enter one email address, such as office@supplier.example.")
    payload = {"supplier_id": supplier.id, "link_id": link.id, "expires_on": link.expires_at.date().isoformat()}
    if link.asking_id:
        payload["questionnaire_id"] = link.asking_id
        payload["due"] = get_due_day(session.get_one(QuestionnaireRequest, link.asking_id)).isoformat()
    code = code or ("questionnaire.sent" if link.asking_id else "link.sent")
    event = Event(code=code, occasion=link.id, payload=payload, supplier_id=supplier.id)
    queue_events(session, event)
    name = supplier.name or supplier.reference or ""
    queue_letter(session, event, recipient, {"link": address, "supplier": name}, language)
    record_event(session, by, "link.mailed", "supplier_link", link.id)
