"""Accept the answers of a returned questionnaire, or ask them back. Accepting changes no score: only answers and evidence do.

What is asked back goes out as one request that asks only these questions, through the same links, emails and workbooks as any
questionnaire. A supplier reads the reviewer's reason, so it passes the same checks as a letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.text_normalize import fold_text
from service.audit import record_event
from service.campaigns.contacts import get_contact
from service.campaigns.rules import choose_language
from service.clock import now
from service.db.link_tables import SupplierLink
from service.db.review_tables import AnswerDecision, QuestionnaireReview
from service.db.tables import QuestionnaireRequest, Supplier
from service.errors import DomainError
from service.questionnaire_reviews.contents import Review, ReviewedAnswer, list_answer, load_review
from service.questionnaire_reviews.rules import load_rules
from service.questionnaires_sent.requests import create_request
from service.remediation.rules import check_text
from service.shared_plans.link_mail import send_link
from service.supplier_links import links

ACCEPTED, ASKED_BACK = "accepted", "asked_back"
MAX_REASON = 500  # characters
MAIL = "questionnaire.asked_back"


@dataclass(frozen=True, slots=True)
class Choice:
    """What is decided about the answer to a question: ``accepted``, or ``asked_back`` for a reason."""

    question: str
    decision: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AskedBack:
    """A request that asks questions back, and the token of its link. ``email``: where the link goes, None if nowhere."""

    request: QuestionnaireRequest
    link: SupplierLink
    token: str
    email: str | None


def decide(
    session: Session,
    request: QuestionnaireRequest,
    choices: Sequence[Choice],
    by: str,
    on: date,
    *,
    sees_worker_derived: bool,
) -> Review:
    """Save what a reviewer decided about some answers, all or none of it; return the review.

    Raises DomainError: as :func:`load_review` does; ``review.question``, ``review.decision``, ``review.reason``,
    ``text.too_long``, ``person.*``, 422; ``review.asked_before``, 409, for the same answer and the same reason; and
    ``review.waiting``, 409, for an answer that was asked back and has not come.
    """
    lock = select(QuestionnaireRequest.id).where(QuestionnaireRequest.id == request.id).with_for_update()
    session.scalars(lock).one()
    before = load_review(session, request, on, sees_worker_derived=sees_worker_derived)
    answers = {answer.question.id: answer for answer in before.answers}
    review = before.review or QuestionnaireReview(asking_id=request.id)
    review.state, review.changed_by, review.changed_at = "in_review", by, now()
    session.add(review)
    session.flush()
    for choice in choices:
        if choice.question not in answers:
            raise DomainError("review.question", 422, f"This questionnaire has no answer to “{choice.question}”.")
        answer, reason = answers[choice.question], choice.reason.strip()
        if choice.decision not in (ACCEPTED, ASKED_BACK):
            raise DomainError("review.decision", 422, f"Choose what to do: {ACCEPTED} or {ASKED_BACK}.")
        if choice.decision == ASKED_BACK:
            _check_asking(answer, reason)
        session.add(
            AnswerDecision(
                review_id=review.id,
                question=choice.question,
                decision=choice.decision,
                answers=list_answer(answer.answer),
                reason=reason or None if choice.decision == ASKED_BACK else None,
                decided_by=by,
                decided_at=now(),
            )
        )
    session.flush()
    after = load_review(session, request, on, sees_worker_derived=sees_worker_derived)
    review.state = _find_state(after)
    counts = {name: sum(choice.decision == name for choice in choices) for name in (ACCEPTED, ASKED_BACK)}
    record_event(session, by, "review.decided", "asking", request.id, {**counts, "state": review.state})
    return after


def send_asked_back(
    session: Session, request: QuestionnaireRequest, by: str, on: date, address: str, *, sees_worker_derived: bool
) -> AskedBack:
    """Send all questions that are to be asked back as one request with a link; return it with the token, which is not stored.

    The link goes to the supplier's confirmed address, if there is one. ``address``: of this installation's questionnaire pages,
    with ``{token}`` for the token. Raises DomainError: as :func:`load_review` does; ``review.nothing``, 409, if nothing is to
    be asked back; ``link.too_many``, 409.
    """
    lock = select(QuestionnaireRequest.id).where(QuestionnaireRequest.id == request.id).with_for_update()
    session.scalars(lock).one()
    before = load_review(session, request, on, sees_worker_derived=sees_worker_derived)
    pending = [answer.decisions[-1] for answer in before.list_in_state("to_ask")]
    if not pending or before.review is None:
        raise DomainError(
            "review.nothing",
            409,
            "No answer is marked for clarification. Mark at least one answer and give a reason first.",
        )
    rules, contact = load_rules(), get_contact(session, request.supplier_id)
    supplier = session.get_one(Supplier, request.supplier_id)
    sent_to = contact.email if contact else request.sent_to
    asked = create_request(session, supplier, request.form, sent_to, on, by, request.form_version)
    asked.due_on, asked.language = on + timedelta(days=rules["due_days"]), request.language
    session.flush()
    for decision in pending:
        decision.follow_up_id = asked.id
    expires_at = now() + timedelta(days=rules["due_days"] + rules["open_days"])
    link, token = links.create_questionnaire_link(session, asked, "other", expires_at, by)
    if contact is not None:
        chosen = request.language or contact.language
        language = choose_language(supplier.answers.get("country"), chosen, MAIL)
        send_link(session, supplier, link, address.format(token=token), contact.email, by, MAIL, language)
    before.review.state, before.review.changed_by, before.review.changed_at = "asked_back", by, now()
    details = {"follow_up": asked.id, "questions": len(pending)}
    record_event(session, by, "review.asked_back", "asking", request.id, details)
    session.flush()
    return AskedBack(asked, link, token, contact.email if contact else None)


def _check_asking(answer: ReviewedAnswer, reason: str) -> None:
    if not reason:
        raise DomainError(
            "review.reason",
            422,
            f"Explain what needs clarifying about “{answer.question.title}”. The supplier will read this text.",
        )
    check_text(reason, MAX_REASON)
    if answer.state == "asked_back":
        detail = f"Clarification of “{answer.question.title}” was requested, and the supplier has not replied yet."
        raise DomainError("review.waiting", 409, detail)
    asked_before = {
        fold_text(one.reason or "")
        for one in answer.decisions
        if one.follow_up_id and one.answers == list_answer(answer.answer)
    }
    if fold_text(reason) in asked_before:
        title = answer.question.title
        detail = (
            f"Clarification of “{title}” has already been requested for this reason, and the "
            "answer has not changed. Accept the answer, or give a different reason."
        )
        raise DomainError("review.asked_before", 409, detail)


def _find_state(review: Review) -> str:
    states = {answer.state for answer in review.answers}
    if states <= {"accepted"}:
        return "reviewed"
    return "asked_back" if "asked_back" in states and "to_ask" not in states else "in_review"
