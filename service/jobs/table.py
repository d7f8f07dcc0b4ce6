"""The job queue: a job is enqueued in the transaction that requests it, and claimed by any worker of any process.

A claim consists of a lease and a fence. Until the lease ends, no other worker takes the job; when it ends, the worker may have
died, and the job is claimed again. The fence rises with each claim. Every effect is written in one transaction with the
checkpoint and only under the current fence: a worker that was merely slow writes nothing after another took over, and no effect
is written twice.

Attempts are counted since the last checkpoint: a job that gets a step further each time is never given up, however often its
worker is killed. Being stopped in an orderly way costs no attempt.

Jobs wait in lanes by what they cost (``lanes.py``). A worker takes from the lane that was served longest ago, and there from the
organisation that was served longest ago: the 150 uploads of one organisation hold up no other.

Times come from the clock of the machine, which may be adjusted: a lease or back-off that ends later than any possible one
counts as ended.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from service.audit import record_event
from service.clock import now
from service.db.job_tables import Job
from service.db.session import Database
from service.db.tables import new_id
from service.errors import not_found
from service.jobs.lanes import get_lane

LEASE = 60.0  # seconds
MAX_ATTEMPTS = 5  # since the last checkpoint
BACK_OFF = 5.0  # seconds before the second attempt; twice as long before each one after it
MAX_DELAY = timedelta(minutes=10)  # no lease or back-off ends later, and no two machines' clocks differ by as much
MAX_MESSAGE = 200

End = Literal["done", "failed", "cancelled"]


class LostLease(Exception):
    """The worker no longer holds the job: another claimed it, it has ended, or it was deleted. Nothing was written."""


class Cancelled(Exception):
    """The job is to be cancelled. Nothing was written."""


class Stopped(Exception):
    """The worker is to stop. The step that was just written, and the checkpoint after it, are kept."""


class GaveWay(Exception):
    """Other jobs are waiting. The step that was just written, and the checkpoint after it, are kept."""


def _is_never_awaited() -> bool:
    return False


@dataclass(frozen=True)
class ClaimedJob:
    """A job as it was when it was claimed. ``actor``: who requested it; ``attempt`` counts from 1 since the last checkpoint.

    ``stop``: set when the worker is to stop; the job then ends at its next checkpoint and goes back to the queue.
    ``is_awaited``: says whether other jobs wait for a worker; a job that takes long then gives way after a checkpoint.
    """

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
    stop: Event = field(default_factory=Event)
    is_awaited: Callable[[], bool] = _is_never_awaited

    def give_way(self) -> None:
        """Raise GaveWay if other jobs wait: to be called after a checkpoint, by a job of many steps."""
        if self.is_awaited():
            raise GaveWay(self.id)


def enqueue(
    session: Session,
    kind: str,
    payload: Mapping[str, Any],
    by: str,
    not_before: datetime | None = None,
    *,
    short: bool = False,
) -> Job:
    """Enqueue a job in the caller's transaction: it exists if, and only if, that is committed.

    ``short``: whether it takes seconds, although others of its kind take minutes; it does not wait behind these.
    """
    at = now()
    job = Job(
        id=new_id(),
        kind=kind,
        lane=get_lane(kind, short=short),
        payload=dict(payload),
        state="queued",
        not_before=not_before or at,
        created_by=by,
        created_at=at,
    )
    session.add(job)
    return job


def claim_job(
    db: Database,
    owner: str,
    lease_seconds: float = LEASE,
    kinds: Collection[str] | None = None,
    lanes: Collection[str] | None = None,
) -> ClaimedJob | None:
    """Claim the job whose turn it is, of any organisation; return None if there is none.

    ``kinds``: the kinds of job the caller can run, by default all; others are left in the queue. ``lanes``: likewise.
    """
    at = now()
    waiting = select(Job).where(_is_claimable(at)).order_by(*_get_turns(), Job.not_before, Job.id).limit(1)
    if kinds is not None:
        waiting = waiting.where(Job.kind.in_(kinds))
    if lanes is not None:
        waiting = waiting.where(Job.lane.in_(lanes))
    with db.unscoped() as session:
        job = session.scalars(waiting.with_for_update(skip_locked=True, of=Job)).first()
        if job is None:
            return None
        job.state, job.owner, job.lease_until = "running", owner, at + timedelta(seconds=lease_seconds)
        job.turn = session.scalars(select(func.coalesce(func.max(Job.turn), 0))).one() + 1
        job.fence += 1
        job.attempt += 1
        if job.attempt > MAX_ATTEMPTS:  # it kills its workers, and the jobs beside it with them: not every minute
            job.not_before = at + MAX_DELAY
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


def is_job_waiting(db: Database) -> bool:
    """Return whether a job, of any organisation, could be claimed now."""
    with db.unscoped(write=False) as session:
        return session.scalars(select(Job.id).where(_is_claimable(now())).limit(1)).first() is not None


def _get_turns() -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Return the last turn of a job's lane, and the last turn of its organisation in that lane; 0 for none so far."""
    other = aliased(Job)
    of_lane = select(func.max(other.turn)).where(other.lane == Job.lane)
    of_organisation = of_lane.where(other.organisation_id == Job.organisation_id)
    return func.coalesce(of_lane.scalar_subquery(), 0), func.coalesce(of_organisation.scalar_subquery(), 0)


