"""Heartbeats: each loop of each process says that it goes on, and which failure it met last.

A loop is a worker, the scheduler or the web server. Its row is written at most every ``BEAT_SECONDS``; rows of processes that
ended are removed after a day. The rows are about the installation, and name no organisation.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Lock

import structlog
from sqlalchemy import delete, select

from service.clock import now
from service.db.session import Database
from service.db.tables import Heartbeat, new_id
from service.trouble import find_trouble

BEAT_SECONDS = 15.0
STALE, LIFETIME = timedelta(minutes=2), timedelta(days=1)  # a loop is then behind; its row is then deleted

log = structlog.get_logger("service.heartbeats")


class Pulse:
    """The heartbeat of one loop. Several threads may use it."""

    def __init__(self, db: Database, loop: str) -> None:
        self.db, self.loop = db, loop
        self.id, self.process = new_id(), f"{get_host_name()}:{os.getpid()}"
        self.started_at = now()
        self.failures = 0
        self.failed_at: datetime | None = None
        self.failure_id: str | None = None
        self.due, self.lock = 0.0, Lock()

    def beat(self) -> None:
        """Write that the loop goes on, unless that was written a moment ago. A failure to write it is only logged."""
        with self.lock:
            if time.monotonic() < self.due:
                return
            self.due = time.monotonic() + BEAT_SECONDS
        try:
            self.write()
        except Exception as error:  # whatever it is, the loop has something better to do
            log.error("heartbeat_not_written", loop=self.loop, exc_info=error)

    def write(self) -> None:
        """Write that the loop goes on. Raises what the database raises."""
        row = Heartbeat(
            id=self.id, loop=self.loop, process=self.process, started_at=self.started_at, at=now(),
            failures=self.failures, failed_at=self.failed_at, failure_id=self.failure_id,
        )  # fmt: skip
        with self.db.unscoped() as session:
            session.merge(row)

    def record_failure(self, error: Exception) -> str:
        """Log a failure of the loop under an id and return the id; it is written with the next beat."""
        failure_id, trouble = new_id(), find_trouble(error)
        if trouble is not None:
            log.error("trouble", code=trouble.code, loop=self.loop, failure=failure_id, exc_info=error)
        else:
            log.error("loop_fault", loop=self.loop, failure=failure_id, exc_info=error)
        with self.lock:
            self.failures, self.failed_at, self.failure_id, self.due = self.failures + 1, now(), failure_id, 0.0
        return failure_id

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Run one turn of the loop: whatever it raises is recorded, and ends the turn but not the loop."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  it is logged: whatever it is, the loop goes on
            self.record_failure(error)


def list_heartbeats(db: Database) -> list[Heartbeat]:
    """Return the last heartbeat of every loop of the last day, by loop and process."""
    with db.unscoped(write=False) as session:
        rows = select(Heartbeat).where(Heartbeat.at >= now() - LIFETIME)
        return list(session.scalars(rows.order_by(Heartbeat.loop, Heartbeat.process, Heartbeat.id)))


def is_beating(db: Database, loop: str) -> bool:
    """Return whether a loop of this machine, or container, has written a heartbeat in the last two minutes."""
    own = Heartbeat.process.startswith(f"{get_host_name()}:", autoescape=True)
    beats = select(Heartbeat.id).where(Heartbeat.loop == loop, own, Heartbeat.at >= now() - STALE)
    with db.unscoped(write=False) as session:
        return session.scalars(beats.limit(1)).first() is not None


def get_host_name() -> str:
    """Return the name of this machine or container, as heartbeats have it."""
    return socket.gethostname()[:40]


def delete_old_heartbeats(db: Database) -> None:
    """Delete the heartbeats of loops that ended more than a day ago."""
    with db.unscoped() as session:
        session.execute(delete(Heartbeat).where(Heartbeat.at < now() - LIFETIME))
