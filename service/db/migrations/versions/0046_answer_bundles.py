"""Add signed answers from other installations: accepted keys, and what was imported."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0044"


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.String(36), primary_key=True)


def _key(column: str, table: str) -> sa.Column[str]:
    key = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(column, sa.String(36), key, nullable=False, index=True)


def upgrade() -> None:
    """Upgrade from 0044."""
    op.create_table(
        "accepted_key",
        _id(),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("public_key", sa.String(44), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("accepted_by", sa.String(80), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_by", sa.String(80), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        _key("organisation_id", "organisation"),
        sa.UniqueConstraint("organisation_id", "fingerprint", name="one_accepted_key"),
    )
    op.create_table(
        "imported_bundle",
        _id(),
        _key("supplier_id", "supplier"),
        _key("key_id", "accepted_key"),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("form", sa.String(40), nullable=False),
        sa.Column("form_version", sa.String(20), nullable=False),
        sa.Column("answered_on", sa.Date(), nullable=False),
        sa.Column("imported_by", sa.String(80), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        _key("organisation_id", "organisation"),
        sa.UniqueConstraint("organisation_id", "digest", name="one_import_a_bundle"),
    )
