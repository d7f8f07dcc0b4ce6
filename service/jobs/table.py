"""The table of jobs: work is put there in the transaction that asks for it, and claimed by any worker of any process.

A claim is a lease and a fence. The lease says until when others leave the job alone; whoever lets it run out may be dead, and
the job is claimed again. The fence rises with each claim, and every effect is written in one transaction with a look at it and
with the checkpoint: so one who was only slow, and comes back after somebody else took over, writes nothing, and no effect is
written twice.

Times come from the clock of the machine, which may be set: a lease, or a wait between attempts, that ends farther off than
any can is taken to have ended.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from service.audit import record_event
from service.clock import now
from service.db.session import Database
from service.db.tables import Job, new_id
from service.errors import not_found

LEASE = 60.0  # seconds
MAX_ATTEMPTS = 5
BACK_OFF = 5.0  # seconds before the second attempt; twice as long before each one after it
MAX_DELAY = timedelta(minutes=10)  # no lease or back-off ends later, and no two machines' clocks differ by as much
MAX_MESSAGE = 200

End = Literal["done", "failed", "cancelled"]


class LostLease(Exception):
    """The job is no longer ours: somebody else claimed it, or it has ended, or is gone. Nothing was written."""


class Cancelled(Exception):
    """Somebody asked for the job to be cancelled. Nothing was written."""


@dataclass(frozen=True)
class ClaimedJob:
    """A job as it was when we claimed it. ``actor``: who asked for it; ``attempt`` counts from 1."""

    id: str
    organisation_id: str
    kind: str
    payload: Mapping[str, Any]
    checkpoint: Mapping[str, Any]
    actor: str
    fence: int
    attempt: int
    cancel: bool
    lease_seconds: float


def enqueue(
    session: Session, kind: str, payload: Mapping[str, Any], by: str, not_before: datetime | None = None
) -> Job:
    """Puts work on the table, in the caller's transaction: it is there if, and only if, that is committed."""
    at = now()
    job = Job(
        id=new_id(),
        kind=kind,
        payload=dict(payload),
        state="queued",
        not_before=not_before or at,
        created_by=by,
        created_at=at,
    )
    session.add(job)
    return job


def claim_job(
    db: Database, owner: str, lease_seconds: float = LEASE, kinds: Collection[str] | None = None
) -> ClaimedJob | None:
    """Claims the job that has waited longest, of any organisation; None if there is none to be had.

    ``kinds``: what the caller can do; what it cannot stays for others (all kinds unless told).
    """
    at = now()
    waiting = select(Job).where(_is_claimable(at)).order_by(Job.not_before, Job.id).limit(1)
    if kinds is not None:
        waiting = waiting.where(Job.kind.in_(kinds))
    with db.unscoped() as session:
        job = session.scalars(waiting.with_for_update(skip_locked=True)).first()
        if job is None:
            return None
        job.state, job.owner, job.lease_until = "running", owner, at + timedelta(seconds=lease_seconds)
        job.fence += 1
        job.attempt += 1
        return ClaimedJob(
            job.id,
            job.organisation_id,
            job.kind,
            job.payload,
            job.checkpoint,
            job.created_by,
            job.fence,
            job.attempt,
            job.cancel,
            lease_seconds,
        )


def _is_claimable(at: datetime) -> ColumnElement[bool]:
    """Waiting long enough, or running under a lease that ran out; and what a clock set back would hold up for as long."""
    set_back = or_(Job.created_at > at, and_(Job.fence > 0, Job.not_before > at + MAX_DELAY))
    return or_(
        and_(Job.state == "queued", or_(Job.not_before <= at, set_back)),
        and_(Job.state == "running", or_(Job.lease_until <= at, Job.lease_until > at + MAX_DELAY)),
    )


def renew_lease(db: Database, claimed: ClaimedJob) -> bool:
    """Renews the lease; False if the job is no longer ours."""
    ours = and_(Job.id == claimed.id, Job.fence == claimed.fence, Job.state == "running")
    until = now() + timedelta(seconds=claimed.lease_seconds)
    with db.for_organisation(claimed.organisation_id) as session:
        renewed = session.scalars(update(Job).where(ours).values(lease_until=until).returning(Job.id))
        return renewed.first() is not None


