"""Checks of the file store against the rows that refer to it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from sqlalchemy import select, update

from service.blob_store import BlobStore, ChangedBlob, LockedBlob, MissingBlob
from service.db.import_tables import Upload
from service.erasure.files import delete_files, list_used_files
from service.integrity.finding import Finding, Installation
from service.integrity.texts import ADD_KEY
from service.retention import FILE_GRACE_PERIOD, delete_unused_files


def find_lost_files(installation: Installation) -> Iterator[Finding]:
    """Yield each file that a row refers to and that is missing or was changed, except readings. All of them are read."""
    for digest in sorted(_list_used(installation) - _list_readings(installation)):
        try:
            installation.blobs.open(digest).close()
        except MissingBlob as error:
            if digest in _list_used(installation):  # or it was deleted with its row since
                yield Finding(error.code, f"file {digest}", f"{error} Restore it from a backup, or upload it again.")
        except ChangedBlob as error:
            yield Finding(error.code, f"file {digest}", f"{error} Restore it from a backup, or upload it again.")
        except LockedBlob as error:
            yield Finding(error.code, f"file {digest}", f"{error} {ADD_KEY}")


def find_lost_readings(installation: Installation) -> Iterator[Finding]:
    """Yield each stored reading of an uploaded file that is missing or was changed. Nothing is lost with it: the file itself is
    read again when its import is assessed.
    """
    for digest in sorted(_list_readings(installation)):
        if _is_lost(installation.blobs, digest) and digest in _list_readings(installation):
            yield Finding(
                "stored_reading.lost",
                f"file {digest}",
                "The data read from an uploaded file for the import preview is missing or was changed. "
                "The file will be read again when the import is confirmed.",
                partial(_forget_reading, installation, digest),
            )


def _is_lost(blobs: BlobStore, digest: str) -> bool:
    try:
        blobs.open(digest).close()
    except (MissingBlob, ChangedBlob):
        return True
    except LockedBlob:  # it can be read again once its key is back, and is not needed until then
        return False
    return False


def _forget_reading(installation: Installation, digest: str) -> None:
    """Refer to a lost reading no more, and delete what is left of it."""
    if not _is_lost(installation.blobs, digest):
        return
    with installation.db.unscoped() as session:
        session.execute(update(Upload).where(Upload.reading_sha256 == digest).values(reading_sha256=None))
    delete_files(installation.db, installation.blobs, [digest])


def find_unused_files(installation: Installation) -> Iterator[Finding]:
    """Yield each file that no row refers to, unless it is so new that its row may still come."""
    before = installation.at - FILE_GRACE_PERIOD
    for digest in sorted(set(installation.blobs.list_digests()) - _list_used(installation)):
        if installation.blobs.was_put_since(digest, before):
            continue
        yield Finding(
            "stored_file.unused",
            f"file {digest}",
            "No row refers to this file. The scheduler will delete it during its next run.",
            lambda: delete_unused_files(installation.db, installation.blobs, before),
        )


def find_leftovers(installation: Installation) -> Iterator[Finding]:
    """Yield what killed processes left behind in the file store."""
    for name in installation.blobs.list_leftovers():
        detail = "This was left behind by a process that was killed. The scheduler will remove it during its next run."
        yield Finding("stored_file.leftover", f"leftover {name}", detail, installation.blobs.clean)


def _list_used(installation: Installation) -> set[str]:
    with installation.db.unscoped(write=False) as session:
        return list_used_files(session)


def _list_readings(installation: Installation) -> set[str]:
    with installation.db.unscoped(write=False) as session:
        return {digest for digest in session.scalars(select(Upload.reading_sha256)) if digest is not None}
