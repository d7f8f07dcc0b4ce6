"""Backup and restore with verification: rows as JSON and files by digest in one tar file, from any database to any other.

A backup is a snapshot of one moment. It is read back and compared with its manifest before it is complete. A restore needs an
empty database, and ends by reading every row again and comparing with the manifest.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import orjson
from sqlalchemy import BigInteger, Date, Table, delete, func, insert, select
from sqlalchemy.orm import Session

from service.audit_chain import record_system_event
from service.blob_store import BlobStore, BlobTrouble, ChangedBlob, LockedBlob, MissingBlob, open_plain
from service.db.account_tables import SignIn
from service.db.encrypted import list_key_ids
from service.db.migrations import get_revision
from service.db.session import Database
from service.db.sign_in_tables import AccessToken
from service.db.supplier_counts import recount
from service.db.tables import Base, UTCTime
from service.encrypted_file import EncryptedFileError, EncryptedReader, EncryptedWriter, is_encrypted
from service.erasure.files import list_used_files
from service.erasure.record import ACTOR, RecordedErasure, apply_erasures
from service.secret_keys import get_key_id

MANIFEST = "manifest.json"
PURPOSE = "backup"  # of the key that encrypts the file
FORMAT = 2
CHUNK = 500  # rows inserted at once
# Counts are left out: the triggers count the suppliers again when they are restored.
TABLES: tuple[Table, ...] = tuple(table for table in Base.metadata.sorted_tables if not table.info.get("derived"))


class BackupError(Exception):
    """Raised for a backup that cannot be restored or was not written completely; the message is a sentence that says why."""


class Tally:
    """A count of lines and the sum of their digests; the order of the lines does not matter, as databases may sort
    differently.
    """

    def __init__(self) -> None:
        self.count, self.sum = 0, 0

    def add(self, line: bytes) -> None:
        """Count a line."""
        self.count += 1
        self.sum = (self.sum + int.from_bytes(hashlib.sha256(line).digest())) % 2**256

    def to_dict(self) -> dict[str, Any]:
        """Return the tally as the manifest holds it."""
        return {"count": self.count, "sum": f"{self.sum:064x}"}


def create_backup(
    db: Database, blobs: BlobStore, target: Path, at: datetime, keys: Sequence[bytes] = ()
) -> dict[str, int]:
    """Write everything to a new tar file and verify it; return the number of rows of each table and of files.

    Texts and files that are encrypted stay so; the manifest names the secret keys that a restore needs for the texts.
    ``keys``: for backups, newest first; without any, the file is not encrypted.

    Raises BackupError if the target exists, a file that a row refers to is missing or was changed, or the written file does not
    verify.
    """
    if target.exists():
        raise BackupError(f"{target} already exists; a backup never overwrites a file.")
    work = target.with_name(target.name + ".part")
    try:
        with (
            _open_private(work) as file,
            closing(EncryptedWriter(file, keys[0], PURPOSE) if keys else file) as sink,
            tarfile.open(fileobj=cast(IO[bytes], sink), mode="w:gz", compresslevel=3) as tar,
        ):
            with db.unscoped(write=False) as session:
                tallies = {str(table.name): _add_rows(tar, table, session) for table in TABLES}
                files = sorted(list_used_files(session))
                key_ids = list_key_ids(session)
            file_tally = Tally()
            for digest in files:
                try:
                    blobs.open(digest).close()  # compares it with its digest
                    with blobs.open_stored(digest) as stored:
                        file_tally.add(_describe_file(digest, stored))
                        _add_member(tar, f"files/{digest}", stored)
                except MissingBlob as error:
                    raise BackupError(f"{error} It may have been erased during the backup.") from error
                except BlobTrouble as error:
                    raise BackupError(f"{error} Run `diligence check`.") from error
            manifest = {
                "format": FORMAT,
                "revision": get_revision(db.engine),
                "at": at.isoformat(),
                "files": file_tally.to_dict(),
                "secret_keys": key_ids,
                "tables": {name: tally.to_dict() for name, tally in tallies.items()},
            }
            _add_member(tar, MANIFEST, orjson.dumps(manifest))
        counts = count_backup_rows(verify_backup(work, keys))
        work.replace(target)
    finally:
        work.unlink(missing_ok=True)
    return counts


def verify_backup(source: Path, keys: Sequence[bytes] = ()) -> dict[str, Any]:
    """Read a whole backup, compare it with its manifest and return the manifest. Raises BackupError if anything is missing or
    changed, or if it is encrypted with none of the keys.
    """
    tallies: dict[str, Tally] = {}
    files = Tally()
    manifest: dict[str, Any] | None = None
    try:
        with _open_tar(source, keys) as tar:
            for name, file in _iterate_members(tar):
                if name == MANIFEST:
                    manifest = orjson.loads(file.read())
                elif name.startswith("rows/"):
                    tally = tallies[name[5:-6]] = Tally()
                    for line in file:
                        tally.add(line)
                else:
                    files.add(_describe_file(name.removeprefix("files/"), file))
    except (tarfile.TarError, EOFError, OSError, orjson.JSONDecodeError, EncryptedFileError) as error:
        raise BackupError(f"{source} is not a complete backup: {error}.") from error
    if manifest is None or manifest.get("format") != FORMAT:
        raise BackupError(f"{source} is not a Diligence backup.")
    tables = {name: tally.to_dict() for name, tally in tallies.items()}
    if (tables, files.to_dict()) != (manifest["tables"], manifest["files"]):
        raise BackupError(f"The content of {source} does not match its manifest.")
    return manifest


def restore_backup(
    db: Database,
    blobs: BlobStore,
    source: Path,
    at: datetime,
    erasures: Sequence[RecordedErasure] = (),
    keys: Sequence[bytes] = (),
) -> tuple[dict[str, int], int]:
    """Restore a backup into an empty, migrated database; return its counts, and how many erasures were applied again.

    Nobody is signed in afterwards. ``erasures``: what was erased, as the journal of the installation records it. What the backup
    holds of it is erased in the transaction that restores the rows, and its files are not restored.

    Raises BackupError if the backup is incomplete, the database is not empty or has another revision, or its rows differ from
    the backup afterwards; nothing but files is then written.
    """
    manifest = verify_backup(source, keys)
    if manifest["revision"] != get_revision(db.engine):
        raise BackupError(
            f"{source} has database version {manifest['revision']}, but the database is at "
            f"{get_revision(db.engine)}. Restore it with the release that wrote it, then upgrade."
        )
    missing = sorted(set(manifest["secret_keys"]) - {get_key_id(secret_key) for secret_key in db.secret_keys})
    if missing:
        raise BackupError(
            f"{source} contains texts that are encrypted with the secret key {missing[0]}. Add the "
            "line with this key to the secret key file, then restore the backup again."
        )
    with db.unscoped() as session:
        for table in TABLES:
            if session.scalar(select(func.count()).select_from(table)):
                raise BackupError(
                    f"the table {table.name} is not empty; a backup can only be restored into an empty database."
                )
        by_name = {table.name: table for table in TABLES}
        for name, file in _iterate_files_of(source, "rows/", keys):  # the tables are in the order of their foreign keys
            _insert_rows(session, by_name[name[:-6]], file)
        recount(session)
        for table in TABLES:
            tally = Tally()
            for line in _iterate_lines(session, table):
                tally.add(line)
            if tally.to_dict() != manifest["tables"][table.name]:
                raise BackupError(f"when read back, the table {table.name} does not match what was saved.")
        for transient in (SignIn, AccessToken):  # or what was signed out since would be signed in again
            session.execute(delete(transient))
        details = {"made_at": manifest["at"], "erasures": len(erasures)}
        record_system_event(
            session, ACTOR, "backup.restored", "backup", hashlib.sha256(orjson.dumps(manifest)).hexdigest(), details
        )
        applied = apply_erasures(session, erasures, at)
        session.flush()
        used = list_used_files(session)
        for digest, file in _iterate_files_of(source, "files/", keys):
            if digest in used:
                _restore_file(blobs, digest, file, db.secret_keys)
    return count_backup_rows(manifest), len(applied)


def count_backup_rows(manifest: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of rows of each table that has any, and of files."""
    rows = {name: int(tally["count"]) for name, tally in manifest["tables"].items() if tally["count"]}
    return {**rows, "files": int(manifest["files"]["count"])}


