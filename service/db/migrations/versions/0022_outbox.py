"""Add the outbox: messages, attempts to deliver them, webhook endpoints and edited mail texts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.String(36), primary_key=True)


def _owner() -> sa.Column[str]:
    key = sa.ForeignKey("organisation.id", ondelete="CASCADE")
    return sa.Column("organisation_id", sa.String(36), key, nullable=False, index=True)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _reference(name: str, table: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(36), sa.ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=True, index=True)


def upgrade() -> None:
    """Upgrade from 0021."""
    op.create_table(
        "webhook_endpoint",
        _id(),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("salt", sa.String(64), nullable=False),
        sa.Column("secret_digest", sa.String(64), nullable=False),
        sa.Column("previous_salt", sa.String(64), nullable=True),
        _time("previous_until", nullable=True),
        sa.Column("disabled_code", sa.String(40), nullable=True),
        _time("failing_since", nullable=True),
        _time("paused_until", nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(80), nullable=False),
        _time("created_at"),
        _owner(),
    )
    op.create_table(
        "message",
        _id(),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("occasion", sa.String(200), nullable=False),
        sa.Column("recipient", sa.String(254), nullable=False),
        _reference("user_id", "user"),
        _reference("endpoint_id", "webhook_endpoint"),
        _reference("supplier_id", "supplier"),
        _reference("case_id", "case_record"),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("letter_values", sa.JSON(), nullable=True),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("message_id", sa.String(320), nullable=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _time("next_attempt_at"),
        _time("lease_until", nullable=True),
        _time("give_up_at"),
        sa.Column("code", sa.String(60), nullable=True),
        _time("created_at"),
        _time("finished_at", nullable=True),
        _owner(),
        sa.UniqueConstraint(
            "organisation_id", "event", "occasion", "kind", "recipient", name="one_message_an_occasion"
        ),
        sa.CheckConstraint("kind in ('mail','webhook')", name="valid_message_kind"),
        sa.CheckConstraint(
            "state in ('queued','sending','sent','failed','given_up','held')", name="valid_message_state"
        ),
    )
    op.create_index("message_queue", "message", ["state", "next_attempt_at"])
    op.create_index("messages_by_time", "message", ["organisation_id", "created_at", "id"])
    op.create_table(
        "delivery_attempt",
        _id(),
        sa.Column("message_id", sa.String(36), sa.ForeignKey("message.id", ondelete="CASCADE"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        _time("at"),
        sa.Column("code", sa.String(60), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        _owner(),
        sa.UniqueConstraint("message_id", "number", name="one_attempt_a_number"),
    )
    op.create_table(
        "mail_text",
        _id(),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.String(80), nullable=False),
        _time("changed_at"),
        _owner(),
        sa.UniqueConstraint("organisation_id", "event", "language", name="one_mail_text_a_language"),
    )
