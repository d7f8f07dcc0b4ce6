"""Correct and delete case records: a note, the texts that describe a case, or the whole case.

Findings themselves are never changed, so no correction lowers a case. The audit trail records who changed which field, and never
what it said.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from http import HTTPStatus
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.cases.closing import needs_two_users
from service.cases.service import (
    get_case,
    link_unlinked_cases,
    parse_answers,
    reassess_suppliers,
    save_number,
)
from service.db.case_tables import StoredCase, StoredFinding
from service.db.idempotency_tables import IdempotentResponse
from service.errors import DomainError, not_found

COHORT_TEXTS = ("nationality", "job", "intake_from", "intake_to", "people")
# What may be corrected. Age group, acts and the phases asked about are evidence, which is only added to.
CORRECTABLE = ("case_id", "linked_reference", "linked_name", *COHORT_TEXTS)
DELETION_REASONS = {
    "identifies_a_person": "It identifies a person",
    "erasure_request": "A person asked for it",
    "entered_by_mistake": "It was entered by mistake",
    "duplicate": "It was recorded twice",
}


def correct_note(
    session: Session, case_id: str, number: int, note: str | None, on: date, at: datetime, by: str
) -> StoredCase:
    """Replace the note of a finding, or remove it (None or ""), and return the case.

    Raises DomainError: ``not_found``, ``person.*`` if the new note contains personal data, ``text.too_long``.
    """
    parsed = parse_answers({"note": note or None}, ("note",), on)
    case = get_case(session, case_id, lock=True)
    query = select(StoredFinding).where(StoredFinding.case_id == case.id, StoredFinding.number == number)
    finding = session.scalars(query).first()
    if finding is None:
        raise not_found("Finding not found.")
    if finding.note != parsed.get("note"):
        finding.note = parsed.get("note")
        action = "case.note_corrected" if finding.note else "case.note_removed"
        record_event(session, by, action, "case", case.id, {"number": number})
        _withdraw_replies(session, case)
    session.flush()
    return case


def correct_case(
    session: Session, case_id: str, changes: Mapping[str, Any], on: date, at: datetime, by: str
) -> StoredCase:
    """Correct the texts that describe a case, by question id (CORRECTABLE), and return it; None or "" empties one.

    A case that is linked stays with its supplier, whatever reference it is given: otherwise one user alone could take an
    emergency off a supplier. Raises DomainError as :func:`~service.cases.service.open_case` does, and ``not_found``.
    """
    given = {name: None if value == "" else value for name, value in changes.items()}
    parsed = {**dict.fromkeys(given), **parse_answers(given, CORRECTABLE, on)}
    case = get_case(session, case_id, lock=True)
    stored = {"case_id": case.number, "linked_reference": case.linked_reference, "linked_name": case.linked_name}
    changed = {name: value for name, value in parsed.items() if {**stored, **case.cohort}.get(name) != value}
    if "case_id" in changed and not changed["case_id"]:
        raise DomainError("case.number", 422, "Use a case number that cannot be traced to a person.")
    if not changed:
        return case
    case.cohort = {**case.cohort, **{name: changed[name] for name in COHORT_TEXTS if name in changed}}
    case.linked_reference = changed.get("linked_reference", case.linked_reference)
    case.linked_name = changed.get("linked_name", case.linked_name)
    save_number(session, case, changed.get("case_id", case.number), "Use a different number.")
    record_event(session, by, "case.corrected", "case", case.id, {"fields": sorted(changed)})
    _withdraw_replies(session, case)
    reassess_suppliers(session, link_unlinked_cases(session), on, at, by)
    return case


def check_deletion(session: Session, case: StoredCase, reason: str) -> None:
    """Raise DomainError ``case.reason`` for an unknown reason, and ``case.two_users`` for an emergency that is open: two users
    close it before one may delete it.
    """
    if reason not in DELETION_REASONS:
        raise DomainError("case.reason", 422, f"Choose one of these reasons: {', '.join(DELETION_REASONS)}.")
    if case.state == "open" and needs_two_users(session, case):
        raise DomainError(
            "case.two_users",
            409,
            "People were in danger here. An approver has to close this case before it can be deleted. Until then, you can "
            "correct its text and remove its notes.",
        )


def delete_case(
    session: Session,
    case: StoredCase,
    reason: str,
    on: date,
    at: datetime,
    by: str,
    counts: Mapping[str, int] | None = None,
) -> None:
    """Delete the rows of a case that may be deleted (:func:`check_deletion`), and reassess the supplier it was about without it.

    ``counts``: what else went, for the audit trail. Traces of it elsewhere are removed by
    :func:`service.erasure.erase.erase_case`.
    """
    record_event(session, by, "case.deleted", "case", case.id, {"reason": reason, **(counts or {})})
    _withdraw_replies(session, case)
    session.delete(case)
    reassess_suppliers(session, [case], on, at, by)


def _withdraw_replies(session: Session, case: StoredCase) -> None:
    """Withdraw the replies about a case that are kept for requests sent again: they contain what was removed."""
    stored = select(IdempotentResponse).where(IdempotentResponse.status != HTTPStatus.GONE.value)
    for reply in session.scalars(stored.execution_options(yield_per=100)):
        if case.id in reply.body:
            reply.status, reply.body, reply.headers = HTTPStatus.GONE.value, "", {}
