"""Files that a supplier sends through a link piece by piece, so that a broken line costs one piece and not the file.

The pieces are in the blob store, which every process shares, and a row lists their digests in order. A file that has arrived
completely is taken like one that was sent at once (service/web/resumable_uploads.py). What is not finished in time is removed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from service.blob_store import BlobStore
from service.db.link_tables import SupplierLink, UnfinishedUpload
from service.errors import DomainError, not_found

LIFETIME = timedelta(days=1)  # after the last piece
MOST_UPLOADS = 5  # of one link; the oldest makes room for another
MOST_PIECES = 1_000  # of one file


def begin_upload(session: Session, link_id: str, size: int, at: datetime) -> UnfinishedUpload:
    """Begin to receive a file of so many bytes through a link; of too many that are not finished, the oldest are given up."""
    # Locked until the transaction ends, so that two requests cannot both begin the last one.
    session.scalars(select(SupplierLink.id).where(SupplierLink.id == link_id).with_for_update()).one()
    query = select(UnfinishedUpload).where(UnfinishedUpload.link_id == link_id)
    for old in session.scalars(query.order_by(UnfinishedUpload.expires_at.desc()).offset(MOST_UPLOADS - 1)).all():
        session.delete(old)
    upload = UnfinishedUpload(link_id=link_id, size=size, received=0, pieces=[], expires_at=at + LIFETIME)
    session.add(upload)
    session.flush()
    return upload


def get_upload(session: Session, link_id: str, upload_id: str, at: datetime, *, lock: bool = False) -> UnfinishedUpload:
    """Return a file that is being received through a link.

    Raises DomainError: ``not_found``, 404, also for one of another link; ``upload.expired``, 410.
    """
    query = select(UnfinishedUpload).where(UnfinishedUpload.id == upload_id, UnfinishedUpload.link_id == link_id)
    upload = session.scalars(query.with_for_update() if lock else query).first()
    if upload is None:
        raise not_found("File not found.")
    if upload.expires_at <= at:
        raise DomainError("upload.expired", 410, "This upload was interrupted for too long. Send the file again.")
    return upload


def check_piece(upload: UnfinishedUpload, offset: int, length: int) -> None:
    """Refuse a piece that does not continue a file where it ends.

    Raises DomainError: ``upload.offset``, 409; ``upload.too_long``, 413.
    """
    if offset != upload.received:
        raise DomainError("upload.offset", 409, f"{upload.received} bytes have been received. Continue from there.")
    if offset + length > upload.size or len(upload.pieces) >= MOST_PIECES:
        raise DomainError("upload.too_long", 413, f"The declared size of this upload is {upload.size} bytes.")


def add_piece(upload: UnfinishedUpload, offset: int, length: int, digest: str, at: datetime) -> None:
    """Add a piece that is in the blob store to a locked upload. Raises the errors of :func:`check_piece`."""
    check_piece(upload, offset, length)
    upload.pieces = [*upload.pieces, digest]
    upload.received += length
    upload.expires_at = at + LIFETIME


def read_file(upload: UnfinishedUpload, blobs: BlobStore) -> bytes:
    """Return the bytes of a file that has arrived. Raises DomainError ``upload.incomplete``, 409."""
    if upload.received != upload.size:
        raise DomainError("upload.incomplete", 409, "This file was only partly received. Send it again.")
    return b"".join(map(blobs.get, upload.pieces))


def delete_ended_uploads(session: Session, at: datetime) -> None:
    """Delete the uploads that have expired, and those whose link has; the purge of unused files then removes their bytes."""
    ended = select(SupplierLink.id).where(or_(SupplierLink.expires_at <= at, SupplierLink.revoked_at.is_not(None)))
    session.execute(
        delete(UnfinishedUpload).where(or_(UnfinishedUpload.expires_at <= at, UnfinishedUpload.link_id.in_(ended)))
    )
