"""A worker claims jobs one after another and runs them. Any number of workers may run, in any number of processes.

Of several workers in one process, the last takes short jobs only: whatever the others are busy with, a short job is not held up.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from threading import Event, Thread
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from service.blob_store import ChangedBlob, MissingBlob
from service.db.job_tables import Job
from service.db.session import Database
from service.db.tables import new_id
from service.errors import DomainError
from service.heartbeats import Pulse
from service.jobs.lanes import SHORT
from service.jobs.table import (
    LEASE,
    MAX_ATTEMPTS,
    Cancelled,
    ClaimedJob,
    GaveWay,
    LostLease,
    Stopped,
    claim_job,
    end_job,
    is_job_waiting,
    release_jobs,
    renew_lease,
    requeue,
    requeue_or_fail,
)
from service.secret_keys import DamagedValue
from service.trouble import find_trouble

POLL_SECONDS = 1.0  # seconds between polls of an empty queue
DATABASE_RETRY_SECONDS = 5.0  # seconds until the next try when the database does not answer, or its disk is full
# How a job ends whose text or file was changed, or whose file is missing: another attempt would not find it either.
CHANGED_TEXT = "A stored text was changed in the database. Ask your administrator to run `diligence check`."
LOST_FILE = "Upload it again, or ask your administrator to restore it from a backup."

log = structlog.get_logger("service.jobs")


def _is_never_half_done(_: Mapping[str, Any]) -> bool:
    return False


@dataclass(frozen=True)
class Handler:
    """The functions of a kind of job. ``run`` may be called again after any of its effects; it returns the result of the job,
    or None if its last transaction saved it.

    ``on_failure`` is called when the job has finally failed or was cancelled, in the transaction in which it ends.
    ``is_half_done``: whether a job with a certain checkpoint has written a part of what must be written whole; it is then
    tried again until it is, however often it has failed.
    """

    run: Callable[[Database, ClaimedJob], dict[str, Any] | None]
    on_failure: Callable[[Session, Job], None] | None = None
    is_half_done: Callable[[Mapping[str, Any]], bool] = _is_never_half_done


def run_workers(db: Database, handlers: Mapping[str, Handler], stop: Event, workers: int, grace_seconds: float) -> None:
    """Run jobs on ``workers`` threads until ``stop`` is set. Each job then ends or reaches its next checkpoint within
    ``grace_seconds``; what does not is left as it was at its last checkpoint, and goes back to the queue for another worker.
    """
    threads = {}
    for number in range(workers):
        lanes = (SHORT,) if 0 < number == workers - 1 else None
        owner = _name_owner()
        arguments = (db, handlers, stop, LEASE, lanes, owner)
        threads[owner] = Thread(target=run_worker, args=arguments, name=f"worker {number + 1}", daemon=True)
    for thread in threads.values():
        thread.start()
    stop.wait()
    deadline = time.monotonic() + grace_seconds
    for owner, thread in threads.items():
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            _release(db, owner)


def _release(db: Database, owner: str) -> None:
    try:
        log.warning("jobs_returned", owner=owner, jobs=release_jobs(db, owner))
    except SQLAlchemyError as error:  # their lease ends, and they are claimed again
        log.error("database_unavailable", exc_info=error)


def _name_owner() -> str:
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{new_id()[:8]}"


def run_worker(
    db: Database,
    handlers: Mapping[str, Handler],
    stop: Event,
    lease_seconds: float = LEASE,
    lanes: Collection[str] | None = None,
    owner: str | None = None,
) -> None:
    """Run jobs, of some lanes or all, until ``stop`` is set; a job that has begun ends or reaches its next checkpoint first.

    Nothing but ``stop`` ends the loop: whatever goes wrong is logged, and tried again a little later.
    """
    owner = owner or _name_owner()
    log.info("worker_begun", owner=owner, kinds=sorted(handlers), lanes=lanes and sorted(lanes))
    pulse = Pulse(db, "worker")
    while not stop.is_set():
        pulse.beat()
        try:
            claimed = claim_job(db, owner, lease_seconds, handlers, lanes)
            if claimed is None:
                stop.wait(POLL_SECONDS)
            else:
                job = replace(claimed, stop=stop, is_awaited=partial(is_job_waiting, db))
                run_job(db, job, handlers[claimed.kind], pulse.beat)
        except Exception as error:  # noqa: BLE001  it is logged: nothing but `stop` ends the loop
            # Nothing is lost: if a job could not be requeued, its lease ends and it is claimed again.
            pulse.record_failure(error)
            stop.wait(DATABASE_RETRY_SECONDS)


def run_job(db: Database, claimed: ClaimedJob, handler: Handler, beat: Callable[[], None] = lambda: None) -> None:
    """Run a claimed job to its end, or requeue it for another attempt. Raises what shows trouble with the database or the disk.

    ``beat`` is called now and then while the job runs.
    """
    job_log = log.bind(job=claimed.id, kind=claimed.kind, attempt=claimed.attempt)
    job_log.info("job_begun")
    began = time.monotonic()
    try:
        state = _run_attempt(db, claimed, handler, job_log, beat)
    except LostLease:
        state = "lost"
    job_log.info(f"job_{state}", seconds=round(time.monotonic() - began, 3))


def _run_attempt(db: Database, claimed: ClaimedJob, handler: Handler, job_log: Any, beat: Callable[[], None]) -> str:
    """Run one attempt and return its outcome. Raises LostLease, and what shows trouble with the database or the disk."""
    if claimed.cancel:
        return end_job(db, claimed, "cancelled", "Cancelled.", on_end=handler.on_failure)
    if claimed.attempt > MAX_ATTEMPTS and not handler.is_half_done(claimed.checkpoint):
        message = f"Stopped after {MAX_ATTEMPTS} unsuccessful attempts."
        return end_job(db, claimed, "failed", message, on_end=handler.on_failure)
    try:
        with _keep_lease(db, claimed, beat):
            result = handler.run(db, claimed)
        return "done" if result is None else end_job(db, claimed, "done", result=result)
    except LostLease:
        raise
    except Cancelled:
        return end_job(db, claimed, "cancelled", "Cancelled.", on_end=handler.on_failure)
    except Stopped:
        message = "The service was stopped. The job will continue from where it stopped."
        requeue(db, claimed, message, counted=False, at_once=True)
        return "returned"
    except GaveWay:
        requeue(db, claimed, "", counted=False, at_once=True)
        return "gave_way"
    except DomainError as error:
        return end_job(db, claimed, "failed", error.detail or error.code, on_end=handler.on_failure)
    except (MissingBlob, ChangedBlob) as error:
        job_log.error(error.code)
        return end_job(db, claimed, "failed", f"{error} {LOST_FILE}", on_end=handler.on_failure)
    except DamagedValue as error:
        job_log.error(error.code)
        return end_job(db, claimed, "failed", CHANGED_TEXT, on_end=handler.on_failure)
    except Exception as error:
        trouble = find_trouble(error)
        if trouble is not None:
            requeue(db, claimed, f"{trouble.kind.title}.", counted=False)
            raise
        bug = new_id()  # whatever else arrives in the last frame of a job
        job_log.error("job_fault", bug=bug, exc_info=error)
        message = f"Internal error, logged with the id {bug}."
        return requeue_or_fail(db, claimed, message, handler.is_half_done, handler.on_failure)


@contextmanager
def _keep_lease(db: Database, claimed: ClaimedJob, beat: Callable[[], None]) -> Iterator[None]:
    """Renew the lease while the job runs, and call ``beat`` each time."""
    ended = Event()
    heartbeat = Thread(
        target=_renew_lease_until, args=(db, claimed, ended, beat), name=f"lease of {claimed.id}", daemon=True
    )
    heartbeat.start()
    try:
        yield
    finally:
        ended.set()
        heartbeat.join()


def _renew_lease_until(db: Database, claimed: ClaimedJob, ended: Event, beat: Callable[[], None]) -> None:
    while not ended.wait(claimed.lease_seconds / 3):
        beat()
        try:
            if not renew_lease(db, claimed):
                return
        except SQLAlchemyError as error:
            log.warning("lease_not_renewed", job=claimed.id, exc_info=error)
