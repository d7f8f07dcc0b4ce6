"""Find the files that rows refer to, and delete those that no row refers to any more."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.blob_store import BlobStore
from service.clock import now
from service.db.account_tables import StoredLogo
from service.db.import_tables import Upload
from service.db.job_tables import Job
from service.db.link_tables import AnswerFile, UnfinishedUpload
from service.db.remediation_tables import StepEvidence
from service.db.session import Database
from service.erasure.traces import ACTIVE, list_portions
from service.jobs.kinds import PREVIEW_RELEASE, RENDER_REPORT


def list_used_files(session: Session) -> set[str]:
    """Return the digests of all files that a row refers to: uploads and what was read from them, logos, evidence of steps and
    answers, and the pieces of what is being sent, finished reports and previews of a release, and the portions of reports that
    are being rendered.
    """
    used = set(session.scalars(select(Upload.sha256)))
    used.update(digest for digest in session.scalars(select(Upload.reading_sha256)) if digest is not None)
    used.update(session.scalars(select(StoredLogo.sha256)))
    used.update(digest for digest in session.scalars(select(StepEvidence.sha256)) if digest is not None)
    used.update(session.scalars(select(AnswerFile.sha256)))
    for pieces in session.scalars(select(UnfinishedUpload.pieces)):
        used.update(pieces)
    for result in session.scalars(
        select(Job.result).where(Job.kind.in_((RENDER_REPORT, PREVIEW_RELEASE)), Job.state == "done")
    ):
        used.update({str(result["sha256"])} if result and "sha256" in result else ())
    active = select(Job.checkpoint).where(Job.kind == RENDER_REPORT, Job.state.in_(ACTIVE))
    for checkpoint in session.scalars(active):
        used.update(list_portions(checkpoint))
    return used


def delete_files(db: Database, blobs: BlobStore, digests: Iterable[str]) -> int:
    """Delete files, unless a row still refers to the same bytes or they are being sent again; return how many are gone."""
    at = now()
    with db.unscoped(write=False) as session:
        used = list_used_files(session)
    return sum(blobs.delete_unless_put_since(digest, at) for digest in digests if digest not in used)
