"""Counts of suppliers and the words that find them, still empty: 0016 fills them, and turns on what keeps them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """From 0014."""
    by_code_point = "C" if op.get_bind().dialect.name == "postgresql" else None

    def owner() -> sa.Column[str]:
        return sa.Column(
            "organisation_id", sa.String(36), sa.ForeignKey("organisation.id", ondelete="CASCADE"), primary_key=True
        )

    op.create_table(
        "supplier_count",
        owner(),
        sa.Column("facet", sa.String(12), primary_key=True),
        sa.Column("kind", sa.String(8), primary_key=True),
        sa.Column("value", sa.String(60), primary_key=True),
        sa.Column("detail", sa.String(24), primary_key=True),
        sa.Column("shard", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("n", sa.Integer(), nullable=False),
    )
    op.create_table(
        "supplier_word",
        owner(),
        sa.Column("kind", sa.String(8), primary_key=True),
        sa.Column("word", sa.String(30, collation=by_code_point), primary_key=True),
        sa.Column("supplier_id", sa.String(36), sa.ForeignKey("supplier.id", ondelete="CASCADE"), primary_key=True),
        sqlite_with_rowid=False,
    )
    name = sa.Column("sort_name", sa.String(100, collation=by_code_point), nullable=False, server_default=sa.text("''"))
    op.add_column("supplier", name)
    op.add_column("change", sa.Column("level_before", sa.String(24), nullable=True))
    op.create_table("fill_progress", sa.Column("supplier_id", sa.String(36)), sa.Column("change_id", sa.BigInteger()))
    op.execute("INSERT INTO fill_progress (supplier_id, change_id) VALUES ('', 0)")
