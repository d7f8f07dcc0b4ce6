"""API views to open, read, extend, correct, close and delete case records. A body that contains personal data is rejected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from risk_models.cases.rules import STRENGTHS
from service.api.answers import format_issue
from service.api.responses import Reply, page_reply
from service.api.schemas.base import Resource
from service.auth.caller import get_caller
from service.cases import closing, corrections
from service.cases import service as case_service
from service.cases.closing import WorkerCheck
from service.clock import now, today
from service.db.case_tables import StoredCase
from service.erasure import erase as erasure
from service.errors import DomainError, not_found
from service.queries import lists

Values = Mapping[str, Any]
OF_READING = (
    "rules",
    "cohort",
    "acts",
    "asked_in_full",
    "because",
    "indicators",
    "not_placed",
    "readings",
    "ilo_indicators",
    "strength",
)


def list_cases(session: Session, query: Values) -> Reply:
    """Return cases, the strongest evidence first."""
    return page_reply(lists.list_cases(session, **query), _case_line)


def get_case(session: Session, case_id: str) -> Reply:
    """Return a case with its findings and their interpretation."""
    return Reply(_case(session, case_service.get_case(session, case_id)))


def open_case(session: Session, body: Values) -> Reply:
    """Open a case, and return it."""
    values = {name: value for name, value in body.items() if name not in ("number", "findings")}
    findings = [_finding(finding) for finding in body["findings"]]
    case = case_service.open_case(session, {"case_id": body["number"], **values}, findings, *_act())
    return Reply(_case(session, case, findings), 201, {"Location": f"/api/v1/cases/{case.id}"})


def add_finding(session: Session, case_id: str, body: Values) -> Reply:
    """Add a finding to a case, and return the case."""
    finding = _finding(body)
    return Reply(_case(session, case_service.add_finding(session, case_id, finding, *_act()), [finding]), 201)


def correct_case(session: Session, case_id: str, body: Values) -> Reply:
    """Correct the texts that describe a case, and return it."""
    changes = {"case_id" if name == "number" else name: value for name, value in body.items()}
    return Reply(_case(session, corrections.correct_case(session, case_id, changes, *_act())))


def correct_note(session: Session, case_id: str, number: str, body: Values) -> Reply:
    """Replace or remove the note of a finding, and return the case."""
    if not (number.isascii() and number.isdigit() and len(number) < 6):
        raise not_found("Finding not found.")
    case = corrections.correct_note(session, case_id, int(number), body["note"], *_act())
    return Reply(_case(session, case, [body]))


def delete_case(session: Session, case_id: str, query: Values) -> Reply:
    """Delete a case for a reason."""
    erasure.erase_case(session, case_id, query["reason"], *_act())
    return Reply(None, 204)


def close_case(session: Session, case_id: str, body: Values) -> Reply:
    """Close a case, or propose closing an emergency, and return it."""
    check = None
    if {"checked_on", "workers", "chosen_by"} <= body.keys():
        try:
            checked_on = date.fromisoformat(body["checked_on"])
        except ValueError as fault:
            raise DomainError("field.value", 422, "checked_on: Enter a date as YYYY-MM-DD.") from fault
        check = WorkerCheck(checked_on, body["workers"], body["chosen_by"])
    return Reply(_case(session, closing.close_case(session, case_id, body["outcome"], *_act(), check)))


def _finding(values: Values) -> dict[str, Any]:
    return {**values, "found": "yes" if values["found"] else "no"}


def _act() -> tuple[date, datetime, str]:
    """Return the date, the time and the actor of the current request."""
    return today(get_caller().time_zone), now(), get_caller().actor


def _case_line(case: StoredCase) -> Resource:
    return Resource(case, strength=STRENGTHS[case.strength], closing=_closing(case))


def _closing(case: StoredCase) -> dict[str, Any] | None:
    """Return the proposal to close an open case, with its dates as such."""
    if case.closing is None or case.state == "closed":
        return None
    dates = {
        "checked_on": date.fromisoformat(case.closing["checked_on"]),
        "at": datetime.fromisoformat(case.closing["at"]),
    }
    return {**case.closing, **dates}


def _case(session: Session, case: StoredCase, sent: Sequence[Values] = ()) -> Resource:
    """Return a case; ``sent``: the findings of the request, whose notes may have been removed or may point to a person."""
    session.flush()
    issues = [format_issue(issue) for finding in sent if (issue := case_service.find_removed_note(finding))]
    warnings = [format_issue(issue) for finding in sent if (issue := case_service.find_identifying_note(finding))]
    view = case_service.get_case_detail(session, case, today(get_caller().time_zone))
    steps = [{"id": step.action.id, "within_hours": step.hours, "by": step.due_at} for step in view.steps]
    return Resource(
        case,
        **{name: view.reading[name] for name in OF_READING},
        first_steps=steps,
        withheld=view.withheld or None,
        findings=view.findings,
        closing=_closing(case),
        **({"issues": issues} if issues else {}),
        **({"warnings": warnings} if warnings else {}),
    )
