"""Add what an identity provider provisions through SCIM: users, groups and members."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0048"


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.String(36), primary_key=True)


def _key(column: str, table: str, *, index: bool = True) -> sa.Column[str]:
    key = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(column, sa.String(36), key, nullable=False, index=index)


def upgrade() -> None:
    """Upgrade from 0048."""
    op.create_table(
        "provisioned_user",
        _id(),
        _key("user_id", "user", index=False),
        sa.Column("user_name", sa.String(255), nullable=False),
        sa.Column("external_id", sa.String(255), nullable=True),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("access", sa.String(10), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        _key("organisation_id", "organisation"),
        sa.CheckConstraint("access in ('given','waiting','ended')", name="valid_provisioned_access"),
        sa.UniqueConstraint("user_id", name="one_provisioned_user"),
        sa.UniqueConstraint("organisation_id", "user_name", name="one_user_a_user_name"),
    )
    op.create_table(
        "provisioned_group",
        _id(),
        sa.Column("display_name", sa.String(255), nullable=False),
        sa.Column("external_id", sa.String(255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        _key("organisation_id", "organisation"),
        sa.UniqueConstraint("organisation_id", "display_name", name="one_group_a_name"),
    )
    op.create_table(
        "provisioned_member",
        _id(),
        _key("group_id", "provisioned_group"),
        _key("user_id", "user"),
        _key("organisation_id", "organisation"),
        sa.UniqueConstraint("group_id", "user_id", name="one_membership"),
    )
