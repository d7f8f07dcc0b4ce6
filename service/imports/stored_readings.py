"""What was read from the files of an import for its preview, stored until it is assessed: reading takes longer than saving.

It is used only for the same file, read with the same options by the same program; otherwise the file is read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

import questionnaires
from questionnaires.tables import FileTables, TableOptions, decode_tables, read_encoded_tables
from questionnaires.validation.personal_data import CASE_KIND
from service.blob_store import BlobStore, ChangedBlob, LockedBlob, MissingBlob
from service.db.import_tables import Import, Upload


class StoredReadings:
    """The readings of the files of one import: those that are stored, by the digests of the files, and new ones."""

    def __init__(self, blobs: BlobStore, stored: Mapping[str, str]) -> None:
        self.blobs, self.stored = blobs, stored
        self.new: dict[str, bytes] = {}

    def read(self, data: bytes, name: str, options: TableOptions, *, stored: bool = False) -> FileTables:
        """Return the tables of a file, from what is stored if it was read in the same way; see ``tables.read_tables``."""
        digest = hashlib.sha256(data).hexdigest()
        key = _build_key(digest, name, options, stored)
        reading = self._load(digest)
        if not reading.startswith(key):
            reading = key + read_encoded_tables(data, name, options, stored=stored)
            self.new[digest] = reading
        found = decode_tables(reading[len(key) :])
        if found.redacted is not None or any(table.kind == CASE_KIND for table in found.tables):
            self.new.pop(digest, None)  # of personal data, nothing is stored twice
        return found

    def _load(self, digest: str) -> bytes:
        """Return the stored reading of a file; nothing if there is none, or if it is damaged."""
        try:
            return self.blobs.get(self.stored[digest]) if digest in self.stored else b""
        except (MissingBlob, ChangedBlob, LockedBlob):
            return b""

    def put_new(self) -> dict[str, str]:
        """Store the new readings, and return their digests by those of the files."""
        return {digest: self.blobs.put(reading) for digest, reading in self.new.items()}


def load_readings(session: Session, blobs: BlobStore, import_: Import) -> StoredReadings:
    """Return the stored readings of the files of an import."""
    uploads = session.scalars(select(Upload).where(Upload.id.in_(import_.uploads)))
    return StoredReadings(blobs, {upload.sha256: upload.reading_sha256 for upload in uploads if upload.reading_sha256})


def replace_readings(session: Session, import_: Import, readings: Mapping[str, str]) -> list[str]:
    """Refer to the readings of the files of an import, given by the digests of the files, instead of earlier ones; return the
    digests of those that no file refers to any more.
    """
    replaced = []
    for upload in session.scalars(select(Upload).where(Upload.id.in_(import_.uploads))):
        reading = readings.get(upload.sha256)
        if upload.reading_sha256 not in (None, reading):
            replaced.append(upload.reading_sha256)
        upload.reading_sha256 = reading
    return replaced


def _build_key(digest: str, name: str, options: TableOptions, stored: bool) -> bytes:
    """Return a digest of everything that the tables of a file depend on."""
    return hashlib.sha256(orjson.dumps([get_program_digest(), digest, name, asdict(options), stored])).digest()


@cache
def get_program_digest() -> str:
    """Return the digest of the program that reads files, with its forms and words."""
    folder = Path(questionnaires.__file__).parent
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    parts = (part for path in files for part in (str(path.relative_to(folder)).encode(), path.read_bytes()))
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
