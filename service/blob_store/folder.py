"""A blob store in a folder, which several machines may share: each file in a subfolder named after the start of its digest.

A file is written as a draft, synced and renamed into place; then the folders are synced, also for a file that is there already:
another process may have renamed it and not synced yet. Renaming and deleting take turns under a lock, so that a file that is
stored again is never deleted. A process holds a lock on its draft: a draft without one belongs to a process that was killed.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from service.blob_store import (
    DIGEST,
    BlobTrouble,
    ChangedBlob,
    MissingBlob,
    check_digest,
    copy_encrypted,
    is_intact,
    open_plain,
)
from service.durable_files import sync_folder
from service.encrypted_file import EncryptedFileError, is_encrypted_with

DRAFTS = "drafts"
LOCK = "lock"
ASIDE = ".gone"  # how release 0.2.0 and earlier named a file that was being deleted


class FolderStore:
    """A blob store in a folder. ``secret_keys``: newest first; without any, files are not encrypted."""

    def __init__(self, folder: Path, secret_keys: Sequence[bytes] = ()) -> None:
        self.folder, self.secret_keys = folder, secret_keys
        self.drafts = folder / DRAFTS
        if not self.drafts.is_dir():
            self.drafts.mkdir(parents=True, exist_ok=True)
            for parent in (folder, folder.parent):
                sync_folder(parent)

    def put(self, data: bytes | BinaryIO) -> str:
        """Store bytes, or the rest of a file, durably and return their sha256; a damaged copy is replaced."""
        with self._open_draft() as draft:
            source = io.BytesIO(data) if isinstance(data, bytes) else data
            digest = copy_encrypted(source, draft, self.secret_keys)
            draft.flush()
            os.fsync(draft.fileno())
            target = self._get_path(digest)
            target.parent.mkdir(exist_ok=True)
            with self._lock():
                is_stored = self._is_stored(digest)
                # In use from now on, not from the first byte on: see delete_unless_put_since. The kernel's own time is coarser.
                os.utime(target if is_stored else draft.name, ns=(time.time_ns(),) * 2)
                if not is_stored:
                    Path(draft.name).replace(target)
                for folder in (target.parent, self.folder):
                    sync_folder(folder)
        return digest

    def open(self, digest: str) -> BinaryIO:
        """Open a file, to read it once from its beginning, whose bytes have been compared with their digest.

        Raises MissingBlob, ChangedBlob and LockedBlob.
        """
        file = self.open_stored(digest)
        try:
            if not is_intact(file, self.secret_keys, digest):
                raise ChangedBlob(digest)
            return open_plain(file, self.secret_keys, digest)
        except BaseException:
            file.close()
            raise

    def open_stored(self, digest: str) -> BinaryIO:
        """Open a file as it is stored, encrypted or not, without comparing it with its digest. Raises MissingBlob."""
        try:
            return self._get_path(digest).open("rb")
        except FileNotFoundError as error:
            raise MissingBlob(digest) from error

    def get(self, digest: str) -> bytes:
        """Return bytes that have been compared with their digest. Raises MissingBlob, ChangedBlob and LockedBlob."""
        with self.open_stored(digest) as file:
            try:
                data = open_plain(file, self.secret_keys, digest).read()
            except EncryptedFileError as error:
                raise ChangedBlob(digest) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise ChangedBlob(digest)
        return data

    def reencrypt(self, digest: str) -> bool:
        """Encrypt a file with the newest secret key; return whether it was not. Raises MissingBlob, ChangedBlob, LockedBlob."""
        with self.open_stored(digest) as file:
            if is_encrypted_with(file, self.secret_keys[0]):
                return False
        with self.open(digest) as plain, self._open_draft() as draft:
            copy_encrypted(plain, draft, self.secret_keys)
            draft.flush()
            os.fsync(draft.fileno())
            target = self._get_path(digest)
            with self._lock():
                if target.exists():  # or it was deleted in the meantime
                    used = target.stat().st_mtime_ns  # it is not in use any longer because of this
                    os.utime(draft.name, ns=(used, used))
                    Path(draft.name).replace(target)
                    sync_folder(target.parent)
        return True

    def delete_unless_put_since(self, digest: str, moment: datetime) -> bool:
        """Delete a file durably unless it was stored again since a given time; return whether it is gone."""
        target = self._get_path(digest)
        with self._lock():
            if self.was_put_since(digest, moment):
                return False
            if target.exists():
                target.unlink()
                sync_folder(target.parent)
        return True

    def was_put_since(self, digest: str, moment: datetime) -> bool:
        """Return whether a file was stored, for the first time or again, since a given time."""
        try:
            return self._get_path(digest).stat().st_mtime >= moment.timestamp()
        except FileNotFoundError:
            return False

    def list_digests(self) -> tuple[str, ...]:
        """Return the digest of every stored file, sorted."""
        return tuple(sorted(path.name for path in self.folder.glob("??/*") if DIGEST.fullmatch(path.name)))

    def list_leftovers(self) -> tuple[str, ...]:
        """Return the names of drafts that nobody is writing, and of files that an earlier release moved aside, sorted."""
        return tuple(sorted(str(path.relative_to(self.folder)) for path in self._iterate_leftovers()))

    def clean(self) -> int:
        """Remove the drafts that nobody is writing, and bring back the files that an earlier release moved aside and did not
        delete; return how many there were.
        """
        leftovers = tuple(self._iterate_leftovers())
        for path in leftovers:
            target = path.with_suffix("")
            with self._lock():
                if path.suffix == ASIDE and not target.exists():
                    path.replace(target)
                else:
                    path.unlink(missing_ok=True)
                sync_folder(path.parent)
        return len(leftovers)

    def _iterate_leftovers(self) -> Iterator[Path]:
        # Earlier releases wrote their drafts beside the files, and did not lock them.
        for path in (*self.drafts.iterdir(), *self.folder.glob("??/*")):
            if not DIGEST.fullmatch(path.name) and (path.suffix == ASIDE or _is_abandoned(path)):
                yield path

    @contextmanager
    def _open_draft(self) -> Iterator[BinaryIO]:
        """Open a new draft, locked as long as it is written, and remove it at the end unless it was renamed."""
        while True:
            draft = tempfile.NamedTemporaryFile(dir=self.drafts, delete=False)  # noqa: SIM115  closed below
            fcntl.flock(draft, fcntl.LOCK_EX)
            if Path(draft.name).exists():  # or it was taken for a leftover before it was locked
                break
            draft.close()
        try:
            with draft:
                yield draft  # type: ignore[misc]  # a wrapper that is no BinaryIO by name
        finally:
            Path(draft.name).unlink(missing_ok=True)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Hold the lock under which files are renamed and deleted, against all threads of all processes."""
        with (self.folder / LOCK).open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _is_stored(self, digest: str) -> bool:
        try:
            self.open(digest).close()
        except BlobTrouble:
            return False
        return True

    def _get_path(self, digest: str) -> Path:
        return self.folder / digest[:2] / check_digest(digest)


def _is_abandoned(draft: Path) -> bool:
    """Return whether no process holds the lock on a draft."""
    try:
        with draft.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except (BlockingIOError, FileNotFoundError):
        return False
