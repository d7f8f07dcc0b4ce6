"""A process that runs import jobs, and whose children kill themselves on request.

    python mortal_worker.py URL FOLDER     FOLDER: the blob store

Each line of its input is what a child dies of: "write 7" at its seventh statement that writes or commit, "commit 3" at its third
commit, "never". The child runs the jobs that wait, one after another, and kills itself with SIGKILL at that point; the process
then writes "killed" or "ended". Children are forks, so that dying costs no start. An import is saved in chunks of two suppliers.
"""

import os
import sys
from pathlib import Path

from dying import die_at
from sqlalchemy import update
from stored_keys import SECRET_KEYS

from questionnaires.form import load_combined_form
from risk_models.facts.facts import load_facts
from risk_models.model import load_models
from service.blob_store.folder import FolderStore
from service.clock import now
from service.db.job_tables import Job
from service.db.session import Database, open_engine
from service.erasure import organisation
from service.imports import saving
from service.jobs import table, worker
from service.journal import Journal
from service.log import configure_logging
from service.wiring.job_handlers import build_handlers

CHUNK = 2


def run_jobs(url: str, blobs: FolderStore, what: str, number: int) -> None:
    """Run the waiting jobs. The jobs of a killed worker are taken over at once."""
    engine = open_engine(url)
    db = Database(engine, SECRET_KEYS)
    with db.unscoped() as session:
        session.execute(update(Job).where(Job.state == "running").values(lease_until=now()))
    if what != "never":
        die_at(engine, what, number)
    handlers = build_handlers(blobs, Journal(blobs.folder.parent / "erasures.jsonl"))
    while (claimed := table.claim_job(db, "mortal")) is not None:
        worker.run_job(db, claimed, handlers[claimed.kind])


def main(url: str, folder: str) -> None:
    """The process itself."""
    configure_logging()
    saving.CHUNK, organisation.CHUNK, table.BACK_OFF = CHUNK, CHUNK, 0.0
    load_models()
    load_facts()
    for kind in ("site", "agency"):
        load_combined_form(kind)
    for line in sys.stdin:
        what, _, number = line.strip().partition(" ")
        child = os.fork()
        if child == 0:
            run_jobs(url, FolderStore(Path(folder), SECRET_KEYS), what, int(number or 0))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write("killed\n" if os.WIFSIGNALED(status) else "ended\n" if status == 0 else "failed\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
