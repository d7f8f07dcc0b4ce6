"""Backup and restore that check themselves: rows as JSON, files by digest, in one tar file, from any database to any other.

A backup holds one moment. It is read back and compared with its manifest before it is called done; restoring goes into an
empty database only, and ends by reading every row again and comparing with the manifest.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any

import orjson
from sqlalchemy import BigInteger, Date, Table, func, insert, select
from sqlalchemy.orm import Session

from service.blob_store import BlobStore
from service.db.migrations import get_revision
from service.db.session import Database
from service.db.tables import Base, UTCTime
from service.retention import list_used_files

MANIFEST = "manifest.json"
FORMAT = 1
CHUNK = 500  # rows inserted at once
TABLES: tuple[Table, ...] = tuple(Base.metadata.sorted_tables)


class BackupError(Exception):
    """A backup that cannot be restored, or was not written whole: one sentence that says why."""


class Tally:
    """Counts lines and sums up their digests: the same for the same lines in any order, as two databases may sort apart."""

    def __init__(self) -> None:
        self.count, self.sum = 0, 0

    def add(self, line: bytes) -> None:
        """One more line."""
        self.count += 1
        self.sum = (self.sum + int.from_bytes(hashlib.sha256(line).digest())) % 2**256

    def to_dict(self) -> dict[str, Any]:
        """As the manifest holds it."""
        return {"count": self.count, "sum": f"{self.sum:064x}"}


def create_backup(db: Database, blobs: BlobStore, target: Path, at: datetime) -> dict[str, int]:
    """Writes everything to a new tar file, checks it, and returns the number of rows of each table and of files.

    Raises BadBackup where the target is there already, a file that a row speaks of is missing, or what was written does not
    read back.
    """
    if target.exists():
        raise BackupError(f"{target} is there already; a backup never overwrites another.")
    work = target.with_name(target.name + ".part")
    try:
        with _open_private(work) as file, tarfile.open(fileobj=file, mode="w:gz", compresslevel=3) as tar:
            with db.unscoped(write=False) as session:
                tallies = {str(table.name): _add_rows(tar, table, session) for table in TABLES}
                files = sorted(list_used_files(session))
            for digest in files:
                try:
                    _add_member(tar, f"files/{digest}", blobs.get(digest))
                except FileNotFoundError as gone:
                    raise BackupError(
                        f"the file {digest[:12]} is not in the store; it may have been erased just now."
                    ) from gone
            manifest = {
                "format": FORMAT,
                "revision": get_revision(db.engine),
                "at": at.isoformat(),
                "files": len(files),
                "tables": {name: tally.to_dict() for name, tally in tallies.items()},
            }
            _add_member(tar, MANIFEST, orjson.dumps(manifest))
        counts = count_rows(verify_backup(work))
        work.replace(target)
    finally:
        work.unlink(missing_ok=True)
    return counts


def verify_backup(source: Path) -> dict[str, Any]:
    """Reads a backup whole and compares it with its manifest, which it returns. Raises BadBackup where anything is missing or
    changed."""
    tallies: dict[str, Tally] = {}
    files = 0
    manifest: dict[str, Any] | None = None
    try:
        with tarfile.open(source, "r:gz") as tar:
            for name, file in _iterate_members(tar):
                if name == MANIFEST:
                    manifest = orjson.loads(file.read())
                elif name.startswith("rows/"):
                    tally = tallies[name[5:-6]] = Tally()
                    for line in file:
                        tally.add(line)
                elif hashlib.sha256(file.read()).hexdigest() != name[6:]:
                    raise BackupError(f"{source}: the file {name[6:18]} was changed.")
                else:
                    files += 1
    except (tarfile.TarError, EOFError, OSError, orjson.JSONDecodeError) as fault:
        raise BackupError(f"{source} is no whole backup: {fault}.") from fault
    if manifest is None or manifest.get("format") != FORMAT:
        raise BackupError(f"{source} is no backup of this kind.")
    found = {name: tally.to_dict() for name, tally in tallies.items()}
    if (found, files) != (manifest["tables"], manifest["files"]):
        raise BackupError(f"{source} does not hold what its manifest says.")
    return manifest


def restore_backup(db: Database, blobs: BlobStore, source: Path) -> dict[str, int]:
    """Puts a backup into an empty, migrated database, and returns its counts.

    Raises BadBackup where the backup is not whole, the database is not empty or of another version, or holds anything else
    afterwards; then nothing was written but files.
    """
    manifest = verify_backup(source)
    if manifest["revision"] != get_revision(db.engine):
        raise BackupError(
            f"{source} was written at schema {manifest['revision']} and the database is at {get_revision(db.engine)}: restore "
            "with the version that wrote it, then upgrade."
        )
    with db.unscoped() as session:
        for table in TABLES:
            if session.scalar(select(func.count()).select_from(table)):
                raise BackupError(f"the table {table.name} is not empty; restore goes into an empty database.")
        with tarfile.open(source, "r:gz") as tar:
            # Tables stand in the tar in the order in which one may refer to another, files behind them.
            by_name = {table.name: table for table in TABLES}
            for name, file in _iterate_members(tar):
                if name.startswith("rows/"):
                    _insert_rows(session, by_name[name[5:-6]], file)
                elif name.startswith("files/"):
                    blobs.put(file.read())
        for table in TABLES:
            tally = Tally()
            for line in _iterate_lines(session, table):
                tally.add(line)
            if tally.to_dict() != manifest["tables"][table.name]:
                raise BackupError(f"the table {table.name} does not read back as it was saved.")
    return count_rows(manifest)


def count_rows(manifest: Mapping[str, Any]) -> dict[str, int]:
    """Rows of each table that has any, and files."""
    rows = {name: int(tally["count"]) for name, tally in manifest["tables"].items() if tally["count"]}
    return {**rows, "files": int(manifest["files"])}


def _open_private(path: Path) -> IO[bytes]:
    # A backup holds everything there is: its owner alone may read it.
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _iterate_lines(session: Session, table: Table) -> Iterator[bytes]:
    """Rows as lines of JSON, the same for the same rows on every database."""
    rows = session.execute(select(table).execution_options(yield_per=CHUNK)).mappings()
    for row in rows:
        plain = {str(name): v.astimezone(UTC) if isinstance(v, datetime) else v for name, v in row.items()}
        yield orjson.dumps(plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def _add_rows(tar: tarfile.TarFile, table: Table, session: Session) -> Tally:
    tally = Tally()
    with tempfile.TemporaryFile() as file:  # a tar says the length of a member before it
        for line in _iterate_lines(session, table):
            tally.add(line)
            file.write(line)
        _add_member(tar, f"rows/{table.name}.jsonl", file)
    return tally


def _add_member(tar: tarfile.TarFile, name: str, data: bytes | IO[bytes]) -> None:
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    entry = tarfile.TarInfo(name)
    entry.size = file.seek(0, io.SEEK_END)
    entry.mode = 0o600
    file.seek(0)
    tar.addfile(entry, file)


def _iterate_members(tar: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for entry in tar:
        file = tar.extractfile(entry)
        if file is not None:
            yield entry.name, file


def _insert_rows(session: Session, table: Table, file: IO[bytes]) -> None:
    rows: list[dict[str, Any]] = []
    for line in file:
        rows.append(_parse_row(table, orjson.loads(line)))
        if len(rows) == CHUNK:
            session.execute(insert(table), rows)
            rows = []
    if rows:
        session.execute(insert(table), rows)
    if session.get_bind().dialect.name == "postgresql":
        # Rows that brought their number leave the counter behind where it was.
        for column in table.primary_key:
            if isinstance(column.type, BigInteger):
                counter = func.pg_get_serial_sequence(table.name, column.name)
                session.execute(select(func.setval(counter, func.max(column))).having(func.max(column).is_not(None)))


def _parse_row(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """JSON texts back to the times and days of their columns."""
    for column in table.columns:
        value = row.get(column.name)
        if isinstance(value, str) and isinstance(column.type, UTCTime):
            row[column.name] = datetime.fromisoformat(value)
        elif isinstance(value, str) and isinstance(column.type, Date):
            row[column.name] = date.fromisoformat(value)
    return row
