"""A blob store in a bucket of an S3-compatible service, for installations on several machines.

Each ``put`` writes a copy of its own, DIGEST/TIME-RANDOM, and then deletes the older copies. S3 has no lock, and cannot delete
an object only if nobody replaced it in the meantime; a name that is never written twice needs neither: whoever deletes a file
deletes the copies that were there when it looked, never one that is stored at the same moment.
"""

from __future__ import annotations

import io
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

import obstore
import obstore.store
from obstore.exceptions import BaseError

from service.blob_store import (
    CHUNK,
    DIGEST,
    BlobStoreUnavailable,
    ChangedBlob,
    MissingBlob,
    check_digest,
    copy_encrypted,
    is_intact,
    open_plain,
)
from service.encrypted_file import is_encrypted_with

IN_MEMORY = (
    5_000_000  # bytes of a file that are held in memory; a larger one is held in a temporary file without a name
)
NANOSECONDS = 10**9
# A service that does not answer is reported within five seconds: the time for tries, and for the answer to the last of them.
CONNECT_SECONDS, ANSWER_SECONDS, RETRY_SECONDS = 2.0, 3.0, 1.5
TRANSFER_SECONDS = 60.0  # for one file


class S3Store:
    """A blob store at ``s3://BUCKET/PREFIX``. The usual variables (``AWS_ACCESS_KEY_ID``, ``AWS_REGION``, ``AWS_ENDPOINT_URL``
    and so on) say where it is and who we are. ``secret_keys``: newest first; without any, files are not encrypted.
    """

    def __init__(self, url: str, secret_keys: Sequence[bytes] = ()) -> None:
        self.secret_keys = secret_keys
        self.bucket = _open_bucket(url, read_timeout=f"{ANSWER_SECONDS}s")
        self._uploads = _open_bucket(url)  # the client counts sending a file as waiting for its answer

    def put(self, data: bytes | BinaryIO) -> str:
        """Store bytes, or the rest of a file, durably and return their sha256; damaged and older copies are deleted."""
        with _spool() as file:
            digest = copy_encrypted(io.BytesIO(data) if isinstance(data, bytes) else data, file, self.secret_keys)
            name = _name_copy(digest, time.time_ns())
            self._upload(file, name)
        # Copies are deleted only by those who stored a later one: of those who store the same bytes at once, the last one stays.
        self._delete([copy for copy in self._list_copies(digest) if copy < name])
        return digest

    def open(self, digest: str) -> BinaryIO:
        """Open a file, to read it once from its beginning, whose bytes have been compared with their digest.

        Raises MissingBlob, ChangedBlob and LockedBlob.
        """
        return open_plain(self._download_intact(digest)[1], self.secret_keys, digest)

    def open_stored(self, digest: str) -> BinaryIO:
        """Open a file as it is stored, encrypted or not, without comparing it with its digest. Raises MissingBlob."""
        while copies := self._list_copies(digest):
            with suppress(FileNotFoundError):  # deleted since it was listed: there is a later copy, or none
                return self._download(copies[-1])
        raise MissingBlob(digest)

    def get(self, digest: str) -> bytes:
        """Return bytes that have been compared with their digest. Raises MissingBlob, ChangedBlob and LockedBlob."""
        with self.open(digest) as file:
            return file.read()

    def reencrypt(self, digest: str) -> bool:
        """Encrypt a file with the newest secret key; return whether it was not. Raises MissingBlob, ChangedBlob, LockedBlob."""
        copy, stored = self._download_intact(digest)
        if is_encrypted_with(stored, self.secret_keys[0]):
            stored.close()
            return False
        with open_plain(stored, self.secret_keys, digest) as plain, _spool() as file:
            copy_encrypted(plain, file, self.secret_keys)
            # As old as the copy that it replaces: the file is not in use any longer because of this.
            name = _name_copy(digest, round(NANOSECONDS * _get_time(copy)))
            self._upload(file, name)
        is_deleted = copy not in self._list_copies(digest)  # in the meantime, so the new one must not bring it back
        self._delete([name if is_deleted else copy])
        return True

    def delete_unless_put_since(self, digest: str, moment: datetime) -> bool:
        """Delete a file unless it was stored again since a given time; return whether it is gone."""
        copies = self._list_copies(digest)
        old = [copy for copy in copies if _get_time(copy) < moment.timestamp()]
        self._delete(old)
        return len(old) == len(copies)

    def was_put_since(self, digest: str, moment: datetime) -> bool:
        """Return whether a file was stored, for the first time or again, since a given time."""
        return any(_get_time(copy) >= moment.timestamp() for copy in self._list_copies(digest))

    def list_digests(self) -> tuple[str, ...]:
        """Return the digest of every stored file, sorted."""
        return tuple(sorted({copy.partition("/")[0] for copy in self._list_copies()}))

    def list_leftovers(self) -> tuple[str, ...]:
        """Return the copies that a later one of the same file replaces, sorted."""
        copies = self._list_copies()
        return tuple(
            copy
            for copy, later in zip(copies, copies[1:], strict=False)
            if copy.partition("/")[0] == later.partition("/")[0]
        )

    def clean(self) -> int:
        """Delete the copies that a later one of the same file replaces; return how many there were."""
        leftovers = self.list_leftovers()
        self._delete(leftovers)
        return len(leftovers)

    def _list_copies(self, digest: str | None = None) -> list[str]:
        """Return the names of the copies of one file, or of all, by digest and time; other objects in the bucket are not ours."""
        prefix = None if digest is None else check_digest(digest)
        with _report_trouble():
            names = [entry["path"] for page in obstore.list(self.bucket, prefix) for entry in page]
        return sorted(name for name in names if DIGEST.fullmatch(name.partition("/")[0]))

    def _upload(self, file: BinaryIO, name: str) -> None:
        file.seek(0)
        with _report_trouble():
            with suppress(FileNotFoundError):
                obstore.head(self.bucket, name)  # only to learn soon whether the service answers
            obstore.put(self._uploads, name, file, use_multipart=False)

    def _download_intact(self, digest: str) -> tuple[str, BinaryIO]:
        """Return the newest copy that has the digest: its name, and the copy as it is stored.

        Raises MissingBlob, ChangedBlob and LockedBlob.
        """
        while copies := self._list_copies(digest):
            try:
                for copy in reversed(copies):
                    file = self._download(copy)
                    if is_intact(file, self.secret_keys, digest):
                        return copy, file
                    file.close()
                raise ChangedBlob(digest)
            except FileNotFoundError:
                continue  # deleted since it was listed: there is a later copy, or none
        raise MissingBlob(digest)

    def _download(self, copy: str) -> BinaryIO:
        """Return a copy as a file, at its beginning. Raises FileNotFoundError."""
        with ExitStack() as on_error, _report_trouble():
            file = on_error.enter_context(_spool())
            for chunk in obstore.get(self.bucket, copy).stream(CHUNK):
                file.write(chunk)
            on_error.pop_all()
        file.seek(0)
        return file

    def _delete(self, copies: Sequence[str]) -> None:
        if copies:
            with _report_trouble():
                obstore.delete(self.bucket, copies)


