"""What is kept of an assessment: a result with its inputs and totals, and the headline that its supplier repeats of it."""

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
from service.assessment.export_json import ENGINE
from service.case_reading import evidence
from service.db.tables import new_id
from service.suppliers.agency_links import select_agency_scores

Columns = dict[str, Any]

# Totals by the names of their columns, and what they are called where they are worked out.
TOTALS = {
    "score": "total",
    "best": "best",
    "worst": "worst",
    "inherent": "base",
    "confidence": "confidence",
    "coverage": "coverage",
}
SHARED_COLUMNS = (*TOTALS, "model", "level", "inherent_level")  # what a supplier repeats of its latest result


def build_summaries(assessed: AssessedBatch, on: date) -> list[Columns]:
    """The headline of each supplier of a batch, as columns of Supplier.

    It is read column by column for all suppliers of a block: number by number it takes longer than to score them.
    """
    told: list[Columns] = [{} for _ in assessed.block_indexes]
    for b, block in enumerate(assessed.blocks):
        mine = np.flatnonzero(assessed.block_indexes == b)
        columns = _summary_columns(block, assessed.positions[mine], on) | {"silent": assessed.unanswered_driven[mine].tolist()}
        for j, values in zip(mine.tolist(), zip(*columns.values(), strict=True), strict=True):
            told[j] = dict(zip(columns, values, strict=True))
    return told


def _summary_columns(block: Block, at: NDArray[np.intp], on: date) -> dict[str, list[Any]]:
    """The headlines of some suppliers of a block, column by column."""
    s = block.scores
    levels = [LEVEL_NAMES[level] for level in s.level[at].tolist()]
    review_due = {level: add_months(on, months) for level, months in block.model.review_months.items()}
    asked = s.asked[at].tolist()
    first = block.plan.first()
    own = first if block.plan.own is block.plan else block.plan.own.first()
    return {
        **{name: getattr(s, total)[at].tolist() for name, total in TOTALS.items()},
        "model": [block.model.id] * len(at),
        "level": levels,
        "inherent_level": [LEVEL_NAMES[level] for level in s.inherent_level[at].tolist()],
        "rank": compute_queue_rank(s.level[at], s.inherent_level[at]).tolist(),
        **{name: _where_flagged(asked, getattr(s, name)[at].tolist()) for name in ("practice", "practice_of")},
        "up_to": s.capped[at].tolist(),
        "sector": [block.sectors[p] for p in at.tolist()],
        "next_step": [first[p] for p in at.tolist()],
        "own_step": [own[p] for p in at.tolist()],
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
    """What is kept of the assessment of supplier j, its inputs and totals, as columns of Result."""
    return {
        "id": new_id(),
        "supplier_id": supplier_id,
        "on": on,
        "engine": ENGINE,
        "model_version": assessed.blocks[assessed.block_indexes[j]].model.version,
        "facts_digest": get_facts_digest(on),
        "answers": dict(answers),
        "agency_scores": select_agency_scores(answers, scores),
        "case_evidence": evidence.to_stored(assessed.batch.case_evidence, j),
        **{name: summary[name] for name in SHARED_COLUMNS},
    }


def get_facts_digest(on: date) -> str:
    """The digest of the facts as they were known on a day."""
    return load_facts().as_of(on).digest


def add_months(day: date, months: int) -> date:
    """The same day so many months later; the last of the month where there is none."""
    year, month = divmod(day.month - 1 + months, 12)
    first_of_next = date(day.year + year + (month == 11), (month + 1) % 12 + 1, 1)
    last = (first_of_next - date.resolution).day
    return date(day.year + year, month + 1, min(day.day, last))
