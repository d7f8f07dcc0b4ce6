"""Questions that a reviewer asked back: a questionnaire request that asks only these, each with the reason.

Such a request is sent, answered and returned like any other, and belongs to the review that it came from
(service/questionnaire_reviews/).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.form import Questionnaire
from service.clock import now
from service.db.review_tables import AnswerDecision, QuestionnaireReview
from service.db.session import chunks
from service.db.tables import QuestionnaireRequest

IDENTITY = ("reference", "name")  # without which a returned workbook could not be matched to its supplier


def list_asked_back(session: Session, asking_id: str) -> Mapping[str, str]:
    """Return the questions that a request asks back, each with its reason; empty for a request of a whole form."""
    return load_asked_back(session, [asking_id]).get(asking_id, {})


def load_asked_back(session: Session, asking_ids: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """Return the questions, with their reasons, of those among some requests that ask questions back."""
    found: dict[str, dict[str, str]] = {}
    for ids in chunks(asking_ids):
        query = select(AnswerDecision).where(AnswerDecision.follow_up_id.in_(ids))
        for asked in session.scalars(query.order_by(AnswerDecision.decided_at, AnswerDecision.id)):
            found.setdefault(str(asked.follow_up_id), {})[asked.question] = asked.reason or ""
    return found


def load_review_states(session: Session, asking_ids: Sequence[str]) -> Mapping[str, str]:
    """Return the state of the review of each request that is or was under review, by its id."""
    found: dict[str, str] = {}
    for ids in chunks(asking_ids):
        query = select(QuestionnaireReview.asking_id, QuestionnaireReview.state)
        found.update(session.execute(query.where(QuestionnaireReview.asking_id.in_(ids))).all())
    return found


def limit_form(form: Questionnaire, asked: Collection[str]) -> Questionnaire:
    """Return a form with only those questions that are asked back, and those by which its supplier is known; the whole form if
    none is.
    """
    if not asked:
        return form
    return replace(form, questions=tuple(q for q in form.questions if q.id in asked or q.id in IDENTITY))


def note_return(session: Session, request: QuestionnaireRequest, by: str) -> None:
    """Reopen the review that a request belongs to, if it asked questions back: their new answers are to be reviewed."""
    review = _find_review(session, request.id)
    if review is not None:
        review.state, review.changed_by, review.changed_at = "in_review", by, now()


def find_reviewed_request(session: Session, asking_id: str) -> str | None:
    """Return the id of the request whose answers a request asks back; None for a request of a whole form."""
    review = _find_review(session, asking_id)
    return review.asking_id if review else None


def _find_review(session: Session, asking_id: str) -> QuestionnaireReview | None:
    query = (
        select(QuestionnaireReview)
        .join(AnswerDecision, AnswerDecision.review_id == QuestionnaireReview.id)
        .where(AnswerDecision.follow_up_id == asking_id)
    )
    return session.scalars(query.limit(1)).first()
