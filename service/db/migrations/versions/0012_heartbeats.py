"""Add the heartbeats of workers, schedulers and web servers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Upgrade from 0011."""
    op.create_table(
        "heartbeat",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("loop", sa.String(20), nullable=False),
        sa.Column("process", sa.String(80), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True)),
        sa.Column("failure_id", sa.String(36)),
    )
