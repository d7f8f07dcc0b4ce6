"""Operating trouble: what is wrong with the database, the disk or the file store rather than with a request or with our code.

It is recognised from the exceptions of the database drivers and the operating system, so that callers get 503 and may try
again, and the log names a cause that an operator can act on. docs/operate.md says what to do about each kind.
"""

from __future__ import annotations

import errno
import sqlite3
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.blob_store import BlobStoreUnavailable, BlobTrouble, ChangedBlob, LockedBlob, MissingBlob
from service.errors import DomainError
from service.secret_keys import DamagedValue, UnknownKey


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of trouble: its code, what a caller is told, what an operator is told to do, and after how many seconds another
    try makes sense.
    """

    code: str
    title: str
    detail: str
    cure: str
    retry_seconds: int


class Trouble(DomainError):
    """A request that cannot be handled at the moment: 503 with Retry-After."""

    def __init__(self, kind: Kind) -> None:
        headers = {"Retry-After": str(kind.retry_seconds)}
        super().__init__(kind.code, 503, kind.detail, headers=headers, title=kind.title)
        self.kind = kind

    def describe(self) -> str:
        """Return the trouble and its cure in words for an operator."""
        return f"{self.kind.title.lower()}. {self.kind.cure}"


UNAVAILABLE = Kind(
    "database.unavailable",
    "Database unavailable",
    "The database is not responding. Nothing was saved. Try again shortly.",
    "Check that the database server is running, that it can be reached, and that DILIGENCE_DATABASE_URL is correct.",
    10,
)
BUSY = Kind(
    "database.busy",
    "Database busy",
    "The database is busy with other work. Nothing was saved. Try again in a moment.",
    "Another process holds a lock on the database. Wait until it has finished, or end it, then try again.",
    5,
)
DAMAGED = Kind(
    "database.damaged",
    "Database damaged",
    "The database file is damaged. Nothing was saved. An administrator has to restore it from a backup.",
    "Keep a copy of the damaged file, then restore the last backup into an empty data folder.",
    300,
)
FULL = Kind(
    "storage.full",
    "Disk full",
    "There is no space left on the server. Nothing was saved. Try again once an administrator has freed up space.",
    "Free up space on the disks that hold the data folder and the database.",
    60,
)
READ_ONLY = Kind(
    "storage.read_only",
    "Storage read-only",
    "The server cannot write to its database or its data folder. Nothing was saved. An administrator has to restore "
    "access.",
    "Make the data folder and the database writable for the user that runs Diligence.",
    60,
)
FAILING = Kind(
    "storage.failing",
    "Storage failing",
    "The server cannot read from or write to its disk. Nothing was saved. An administrator has to check the disk.",
    "Check the disk and the operating system's log.",
    60,
)
FILE_MISSING = Kind(
    MissingBlob.code,
    "Stored file missing",
    "A stored file is missing on the server. An administrator has to restore it from a backup.",
    "Restore the files of the data folder from a backup.",
    300,
)
FILE_CHANGED = Kind(
    ChangedBlob.code,
    "Stored file changed",
    "A stored file has been changed or damaged on the server and is not shown. An administrator has to restore it "
    "from a backup.",
    "Run `diligence check`, and restore the files that it lists from a backup.",
    300,
)
FILE_LOCKED = Kind(
    LockedBlob.code,
    "Key for a stored file missing",
    "A stored file cannot be decrypted on the server. An administrator has to restore the secret key.",
    "Add the secret key named by `diligence check` to the secret key file again.",
    300,
)
TEXT_LOCKED = Kind(
    UnknownKey.code,
    "Key for a stored text missing",
    "A stored text cannot be decrypted on the server. An administrator has to restore the secret key.",
    "Add the secret key named by `diligence check` to the secret key file again.",
    300,
)
TEXT_CHANGED = Kind(
    DamagedValue.code,
    "Stored text changed",
    "A stored text was changed or damaged on the server and is not shown. An administrator has to restore it from a backup.",
    "Run `diligence check`, find out who changed the database by hand, and compare it with a backup.",
    300,
)
STORE_UNAVAILABLE = Kind(
    BlobStoreUnavailable.code,
    "File store unavailable",
    "The file store is not responding. Nothing was saved. Try again shortly.",
    "Check that the bucket can be reached, and that DILIGENCE_BLOB_STORE_URL, the access key and its permissions "
    "are correct.",
    10,
)
KINDS = (
    UNAVAILABLE,
    BUSY,
    DAMAGED,
    FULL,
    READ_ONLY,
    FAILING,
    FILE_MISSING,
    FILE_CHANGED,
    FILE_LOCKED,
    TEXT_LOCKED,
    TEXT_CHANGED,
    STORE_UNAVAILABLE,
)

_BLOB_TROUBLES = {
    MissingBlob: FILE_MISSING,
    ChangedBlob: FILE_CHANGED,
    LockedBlob: FILE_LOCKED,
    BlobStoreUnavailable: STORE_UNAVAILABLE,
}

_OS_ERRORS = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EFBIG: FULL,  # a limit on the size of files
    errno.EROFS: READ_ONLY,
    errno.EACCES: READ_ONLY,
    errno.EPERM: READ_ONLY,
    errno.EIO: FAILING,
}
# Result codes of SQLite (sqlite.org/rescode.html); the lower eight bits are the primary code.
_SQLITE_ERRORS = {
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_PERM: READ_ONLY,
    sqlite3.SQLITE_IOERR: FAILING,
    sqlite3.SQLITE_CANTOPEN: UNAVAILABLE,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
}
# Conditions of PostgreSQL (appendix A of its manual), or their classes.
_SQLSTATES = {
    "08": UNAVAILABLE,  # connection exceptions
    "57P": UNAVAILABLE,  # shutting down, or starting up
    "53300": UNAVAILABLE,  # too many connections
    "53200": UNAVAILABLE,  # out of memory
    "53100": FULL,
    "55P03": BUSY,  # lock_timeout
    "57014": BUSY,  # statement_timeout
    "40": BUSY,  # deadlocks and serialisation failures
    "25006": READ_ONLY,
    "58": FAILING,  # errors of its operating system
    "XX001": DAMAGED,
    "XX002": DAMAGED,
}


def find_trouble(error: BaseException | None) -> Trouble | None:
    """Return the trouble that an exception shows, or None if it shows a bug or a refusal."""
    kind = _classify(error)
    return None if kind is None else Trouble(kind)


def _classify(error: BaseException | None) -> Kind | None:
    if isinstance(error, Trouble):
        return error.kind
    if isinstance(error, PoolTimeout):
        return BUSY
    if isinstance(error, BlobTrouble):
        return _BLOB_TROUBLES.get(type(error))
    if isinstance(error, UnknownKey):
        return TEXT_LOCKED
    if isinstance(error, DamagedValue):
        return TEXT_CHANGED
    if isinstance(error, DBAPIError):
        return _classify_database_error(error)
    if isinstance(error, sqlite3.Error):
        return _classify_sqlite_error(error)
    if isinstance(error, OSError):
        return _OS_ERRORS.get(error.errno or 0)
    return None


def _classify_database_error(error: DBAPIError) -> Kind | None:
    original = error.orig
    if isinstance(original, sqlite3.Error):
        return _classify_sqlite_error(original)
    state = getattr(original, "sqlstate", None)
    if state is not None:
        return next((kind for prefix, kind in _SQLSTATES.items() if state.startswith(prefix)), None)
    # Without a state it did not come from the server: the connection failed, or was closed.
    return UNAVAILABLE if error.connection_invalidated or isinstance(error, OperationalError) else None


def _classify_sqlite_error(error: sqlite3.Error) -> Kind | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else _SQLITE_ERRORS.get(code & 0xFF)
