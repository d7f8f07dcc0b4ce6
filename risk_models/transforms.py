"""From one answer to its risk r in 0..1: the whole rule language.

A rule is one of four kinds, written in a model file as data:

- ``choices``: a table from the code of an answer to its risk ("yes" and "no" are codes too);
- ``ramp``: a number, linear from one bound (risk 0) to another (risk 1), flat outside;
- ``steps``: a number, the risk of the last step that it has reached;
- ``since``: a date, steps over the days since then on the day of the assessment (below 0: days still to come).

Rules are applied to the distinct answers of a column, never cell by cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

Answer = object


@dataclass(frozen=True)
class Choices:
    """A table from answer codes to risk; of several codes in one answer the riskiest counts."""

    table: Mapping[str, float]

    def risk(self, answer: Answer) -> float:
        """Risk 0..1, or NaN where the answer is not one of the codes."""
        if isinstance(answer, str):
            return self.table.get(answer, math.nan)
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


@dataclass(frozen=True)
class Since:
    """Steps over the days from a date (ISO text) to the day of the assessment; negative while the date is still to come."""

    steps: tuple[tuple[float, float], ...]
    day: date | None = None

    def risk(self, answer: Answer) -> float:
        """Risk 0..1, or NaN where the answer is not a date. Raises ValueError before :func:`on_day` has set the day."""
        if self.day is None:
            raise ValueError("a rule about a date is read on a day")
        if not isinstance(answer, str):
            return math.nan
        try:
            then = date.fromisoformat(answer)
        except ValueError:
            return math.nan
        return Steps(self.steps).risk((self.day - then).days)

    @property
    def least(self) -> float:
        """The risk of the best answer there is."""
        return Steps(self.steps).least


Rule = Choices | Ramp | Steps | Since


def on_day(rule: Rule, day: date) -> Rule:
    """The rule as it is read on a day: only rules about dates mind."""
    return replace(rule, day=day) if isinstance(rule, Since) else rule


def rule_of(raw: Mapping[str, Any]) -> Rule:
    """The one rule of an entry of a model file. Raises ValueError, saying what does not fit."""
    kinds = [key for key in ("choices", "ramp", "steps", "since") if key in raw]
    if len(kinds) != 1:
        raise ValueError("needs exactly one of 'choices', 'ramp', 'steps', 'since'")
    told = raw[kinds[0]]
    if kinds == ["choices"]:
        if not told:
            raise ValueError("'choices' is empty")
        return Choices({str(code): share(r, f"the risk of {code!r}") for code, r in told.items()})
    if kinds == ["ramp"]:
        zero, one = (number(told.get(key), f"{key!r}") for key in ("from", "to"))
        if zero == one:
            raise ValueError("'from' equals 'to'")
        return Ramp(zero, one)
    steps = tuple((number(value, "a step's value"), share(r, "a step's risk")) for value, r in told)
    if not steps or list(steps) != sorted(steps):
        raise ValueError(f"{kinds[0]!r} must rise by value")
    return Steps(steps) if kinds == ["steps"] else Since(steps)


def number(value: Any, what: str) -> float:
    """A number of a model file. Raises ValueError."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ValueError(f"{what} must be a number, is {value!r}")
    return float(value)


def share(value: Any, what: str) -> float:
    """A number in 0..1 of a model file. Raises ValueError."""
    if not 0 <= number(value, what) <= 1:
        raise ValueError(f"{what} must lie in 0..1, is {value!r}")
    return float(value)
