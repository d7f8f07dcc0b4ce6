"""Remove the bytes of what was erased: files that no row refers to any more, and what the database keeps of deleted rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.blob_store import BlobStore
from service.clock import now
from service.db.deleted_rows import remove_deleted_rows
from service.db.session import Database
from service.db.tables import Job, Upload
from service.jobs.kinds import PREVIEW_RELEASE, RENDER_REPORT
from service.jobs.table import ClaimedJob, job_transaction


def list_used_files(session: Session) -> set[str]:
    """Return the digests of all files that a row refers to: uploads, finished reports and previews of a release."""
    used = set(session.scalars(select(Upload.sha256)))
    for result in session.scalars(
        select(Job.result).where(Job.kind.in_((RENDER_REPORT, PREVIEW_RELEASE)), Job.state == "done")
    ):
        used.update({str(result["sha256"])} if result and "sha256" in result else ())
    return used


def delete_files(db: Database, blobs: BlobStore, digests: Iterable[str]) -> int:
    """Delete files, unless a row still refers to the same bytes or they are being sent again; return how many are gone."""
    at = now()
    with db.unscoped(write=False) as session:
        used = list_used_files(session)
    return sum(blobs.delete_unless_put_since(digest, at) for digest in digests if digest not in used)


def remove_erased_bytes(db: Database, blobs: BlobStore, claimed: ClaimedJob) -> None:
    """Delete the files of what was erased and what the database keeps of its rows (a job); then record that it is complete.

    Every step may be done again: a job that was killed begins with the first.
    """
    payload = claimed.payload
    files = delete_files(db, blobs, payload["digests"])
    remove_deleted_rows(db.engine)
    with job_transaction(db, claimed, progress=1.0, result={"files": files}) as session:
        for object_type, object_id in list_erased_objects(payload):
            record_event(session, claimed.actor, "erasure.completed", object_type, object_id, {"files": files})


def list_erased_objects(payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the kind and id of each object that a job completes the erasure of."""
    if "object_id" in payload:  # queued by an earlier release
        return [(payload["object_type"], payload["object_id"])]
    return [(object_type, object_id) for object_type, object_id in payload["objects"]]
