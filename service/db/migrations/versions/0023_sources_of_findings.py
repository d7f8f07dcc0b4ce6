"""Say which result the findings of a supplier were last taken from, and which user submitted evidence."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

WITHOUT_FINDINGS = sa.text("(latest_id IS NOT NULL AND (findings_of IS NULL OR findings_of <> latest_id))")


def upgrade() -> None:
    """Upgrade from 0022. No supplier has findings yet: the job that the scheduler queues takes them from its newest result."""
    op.add_column("supplier", sa.Column("findings_of", sa.String(36), nullable=True))
    op.create_index(
        "supplier_without_findings",
        "supplier",
        ["organisation_id", "id"],
        postgresql_where=WITHOUT_FINDINGS,
        sqlite_where=WITHOUT_FINDINGS,
    )
    op.add_column("step_evidence", sa.Column("person", sa.String(36), nullable=True))
