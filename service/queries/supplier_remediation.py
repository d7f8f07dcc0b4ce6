"""Remediation at one supplier, for its page: its findings, its steps, and what was agreed with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.pagination import build_order_by
from service.db.remediation_tables import Finding, PlanVersion, Step
from service.db.tables import Supplier
from service.queries.remediation import STEP_ORDER
from service.remediation import plans
from service.remediation.withholding import leave_out_withheld
from service.report_content.contact_gate import ContactGate


@dataclass(frozen=True)
class SupplierRemediation:
    """The findings of a supplier, oldest first, and its steps: those that protect people first, then by due date.

    ``withheld`` says which steps are left out, and why; "" if none is. ``plan``: what was agreed, None if nothing was.
    """

    findings: Sequence[Finding]
    steps: Sequence[Step]
    withheld: str
    plan: PlanVersion | None


def get_supplier_remediation(
    session: Session, supplier: Supplier, gate: ContactGate, *, sees_worker_derived: bool
) -> SupplierRemediation:
    """Return the remediation at a supplier as far as the caller may see it.

    Steps that a gate withholds are left out, as on the board.
    """
    findings = select(Finding).where(Finding.supplier_id == supplier.id).order_by(Finding.found_on, Finding.id)
    steps = select(Step).where(Step.supplier_id == supplier.id).order_by(*build_order_by(STEP_ORDER))
    if not sees_worker_derived:
        findings = findings.where(Finding.worker_derived.is_(False))
        steps = steps.where(Step.worker_derived.is_(False))
    shown, withheld = leave_out_withheld(gate, supplier, session.scalars(steps).all())
    return SupplierRemediation(session.scalars(findings).all(), shown, withheld, plans.get_plan(session, supplier.id))
