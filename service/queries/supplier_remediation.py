"""Remediation at one supplier, for its page: its findings, its steps, what was agreed with it, and what else there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.exit_tables import ExitPaper
from service.db.pagination import build_order_by
from service.db.redress_tables import RemedyAccount
from service.db.remediation_tables import Finding, PlanVersion, Step
from service.db.tables import Supplier
from service.queries.remediation import STEP_ORDER
from service.queries.watches import OpenWatch, get_open_watch
from service.remediation import exit_papers, plans
from service.remediation.withholding import leave_out_withheld
from service.report_content.contact_gate import ContactGate


@dataclass(frozen=True)
class SupplierRemediation:
    """The findings of a supplier, oldest first, and its steps: those that protect people first, then by due date.

    ``withheld`` says which steps are left out, and why; "" if none is. ``plan``: what was agreed, None if nothing was.
    ``has_accounts``: a remedy account was saved. ``exit_paper``: the newest that was not withdrawn. ``watch``: the open one over
    its workers.
    """

    findings: Sequence[Finding]
    steps: Sequence[Step]
    withheld: str
    plan: PlanVersion | None
    has_accounts: bool
    exit_paper: ExitPaper | None
    watch: OpenWatch | None

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to show."""
        parts = (self.findings, self.steps, self.withheld, self.plan, self.has_accounts, self.exit_paper, self.watch)
        return not any(parts)


def get_supplier_remediation(
    session: Session, supplier: Supplier, gate: ContactGate, *, sees_worker_derived: bool, sees_papers: bool
) -> SupplierRemediation:
    """Return the remediation at a supplier as far as the caller may see it.

    Steps that a gate withholds are left out, as on the board. ``sees_papers``: the caller may open remedy accounts and exit
    papers.
    """
    findings = select(Finding).where(Finding.supplier_id == supplier.id).order_by(Finding.found_on, Finding.id)
    steps = select(Step).where(Step.supplier_id == supplier.id).order_by(*build_order_by(STEP_ORDER))
    if not sees_worker_derived:
        findings = findings.where(Finding.worker_derived.is_(False))
        steps = steps.where(Step.worker_derived.is_(False))
    shown, withheld = leave_out_withheld(gate, supplier, session.scalars(steps).all())
    accounts = select(RemedyAccount.id).where(RemedyAccount.supplier_id == supplier.id).limit(1)
    papers = exit_papers.list_papers(session, supplier.id) if sees_papers else ()
    return SupplierRemediation(
        session.scalars(findings).all(),
        shown,
        withheld,
        plans.get_plan(session, supplier.id),
        sees_papers and session.scalars(accounts).first() is not None,
        next((paper for paper in papers if paper.state != "withdrawn"), None),
        get_open_watch(session, supplier.id) if sees_worker_derived else None,
    )
