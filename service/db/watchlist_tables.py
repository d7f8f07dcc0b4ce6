"""What is kept of watchlists: the lists with their entries, what may be the same as a supplier, and what people made of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned, new_id


class Watchlist(Owned, Base):
    """A list of an organisation, under its name. ``edition`` names the entries that count; None until the first are whole.

    ``wanted`` is the edition that was asked for last: one that is overtaken while it is loaded never counts. ``told``: rows
    of the file, those that were rejected, and those left out by what they are.
    """

    __tablename__ = "watchlist"
    __table_args__ = (UniqueConstraint("organisation_id", "name", name="one_watchlist_a_name"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(100))
    edition: Mapped[str | None] = mapped_column(String(36))
    wanted: Mapped[str | None] = mapped_column(String(36))
    digest: Mapped[str | None] = mapped_column(String(64))
    entries: Mapped[int] = mapped_column(default=0)
    told: Mapped[dict[str, Any]]
    imported_by: Mapped[str] = mapped_column(String(80))
    imported_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class WatchlistEntry(Owned, Base):
    """An entry of an edition of a list, as in questionnaires.watchlist.ListedEntity. No birth dates, no addresses of anybody."""

    __tablename__ = "watchlist_entry"
    __table_args__ = (UniqueConstraint("watchlist_id", "edition", "key", name="one_entry_a_key"),)
    id: Mapped[int] = mapped_column(BigInteger().with_variant(sqlite.INTEGER(), "sqlite"), primary_key=True)
    watchlist_id: Mapped[str] = mapped_column(String(36), ForeignKey("watchlist.id", ondelete="CASCADE"))
    edition: Mapped[str] = mapped_column(String(36))
    key: Mapped[str] = mapped_column(String(200))
    content: Mapped[dict[str, Any]]


class WatchlistMatch(Owned, Base):
    """A supplier may be an entry: open until somebody confirms or dismisses it.

    ``fingerprint``: of who the supplier is and what the entry says; while it stays, nobody is asked again. ``found``: whether
    the last screening still found it. ``why``: the match (risk_models.screening.Match); ``content``: the entry as it was.
    """

    __tablename__ = "watchlist_match"
    __table_args__ = (
        UniqueConstraint("supplier_id", "watchlist_id", "entry_key", name="one_match_an_entry"),
        CheckConstraint("state in ('open','confirmed','dismissed')", name="valid_match_state"),
        Index("match_queue", "organisation_id", "state", "found_at"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    supplier_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"))
    watchlist_id: Mapped[str] = mapped_column(String(36), ForeignKey("watchlist.id", ondelete="CASCADE"))
    entry_key: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(10))
    found: Mapped[bool] = mapped_column(default=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    why: Mapped[dict[str, Any]]
    content: Mapped[dict[str, Any]]
    note: Mapped[str] = mapped_column(Text, default="")
    decided_by: Mapped[str | None] = mapped_column(String(80))
    decided_at: Mapped[datetime | None]
    found_at: Mapped[datetime]


class Screening(Owned, Base):
    """When a supplier was last screened against a list, as who, and against which edition."""

    __tablename__ = "screening"
    __table_args__ = (UniqueConstraint("supplier_id", "watchlist_id", name="one_screening_a_list"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    supplier_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"))
    watchlist_id: Mapped[str] = mapped_column(String(36), ForeignKey("watchlist.id", ondelete="CASCADE"))
    edition: Mapped[str] = mapped_column(String(36))
    identity: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
