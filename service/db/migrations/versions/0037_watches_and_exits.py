"""Add the retaliation watch with its checks, and exit papers."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    """Upgrade from 0036. The job that takes findings looks again at suppliers whose workers have spoken, to open watches."""
    op.create_table(
        "retaliation_watch",
        sa.Column("id", sa.String(36), primary_key=True),
        *_build_supplier_columns(),
        sa.Column("started_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column(
            "case_id", sa.String(36), sa.ForeignKey("case_record.id", ondelete="SET NULL"), nullable=True, index=True
        ),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("end_asked_by", sa.String(80), nullable=True),
        sa.Column("end_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_response", sa.Text(), nullable=True),
        sa.Column("ended_by", sa.String(80), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        *_build_origin_columns(),
        sa.CheckConstraint("state in ('open','ended')", name="valid_watch_state"),
        sa.CheckConstraint("(end_reason is null) = (end_asked_by is null)", name="reason_to_end_watch"),
    )
    op.create_table(
        "retaliation_check",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column(
            "watch_id",
            sa.String(36),
            sa.ForeignKey("retaliation_watch.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("result", sa.String(20), nullable=True),
        sa.Column("checked_on", sa.Date(), nullable=True),
        sa.Column("source", sa.String(20), nullable=True),
        sa.Column("workers", sa.Integer(), nullable=True),
        sa.Column("chosen_by", sa.String(30), nullable=True),
        sa.Column("figures", sa.JSON(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("recorded_by", sa.String(80), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        _build_organisation_column(),
        sa.CheckConstraint("result in ('no_sign','signs','not_possible')", name="valid_check_result"),
        sa.CheckConstraint("(result is null) = (checked_on is null)", name="check_with_day"),
    )
    op.create_index("retaliation_check_queue", "retaliation_check", ["organisation_id", "due"])
    op.create_table(
        "exit_paper",
        sa.Column("id", sa.String(36), primary_key=True),
        *_build_supplier_columns(),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("ground", sa.String(30), nullable=True),
        sa.Column("leverage", sa.JSON(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.Column("payment_after", sa.Text(), nullable=True),
        sa.Column("spokesperson", sa.String(30), nullable=True),
        sa.Column("consulted_on", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("authors", sa.JSON(), nullable=False),
        sa.Column("submitted_by", sa.String(80), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(80), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("response", sa.Text(), nullable=True),
        *_build_origin_columns(),
        sa.CheckConstraint("state in ('draft','submitted','returned','approved','withdrawn')", name="valid_exit_state"),
    )
    op.execute(
        "UPDATE supplier SET findings_of = NULL WHERE id IN (SELECT supplier_id FROM finding WHERE worker_derived)"
    )


def _build_supplier_columns() -> tuple[sa.Column[str], ...]:
    supplier = sa.ForeignKey("supplier.id", ondelete="CASCADE")
    return (
        sa.Column("supplier_id", sa.String(36), supplier, nullable=False, index=True),
        sa.Column("record_id", sa.String(36), nullable=False),
    )


def _build_origin_columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        _build_organisation_column(),
    )


def _build_organisation_column() -> sa.Column[str]:
    organisation = sa.ForeignKey("organisation.id", ondelete="CASCADE")
    return sa.Column("organisation_id", sa.String(36), organisation, nullable=False, index=True)
