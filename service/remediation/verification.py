"""Verify a step: a second person checks whether it had its effect, with workers where its proof names them.

Nobody verifies a step that they own or for which they submitted evidence, and no API key does. What an employer's documents show
is enough only where neither people's safety nor their own word is at stake.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.case_reading.worker_selection import CHOSEN_BY, MANAGEMENT, NO_ONE
from service.db.remediation_tables import Step, StepEvidence, StepVerification
from service.errors import DomainError
from service.remediation.events import queue_step_event
from service.remediation.rules import load_rules
from service.remediation.steps import Act, change_state

SOURCES = {
    "worker_voice": "The workers themselves",
    "union_ngo": "A union or an NGO",
    "official": "An authority",
    "third_party": "Someone independent",
    "document": "Documents",
}


@dataclass(frozen=True)
class Check:
    """What a check found: on whose word it rests, the day, how many workers were spoken to and who chose them, how many per cent
    of them confirm it, and whether they were asked about retaliation.
    """

    source: str
    checked_on: date
    workers: int = 0
    chosen_by: str = NO_ONE
    confirmed_percent: int | None = None
    asked_about_retaliation: bool = False


def verify_step(session: Session, step: Step, check: Check, act: Act) -> StepVerification:
    """Verify a locked step that has evidence.

    Raises DomainError: ``verification.own``, 403; ``verification.source``, ``verification.workers``,
    ``verification.chosen_by_management``, ``verification.confirmed``, ``verification.retaliation``, ``date.future``,
    ``verification.too_early``, 422; and as :func:`service.remediation.steps.change_state` does.
    """
    _check_second_person(session, step, act)
    _check_day(step, check, act)
    _check_source(step, check)
    if check.workers or step.needs_workers:
        _check_workers(check)
    return _save(session, step, check, "verified", None, act)


def reject_step(session: Session, step: Step, check: Check, reason: str, act: Act) -> StepVerification:
    """Reject the evidence of a locked step, and say what is missing.

    Raises DomainError: ``verification.own``, 403; ``verification.source``, ``verification.workers``, ``verification.confirmed``,
    ``date.future``, ``transition.reason``, 422; and as :func:`service.remediation.steps.change_state` does.
    """
    _check_second_person(session, step, act)
    _check_day(step, check, act)
    if check.source not in SOURCES:
        raise _unknown_source()
    if check.workers:
        _check_chosen_by(check)
        if check.confirmed_percent is not None and not 0 <= check.confirmed_percent <= 100:
            raise DomainError("verification.confirmed", 422, "Enter a percentage from 0 to 100, or leave it blank.")
    return _save(session, step, check, "rejected", reason, act)


def _check_second_person(session: Session, step: Step, act: Act) -> None:
    submitters = set(session.scalars(select(StepEvidence.person).where(StepEvidence.step_id == step.id)))
    if act.actor.is_user and act.actor.person in {step.owner_id, *submitters}:
        raise DomainError(
            "verification.own",
            403,
            "You own this step or submitted evidence for it. A different user has to verify it.",
        )


def _check_day(step: Step, check: Check, act: Act) -> None:
    if check.checked_on > act.on:
        raise DomainError("date.future", 422, "The date of the check is in the future.")
    if check.checked_on < step.created_at.date() - timedelta(days=1):  # a day: time zones
        raise DomainError(
            "verification.too_early",
            422,
            "The date of the check is earlier than the day on which this step was planned.",
        )


def _check_source(step: Step, check: Check) -> None:
    if check.source not in SOURCES:
        raise _unknown_source()
    if (step.safety or step.needs_workers) and check.source not in load_rules()["verification"]["worker_side"]:
        raise DomainError(
            "verification.source",
            422,
            "Documents cannot show that this step was effective. Workers, a union or an NGO, an authority, or someone "
            "independent who has asked workers must confirm it.",
        )


def _unknown_source() -> DomainError:
    return DomainError("verification.source", 422, f"Choose who confirmed the outcome: {', '.join(SOURCES)}.")


def _check_chosen_by(check: Check) -> None:
    if check.chosen_by not in CHOSEN_BY:
        raise DomainError("verification.workers", 422, f"Choose who selected the workers: {', '.join(CHOSEN_BY)}.")


def _check_workers(check: Check) -> None:
    _check_chosen_by(check)
    if check.chosen_by == MANAGEMENT:
        raise DomainError(
            "verification.chosen_by_management",
            422,
            "Workers chosen by management may not be able to speak freely. The step stays open until someone has spoken to "
            "workers chosen by others.",
        )
    if check.workers < 1 or check.chosen_by == NO_ONE:
        raise DomainError(
            "verification.workers",
            422,
            "Enter how many workers were spoken to (at least one), and who chose them.",
        )
    least = load_rules()["verification"]["least_confirmed_percent"]
    if check.confirmed_percent is None or not least <= check.confirmed_percent <= 100:
        raise DomainError(
            "verification.confirmed",
            422,
            f"Enter the percentage of these workers who confirm the outcome. If it is below {least}, reject the step and "
            "explain what is missing.",
        )
    if not check.asked_about_retaliation:
        raise DomainError(
            "verification.retaliation", 422, "Ask the workers whether anyone has suffered for speaking up."
        )


def _save(session: Session, step: Step, check: Check, outcome: str, reason: str | None, act: Act) -> StepVerification:
    change_state(session, step, outcome, reason, act, by="verification")
    if outcome == "verified":
        queue_step_event(session, step, act.actor, method=check.source)
    has_spoken = check.workers > 0
    verification = StepVerification(
        step_id=step.id,
        outcome=outcome,
        source=check.source,
        checked_on=check.checked_on,
        workers=check.workers,
        chosen_by=check.chosen_by if has_spoken else NO_ONE,
        confirmed_percent=check.confirmed_percent if has_spoken else None,
        asked_about_retaliation=check.asked_about_retaliation if has_spoken else None,
        reason=(reason or "").strip() or None,
        verified_by=act.actor.name,
        verified_at=act.at,
    )
    session.add(verification)
    session.flush()
    return verification
