"""Return results with the onboarding decision, as far as a reader may see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import orjson

from risk_models.answers import from_rows
from risk_models.facts.facts import FactSnapshot, load_facts
from risk_models.model import list_models_up_to
from service.assessment.assess import AssessedBatch, Batch, assess_batch
from service.assessment.decision import CorrectivePlan, decide
from service.assessment.export_json import iter_result_json
from service.report_content import redaction


@dataclass(frozen=True)
class Onboarding:
    """A supplier that is not stored, and what is known about it: its ``answers`` in JSON form, the scores of the agencies that it
    names, the plan agreed with it and when it was informed of the findings.

    ``on``: today; ``release``: the newest release of the models that the organisation uses.
    """

    kind: str
    answers: Mapping[str, Any]
    on: date
    agency_scores: Mapping[str, float]
    release: str
    plan: CorrectivePlan | None
    informed_on: date | None
    sees_worker_derived: bool


def decide_onboarding(supplier: Onboarding) -> dict[str, Any]:
    """Assess a supplier that is not stored, and return its result with the decision."""
    on, facts = supplier.on, load_facts().as_of(supplier.on)
    batch = Batch(supplier.kind, from_rows([supplier.answers]), "", "", np.array([1]))
    assessed = assess_batch(batch, facts, on, supplier.agency_scores, list_models_up_to(supplier.release))
    return decide_result(
        assessed,
        facts,
        on,
        supplier.plan,
        supplier.informed_on,
        today=on,
        sees_worker_derived=supplier.sees_worker_derived,
    )


def decide_result(
    assessed: AssessedBatch,
    facts: FactSnapshot,
    on: date,
    plan: CorrectivePlan | None = None,
    informed_on: date | None = None,
    shown: AssessedBatch | None = None,
    exited_on: date | None = None,
    *,
    today: date,
    sees_worker_derived: bool,
) -> dict[str, Any]:
    """Return the result of one supplier as far as the reader may see it, with the onboarding decision.

    ``plan``, ``informed_on``, ``exited_on``, ``today`` and ``sees_worker_derived``: as for
    :func:`service.assessment.decision.decide`. ``shown``: the assessment without the steps that may not be shown, by default the
    whole of it; the decision always knows all steps.
    """
    shown = shown or assessed
    planned = shown if sees_worker_derived else redaction.with_supplier_visible_plan(shown)
    result = orjson.loads(next(iter_result_json(planned, on)))
    decision = decide(
        assessed,
        result,
        facts,
        on,
        plan,
        informed_on,
        today=today,
        sees_worker_derived=sees_worker_derived,
        exited_on=exited_on,
    )
    reasons = [{"code": code, "text": text} for code, text in decision.reasons]
    step = decision.next_step
    in_full = {
        "answer": decision.answer,
        "reasons": reasons,
        "ends_when": decision.ends_when,
        "meanwhile": decision.meanwhile,
        "next_step": None if step is None else {"action": step.action, "text": step.text},
    }
    return {
        **(result if sees_worker_derived else redaction.redact_result(result)),
        "decision": decision.decision,
        "decision_reasons": reasons,
        "decision_details": in_full if decision.four_answers else None,
    }
