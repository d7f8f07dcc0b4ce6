"""Convert case evidence to the JSON that a result stores, and back.

A result stores the evidence of its day, so that it can be recomputed to the same numbers whatever is recorded later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from risk_models.cases.evidence import CaseEvidence, build_evidence_from_values
from risk_models.cases.rules import STRENGTHS


def encode_case_evidence(evidence: CaseEvidence | None, position: int) -> dict[str, Any] | None:
    """Return the case evidence about the supplier at a position as JSON, None if there is none."""
    if evidence is None or not (evidence.strength[position] or evidence.harms.codes[position] >= 0):
        return None
    harms, newest_finding_on = (
        column.values[column.codes[position]] if column.codes[position] >= 0 else None
        for column in (evidence.harms, evidence.newest_finding_on)
    )
    return {
        "strength": STRENGTHS[evidence.strength[position]],
        "indicators": list(harms or ()),
        "told_on": newest_finding_on,
    }


def decode_case_evidence(stored: Sequence[Mapping[str, Any] | None]) -> CaseEvidence | None:
    """Return the case evidence about suppliers from the JSON of their results, None if no result has any."""
    if not any(stored):
        return None
    entries = [entry or {"strength": STRENGTHS[0], "indicators": (), "told_on": None} for entry in stored]
    return build_evidence_from_values(
        [STRENGTHS.index(entry["strength"]) for entry in entries],
        [tuple(entry["indicators"]) for entry in entries],
        [entry["told_on"] for entry in entries],
    )
