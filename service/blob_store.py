"""The blob store: files under the digest of their bytes, in a folder."""

from __future__ import annotations

import hashlib
import os
import tempfile
from datetime import datetime
from pathlib import Path


class BlobStore:
    """Files kept by content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes) -> str:
        """Keeps bytes for good and returns their sha256: written, synced and renamed, the folder synced, before it returns."""
        digest = hashlib.sha256(data).hexdigest()
        target = self._place(digest)
        try:
            os.utime(target)  # it is wanted from now on: see drop_unless_put_since
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
        """The bytes of a digest. Raises FileNotFoundError where they are not kept."""
        return self._place(digest).read_bytes()

    def drop_unless_put_since(self, digest: str, moment: datetime) -> bool:
        """Removes the bytes of a digest, unless they were put again since a moment; whether they are gone.

        Somebody who puts bytes that are there already gets them kept: moved away first, they are looked at where nobody can
        put them again, and come back if they were.
        """
        target = self._place(digest)
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

    def digests(self) -> tuple[str, ...]:
        """Every digest kept, in order."""
        return tuple(sorted(path.name for path in self.folder.glob("??/*") if len(path.name) == 64))

    def _place(self, digest: str) -> Path:
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise ValueError("a digest is 64 hexadecimal digits")
        return self.folder / digest[:2] / digest
