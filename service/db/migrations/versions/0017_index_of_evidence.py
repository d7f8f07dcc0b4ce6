"""Drop the indexes that others begin with, add one of the suppliers with evidence, and count an update on SQLite only where
what is counted has changed.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.db.count_triggers import build_triggers

revision = "0017"
down_revision = "0016"

QUEUE = ("rank", "inherent DESC", "worst DESC", "score DESC", "kind", "key")
HAS_EVIDENCE = sa.text("((answers -> 'evidence') IS NOT NULL OR (answers -> 'evidence_grade') IS NOT NULL)")
# SQLite is told that few suppliers have evidence, or it would read all of them in the order that is asked for.
FEW_WITH_EVIDENCE = (
    "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('supplier', 'supplier_with_evidence', '1000 500 50 5 1 1 1 1')"
)


def upgrade() -> None:
    """From 0016."""
    op.drop_index("ix_supplier_organisation_id", "supplier")
    op.drop_index("ix_result_organisation_id", "result")
    op.create_index(
        "supplier_with_evidence",
        "supplier",
        ["organisation_id", *map(sa.text, QUEUE)],
        postgresql_where=HAS_EVIDENCE,
        sqlite_where=HAS_EVIDENCE,
    )
    dialect = op.get_bind().dialect.name
    if dialect == "sqlite":
        op.execute(FEW_WITH_EVIDENCE)
        op.execute("DROP TRIGGER IF EXISTS supplier_counted_on_update")
        for statement in build_triggers(dialect):
            op.execute(statement)
