"""API views to read and change findings and steps. Verifying and closing take a person, on the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from service.api.body import parse_day
from service.api.responses import Reply, build_etag, check_version, page_reply
from service.api.schemas.base import Resource
from service.auth.caller import get_caller
from service.clock import now
from service.db.remediation_tables import Step
from service.queries import remediation as queries
from service.remediation import findings as finding_service
from service.remediation import steps as step_service
from service.remediation.findings import SEVERITY
from service.remediation.steps import Evidence, build_act

Values = Mapping[str, Any]


def list_findings(session: Session, query: Values) -> Reply:
    """Return findings, the oldest first."""
    sees = get_caller().sees_worker_derived
    return page_reply(queries.list_findings(session, sees_worker_derived=sees, **query), lambda finding: finding)


def get_finding(session: Session, finding_id: str) -> Reply:
    """Return a finding."""
    finding = finding_service.get_finding(session, finding_id, build_act(get_caller(), now()), lock=False)
    return Reply(finding, etag=build_etag(finding))


def change_finding(session: Session, finding_id: str, body: Values) -> Reply:
    """Change the state, the severity or the involvement of a finding, and return it."""
    act = build_act(get_caller(), now())
    finding = finding_service.get_finding(session, finding_id, act)
    check_version(build_etag(finding))
    if body.keys() & {*SEVERITY, "involvement"}:
        finding_service.describe(session, finding, body, act)
    if "state" in body:
        finding_service.change_state(session, finding, body["state"], body.get("reason"), act)
    return Reply(finding, etag=build_etag(finding))


def list_steps(session: Session, query: Values) -> Reply:
    """Return steps: those that protect people first, then by due date."""
    sees = get_caller().sees_worker_derived
    filters = {name: value for name, value in query.items() if name != "state"}
    states = (query["state"],) if "state" in query else ()
    page = queries.list_steps(session, sees_worker_derived=sees, states=states, **filters)
    shown = _describe(session, page.items)
    reply = page_reply(page, lambda step: shown[step.id])
    return replace(reply, body={**reply.body, "withheld": page.withheld or None})


def get_step(session: Session, step_id: str) -> Reply:
    """Return a step."""
    return _reply(session, step_service.get_step(session, step_id, build_act(get_caller(), now()), lock=False))


def change_step(session: Session, step_id: str, body: Values) -> Reply:
    """Change the owner, the due date or the state of a step, and return it."""
    act, reason = build_act(get_caller(), now()), body.get("reason")
    step = step_service.get_step(session, step_id, act)
    check_version(build_etag(step))
    if "owner_id" in body:
        step_service.assign(session, step, body["owner_id"] or None, act)
    if "due" in body:
        step_service.move_due(session, step, parse_day("due", body["due"]), reason, act)
    if "state" in body:
        step_service.change_state(session, step, body["state"], reason, act)
    return _reply(session, step)


def add_evidence(session: Session, step_id: str, body: Values) -> Reply:
    """Add evidence to a step, which then waits for verification, and return the step."""
    act = build_act(get_caller(), now())
    step = step_service.get_step(session, step_id, act)
    begin, end = (parse_day(name, body[name]) if name in body else None for name in ("period_from", "period_to"))
    step_service.add_evidence(session, step, Evidence(body["kind"], body["reference"], begin, end), act)
    reply = _reply(session, step)
    return Reply(reply.body, 201, etag=reply.etag)


def _reply(session: Session, step: Step) -> Reply:
    return Reply(_describe(session, [step])[step.id], etag=build_etag(step))


def _describe(session: Session, steps: Sequence[Step]) -> dict[str, Resource]:
    """Return steps with the findings that they are for, by id."""
    sees = get_caller().sees_worker_derived
    linked = queries.list_finding_ids(session, steps, sees_worker_derived=sees)
    return {step.id: Resource(step, findings=linked[step.id]) for step in steps}
