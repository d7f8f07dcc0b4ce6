"""Keys of suppliers are sorted by code point on PostgreSQL too, so that lists and reports are in the same order everywhere."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

COLUMNS = (("supplier", "key"), ("supplier", "company_key"), ("merged_key", "key"))


def upgrade() -> None:
    """From 0010. SQLite has always sorted by code point."""
    if op.get_bind().dialect.name == "postgresql":
        for table, column in COLUMNS:
            op.alter_column(table, column, type_=sa.String(300, collation="C"))
