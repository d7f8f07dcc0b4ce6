"""What is kept, for how long, and how it is erased: an organisation with all that is its, and what is older than it keeps.

Files belong to whoever has a row that speaks of them; two organisations that sent the same bytes share them, and they go with
the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import and_, delete, exists, func, or_, select
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from service.audit import record_event
from service.blob_store import BlobStore
from service.db.buyer_tables import BuyerAnswers
from service.db.case_tables import StoredCase, StoredFinding
from service.db.session import Database
from service.db.tables import (
    Base,
    Change,
    Erasure,
    IdempotentResponse,
    Import,
    Job,
    Organisation,
    Owned,
    Result,
    ScheduleRun,
    SignIn,
    SignInAttempt,
    Supplier,
    Upload,
    new_id,
)
from service.db.watchlist_tables import WatchlistMatch
from service.errors import DomainError
from service.jobs.kinds import RENDER_REPORT
from service.suppliers import repository as suppliers
from service.suppliers import summary

BY = "system:retention"
# A file is laid in the store before the row that speaks of it: one that is younger may still get its row.
FILE_GRACE_PERIOD = timedelta(hours=1)
IDEMPOTENCY_LIFETIME = timedelta(days=1)  # as long as the answer to a request with an Idempotency-Key is promised
ATTEMPT_LIFETIME = timedelta(days=7)  # failed attempts to sign in
CHUNK = 200
MIN_MONTHS, MAX_MONTHS = 24, 240  # months: so long a low level stands until its review, and it must still be there then

log = structlog.get_logger("service.retention")


def erase_organisation(db: Database, blobs: BlobStore, organisation_id: str, at: datetime, by: str) -> dict[str, int]:
    """Erases an organisation: its rows, its audit trail, and the files that nobody else has. Returns how many of each.

    What remains is an ``Erasure``: that it happened, when, by whom and how much, without a name. Files that were sent within
    the last hour go with the next ``tidy``.
    """
    with db.unscoped() as session:
        counts = count_rows(session, organisation_id)
        session.execute(delete(Organisation).where(Organisation.id == organisation_id))  # the rest goes with it
        session.add(Erasure(id=new_id(), organisation_id=organisation_id, at=at, actor=by, counts=counts))
    dropped = delete_unused_files(db, blobs, at - FILE_GRACE_PERIOD)
    log.info("organisation_erased", organisation=organisation_id, rows=sum(counts.values()), files=dropped)
    return {**counts, "files": dropped}


def count_rows(session: Session, organisation_id: str) -> dict[str, int]:
    """How many rows of each table an organisation has, where it has any."""
    counts: dict[str, int] = {}
    for mapper in Base.registry.mappers:
        kind: Any = mapper.class_
        if issubclass(kind, Owned):
            query = select(func.count()).select_from(kind).where(kind.organisation_id == organisation_id)
            counts[kind.__tablename__] = session.scalar(query) or 0
    return {name: count for name, count in sorted(counts.items()) if count}


def list_used_files(session: Session) -> set[str]:
    """The digests of all files that a row speaks of: what was sent, and reports that were made."""
    used = set(session.scalars(select(Upload.sha256)))
    for made in session.scalars(select(Job.result).where(Job.kind == RENDER_REPORT, Job.state == "done")):
        used.update({str(made["sha256"])} if made and "sha256" in made else ())
    return used


def delete_unused_files(db: Database, blobs: BlobStore, before: datetime) -> int:
    """Removes the files that no row speaks of and that were put before a moment; how many."""
    with db.unscoped(write=False) as session:
        used = list_used_files(session)
    return sum(blobs.delete_unless_put_since(digest, before) for digest in blobs.list_digests() if digest not in used)


def purge_expired(db: Database, blobs: BlobStore, at: datetime) -> dict[str, int]:
    """Removes what every organisation keeps no longer, and what nobody needs; may run at any time, in any number of processes.

    After ``keep_months`` go: suppliers not assessed since, with all their results; earlier results of the others; what the
    buyer answered about itself; case records that are closed, or about nobody who is kept, with all that was added to them;
    uploads and imports; jobs and their reports; dates of schedules; changes. The audit trail stays as long as its organisation.
    """
    counts = {"suppliers": 0, "rows": 0}
    with db.unscoped(write=False) as session:
        kept = {row.id: row.keep_months for row in session.scalars(select(Organisation))}
    for organisation_id, months in kept.items():
        before = subtract_months(at, months)
        counts["suppliers"] += _purge_suppliers(db, organisation_id, before, at)
        with db.for_organisation(organisation_id) as session:
            removed = _purge_rows(session, before)
            if sum(removed.values()):
                record_event(session, BY, "retention.removed", "organisation", organisation_id, removed)
        counts["rows"] += sum(removed.values())
    with db.unscoped() as session:
        session.execute(delete(IdempotentResponse).where(IdempotentResponse.created_at < at - IDEMPOTENCY_LIFETIME))
        session.execute(delete(SignInAttempt).where(SignInAttempt.at < at - ATTEMPT_LIFETIME))
        session.execute(delete(SignIn).where(SignIn.expires_at < at))
    counts["files"] = delete_unused_files(db, blobs, at - FILE_GRACE_PERIOD)
    log.info("tidied", **counts)
    return counts


def set_retention(session: Session, organisation_id: str, months: int, by: str) -> Organisation:
    """Sets how many months an organisation keeps things. Raises Refused ``keep_months``, 422."""
    if not MIN_MONTHS <= months <= MAX_MONTHS:
        raise DomainError("keep_months", 422, f"Things are kept for {MIN_MONTHS} to {MAX_MONTHS} months.")
    organisation = session.get_one(Organisation, organisation_id)
    if organisation.keep_months != months:
        told = {"from": organisation.keep_months, "to": months}
        record_event(session, by, "organisation.keep_months_changed", "organisation", organisation_id, told)
        organisation.keep_months = months
    return organisation


def subtract_months(at: datetime, months: int) -> datetime:
    """The same moment so many months before; the last day of the month where there is none such."""
    return at + (summary.add_months(at.date(), -months) - at.date())


def _purge_suppliers(db: Database, organisation_id: str, before: datetime, at: datetime) -> int:
    forgotten = 0
    while True:
        with db.for_organisation(organisation_id) as session:
            old = session.scalars(select(Supplier).where(Supplier.updated_at < before).limit(CHUNK)).all()
            for supplier in old:
                suppliers.erase_supplier(session, supplier, at, BY)
        forgotten += len(old)
        if len(old) < CHUNK:
            return forgotten


def _purge_rows(session: Session, before: datetime) -> Mapping[str, int]:
    latest = select(Supplier.latest_id).where(Supplier.latest_id.is_not(None))
    last_change = select(func.max(Change.id)).scalar_subquery()
    added_to = exists().where(StoredFinding.case_id == StoredCase.id, StoredFinding.created_at >= before)
    # An open case about a supplier goes with the supplier: it bears on every assessment until it is closed.
    forgotten = and_(StoredCase.supplier_id.is_(None), StoredCase.created_at < before, ~added_to)
    old = {
        "result": delete(Result).where(Result.created_at < before, Result.id.not_in(latest)),
        "import": delete(Import).where(Import.created_at < before, Import.state.not_in(("waiting", "running"))),
        "job": delete(Job).where(Job.created_at < before, Job.state.in_(("done", "failed", "cancelled"))),
        "firing": delete(ScheduleRun).where(ScheduleRun.fired_at < before),
        "case_record": delete(StoredCase).where(or_(StoredCase.closed_at < before, forgotten)),
        "buyer_answers": delete(BuyerAnswers).where(BuyerAnswers.created_at < before),
        # A decision on what is found no more waits for the day on which it is found again, but not for ever.
        "watchlist_match": delete(WatchlistMatch).where(~WatchlistMatch.found, WatchlistMatch.decided_at < before),
        # The newest change stays: numbers are given out from the highest there is, and a reader waits behind it.
        "change": delete(Change).where(Change.at < before, Change.id < last_change),
    }
    counts: dict[str, int] = {}
    for name, statement in old.items():
        removed = session.execute(statement)
        assert isinstance(removed, CursorResult)
        counts[name] = removed.rowcount
    # Uploads that an import still speaks of stay with it.
    wanted = {upload for uploads in session.scalars(select(Import.uploads)) for upload in uploads}
    uploads = session.scalars(select(Upload).where(Upload.created_at < before)).all()
    gone = [upload for upload in uploads if upload.id not in wanted]
    for upload in gone:
        session.delete(upload)
    return {**counts, "upload": len(gone)}
