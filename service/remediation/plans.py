"""The plan for a supplier: what was agreed with it and with those who speak for its workers, and what the gate reads of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.assessment.decision import CASE_RECORDS, CorrectivePlan
from service.audit import record_event
from service.db.remediation_tables import Finding, PlanVersion, Step, StepFinding
from service.db.tables import Supplier
from service.errors import DomainError
from service.remediation.rules import DONE
from service.remediation.steps import Act

AGREED_HOW = {
    "signed": "Signed",
    "in_writing": "By letter or email",
    "meeting": "At a meeting",
    "call": "By telephone",
    "online": "Through the link to the plan",
}
SPOKESPEOPLE = {
    "union": "A union",
    "elected": "Elected representatives of the workers",
    "committee": "A worker committee",
    "ngo": "An NGO that the workers chose",
    "affected_workers": "The workers concerned",
}
SHARES = ("employer_share", "agency_share", "buyer_share")
NOT_AGREED = ("planned", "withheld")  # states of steps that are not part of what was agreed


@dataclass(frozen=True)
class Agreement:
    """What was agreed: by the supplier and how, by whom for the workers, the cost, and who pays how much of it in per cent."""

    agreed_on: date | None = None
    agreed_how: str | None = None
    workers_agreed_on: date | None = None
    spokesperson: str | None = None
    cost: str | None = None
    currency: str | None = None
    employer_share: int | None = None
    agency_share: int | None = None
    buyer_share: int | None = None


def get_plan(session: Session, supplier_id: str) -> PlanVersion | None:
    """Return the plan that applies for a supplier: the newest version; None if nothing was agreed yet."""
    query = select(PlanVersion).where(PlanVersion.supplier_id == supplier_id)
    return session.scalars(query.order_by(PlanVersion.version.desc(), PlanVersion.created_at.desc())).first()


def lock_plan(session: Session, supplier_id: str, version: int | None = None) -> PlanVersion | None:
    """Lock the plan for a supplier until the transaction ends, and return the version that applies; None if there is none.

    ``version``: the one that the caller has seen (0: none), None for any. Raises DomainError ``plan.changed``, 409.
    """
    session.scalars(select(Supplier.id).where(Supplier.id == supplier_id).with_for_update()).one()
    plan = get_plan(session, supplier_id)
    if version is not None and version != (plan.version if plan else 0):
        raise DomainError(
            "plan.changed",
            409,
            "Another agreement has been recorded since you opened this plan. Check that agreement first.",
        )
    return plan


def list_plan_versions(session: Session, supplier_id: str) -> Sequence[PlanVersion]:
    """Return every version of the plan for a supplier, newest first."""
    query = select(PlanVersion).where(PlanVersion.supplier_id == supplier_id)
    return session.scalars(query.order_by(PlanVersion.version.desc(), PlanVersion.created_at.desc())).all()


def save_agreement(session: Session, supplier: Supplier, agreement: Agreement, act: Act) -> PlanVersion:
    """Save what was agreed as a new version of the plan for a supplier, and return it. Its planned steps become no part of it:
    each step is agreed by itself. An agreement that already applies is not saved again.

    Raises DomainError, 422: ``plan.agreed``, ``plan.workers``, ``plan.cost``, ``plan.shares``, ``date.future``.
    """
    _check(agreement, act.on)
    newest = lock_plan(session, supplier.id)
    if newest is not None and all(getattr(newest, name) == value for name, value in vars(agreement).items()):
        return newest
    version = PlanVersion(
        supplier_id=supplier.id,
        record_id=supplier.id,
        version=(newest.version if newest else 0) + 1,
        **vars(agreement),
        created_by=act.actor.name,
        created_at=act.at,
    )
    session.add(version)
    session.flush()
    record_event(session, act.actor.name, "plan.agreed", supplier.kind, supplier.id, {"version": version.version})
    return version


def _check(agreement: Agreement, on: date) -> None:
    for day in (agreement.agreed_on, agreement.workers_agreed_on):
        if day is not None and day > on:
            raise DomainError("date.future", 422, "The date of an agreement cannot be in the future.")
    if (agreement.agreed_on is None) != (agreement.agreed_how is None) or (
        agreement.agreed_how is not None and agreement.agreed_how not in AGREED_HOW
    ):
        detail = f"Enter the day on which the supplier agreed, and how: {', '.join(AGREED_HOW)}."
        raise DomainError("plan.agreed", 422, detail)
    if (agreement.workers_agreed_on is None) != (agreement.spokesperson is None) or (
        agreement.spokesperson is not None and agreement.spokesperson not in SPOKESPEOPLE
    ):
        detail = f"Enter the day on which the workers' side agreed, and who spoke for them: {', '.join(SPOKESPEOPLE)}."
        raise DomainError("plan.workers", 422, detail)
    _check_cost(agreement)


def _check_cost(agreement: Agreement) -> None:
    currency = agreement.currency
    is_currency = currency is not None and len(currency) == 3 and currency.isascii() and currency.isupper()
    if agreement.cost is not None:
        try:
            cost = Decimal(agreement.cost)
        except InvalidOperation:
            cost = Decimal(-1)
        if not (cost.is_finite() and 0 <= cost < Decimal(10) ** 15 and is_currency):
            raise DomainError(
                "plan.cost", 422, "Enter the cost as a number and its currency as a three-letter code, such as USD."
            )
    shares = [getattr(agreement, name) for name in SHARES]
    given = [share for share in shares if share is not None]
    if given and (sum(given) != 100 or min(given) < 0):
        raise DomainError("plan.shares", 422, "The shares of employer, agency and buyer must add up to 100 per cent.")


def build_gate_plan(session: Session, supplier_id: str) -> CorrectivePlan | None:
    """Return the stored plan for a supplier as the onboarding decision reads it; None if the supplier has not agreed to one.

    A finding is covered if it calls for steps and each of them was agreed. Steps that were withheld count as not agreed.
    """
    plan = get_plan(session, supplier_id)
    if plan is None or plan.agreed_on is None:
        return None
    steps = {step.id: step for step in session.scalars(select(Step).where(Step.supplier_id == supplier_id))}
    links = session.execute(
        select(StepFinding.finding_id, StepFinding.step_id).join(Finding).where(Finding.supplier_id == supplier_id)
    )
    called_for: dict[str, list[Step]] = {}
    for finding_id, step_id in links:
        if step_id in steps:
            called_for.setdefault(finding_id, []).append(steps[step_id])
    findings = session.scalars(select(Finding).where(Finding.supplier_id == supplier_id)).all()
    covered = [finding for finding in findings if _is_covered(finding, called_for)]
    covers = sorted(finding.about for finding in covered if finding.kind == "indicator")
    cases = [finding for finding in findings if finding.kind == "case" and finding.state != "closed"]
    if cases and all(case in covered for case in cases):
        covers.append(CASE_RECORDS)
    pending = [step.due for step in steps.values() if step.state not in (*DONE, *NOT_AGREED)]
    return CorrectivePlan(plan.agreed_on, tuple(covers), _list_safety(steps), min(pending, default=None))


def _is_covered(finding: Finding, called_for: Mapping[str, Sequence[Step]]) -> bool:
    steps = called_for.get(finding.id, ())
    return bool(steps) and all(step.state not in NOT_AGREED for step in steps)


def _list_safety(steps: Mapping[str, Step]) -> dict[str, bool]:
    """Return whether each safety step is done. An action that is planned for two merged records is done when both are."""
    done: dict[str, bool] = {}
    for step in steps.values():
        if step.safety:
            done[step.action] = done.get(step.action, True) and step.state in DONE
    return done
