"""Let the outcome of closed steps count as evidence: the next assessment reads it, and closing a step changes no score.

A step that was verified and closed lends a piece of confirmed evidence to the answers of its supplier: of the grade that its
verification has (verified_steps.toml), dated on the day of the check, for the questions behind those findings of the step that
its action names. The pieces are worked out anew for each assessment. So a step that is reopened takes its evidence back, and a
better answer that arrives after the step was closed finds the evidence there.

Evidence that harm has ended is no evidence for an answer that still admits it, nor for one that says nobody checked: such an
answer gets none. One that says harm was remedied does, since it waits for exactly this (docs/method.md).
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from risk_models.action_library import GROUP_PREFIX, list_release_actions
from risk_models.answers import EVIDENCE
from risk_models.model import Indicator, Model
from service.assessment.evidence_entries import REPORTED_STEP, STEP, get_step_id, without_step_evidence
from service.assessment.models_in_force import list_models_in_force
from service.db.remediation_tables import Finding, Step, StepFinding, StepVerification
from service.db.session import FEW, chunks
from service.jobs.kinds import COUNT_VERIFIED_STEPS
from service.jobs.table import enqueue
from service.suppliers.confirmations import Voucher, confirm_piece
from service.suppliers.merge_rules import RiskLookup, Row, get_risk_lookup

RULES_FILE = Path(__file__).with_name("verified_steps.toml")
CAUSE = "remediation"  # of an assessment after a step was closed or reopened


@dataclass(frozen=True)
class Outcome:
    """What a closed step showed: the ``grade`` of its verification, the day of the check, and who verified it on which day.

    ``found``: the indicators that were found and that the step is for; ``addresses``: what its action names. It is evidence about
    what is in both. ``worker_derived``: the step is known only from workers.
    """

    step_id: str
    grade: str
    checked_on: date
    verified_by: str
    verified_on: date
    found: frozenset[str]
    addresses: frozenset[str]
    worker_derived: bool

    def is_about(self, indicator: Indicator) -> bool:
        """Return whether it is evidence about an indicator."""
        names = {indicator.id, *(GROUP_PREFIX + group for group in indicator.groups)}
        return indicator.id in self.found and not names.isdisjoint(self.addresses)


@cache
def load_grades() -> Mapping[str, str]:
    """Load the grade of evidence that a verification gives, by its source."""
    grades: dict[str, str] = tomllib.loads(RULES_FILE.read_text(encoding="utf-8"))["grade"]
    return grades


def queue_assessment(session: Session, supplier_id: str, on: date, by: str) -> None:
    """Queue the job that assesses a supplier because one of its steps was closed or reopened, in the caller's transaction."""
    enqueue(session, COUNT_VERIFIED_STEPS, {"supplier_id": supplier_id, "on": on.isoformat()}, by)


def list_outcomes(session: Session, supplier_ids: Collection[str]) -> dict[str, list[Outcome]]:
    """Return the outcomes of the closed steps of suppliers by the id of the supplier, in the order of the checks."""
    outcomes: dict[str, list[Outcome]] = defaultdict(list)
    is_closed = Step.state == "closed"
    if len(supplier_ids) > FEW and session.scalars(select(Step.id).where(is_closed).limit(1)).first() is None:
        return outcomes
    for chunk in chunks(sorted(supplier_ids)):
        closed = select(Step).where(Step.supplier_id.in_(chunk), is_closed)
        steps = {step.id: step for step in session.scalars(closed)}
        if not steps:
            continue
        found = _list_indicators(session, steps)
        checks = select(StepVerification).where(
            StepVerification.step_id.in_(steps), StepVerification.outcome == "verified"
        )
        last = {check.step_id: check for check in session.scalars(checks.order_by(StepVerification.verified_at))}
        for check in sorted(last.values(), key=lambda one: (one.checked_on, one.step_id)):
            step = steps[check.step_id]
            action = next(one for one in list_release_actions(step.actions_release) if one.id == step.action)
            outcomes[step.supplier_id].append(
                Outcome(
                    step.id,
                    load_grades()[check.source],
                    check.checked_on,
                    check.verified_by,
                    max(check.verified_at.date(), check.checked_on),  # whose day may begin earlier where the user is
                    found[step.id],
                    frozenset(action.addresses),
                    step.worker_derived,
                )
            )
    return outcomes


