"""Remediation at one supplier, for its page: its findings, its steps, and what was agreed with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.remediation_tables import Finding, PlanVersion, Step
from service.db.tables import Supplier
from service.queries.remediation import list_steps
from service.remediation import plans

MAX_STEPS = 200  # more than the actions of the library


@dataclass(frozen=True)
class SupplierRemediation:
    """The findings of a supplier, oldest first, and its steps: those that protect people first, then by due date.

    ``withheld`` says which steps are left out, and why; "" if none is. ``plan``: what was agreed, None if nothing was.
    """

    findings: Sequence[Finding]
    steps: Sequence[Step]
    withheld: str
    plan: PlanVersion | None


def get_supplier_remediation(session: Session, supplier: Supplier, *, sees_worker_derived: bool) -> SupplierRemediation:
    """Return the remediation at a supplier as far as the caller may see it.

    Steps that contact workers are left out until the referral directory is ready, as on the board.
    """
    findings = select(Finding).where(Finding.supplier_id == supplier.id).order_by(Finding.found_on, Finding.id)
    if not sees_worker_derived:
        findings = findings.where(Finding.worker_derived.is_(False))
    steps = list_steps(session, sees_worker_derived=sees_worker_derived, supplier_id=supplier.id, limit=MAX_STEPS)
    plan = plans.get_plan(session, supplier.id)
    return SupplierRemediation(session.scalars(findings).all(), steps.items, steps.withheld, plan)
