"""Imports of watchlists: an import replaces the list with the same name, either completely or not at all.

Only what ``questionnaires.watchlist`` reads from a file is stored: the file itself, which may hold birth dates and phone
numbers, never is. New entries are loaded in chunks next to those in force and replace them in one transaction, which also
requests the screening of every supplier.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from questionnaires.watchlist import ParsedWatchlist
from service.audit import record_event
from service.blob_store import BlobStore
from service.clock import now
from service.db.import_tables import Upload
from service.db.job_tables import Job
from service.db.session import Database
from service.db.tables import new_id
from service.db.watchlist_tables import Watchlist, WatchlistEntry
from service.errors import DomainError, not_found
from service.jobs.kinds import LOAD_WATCHLIST, SCREEN_SUPPLIERS
from service.jobs.table import ClaimedJob, LostLease, enqueue, job_transaction

CHUNK = 2_000  # entries written in one transaction
MAX_NAME = 100


def receive_watchlist(
    db: Database, blobs: BlobStore, organisation_id: str, name: str, parsed: ParsedWatchlist, by: str
) -> str | None:
    """Store a parsed list under a name; return the id of the job that loads it, None if the list has the same entries already.

    Raises DomainError ``watchlist.name``.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise DomainError("watchlist.name", 422, f"Enter a name of up to {MAX_NAME} characters for the watchlist.")
    lines = b"\n".join(orjson.dumps(entry) for entry in sorted(parsed.entries, key=lambda entry: entry.key))
    digest = hashlib.sha256(lines).hexdigest()
    file_summary = {
        "form": parsed.format,
        "rows": parsed.rows,
        "rejected": parsed.rejected,
        "left_out": dict(parsed.skipped),
    }
    at, edition = now(), new_id()
    blobs.put(lines)
    with db.for_organisation(organisation_id) as session:
        watchlist = session.scalars(select(Watchlist).where(Watchlist.name == name).with_for_update()).first()
        if watchlist is None:
            watchlist = Watchlist(id=new_id(), name=name, file_summary={}, imported_by=by, created_at=at)
            session.add(watchlist)
            session.flush()
        elif watchlist.digest == digest and watchlist.requested_edition == watchlist.edition:
            return None
        watchlist.requested_edition = edition
        session.add(Upload(id=edition, name=name, sha256=digest, size=len(lines), created_by=by, created_at=at))
        payload = {"watchlist_id": watchlist.id, "edition": edition, "told": file_summary}
        job = enqueue(session, LOAD_WATCHLIST, payload, by)
        counts = {"entries": len(parsed.entries), "rows": parsed.rows, "rejected": parsed.rejected}
        record_event(session, by, "watchlist.received", "watchlist", watchlist.id, counts)
        return job.id


def load_watchlist(db: Database, blobs: BlobStore, claimed: ClaimedJob) -> None:
    """Load an edition of a list and put it into force (a job)."""
    watchlist_id, edition = claimed.payload["watchlist_id"], claimed.payload["edition"]
    with db.for_organisation(claimed.organisation_id, write=False) as session:
        upload = session.get(Upload, edition)
    if upload is None:  # it is deleted when the job ends: another worker has finished it
        raise LostLease(claimed.id)
    digest = upload.sha256
    lines = blobs.get(digest).splitlines()
    done = int(claimed.checkpoint.get("rows", 0))
    while done < len(lines):
        chunk = [orjson.loads(line) for line in lines[done : done + CHUNK]]
        done += len(chunk)
        with job_transaction(db, claimed, checkpoint={"rows": done}, progress=0.95 * done / len(lines)) as session:
            ids = {"watchlist_id": watchlist_id, "edition": edition}
            rows = [{**ids, "key": content.pop("key"), "content": content} for content in chunk]
            session.execute(insert(WatchlistEntry), rows)
    result: dict[str, Any] = {"entries": len(lines), "overtaken": False}
    with job_transaction(db, claimed, result=result) as session:
        watchlist = session.scalars(select(Watchlist).where(Watchlist.id == watchlist_id).with_for_update()).one()
        if watchlist.requested_edition != edition:  # a later file was received in the meantime
            result["overtaken"] = True
            _delete_entries(session, watchlist_id, edition)
        else:
            _delete_entries(session, watchlist_id, watchlist.edition)
            watchlist.edition, watchlist.digest, watchlist.entries = edition, digest, len(lines)
            watchlist.file_summary = claimed.payload["told"]
            watchlist.imported_at, watchlist.imported_by = now(), claimed.actor
            enqueue(session, SCREEN_SUPPLIERS, {"watchlist_id": watchlist_id}, claimed.actor)
            record_event(
                session, claimed.actor, "watchlist.replaced", "watchlist", watchlist_id, {"entries": len(lines)}
            )
        session.delete(session.get_one(Upload, edition))


def on_failure(session: Session, job: Job) -> None:
    """Remove what was loaded of an edition whose job failed or was cancelled; the edition before it stays in force."""
    watchlist_id, edition = job.payload["watchlist_id"], job.payload["edition"]
    _delete_entries(session, watchlist_id, edition)
    upload, watchlist = session.get(Upload, edition), session.get(Watchlist, watchlist_id)
    if upload is not None:
        session.delete(upload)
    if watchlist is not None and watchlist.requested_edition == edition:
        watchlist.requested_edition = watchlist.edition
        record_event(session, job.created_by, "watchlist.not_replaced", "watchlist", watchlist_id, {"job": job.id})
        if watchlist.edition is None:
            session.delete(watchlist)


def _delete_entries(session: Session, watchlist_id: str, edition: str | None) -> None:
    of_edition = (WatchlistEntry.watchlist_id == watchlist_id, WatchlistEntry.edition == edition)
    session.execute(delete(WatchlistEntry).where(*of_edition))


def list_watchlists(session: Session) -> Sequence[Watchlist]:
    """Return the lists, by name."""
    return session.scalars(select(Watchlist).order_by(Watchlist.name)).all()


def remove_watchlist(session: Session, name: str, by: str) -> None:
    """Delete a list with its entries and matches. Raises DomainError, 404, for an unknown name."""
    watchlist = session.scalars(select(Watchlist).where(Watchlist.name == name)).first()
    if watchlist is None:
        raise not_found(f"There is no watchlist called {name}.")
    record_event(session, by, "watchlist.removed", "watchlist", watchlist.id, {"entries": watchlist.entries})
    session.delete(watchlist)


def request_screening(session: Session, by: str, **suppliers: Any) -> None:
    """Request the screening of suppliers, in the caller's transaction, if there is any list to screen against.

    ``suppliers``: ``supplier_ids``, ``import_id``, or ``watchlist_id`` for all suppliers against one list.
    """
    if session.scalars(select(Watchlist.id).limit(1)).first() is not None:
        enqueue(session, SCREEN_SUPPLIERS, suppliers, by, short="supplier_ids" in suppliers)
