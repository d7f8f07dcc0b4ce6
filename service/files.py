"""The blob store: files under the digest of their bytes, in a folder. Two verbs, so that another store can stand behind them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path


class Blobs:
    """Files kept by content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes) -> str:
        """Keeps bytes for good and returns their sha256: written, synced and renamed, the folder synced, before it returns."""
        digest = hashlib.sha256(data).hexdigest()
        target = self._place(digest)
        if target.exists():
            return digest
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

    def drop(self, digest: str) -> None:
        """Removes the bytes of a digest, if they are there."""
        self._place(digest).unlink(missing_ok=True)

    def digests(self) -> tuple[str, ...]:
        """Every digest kept, in order."""
        return tuple(sorted(path.name for path in self.folder.glob("??/*") if len(path.name) == 64))

    def _place(self, digest: str) -> Path:
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise ValueError("a digest is 64 hexadecimal digits")
        return self.folder / digest[:2] / digest
