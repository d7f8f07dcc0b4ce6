"""The table of exit papers: why and how we would end the relationship with a supplier. It contains no names of workers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from service.db.encrypted import Encrypted, EncryptedTexts
from service.db.tables import Base, Owned, new_id


class ExitPaper(EncryptedTexts, Owned, Base):
    """A proposal to end the relationship with a supplier, and the decision on it. ``record_id`` as in remediation_tables.py.

    ``ground``: a code of exit.toml. ``leverage``: what was tried, each with its day. ``effect``: on the workers. ``remedy``: what
    was funded; ``payment_after``: how it is paid after the exit. ``spokesperson``: the kind of people who were consulted for the
    workers. ``ends_on``: the day on which the relationship ends. ``authors``: the ids of the users who wrote or submitted it,
    none of whom may decide. ``response``: why it was returned, withdrawn or approved.
    """

    __tablename__ = "exit_paper"
    __table_args__ = (
        CheckConstraint("state in ('draft','submitted','returned','approved','withdrawn')", name="valid_exit_state"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    supplier_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True)
    record_id: Mapped[str] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(10), default="draft")
    ground: Mapped[str | None] = mapped_column(String(30))
    leverage = Encrypted[list[Any]](nullable=False)
    effect = Encrypted[str | None]()
    remedy = Encrypted[str | None]()
    payment_after = Encrypted[str | None]()
    spokesperson: Mapped[str | None] = mapped_column(String(30))
    consulted_on: Mapped[date | None]
    reason = Encrypted[str | None]()
    ends_on: Mapped[date | None]
    authors: Mapped[list[Any]] = mapped_column(JSON)
    submitted_by: Mapped[str | None] = mapped_column(String(80))
    submitted_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(80))
    decided_at: Mapped[datetime | None]
    response = Encrypted[str | None]()
    version: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]
