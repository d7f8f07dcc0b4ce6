"""Add what waits for an approver: requests to change steps, and proposals to close an emergency that were sent back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Upgrade from 0029."""
    op.create_table(
        "step_request",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("step_id", sa.String(36), sa.ForeignKey("step.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.String(80), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("response", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.String(80), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "organisation_id",
            sa.String(36),
            sa.ForeignKey("organisation.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.CheckConstraint("kind in ('due','withheld')", name="valid_step_request"),
        sa.CheckConstraint("(kind = 'due') = (due is not null)", name="date_of_step_request"),
        sa.CheckConstraint("state in ('open','approved','declined','withdrawn')", name="valid_step_request_state"),
    )
    op.create_index("step_request_queue", "step_request", ["organisation_id", "state", "asked_at"])
    op.add_column("case_record", sa.Column("closing_declined", sa.JSON(), nullable=True))
