"""Add sign-in rules of an organisation, second factors and identity providers, and how a user last proved who they are."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

from service.clock import now

revision = "0043"
down_revision = "0042"

GRACE = timedelta(days=30)  # in which admins and case handlers of existing organisations set up a second factor


def _key(column: str, table: str) -> sa.Column[str]:
    key = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(column, sa.String(36), key, nullable=False, index=True)


def upgrade() -> None:
    """Upgrade from 0042."""
    for column in ("idle_minutes", "session_hours"):
        op.add_column("organisation", sa.Column(column, sa.Integer(), nullable=True))
    op.add_column("organisation", sa.Column("second_factor_from", sa.DateTime(timezone=True), nullable=True))
    organisation = sa.table("organisation", sa.column("second_factor_from", sa.DateTime(timezone=True)))
    op.execute(organisation.update().values(second_factor_from=now() + GRACE))
    op.create_table(
        "second_factor",
        sa.Column("id", sa.String(36), primary_key=True),
        _key("user_id", "user"),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.String(1400), nullable=True, unique=True),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        _key("organisation_id", "organisation"),
        sa.CheckConstraint("kind in ('totp','passkey')", name="valid_second_factor_kind"),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.String(36), primary_key=True),
        _key("user_id", "user"),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        _key("organisation_id", "organisation"),
    )
    op.create_table(
        "identity_provider",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("issuer", sa.String(500), nullable=False),
        sa.Column("client_id", sa.String(200), nullable=False),
        sa.Column("client_secret", sa.Text(), nullable=False),
        sa.Column("group_claim", sa.String(80), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("break_glass_id", sa.String(36), sa.ForeignKey("user.id", ondelete="SET NULL"), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        _key("organisation_id", "organisation"),
        sa.UniqueConstraint("organisation_id", name="one_provider_an_organisation"),
    )
    op.create_table(
        "provider_account",
        sa.Column("id", sa.String(36), primary_key=True),
        _key("provider_id", "identity_provider"),
        sa.Column("user_id", sa.String(36), sa.ForeignKey("user.id", ondelete="CASCADE"), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("refresh_token", sa.Text(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        _key("organisation_id", "organisation"),
        sa.UniqueConstraint("provider_id", "subject", name="one_account_a_subject"),
        sa.UniqueConstraint("user_id", name="one_account_a_user"),
    )
    with op.batch_alter_table("sign_in", reflect_kwargs={"resolve_fks": False}) as batch:
        batch.add_column(sa.Column("authenticated_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("browser", sa.String(80), nullable=True))
        batch.add_column(sa.Column("provider_account_id", sa.String(36), nullable=True))
        batch.add_column(sa.Column("provider_session", sa.String(255), nullable=True))
        batch.add_column(sa.Column("id_token", sa.Text(), nullable=True))
        batch.create_foreign_key(
            "sign_in_provider_account", "provider_account", ["provider_account_id"], ["id"], ondelete="CASCADE"
        )
    op.create_index("ix_sign_in_provider_account_id", "sign_in", ["provider_account_id"])
    op.create_table(
        "access_token",
        sa.Column("id", sa.String(36), primary_key=True),
        _key("key_id", "api_key"),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        _key("organisation_id", "organisation"),
    )
