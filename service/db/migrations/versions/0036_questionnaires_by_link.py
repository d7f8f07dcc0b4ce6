"""Add what answering a questionnaire through a link needs: links to it and its sections, draft answers and files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0031"


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.String(36), primary_key=True)


def _owner() -> sa.Column[str]:
    key = sa.ForeignKey("organisation.id", ondelete="CASCADE")
    return sa.Column("organisation_id", sa.String(36), key, nullable=False, index=True)


def _asking(*, index: bool) -> sa.Column[str]:
    key = sa.ForeignKey("asking.id", ondelete="CASCADE")
    return sa.Column("asking_id", sa.String(36), key, nullable=False, index=index)


def upgrade() -> None:
    """Upgrade from 0031."""
    # SQLite copies the table. What its other keys refer to need not be read for that.
    with op.batch_alter_table("supplier_link", reflect_kwargs={"resolve_fks": False}) as batch:
        batch.drop_constraint("valid_link_purpose", type_="check")
        batch.create_check_constraint("valid_link_purpose", "purpose in ('plan','questionnaire')")
        batch.add_column(sa.Column("asking_id", sa.String(36), nullable=True))
        batch.add_column(sa.Column("section", sa.String(120), nullable=True))
        batch.add_column(sa.Column("parent_id", sa.String(36), nullable=True))
        for column, table in (("asking_id", "asking"), ("parent_id", "supplier_link")):
            batch.create_foreign_key(f"fk_supplier_link_{column}", table, [column], ["id"], ondelete="CASCADE")
            batch.create_index(f"ix_supplier_link_{column}", [column])
    op.add_column("asking", sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("asking", sa.Column("submitted_by", sa.String(80), nullable=True))
    op.create_table(
        "draft_answer",
        _id(),
        _asking(index=False),
        sa.Column("question", sa.String(80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("replaced_unseen", sa.Boolean(), nullable=False),
        sa.Column("entered_by", sa.String(80), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        _owner(),
        sa.UniqueConstraint("asking_id", "question", "version", name="one_draft_a_version"),
    )
    op.create_table(
        "answer_file",
        _id(),
        _asking(index=True),
        sa.Column("question", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("dated", sa.Date(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("media_type", sa.String(100), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("personal_columns", sa.Integer(), nullable=True),
        sa.Column("sent_by", sa.String(80), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        _owner(),
    )