def _open_private(path: Path) -> IO[bytes]:
    # A backup holds all data: only its owner may read it.
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _iterate_lines(session: Session, table: Table) -> Iterator[bytes]:
    """Yield rows as lines of JSON, the same for equal rows on every database."""
    stored = [column for column in table.columns if column.computed is None]
    rows = session.execute(select(*stored).execution_options(yield_per=CHUNK)).mappings()
    for row in rows:
        plain = {str(name): v.astimezone(UTC) if isinstance(v, datetime) else v for name, v in row.items()}
        yield orjson.dumps(plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def _restore_file(blobs: BlobStore, digest: str, file: BinaryIO, secret_keys: Sequence[bytes]) -> None:
    """Store a file of a backup, decrypted first if it is encrypted. Raises BackupError."""
    with tempfile.TemporaryFile() as copy:  # a backup that is being decrypted can only be read forward
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        try:
            if blobs.put(open_plain(cast(BinaryIO, copy), secret_keys, digest)) != digest:
                raise ChangedBlob(digest)
        except (ChangedBlob, LockedBlob, EncryptedFileError) as error:
            raise BackupError(f"The file {digest[:12]} of the backup cannot be restored: {error}") from error


def _describe_file(digest: str, file: BinaryIO) -> bytes:
    """Return the digest of a file and that of its bytes as they are stored, which differ if they are encrypted."""
    return f"{digest} {hashlib.file_digest(file, 'sha256').hexdigest()}".encode()  # type: ignore[arg-type]


def _add_rows(tar: tarfile.TarFile, table: Table, session: Session) -> Tally:
    tally = Tally()
    with tempfile.TemporaryFile() as file:  # a tar holds the length of a member before it
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


@contextmanager
def _open_tar(source: Path, keys: Sequence[bytes]) -> Iterator[tarfile.TarFile]:
    """Open a backup, and read what is left of an encrypted one, so that it is complete. Raises EncryptedFileError."""
    with source.open("rb") as file:
        if not is_encrypted(file):
            with tarfile.open(fileobj=file, mode="r:gz") as tar:
                yield tar
            return
        if not keys:
            raise EncryptedFileError("it is encrypted; set DILIGENCE_BACKUP_KEY_FILE to the file that contains its key")
        with io.BufferedReader(EncryptedReader(file, keys, PURPOSE)) as reader:
            with tarfile.open(fileobj=reader, mode="r|gz") as tar:
                yield tar
            while reader.read(io.DEFAULT_BUFFER_SIZE):
                pass


def _iterate_members(tar: tarfile.TarFile) -> Iterator[tuple[str, BinaryIO]]:
    for entry in tar:
        file = tar.extractfile(entry)
        if file is not None:
            yield entry.name, cast(BinaryIO, file)


def _iterate_files_of(source: Path, folder: str, keys: Sequence[bytes]) -> Iterator[tuple[str, BinaryIO]]:
    """Yield the members of one folder of a backup, with their names in it."""
    with _open_tar(source, keys) as tar:
        for name, file in _iterate_members(tar):
            if name.startswith(folder):
                yield name.removeprefix(folder), file


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
        # Rows inserted with their ids do not advance the sequence.
        for column in table.primary_key:
            if isinstance(column.type, BigInteger):
                sequence = func.pg_get_serial_sequence(table.name, column.name)
                session.execute(select(func.setval(sequence, func.max(column))).having(func.max(column).is_not(None)))


def _parse_row(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """Convert the JSON texts of a row back to the times and dates of their columns."""
    for column in table.columns:
        value = row.get(column.name)
        if isinstance(value, str) and isinstance(column.type, UTCTime):
            row[column.name] = datetime.fromisoformat(value)
        elif isinstance(value, str) and isinstance(column.type, Date):
            row[column.name] = date.fromisoformat(value)
    return row
