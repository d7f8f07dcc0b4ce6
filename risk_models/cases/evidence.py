"""What case records say of suppliers, as the engine takes it: a strength, and the indicators that the findings set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from risk_models.answers import CASE_HARMS, CASE_TOLD, Answers, Column
from risk_models.cases.readings import CaseReading
from risk_models.cases.rules import STRENGTHS


@dataclass(frozen=True)
class CaseEvidence:
    """What the cases of n suppliers say: per supplier the strength (index of STRENGTHS), the indicators they set, and the ISO
    day of the newest finding.
    """

    strength: NDArray[np.int8]
    harms: Column
    told: Column

    def take(self, positions: Sequence[int] | NDArray[np.intp]) -> CaseEvidence:
        """That of some of the suppliers, in the order given."""
        picked = np.asarray(positions, dtype=np.intp)
        harms, told = (Column(column.values, column.codes[picked]) for column in (self.harms, self.told))
        return CaseEvidence(self.strength[picked], harms, told)


def evidence_of(readings: Sequence[Sequence[CaseReading]]) -> CaseEvidence:
    """The evidence about n suppliers from the readings of each one's cases: the strongest case, never a sum."""
    strength = [max((STRENGTHS.index(case.strength) for case in cases), default=0) for cases in readings]
    harms = [tuple(sorted({name for case in cases for name in case.indicators})) for cases in readings]
    days = [[case.told_on for case in cases if case.told_on] for cases in readings]
    return evidence_as_told(strength, harms, [max(told).isoformat() if told else None for told in days])


def evidence_as_told(
    strength: Sequence[int], harms: Sequence[tuple[str, ...]], told: Sequence[str | None]
) -> CaseEvidence:
    """The evidence about n suppliers from what is known of each: strength, indicators set, day of the newest finding."""
    return CaseEvidence(np.array(strength, dtype=np.int8), _column(harms), _column(told))


def _column(values: Sequence[tuple[str, ...] | str | None]) -> Column:
    number: dict[object, int] = {}
    codes = [number.setdefault(value, len(number)) if value else -1 for value in values]
    return Column(tuple(number), np.array(codes, dtype=np.int32))


def with_case_harms(answers: Answers, evidence: CaseEvidence) -> Answers:
    """The answers with what the cases set, which the engine hears as it hears a report."""
    heard = {CASE_HARMS: evidence.harms, CASE_TOLD: evidence.told}
    return replace(answers, columns={**answers.columns, **heard})