@contextmanager
def job_transaction(
    db: Database,
    claimed: ClaimedJob,
    *,
    checkpoint: Mapping[str, Any] | None = None,
    progress: float | None = None,
    message: str | None = None,
    result: Mapping[str, Any] | None = None,
) -> Iterator[Session]:
    """A transaction in the organisation of the job, for what a job writes and must not write twice.

    How far the job has come (``checkpoint``; ``progress``, 0 to 1) is saved with it, both or neither, and the lease is
    renewed. With a ``result`` it is the last: the job is done with it. An effect that neither moves the checkpoint nor ends
    the job is written again if the job is resumed. Raises LostLease and Cancelled before anything is written.
    """
    with db.for_organisation(claimed.organisation_id) as session:
        job = _lock_job(session, claimed)
        if job.cancel:
            raise Cancelled(claimed.id)
        yield session
        if checkpoint is not None:
            job.checkpoint = dict(checkpoint)
        if progress is not None:
            job.progress = progress
        if message is not None:
            job.message = message[:MAX_MESSAGE]
        job.lease_until = now() + timedelta(seconds=claimed.lease_seconds)
        if result is not None:
            _set_ended(job, "done", "", result)


def _lock_job(session: Session, claimed: ClaimedJob) -> Job:
    """The job, locked until the transaction ends: until then nobody can claim it. Raises LostLease."""
    job = session.scalars(select(Job).where(Job.id == claimed.id).with_for_update()).first()
    if job is None or job.fence != claimed.fence or job.state != "running":
        raise LostLease(claimed.id)
    return job


def end_job(
    db: Database,
    claimed: ClaimedJob,
    state: End,
    message: str = "",
    result: Mapping[str, Any] | None = None,
    on_end: Callable[[Session, Job], None] | None = None,
) -> End:
    """Ends the job, and in the same transaction does what ``also`` says. Raises LostLease."""
    with db.for_organisation(claimed.organisation_id) as session:
        job = _lock_job(session, claimed)
        _set_ended(job, state, message, result)
        if on_end is not None:
            on_end(session, job)
    return state


def _set_ended(job: Job, state: End, message: str, result: Mapping[str, Any] | None) -> None:
    job.state, job.message, job.finished_at = state, message[:MAX_MESSAGE], now()
    job.owner = job.lease_until = None
    if state == "done":
        job.progress, job.result = 1.0, dict(result or {})


def requeue(db: Database, claimed: ClaimedJob, message: str, *, counted: bool = True) -> None:
    """Leaves the job for another attempt, after a while; this one counts unless it was no fault of the job's.

    Raises LostLease.
    """
    with db.for_organisation(claimed.organisation_id) as session:
        job = _lock_job(session, claimed)
        job.state, job.message = "queued", message[:MAX_MESSAGE]
        job.owner = job.lease_until = None
        job.not_before = now() + timedelta(seconds=BACK_OFF * 2 ** (claimed.attempt - 1))
        if not counted:
            job.attempt -= 1


def get_job(session: Session, job_id: str) -> Job:
    """A job by id. Raises Refused, 404, where there is none."""
    job = session.scalars(select(Job).where(Job.id == job_id)).first()
    if job is None:
        raise not_found("There is no such job.")
    return job


def cancel_job(session: Session, job_id: str, by: str) -> Job:
    """Asks for a job to be cancelled: a worker ends it before its next effect. What is written already stays.

    A job that has ended is left as it is. Raises Refused, 404, where there is none.
    """
    job = session.scalars(select(Job).where(Job.id == job_id).with_for_update()).first()
    if job is None:
        raise not_found("There is no such job.")
    if job.state in ("queued", "running") and not job.cancel:
        job.cancel = True
        if job.state == "queued":
            job.not_before = now()
        record_event(session, by, "job.cancelled", "job", job.id, {"kind": job.kind})
    return job


def list_jobs(session: Session, kind: str | None = None, limit: int = 50) -> list[Job]:
    """Jobs, the newest first."""
    query = select(Job).order_by(Job.created_at.desc(), Job.id).limit(limit)
    return list(session.scalars(query.where(Job.kind == kind) if kind else query))
