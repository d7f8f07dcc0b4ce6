"""The table of what an organisation's reviewers say about translations."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import CheckConstraint, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned, new_id


class ReviewedText(Owned, Base):
    """A translation that an organisation confirmed, checked by translating it back, or worded itself (``is_own``).

    ``key``: identifies the English text, and changes with it; ``english`` is what was translated. ``wording``: the translation,
    one form for each plural. ``reviewer``: the role of whoever checked it, never a name.
    """

    __tablename__ = "reviewed_text"
    __table_args__ = (
        UniqueConstraint("organisation_id", "language", "key", name="one_reviewed_text_a_language"),
        CheckConstraint("state in ('draft','back_translated','confirmed')", name="valid_reviewed_text_state"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    language: Mapped[str] = mapped_column(String(35))
    key: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(20))
    english: Mapped[str] = mapped_column(Text)
    wording: Mapped[list[Any]]
    is_own: Mapped[bool]
    state: Mapped[str] = mapped_column(String(20))
    reviewer: Mapped[str] = mapped_column(String(40))
    reviewed_on: Mapped[date]
