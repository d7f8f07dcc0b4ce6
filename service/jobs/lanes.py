"""Lanes: jobs that cost about the same wait for each other, and for no others.

Reading twelve thousand rows takes minutes, reading three takes a second. Short jobs have a lane of their own, and a worker that
takes no others.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import case, func, select

from service.clock import now
from service.db.job_tables import Job
from service.db.session import Database
from service.jobs import kinds

SHORT = "short"
IMPORTS = "imports"
REPORTS = "reports"
REASSESSMENT = "reassessment"
LANES = (SHORT, IMPORTS, REPORTS, REASSESSMENT)

# The lane of each kind of job, unless it is known to be short when it is enqueued.
LANE_OF_KIND = {
    kinds.READ_IMPORT: IMPORTS,
    kinds.ASSESS_IMPORT: IMPORTS,
    kinds.FIND_SAME_SUPPLIERS: REASSESSMENT,
    kinds.UNDO_IMPORT: IMPORTS,
    kinds.RENDER_REPORT: REPORTS,
    kinds.REVIEW_SUPPLIERS: REASSESSMENT,
    kinds.FOLLOW_AGENCIES: REASSESSMENT,
    kinds.LOAD_WATCHLIST: REASSESSMENT,
    kinds.SCREEN_SUPPLIERS: REASSESSMENT,
    kinds.PREVIEW_RELEASE: REASSESSMENT,
    kinds.REASSESS_ALL: REASSESSMENT,
    kinds.TAKE_FINDINGS: REASSESSMENT,
    kinds.COUNT_VERIFIED_STEPS: SHORT,
    kinds.STORE_FIGURES: REASSESSMENT,
    kinds.REMOVE_ERASED_BYTES: SHORT,
    kinds.ERASE_ORGANISATION: REASSESSMENT,
    kinds.RUN_CAMPAIGN: SHORT,
}


@dataclass(frozen=True)
class LaneState:
    """How many jobs of a lane wait and run, and for how many seconds the oldest has been waiting or running; 0 for none."""

    lane: str
    waiting: int
    running: int
    oldest_seconds: float


def get_lane(kind: str, *, short: bool = False) -> str:
    """Return the lane that a job of a kind waits in; ``short``: whether it is known to take seconds."""
    return SHORT if short else LANE_OF_KIND.get(kind, SHORT)


def measure_lanes(db: Database) -> tuple[LaneState, ...]:
    """Return the state of every lane over all organisations: numbers and ages only, for those who operate the service.

    A job ages from when it was requested. One that is to start later does not wait before then.
    """
    at = now()
    waits = Job.state == "queued"
    query = (
        select(Job.lane, func.count(case((waits, 1))), func.count(case((~waits, 1))), func.min(Job.created_at))
        .where(Job.state.in_(("queued", "running")), ~(waits & (Job.fence == 0) & (Job.not_before > at)))
        .group_by(Job.lane)
    )
    with db.unscoped(write=False) as session:
        states = {
            lane: LaneState(lane, waiting, running, max(0.0, (at - since).total_seconds()))
            for lane, waiting, running, since in session.execute(query)
        }
    return tuple(states.get(lane, LaneState(lane, 0, 0, 0.0)) for lane in LANES)
