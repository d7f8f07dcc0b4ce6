"""Case records through the API: opened, read, added to, closed. No person may be in them: such a body is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema
from sqlalchemy.orm import Session

from questionnaires.form import load
from risk_models.case_rules import STRENGTHS
from service.api import shown
from service.api.read import Flag, Many, OneOf, Part, Strict, Whole, Word
from service.api.responses import Reply
from service.api.views import listed
from service.auth.caller import caller
from service.cases import kept_cases
from service.clock import now, today
from service.db.case_tables import KeptCase
from service.register import listings

Told = Mapping[str, Any]
STATES = ("open", "closed")
DAY = "^[0-9]{4}(-[0-9]{2}){0,2}$"


def _codes(question: str) -> tuple[str, ...]:
    return tuple(choice.code for choice in load(kept_cases.FORM).by_id[question].choices)


def _some(question: str) -> Many:
    return Many(OneOf(_codes(question)), 0, 20)


FINDING: Schema = Strict.from_dict(
    {
        "finding": OneOf(_codes("finding"), required=True),
        "phase": OneOf(_codes("phase")),
        "found": Flag(load_default=True),
        "source": OneOf(_codes("source")),
        "found_on": Word(10, DAY),
        "note": Word(kept_cases.LONGEST["note"]),
    },
    name="Finding",
)()
CASE: Schema = Strict.from_dict(
    {
        "number": Word(kept_cases.LONGEST["case_id"], required=True),
        "linked_reference": Word(kept_cases.LONGEST["linked_reference"]),
        "linked_name": Word(kept_cases.LONGEST["linked_name"]),
        "nationality": Word(2, "^[A-Z]{2}$"),
        "job": Word(kept_cases.LONGEST["job"]),
        "intake_from": Word(10, DAY),
        "intake_to": Word(10, DAY),
        "people": Whole(1, 100_000),
        "age_group": OneOf(_codes("age_group")),
        "acts": _some("acts"),
        "asked_in_full": _some("asked_in_full"),
        "findings": Many(Part(FINDING), 0, 200, load_default=list),
    },
    name="NewCase",
)()
CLOSING: Schema = Strict.from_dict({"outcome": OneOf(kept_cases.outcomes(), required=True)}, name="Closing")()


def list_cases(session: Session, query: Told) -> Reply:
    """Cases, the strongest evidence first."""
    return listed(listings.cases(session, **query), _line)


def one(session: Session, case_id: str) -> Reply:
    """A case with its findings and readings."""
    return Reply(_case(session, kept_cases.get(session, case_id)))


def open_case(session: Session, body: Told) -> Reply:
    """A new case."""
    told = {name: value for name, value in body.items() if name not in ("number", "findings")}
    findings = [_finding(finding) for finding in body["findings"]]
    case = kept_cases.open_case(session, {"case_id": body["number"], **told}, findings, *_now())
    return Reply(_case(session, case), 201, {"Location": f"/api/v1/cases/{case.id}"})


def add_finding(session: Session, case_id: str, body: Told) -> Reply:
    """One more finding of a case."""
    return Reply(_case(session, kept_cases.add_finding(session, case_id, _finding(body), *_now())), 201)


def close(session: Session, case_id: str, body: Told) -> Reply:
    """Closes a case."""
    return Reply(_case(session, kept_cases.close(session, case_id, body["outcome"], *_now())))


def _finding(told: Told) -> dict[str, Any]:
    return {**told, "found": "yes" if told["found"] else "no"}


def _now() -> tuple[Any, ...]:
    return today(caller().time_zone), now(), caller().actor


def _line(case: KeptCase) -> dict[str, Any]:
    names = ("id", "number", "state", "outcome", "supplier_id", "linked_reference", "linked_name")
    return {
        **{name: getattr(case, name) for name in names},
        "strength": STRENGTHS[case.strength],
        "created_at": shown.moment(case.created_at),
        "closed_at": shown.moment(case.closed_at),
    }


def _case(session: Session, case: KeptCase) -> dict[str, Any]:
    session.flush()
    told = kept_cases.shown(session, case, today(caller().time_zone))
    read = (
        "rules",
        "cohort",
        "acts",
        "asked_in_full",
        "because",
        "indicators",
        "not_placed",
        "readings",
        "ilo_indicators",
    )
    steps = [{"id": step.action.id, "within_hours": step.hours, "by": shown.moment(step.by)} for step in told.steps]
    named = ("number", *kept_cases.OF_FINDING)
    findings = [
        {**{name: getattr(finding, name) for name in named}, "recorded_at": shown.moment(finding.created_at)}
        for finding in told.findings
    ]
    return {
        **_line(case),
        **{name: told.read[name] for name in read},
        "strength": told.read["strength"],
        "first_steps": steps,
        "findings": findings,
    }
