"""Tables of case records: a group of people and the findings about it. They contain no names, telephone numbers or identity
documents.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.encrypted import Encrypted, EncryptedTexts
from service.db.tables import Base, Owned, new_id

NUMBER_PURPOSE = "case number"  # of the key for the digests of case numbers


class StoredCase(EncryptedTexts, Owned, Base):
    """A case: a group of people, the site or agency it is about (None: none that is known), and whether it is open.

    ``key``: the keyed digest of its normalised number, by which it is found, because the number itself is encrypted.
    ``strength``: index of risk_models.cases.rules.STRENGTHS when last computed, reached at ``strength_since``. ``outcome``: why
    it was closed. ``closing``: the proposal to close an emergency, with the check behind it, by whom and when; None if nobody
    proposed it. ``closing_declined``: why an approver sent the last proposal back, by whom and when. It is deleted with the
    supplier it is about.
    """

    __tablename__ = "case_record"
    __table_args__ = (
        UniqueConstraint("organisation_id", "key", name="one_case_a_number"),
        CheckConstraint("state in ('open','closed')", name="valid_case_state"),
        Index("case_queue", "organisation_id", "state", "strength", "created_at"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    number = Encrypted[str](nullable=False)
    key: Mapped[str] = mapped_column(String(64))
    supplier_id: Mapped[str | None] = mapped_column(
        String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True
    )
    linked_reference = Encrypted[str | None]()
    linked_name = Encrypted[str | None]()
    cohort = Encrypted[dict[str, Any]](nullable=False)
    age_group: Mapped[str | None] = mapped_column(String(20))
    acts: Mapped[list[Any]]
    asked_in_full: Mapped[list[Any]]
    strength: Mapped[int] = mapped_column(default=0)
    strength_since: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10), default="open")
    outcome: Mapped[str | None] = mapped_column(String(30))
    closing = Encrypted[dict[str, Any] | None]()
    closing_declined = Encrypted[dict[str, Any] | None]()
    closed_by: Mapped[str | None] = mapped_column(String(80))
    closed_at: Mapped[datetime | None]
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]


class StoredFinding(EncryptedTexts, Owned, Base):
    """One recorded finding of a case, which is added but never changed. ``number`` counts within the case.

    ``place``: its row of the sheet; ``place`` is empty and ``import_id`` None if it was entered by hand or sent through the
    API.
    """

    __tablename__ = "case_finding"
    __table_args__ = (UniqueConstraint("case_id", "number", name="one_finding_a_number"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(String(36), ForeignKey("case_record.id", ondelete="CASCADE"))
    number: Mapped[int]
    finding: Mapped[str] = mapped_column(String(60))
    phase: Mapped[str | None] = mapped_column(String(20))
    found: Mapped[bool]
    source: Mapped[str | None] = mapped_column(String(40))
    found_on: Mapped[str | None] = mapped_column(String(10))
    note = Encrypted[str | None]()
    place = Encrypted[dict[str, Any] | None]()
    import_id: Mapped[str | None] = mapped_column(String(36))
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]
