"""Work stored results out again: as the result object of the contract, as a reader meets it, and what moved between two.

Reasons are never stored: they follow from the stored answers, the model and facts of their day, and the scores that the named
agencies had.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from reports.document import Detail
from risk_models.answers import from_rows
from risk_models.facts.facts import FactSnapshot, load_facts
from risk_models.facts.releases import find_snapshot_by_digest, load_releases
from risk_models.model import Model, load_all, of_version
from service.assessment.assess import AssessedBatch, Batch, assess_batch
from service.assessment.export_json import iter_result_json
from service.case_reading import evidence
from service.db.tables import Result
from service.report_content import build

Document = dict[str, Any]


def made_with(result: Result) -> tuple[Model, FactSnapshot]:
    """The version of the model and the edition of the facts that a stored result was made with."""
    model, facts = of_version(result.model, result.model_version), load_facts()
    return model, find_snapshot_by_digest(facts, load_releases(), result.facts_digest, result.on) or facts.as_of(
        result.on
    )


def models_with(model: Model) -> list[Model]:
    """Return this model with those it was in force with: of every other those that read the same actions, else all its versions.

    Models that are released together name the same release of the action library, whatever their own numbers.
    """
    released_with = {other.id for other in load_all() if other.actions == model.actions}

    def there(other: Model) -> bool:
        if other.id == model.id:
            return other.version == model.version
        return other.actions == model.actions or other.id not in released_with

    return [other for other in load_all() if there(other)]


def reassessed(result: Result) -> tuple[AssessedBatch, FactSnapshot]:
    """A stored result worked out again, with its reasons, under the very model and facts it was made with."""
    model, facts = made_with(result)
    batch = Batch(
        model.kind,
        from_rows([result.answers]),
        result.place.get("file", ""),
        result.place.get("sheet", ""),
        np.array([result.place.get("row", 1)]),
        evidence.from_stored([result.case_evidence]),
    )
    return assess_batch(batch, facts, result.on, result.agency_scores, models_with(model)), facts


def document(result: Result) -> Document:
    """The result object of the contract (docs/assessment.md), reasons and all."""
    assessed, _ = reassessed(result)
    again: Document = orjson.loads(next(iter_result_json(assessed, result.on)))
    return again


def explained(result: Result) -> Detail:
    """A result as a reader meets it: headline, reasons as sentences with their sources, floors, actions."""
    assessed, facts = reassessed(result)
    return build.explained(assessed, facts, result.on)[0]


def moved_by(before: Result, after: Result) -> list[tuple[str, float]]:
    """Which reasons moved a score from one result to the next: title and change in points, the largest first."""
    points: dict[str, float] = {}
    for result, sign in ((before, -1.0), (after, 1.0)):
        told = explained(result)
        for reason in told.reasons:
            points[reason.title] = points.get(reason.title, 0.0) + sign * reason.points
        points["Rules that hold the score up"] = points.get("Rules that hold the score up", 0.0) + sign * (
            told.headline.uplift or 0.0
        )
    moved = [(title, change) for title, change in points.items() if abs(change) > 1e-6]
    return sorted(moved, key=lambda pair: (-abs(pair[1]), pair[0]))
