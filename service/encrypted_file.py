"""Files that are encrypted in chunks, so that they can be written and read in one pass whatever their size.

AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizár, 2015): the nonce of a chunk holds its number and
whether it is the last one, so no chunk can be changed, moved, repeated or cut off. Each file has a key of its own, derived from a
secret key and the random salt in its header.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.secret_keys import KEY_ID, derive_key, get_key_id

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

MAGIC = b"DILIGENCE ENCRYPTED 1\n"
SALT, CHUNK, TAG = 32, 64 * 1024, 16  # bytes


class EncryptedFileError(ValueError):
    """Raised for a file that cannot be decrypted; the message is a sentence that says why."""


class UnknownFileKey(EncryptedFileError):
    """Raised for a file that is encrypted with none of the keys given."""


class EncryptedWriter(io.RawIOBase):
    """Encrypts what is written to it into another file, which stays open. Nothing can be read before it is closed."""

    def __init__(self, file: IO[bytes], secret_key: bytes, purpose: str) -> None:
        salt = os.urandom(SALT)
        self.file, self.number, self.rest = file, 0, bytearray()
        self.header = MAGIC + get_key_id(secret_key).encode() + salt
        self.cipher = AESGCM(derive_key(secret_key, f"{purpose} {salt.hex()}"))
        file.write(self.header)

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: ReadableBuffer) -> int:
        """Encrypt some bytes, and return how many."""
        self.rest += data
        while len(self.rest) > CHUNK:  # the last chunk may be a full one, so one is always held back
            self._seal(bytes(self.rest[:CHUNK]), is_last=False)
            del self.rest[:CHUNK]
        return memoryview(data).nbytes

    def close(self) -> None:
        """Write the last chunk."""
        if not self.closed:
            self._seal(bytes(self.rest), is_last=True)
        super().close()

    def _seal(self, chunk: bytes, *, is_last: bool) -> None:
        self.file.write(self.cipher.encrypt(_build_nonce(self.number, is_last), chunk, self.header))
        self.number += 1


class EncryptedReader(io.RawIOBase):
    """Decrypts a file from its beginning. Raises EncryptedFileError as soon as something does not fit.

    ``closefd``: whether the file is closed with it.
    """

    def __init__(self, file: IO[bytes], secret_keys: Sequence[bytes], purpose: str, *, closefd: bool = True) -> None:
        self.closefd = False  # as long as it is not certain that this is the right file
        self.header = file.read(len(MAGIC) + KEY_ID + SALT)
        key_id, salt = self.header[len(MAGIC) : -SALT].decode("ascii", "replace"), self.header[-SALT:]
        secret_key = next((key for key in secret_keys if get_key_id(key) == key_id), None)
        if secret_key is None:
            raise UnknownFileKey(f"it is encrypted with the key {key_id}, which is not one of the given keys")
        self.file, self.number, self.plain = file, 0, b""
        self.cipher = AESGCM(derive_key(secret_key, f"{purpose} {salt.hex()}"))
        self.sealed = file.read(CHUNK + TAG)
        if not self.sealed:
            raise EncryptedFileError("it is not complete")
        self.closefd = closefd

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill a buffer with decrypted bytes, and return how many; 0 at the end."""
        if not self.plain and self.sealed:
            self._open_next()
        view = memoryview(buffer)
        part, self.plain = self.plain[: view.nbytes], self.plain[view.nbytes :]
        view[: len(part)] = part
        return len(part)

    def close(self) -> None:
        """Close the encrypted file as well, unless it is to stay open."""
        if self.closefd:
            self.file.close()
        super().close()

    def _open_next(self) -> None:
        following = self.file.read(CHUNK + TAG)
        try:
            self.plain = self.cipher.decrypt(_build_nonce(self.number, not following), self.sealed, self.header)
        except InvalidTag as error:
            raise EncryptedFileError("it was changed or is not complete") from error
        self.sealed, self.number = following, self.number + 1


def is_encrypted_with(file: IO[bytes], secret_key: bytes) -> bool:
    """Return whether a file is encrypted with a key; it is at its beginning afterwards."""
    start = file.read(len(MAGIC) + KEY_ID)
    file.seek(0)
    return start == MAGIC + get_key_id(secret_key).encode()


def is_encrypted(file: IO[bytes]) -> bool:
    """Return whether a file begins like an encrypted one; it is at its beginning afterwards."""
    start = file.read(len(MAGIC))
    file.seek(0)
    return start == MAGIC


def _build_nonce(number: int, is_last: bool) -> bytes:
    return bytes(7) + number.to_bytes(4) + bytes([is_last])
