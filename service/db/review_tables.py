"""Tables of the review of returned questionnaires: how far each has got, and what was decided about each answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned, new_id


class QuestionnaireReview(Owned, Base):
    """The review of a returned questionnaire, from the first decision on. ``changed_by``: whoever decided last."""

    __tablename__ = "questionnaire_review"
    __table_args__ = (CheckConstraint("state in ('in_review','asked_back','reviewed')", name="valid_review_state"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    asking_id: Mapped[str] = mapped_column(String(36), ForeignKey("asking.id", ondelete="CASCADE"), unique=True)
    state: Mapped[str] = mapped_column(String(10))
    changed_by: Mapped[str] = mapped_column(String(80))
    changed_at: Mapped[datetime]


class AnswerDecision(Owned, Base):
    """What a reviewer decided about an answer. No row is ever changed but for ``follow_up_id``; the newest of a question counts.

    ``answers``: the answer as it was then, in a list; empty for none. ``reason``: what the supplier reads when it is asked back.
    ``follow_up_id``: the questionnaire request by which it was asked back, None until that is sent.
    """

    __tablename__ = "answer_decision"
    __table_args__ = (CheckConstraint("decision in ('accepted','asked_back')", name="valid_answer_decision"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    review_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("questionnaire_review.id", ondelete="CASCADE"), index=True
    )
    question: Mapped[str] = mapped_column(String(80))
    decision: Mapped[str] = mapped_column(String(10))
    answers: Mapped[list[Any]]
    reason: Mapped[str | None] = mapped_column(Text)
    follow_up_id: Mapped[str | None] = mapped_column(
        String(36), ForeignKey("asking.id", ondelete="CASCADE"), index=True
    )
    decided_by: Mapped[str] = mapped_column(String(80))
    decided_at: Mapped[datetime]
