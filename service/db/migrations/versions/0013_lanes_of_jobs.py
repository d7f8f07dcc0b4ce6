"""Add the lane and the turn of each job, and the last scheduled time that a run of a schedule made up for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

# As service/jobs/lanes.py had them; a job that waits is not known to be short.
LANES = {
    "imports": ("read_import", "assess_import"),
    "reports": ("render_report",),
    "reassessment": (
        "review_suppliers", "follow_agencies", "load_watchlist", "screen_suppliers", "preview_release", "reassess_all",
    ),
}  # fmt: skip


def upgrade() -> None:
    """From 0012. Jobs that wait join the lane of their kind, and no organisation has had a turn yet."""
    op.add_column("job", sa.Column("lane", sa.String(20), nullable=False, server_default=sa.text("'short'")))
    op.add_column("job", sa.Column("turn", sa.Integer(), nullable=False, server_default=sa.text("0")))
    job = sa.table("job", sa.column("kind", sa.String), sa.column("lane", sa.String))
    for lane, kinds in LANES.items():
        op.execute(job.update().where(job.c.kind.in_(kinds)).values(lane=lane))
    op.create_index("job_turn", "job", ["turn"])
    op.create_index("job_turn_of_lane", "job", ["lane", "turn"])
    op.create_index("job_turn_of_organisation", "job", ["lane", "organisation_id", "turn"])
    op.add_column("firing", sa.Column("last_slot", sa.DateTime(timezone=True), nullable=True))
