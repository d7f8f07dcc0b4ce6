"""Add the figures of the portfolio by day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Upgrade from 0028. The first figures are those of the day of the upgrade."""
    op.create_table(
        "portfolio_figure",
        sa.Column(
            "organisation_id", sa.String(36), sa.ForeignKey("organisation.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("on", sa.Date(), primary_key=True),
        sa.Column("figure", sa.String(30), primary_key=True),
        sa.Column("part", sa.String(30), primary_key=True),
        sa.Column("for_everyone", sa.Boolean(), primary_key=True),
        sa.Column("value", sa.Double(), nullable=True),
    )
