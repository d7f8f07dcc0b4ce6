"""Whether most of what holds a score up are blanks; unknown until the next assessment of a supplier, which works it out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """From 0004."""
    op.add_column("supplier", sa.Column("silent", sa.Boolean(), nullable=True))
