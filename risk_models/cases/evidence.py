"""Turn the readings of case records into evidence for the engine: a strength, and the indicators that the findings set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from risk_models.answers import CASE_DATE, CASE_HARMS, Answers, Column
from risk_models.cases.readings import CaseReading
from risk_models.cases.rules import STRENGTHS


@dataclass(frozen=True)
class CaseEvidence:
    """The evidence in the cases of n suppliers: strength (index of STRENGTHS), indicators set, ISO date of the newest finding."""

    strength: NDArray[np.int8]
    harms: Column
    newest_finding_on: Column

    def take(self, positions: Sequence[int] | NDArray[np.intp]) -> CaseEvidence:
        """Return the evidence of some of the suppliers, in the order given."""
        selected = np.asarray(positions, dtype=np.intp)
        harms, days = (Column(column.values, column.codes[selected]) for column in (self.harms, self.newest_finding_on))
        return CaseEvidence(self.strength[selected], harms, days)


def build_evidence_from_readings(readings: Sequence[Sequence[CaseReading]]) -> CaseEvidence:
    """Build the evidence of n suppliers from the readings of their cases. The strongest case counts; cases are never added up."""
    strength = [max((STRENGTHS.index(case.strength) for case in cases), default=0) for cases in readings]
    harms = [tuple(sorted({name for case in cases for name in case.indicators})) for cases in readings]
    days = [[case.newest_finding_on for case in cases if case.newest_finding_on] for cases in readings]
    return build_evidence_from_values(strength, harms, [max(dates).isoformat() if dates else None for dates in days])


def build_evidence_from_values(
    strength: Sequence[int], harms: Sequence[tuple[str, ...]], days: Sequence[str | None]
) -> CaseEvidence:
    """Build the evidence of n suppliers from the strength, the indicators set and the ISO date of the newest finding of each."""
    return CaseEvidence(np.array(strength, dtype=np.int8), _build_column(harms), _build_column(days))


def _build_column(values: Sequence[tuple[str, ...] | str | None]) -> Column:
    code_by_value: dict[object, int] = {}
    codes = [code_by_value.setdefault(value, len(code_by_value)) if value else -1 for value in values]
    return Column(tuple(code_by_value), np.array(codes, dtype=np.int32))


def add_case_harms(answers: Answers, evidence: CaseEvidence) -> Answers:
    """Return the answers including the indicators that cases set, which the engine treats like reports."""
    case_columns = {CASE_HARMS: evidence.harms, CASE_DATE: evidence.newest_finding_on}
    return replace(answers, columns={**answers.columns, **case_columns})
