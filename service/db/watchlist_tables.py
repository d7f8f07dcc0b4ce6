"""Tables of watchlists: lists and entries, possible matches with suppliers, and decisions on them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned, new_id


class Watchlist(Owned, Base):
    """A list of an organisation, under its name. ``edition`` names the entries in force; None until the first are loaded.

    ``requested_edition`` is the newest edition received: one that is superseded while it is loaded never comes into force.
    ``file_summary``: format and rows of the file, rejected rows, and rows left out, by kind.
    """

    __tablename__ = "watchlist"
    __table_args__ = (UniqueConstraint("organisation_id", "name", name="one_watchlist_a_name"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(100))
    edition: Mapped[str | None] = mapped_column(String(36))
    requested_edition: Mapped[str | None] = mapped_column("wanted", String(36))
    digest: Mapped[str | None] = mapped_column(String(64))
    entries: Mapped[int] = mapped_column(default=0)
    file_summary: Mapped[dict[str, Any]] = mapped_column("told")
    imported_by: Mapped[str] = mapped_column(String(80))
    imported_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class WatchlistEntry(Owned, Base):
    """An entry of an edition of a list (questionnaires.watchlist.ListedEntity), without birth dates and addresses of people."""

    __tablename__ = "watchlist_entry"
    __table_args__ = (UniqueConstraint("watchlist_id", "edition", "key", name="one_entry_a_key"),)
    id: Mapped[int] = mapped_column(BigInteger().with_variant(sqlite.INTEGER(), "sqlite"), primary_key=True)
    watchlist_id: Mapped[str] = mapped_column(String(36), ForeignKey("watchlist.id", ondelete="CASCADE"))
    edition: Mapped[str] = mapped_column(String(36))
    key: Mapped[str] = mapped_column(String(200))
    content: Mapped[dict[str, Any]]


class WatchlistMatch(Owned, Base):
    """A possible match of a supplier with an entry: open until it is confirmed or dismissed.

    ``fingerprint``: digest of the supplier's identity and the entry; while it is the same, the decision holds. ``found``: whether
    the last screening still found it. ``why``: the match (risk_models.screening.Match); ``content``: the entry at that time.
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
    """The last screening of a supplier against a list: when, under which identity, and against which edition."""

    __tablename__ = "screening"
    __table_args__ = (UniqueConstraint("supplier_id", "watchlist_id", name="one_screening_a_list"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    supplier_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"))
    watchlist_id: Mapped[str] = mapped_column(String(36), ForeignKey("watchlist.id", ondelete="CASCADE"))
    edition: Mapped[str] = mapped_column(String(36))
    identity: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
