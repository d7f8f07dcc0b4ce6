"""Parse the rules of a model file, which turn one answer into its risk r in 0..1.

A rule is one of four kinds, written in a model file as data:

- ``choices``: a table from the code of an answer to its risk ("yes" and "no" are codes too);
- ``ramp``: for a number, a risk that rises linearly from one bound (risk 0) to the other (risk 1) and is constant outside them;
- ``steps``: for a number, the risk of the last step that it reaches;
- ``since``: for a date, steps by the number of days from that date to the assessment (negative if the date is in the future).

Rules are applied to the distinct answers in a column, never cell by cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

Answer = object


@dataclass(frozen=True)
class Choices:
    """A table of the risk of each answer code; if an answer has several codes, the riskiest counts."""

    table: Mapping[str, float]

    def risk(self, answer: Answer) -> float:
        """Return the risk 0..1, or NaN if the answer is not one of the codes."""
        if isinstance(answer, str):
            return self.table.get(answer, math.nan)
        codes = answer if isinstance(answer, tuple) else (answer,)
        risks = [self.table[code] for code in codes if isinstance(code, str) and code in self.table]
        return max(risks) if risks else math.nan

    @property
    def lowest_risk(self) -> float:
        """Return the risk of the best possible answer."""
        return min(self.table.values())


@dataclass(frozen=True)
class Ramp:
    """A linear risk between one bound (risk 0) and another (risk 1), constant outside; either bound may be larger."""

    lowest_risk_at: float
    highest_risk_at: float

    def risk(self, answer: Answer) -> float:
        """Return the risk 0..1, or NaN if the answer is not a number."""
        if not isinstance(answer, (int, float)) or isinstance(answer, bool):
            return math.nan
        span = self.highest_risk_at - self.lowest_risk_at
        return min(1.0, max(0.0, (float(answer) - self.lowest_risk_at) / span))

    @property
    def lowest_risk(self) -> float:
        """Return the risk of the best possible answer."""
        return 0.0


@dataclass(frozen=True)
class Steps:
    """Pairs of a value and the risk that applies from that value on; below the first value the risk is 0."""

    steps: tuple[tuple[float, float], ...]

    def risk(self, answer: Answer) -> float:
        """Return the risk 0..1, or NaN if the answer is not a number."""
        if not isinstance(answer, (int, float)) or isinstance(answer, bool):
            return math.nan
        reached = [risk for value, risk in self.steps if answer >= value]
        return reached[-1] if reached else 0.0

    @property
    def lowest_risk(self) -> float:
        """Return the risk of the best possible answer."""
        return min(0.0, *(risk for _, risk in self.steps)) if self.steps else 0.0


@dataclass(frozen=True)
class Since:
    """Steps by the number of days from a date (ISO text) to the day of the assessment; negative for a date in the future."""

    steps: tuple[tuple[float, float], ...]
    day: date | None = None

    def risk(self, answer: Answer) -> float:
        """Return the risk 0..1, or NaN if the answer is not a date. Raises ValueError if :func:`bind_day` has not set the day."""
        if self.day is None:
            raise ValueError("a date rule needs a reference date")
        if not isinstance(answer, str):
            return math.nan
        try:
            answered = date.fromisoformat(answer)
        except ValueError:
            return math.nan
        return Steps(self.steps).risk((self.day - answered).days)

    @property
    def lowest_risk(self) -> float:
        """Return the risk of the best possible answer."""
        return Steps(self.steps).lowest_risk


Rule = Choices | Ramp | Steps | Since


def bind_day(rule: Rule, day: date) -> Rule:
    """Return the rule for a given assessment date; only rules about dates change."""
    return replace(rule, day=day) if isinstance(rule, Since) else rule


def parse_rule(raw: Mapping[str, Any]) -> Rule:
    """Parse the rule of an entry in a model file. Raises ValueError that states what is wrong."""
    kinds = [key for key in ("choices", "ramp", "steps", "since") if key in raw]
    if len(kinds) != 1:
        raise ValueError("exactly one of 'choices', 'ramp', 'steps' and 'since' is required")
    value = raw[kinds[0]]
    if kinds == ["choices"]:
        if not value:
            raise ValueError("'choices' is empty")
        return Choices({str(code): parse_share(risk, f"the risk of {code!r}") for code, risk in value.items()})
    if kinds == ["ramp"]:
        start, end = (parse_number(value.get(key), f"{key!r}") for key in ("from", "to"))
        if start == end:
            raise ValueError("'from' and 'to' must differ")
        return Ramp(start, end)
    steps = tuple((parse_number(start, "a step's value"), parse_share(risk, "a step's risk")) for start, risk in value)
    if not steps or list(steps) != sorted(steps):
        raise ValueError(f"{kinds[0]!r} must be in ascending order")
    return Steps(steps) if kinds == ["steps"] else Since(steps)


def parse_number(value: Any, name: str) -> float:
    """Return a number from a model file. Raises ValueError, with ``name`` in the message, if it is not a number."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ValueError(f"{name} must be a number, but is {value!r}")
    return float(value)


def parse_share(value: Any, name: str) -> float:
    """Return a number between 0 and 1 from a model file. Raises ValueError, with ``name`` in the message, if it is not one."""
    if not 0 <= parse_number(value, name) <= 1:
        raise ValueError(f"{name} must be between 0 and 1, but is {value!r}")
    return float(value)


def get_best_answer(rule: Rule, on: date) -> Any:
    """Return the answer with the lowest risk, as JSON; if several are equal, the first."""
    if isinstance(rule, Choices):
        return min(rule.table, key=lambda code: rule.table[code])
    if isinstance(rule, Ramp):
        return rule.lowest_risk_at
    risks = {rule.steps[0][0] - 1: 0.0, **dict(rule.steps)}
    if isinstance(rule, Since):
        return (on - timedelta(days=min(risks, key=lambda days: risks[days]))).isoformat()
    return min((number for number in risks if number >= 0), key=lambda number: risks[number])
