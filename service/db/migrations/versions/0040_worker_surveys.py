"""Add worker voice: surveys among the workers of a supplier, unused codes, and counts of answers until a survey is closed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0041"


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.String(36), primary_key=True)


def _key(column: str, table: str, *, index: bool = True) -> sa.Column[str]:
    key = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(column, sa.String(36), key, nullable=False, index=index)


def upgrade() -> None:
    """Upgrade from 0041."""
    op.create_table(
        "worker_survey",
        _id(),
        _key("supplier_id", "supplier"),
        sa.Column("record_id", sa.String(36), nullable=False),
        sa.Column("form_version", sa.String(20), nullable=False),
        sa.Column("address", sa.String(20), nullable=False, unique=True),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("run_by", sa.String(20), nullable=False),
        sa.Column("runner", sa.String(100), nullable=False),
        sa.Column("chosen_by", sa.String(30), nullable=False),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("workers", sa.Integer(), nullable=False),
        sa.Column("cut", sa.String(20), nullable=True),
        sa.Column("groups", sa.JSON(), nullable=False),
        sa.Column("opens_on", sa.Date(), nullable=False),
        sa.Column("closes_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("codes_issued", sa.Integer(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("published", sa.JSON(), nullable=True),
        sa.Column("accepted", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        _key("organisation_id", "organisation"),
        sa.CheckConstraint("state in ('open','closed')", name="valid_survey_state"),
        sa.CheckConstraint("(state = 'closed') = (closed_on is not null)", name="survey_closed_on_a_day"),
    )
    op.create_table(
        "survey_code",
        _id(),
        _key("survey_id", "worker_survey", index=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        _key("organisation_id", "organisation"),
        sa.UniqueConstraint("survey_id", "code_hash", name="one_code_of_a_survey"),
    )
    op.create_table(
        "survey_count",
        _id(),
        _key("survey_id", "worker_survey", index=False),
        sa.Column("group", sa.String(20), nullable=False),
        sa.Column("statement", sa.String(40), nullable=False),
        sa.Column("answer", sa.String(20), nullable=False),
        sa.Column("workers", sa.Integer(), nullable=False),
        _key("organisation_id", "organisation"),
        sa.UniqueConstraint("survey_id", "group", "statement", "answer", name="one_count_of_an_answer"),
    )
