"""Remove what is said about a subject outside its own rows, in the transaction that erases it.

Stored files cannot be searched for a subject: whatever may contain it is withdrawn, and can be made or sent again without it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

import orjson
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from service.audit import record_event
from service.db.case_tables import StoredFinding
from service.db.session import chunks
from service.db.tables import Change, IdempotentResponse, Import, Job, Result, SavedFilter, Upload
from service.errors import DomainError, build_problem
from service.jobs import kinds

WITHDRAWN = {"withdrawn": True}  # the result of a report that was withdrawn
REPORT_WITHDRAWN = "This report was withdrawn, because a supplier or case in it was erased. Request it again."
IMPORT_WITHDRAWN = "The files were deleted, because a supplier or case that may be in them was erased."
ACTIVE = ("queued", "running")
PLAIN_CHOICES = (
    "kind",
    "country",
    "sector",
    "date_order",
    "confirm",
    "on",
    "sample",
)  # none names a file, sheet or person


@dataclass(frozen=True)
class Subject:
    """Whom or what to erase: its ids, the texts it is known by, and the moment before which nothing was stored about it.

    ``agency_keys``: the name keys of an erased agency, by which jobs refer to it.
    """

    supplier_ids: frozenset[str]
    case_ids: frozenset[str]
    texts: frozenset[str]
    since: datetime
    agency_keys: frozenset[str] = frozenset()

    def is_mentioned_in(self, text: str) -> bool:
        """Return whether JSON or other text contains an id or a text of the subject, in small or capital letters."""
        words = (*self.supplier_ids, *self.case_ids, *map(_as_in_json, self.texts))
        return re.search(rf"(?<!\w)({'|'.join(map(re.escape, words))})(?!\w)", text, re.IGNORECASE) is not None


def _as_in_json(text: str) -> str:
    return orjson.dumps(text).decode()[1:-1]


def check_no_import_runs(session: Session) -> None:
    """Raise DomainError ``erasure.import_running``, 409, while files are read or assessed that may bring the subject back."""
    running = select(Import.id).where(Import.state.in_(("waiting", "running"))).limit(1)
    if session.scalars(running).first() is not None:
        raise DomainError(
            "erasure.import_running",
            409,
            "Files are being imported that may contain what you want to erase. Try again when the import is finished.",
        )


def withdraw_replies(session: Session, subject: Subject) -> int:
    """Withdraw the stored replies that mention a subject; return how many."""
    stored = session.scalars(select(IdempotentResponse).where(IdempotentResponse.status != HTTPStatus.GONE.value)).all()
    mentioning = [
        reply for reply in stored if subject.is_mentioned_in(f"{reply.body} {orjson.dumps(reply.headers).decode()}")
    ]
    for reply in mentioning:
        reply.status, reply.body, reply.headers = HTTPStatus.GONE.value, "", {}
    return len(mentioning)


def withdraw_reports(session: Session, supplier_ids: Collection[str], since: datetime) -> list[str]:
    """Withdraw the reports about some suppliers, and those over many that were made since a moment and may show one of them;
    return the digests of their files.

    A report that is being rendered begins again, without the subject.
    """
    digests = []
    query = select(Job).where(Job.kind.in_((kinds.RENDER_REPORT, kinds.PREVIEW_RELEASE)))
    for job in session.scalars(query.with_for_update()).all():
        about = job.payload.get("supplier_id")
        is_older = job.finished_at is not None and job.finished_at < since
        if is_older or (about is not None and about not in supplier_ids):
            continue
        if job.state == "running":
            job.state, job.owner, job.lease_until = "queued", None, None
        if job.state == "done" and job.result is not None and "sha256" in job.result:
            digests.append(str(job.result["sha256"]))
            job.result, job.message = WITHDRAWN, REPORT_WITHDRAWN
        if job.state not in ACTIVE:
            job.payload, job.checkpoint = {**job.payload, "wanted": {}}, {}
            if job.kind == kinds.PREVIEW_RELEASE:  # the page offers to compute it again
                session.delete(job)
    return digests


def withdraw_imports(session: Session, subject: Subject, at: datetime, by: str) -> tuple[int, list[str]]:
    """Withdraw the imports that may have contained a subject; return how many, and the digests of their files.

    These are the imports that brought it, and those that ended without saving their rows or were never confirmed: what is in
    them is not known.
    """
    ids = _list_import_ids(session, subject)
    digests: list[str] = []
    withdrawn = [
        import_
        for chunk in chunks(ids)
        for import_ in session.scalars(select(Import).where(Import.id.in_(chunk)).with_for_update())
        if import_.uploads or import_.found or import_.problem
    ]
    for import_ in withdrawn:
        digests += _withdraw_import(session, import_, at, by)
    for chunk in chunks([import_.id for import_ in withdrawn]):
        session.execute(update(Result).where(Result.import_id.in_(chunk)).values(place={}))
        session.execute(update(StoredFinding).where(StoredFinding.import_id.in_(chunk)).values(place=None))
        jobs = select(Job).where(Job.payload["import_id"].as_string().in_(chunk), Job.state.not_in(ACTIVE))
        for job in session.scalars(jobs):
            job.payload, job.checkpoint, job.message = {"import_id": job.payload["import_id"]}, {}, ""
    return len(withdrawn), digests


def _list_import_ids(session: Session, subject: Subject) -> list[str]:
    ids = set(session.scalars(select(Import.id).where(Import.state.not_in(("waiting", "running", "done")))))
    for column, table_ids, table in (
        (Result.supplier_id, subject.supplier_ids, Result),
        (StoredFinding.case_id, subject.case_ids, StoredFinding),
    ):
        for chunk in chunks(sorted(table_ids)):
            query = select(table.import_id).where(column.in_(chunk), table.import_id.is_not(None))
            ids.update(import_id for import_id in session.scalars(query.distinct()) if import_id is not None)
    return sorted(ids)


def _withdraw_import(session: Session, import_: Import, at: datetime, by: str) -> list[str]:
    uploads = session.scalars(select(Upload).where(Upload.id.in_(import_.uploads))).all()
    if import_.state == "previewed":
        import_.state, import_.finished_at = "cancelled", at
    import_.uploads, import_.found = [], None
    import_.choices = {name: value for name, value in import_.choices.items() if name in PLAIN_CHOICES}
    import_.problem = None if import_.state == "done" else build_problem("import.withdrawn", 410, IMPORT_WITHDRAWN)
    record_event(session, by, "import.withdrawn", "import", import_.id, {"files": len(uploads)})
    for upload in uploads:
        session.delete(upload)
    return [upload.sha256 for upload in uploads]


def delete_changes(session: Session, supplier_ids: Collection[str]) -> None:
    """Delete what the change feed says about suppliers, apart from their merging and deletion."""
    for chunk in chunks(sorted(supplier_ids)):
        kept = ("deleted", "merged")
        session.execute(delete(Change).where(Change.supplier_id.in_(chunk), Change.kind.not_in(kept)))


def delete_filters(session: Session, subject: Subject) -> None:
    """Delete the saved filters that search for a subject by name."""
    for saved in session.scalars(select(SavedFilter)).all():
        if subject.is_mentioned_in(orjson.dumps([saved.name, saved.query]).decode()):
            session.delete(saved)


def remove_agency_keys(session: Session, keys: Collection[str]) -> None:
    """Remove the name keys of an erased agency from the parameters of jobs."""
    for job in session.scalars(select(Job).where(Job.kind == kinds.FOLLOW_AGENCIES)).all() if keys else ():
        named: Sequence[Any] = job.payload.get("agency_keys", ())
        if not set(named).isdisjoint(keys):
            job.payload = {**job.payload, "agency_keys": [key for key in named if key not in keys]}
