"""Remediation at one supplier, for its page: its findings, its steps, and what was agreed with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.remediation_tables import Finding, PlanVersion, Step
from service.db.tables import Supplier
from service.referrals.readiness import load_gate
from service.remediation import plans
from service.remediation.rules import DONE
from service.report_content.contact_gate import list_later_contacts, list_worker_places


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
    session: Session, supplier: Supplier, on: date, *, sees_worker_derived: bool
) -> SupplierRemediation:
    """Return the remediation at a supplier as far as the caller may see it.

    Steps that contact workers and are never due in hours are left out until the referral directory is ready, unless they are
    done.
    """
    findings = select(Finding).where(Finding.supplier_id == supplier.id).order_by(Finding.found_on, Finding.id)
    query = select(Step).where(Step.supplier_id == supplier.id).order_by(Step.safety.desc(), Step.due, Step.id)
    if not sees_worker_derived:
        findings, query = findings.where(Finding.worker_derived.is_(False)), query.where(Step.worker_derived.is_(False))
    steps = session.scalars(query).all()
    gate, places = load_gate(session, on), list_worker_places(supplier.kind, supplier.answers)
    waiting = frozenset() if gate.is_ready(places) else list_later_contacts()
    shown = [step for step in steps if step.state in DONE or step.action not in waiting]
    withheld = gate.describe(places or [None]) if len(shown) < len(steps) else ""
    return SupplierRemediation(session.scalars(findings).all(), shown, withheld, plans.get_plan(session, supplier.id))
