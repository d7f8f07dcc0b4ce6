"""Table of editions: how a list differs from the one before it, supplier by supplier."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned, new_id


class EditionEntry(Owned, Base):
    """A supplier in which a list differs from the one before it; unchanged suppliers have none.

    ``state``: new, changed, renamed, moved, doubtful or gone. ``supplier_id``: whom the entry is about; None for a new supplier
    of an import that is not confirmed. ``before_id``: of a doubtful entry, the supplier that it may be; of one whose pair was
    merged, the supplier on the list before. ``changes``: question, before and after. ``decision``: of a gone supplier, kept or
    ended.
    """

    __tablename__ = "edition_entry"
    __table_args__ = (
        CheckConstraint(
            "state in ('new','changed','renamed','moved','doubtful','gone')", name="valid_edition_entry_state"
        ),
        CheckConstraint("decision in ('kept','ended')", name="valid_edition_entry_decision"),
        Index("edition_entries", "import_id", "state", "position", "id"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    import_id: Mapped[str] = mapped_column(String(36), ForeignKey("import.id", ondelete="CASCADE"))
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(String(8))
    state: Mapped[str] = mapped_column(String(10))
    supplier_id: Mapped[str | None] = mapped_column(
        String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True
    )
    before_id: Mapped[str | None] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(Text)
    changes: Mapped[list[Any]]
    reasons: Mapped[list[Any]]
    decision: Mapped[str | None] = mapped_column(String(10))
    decided_by: Mapped[str | None] = mapped_column(String(80))
    decided_at: Mapped[datetime | None]
