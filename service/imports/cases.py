"""Import sheets of case records: check who may send them and what must not be stored, and process the rest.

A file with personal data is not stored: the import is refused, and the file is deleted in the same step. Every other file of
case records is deleted once its cases are stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.issues import Issue, build_issue
from questionnaires.person_detection import PERSON_CODES
from questionnaires.validation.personal_data import CASE_KIND
from service.case_reading.records import CaseRecord, link_to_suppliers
from service.cases import service as case_service
from service.db.case_tables import StoredCase
from service.db.import_tables import Import
from service.db.tables import Result, Supplier
from service.errors import DomainError, build_problem
from service.imports.pipeline import ParsedUpload
from service.suppliers import repository as suppliers

UNLINKED = "case.unlinked"
REMOVED = "No copy of the file has been kept."


def find_refusal(
    issues: Sequence[Issue], cases: Sequence[CaseRecord], *, may_bring_cases: bool
) -> dict[str, Any] | None:
    """Return why files must not be stored, as a problem object (RFC 9457); None if they may be stored."""
    persons = [issue for issue in issues if issue.code in PERSON_CODES]
    if persons:
        cells = sum(issue.count for issue in persons)
        detail = (
            f"{cells} cell{'s' if cells > 1 else ''} in a sheet of case records look{'' if cells > 1 else 's'} like personal "
            f"data. {REMOVED} Remove the content that the issues point to, then upload the file again."
        )
        return _problem(persons[0].code, 422, detail, persons)
    if cases and not may_bring_cases:
        return _problem("cases.closed", 403, f"Only case handlers and admins can upload case records. {REMOVED}", ())
    return None


def _problem(code: str, status: int, detail: str, issues: Sequence[Issue]) -> dict[str, Any]:
    found = [issue.to_dict() for issue in issues[:50]]
    return build_problem(code, status, detail, title="This file cannot be stored", issues=found)


def contains_cases(import_: Import) -> bool:
    """Return whether an import contains case records: its preview is then for case handlers only."""
    sheets = (sheet for file in (import_.found or {}).get("files", ()) for sheet in file["sheets"])
    return import_.choices.get("kind") == CASE_KIND or any(sheet["kind"] == CASE_KIND for sheet in sheets)


def check_access(import_: Import, *, reads_cases: bool) -> Import:
    """Return an import to somebody who may read it. Raises DomainError ``import.closed``, 403."""
    if contains_cases(import_) and not reads_cases:
        raise DomainError(
            "import.closed", 403, "This import contains case records, which only case handlers and admins can see."
        )
    return import_


def list_issues(session: Session, parsed: ParsedUpload) -> list[dict[str, Any]]:
    """List the issues of an import in view of what is stored: cases about suppliers of earlier imports, and case numbers in
    use.
    """
    issues = [issue_ for issue_ in parsed.issues if issue_.code != UNLINKED]
    linked_places, stored_suppliers = (
        link_to_suppliers(parsed.cases, parsed.batches),
        case_service.find_case_suppliers(session, parsed.cases),
    )
    for case, places, supplier in zip(parsed.cases, linked_places, stored_suppliers, strict=True):
        if not places and supplier is None:
            issues.append(build_issue(UNLINKED, file=case.file, sheet=case.sheet, seen=case.case.id))
    issues += [
        build_issue("case.conflict", file=case.file, sheet=case.sheet, seen=case.case.id)
        for case in case_service.find_conflicting_records(session, parsed.cases)
    ]
    return [issue_.to_dict() for issue_ in issues]


def link_and_reassess(
    session: Session, touched: Sequence[str], import_id: str, on: date, at: datetime, by: str
) -> None:
    """Finish an import: link cases to the suppliers they concern, and reassess those that were not assessed with them yet."""
    newly = {case.supplier_id for case in case_service.link_unlinked_cases(session) if case.supplier_id is not None}
    cases = session.scalars(select(StoredCase).where(StoredCase.id.in_(touched))).all()
    about = {case.supplier_id for case in cases if case.supplier_id is not None} - newly
    done = session.scalars(
        select(Supplier.id)
        .join(Result, Result.id == Supplier.latest_id)
        .where(Supplier.id.in_(about), Result.import_id == import_id)
    )
    suppliers.reassess(session, newly | (about - set(done)), on, at, by)
