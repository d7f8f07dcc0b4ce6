"""Retention: erase an organisation with all its data, and purge data that is past an organisation's retention period.

A file belongs to every organisation with a row that refers to it; two organisations that uploaded the same bytes share them,
and they are deleted with the last reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from sqlalchemy import and_, delete, exists, func, or_, select
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from service.audit import record_event
from service.audit_chain import erase_details
from service.blob_store import BlobStore
from service.connected_systems.systems import purge_pushes
from service.db.account_tables import SignIn, SignInAttempt
from service.db.buyer_tables import BuyerAnswers
from service.db.case_tables import StoredCase, StoredFinding
from service.db.idempotency_tables import IdempotentResponse
from service.db.import_tables import Import, Upload
from service.db.job_tables import Job, ScheduleRun
from service.db.session import Database, chunks
from service.db.tables import Change, Organisation, Result, Supplier, new_id
from service.db.watchlist_tables import WatchlistMatch
from service.db.worker_voice_tables import WorkerSurvey
from service.erasure.erase import erase_suppliers
from service.erasure.files import list_used_files
from service.erasure.imports import erase_imports
from service.erasure.traces import RUNNING
from service.errors import DomainError
from service.outbox.messages import purge_messages
from service.supplier_links.unfinished_uploads import delete_ended_uploads
from service.suppliers import summary

ACTOR = "system:retention"
# A file is stored before the row that refers to it, so a file that is newer than this may still get its row.
FILE_GRACE_PERIOD = timedelta(hours=1)
IDEMPOTENCY_LIFETIME = timedelta(days=1)  # for which the response to a request with an Idempotency-Key is promised
MESSAGE_LIFETIME = timedelta(days=90)  # of messages that were sent or could not be
SURVEY_LIFETIME = timedelta(days=90)  # after its last day, of a survey among workers that nobody has closed
ATTEMPT_LIFETIME = timedelta(days=7)  # failed attempts to sign in
CHUNK = 200
MIN_MONTHS, MAX_MONTHS = (
    24,
    240,
)  # months; the shortest is the time until the review of a low level, which needs the result

log = structlog.get_logger("service.retention")


def delete_unused_files(db: Database, blobs: BlobStore, before: datetime) -> int:
    """Delete the files that no row refers to and that were stored before a given time; return how many.

    What killed processes left behind in the file store is removed too: no row ever referred to it.
    """
    blobs.clean()
    with db.unscoped(write=False) as session:
        used = list_used_files(session)
    return sum(_delete_file(blobs, digest, before) for digest in blobs.list_digests() if digest not in used)


def _delete_file(blobs: BlobStore, digest: str, before: datetime) -> bool:
    """Delete a file unless it was stored again; return whether it is deleted. One that cannot be deleted keeps no other."""
    try:
        return blobs.delete_unless_put_since(digest, before)
    except OSError as error:  # tried again by the next purge
        log.error("file_not_deleted", digest=digest, failure=new_id(), exc_info=error)
        return False


def purge_expired(db: Database, blobs: BlobStore, at: datetime) -> dict[str, int]:
    """Delete what has expired in every organisation; may run at any time, in any number of processes. Return the counts.

    After ``keep_months`` these are deleted: suppliers not assessed since, with all their results; earlier results of the
    others; the buyer's own answers; case records that are closed or about no stored supplier, with their findings; surveys among
    workers; uploads and imports; jobs and their reports; runs of schedules; changes; messages. Messages that were sent, or could
    not be, are deleted after 90 days already, and so are surveys that nobody closed. The audit trail stays as long as its
    organisation.
    """
    counts = {"suppliers": 0, "rows": 0}
    with db.unscoped(write=False) as session:
        retention = {row.id: row.keep_months for row in session.scalars(select(Organisation))}
    for organisation_id, months in retention.items():
        before = subtract_months(at, months)
        erased = _purge_suppliers(db, organisation_id, before, at)
        with db.for_organisation(organisation_id) as session:
            removed = _purge_rows(session, before, at)
            if erased or sum(removed.values()):
                details = {"supplier": erased, **removed}
                record_event(session, ACTOR, "retention.removed", "organisation", organisation_id, details)
        counts["suppliers"] += erased
        counts["rows"] += sum(removed.values())
    with db.unscoped() as session:
        session.execute(delete(IdempotentResponse).where(IdempotentResponse.created_at < at - IDEMPOTENCY_LIFETIME))
        session.execute(delete(SignInAttempt).where(SignInAttempt.at < at - ATTEMPT_LIFETIME))
        session.execute(delete(SignIn).where(SignIn.expires_at < at))
        delete_ended_uploads(session, at)
    counts["files"] = delete_unused_files(db, blobs, at - FILE_GRACE_PERIOD)
    log.info("expired_data_purged", **counts)
    return counts


def set_retention(session: Session, organisation_id: str, months: int, by: str) -> Organisation:
    """Set for how many months an organisation keeps data. Raises DomainError ``keep_months``, 422."""
    if not MIN_MONTHS <= months <= MAX_MONTHS:
        raise DomainError(
            "keep_months", 422, f"Choose a retention period between {MIN_MONTHS} and {MAX_MONTHS} months."
        )
    organisation = session.get_one(Organisation, organisation_id)
    if organisation.keep_months != months:
        details = {"from": organisation.keep_months, "to": months}
        record_event(session, by, "organisation.keep_months_changed", "organisation", organisation_id, details)
        organisation.keep_months = months
    return organisation


def subtract_months(at: datetime, months: int) -> datetime:
    """Return the moment a number of months earlier; the last day of that month if it is too short."""
    return at + (summary.add_months(at.date(), -months) - at.date())


def _purge_suppliers(db: Database, organisation_id: str, before: datetime, at: datetime) -> int:
    count = 0
    while True:
        with db.for_organisation(organisation_id) as session:
            old = session.scalars(select(Supplier).where(Supplier.updated_at < before).limit(CHUNK)).all()
            erase_suppliers(session, old, at, ACTOR, is_expired=True)
        count += len(old)
        if len(old) < CHUNK:
            return count


def _purge_rows(session: Session, before: datetime, at: datetime) -> Mapping[str, int]:
    imports = select(Import).where(Import.created_at < before, Import.state.not_in(RUNNING))
    expired = session.scalars(imports).all()
    for some in chunks(expired, CHUNK):
        erase_imports(session, some, at, ACTOR, is_expired=True)
    latest = select(Supplier.latest_id).where(Supplier.latest_id.is_not(None))
    last_change = select(func.max(Change.id)).scalar_subquery()
    has_new_findings = exists().where(StoredFinding.case_id == StoredCase.id, StoredFinding.created_at >= before)
    # An open case about a supplier is deleted with the supplier: it counts in every assessment until it is closed.
    unlinked = and_(StoredCase.supplier_id.is_(None), StoredCase.created_at < before, ~has_new_findings)
    abandoned = and_(WorkerSurvey.closed_on.is_(None), WorkerSurvey.closes_on < (at - SURVEY_LIFETIME).date())
    is_expired_case = or_(StoredCase.closed_at < before, unlinked)
    events = erase_details(session, session.scalars(select(StoredCase.id).where(is_expired_case)).all())
    statements = {
        "result": delete(Result).where(Result.created_at < before, Result.id.not_in(latest)),
        "job": delete(Job).where(Job.created_at < before, Job.state.in_(("done", "failed", "cancelled"))),
        "firing": delete(ScheduleRun).where(ScheduleRun.fired_at < before),
        "case_record": delete(StoredCase).where(is_expired_case),
        "buyer_answers": delete(BuyerAnswers).where(BuyerAnswers.created_at < before),
        # A decision about a match that is no longer found is stored for a while, in case it is found again.
        "watchlist_match": delete(WatchlistMatch).where(~WatchlistMatch.found, WatchlistMatch.decided_at < before),
        "worker_survey": delete(WorkerSurvey).where(or_(WorkerSurvey.closes_on < before.date(), abandoned)),
        # The newest change is kept: new ids continue from the highest one, and readers wait for changes after it.
        "change": delete(Change).where(Change.at < before, Change.id < last_change),
    }
    counts = {"import": len(expired), "events": events}
    for name, statement in statements.items():
        removed = session.execute(statement)
        assert isinstance(removed, CursorResult)
        counts[name] = removed.rowcount
    # Uploads that an import still refers to stay with it.
    in_use = {upload for uploads in session.scalars(select(Import.uploads)) for upload in uploads}
    uploads = session.scalars(select(Upload).where(Upload.created_at < before)).all()
    unused = [upload for upload in uploads if upload.id not in in_use]
    for upload in unused:
        session.delete(upload)
    counts["message"] = purge_messages(session, at - MESSAGE_LIFETIME, before)
    counts["system_push"] = purge_pushes(session, at - MESSAGE_LIFETIME)
    return {**counts, "upload": len(unused)}
