"""Build the stored form of an assessment: a result row, and the summary that its supplier repeats of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk_models.engine.frame import LEVEL_NAMES
from risk_models.engine.score import compute_queue_rank
from risk_models.facts.facts import load_facts
from service.assessment.assess import AssessedBatch, Block
from service.assessment.export_json import ENGINE_VERSION
from service.case_reading import evidence
from service.db.tables import new_ordered_id
from service.suppliers.agency_links import select_agency_scores

Columns = dict[str, Any]

# The totals by the names of their columns, and the names under which they are computed.
TOTALS = {
    "score": "total",
    "best": "best",
    "worst": "worst",
    "inherent": "base",
    "confidence": "confidence",
    "coverage": "coverage",
}
SHARED_COLUMNS = (
    *TOTALS,
    "model",
    "level",
    "inherent_level",
)  # the columns of its latest result that a supplier repeats


def build_summaries(assessed: AssessedBatch, on: date) -> list[Columns]:
    """Build the summary of each supplier of a batch, as columns of Supplier.

    It works column by column over all suppliers of a block: doing it number by number would take longer than scoring.
    """
    summaries: list[Columns] = [{} for _ in assessed.block_indexes]
    for b, block in enumerate(assessed.blocks):
        members = np.flatnonzero(assessed.block_indexes == b)
        columns = _summary_columns(block, assessed.positions[members], on) | {
            "silent": assessed.unanswered_driven[members].tolist()
        }
        for j, values in zip(members.tolist(), zip(*columns.values(), strict=True), strict=True):
            summaries[j] = dict(zip(columns, values, strict=True))
    return summaries


def _summary_columns(block: Block, positions: NDArray[np.intp], on: date) -> dict[str, list[Any]]:
    """Build the summaries of some suppliers of a block, column by column."""
    scores = block.scores
    levels = [LEVEL_NAMES[level] for level in scores.level[positions].tolist()]
    review_due = {level: add_months(on, months) for level, months in block.model.review_months.items()}
    has_practice = scores.asked[positions].tolist()
    first = block.plan.list_first_steps()
    own_first = first if block.plan.own_answer_plan is block.plan else block.plan.own_answer_plan.list_first_steps()
    return {
        **{name: getattr(scores, total)[positions].tolist() for name, total in TOTALS.items()},
        "model": [block.model.id] * len(positions),
        "level": levels,
        "inherent_level": [LEVEL_NAMES[level] for level in scores.inherent_level[positions].tolist()],
        "rank": compute_queue_rank(scores.level[positions], scores.inherent_level[positions]).tolist(),
        **{
            name: _where_flagged(has_practice, getattr(scores, name)[positions].tolist())
            for name in ("practice", "practice_of")
        },
        "up_to": scores.capped[positions].tolist(),
        "sector": [block.sectors[p] for p in positions.tolist()],
        "next_step": [first[p] for p in positions.tolist()],
        "own_step": [own_first[p] for p in positions.tolist()],
        "review_due": [review_due[level] for level in levels],
    }


def _where_flagged(flags: Sequence[bool], values: Sequence[float]) -> list[float | None]:
    return [value if flag else None for flag, value in zip(flags, values, strict=True)]


def build_result_row(
    supplier_id: str,
    answers: Mapping[str, Any],
    summary: Mapping[str, Any],
    assessed: AssessedBatch,
    j: int,
    scores: Mapping[str, float],
    on: date,
) -> Columns:
    """Build the result of supplier j, its inputs and totals, as columns of Result."""
    return {
        "id": new_ordered_id(),
        "supplier_id": supplier_id,
        "on": on,
        "engine": ENGINE_VERSION,
        "model_version": assessed.blocks[assessed.block_indexes[j]].model.version,
        "facts_digest": get_facts_digest(on),
        "answers": dict(answers),
        "agency_scores": select_agency_scores(answers, scores),
        "case_evidence": evidence.encode_case_evidence(assessed.batch.case_evidence, j),
        **{name: summary[name] for name in SHARED_COLUMNS},
    }


def get_facts_digest(on: date) -> str:
    """Return the digest of the facts as known on a day."""
    return load_facts().as_of(on).digest


def add_months(day: date, months: int) -> date:
    """Return the same day a number of months later; the last day of that month if the month is too short."""
    year, month = divmod(day.month - 1 + months, 12)
    first_of_next = date(day.year + year + (month == 11), (month + 1) % 12 + 1, 1)
    last = (first_of_next - date.resolution).day
    return date(day.year + year, month + 1, min(day.day, last))
