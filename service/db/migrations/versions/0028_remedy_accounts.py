"""Add remedy accounts with their instalments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Upgrade from 0027."""
    op.create_table(
        "remedy_account",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("supplier_id", sa.String(36), sa.ForeignKey("supplier.id", ondelete="CASCADE"), nullable=False),
        sa.Column("record_id", sa.String(36), nullable=False),
        sa.Column("rules_version", sa.String(20), nullable=False),
        sa.Column("rules_digest", sa.String(64), nullable=False),
        sa.Column("calculated_on", sa.Date(), nullable=False),
        sa.Column("deadline", sa.Date(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("low", sa.String(24), nullable=False),
        sa.Column("central", sa.String(24), nullable=False),
        sa.Column("high", sa.String(24), nullable=False),
        sa.Column("workers", sa.Integer(), nullable=False),
        sa.Column("cohorts", sa.JSON(), nullable=False),
        sa.Column("not_found", sa.Integer(), nullable=False),
        sa.Column("measures", sa.JSON(), nullable=False),
        sa.Column("still_owed", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        _build_organisation_column(),
    )
    op.create_index("ix_remedy_account_organisation_id", "remedy_account", ["organisation_id"])
    op.create_index("ix_remedy_account_supplier_id", "remedy_account", ["supplier_id"])
    op.create_table(
        "remedy_instalment",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("account_id", sa.String(36), sa.ForeignKey("remedy_account.id", ondelete="CASCADE"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("cohort", sa.Text(), nullable=False),
        sa.Column("staff", sa.String(20), nullable=False),
        sa.Column("workers", sa.Integer(), nullable=False),
        sa.Column("amount", sa.String(24), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("paid", sa.String(24), nullable=True),
        sa.Column("workers_paid", sa.Integer(), nullable=True),
        sa.Column("proof", sa.String(300), nullable=True),
        sa.Column("paid_by", sa.String(80), nullable=True),
        sa.Column("person", sa.String(36), nullable=True),
        sa.Column("confirmed_on", sa.Date(), nullable=True),
        sa.Column("confirmed_source", sa.String(20), nullable=True),
        sa.Column("workers_asked", sa.Integer(), nullable=True),
        sa.Column("workers_confirming", sa.Integer(), nullable=True),
        sa.Column("confirmed_by", sa.String(80), nullable=True),
        _build_organisation_column(),
        sa.UniqueConstraint("account_id", "number", name="one_instalment_a_number"),
        sa.CheckConstraint("(paid_on is null) = (paid is null)", name="paid_with_day"),
        sa.CheckConstraint("confirmed_on is null or paid_on is not null", name="paid_before_confirmed"),
    )
    op.create_index("ix_remedy_instalment_organisation_id", "remedy_instalment", ["organisation_id"])


def _build_organisation_column() -> sa.Column[str]:
    organisation = sa.ForeignKey("organisation.id", ondelete="CASCADE")
    return sa.Column("organisation_id", sa.String(36), organisation, nullable=False)
