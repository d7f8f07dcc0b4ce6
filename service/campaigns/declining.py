"""Count the silence of a supplier as declined: what its questionnaire asked, and it neither answered before nor began to.

Silence counts only if the questionnaire arrived. A supplier that no email reached was not asked, whatever day it is.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.form import load_form
from questionnaires.workbook import list_outgoing_questions
from service.assessment.assess import ROW_EVIDENCE_QUESTIONS
from service.audit import record_event
from service.clock import now
from service.db.campaign_tables import CampaignSupplier
from service.db.link_tables import DraftAnswer, SupplierLink
from service.db.tables import QuestionnaireRequest, Supplier
from service.suppliers import repository as suppliers
from service.suppliers.stored_answers import validate_stored

DECLINED = "declined"
CAUSE = "declined"  # of an assessment after a questionnaire was not answered


def decline_if_opened(
    session: Session, row: CampaignSupplier, supplier: Supplier, request: QuestionnaireRequest, by: str
) -> bool:
    """Count silence as declined if the questionnaire was delivered and opened; return whether it was."""
    opened = select(SupplierLink.id).where(SupplierLink.asking_id == request.id, SupplierLink.opened_at.is_not(None))
    if row.state != "sent" or row.delivered_at is None or session.scalars(opened.limit(1)).first() is None:
        return False
    decline(session, row, supplier, request, by)
    return True


def decline(
    session: Session, row: CampaignSupplier, supplier: Supplier, request: QuestionnaireRequest, by: str
) -> None:
    """Save that the supplier declined the questions without an answer, and assess it. The second time nothing happens."""
    if row.declined_on is not None:
        return
    session.scalars(select(Supplier).where(Supplier.id == supplier.id).with_for_update()).one()
    at = now()
    row.declined_on = at.date()
    questions = list_declined(session, supplier, request, at.date())
    record_event(session, by, "form.declined", "asking", request.id, {"questions": len(questions)})
    if questions:
        supplier.answers = {**supplier.answers, **dict.fromkeys(questions, DECLINED)}
        suppliers.reassess(session, [supplier.id], at.date(), at, by, CAUSE)


def list_declined(session: Session, supplier: Supplier, request: QuestionnaireRequest, on: date) -> list[str]:
    """Return the questions that a returned form without answers would decline, but for those with an answer or a draft.

    Of a form that begins with core questions, only these: it is not known whether the others were shown.
    """
    form = load_form(request.form, request.form_version)
    returned = {"form_version": f"{form.id} {form.version}", "form_returned": on.isoformat()}
    answered = {question: answer for question, answer in supplier.answers.items() if answer is not None}
    earlier = {question: answer for question, answer in answered.items() if question not in ROW_EVIDENCE_QUESTIONS}
    blank = validate_stored(supplier.kind, {**earlier, **returned}, on)
    drafts = select(DraftAnswer.question).where(DraftAnswer.asking_id == request.id, DraftAnswer.text != "")
    begun = set(session.scalars(drafts))
    shown = list_outgoing_questions(form, supplier.answers.get("country"))
    first = [question for question in shown if question.core] or shown
    asked = {question.id for question in first} - begun - answered.keys()
    return sorted(question for question in asked if blank.get(question) == DECLINED)
