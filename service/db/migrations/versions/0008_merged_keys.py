"""Add the keys of suppliers that were merged into others; they continue to identify the remaining supplier."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Upgrade from 0007. The keys of suppliers merged before then are unknown, so they must be merged again if they
    reappear.
    """
    op.create_table(
        "merged_key",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("supplier_id", sa.String(36), sa.ForeignKey("supplier.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("key", sa.String(300), nullable=False),
        sa.Column("named", sa.Text(), nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "organisation_id", sa.String(36), sa.ForeignKey("organisation.id", ondelete="CASCADE"), nullable=False
        ),
        sa.UniqueConstraint("organisation_id", "kind", "key", name="one_merged_supplier_a_key"),
    )
    op.create_index("ix_merged_key_supplier_id", "merged_key", ["supplier_id"])
    op.create_index("ix_merged_key_organisation_id", "merged_key", ["organisation_id"])
