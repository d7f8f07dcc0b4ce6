"""Complete an erasure: record it outside the database, and remove the bytes of what was erased."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.audit import record_event
from service.blob_store import BlobStore
from service.clock import now
from service.db.deleted_rows import remove_deleted_rows
from service.db.session import Database
from service.erasure.files import delete_files
from service.erasure.record import COMPLETED, record_erasures
from service.jobs.table import ClaimedJob, job_transaction
from service.journal import Journal


def remove_erased_bytes(db: Database, blobs: BlobStore, claimed: ClaimedJob, journal: Journal | None = None) -> None:
    """Record what was erased outside the database, delete its files and what the database keeps of its rows (a job); then say
    in the audit trail that the erasure is complete.

    Every step may be done again: a job that was killed begins with the first.
    """
    payload = claimed.payload
    if journal is not None:
        record_erasures(journal, claimed.organisation_id, list_erased_objects(payload), now())
    files = delete_files(db, blobs, payload["digests"])
    remove_deleted_rows(db.engine)
    with job_transaction(db, claimed, progress=1.0, result={"files": files}) as session:
        for object_type, object_id in list_erased_objects(payload):
            record_event(session, claimed.actor, COMPLETED, object_type, object_id, {"files": files})


def list_erased_objects(payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the kind and id of each object that a job completes the erasure of."""
    if "object_id" in payload:  # queued by an earlier release
        return [(payload["object_type"], payload["object_id"])]
    return [(object_type, object_id) for object_type, object_id in payload["objects"]]
