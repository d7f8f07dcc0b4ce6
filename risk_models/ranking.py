"""How well a number ranks places against an outcome, with intervals: the statistics behind ``docs/validation.md``.

Everything is counted over pairs of a place with the outcome and one without. The bootstrap draws places (seeded); its counts are
whole numbers and halves, so that they come out the same on any machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Interval:
    """A figure with the range that 95 of 100 redrawn samples of places fall into."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether a difference is told from chance."""
        return self.low > 0 or self.high < 0


class BootstrapSamples:
    """Places drawn again and again with replacement, the same for every contestant: differences are paired."""

    def __init__(self, places: int, draws: int, seed: int) -> None:
        drawn = np.random.default_rng(seed).integers(0, places, (draws, places))
        self.counts: Floats = np.apply_along_axis(np.bincount, 1, drawn, minlength=places).astype(np.float64)
        self.drawn = drawn

    def auc(self, values: Floats, outcome: Flags, groups: Sequence[object] | None = None) -> tuple[float, Floats]:
        """The chance that a place with the outcome ranks above one without (ties count half), and the same of each draw.

        With ``groups`` only places of one group are compared with each other. NaN where there is no such pair.
        """
        with_it, without = np.flatnonzero(outcome), np.flatnonzero(~outcome)
        above = values[with_it, None] - values[None, without]
        won = (above > 0) + 0.5 * (above == 0)
        compared = np.ones_like(won)
        if groups is not None:
            names = np.array([str(g) for g in groups])
            compared = (names[with_it, None] == names[None, without]).astype(np.float64)
        wins, pairs = won * compared, compared
        drawn_with, drawn_without = self.counts[:, with_it], self.counts[:, without]
        of_draws = np.array([((drawn_with @ what) * drawn_without).sum(axis=1) for what in (wins, pairs)])
        whole = wins.sum() / pairs.sum() if pairs.sum() else np.nan
        with np.errstate(invalid="ignore"):
            return float(whole), of_draws[0] / of_draws[1]

    def rank_correlation(self, values: Floats, amounts: Floats) -> tuple[float, Floats]:
        """Spearman's rank correlation (ties share their mean rank), and the same of each draw."""
        of_draws = [_spearman(values[drawn], amounts[drawn]) for drawn in self.drawn]
        return _spearman(values, amounts), np.array(of_draws)


def compute_interval(figure: tuple[float, Floats]) -> Interval:
    """A figure with the middle 95 % of its draws."""
    value, draws = figure
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return Interval(value, float(low), float(high))


def compute_difference(one: tuple[float, Floats], other: tuple[float, Floats]) -> Interval:
    """By how much one figure is above another on the same draws."""
    return compute_interval((one[0] - other[0], one[1] - other[1]))


def rank_values(values: Floats) -> Floats:
    """Ranks from 1; equal values share the mean of theirs."""
    _, which, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    mean: Floats = (last - (count - 1) / 2.0)[which]
    return mean


def assign_thirds(values: Floats) -> NDArray[np.intp]:
    """0, 1, 2: the lower, middle and upper third by rank."""
    return np.minimum((3 * (rank_values(values) - 1)) // len(values), 2).astype(np.intp)


def _spearman(a: Floats, b: Floats) -> float:
    x, y = rank_values(a), rank_values(b)
    x, y = x - x.mean(), y - y.mean()
    spread = np.sqrt((x * x).sum() * (y * y).sum())
    return float((x * y).sum() / spread) if spread else float("nan")
