"""Workers and schedulers as separate processes, to be killed, stopped, or run with a clock that is set.

What a process does (`PROCESSES`):

    work LEASE       runs jobs of kind "count" until it is ended
    tick DAYS        stops itself; then ticks at 06:00 of these days (numbers), one right after the other
    drain FOLDER     two workers that stop on SIGTERM; their grace period is half a second
    live FOLDER      a worker that counts where a schedule asks for a review, and a scheduler that ticks five times a second

They are forks of the test, so that none has to start and import everything first. One with a clock of its own has to start:

    python processes.py live URL FOLDER

A job of kind "count" has as many effects as its payload says (`of`): the change "counted" with its number, and the number as
the checkpoint. At its first attempt it pauses where its payload says: within an effect, when it is written and not committed
(`hangs_within`), or before one, with its whole process (`stops_before`). In a `live` or `drain` process it pauses before each
effect but the first for as long as FOLDER holds a file called "pause".
"""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event, Thread
from typing import Any, TextIO

from sqlalchemy import select
from stored_keys import SECRET_KEYS

from service.blob_store.folder import FolderStore
from service.clock import now
from service.db import change_feed
from service.db.job_tables import Job
from service.db.session import Database, open_engine
from service.db.tables import Change
from service.jobs import table, worker
from service.log import configure_logging
from service.wiring import scheduler
from service.wiring.processes import stop_on_signals

ROOT = Path(__file__).resolve().parents[2]
MEMORY = 4_000_000_000  # bytes of addresses that a process may have
FIRST_DAY = datetime(2026, 3, 1, 6, tzinfo=UTC)


def count(db: Database, claimed: table.ClaimedJob, pause: Path | None = None) -> dict[str, Any]:
    """Counts, one effect a number."""
    last = claimed.payload.get("of", 5)
    at_first = claimed.payload if claimed.attempt == 1 else {}
    for n in range(claimed.checkpoint.get("counted", 0), last):
        if n == at_first.get("stops_before"):
            os.kill(os.getpid(), signal.SIGSTOP)
        while n and pause is not None and pause.exists():
            time.sleep(0.02)
        with table.job_transaction(db, claimed, checkpoint={"counted": n + 1}, progress=(n + 1) / last) as session:
            data = {"n": n, "padding": "x" * claimed.payload.get("bytes", 0)}
            change_feed.write(session, "counted", claimed.id, data, now())
            session.flush()
            if n == at_first.get("hangs_within"):
                Event().wait()
    return {"counted": last}


def counted(database: Database, job_id: str) -> list[int]:
    """The numbers that a job has counted, in order."""
    with database.unscoped(write=False) as session:
        changes = session.scalars(select(Change).where(Change.supplier_id == job_id, Change.kind == "counted"))
        return sorted(change.data["n"] for change in changes)


def job(database: Database, job_id: str) -> Job:
    """A job as it is now."""
    with database.unscoped(write=False) as session:
        return session.get_one(Job, job_id)


@contextmanager
def started(role: str, database: Database, *arguments: object, log: TextIO | None = None) -> Iterator[BaseProcess]:
    """A process on a database; killed at the end if it still runs. Its log goes to a file if one is given."""
    url = database.engine.url.render_as_string(hide_password=False)
    database.close()  # a process must not use the connections of another
    process = get_context("fork").Process(target=run, args=(role, url, *arguments), kwargs={"log": log})
    process.start()
    try:
        yield process
    finally:
        if process.is_alive():
            os.kill(process.pid, signal.SIGCONT)
        process.kill()
        process.join()


@contextmanager
def started_with_clock(database: Database, folder: Path, clock: Mapping[str, str]) -> Iterator[None]:
    """A `live` process whose clock is set by variables of the environment; killed at the end."""
    url = database.engine.url.render_as_string(hide_password=False)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **clock}
    command = [sys.executable, __file__, "live", url, str(folder)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def run(role: str, url: str, *arguments: Any, log: TextIO | None = None) -> None:
    """The process itself."""
    configure_logging(stream=log or StringIO())
    worker.POLL_SECONDS = worker.DATABASE_RETRY_SECONDS = table.BACK_OFF = 0.1
    PROCESSES[role](Database(open_engine(url), SECRET_KEYS), *arguments)


def work(db: Database, lease: float) -> None:
    worker.run_worker(db, {"count": worker.Handler(count)}, Event(), lease)


def tick(db: Database, *days: int) -> None:
    with db.unscoped(write=False) as session:
        session.execute(select(1))  # connected
    os.kill(os.getpid(), signal.SIGSTOP)
    for day in days:
        scheduler.trigger_due_schedules(db, FIRST_DAY + timedelta(days=day))


def drain(db: Database, folder: Path) -> None:
    handlers = {"count": worker.Handler(lambda db, claimed: count(db, claimed, folder / "pause"))}
    worker.run_workers(db, handlers, stop_on_signals(), 2, 0.5)


def live(db: Database, folder: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    ticking = (db, FolderStore(Path(folder) / "files"), Event(), timedelta(seconds=0.2))
    Thread(target=scheduler.run_scheduler, args=ticking, daemon=True).start()
    reviews = worker.Handler(lambda db, claimed: count(db, claimed, Path(folder) / "pause"))
    worker.run_worker(db, {"review_suppliers": reviews}, Event())


PROCESSES = {"work": work, "tick": tick, "drain": drain, "live": live}

if __name__ == "__main__":
    run(*sys.argv[1:])
