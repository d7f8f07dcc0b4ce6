"""Tables of connected systems: procurement and risk systems that get scores, and what each calls a supplier."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned, key_text, new_id

KINDS = ("ariba", "coupa", "servicenow", "salesforce")


class ConnectedSystem(Owned, Base):
    """A system of the organisation to which scores are pushed. ``kind``: one of service/connected_systems/hosts.toml.

    ``options``: what else its kind needs. ``credentials``: encrypted; empty if none were entered. ``mapping``: which value goes
    into which of its fields. ``attempts`` only rises: an attempt may record its end only if no later one has begun.
    ``failing_since``: of the first attempt that failed after the last that succeeded. ``compared_at``: when the values of all
    its suppliers were last compared with what was sent. ``code``: how the last attempt ended, if not well.
    """

    __tablename__ = "connected_system"
    __table_args__ = (CheckConstraint(f"kind in {KINDS}", name="valid_system_kind"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(12))
    name: Mapped[str] = mapped_column(String(100))
    address: Mapped[str] = mapped_column(Text)
    options: Mapped[dict[str, Any]]
    credentials: Mapped[str] = mapped_column(Text, default="")
    mapping: Mapped[dict[str, Any]]
    enabled: Mapped[bool] = mapped_column(default=False)
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    compared_at: Mapped[datetime | None]
    code: Mapped[str | None] = mapped_column(String(60))
    version: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]


class SystemIdentifier(Owned, Base):
    """What a connected system calls a supplier, and the values that it has of it.

    After two suppliers were merged, the one that remains may have several in one system. ``due_since``: since when a push
    waits; None if none does. ``revision`` rises with each change, so that a push that is under way does not end the wait for the
    next one. ``sent``: the record that the system accepted last. ``refused_code`` and ``refused_text``: why it refused the last
    one, in its own words.
    """

    __tablename__ = "system_identifier"
    __table_args__ = (
        UniqueConstraint("organisation_id", "system_id", "identifier", name="one_supplier_an_identifier"),
        Index("identifiers_due", "system_id", "due_since"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    system_id: Mapped[str] = mapped_column(String(36), ForeignKey("connected_system.id", ondelete="CASCADE"))
    supplier_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True)
    identifier: Mapped[str] = mapped_column(key_text(200))
    due_since: Mapped[datetime | None]
    revision: Mapped[int] = mapped_column(default=1)
    sent: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    sent_at: Mapped[datetime | None]
    refused_code: Mapped[str | None] = mapped_column(String(60))
    refused_text: Mapped[str | None] = mapped_column(String(300))
    refused_at: Mapped[datetime | None]
    set_by: Mapped[str] = mapped_column(String(80))
    set_at: Mapped[datetime]


class SystemPush(Owned, Base):
    """One attempt to push: how it ended, and for how many suppliers; nothing of what was said.

    ``number``: ConnectedSystem.attempts when it began. ``status``: of HTTP, None if there was no reply.
    """

    __tablename__ = "system_push"
    __table_args__ = (UniqueConstraint("system_id", "number", name="one_push_a_number"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    system_id: Mapped[str] = mapped_column(String(36), ForeignKey("connected_system.id", ondelete="CASCADE"))
    number: Mapped[int]
    at: Mapped[datetime]
    code: Mapped[str] = mapped_column(String(60))
    status: Mapped[int | None]
    accepted: Mapped[int]
    refused: Mapped[int]
    milliseconds: Mapped[int]
