"""A process that pushes to connected systems, and whose children kill themselves on request.

    python mortal_pusher.py URL

Each line of its input is what a child dies of (see `mortal_worker.py`). The child pushes everything that is due; the process
writes how the child ended. The lease of a killed child ends at once.
"""

import os
import sys

from dying import die_at
from sqlalchemy import update

from service.connected_systems.pushing import Pusher, push_next
from service.db.session import Database, open_engine
from service.db.system_tables import ConnectedSystem
from service.log import configure_logging
from service.outbox.exchange import Receiving

KEY = b"k" * 32
LOCAL = Receiving(plain_http=True, networks=("127.0.0.0/8",))
PUSHER = Pusher(LOCAL, (KEY,), "https://diligence.example")


def push_all(url: str, what: str, number: int) -> None:
    """Push until nothing is due."""
    engine = open_engine(url)
    db = Database(engine, (KEY,))
    with db.unscoped() as session:
        session.execute(update(ConnectedSystem).values(lease_until=None))
    if what != "never":
        die_at(engine, what, number)
    while push_next(db, PUSHER):
        pass


def main(url: str) -> None:
    """The process itself."""
    configure_logging()
    for line in sys.stdin:
        what, _, number = line.strip().partition(" ")
        child = os.fork()
        if child == 0:
            push_all(url, what, int(number or 0))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write("killed\n" if os.WIFSIGNALED(status) else "ended\n" if status == 0 else "failed\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
