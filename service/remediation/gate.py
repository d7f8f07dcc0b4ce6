"""What the onboarding decision on a stored supplier takes into account beside its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.assessment.decision import CorrectivePlan
from service.db.exit_tables import ExitPaper
from service.db.remediation_tables import Reply
from service.db.session import chunks
from service.remediation.plans import build_gate_plan


@dataclass(frozen=True)
class GateFacts:
    """The plan that a supplier agreed to, the day on which it was first informed of findings by a letter that was delivered, and
    the last day of the relationship if an approved exit paper ends it; each None if there is none.
    """

    plan: CorrectivePlan | None = None
    informed_on: date | None = None
    exited_on: date | None = None

    def combine(self, plan: CorrectivePlan | None, informed_on: date | None) -> GateFacts:
        """Return these facts with what a request says of the plan and the day on which the supplier was informed.

        Of two that are known, the more cautious counts: a request makes no stored plan look better.
        """
        stored, days = self.plan, [day for day in (self.informed_on, informed_on) if day is not None]
        both = plan.limit_to(stored) if plan and stored else plan or stored
        return GateFacts(both, min(days, default=None), self.exited_on)


NOTHING_KNOWN = GateFacts()


def list_exited_suppliers(session: Session, supplier_ids: Sequence[str]) -> set[str]:
    """Return those of some suppliers that an approved exit paper parts with, whenever that takes effect."""
    found: set[str] = set()
    for ids in chunks(supplier_ids):
        approved = ExitPaper.supplier_id.in_(ids), ExitPaper.state == "approved"
        found.update(session.scalars(select(ExitPaper.supplier_id).where(*approved)))
    return found


def load_gate_facts(session: Session, supplier_id: str) -> GateFacts:
    """Return what is stored about a supplier for the decision."""
    informed = select(func.min(Reply.delivered_at)).where(Reply.supplier_id == supplier_id).scalar_subquery()
    approved = select(func.max(ExitPaper.ends_on)).where(
        ExitPaper.supplier_id == supplier_id, ExitPaper.state == "approved"
    )
    informed_at, exited_on = session.execute(select(informed, approved.scalar_subquery())).one()
    return GateFacts(
        build_gate_plan(session, supplier_id), informed_at.date() if informed_at is not None else None, exited_on
    )