def _is_claimable(at: datetime) -> ColumnElement[bool]:
    """Build the condition for jobs that can be claimed: they have waited long enough, or their lease has ended, or a clock that
    was set back would delay them.
    """
    far_off = Job.not_before > at + MAX_DELAY
    waited = or_(Job.not_before <= at, Job.created_at > at, and_(Job.fence > 0, far_off))
    lease_ended = or_(Job.lease_until <= at, Job.lease_until > at + MAX_DELAY)
    return or_(and_(Job.state == "queued", waited), and_(Job.state == "running", lease_ended, waited))


def renew_lease(db: Database, claimed: ClaimedJob) -> bool:
    """Renew the lease; return False if the worker no longer holds the job."""
    is_held = and_(Job.id == claimed.id, Job.fence == claimed.fence, Job.state == "running")
    until = now() + timedelta(seconds=claimed.lease_seconds)
    with db.for_organisation(claimed.organisation_id) as session:
        renewed = session.scalars(update(Job).where(is_held).values(lease_until=until).returning(Job.id))
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
    """Open a transaction in the organisation of the job, for effects that must not be written twice.

    ``checkpoint`` and ``progress`` (0 to 1) are saved in the same transaction, and the lease is renewed. With a ``result`` it
    is the last one: the job is then done. Effects of a transaction that neither moves the checkpoint nor ends the job are
    written again if the job is resumed. Raises LostLease and Cancelled before anything is written, and Stopped after a
    checkpoint is committed if the worker is to stop.
    """
    moved = False
    with db.for_organisation(claimed.organisation_id) as session:
        job = lock_claimed_job(session, claimed)
        if job.cancel:
            raise Cancelled(claimed.id)
        yield session
        if checkpoint is not None and dict(checkpoint) != job.checkpoint:
            moved = True
            job.checkpoint, job.attempt = dict(checkpoint), 1
        if progress is not None:
            job.progress = progress
        if message is not None:
            job.message = message[:MAX_MESSAGE]
        job.lease_until = now() + timedelta(seconds=claimed.lease_seconds)
        if result is not None:
            _set_ended(job, "done", "", result)
    if moved and result is None and claimed.stop.is_set():
        raise Stopped(claimed.id)


def lock_claimed_job(session: Session, claimed: ClaimedJob) -> Job:
    """Return the job, locked until the transaction ends, so that nobody can claim it. Raises LostLease."""
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
    """End the job, and call ``on_end`` in the same transaction; return the state. Raises LostLease."""
    with db.for_organisation(claimed.organisation_id) as session:
        job = lock_claimed_job(session, claimed)
        _set_ended(job, state, message, result)
        if on_end is not None:
            on_end(session, job)
    return state


