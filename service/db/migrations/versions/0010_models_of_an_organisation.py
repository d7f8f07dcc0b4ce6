"""Which release of the models an organisation has accepted, and from which day the next one applies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """From 0009. Existing organisations stay on the release they have been assessed with, until an admin sets a day."""
    op.add_column(
        "organisation", sa.Column("models_release", sa.String(20), nullable=False, server_default=sa.text("'2026.3'"))
    )
    op.add_column("organisation", sa.Column("next_models_release", sa.String(20), nullable=True))
    op.add_column("organisation", sa.Column("next_models_from", sa.Date(), nullable=True))
