"""Add campaigns: questionnaires sent to many suppliers at once, what became of each, and where to write to suppliers."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.String(36), primary_key=True)


def _key(column: str, table: str, *, nullable: bool = False) -> sa.Column[str]:
    key = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(column, sa.String(36), key, nullable=nullable, index=True)


def _moment(column: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(column, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Upgrade from 0038."""
    op.add_column("asking", sa.Column("due_on", sa.Date(), nullable=True))
    op.create_table(
        "supplier_contact",
        _id(),
        _key("supplier_id", "supplier"),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("language", sa.String(35), nullable=True),
        sa.Column("confirmed_by", sa.String(80), nullable=False),
        _moment("confirmed_at"),
        _key("organisation_id", "organisation"),
    )
    op.create_table(
        "campaign",
        _id(),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("channel", sa.String(10), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("created_by", sa.String(80), nullable=False),
        _moment("created_at"),
        _key("organisation_id", "organisation"),
        sa.CheckConstraint("channel in ('mail','merge_file')", name="valid_campaign_channel"),
        sa.CheckConstraint("state in ('running','paused','cancelled')", name="valid_campaign_state"),
    )
    op.create_table(
        "campaign_supplier",
        _id(),
        _key("campaign_id", "campaign"),
        _key("supplier_id", "supplier"),
        _key("asking_id", "asking", nullable=True),
        sa.Column("form", sa.String(40), nullable=False),
        sa.Column("form_version", sa.String(20), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
        _moment("due_at"),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        _moment("next_at", nullable=True),
        sa.Column("reminded", sa.Integer(), nullable=True),
        sa.Column("mail_id", sa.String(36), nullable=True),
        _moment("delivered_at", nullable=True),
        sa.Column("declined_on", sa.Date(), nullable=True),
        sa.Column("changed_by", sa.String(80), nullable=True),
        _moment("changed_at"),
        _key("organisation_id", "organisation"),
        sa.CheckConstraint(
            "state in ('left_out','queued','sent','bounced','refused','cancelled')",
            name="valid_campaign_supplier_state",
        ),
    )
    op.create_index("campaign_suppliers_due", "campaign_supplier", ["next_at"])
    op.create_index("campaign_suppliers_mailed", "campaign_supplier", ["mail_id"])
