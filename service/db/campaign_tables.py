"""Tables of campaigns: one questionnaire for many suppliers at once, what became of it at each, and where to write to them."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from service.db.tables import Base, Owned, new_id


class SupplierContact(Owned, Base):
    """The mailbox to which questionnaires for a supplier go. Of several, after a merge, the one confirmed last counts.

    ``language``: the one that the respondent chose, None for that of its country.
    """

    __tablename__ = "supplier_contact"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    supplier_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True)
    email: Mapped[str] = mapped_column(String(254))
    language: Mapped[str | None] = mapped_column(String(35))
    confirmed_by: Mapped[str] = mapped_column(String(80))
    confirmed_at: Mapped[datetime]


class Campaign(Owned, Base):
    """A questionnaire that many suppliers are asked to answer by a day. ``channel``: whose mail the links leave by."""

    __tablename__ = "campaign"
    __table_args__ = (
        CheckConstraint("channel in ('mail','merge_file')", name="valid_campaign_channel"),
        CheckConstraint("state in ('running','paused','cancelled')", name="valid_campaign_state"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(100))
    due_on: Mapped[date]
    channel: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10), default="running")
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]


class CampaignSupplier(Owned, Base):
    """A supplier on the list of a campaign, which is fixed when it starts, and how far the questionnaire has got there.

    ``state``: only what the request and its links do not show; ``service/campaigns/board.py`` adds whether it was opened,
    answered or returned. ``reason``: a code why it was left out or bounced, or the words in which an officer said why.
    ``next_at``: when there is next something to do. ``reminded``: the last reminder, in days before the due day (below 0: after
    it). ``mail_id``: the last email whose delivery is still to be noted. ``delivered_at``: when a mail server, or an officer,
    took an email for it.
    """

    __tablename__ = "campaign_supplier"
    __table_args__ = (
        CheckConstraint(
            "state in ('left_out','queued','sent','bounced','refused','cancelled')",
            name="valid_campaign_supplier_state",
        ),
        Index("campaign_suppliers_due", "next_at"),
        Index("campaign_suppliers_mailed", "mail_id"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    campaign_id: Mapped[str] = mapped_column(String(36), ForeignKey("campaign.id", ondelete="CASCADE"), index=True)
    supplier_id: Mapped[str] = mapped_column(String(36), ForeignKey("supplier.id", ondelete="CASCADE"), index=True)
    asking_id: Mapped[str | None] = mapped_column(String(36), ForeignKey("asking.id", ondelete="CASCADE"), index=True)
    form: Mapped[str] = mapped_column(String(40))
    form_version: Mapped[str] = mapped_column(String(20))
    language: Mapped[str] = mapped_column(String(35))
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(Text)
    next_at: Mapped[datetime | None]
    reminded: Mapped[int | None]
    mail_id: Mapped[str | None] = mapped_column(String(36))
    delivered_at: Mapped[datetime | None]
    declined_on: Mapped[date | None]
    changed_by: Mapped[str | None] = mapped_column(String(80))
    changed_at: Mapped[datetime]
