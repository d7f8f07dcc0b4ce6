"""What case records say of suppliers, as a result stores it, and read back from there.

A result keeps what was said on its day, so that it is worked out again to the same numbers whatever is recorded later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from risk_models.cases.evidence import CaseEvidence, build_evidence_from_values
from risk_models.cases.rules import STRENGTHS


def to_stored(found: CaseEvidence | None, j: int) -> dict[str, Any] | None:
    """What the cases say of supplier j, as its result keeps it; None where there is none."""
    if found is None or not (found.strength[j] or found.harms.codes[j] >= 0):
        return None
    harms, told = (
        column.values[column.codes[j]] if column.codes[j] >= 0 else None
        for column in (found.harms, found.newest_finding_on)
    )
    return {"strength": STRENGTHS[found.strength[j]], "indicators": list(harms or ()), "told_on": told}


def from_stored(kept: Sequence[Mapping[str, Any] | None]) -> CaseEvidence | None:
    """What cases said of some suppliers, from what their results keep; None where none keeps any."""
    if not any(kept):
        return None
    told = [each or {"strength": STRENGTHS[0], "indicators": (), "told_on": None} for each in kept]
    return build_evidence_from_values(
        [STRENGTHS.index(each["strength"]) for each in told],
        [tuple(each["indicators"]) for each in told],
        [each["told_on"] for each in told],
    )
