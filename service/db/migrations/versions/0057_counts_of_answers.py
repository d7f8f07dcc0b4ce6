"""Add how many questions a questionnaire shows, and how many of them are answered, as its own pages count them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision = "0054"


def upgrade() -> None:
    """Upgrade from 0054. What was entered before counts as answered until the pages count it again."""
    op.add_column("asking", sa.Column("asked", sa.Integer(), nullable=True))
    op.add_column("asking", sa.Column("answered", sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE asking SET answered = (SELECT count(*) FROM draft_answer AS draft WHERE draft.asking_id = asking.id "
        "AND draft.text <> '' AND NOT EXISTS (SELECT 1 FROM draft_answer AS later WHERE later.asking_id = draft.asking_id "
        "AND later.question = draft.question AND later.version > draft.version))"
    )
