"""Add the tables of watchlists: lists, entries, matches, and when a supplier was screened."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def _owned(*more: sa.schema.SchemaItem) -> tuple[sa.schema.SchemaItem, ...]:
    organisation = sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], ondelete="CASCADE")
    return (
        sa.Column("organisation_id", sa.String(length=36), nullable=False), organisation, sa.PrimaryKeyConstraint("id"), *more
    )  # fmt: skip


def _of(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([f"{table}_id"], [f"{table}.id"], ondelete="CASCADE")


def upgrade() -> None:
    """From 0001."""
    op.create_table(
        "watchlist",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("edition", sa.String(length=36), nullable=True),
        sa.Column("wanted", sa.String(length=36), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("imported_by", sa.String(length=80), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        *_owned(sa.UniqueConstraint("organisation_id", "name", name="one_watchlist_a_name")),
    )
    op.create_table(
        "watchlist_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.INTEGER(), "sqlite"), nullable=False),
        sa.Column("watchlist_id", sa.String(length=36), nullable=False),
        sa.Column("edition", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        *_owned(_of("watchlist"), sa.UniqueConstraint("watchlist_id", "edition", "key", name="one_entry_a_key")),
    )
    op.create_table(
        "watchlist_match",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("supplier_id", sa.String(length=36), nullable=False),
        sa.Column("watchlist_id", sa.String(length=36), nullable=False),
        sa.Column("entry_key", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("found", sa.Boolean(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("why", sa.JSON(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.String(length=80), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        *_owned(
            _of("supplier"),
            _of("watchlist"),
            sa.UniqueConstraint("supplier_id", "watchlist_id", "entry_key", name="one_match_an_entry"),
            sa.CheckConstraint("state in ('open','confirmed','dismissed')", name="valid_match_state"),
        ),
    )
    op.create_index("match_queue", "watchlist_match", ["organisation_id", "state", "found_at"])
    op.create_table(
        "screening",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("supplier_id", sa.String(length=36), nullable=False),
        sa.Column("watchlist_id", sa.String(length=36), nullable=False),
        sa.Column("edition", sa.String(length=36), nullable=False),
        sa.Column("identity", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *_owned(
            _of("supplier"),
            _of("watchlist"),
            sa.UniqueConstraint("supplier_id", "watchlist_id", name="one_screening_a_list"),
        ),
    )
    for table in ("watchlist", "watchlist_entry", "watchlist_match", "screening"):
        op.create_index(f"ix_{table}_organisation_id", table, ["organisation_id"])
