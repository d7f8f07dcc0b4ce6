"""Backup and restore that check themselves: every row as JSON, every file by its digest, in one tar file. Any database to any other.

A backup is read in one transaction, so it holds one moment. It is read back and counted before it is called done; restoring
goes into an empty database only and ends by counting again.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import func, insert, select

from service.db.session import Database
from service.db.tables import Base
from service.files import Blobs

MANIFEST = "manifest.json"
FORMAT = 1


class BadBackup(Exception):
    """A backup that cannot be restored, or was not written whole: one sentence that says why."""


def back_up(db: Database, blobs: Blobs, target: Path, at: datetime) -> dict[str, int]:
    """Writes everything to a new tar file, checks it, and returns the number of rows of each table and of files."""
    if target.exists():
        raise BadBackup(f"{target} is there already; a backup never overwrites another.")
    work = target.with_name(target.name + ".part")
    counts: dict[str, int] = {}
    with tarfile.open(work, "w:gz") as tar:
        with db.across() as session:
            for table in Base.metadata.sorted_tables:
                lines = [orjson.dumps(dict(row)) for row in session.execute(select(table)).mappings()]
                counts[table.name] = len(lines)
                _add(tar, f"rows/{table.name}.jsonl", b"\n".join(lines))
        for digest in blobs.digests():
            _add(tar, f"files/{digest}", blobs.get(digest))
        counts["files"] = len(blobs.digests())
        _add(tar, MANIFEST, orjson.dumps({"format": FORMAT, "at": at.isoformat(), "counts": counts}))
    check(work)
    work.replace(target)
    return counts


def check(source: Path) -> dict[str, Any]:
    """Reads a backup whole and compares it with its manifest. Raises BadBackup where anything is missing or changed."""
    found: dict[str, int] = {}
    manifest: dict[str, Any] | None = None
    try:
        with tarfile.open(source, "r:gz") as tar:
            for name, data in _members(tar):
                if name == MANIFEST:
                    manifest = orjson.loads(data)
                elif name.startswith("rows/"):
                    found[name[5:-6]] = len(data.splitlines()) if data else 0
                else:
                    if hashlib.sha256(data).hexdigest() != name[6:]:
                        raise BadBackup(f"{source}: the file {name[6:18]} was changed.")
                    found["files"] = found.get("files", 0) + 1
    except (tarfile.TarError, EOFError, OSError, orjson.JSONDecodeError) as fault:
        raise BadBackup(f"{source} is no whole backup: {fault}.") from fault
    if manifest is None or manifest.get("format") != FORMAT:
        raise BadBackup(f"{source} is no backup of this kind.")
    if {**dict.fromkeys(manifest["counts"], 0), **found} != manifest["counts"]:
        raise BadBackup(f"{source} does not hold what its manifest says.")
    return manifest


def restore(db: Database, blobs: Blobs, source: Path) -> dict[str, int]:
    """Puts a checked backup into an empty database and returns its counts. Raises BadBackup where the database is not empty."""
    manifest = check(source)
    tables = {table.name: table for table in Base.metadata.sorted_tables}
    with db.across() as session:
        for table in tables.values():
            if session.scalar(select(func.count()).select_from(table)):
                raise BadBackup(f"the table {table.name} is not empty; restore goes into an empty database.")
        with tarfile.open(source, "r:gz") as tar:
            rows = {name[5:-6]: data for name, data in _members(tar) if name.startswith("rows/")}
        for name, table in tables.items():
            lines = [_typed(table, orjson.loads(line)) for line in rows.get(name, b"").splitlines()]
            for start in range(0, len(lines), 500):
                session.execute(insert(table), lines[start : start + 500])
        with tarfile.open(source, "r:gz") as tar:
            for name, data in _members(tar):
                if name.startswith("files/"):
                    blobs.put(data)
        for name, table in tables.items():
            count = session.scalar(select(func.count()).select_from(table))
            if count != manifest["counts"].get(name, 0):
                raise BadBackup(
                    f"the table {name} holds {count} rows after restoring, not {manifest['counts'].get(name, 0)}."
                )
    counts: dict[str, int] = manifest["counts"]
    return counts


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    entry.mode = 0o600
    tar.addfile(entry, io.BytesIO(data))


def _members(tar: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for entry in tar:
        file = tar.extractfile(entry)
        if file is not None:
            yield entry.name, file.read()


def _typed(table: Any, row: dict[str, Any]) -> dict[str, Any]:
    """JSON texts back to the times and days of their columns."""
    for column in table.columns:
        value = row.get(column.name)
        if isinstance(value, str):
            kind = column.type.python_type
            if kind is datetime:
                row[column.name] = datetime.fromisoformat(value)
            elif kind is date:
                row[column.name] = date.fromisoformat(value)
    return row
