"""Add the review of returned questionnaires, and the language that a respondent chose."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0039"


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.String(36), primary_key=True)


def _key(column: str, table: str, *, nullable: bool = False, index: bool = True) -> sa.Column[str]:
    key = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(column, sa.String(36), key, nullable=nullable, index=index)


def upgrade() -> None:
    """Upgrade from 0039."""
    op.add_column("asking", sa.Column("language", sa.String(35), nullable=True))
    op.create_table(
        "questionnaire_review",
        _id(),
        _key("asking_id", "asking", index=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("changed_by", sa.String(80), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        _key("organisation_id", "organisation"),
        sa.UniqueConstraint("asking_id"),
        sa.CheckConstraint("state in ('in_review','asked_back','reviewed')", name="valid_review_state"),
    )
    op.create_table(
        "answer_decision",
        _id(),
        _key("review_id", "questionnaire_review"),
        sa.Column("question", sa.String(80), nullable=False),
        sa.Column("decision", sa.String(10), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        _key("follow_up_id", "asking", nullable=True),
        sa.Column("decided_by", sa.String(80), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        _key("organisation_id", "organisation"),
        sa.CheckConstraint("decision in ('accepted','asked_back')", name="valid_answer_decision"),
    )
