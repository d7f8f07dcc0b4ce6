"""Add what was read from an uploaded file, and count new suppliers together instead of one by one in a trigger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision = "0050"


def upgrade() -> None:
    """Upgrade from 0050."""
    op.add_column("upload", sa.Column("reading_sha256", sa.String(64), nullable=True))
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER IF EXISTS supplier_counted_on_insert")
    else:
        op.execute(
            "CREATE OR REPLACE TRIGGER supplier_counted AFTER UPDATE OR DELETE ON supplier "
            "FOR EACH ROW EXECUTE FUNCTION count_supplier()"
        )
