"""A process that does what is due in campaigns, as scheduler and worker, and whose children kill themselves on request.

    python mortal_campaign.py URL

Each line of its input is what a child dies of (see `mortal_worker.py`) and the moment that its clock shows: "write 7
2026-11-02T09:00:00+00:00". The process writes how the child ended. Several of these processes may run on one database at once.
"""

import os
import sys
from datetime import datetime

from dying import die_at
from sqlalchemy import update
from stored_keys import SECRET_KEYS

from service import clock
from service.campaigns import sending
from service.campaigns.outcomes import note_all_deliveries
from service.clock import now
from service.db.job_tables import Job
from service.db.session import Database, open_engine
from service.jobs import kinds, table, worker
from service.log import configure_logging
from service.wiring.job_handlers import build_handlers

PORTION = 20


def run(url: str, what: str, number: int) -> None:
    """Do everything that is due. The jobs of a killed process are taken over at once."""
    engine = open_engine(url)
    db = Database(engine, SECRET_KEYS)
    with db.unscoped() as session:
        session.execute(update(Job).where(Job.state == "running").values(lease_until=now()))
    if what != "never":
        die_at(engine, what, number)
    note_all_deliveries(db)
    sending.queue_due_campaigns(db, now())
    handlers = build_handlers(None)
    while (claimed := table.claim_job(db, "mortal", kinds=[kinds.RUN_CAMPAIGN])) is not None:
        worker.run_job(db, claimed, handlers[claimed.kind])


def stop_clock(at: datetime) -> None:
    """Set the time that `service.clock` returns in this process."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return at

    clock.datetime = Stopped


def main(url: str) -> None:
    """The process itself."""
    configure_logging()
    sending.PORTION, table.BACK_OFF = PORTION, 0.0
    for line in sys.stdin:
        what, number, moment = line.split()
        child = os.fork()
        if child == 0:
            stop_clock(datetime.fromisoformat(moment))
            run(url, what, int(number))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write("killed\n" if os.WIFSIGNALED(status) else "ended\n" if status == 0 else "failed\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
