"""Add what the reviewers of an organisation say about translations: confirmed, checked, or worded in another way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0046"


def upgrade() -> None:
    """Upgrade from 0046."""
    op.create_table(
        "reviewed_text",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("english", sa.Text(), nullable=False),
        sa.Column("wording", sa.JSON(), nullable=False),
        sa.Column("is_own", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("reviewer", sa.String(40), nullable=False),
        sa.Column("reviewed_on", sa.Date(), nullable=False),
        sa.Column(
            "organisation_id",
            sa.String(36),
            sa.ForeignKey("organisation.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.UniqueConstraint("organisation_id", "language", "key", name="one_reviewed_text_a_language"),
        sa.CheckConstraint("state in ('draft','back_translated','confirmed')", name="valid_reviewed_text_state"),
    )
