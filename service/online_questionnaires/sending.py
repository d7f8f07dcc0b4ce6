"""Send a questionnaire that was answered through a link: one transaction, in which it goes the way of a returned workbook."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy.orm import Session

from service.audit import record_event
from service.db.tables import QuestionnaireRequest, Supplier
from service.errors import DomainError
from service.online_questionnaires.checking import SENT_CAUSE, check_drafts
from service.online_questionnaires.drafts import load_drafts, lock_request
from service.online_questionnaires.files import describe_files
from service.online_questionnaires.progress import record_answered
from service.online_questionnaires.questions import load_online_form
from service.outbox.queue import Event, queue_events
from service.questionnaires_sent import requests
from service.questionnaires_sent.asked_back import list_asked_back
from service.suppliers import repository as suppliers
from service.watchlists.lists import request_screening


def send_questionnaire(session: Session, asking_id: str, record_id: str, by: str, on: date, at: datetime) -> None:
    """Save the draft answers of a request as what its supplier answered on a day, mark it returned, and assess the supplier.

    A question that applies and has no valid answer was declined. ``record_id``: that of the link. Raises DomainError:
    ``questionnaire.sent``, 409, if it was sent before; ``questionnaire.blocked``, 422, if an answer has to be corrected first.
    """
    request = lock_request(session, asking_id)
    supplier = session.get_one(Supplier, request.supplier_id, with_for_update=True)
    asked_back = list_asked_back(session, request.id)
    form = load_online_form(request, supplier, asked_back, is_same_record=record_id == supplier.id)
    drafts, evidence = load_drafts(session, asking_id, form), describe_files(session, asking_id)
    check = check_drafts(form, drafts, on, evidence, sending=True)
    if check.is_blocked:
        raise DomainError(
            "questionnaire.blocked", 422, "Some answers have to be corrected before the questionnaire can be submitted."
        )
    request.submitted_at, request.submitted_by = at, by
    record_answered(request, form, check)
    requests.receive_returned_form(session, request.id, by, on)
    origin = suppliers.Origin(on, at, by, SENT_CAUSE)
    answers = check.answers
    if asked_back:
        answers = requests.complete_asked_back(supplier, asked_back, answers, on)
    incoming = suppliers.IncomingSupplier(answers, {}, supplier.key)
    suppliers.save_suppliers(session, supplier.kind, [incoming], origin)
    request_screening(session, by, supplier_ids=[supplier.id])
    _tell(session, request)
    record_event(session, by, "form.submitted", "asking", request.id, {"answers": len(check.answers)})


def _tell(session: Session, request: QuestionnaireRequest) -> None:
    """Tell the user who sent the questionnaire, and the endpoints that want to know, that it is back."""
    kind, _, user_id = request.created_by.partition(":")
    event = Event(
        code="questionnaire.returned",
        occasion=request.id,
        payload={
            "supplier_id": request.supplier_id,
            "questionnaire_id": request.id,
            "returned_on": str(request.returned_on),
        },
        supplier_id=request.supplier_id,
        mail_to=(user_id,) if kind == "user" else (),
    )
    queue_events(session, event)
