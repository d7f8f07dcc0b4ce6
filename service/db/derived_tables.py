"""Tables derived from the suppliers, so that no page has to read them all: their counts, and the words that find them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Connection, ForeignKey, Index, MetaData, String, event
from sqlalchemy.orm import Mapped, mapped_column

from service.db.count_triggers import build_triggers
from service.db.tables import Base, Owned, key_text

WORD = 30  # characters of a word that are compared


class SupplierCount(Owned, Base):
    """How many assessed suppliers of a kind have a value of a facet, in the part of one shard.

    ``detail``: a second value: of a level the inherent level, of a country the division, and of a confidence (in tenths of a
    point, four digits) whether the coverage is low. A missing value is "".
    """

    __tablename__ = "supplier_count"
    __table_args__ = {"info": {"derived": True}}
    organisation_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("organisation.id", ondelete="CASCADE"), primary_key=True
    )
    facet: Mapped[str] = mapped_column(String(12), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    value: Mapped[str] = mapped_column(String(60), primary_key=True)
    detail: Mapped[str] = mapped_column(String(24), primary_key=True)
    shard: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    n: Mapped[int]


class SupplierWord(Owned, Base):
    """A word by which a supplier of a kind is found, folded (``service.db.supplier_words``)."""

    __tablename__ = "supplier_word"
    __table_args__ = (Index("words_of_supplier", "supplier_id", "word"), {"sqlite_with_rowid": False})
    organisation_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("organisation.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    word: Mapped[str] = mapped_column(key_text(WORD), primary_key=True)
    supplier_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("supplier.id", ondelete="CASCADE"), primary_key=True
    )


@event.listens_for(Base.metadata, "after_create")
def _create_triggers(_: MetaData, connection: Connection, **__: Any) -> None:
    """Create the triggers where tables are created from their classes; in earnest, a migration does."""
    for statement in build_triggers(connection.dialect.name):
        connection.exec_driver_sql(statement)
