"""Sheets of case records on their way in: who may bring them, what may not stay, and what becomes of the rest.

A file in which a person can be read is not kept: the import is refused, and the file goes out of the store in the same act. No
file of case records is kept once its cases are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.issues import Issue, build_issue
from questionnaires.person_detection import PERSON_CODES
from questionnaires.validation.personal_data import CASE_KIND
from service.blob_store import BlobStore
from service.case_reading.records import CaseRecord, link
from service.cases import service as case_service
from service.clock import now
from service.db.case_tables import StoredCase
from service.db.session import Database
from service.db.tables import Import, Result, Supplier, Upload
from service.errors import DomainError
from service.imports.pipeline import ParsedUpload
from service.suppliers import repository as suppliers

UNLINKED = "case.unlinked"
REMOVED = "The file was not kept: it has been removed from the store."


def find_refusal(
    issues: Sequence[Issue], cases: Sequence[CaseRecord], *, may_bring_cases: bool
) -> dict[str, Any] | None:
    """Why files may not be kept, as an import keeps it (RFC 9457); None where nothing was found against them."""
    persons = [told for told in issues if told.code in PERSON_CODES]
    if persons:
        cells = sum(told.count for told in persons)
        detail = (
            f"{cells} cell{'s' if cells > 1 else ''} of a sheet of case records look{'' if cells > 1 else 's'} like a person's "
            f"data. {REMOVED} Take out what the issues point to, and send it again."
        )
        return _problem(persons[0].code, 422, detail, persons)
    if cases and not may_bring_cases:
        return _problem("cases.closed", 403, f"Case records are brought by case handlers and admins. {REMOVED}", ())
    return None


def _problem(code: str, status: int, detail: str, issues: Sequence[Issue]) -> dict[str, Any]:
    told = {"type": f"urn:diligence:problem:{code}", "title": "The file may not be kept", "status": status}
    return {**told, "code": code, "detail": detail, "issues": [each.to_dict() for each in issues[:50]]}


def detach_uploads(session: Session, taken: Import) -> list[str]:
    """Takes out that an import has files, their names included; returns the digests of what may go out of the store."""
    uploads = session.scalars(select(Upload).where(Upload.id.in_(taken.uploads))).all()
    taken.uploads = []
    for upload in uploads:
        session.delete(upload)
    return [upload.sha256 for upload in uploads]


def delete_blobs(db: Database, blobs: BlobStore, digests: Iterable[str]) -> None:
    """Takes files out of the store, unless somebody else's upload speaks of the same bytes, or they are being sent again."""
    at = now()
    for digest in digests:
        with db.unscoped(write=False) as session:
            wanted = session.scalars(select(Upload.id).where(Upload.sha256 == digest)).first()
        if wanted is None:
            blobs.drop_unless_put_since(digest, at)


def contains_cases(taken: Import) -> bool:
    """Whether an import is one of case records: what was found in it is then for those who handle them."""
    sheets = (sheet for file in (taken.found or {}).get("files", ()) for sheet in file["sheets"])
    return taken.choices.get("kind") == CASE_KIND or any(sheet["kind"] == CASE_KIND for sheet in sheets)


def check_access(taken: Import, *, reads_cases: bool) -> Import:
    """An import, for who may read it. Raises Refused ``import.closed``, 403."""
    if contains_cases(taken) and not reads_cases:
        raise DomainError("import.closed", 403, "It is of case records, which are open to case handlers and admins.")
    return taken


def list_issues(session: Session, found: ParsedUpload) -> list[dict[str, Any]]:
    """The issues of an import as they stand beside what is kept: cases about suppliers of an earlier day, and numbers in use."""
    told = [each for each in found.issues if each.code != UNLINKED]
    in_files, here = link(found.cases, found.batches), case_service.whom(session, found.cases)
    for case, places, kept in zip(found.cases, in_files, here, strict=True):
        if not places and kept is None:
            told.append(build_issue(UNLINKED, file=case.file, sheet=case.sheet, seen=case.case.id))
    told += [
        build_issue("case.conflict", file=case.file, sheet=case.sheet, seen=case.case.id)
        for case in case_service.contradicted(session, found.cases)
    ]
    return [each.to_dict() for each in told]


def link_and_reassess(
    session: Session, touched: Sequence[str], import_id: str, on: date, at: datetime, by: str
) -> None:
    """The last act of an import: cases find whom they are about, and whoever was not assessed with them yet is assessed."""
    newly = {case.supplier_id for case in case_service.link_waiting(session) if case.supplier_id is not None}
    cases = session.scalars(select(StoredCase).where(StoredCase.id.in_(touched))).all()
    about = {case.supplier_id for case in cases if case.supplier_id is not None} - newly
    done = session.scalars(
        select(Supplier.id)
        .join(Result, Result.id == Supplier.latest_id)
        .where(Supplier.id.in_(about), Result.import_id == import_id)
    )
    suppliers.reassess(session, newly | (about - set(done)), on, at, by)