def _set_ended(job: Job, state: End, message: str, result: Mapping[str, Any] | None) -> None:
    job.state, job.message, job.finished_at = state, message[:MAX_MESSAGE], now()
    job.owner = job.lease_until = None
    if state == "done":
        job.progress, job.result = 1.0, dict(result or {})


def requeue(db: Database, claimed: ClaimedJob, message: str, *, counted: bool = True, at_once: bool = False) -> None:
    """Put the job back into the queue for another attempt after a back-off, or ``at_once``. Raises LostLease.

    ``counted``: whether this attempt counts; it does not if the job was not at fault.
    """
    with db.for_organisation(claimed.organisation_id) as session:
        job = lock_claimed_job(session, claimed)
        delay = timedelta(0) if at_once else _get_back_off(job.attempt)
        _set_queued(job, message, delay)
        if not counted:
            job.attempt -= 1


def requeue_or_fail(
    db: Database,
    claimed: ClaimedJob,
    message: str,
    is_half_done: Callable[[Mapping[str, Any]], bool],
    on_end: Callable[[Session, Job], None] | None,
) -> Literal["requeued", "failed"]:
    """Put a job that met a bug back into the queue, or let it fail after its last attempt; return which. Raises LostLease.

    A job that ``is_half_done`` by its checkpoint does not fail: it is tried again until it is whole, in the end every
    ``MAX_DELAY``.
    """
    with db.for_organisation(claimed.organisation_id) as session:
        job = lock_claimed_job(session, claimed)
        if job.attempt < MAX_ATTEMPTS or is_half_done(job.checkpoint):
            _set_queued(job, message, _get_back_off(job.attempt))
            return "requeued"
        _set_ended(job, "failed", message, None)
        if on_end is not None:
            on_end(session, job)
        return "failed"


def _get_back_off(attempt: int) -> timedelta:
    return min(timedelta(seconds=BACK_OFF * 2 ** min(max(attempt, 1) - 1, 10)), MAX_DELAY)


def _set_queued(job: Job, message: str, delay: timedelta) -> None:
    job.state, job.message, job.not_before = "queued", message[:MAX_MESSAGE], now() + delay
    job.owner = job.lease_until = None


def release_jobs(db: Database, owner: str) -> int:
    """Put what a worker still holds back into the queue at once, uncounted; return how many jobs. The worker writes nothing
    to them any more.
    """
    with db.unscoped() as session:
        held_by = select(Job).where(Job.state == "running", Job.owner == owner)
        # A job that is just writing a step is left alone: its lease ends.
        held = session.scalars(held_by.with_for_update(skip_locked=True)).all()
        for job in held:
            _set_queued(job, "The service was stopped. The job will continue from where it stopped.", timedelta(0))
            job.attempt -= 1
        return len(held)


def get_job(session: Session, job_id: str) -> Job:
    """Return a job by id. Raises DomainError, 404, for an unknown id."""
    job = session.scalars(select(Job).where(Job.id == job_id)).first()
    if job is None:
        raise not_found("Job not found.")
    return job


def cancel_job(session: Session, job_id: str, by: str) -> Job:
    """Request the cancellation of a job: a worker ends it before its next effect. What is already written stays.

    A job that has ended is not changed. Raises DomainError, 404, for an unknown id.
    """
    job = session.scalars(select(Job).where(Job.id == job_id).with_for_update()).first()
    if job is None:
        raise not_found("Job not found.")
    if job.state in ("queued", "running") and not job.cancel:
        job.cancel = True
        if job.state == "queued":
            job.not_before = now()
        record_event(session, by, "job.cancelled", "job", job.id, {"kind": job.kind})
    return job


def list_jobs(session: Session, kind: str | None = None, limit: int = 50) -> list[Job]:
    """Return jobs, newest first."""
    query = select(Job).order_by(Job.created_at.desc(), Job.id).limit(limit)
    return list(session.scalars(query.where(Job.kind == kind) if kind else query))
