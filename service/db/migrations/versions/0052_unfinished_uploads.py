"""Add files that suppliers send through a link piece by piece."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0047"


def _key(column: str, table: str) -> sa.Column[str]:
    key = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(column, sa.String(36), key, nullable=False, index=True)


def upgrade() -> None:
    """Upgrade from 0047."""
    op.create_table(
        "unfinished_upload",
        sa.Column("id", sa.String(36), primary_key=True),
        _key("link_id", "supplier_link"),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("pieces", sa.JSON(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        _key("organisation_id", "organisation"),
    )