def _open_bucket(url: str, **timeouts: str) -> obstore.store.S3Store:
    options = {"connect_timeout": f"{CONNECT_SECONDS}s", "timeout": f"{TRANSFER_SECONDS}s", **timeouts}
    return obstore.store.S3Store.from_url(
        url,
        checksum_algorithm="SHA256",  # the service compares what arrives
        # Without TLS only where AWS_ENDPOINT_URL says http://, as beside a service on the same machine.
        client_options=cast("obstore.store.ClientConfig", {"allow_http": True, **options}),  # a type for checkers alone
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
    )


def _spool() -> BinaryIO:
    return cast(BinaryIO, SpooledTemporaryFile(IN_MEMORY))


def _name_copy(digest: str, nanoseconds: int) -> str:
    return f"{digest}/{nanoseconds:020}-{secrets.token_hex(4)}"


def _get_time(copy: str) -> float:
    """Return when a copy was stored, in seconds since 1970, by the clock of the machine that stored it."""
    return int(copy.partition("/")[2].partition("-")[0]) / NANOSECONDS


@contextmanager
def _report_trouble() -> Iterator[None]:
    """Raise BlobStoreUnavailable, with the first line of the reason, for any trouble of the service or on the way to it."""
    try:
        yield
    except BaseError as error:
        raise BlobStoreUnavailable(f"The file store cannot be used: {str(error).partition(chr(10))[0]}") from error
