"""Add links for suppliers, and what they send through them: answers to findings and proposals on steps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.String(36), primary_key=True)


def _owner() -> sa.Column[str]:
    key = sa.ForeignKey("organisation.id", ondelete="CASCADE")
    return sa.Column("organisation_id", sa.String(36), key, nullable=False, index=True)


def _reference(name: str, table: str, *, index: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.String(36), sa.ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=False, index=index)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Upgrade from 0023."""
    op.create_table(
        "supplier_link",
        _id(),
        _reference("supplier_id", "supplier"),
        sa.Column("record_id", sa.String(36), nullable=False),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("addressee", sa.String(30), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        _time("expires_at"),
        _time("revoked_at", nullable=True),
        _time("opened_at", nullable=True),
        _time("minute", nullable=True),
        sa.Column("requests_used", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(80), nullable=False),
        _time("created_at"),
        _owner(),
        sa.CheckConstraint("purpose in ('plan')", name="valid_link_purpose"),
    )
    op.create_table(
        "finding_answer",
        _id(),
        _reference("reply_id", "reply", index=False),
        _reference("finding_id", "finding"),
        sa.Column("position", sa.String(10), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sent_by", sa.String(80), nullable=False),
        _time("sent_at"),
        _owner(),
        sa.UniqueConstraint("reply_id", "finding_id", name="one_answer_a_finding"),
        sa.CheckConstraint("position in ('accepts','disputes','comments')", name="valid_position"),
    )
    op.create_table(
        "step_proposal",
        _id(),
        _reference("step_id", "step"),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("cost_shared_by", sa.String(20), nullable=True),
        sa.Column("sent_by", sa.String(80), nullable=False),
        _time("sent_at"),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("response", sa.Text(), nullable=True),
        sa.Column("responded_by", sa.String(80), nullable=True),
        _time("responded_at", nullable=True),
        _owner(),
        sa.CheckConstraint("cost_shared_by in ('agency','buyer','agency_and_buyer')", name="valid_cost_sharing"),
        sa.CheckConstraint("state in ('open','accepted','declined')", name="valid_proposal_state"),
    )
    with op.batch_alter_table("step_evidence") as batch:
        batch.add_column(sa.Column("personal_columns", sa.Integer(), nullable=True))
