"""Add the answers in the last form that a supplier returned, separate from everything else that is known about it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """From 0006."""
    op.add_column("supplier", sa.Column("form_answers", sa.JSON(), nullable=True))
