"""Erase an organisation in steps: a job that any worker resumes until nothing is left but the record that it was erased.

The transaction that begins it already ends all access, removes the users and the name, and stops every other job. The rest goes
table by table, files before the last reference to them is forgotten. Only then is the erasure recorded as done.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from service.blob_store import BlobStore
from service.clock import now
from service.db.account_tables import ApiKey, SignIn, StoredLogo, User
from service.db.campaign_tables import Campaign
from service.db.deleted_rows import remove_deleted_rows
from service.db.import_tables import Upload
from service.db.job_tables import Job, Schedule
from service.db.link_tables import AnswerFile, SupplierLink, UnfinishedUpload
from service.db.outbox_tables import Message
from service.db.remediation_tables import StepEvidence
from service.db.session import Database, limit_to_organisation
from service.db.system_tables import ConnectedSystem
from service.db.tables import AuditEvent, Base, Erasure, Organisation, Owned, new_id
from service.db.worker_voice_tables import WorkerSurvey
from service.erasure.files import delete_files
from service.erasure.record import record_erasures, record_organisation_erasure
from service.erasure.traces import ACTIVE, list_portions
from service.errors import not_found
from service.jobs.kinds import ERASE_ORGANISATION
from service.jobs.table import ClaimedJob, claim_job, enqueue, job_transaction, lock_claimed_job
from service.jobs.worker import Handler, run_job
from service.journal import Journal

CHUNK = 1_000  # rows deleted in one transaction
WAIT_SECONDS = 1.0  # between looks at an erasure that a worker is running

log = structlog.get_logger("service.erasure")


def count_rows(session: Session, organisation_id: str) -> dict[str, int]:
    """Count the rows of an organisation in each table that has any."""
    counts: dict[str, int] = {}
    for table in _list_tables():
        query = select(func.count()).select_from(table).where(table.organisation_id == organisation_id)
        counts[table.__tablename__] = session.scalar(query) or 0
    return {name: count for name, count in sorted(counts.items()) if count}


def begin_erasure(session: Session, organisation_id: str, by: str) -> Job:
    """Begin to erase the organisation of a session; return the job that does it, which may have begun earlier.

    From this transaction on nobody can sign in or open a link, its keys are gone, its other jobs write nothing any more, nothing
    is sent for it, and its name is replaced. Raises DomainError ``not_found``.
    """
    query = select(Organisation).where(Organisation.id == organisation_id).with_for_update()
    organisation = session.scalars(query).first()
    if organisation is None:
        raise not_found("Organisation not found.")
    begun = session.scalars(select(Job).where(Job.kind == ERASE_ORGANISATION, Job.state.in_(ACTIVE))).first()
    if begun is not None:
        return begun
    counts = count_rows(session, organisation_id)
    for table in (SignIn, ApiKey, User, Schedule, Campaign, Message, WorkerSurvey):
        session.execute(delete(table))
    session.execute(update(SupplierLink).where(SupplierLink.revoked_at.is_(None)).values(revoked_at=now()))
    session.execute(update(ConnectedSystem).values(enabled=False))
    session.execute(delete(Job).where(Job.state.in_(ACTIVE)))
    organisation.name = f"erased {organisation_id}"
    return enqueue(session, ERASE_ORGANISATION, {"counts": counts}, by)


def erase_rows(db: Database, blobs: BlobStore, claimed: ClaimedJob, journal: Journal | None = None) -> None:
    """Delete the rows and files of an organisation in portions (a job), and the organisation itself at the end."""
    organisation_id = claimed.organisation_id
    if journal is not None:
        record_erasures(journal, organisation_id, [("organisation", organisation_id)], now())
    progress = {"rows": 0, "files": 0, "digests": [], **claimed.checkpoint}
    progress["files"] += delete_files(db, blobs, progress["digests"])
    while True:
        _erase_in_portions(db, blobs, claimed, progress)
        remove_deleted_rows(db.engine)  # nothing is left now that says whose they were
        if _end(db, claimed, progress):
            break
    log.info("organisation_erased", organisation=organisation_id, rows=progress["rows"], files=progress["files"])


def _erase_in_portions(db: Database, blobs: BlobStore, claimed: ClaimedJob, progress: dict[str, Any]) -> None:
    """Delete all rows, in one transaction for each portion; the files of a portion go before the next one."""
    total = sum(claimed.payload["counts"].values()) or 1
    for table in _iterate_erased_tables():
        is_more = True
        while is_more:
            share = min(0.99, progress["rows"] / total)
            with job_transaction(db, claimed, checkpoint=progress, progress=share) as session:
                rows = session.execute(_select_portion(table, claimed)).all()
                ids = [row.id for row in rows]
                session.execute(delete(table).where(table.id.in_(ids)).execution_options(synchronize_session=False))
                progress["digests"] = [digest for row in rows for digest in _list_digests(table, row)]
                progress["rows"] += len(ids)
            progress["files"] += delete_files(db, blobs, progress["digests"])
            is_more = len(ids) == CHUNK


def _select_portion(table: Any, claimed: ClaimedJob) -> Any:
    """Select the ids of the next rows to delete, with what says which files they refer to."""
    files: dict[Any, list[Any]] = {
        Upload: [Upload.sha256, Upload.reading_sha256],
        StepEvidence: [StepEvidence.sha256],
        AnswerFile: [AnswerFile.sha256],
        StoredLogo: [StoredLogo.sha256],
        UnfinishedUpload: [UnfinishedUpload.pieces],
        Job: [Job.result, Job.checkpoint],
    }
    query = select(table.id, *files.get(table, [])).order_by(table.id).limit(CHUNK)
    return query.where(table.id != claimed.id) if table is Job else query


def _list_digests(table: Any, row: Any) -> list[str]:
    """Return the digests of the files that a row refers to."""
    if table is Upload:
        return [digest for digest in (row.sha256, row.reading_sha256) if digest]
    if table in (StepEvidence, AnswerFile, StoredLogo):
        return [row.sha256] if row.sha256 else []
    if table is UnfinishedUpload:
        return list(row.pieces)
    if table is not Job:
        return []
    finished = [str(row.result["sha256"])] if row.result and "sha256" in row.result else []
    return finished + list_portions(row.checkpoint)


def _end(db: Database, claimed: ClaimedJob, progress: Mapping[str, Any]) -> bool:
    """Delete the organisation and record that it was erased; return False if somebody has written to it in the meantime.

    Its audit trail, which holds no text, goes with it, and so does the job.
    """
    # The event that records it belongs to the installation.
    with db.unscoped() as session, limit_to_organisation(session, claimed.organisation_id):
        lock_claimed_job(session, claimed)
        query = select(Organisation).where(Organisation.id == claimed.organisation_id).with_for_update()
        session.scalars(query).one()  # a row that is just being added waits for this, or this for it
        if any(session.execute(_select_portion(table, claimed)).first() for table in _iterate_erased_tables()):
            return False
        counts = {**claimed.payload["counts"], "files": progress["files"]}
        session.add(
            Erasure(id=new_id(), organisation_id=claimed.organisation_id, at=now(), actor=claimed.actor, counts=counts)
        )
        record_organisation_erasure(session, claimed.actor, claimed.organisation_id)
        session.execute(delete(Organisation).where(Organisation.id == claimed.organisation_id))
    return True


def _list_tables() -> list[Any]:
    return [mapper.class_ for mapper in Base.registry.mappers if issubclass(mapper.class_, Owned)]


def _iterate_erased_tables() -> Iterator[Any]:
    """Yield the tables whose rows have ids, children before parents; the audit trail goes with the organisation."""
    by_name = {table.__tablename__: table for table in _list_tables() if hasattr(table, "id")}
    for table in reversed(Base.metadata.sorted_tables):
        if table.name in by_name and by_name[table.name] is not AuditEvent:
            yield by_name[table.name]


def erase_organisation(
    db: Database, blobs: BlobStore, organisation_id: str, by: str, journal: Journal | None = None
) -> dict[str, int]:
    """Erase an organisation now, in this process or with the worker that has taken it up; return the counts of what went.

    If this process is killed, the next worker completes it. Raises DomainError ``not_found``.
    """
    with db.for_organisation(organisation_id) as session:
        begin_erasure(session, organisation_id, by)
    handler = Handler(lambda db, claimed: erase_rows(db, blobs, claimed, journal), is_half_done=lambda _: True)
    while (record := _find_record(db, organisation_id)) is None:
        claimed = claim_job(db, f"erasure:{new_id()[:8]}", kinds=(ERASE_ORGANISATION,))
        if claimed is None:
            time.sleep(WAIT_SECONDS)
        else:
            run_job(db, claimed, handler)
    return dict(record.counts)


def _find_record(db: Database, organisation_id: str) -> Erasure | None:
    with db.unscoped(write=False) as session:
        return session.scalars(select(Erasure).where(Erasure.organisation_id == organisation_id)).first()
