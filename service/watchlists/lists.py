"""Lists on their way in: an import replaces the list of its name, whole or not at all.

What is kept of a file is what ``questionnaires.watchlist`` takes from it, and nothing else: the file itself, which may hold
birth dates and phones, never reaches the store. The entries are loaded beside those that count, in chunks, and take their place
in one transaction, which also asks for every supplier to be screened.
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
from service.db.session import Database
from service.db.tables import Job, Upload, new_id
from service.db.watchlist_tables import Watchlist, WatchlistEntry
from service.errors import DomainError, not_found
from service.jobs.kinds import LOAD_WATCHLIST, SCREEN_SUPPLIERS
from service.jobs.table import ClaimedJob, LostLease, enqueue, job_transaction

CHUNK = 2_000  # entries written in one transaction
MAX_NAME = 100


def receive_watchlist(
    db: Database, blobs: BlobStore, organisation_id: str, name: str, parsed: ParsedWatchlist, by: str
) -> str | None:
    """Takes a list in under a name; the id of the job that loads it, None where the list holds these very entries already.

    Raises Refused ``watchlist.name``.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise DomainError("watchlist.name", 422, f"A list has a name of up to {MAX_NAME} letters.")
    lines = b"\n".join(orjson.dumps(entry) for entry in sorted(parsed.entries, key=lambda entry: entry.key))
    digest = hashlib.sha256(lines).hexdigest()
    told = {
        "form": parsed.format,
        "rows": parsed.rows,
        "rejected": parsed.rejected,
        "left_out": dict(parsed.skipped),
    }
    at, edition = now(), new_id()
    blobs.put(lines)
    with db.for_organisation(organisation_id) as session:
        kept = session.scalars(select(Watchlist).where(Watchlist.name == name).with_for_update()).first()
        if kept is None:
            kept = Watchlist(id=new_id(), name=name, told={}, imported_by=by, created_at=at)
            session.add(kept)
            session.flush()
        elif kept.digest == digest and kept.wanted == kept.edition:
            return None
        kept.wanted = edition
        session.add(Upload(id=edition, name=name, sha256=digest, size=len(lines), created_by=by, created_at=at))
        job = enqueue(session, LOAD_WATCHLIST, {"watchlist_id": kept.id, "edition": edition, "told": told}, by)
        counts = {"entries": len(parsed.entries), "rows": parsed.rows, "rejected": parsed.rejected}
        record_event(session, by, "watchlist.received", "watchlist", kept.id, counts)
        return job.id


def load_watchlist(db: Database, blobs: BlobStore, claimed: ClaimedJob) -> None:
    """The job that loads an edition of a list, and then lets it count."""
    watchlist_id, edition = claimed.payload["watchlist_id"], claimed.payload["edition"]
    with db.for_organisation(claimed.organisation_id, write=False) as session:
        upload = session.get(Upload, edition)
    if upload is None:  # it goes with the end of the job: somebody else has come to it
        raise LostLease(claimed.id)
    digest = upload.sha256
    lines = blobs.get(digest).splitlines()
    done = int(claimed.checkpoint.get("rows", 0))
    while done < len(lines):
        chunk = [orjson.loads(line) for line in lines[done : done + CHUNK]]
        done += len(chunk)
        with job_transaction(db, claimed, checkpoint={"rows": done}, progress=0.95 * done / len(lines)) as session:
            of = {"watchlist_id": watchlist_id, "edition": edition}
            rows = [{**of, "key": content.pop("key"), "content": content} for content in chunk]
            session.execute(insert(WatchlistEntry), rows)
    result: dict[str, Any] = {"entries": len(lines), "overtaken": False}
    with job_transaction(db, claimed, result=result) as session:
        kept = session.scalars(select(Watchlist).where(Watchlist.id == watchlist_id).with_for_update()).one()
        if kept.wanted != edition:  # a later file came in meanwhile
            result["overtaken"] = True
            _delete_entries(session, watchlist_id, edition)
        else:
            _delete_entries(session, watchlist_id, kept.edition)
            kept.edition, kept.digest, kept.entries, kept.told = edition, digest, len(lines), claimed.payload["told"]
            kept.imported_at, kept.imported_by = now(), claimed.actor
            enqueue(session, SCREEN_SUPPLIERS, {"watchlist_id": watchlist_id}, claimed.actor)
            record_event(session, claimed.actor, "watchlist.replaced", "watchlist", watchlist_id, {"entries": len(lines)})
        session.delete(session.get_one(Upload, edition))


def on_failure(session: Session, job: Job) -> None:
    """A list was not loaded to its end: what was loaded goes, and the edition before it stays."""
    watchlist_id, edition = job.payload["watchlist_id"], job.payload["edition"]
    _delete_entries(session, watchlist_id, edition)
    upload, kept = session.get(Upload, edition), session.get(Watchlist, watchlist_id)
    if upload is not None:
        session.delete(upload)
    if kept is not None and kept.wanted == edition:
        kept.wanted = kept.edition
        record_event(session, job.created_by, "watchlist.not_replaced", "watchlist", watchlist_id, {"job": job.id})
        if kept.edition is None:
            session.delete(kept)


def _delete_entries(session: Session, watchlist_id: str, edition: str | None) -> None:
    of = (WatchlistEntry.watchlist_id == watchlist_id, WatchlistEntry.edition == edition)
    session.execute(delete(WatchlistEntry).where(*of))


def list_watchlists(session: Session) -> Sequence[Watchlist]:
    """The lists, by name."""
    return session.scalars(select(Watchlist).order_by(Watchlist.name)).all()


def remove_watchlist(session: Session, name: str, by: str) -> None:
    """Removes a list with its entries and matches. Raises Refused, 404, where there is none of this name."""
    kept = session.scalars(select(Watchlist).where(Watchlist.name == name)).first()
    if kept is None:
        raise not_found(f"There is no watchlist called {name}.")
    record_event(session, by, "watchlist.removed", "watchlist", kept.id, {"entries": kept.entries})
    session.delete(kept)


def request_screening(session: Session, by: str, **suppliers: Any) -> None:
    """Asks for suppliers to be screened, in the caller's transaction, where there is any list to screen against.

    ``who``: ``supplier_ids``, ``import_id``, or ``watchlist_id`` for all suppliers against one list.
    """
    if session.scalars(select(Watchlist.id).limit(1)).first() is not None:
        enqueue(session, SCREEN_SUPPLIERS, suppliers, by)
