"""Add case records, the case evidence that each result was based on, and the first step that a supplier's own answers
require.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
REPORTS = ("reported_harms", "worker_reported_items")  # answers that contain what workers or officials reported


def _owned() -> tuple[sa.schema.SchemaItem, ...]:
    organisation = sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], ondelete="CASCADE")
    return (sa.Column("organisation_id", sa.String(length=36), nullable=False), organisation)


def upgrade() -> None:
    """From 0003."""
    op.create_table(
        "case_record",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("supplier_id", sa.String(length=36), nullable=True),
        sa.Column("linked_reference", sa.Text(), nullable=True),
        sa.Column("linked_name", sa.Text(), nullable=True),
        sa.Column("cohort", sa.JSON(), nullable=False),
        sa.Column("age_group", sa.String(length=20), nullable=True),
        sa.Column("acts", sa.JSON(), nullable=False),
        sa.Column("asked_in_full", sa.JSON(), nullable=False),
        sa.Column("strength", sa.Integer(), nullable=False),
        sa.Column("strength_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("outcome", sa.String(length=30), nullable=True),
        sa.Column("closed_by", sa.String(length=80), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        *_owned(),
        sa.CheckConstraint("state in ('open','closed')", name="valid_case_state"),
        sa.ForeignKeyConstraint(["supplier_id"], ["supplier.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("organisation_id", "key", name="one_case_a_number"),
    )
    op.create_index("case_queue", "case_record", ["organisation_id", "state", "strength", "created_at"])
    op.create_index("ix_case_record_organisation_id", "case_record", ["organisation_id"])
    op.create_index("ix_case_record_supplier_id", "case_record", ["supplier_id"])
    op.create_table(
        "case_finding",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("finding", sa.String(length=60), nullable=False),
        sa.Column("phase", sa.String(length=20), nullable=True),
        sa.Column("found", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=True),
        sa.Column("found_on", sa.String(length=10), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("place", sa.JSON(), nullable=True),
        sa.Column("import_id", sa.String(length=36), nullable=True),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        *_owned(),
        sa.ForeignKeyConstraint(["case_id"], ["case_record.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("case_id", "number", name="one_finding_a_number"),
    )
    op.create_index("ix_case_finding_organisation_id", "case_finding", ["organisation_id"])
    op.add_column("result", sa.Column("case_evidence", sa.JSON(), nullable=True))
    op.add_column("supplier", sa.Column("own_step", sa.String(length=60), nullable=True))
    # A supplier with reports among its answers gets this step at its next assessment; until then, none is shown.
    reported = " or ".join(f"cast(answers as text) like '%\"{name}\"%'" for name in REPORTS)
    op.execute(f"update supplier set own_step = next_step where not ({reported})")