def _list_indicators(session: Session, step_ids: Collection[str]) -> dict[str, frozenset[str]]:
    """Return the indicators that were found and that steps are for."""
    query = select(StepFinding.step_id, Finding.about).join(Finding, Finding.id == StepFinding.finding_id)
    found: dict[str, set[str]] = {step_id: set() for step_id in step_ids}
    for step_id, about in session.execute(
        query.where(StepFinding.step_id.in_(list(step_ids)), Finding.kind == "indicator")
    ):
        found[step_id].add(about)
    return {step_id: frozenset(indicators) for step_id, indicators in found.items()}


def lend_evidence(
    answers: Row, outcomes: Sequence[Outcome], risk_lookup: RiskLookup, models: Sequence[Model]
) -> dict[str, Any]:
    """Return answers with the evidence of closed steps, and without that of steps that are no longer closed.

    ``models``: those that assess the answers; an outcome about an indicator of none of them lends nothing.
    """
    lent = without_step_evidence(answers)
    if not outcomes:
        return lent
    confirmable = set(risk_lookup.list_confirmable_questions(lent))
    pieces = []
    for outcome in outcomes:
        covers = sorted(set(_list_questions(lent, outcome, risk_lookup, models)) & confirmable)
        if covers:
            piece = {
                "grade": outcome.grade,
                "date": outcome.checked_on.isoformat(),
                "covers": covers,
                "source": f"{REPORTED_STEP if outcome.worker_derived else STEP} {outcome.step_id}",
            }
            voucher = Voucher(outcome.verified_by, outcome.verified_on, covers=tuple(covers))
            pieces.append(confirm_piece(lent, piece, voucher, risk_lookup))
    return {**lent, EVIDENCE: [*(lent.get(EVIDENCE) or ()), *pieces]} if pieces else lent


def _list_questions(answers: Row, outcome: Outcome, risk_lookup: RiskLookup, models: Sequence[Model]) -> Iterator[str]:
    """Yield the questions whose answers an outcome is evidence for."""
    for model in models:
        for indicator in model.indicators:
            if outcome.is_about(indicator) and is_supportable(answers, indicator, risk_lookup):
                yield indicator.question


def is_supportable(answers: Row, indicator: Indicator, risk_lookup: RiskLookup) -> bool:
    """Return whether evidence that something is as it should be supports what was answered about an indicator.

    It does not support an answer that still admits harm, nor one that says nobody checked.
    """
    answer = answers.get(indicator.question)
    if answer is None:
        return False
    if not isinstance(answer, list) and answer in indicator.confirmed_risks:
        return True  # harm that was remedied
    question = indicator.question
    return not (risk_lookup.admits_harm(question, answer) or risk_lookup.is_uninformative(question, answer))


def lend_all(
    session: Session,
    kind: str,
    rows: Sequence[tuple[str, Row]],
    stored: Collection[str],
    on: date,
    models: tuple[Model, ...],
) -> list[dict[str, Any]]:
    """Return the answers of suppliers, given with their ids, as they are assessed on a day: with the evidence that closed steps
    lend them (:func:`lend_evidence`).

    ``stored``: the ids of those that may have steps, since they are not new.
    """
    outcomes = list_outcomes(session, stored) if stored else {}
    risk_lookup = get_risk_lookup(kind, on, models)
    in_force = [model for model in list_models_in_force(on, models) if model.kind == kind]
    return [
        lend_evidence(answers, outcomes.get(supplier_id, ()), risk_lookup, in_force) for supplier_id, answers in rows
    ]


def list_lent(answers: Row) -> dict[str, frozenset[str]]:
    """Return the questions for which closed steps lend evidence to answers, by the id of the step."""
    pieces = answers.get(EVIDENCE)
    lent = {
        get_step_id(piece): frozenset((piece.get("confirmed") or {}).get("covers") or ())
        for piece in (pieces if isinstance(pieces, list | tuple) else ())
        if isinstance(piece, Mapping)
    }
    return {step_id: questions for step_id, questions in lent.items() if step_id is not None}
