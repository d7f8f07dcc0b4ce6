"""Tables of signed answers from other installations: whose keys are accepted, and which bundles were imported."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned, new_id


class AcceptedKey(Owned, Base):
    """The public key of another installation whose bundles may be imported. A key that was revoked stays revoked.

    ``public_key``: 32 bytes in Base64; ``fingerprint``: their SHA-256 in hexadecimal.
    """

    __tablename__ = "accepted_key"
    __table_args__ = (UniqueConstraint("organisation_id", "fingerprint", name="one_accepted_key"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(100))
    public_key: Mapped[str] = mapped_column(String(44))
    fingerprint: Mapped[str] = mapped_column(String(64))
    accepted_by: Mapped[str] = mapped_column(String(80))
    accepted_at: Mapped[datetime]
    revoked_by: Mapped[str | None] = mapped_column(String(80))
    revoked_at: Mapped[datetime | None]


class ImportedBundle(Owned, Base):
    """A bundle of answers that was imported. ``digest``: that of its answers, by which they are recognised if they come again."""

    __tablename__ = "imported_bundle"
    __table_args__ = (UniqueConstraint("organisation_id", "digest", name="one_import_a_bundle"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    supplier_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True)
    key_id: Mapped[str] = mapped_column(String(36), ForeignKey("accepted_key.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str] = mapped_column(String(64))
    form: Mapped[str] = mapped_column(String(40))
    form_version: Mapped[str] = mapped_column(String(20))
    answered_on: Mapped[date]
    imported_by: Mapped[str] = mapped_column(String(80))
    imported_at: Mapped[datetime]
