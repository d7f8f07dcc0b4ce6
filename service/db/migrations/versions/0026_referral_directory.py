"""Add the referral directory: who helps workers in each country."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Upgrade from 0025. The directory is empty: a wrong number is worse than none."""
    op.create_table(
        "referral_contact",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("reach", sa.String(300), nullable=False),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("hours", sa.String(200), nullable=False),
        sa.Column("not_safe_for", sa.JSON(), nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("called_on", sa.Date(), nullable=True),
        sa.Column("called_by", sa.String(80), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "organisation_id", sa.String(36), sa.ForeignKey("organisation.id", ondelete="CASCADE"), nullable=False
        ),
        sa.CheckConstraint(
            "kind in ('shelter','ngo','legal_aid','health','hotline','consulate','port_mission')",
            name="valid_referral_kind",
        ),
    )
    op.create_index("ix_referral_contact_organisation_id", "referral_contact", ["organisation_id"])
    op.create_index("contacts_of_country", "referral_contact", ["organisation_id", "country", "kind"])
