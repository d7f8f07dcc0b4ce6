"""Tables of what waits for an approver."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from service.db.encrypted import Encrypted, EncryptedTexts
from service.db.tables import Base, Owned, new_id


class StepRequest(EncryptedTexts, Owned, Base):
    """A change of a step that protects people, which a user asks an approver for: a later date (``due``), or not to take it.

    ``response``: why the approver approved or declined it. A newer request for the same kind of change withdraws an open one.
    """

    __tablename__ = "step_request"
    __table_args__ = (
        CheckConstraint("kind in ('due','withheld')", name="valid_step_request"),
        CheckConstraint("(kind = 'due') = (due is not null)", name="date_of_step_request"),
        CheckConstraint("state in ('open','approved','declined','withdrawn')", name="valid_step_request_state"),
        Index("step_request_queue", "organisation_id", "state", "asked_at"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    step_id: Mapped[str] = mapped_column(String(36), ForeignKey("step.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    due: Mapped[date | None]
    reason = Encrypted[str](nullable=False)
    asked_by: Mapped[str] = mapped_column(String(80))
    asked_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10), default="open")
    response = Encrypted[str | None]()
    decided_by: Mapped[str | None] = mapped_column(String(80))
    decided_at: Mapped[datetime | None]
