"""From one answer to its risk r in 0..1: the whole rule language.

A rule is one of three kinds, written in a model file as data:

- ``choices``: a table from the code of an answer to its risk ("yes" and "no" are codes too);
- ``ramp``: a number, linear from one bound (risk 0) to another (risk 1), flat outside;
- ``steps``: a number, the risk of the last step that it has reached.

Rules are applied to the distinct answers of a column, never cell by cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

Answer = object


@dataclass(frozen=True)
class Choices:
    """A table from answer codes to risk; of several codes in one answer the riskiest counts."""

    table: Mapping[str, float]

    def risk(self, answer: Answer) -> float:
        """Risk 0..1, or NaN where the answer is not one of the codes."""
        codes = answer if isinstance(answer, tuple) else (answer,)
        risks = [self.table[code] for code in codes if isinstance(code, str) and code in self.table]
        return max(risks) if risks else math.nan

    @property
    def least(self) -> float:
        """The risk of the best answer there is."""
        return min(self.table.values())


@dataclass(frozen=True)
class Ramp:
    """Linear from ``zero`` (risk 0) to ``one`` (risk 1), flat outside; either may be the larger."""

    zero: float
    one: float

    def risk(self, answer: Answer) -> float:
        """Risk 0..1, or NaN where the answer is not a number."""
        if not isinstance(answer, (int, float)) or isinstance(answer, bool):
            return math.nan
        return min(1.0, max(0.0, (float(answer) - self.zero) / (self.one - self.zero)))

    @property
    def least(self) -> float:
        """The risk of the best answer there is."""
        return 0.0


@dataclass(frozen=True)
class Steps:
    """From each value on, the risk beside it; below the first value the risk is 0."""

    steps: tuple[tuple[float, float], ...]

    def risk(self, answer: Answer) -> float:
        """Risk 0..1, or NaN where the answer is not a number."""
        if not isinstance(answer, (int, float)) or isinstance(answer, bool):
            return math.nan
        reached = [risk for value, risk in self.steps if answer >= value]
        return reached[-1] if reached else 0.0

    @property
    def least(self) -> float:
        """The risk of the best answer there is."""
        return min(0.0, *(risk for _, risk in self.steps)) if self.steps else 0.0


Rule = Choices | Ramp | Steps
