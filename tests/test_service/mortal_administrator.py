"""A process that runs what administrators run, and whose children kill themselves on request.

    python mortal_administrator.py URL FOLDER NEW_KEY

Each line of its input is a command and what the child that runs it dies of, such as "repair write 2", "reencrypt sync 3" (its
third file or folder that is made durable), or "repair never". The process writes how the child ended.
"""

import os
import signal
import sys
from pathlib import Path

from dying import die_at
from stored_keys import SECRET_KEYS

from service.blob_store.folder import FolderStore
from service.clock import now
from service.db.session import Database, open_engine
from service.integrity.check import repair_inconsistencies
from service.log import configure_logging
from service.reencryption import reencrypt


def die_at_sync(number: int) -> None:
    """Kill this process before its nth file is made durable."""
    synced, sync = 0, os.fsync

    def count(handle: int) -> None:
        nonlocal synced
        synced += 1
        if synced == number:
            os.kill(os.getpid(), signal.SIGKILL)
        sync(handle)

    os.fsync = count


def main(url: str, folder: str, new_key: str) -> None:
    """The process itself."""
    configure_logging("ERROR")
    for line in sys.stdin:
        command, what, *number = line.split()
        child = os.fork()
        if child == 0:
            engine, keys = open_engine(url), (new_key.encode(), *SECRET_KEYS)
            if what == "sync":
                die_at_sync(int(number[0]))
            elif number:
                die_at(engine, what, int(number[0]))
            if command == "repair":
                repair_inconsistencies(Database(engine, SECRET_KEYS), FolderStore(Path(folder), SECRET_KEYS), now())
            else:
                reencrypt(Database(engine, keys), FolderStore(Path(folder), keys))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write("killed\n" if os.WIFSIGNALED(status) else "ended\n" if status == 0 else "failed\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
