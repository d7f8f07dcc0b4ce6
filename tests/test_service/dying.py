"""How a process of a test kills itself (SIGKILL) at one of its writes."""

import os
import signal

from sqlalchemy import Engine, event

WRITES = ("INSERT", "UPDATE", "DELETE")


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
