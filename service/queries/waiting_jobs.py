"""How many jobs wait and run, and how old the oldest is: numbers for those who operate the installation."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import case, func, select

from service.clock import now
from service.db.session import Database
from service.db.tables import Job


@dataclass(frozen=True)
class JobsOfKind:
    """Unfinished jobs of a kind: how many wait and run, and for how many seconds the oldest has existed."""

    kind: str
    waiting: int
    running: int
    oldest_seconds: float


def measure_jobs(db: Database) -> tuple[JobsOfKind, ...]:
    """Return the unfinished jobs of all organisations by kind. A job that is to start later does not count before then."""
    at = now()
    waits = Job.state == "queued"
    query = (
        select(Job.kind, func.count(case((waits, 1))), func.count(case((~waits, 1))), func.min(Job.created_at))
        .where(Job.state.in_(("queued", "running")), ~(waits & (Job.fence == 0) & (Job.not_before > at)))
        .group_by(Job.kind)
        .order_by(Job.kind)
    )
    with db.unscoped(write=False) as session:
        return tuple(
            JobsOfKind(kind, waiting, running, max(0.0, (at - since).total_seconds()))
            for kind, waiting, running, since in session.execute(query)
        )
