"""Remove what is said about a subject outside its own rows, in the transaction that erases it.

Stored files cannot be searched for a subject: whatever may contain it is withdrawn, and can be made or sent again without it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

import orjson
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from service.audit import record_event
from service.db.campaign_tables import Campaign
from service.db.case_tables import StoredFinding
from service.db.idempotency_tables import IdempotentResponse
from service.db.import_tables import Import, Upload
from service.db.job_tables import Job
from service.db.session import chunks
from service.db.tables import Change, Result, SavedFilter
from service.errors import DomainError, build_problem
from service.jobs import kinds
from service.suppliers import editions

WITHDRAWN = {"withdrawn": True}  # the result of a report that was withdrawn
REPORT_WITHDRAWN = "This report was withdrawn because a supplier or case in it was erased. Request it again."
IMPORT_WITHDRAWN = "The files were deleted because a supplier or case that may be in them was erased."
ACTIVE = ("queued", "running")
RUNNING = ("waiting", "running")  # states of an import whose files are being read or assessed
PLAIN_CHOICES = (
    "kind",
    "country",
    "sector",
    "date_order",
    "confirm",
    "on",
    "previous",
)  # none names a file, sheet or person


@dataclass(frozen=True)
class Subject:
    """Whom or what to erase: its ids, the texts it is known by, and the moment before which nothing was stored about it.

    ``import_ids``: imports that are erased themselves. ``shown_with``: the suppliers whose reports may show the subject.
    ``agency_keys``: the name keys of an erased agency, by which jobs refer to it.
    """

    supplier_ids: frozenset[str]
    case_ids: frozenset[str]
    texts: frozenset[str]
    since: datetime
    shown_with: frozenset[str] = frozenset()
    import_ids: frozenset[str] = frozenset()
    agency_keys: frozenset[str] = frozenset()

    def is_mentioned_in(self, text: str) -> bool:
        """Return whether JSON or other text contains an id or a text of the subject, in small or capital letters."""
        words = (*self.supplier_ids, *self.case_ids, *self.import_ids, *map(_as_in_json, self.texts))
        return re.search(rf"(?<!\w)({'|'.join(map(re.escape, words))})(?!\w)", text, re.IGNORECASE) is not None


def _as_in_json(text: str) -> str:
    return orjson.dumps(text).decode()[1:-1]


def check_no_import_runs(session: Session) -> None:
    """Raise DomainError ``erasure.import_running``, 409, while files are read or assessed that may bring the subject back."""
    running = select(Import.id).where(Import.state.in_(RUNNING)).limit(1)
    if session.scalars(running).first() is not None:
        raise DomainError(
            "erasure.import_running",
            409,
            "Files that are being imported may contain what you want to erase. Try again once the import has finished.",
        )


@dataclass(frozen=True)
class Traces:
    """What is said about a subject outside its own rows, and is withdrawn or deleted with it."""

    imports: Sequence[Import]
    reports: Sequence[Job]
    replies: Sequence[IdempotentResponse]
    filters: Sequence[SavedFilter]
    campaigns: Sequence[Campaign]

    def count(self) -> dict[str, int]:
        """Return how many of each there are."""
        return {
            "imports": len(self.imports),
            "reports": len(self.reports),
            "replies": len(self.replies),
            "saved_filters": len(self.filters),
        }


def find_traces(session: Session, subject: Subject, *, in_imports: bool = True, in_reports: bool = True) -> Traces:
    """Find the traces of a subject; those in files of imports and those in reports only if wanted."""
    return Traces(
        find_imports(session, subject) if in_imports else (),
        find_reports(session, subject) if in_reports else (),
        find_replies(session, subject),
        find_filters(session, subject),
        find_campaigns(session, subject),
    )


def remove_traces(session: Session, traces: Traces, at: datetime, by: str) -> list[str]:
    """Remove traces; return the digests of the files that may be deleted."""
    digests = withdraw_imports(session, traces.imports, at, by) + withdraw_reports(session, traces.reports)
    withdraw_replies(traces.replies)
    for saved in traces.filters:
        session.delete(saved)
    for campaign in traces.campaigns:
        campaign.name = campaign.due_on.isoformat()
    return digests


def find_replies(session: Session, subject: Subject) -> list[IdempotentResponse]:
    """Return the stored replies that mention a subject."""
    stored = session.scalars(select(IdempotentResponse).where(IdempotentResponse.status != HTTPStatus.GONE.value)).all()
    return [
        reply for reply in stored if subject.is_mentioned_in(f"{reply.body} {orjson.dumps(reply.headers).decode()}")
    ]


def withdraw_replies(replies: Sequence[IdempotentResponse]) -> None:
    """Empty stored replies; a request that is sent again gets 410."""
    for reply in replies:
        reply.status, reply.body, reply.headers = HTTPStatus.GONE.value, "", {}


def find_reports(session: Session, subject: Subject) -> list[Job]:
    """Return the reports about some suppliers, and those over many that were made since a moment and may show one of them.

    Previews of a release are reports over many. Reports that were withdrawn before are not among them.
    """
    query = select(Job).where(Job.kind.in_((kinds.RENDER_REPORT, kinds.PREVIEW_RELEASE)))
    found = []
    for job in session.scalars(query).all():
        about = job.payload.get("supplier_id")
        is_older = job.finished_at is not None and job.finished_at < subject.since
        if not is_older and (about is None or about in subject.shown_with) and job.result != WITHDRAWN:
            found.append(job)
    return found


def list_portions(checkpoint: Mapping[str, Any]) -> list[str]:
    """Return the digests of the portions of a report that is rendered in portions (service/reporting/scorecards.py)."""
    return [str(digest) for digest in checkpoint.get("parts", ())]


def withdraw_reports(session: Session, reports: Sequence[Job]) -> list[str]:
    """Withdraw reports and return the digests of their files. One that is being rendered begins again, without the subject."""
    digests = []
    for chunk in chunks([job.id for job in reports]):
        locked = select(Job).where(Job.id.in_(chunk)).with_for_update()
        for job in session.scalars(locked):
            digests += list_portions(job.checkpoint)
            job.checkpoint = {}
            if job.state == "running":
                job.state, job.owner, job.lease_until = "queued", None, None
            if job.state == "done" and job.result is not None and "sha256" in job.result:
                digests.append(str(job.result["sha256"]))
                job.result, job.message = WITHDRAWN, REPORT_WITHDRAWN
            if job.state not in ACTIVE:
                job.payload = {**job.payload, "wanted": {}}
                if job.kind == kinds.PREVIEW_RELEASE:  # the page offers to compute it again
                    session.delete(job)
    return digests


def find_imports(session: Session, subject: Subject) -> list[Import]:
    """Return the imports that may have contained a subject.

    These are the imports that brought it, and those that ended without saving their rows or were never confirmed: what is in
    them is not known. After a restore these include the imports that wait or run.
    """
    ids = set(session.scalars(select(Import.id).where(Import.state != "done")))
    for column, table_ids, table in (
        (Result.supplier_id, subject.supplier_ids, Result),
        (StoredFinding.case_id, subject.case_ids, StoredFinding),
    ):
        for chunk in chunks(sorted(table_ids)):
            query = select(table.import_id).where(column.in_(chunk), table.import_id.is_not(None))
            ids.update(import_id for import_id in session.scalars(query.distinct()) if import_id is not None)
    return [
        import_
        for chunk in chunks(sorted(ids))
        for import_ in session.scalars(select(Import).where(Import.id.in_(chunk)))
        if import_.uploads or import_.found or import_.problem
    ]


def withdraw_imports(session: Session, imports: Sequence[Import], at: datetime, by: str) -> list[str]:
    """Remove the files of imports, what was found in them and their names; return the digests of the files."""
    digests: list[str] = []
    for chunk in chunks([import_.id for import_ in imports]):
        locked = select(Import).where(Import.id.in_(chunk)).with_for_update()
        for import_ in session.scalars(locked):
            end_import(session, import_, at)
            digests += _withdraw_import(session, import_, at, by)
    forget_places(session, [import_.id for import_ in imports])
    return digests


def forget_places(session: Session, import_ids: Sequence[str]) -> None:
    """Remove the names of files and sheets from what imports brought, and from the parameters of their jobs."""
    for chunk in chunks(import_ids):
        session.execute(update(Result).where(Result.import_id.in_(chunk)).values(place={}))
        of_imports = StoredFinding.import_id.in_(chunk)
        session.execute(update(StoredFinding).where(of_imports).values({StoredFinding.place.column: None}))
        jobs = select(Job).where(Job.payload["import_id"].as_string().in_(chunk), Job.state.not_in(ACTIVE))
        for job in session.scalars(jobs):
            job.payload, job.checkpoint, job.message = {"import_id": job.payload["import_id"]}, {}, ""


def _withdraw_import(session: Session, import_: Import, at: datetime, by: str) -> list[str]:
    digests = delete_uploads(session, import_)
    if import_.state == "previewed":
        import_.state, import_.finished_at = "cancelled", at
    if import_.state != "done":
        editions.forget(session, import_)
    import_.found = import_.choices_before = None
    import_.choices = {name: value for name, value in import_.choices.items() if name in PLAIN_CHOICES}
    if import_.undo is not None:
        import_.undo = {**import_.undo, "kept": []}
    import_.problem = None if import_.state == "done" else build_problem("import.withdrawn", 410, IMPORT_WITHDRAWN)
    record_event(session, by, "import.withdrawn", "import", import_.id, {"files": len(digests)})
    return digests


def end_import(session: Session, import_: Import, at: datetime) -> None:
    """Cancel an import that waits or runs, with its jobs: a worker that holds one of them writes nothing any more."""
    if import_.state not in RUNNING:
        return
    active = select(Job).where(Job.payload["import_id"].as_string() == import_.id, Job.state.in_(ACTIVE))
    for job in session.scalars(active.with_for_update()):
        job.state, job.owner, job.lease_until, job.finished_at = "cancelled", None, None, at
    import_.state, import_.finished_at = "cancelled", at


def delete_uploads(session: Session, import_: Import) -> list[str]:
    """Remove the files from an import, names included; return the digests of the blobs that may be deleted."""
    uploads = session.scalars(select(Upload).where(Upload.id.in_(import_.uploads))).all()
    import_.uploads = []
    for upload in uploads:
        session.delete(upload)
    return [digest for upload in uploads for digest in (upload.sha256, upload.reading_sha256) if digest]


def delete_changes(session: Session, supplier_ids: Collection[str]) -> None:
    """Delete what the change feed says about suppliers, apart from their merging and deletion."""
    for chunk in chunks(sorted(supplier_ids)):
        kept = ("deleted", "merged")
        session.execute(delete(Change).where(Change.supplier_id.in_(chunk), Change.kind.not_in(kept)))


def find_filters(session: Session, subject: Subject) -> list[SavedFilter]:
    """Return the saved filters that search for a subject by name or id."""
    return [
        saved
        for saved in session.scalars(select(SavedFilter)).all()
        if subject.is_mentioned_in(orjson.dumps([saved.name, saved.query]).decode())
    ]


def find_campaigns(session: Session, subject: Subject) -> list[Campaign]:
    """Return the campaigns whose name mentions a subject."""
    return [one for one in session.scalars(select(Campaign)).all() if subject.is_mentioned_in(one.name)]


def remove_agency_keys(session: Session, keys: Collection[str]) -> None:
    """Remove the name keys of an erased agency from the parameters of jobs."""
    for job in session.scalars(select(Job).where(Job.kind == kinds.FOLLOW_AGENCIES)).all() if keys else ():
        named: Sequence[Any] = job.payload.get("agency_keys", ())
        if not set(named).isdisjoint(keys):
            job.payload = {**job.payload, "agency_keys": [key for key in named if key not in keys]}
