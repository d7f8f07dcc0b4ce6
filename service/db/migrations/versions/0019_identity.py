"""Pairs of suppliers that may be the same, and merges that can be undone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """From 0018. Merges that were made before cannot be undone: nobody recorded what moved."""
    op.create_table(
        "identity_proposal",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("first_id", sa.String(36), sa.ForeignKey("supplier.id", ondelete="CASCADE"), nullable=False),
        sa.Column("second_id", sa.String(36), sa.ForeignKey("supplier.id", ondelete="CASCADE"), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.String(80), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "organisation_id", sa.String(36), sa.ForeignKey("organisation.id", ondelete="CASCADE"), nullable=False
        ),
        sa.UniqueConstraint("first_id", "second_id", name="one_proposal_a_pair"),
        sa.CheckConstraint("state in ('open','different')", name="valid_proposal_state"),
    )
    op.create_index("ix_identity_proposal_organisation_id", "identity_proposal", ["organisation_id"])
    op.create_index("ix_identity_proposal_second_id", "identity_proposal", ["second_id"])
    op.create_index("proposal_queue", "identity_proposal", ["organisation_id", "state", "found_at", "id"])
    op.create_table(
        "supplier_merge",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("supplier_id", sa.String(36), sa.ForeignKey("supplier.id", ondelete="CASCADE"), nullable=False),
        sa.Column("source_id", sa.String(36), nullable=False),
        sa.Column("source", sa.JSON(), nullable=False),
        sa.Column("moved", sa.JSON(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("merged_by", sa.String(80), nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result_id", sa.String(36), nullable=True),
        sa.Column(
            "organisation_id", sa.String(36), sa.ForeignKey("organisation.id", ondelete="CASCADE"), nullable=False
        ),
    )
    op.create_index("ix_supplier_merge_organisation_id", "supplier_merge", ["organisation_id"])
    op.create_index("ix_supplier_merge_supplier_id", "supplier_merge", ["supplier_id"])
