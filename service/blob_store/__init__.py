"""The blob store: files under the sha256 of their bytes, in a folder or in a bucket of an S3-compatible service.

A store proves itself: whatever is read is compared with its digest first, and storing the same bytes again replaces a copy that
was damaged. What ``put`` has returned survives a power cut, and a process that is killed leaves nothing that ``clean`` does not
remove.

A store that was opened with secret keys encrypts what it stores with the newest one (``service/encrypted_file.py``). The digest
stays that of the plain bytes. Files that were stored without a key are read as they are.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import BinaryIO, Protocol

from service.encrypted_file import EncryptedFileError, EncryptedReader, EncryptedWriter, UnknownFileKey, is_encrypted

DIGEST = re.compile(r"[0-9a-f]{64}")
CHUNK = 1_000_000  # bytes read at once
PURPOSE = "stored file"  # of the key that encrypts files


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
        super().__init__(f"The file {digest[:12]} has been changed in the file store since it was stored.")


class LockedBlob(BlobTrouble):
    """The file is encrypted with a secret key that this installation does not have."""

    code = "stored_file.key_missing"

    def __init__(self, digest: str, reason: str) -> None:
        super().__init__(f"The file {digest[:12]} in the file store cannot be decrypted: {reason}.")


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
        """Open a file, to read it once from its beginning, whose bytes have been compared with their digest.

        Raises MissingBlob, ChangedBlob and LockedBlob.
        """
        ...

    def open_stored(self, digest: str) -> BinaryIO:
        """Open a file as it is stored, encrypted or not, without comparing it with its digest. Raises MissingBlob."""
        ...

    def get(self, digest: str) -> bytes:
        """Return bytes that have been compared with their digest. Raises MissingBlob, ChangedBlob and LockedBlob."""
        ...

    def reencrypt(self, digest: str) -> bool:
        """Encrypt a file with the newest secret key; return whether it was not. Raises MissingBlob, ChangedBlob, LockedBlob."""
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


def open_plain(file: BinaryIO, secret_keys: Sequence[bytes], digest: str, *, closefd: bool = True) -> BinaryIO:
    """Return what decrypts a stored file from its beginning, or the file itself if it is not encrypted. Raises LockedBlob.

    ``closefd``: whether the file is closed with what decrypts it.
    """
    if not is_encrypted(file):
        return file
    try:
        return io.BufferedReader(EncryptedReader(file, secret_keys, PURPOSE, closefd=closefd), CHUNK)
    except UnknownFileKey as error:
        raise LockedBlob(digest, str(error)) from error
    except EncryptedFileError as error:
        raise ChangedBlob(digest) from error


def copy_encrypted(source: BinaryIO, target: BinaryIO, secret_keys: Sequence[bytes]) -> str:
    """Copy the rest of a file, encrypted if there are secret keys, and return the sha256 of what was read."""
    digest = hashlib.sha256()
    with EncryptedWriter(target, secret_keys[0], PURPOSE) if secret_keys else nullcontext(target) as sink:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            sink.write(chunk)
    return digest.hexdigest()


def is_intact(file: BinaryIO, secret_keys: Sequence[bytes], digest: str) -> bool:
    """Return whether a stored file has a digest, once it is decrypted; it is at its beginning afterwards. Raises LockedBlob."""
    try:
        plain = open_plain(file, secret_keys, digest, closefd=False)
        return hashlib.file_digest(plain, "sha256").hexdigest() == digest  # type: ignore[arg-type]  # reads into buffers
    except (EncryptedFileError, ChangedBlob):
        return False
    finally:
        file.seek(0)


def check_digest(digest: str) -> str:
    """Return a digest. Raises ValueError if it is not one, so that no other name ever becomes a path."""
    if not DIGEST.fullmatch(digest):
        raise ValueError("a digest must have 64 hexadecimal digits")
    return digest
