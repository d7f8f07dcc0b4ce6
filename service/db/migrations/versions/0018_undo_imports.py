"""What an import gave, so that it can be undone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """From 0017. Results that are stored do not say what was given: all of it may have been."""
    op.add_column("result", sa.Column("given", sa.JSON(), nullable=True))
    op.add_column("import", sa.Column("undo", sa.JSON(), nullable=True))
