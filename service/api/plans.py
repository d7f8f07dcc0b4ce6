"""API views of the plan for a supplier: what was agreed with it, and with those who speak for its workers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from service.api.body import parse_day
from service.api.responses import Reply, build_etag, check_version
from service.auth.caller import get_caller
from service.clock import now
from service.errors import not_found
from service.remediation import plans
from service.remediation.plans import Agreement
from service.remediation.steps import build_act
from service.suppliers import repository as suppliers

DAYS = ("agreed_on", "workers_agreed_on")


def get_plan(session: Session, kind: str, supplier_id: str) -> Reply:
    """Return the plan that applies for a supplier. Raises DomainError, 404, if nothing was agreed."""
    plan = plans.get_plan(session, suppliers.get_supplier(session, kind, supplier_id).id)
    if plan is None:
        raise not_found("Nothing has been agreed with this supplier yet.")
    return Reply(plan, etag=build_etag(plan))


def put_plan(session: Session, kind: str, supplier_id: str, body: Mapping[str, Any]) -> Reply:
    """Save what was agreed as a new version of the plan for a supplier, and return it."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    before = plans.lock_plan(session, supplier.id)
    check_version(build_etag(before) if before else None)
    agreement = Agreement(**{**body, **{name: parse_day(name, body[name]) for name in DAYS if name in body}})
    plan = plans.save_agreement(session, supplier, agreement, build_act(get_caller(), now()))
    return Reply(plan, 200 if before else 201, etag=build_etag(plan))
