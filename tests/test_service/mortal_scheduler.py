"""A process that queues reminders, and whose children kill themselves on request.

    python mortal_scheduler.py URL DAY

Each line of its input is what a child dies of (see `mortal_worker.py`). The child queues the reminders of that day, and the
process writes how it ended. Several of these processes may run on one database at once.
"""

import os
import sys
from datetime import UTC, datetime

from dying import die_at
from stored_keys import SECRET_KEYS

from service.db.session import Database, open_engine
from service.log import configure_logging
from service.remediation.reminders import queue_all_reminders


def main(url: str, day: str) -> None:
    """The process itself."""
    configure_logging()
    at = datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC)
    for line in sys.stdin:
        what, _, number = line.strip().partition(" ")
        child = os.fork()
        if child == 0:
            engine = open_engine(url)
            if what != "never":
                die_at(engine, what, int(number))
            queue_all_reminders(Database(engine, SECRET_KEYS), at)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write("killed\n" if os.WIFSIGNALED(status) else "ended\n" if status == 0 else "failed\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
