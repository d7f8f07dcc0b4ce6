"""The blob store: files under the sha256 of their bytes, in a folder or in a bucket of an S3-compatible service.

A store proves itself: whatever is read is compared with its digest first, and storing the same bytes again replaces a copy that
was damaged. What ``put`` has returned survives a power cut, and a process that is killed leaves nothing that ``clean`` does not
remove.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import BinaryIO, Protocol

DIGEST = re.compile(r"[0-9a-f]{64}")
CHUNK = 1_000_000  # bytes read at once


class BlobTrouble(Exception):
    """A stored file cannot be returned. ``code`` says why, for machines; the message says it in a sentence without names."""

    code = ""


class MissingBlob(BlobTrouble):
    """There is no file with this digest."""

    code = "stored_file.missing"

    def __init__(self, digest: str) -> None:
        super().__init__(f"The file {digest[:12]} is missing from the file store.")


class ChangedBlob(BlobTrouble):
    """The stored bytes do not have this digest: they were changed or damaged after they were stored."""

    code = "stored_file.changed"

    def __init__(self, digest: str) -> None:
        super().__init__(f"The file {digest[:12]} was changed in the file store after it was stored.")


class BlobStoreUnavailable(BlobTrouble):
    """The store did not answer, or it refused the request: nothing is known about the file."""

    code = "file_store.unavailable"


class BlobStore(Protocol):
    """A content-addressed store of files. Any number of processes may use it at the same time.

    Every method raises BlobStoreUnavailable, or OSError for a folder, if the store cannot be used.
    """

    def put(self, data: bytes | BinaryIO) -> str:
        """Store bytes, or the rest of a file, durably and return their sha256; a damaged copy is replaced."""
        ...

    def open(self, digest: str) -> BinaryIO:
        """Open a file whose bytes have been compared with their digest. Raises MissingBlob and ChangedBlob."""
        ...

    def get(self, digest: str) -> bytes:
        """Return bytes that have been compared with their digest. Raises MissingBlob and ChangedBlob."""
        ...

    def delete_unless_put_since(self, digest: str, moment: datetime) -> bool:
        """Delete a file durably unless it was stored again since a given time; return whether it is gone."""
        ...

    def was_put_since(self, digest: str, moment: datetime) -> bool:
        """Return whether a file was stored, for the first time or again, since a given time."""
        ...

    def list_digests(self) -> tuple[str, ...]:
        """Return the digest of every stored file, sorted."""
        ...

    def list_leftovers(self) -> tuple[str, ...]:
        """Return the names of what killed processes left behind, sorted; nothing that is being written now."""
        ...

    def clean(self) -> int:
        """Remove what killed processes left behind and bring back what they moved aside; return the number of leftovers."""
        ...


def check_digest(digest: str) -> str:
    """Return a digest. Raises ValueError if it is not one, so that no other name ever becomes a path."""
    if not DIGEST.fullmatch(digest):
        raise ValueError("a digest must have 64 hexadecimal digits")
    return digest
