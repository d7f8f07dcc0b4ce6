"""Add the table of a buyer's answers about its own practices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """From 0002."""
    op.create_table(
        "buyer_answers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("unit", sa.String(length=300), nullable=False),
        sa.Column("form_version", sa.String(length=20), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("import_id", sa.String(length=36), nullable=True),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("newest_of_unit", "buyer_answers", ["organisation_id", "unit", "created_at"])
    op.create_index("ix_buyer_answers_organisation_id", "buyer_answers", ["organisation_id"])
