"""Add whether a score is raised mainly by blanks; this is unknown until the next assessment of the supplier."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """From 0004."""
    op.add_column("supplier", sa.Column("silent", sa.Boolean(), nullable=True))
