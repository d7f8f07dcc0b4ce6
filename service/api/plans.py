"""API views of the plan for a supplier: what was agreed with it, and with those who speak for its workers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from service.api.responses import Reply, check_version
from service.auth.caller import get_caller
from service.clock import now, today
from service.db.remediation_tables import PlanVersion
from service.errors import DomainError, not_found
from service.remediation import plans
from service.remediation.plans import Agreement
from service.remediation.rules import Actor
from service.remediation.steps import Act
from service.suppliers import repository as suppliers

DAYS = ("agreed_on", "workers_agreed_on")


def get_plan(session: Session, kind: str, supplier_id: str) -> Reply:
    """Return the plan that applies for a supplier. Raises DomainError, 404, if nothing was agreed."""
    plan = plans.get_plan(session, suppliers.get_supplier(session, kind, supplier_id).id)
    if plan is None:
        raise not_found("Nothing has been agreed with this supplier yet.")
    return Reply(plan, etag=_etag(plan))


def put_plan(session: Session, kind: str, supplier_id: str, body: Mapping[str, Any]) -> Reply:
    """Save what was agreed as a new version of the plan for a supplier, and return it."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    before = plans.lock_plan(session, supplier.id)
    check_version(_etag(before) if before else None)
    agreement = Agreement(**{**body, **{name: _parse_day(name, body[name]) for name in DAYS if name in body}})
    plan = plans.save_agreement(session, supplier, agreement, _act())
    return Reply(plan, 200 if before else 201, etag=_etag(plan))


def _etag(plan: PlanVersion) -> str:
    return f"{plan.id}-{plan.version}"


def _parse_day(field: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as fault:
        raise DomainError("field.value", 422, f"{field}: Enter a date as YYYY-MM-DD.") from fault


def _act() -> Act:
    caller = get_caller()
    actor = Actor(caller.actor, caller.role, caller.owner_id)
    return Act(actor, today(caller.time_zone), now(), caller.sees_worker_derived)
