"""Recompute stored results: as a detail for readers, and the difference between two.

Reasons are never stored. They follow from the stored answers, the model and facts of their day, and the scores that the named
agencies had then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from reports.document import Detail
from risk_models.answers import from_rows
from risk_models.facts.facts import FactSnapshot, load_facts
from risk_models.facts.releases import find_snapshot_by_digest, load_releases
from risk_models.model import Model, get_model_version, load_models
from service.assessment.assess import AssessedBatch, Batch, assess_batch
from service.case_reading import evidence
from service.db.tables import Result
from service.report_content import build
from service.report_content.contact_gate import ContactGate
from service.report_content.redaction import with_supplier_visible_plan


def find_model_and_facts(result: Result) -> tuple[Model, FactSnapshot]:
    """Return the version of the model and the release of the facts with which a stored result was made."""
    model, facts = get_model_version(result.model, result.model_version), load_facts()
    return model, find_snapshot_by_digest(facts, load_releases(), result.facts_digest, result.on) or facts.as_of(
        result.on
    )


def list_models_released_with(model: Model) -> list[Model]:
    """Return this model with those that were in force with it: of every other model, the versions that use the same actions, or
    else all versions.

    Models that are released together name the same release of the action library, whatever their own numbers.
    """
    released_with = {other.id for other in load_models() if other.actions == model.actions}

    def was_in_force(other: Model) -> bool:
        if other.id == model.id:
            return other.version == model.version
        return other.actions == model.actions or other.id not in released_with

    return [other for other in load_models() if was_in_force(other)]


def reassess_result(result: Result) -> tuple[AssessedBatch, FactSnapshot]:
    """Recompute a stored result with the model and facts it was made with, and return it with these facts."""
    model, facts = find_model_and_facts(result)
    batch = Batch(
        model.kind,
        from_rows([result.answers]),
        result.place.get("file", ""),
        result.place.get("sheet", ""),
        np.array([result.place.get("row", 1)]),
        evidence.decode_case_evidence([result.case_evidence]),
    )
    return assess_batch(batch, facts, result.on, result.agency_scores, list_models_released_with(model)), facts


def group_alike(results: Iterable[Result]) -> list[list[Result]]:
    """Group results that can be reassessed together: of the same day, model and agency scores."""
    groups: dict[Any, list[Result]] = defaultdict(list)
    for result in results:
        scores = tuple(sorted(result.agency_scores.items()))
        groups[result.on, result.model, result.model_version, scores].append(result)
    return list(groups.values())


def reassess_group(group: Sequence[Result]) -> AssessedBatch:
    """Recompute results that are alike (:func:`group_alike`), in their order."""
    on, model = group[0].on, get_model_version(group[0].model, group[0].model_version)
    rows = np.array([int(result.place.get("row", 1)) for result in group])
    file = str(group[0].place.get("file", ""))
    cases = evidence.decode_case_evidence([result.case_evidence for result in group])
    batch = Batch(model.kind, from_rows([result.answers for result in group]), file, "", rows, cases)
    models = list_models_released_with(model)
    return assess_batch(batch, load_facts().as_of(on), on, group[0].agency_scores, models)


def build_detail(result: Result, gate: ContactGate | None = None) -> Detail:
    """Return a result for readers: headline, reasons as sentences with their sources, floors, actions.

    ``gate``: it withholds steps that contact workers, and a text replaces them.
    """
    assessed, facts = reassess_result(result)
    if gate is None:
        return build.build_details(assessed, facts, result.on)[0]
    gated = gate.apply(assessed)
    detail = build.build_details(gated.assessed, facts, result.on)[0]
    own = gate.apply(with_supplier_visible_plan(assessed))
    return replace(detail, withheld=gate.describe(gated.places), own_withheld=gate.describe(own.places))


def explain_score_change(before: Result, after: Result) -> list[tuple[str, float]]:
    """Return the reasons for the change of a score between two results: title and change in points, largest first."""
    points: dict[str, float] = {}
    for result, sign in ((before, -1.0), (after, 1.0)):
        detail = build_detail(result)
        for reason in detail.reasons:
            points[reason.title] = points.get(reason.title, 0.0) + sign * reason.points
        points["Minimum-score rules"] = points.get("Minimum-score rules", 0.0) + sign * (detail.headline.uplift or 0.0)
    changes = [(title, change) for title, change in points.items() if abs(change) > 1e-6]
    return sorted(changes, key=lambda pair: (-abs(pair[1]), pair[0]))
