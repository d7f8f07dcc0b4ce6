"""Processes of a test that kill themselves (SIGKILL) at one of their writes.

They are forks of the test, so that none has to start and import everything first.
"""

import os
import signal
import traceback
from collections.abc import Callable

from sqlalchemy import Engine, event
from stored_keys import SECRET_KEYS

from service.db.session import Database, open_engine

WRITES = ("INSERT", "UPDATE", "DELETE")


def begin(database: Database, until: str, act: Callable[[Database], object]) -> int:
    """Start a process that does something with a database and dies of ``until``: "write 7" at its seventh statement that writes
    or commit, "commit 3" at its third commit, "never". Return its number, for :func:`wait_for`.
    """
    database.close()  # a process must not use the connections of another
    if child := os.fork():
        return child
    try:
        engine = open_engine(database.engine.url.render_as_string(hide_password=False))
        what, _, number = until.partition(" ")
        if number:
            die_at(engine, what, int(number))
        act(Database(engine, SECRET_KEYS))
        os._exit(0)
    finally:  # or two processes would go on with the tests
        traceback.print_exc()
        os._exit(1)


def wait_for(child: int) -> str:
    """Return how a process ended: "killed", "ended", or "failed"."""
    _, status = os.waitpid(child, 0)
    return "killed" if os.WIFSIGNALED(status) else "ended" if status == 0 else "failed"


def run_until(database: Database, until: str, act: Callable[[Database], object]) -> str:
    """Run a process as :func:`begin` starts it, and return how it ended."""
    return wait_for(begin(database, until, act))


def die_at(engine: Engine, what: str, number: int) -> None:
    """Kill this process at its nth write, or at its nth commit."""
    passed = {"write": 0, "commit": 0}
    unsaved = False

    def pass_one(kind: str) -> None:
        passed[kind] += 1
        if kind == what and passed[kind] == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def look(_: object, __: object, statement: str, *___: object) -> None:
        nonlocal unsaved
        if statement.lstrip().upper().startswith(WRITES):
            unsaved = True
            pass_one("write")

    def commit(_: object) -> None:
        nonlocal unsaved
        if unsaved:
            unsaved = False
            pass_one("write")
            pass_one("commit")

    event.listen(engine, "before_cursor_execute", look)
    event.listen(engine, "commit", commit)
