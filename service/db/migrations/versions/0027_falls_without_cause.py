"""Mark suppliers whose level fell without a known cause."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"

QUEUE = ("rank", "inherent DESC", "worst DESC", "score DESC", "kind", "key")
HAS_FALLEN = sa.text("(fell_on IS NOT NULL)")


def upgrade() -> None:
    """Upgrade from 0026. Nothing is known about levels that fell before."""
    op.add_column("supplier", sa.Column("fell_on", sa.Date(), nullable=True))
    op.create_index(
        "supplier_fallen",
        "supplier",
        ["organisation_id", *map(sa.text, QUEUE)],
        postgresql_where=HAS_FALLEN,
        sqlite_where=HAS_FALLEN,
    )
