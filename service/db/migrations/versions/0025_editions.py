"""Add the differences between editions of a list, and the day on which a supplier was marked as ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Upgrade from 0024. Imports that are stored are compared with none before them, but later lists are compared with them."""
    op.add_column("import", sa.Column("edition", sa.JSON(), nullable=True))
    op.add_column("supplier", sa.Column("ended_on", sa.Date(), nullable=True))
    op.create_table(
        "edition_entry",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("import_id", sa.String(36), sa.ForeignKey("import.id", ondelete="CASCADE"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("supplier_id", sa.String(36), sa.ForeignKey("supplier.id", ondelete="CASCADE"), nullable=True),
        sa.Column("before_id", sa.String(36), sa.ForeignKey("supplier.id", ondelete="CASCADE"), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("decision", sa.String(10), nullable=True),
        sa.Column("decided_by", sa.String(80), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "organisation_id", sa.String(36), sa.ForeignKey("organisation.id", ondelete="CASCADE"), nullable=False
        ),
        sa.CheckConstraint(
            "state in ('new','changed','renamed','moved','doubtful','gone')", name="valid_edition_entry_state"
        ),
        sa.CheckConstraint("decision in ('kept','ended')", name="valid_edition_entry_decision"),
    )
    for column in ("organisation_id", "supplier_id", "before_id"):
        op.create_index(f"ix_edition_entry_{column}", "edition_entry", [column])
    op.create_index("edition_entries", "edition_entry", ["import_id", "state", "position", "id"])
