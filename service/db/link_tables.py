"""Tables of what suppliers send through a link, without an account: the links, answers to findings, proposals on steps, and the
draft answers and files of a questionnaire, and files that have not arrived completely.

As in remediation, ``record_id`` stays that of the record a link was made for when its supplier is merged into another one.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned, new_id


class SupplierLink(Owned, Base):
    """A link through which a supplier takes part without an account. Only the hash of its token is stored.

    ``purpose``: what it opens. ``addressee``: the function of the person it is meant for, never a name. ``opened_at``: when
    somebody first continued past its cover page. ``asking_id``: the questionnaire that it opens; ``section``: the title of the
    only section of it that it opens, and ``parent_id`` the link through which that section was handed over. ``minute`` and
    ``requests_used``: see ``service/auth/rate_limit.py``.
    """

    __tablename__ = "supplier_link"
    __table_args__ = (CheckConstraint("purpose in ('plan','questionnaire')", name="valid_link_purpose"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    supplier_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True)
    record_id: Mapped[str] = mapped_column(String(36))
    purpose: Mapped[str] = mapped_column(String(20))
    addressee: Mapped[str] = mapped_column(String(30))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    asking_id: Mapped[str | None] = mapped_column(String(36), ForeignKey("asking.id", ondelete="CASCADE"), index=True)
    section: Mapped[str | None] = mapped_column(String(120))
    parent_id: Mapped[str | None] = mapped_column(
        String(36), ForeignKey("supplier_link.id", ondelete="CASCADE"), index=True
    )
    minute: Mapped[datetime | None]
    requests_used: Mapped[int] = mapped_column(default=0)
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]


class FindingAnswer(Owned, Base):
    """What a supplier answered about one finding of a letter: it accepts or disputes it, or has something to say about it."""

    __tablename__ = "finding_answer"
    __table_args__ = (
        UniqueConstraint("reply_id", "finding_id", name="one_answer_a_finding"),
        CheckConstraint("position in ('accepts','disputes','comments')", name="valid_position"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    reply_id: Mapped[str] = mapped_column(String(36), ForeignKey("reply.id", ondelete="CASCADE"))
    finding_id: Mapped[str] = mapped_column(String(36), ForeignKey("finding.id", ondelete="CASCADE"), index=True)
    position: Mapped[str] = mapped_column(String(10))
    text: Mapped[str] = mapped_column(Text)
    sent_by: Mapped[str] = mapped_column(String(80))
    sent_at: Mapped[datetime]


class StepProposal(Owned, Base):
    """What a supplier proposes for a step: another date (``due``), or, without one, that others should help to take it.

    ``cost_shared_by``: who should share the cost. ``response``: the reason for which a user accepted or declined it.
    """

    __tablename__ = "step_proposal"
    __table_args__ = (
        CheckConstraint("cost_shared_by in ('agency','buyer','agency_and_buyer')", name="valid_cost_sharing"),
        CheckConstraint("state in ('open','accepted','declined')", name="valid_proposal_state"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    step_id: Mapped[str] = mapped_column(String(36), ForeignKey("step.id", ondelete="CASCADE"), index=True)
    due: Mapped[date | None]
    text: Mapped[str] = mapped_column(Text)
    cost_shared_by: Mapped[str | None] = mapped_column(String(20))
    sent_by: Mapped[str] = mapped_column(String(80))
    sent_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10), default="open")
    response: Mapped[str | None] = mapped_column(Text)
    responded_by: Mapped[str | None] = mapped_column(String(80))
    responded_at: Mapped[datetime | None]


class DraftAnswer(Owned, Base):
    """An answer to a questionnaire as it was entered through a link, kept when it is sent. It is never scored.

    No row is ever changed: the highest ``version`` of a question is its answer. ``text``: as in the cell of a workbook; "" takes
    the answer back. ``replaced_unseen``: whoever entered it had not seen the answer that it replaced.
    """

    __tablename__ = "draft_answer"
    __table_args__ = (UniqueConstraint("asking_id", "question", "version", name="one_draft_a_version"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    asking_id: Mapped[str] = mapped_column(String(36), ForeignKey("asking.id", ondelete="CASCADE"))
    question: Mapped[str] = mapped_column(String(80))
    version: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    replaced_unseen: Mapped[bool]
    entered_by: Mapped[str] = mapped_column(String(80))
    entered_at: Mapped[datetime]


class AnswerFile(Owned, Base):
    """A file that shows that an answer to a questionnaire is true. ``kind`` is that of a piece of evidence, ``dated`` its day.

    ``personal_columns``: how many columns of a sheet have headers that indicate personal data. Its name is not kept.
    """

    __tablename__ = "answer_file"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    asking_id: Mapped[str] = mapped_column(String(36), ForeignKey("asking.id", ondelete="CASCADE"), index=True)
    question: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(20))
    dated: Mapped[date]
    sha256: Mapped[str] = mapped_column(String(64))
    media_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int]
    personal_columns: Mapped[int | None]
    sent_by: Mapped[str] = mapped_column(String(80))
    sent_at: Mapped[datetime]


class UnfinishedUpload(Owned, Base):
    """A file that is being received through a link, piece by piece (unfinished_uploads.py). Its name is not kept.

    ``size``: its bytes, as announced; ``received``: how many have arrived; ``pieces``: the digests of their files, in order.
    """

    __tablename__ = "unfinished_upload"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    link_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier_link.id", ondelete="CASCADE"), index=True)
    size: Mapped[int]
    received: Mapped[int]
    pieces: Mapped[list[Any]]
    expires_at: Mapped[datetime]
