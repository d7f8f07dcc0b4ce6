"""The proposal to close an emergency, which a second user confirms; uploads from which personal data was removed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """From 0008. Cases that are closed stay closed."""
    op.add_column("case_record", sa.Column("closing", sa.JSON(), nullable=True))
    op.add_column("upload", sa.Column("redacted", sa.Boolean(), nullable=True))
