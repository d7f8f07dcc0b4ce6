"""The blob store: files under the digest of their bytes, in a folder."""

from __future__ import annotations

import hashlib
import os
import tempfile
from datetime import datetime
from pathlib import Path


class MissingBlob(FileNotFoundError):
    """A digest whose bytes are not stored."""


class BlobStore:
    """A content-addressed store of files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes) -> str:
        """Store bytes durably and return their sha256: written, synced and renamed, and the folder synced, before it returns."""
        digest = hashlib.sha256(data).hexdigest()
        target = self._get_path(digest)
        try:
            os.utime(target)  # in use from now on: see delete_unless_put_since
            return digest
        except FileNotFoundError:
            pass
        target.parent.mkdir(exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(target)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        for folder in (target.parent, self.folder):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes of a digest. Raises MissingBlob if they are not stored."""
        try:
            return self._get_path(digest).read_bytes()
        except FileNotFoundError as error:
            raise MissingBlob(digest) from error

    def delete_unless_put_since(self, digest: str, moment: datetime) -> bool:
        """Delete the bytes of a digest unless they were stored again after a given time; return whether they are deleted.

        The file is first moved aside, where a concurrent ``put`` cannot touch it, and moved back if it was stored again.
        """
        target = self._get_path(digest)
        aside = target.with_name(digest + ".gone")
        try:
            target.replace(aside)
        except FileNotFoundError:
            return True
        if aside.stat().st_mtime >= moment.timestamp():
            aside.replace(target)
            return False
        aside.unlink()
        return True

    def list_digests(self) -> tuple[str, ...]:
        """Return every stored digest, sorted."""
        return tuple(sorted(path.name for path in self.folder.glob("??/*") if len(path.name) == 64))

    def _get_path(self, digest: str) -> Path:
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise ValueError("a digest must have 64 hexadecimal digits")
        return self.folder / digest[:2] / digest
