"""Tables that make the audit trail evidence: the chain of each organisation, its end, and the events of the installation."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned

HASH = 64  # hexadecimal digits of SHA-256


class AuditLink(Owned, Base):
    """The place of an event in the chain of its organisation (``service/audit_chain.py``). Append-only, like the events.

    ``number``: from 1. ``salt``: what the digest of the event's details begins with; None after their erasure. ``digest``: of the
    salted details. ``hash``: of the event, its number and the hash before it. There is no foreign key to the event, so that the
    link of an event that somebody removed is still there.
    """

    __tablename__ = "audit_link"
    organisation_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("organisation.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    event_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    salt: Mapped[str | None] = mapped_column(String(32))
    digest: Mapped[str] = mapped_column(String(HASH))
    hash: Mapped[str] = mapped_column(String(HASH))


class AuditChain(Owned, Base):
    """The end of the chain of an organisation; whoever adds to the chain locks this row.

    ``signed_length``: the length at the newest signed checkpoint.
    """

    __tablename__ = "audit_chain"
    organisation_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("organisation.id", ondelete="CASCADE"), primary_key=True
    )
    length: Mapped[int]
    hash: Mapped[str] = mapped_column(String(HASH))
    signed_length: Mapped[int] = mapped_column(default=0)


class SystemEvent(Base):
    """What was done to the installation as a whole, in a chain of its own: each row holds its own hash.

    Append-only. Details are codes, ids and counts, and are never erased.
    """

    __tablename__ = "system_event"
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(60))
    object_type: Mapped[str] = mapped_column(String(40))
    object_id: Mapped[str] = mapped_column(String(80))
    details: Mapped[dict[str, Any]]
    hash: Mapped[str] = mapped_column(String(HASH))
