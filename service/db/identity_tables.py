"""Tables of identity: pairs of suppliers that may be the same, and merges as they have to be known to undo them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned, new_id


class IdentityProposal(Owned, Base):
    """A pair of suppliers that may be the same: ``first_id`` was stored earlier. ``reasons``: see service/suppliers/likeness.py.

    ``fingerprint``: digest of what identifies the two; while it is the same, the decision that they are different holds. A pair
    that is the same is merged, and recorded as a SupplierMerge.
    """

    __tablename__ = "identity_proposal"
    __table_args__ = (
        UniqueConstraint("first_id", "second_id", name="one_proposal_a_pair"),
        CheckConstraint("state in ('open','different')", name="valid_proposal_state"),
        Index("proposal_queue", "organisation_id", "state", "found_at", "id"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(8))
    first_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"))
    second_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True)
    reasons: Mapped[list[Any]]
    state: Mapped[str] = mapped_column(String(10), default="open")
    fingerprint: Mapped[str] = mapped_column(String(64))
    found_at: Mapped[datetime]
    decided_by: Mapped[str | None] = mapped_column(String(80))
    decided_at: Mapped[datetime | None]


class SupplierMerge(Owned, Base):
    """A merge: the supplier that went, as it was, and what of it moved to the remaining one, by table the ids of the rows.

    ``answers``: those of the remaining supplier before; ``result_id``: its assessment after it. ``undone_at``: when the two were
    separated again; nothing else is kept then.
    """

    __tablename__ = "supplier_merge"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    supplier_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True)
    source_id: Mapped[str] = mapped_column(String(36))
    source: Mapped[dict[str, Any]]
    moved: Mapped[dict[str, Any]]
    answers: Mapped[dict[str, Any]]
    merged_by: Mapped[str] = mapped_column(String(80))
    merged_at: Mapped[datetime]
    undone_at: Mapped[datetime | None]
    result_id: Mapped[str | None] = mapped_column(String(36))
