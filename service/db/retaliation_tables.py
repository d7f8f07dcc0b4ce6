"""Tables of the retaliation watch: whether workers who spoke up have suffered for it. Numbers of workers, and never a name.

Rows of a supplier have ``record_id`` as those of remediation do (``service/db/remediation_tables.py``). The supplier never
learns that there is a watch, because that would tell it that workers have spoken.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from service.db.encrypted import Encrypted, EncryptedTexts
from service.db.tables import Base, Owned, new_id


class RetaliationWatch(EncryptedTexts, Owned, Base):
    """The months in which we check whether the workers of a supplier suffer for what they reported.

    ``started_on``: when workers last spoke up, or last suffered for it, from which the months count. ``case_id``: the case that
    signs are recorded in. ``end_*``: a request to end it early, why, by whom and when; ``end_response``: what an approver
    said to the last one. It has ended without a request if the last check found no sign.
    """

    __tablename__ = "retaliation_watch"
    __table_args__ = (
        CheckConstraint("state in ('open','ended')", name="valid_watch_state"),
        CheckConstraint("(end_reason is null) = (end_asked_by is null)", name="reason_to_end_watch"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    supplier_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True)
    record_id: Mapped[str] = mapped_column(String(36))
    started_on: Mapped[date]
    state: Mapped[str] = mapped_column(String(10), default="open")
    case_id: Mapped[str | None] = mapped_column(
        String(36), ForeignKey("case_record.id", ondelete="SET NULL"), index=True
    )
    end_reason = Encrypted[str | None]()
    end_asked_by: Mapped[str | None] = mapped_column(String(80))
    end_asked_at: Mapped[datetime | None]
    end_response = Encrypted[str | None]()
    ended_by: Mapped[str | None] = mapped_column(String(80))
    ended_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]


class RetaliationCheck(EncryptedTexts, Owned, Base):
    """A check of a watch: when it is due, and what it found once somebody has recorded it.

    ``month``: after how many months it is due, 0 for one that is repeated. ``source``: the kind of people who said so;
    ``workers``: how many were spoken to, and ``chosen_by`` who chose them. ``figures``: how many workers each sign concerns.
    """

    __tablename__ = "retaliation_check"
    __table_args__ = (
        CheckConstraint("result in ('no_sign','signs','not_possible')", name="valid_check_result"),
        CheckConstraint("(result is null) = (checked_on is null)", name="check_with_day"),
        Index("retaliation_check_queue", "organisation_id", "due"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    watch_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("retaliation_watch.id", ondelete="CASCADE"), index=True
    )
    month: Mapped[int]
    due: Mapped[date]
    result: Mapped[str | None] = mapped_column(String(20))
    checked_on: Mapped[date | None]
    source: Mapped[str | None] = mapped_column(String(20))
    workers: Mapped[int | None]
    chosen_by: Mapped[str | None] = mapped_column(String(30))
    figures = Encrypted[dict[str, Any] | None]()
    reason = Encrypted[str | None]()
    recorded_by: Mapped[str | None] = mapped_column(String(80))
    recorded_at: Mapped[datetime | None]
