"""Add reports that are sent on a schedule, and the logo of an organisation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Upgrade from 0037."""
    op.add_column("schedule", sa.Column("report", sa.JSON(), nullable=True))
    with op.batch_alter_table(
        "firing"
    ) as batch:  # a run that only tells users that something can be downloaded has no job
        batch.alter_column("job_id", existing_type=sa.String(36), nullable=True)
    op.create_table(
        "logo",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("uploaded_by", sa.String(80), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "organisation_id",
            sa.String(36),
            sa.ForeignKey("organisation.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.UniqueConstraint("organisation_id", name="one_logo_an_organisation"),
    )
