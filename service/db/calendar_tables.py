"""Table of the links through which a calendar program reads when steps are due."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned, new_id


class CalendarLink(Owned, Base):
    """The address of a calendar with the due days of a user's own steps (``mine``), or of all steps (``all``).

    Only the hash of its token is stored. ``minute`` and ``requests_used``: see ``service/auth/rate_limit.py``.
    """

    __tablename__ = "calendar_link"
    __table_args__ = (CheckConstraint("scope in ('mine','all')", name="valid_calendar_scope"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(String(36), ForeignKey("user.id", ondelete="CASCADE"), index=True)
    scope: Mapped[str] = mapped_column(String(10))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    revoked_at: Mapped[datetime | None]
    minute: Mapped[datetime | None]
    requests_used: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
