"""Add connected systems, what they call suppliers, and what was pushed to them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0043"


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.String(36), primary_key=True)


def _key(column: str, table: str, **options: Any) -> sa.Column[str]:
    key = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(column, sa.String(36), key, nullable=False, **options)


def _column(name: str, kind: sa.types.TypeEngine[Any], *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable)


def upgrade() -> None:
    """Upgrade from 0043."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "connected_system",
        _id(),
        _column("kind", sa.String(12)),
        _column("name", sa.String(100)),
        _column("address", sa.Text()),
        _column("options", sa.JSON()),
        _column("credentials", sa.Text()),
        _column("mapping", sa.JSON()),
        _column("enabled", sa.Boolean()),
        _column("attempts", sa.Integer()),
        _column("lease_until", moment, nullable=True),
        _column("paused_until", moment, nullable=True),
        _column("failing_since", moment, nullable=True),
        _column("compared_at", moment, nullable=True),
        _column("code", sa.String(60), nullable=True),
        _column("version", sa.Integer()),
        _column("created_by", sa.String(80)),
        _column("created_at", moment),
        _key("organisation_id", "organisation", index=True),
        sa.CheckConstraint("kind in ('ariba', 'coupa', 'servicenow', 'salesforce')", name="valid_system_kind"),
    )
    op.create_table(
        "system_identifier",
        _id(),
        _key("system_id", "connected_system"),
        _key("supplier_id", "supplier", index=True),
        _column("identifier", sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")),
        _column("due_since", moment, nullable=True),
        _column("revision", sa.Integer()),
        _column("sent", sa.JSON(), nullable=True),
        _column("sent_at", moment, nullable=True),
        _column("refused_code", sa.String(60), nullable=True),
        _column("refused_text", sa.String(300), nullable=True),
        _column("refused_at", moment, nullable=True),
        _column("set_by", sa.String(80)),
        _column("set_at", moment),
        _key("organisation_id", "organisation", index=True),
        sa.UniqueConstraint("organisation_id", "system_id", "identifier", name="one_supplier_an_identifier"),
    )
    op.create_index("identifiers_due", "system_identifier", ["system_id", "due_since"])
    op.create_table(
        "system_push",
        _id(),
        _key("system_id", "connected_system"),
        _column("number", sa.Integer()),
        _column("at", moment),
        _column("code", sa.String(60)),
        _column("status", sa.Integer(), nullable=True),
        _column("accepted", sa.Integer()),
        _column("refused", sa.Integer()),
        _column("milliseconds", sa.Integer()),
        _key("organisation_id", "organisation", index=True),
        sa.UniqueConstraint("system_id", "number", name="one_push_a_number"),
    )
