"""A worker that kills itself (SIGKILL) at a given write. An import is saved in chunks of two suppliers."""

from collections.abc import Callable
from pathlib import Path

from dying import run_until
from sqlalchemy import update
from stored_keys import SECRET_KEYS

from questionnaires import sandbox
from service.blob_store.folder import FolderStore
from service.clock import now
from service.db.job_tables import Job
from service.db.session import Database
from service.erasure import organisation
from service.imports import saving
from service.jobs import table, worker
from service.journal import Journal
from service.wiring.job_handlers import build_handlers

CHUNK = 2

Kill = Callable[[str], str]


def mortal(database: Database, folder: Path) -> Kill:
    """Return a function that has a worker run the jobs that wait, one after another, until it dies of what `dying.begin` is
    told, and returns how it ended. ``folder``: the blob store.
    """
    reader = sandbox._take_template()  # the workers come one after another: each may use it, and none has to start one
    sandbox._idle.append(reader)

    def run_jobs(db: Database) -> None:
        saving.CHUNK, organisation.CHUNK, table.BACK_OFF = CHUNK, CHUNK, 0.0
        reader.process.poll = lambda: None  # it runs, but only its parent can ask
        sandbox._idle.append(reader)
        blobs = FolderStore(folder, SECRET_KEYS)
        handlers = build_handlers(blobs, Journal(folder.parent / "erasures.jsonl"))
        while (claimed := table.claim_job(db, "mortal")) is not None:
            worker.run_job(db, claimed, handlers[claimed.kind])

    def kill(until: str) -> str:
        with database.unscoped() as session:  # the jobs of a killed worker are taken over at once
            session.execute(update(Job).where(Job.state == "running").values(lease_until=now()))
        return run_until(database, until, run_jobs)

    return kill
