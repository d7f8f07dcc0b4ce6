"""The table of the referral directory: who helps workers in each country, as the organisation itself found and called them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned, new_id

KINDS = ("shelter", "ngo", "legal_aid", "health", "hotline", "consulate", "port_mission")


class ReferralContact(Owned, Base):
    """An organisation that helps workers in a country, never a person.

    ``reach``: telephone number, address or website. ``languages``: ISO 639 codes. ``not_safe_for``: codes of GROUPS
    (service/referrals/contacts.py). ``called_on``, ``called_by``: when somebody last called it and found that the entry is right;
    None until then.
    """

    __tablename__ = "referral_contact"
    __table_args__ = (
        CheckConstraint(f"kind in ({','.join(repr(kind) for kind in KINDS)})", name="valid_referral_kind"),
        Index("contacts_of_country", "organisation_id", "country", "kind"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    country: Mapped[str] = mapped_column(String(2))
    kind: Mapped[str] = mapped_column(String(12))
    name: Mapped[str] = mapped_column(String(200))
    reach: Mapped[str] = mapped_column(String(300))
    languages: Mapped[list[Any]]
    hours: Mapped[str] = mapped_column(String(200))
    not_safe_for: Mapped[list[Any]]
    note: Mapped[str] = mapped_column(String(500))
    called_on: Mapped[date | None]
    called_by: Mapped[str | None] = mapped_column(String(80))
    version: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]
