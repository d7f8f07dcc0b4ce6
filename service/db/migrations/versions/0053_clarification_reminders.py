"""Add when a request for clarification was last reminded of, and why no reply to it is expected any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"


def upgrade() -> None:
    """Upgrade from 0052."""
    op.add_column("asking", sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("asking", sa.Column("closed_as", sa.String(10), nullable=True))
