"""Measure how well a value ranks places by an outcome, with intervals. These are the statistics in ``docs/validation.md``.

Everything is counted over pairs of a place with the outcome and a place without it. The bootstrap draws places (with a fixed
seed). Its counts are whole and half numbers, so they are the same on any machine.
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
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Return whether a difference is distinguishable from chance."""
        return self.low > 0 or self.high < 0


class BootstrapSamples:
    """Bootstrap samples of places, drawn with replacement and the same for every ranking, so that differences are paired.

    Figures are returned as the value over all places and the values over the samples (draws,).
    """

    def __init__(self, places: int, draws: int, seed: int) -> None:
        self.drawn = np.random.default_rng(seed).integers(0, places, (draws, places))
        self.counts: Floats = np.apply_along_axis(np.bincount, 1, self.drawn, minlength=places).astype(np.float64)

    def auc(self, values: Floats, outcome: Flags, groups: Sequence[object] | None = None) -> tuple[float, Floats]:
        """Return the probability that a place with the outcome ranks above one without (ties count half).

        If ``groups`` is given, only places in the same group are compared. NaN if there is no such pair.
        """
        positive, negative = np.flatnonzero(outcome), np.flatnonzero(~outcome)
        difference = values[positive, None] - values[None, negative]
        won = (difference > 0) + 0.5 * (difference == 0)
        pairs = np.ones_like(won)
        if groups is not None:
            names = np.array([str(group) for group in groups])
            pairs = (names[positive, None] == names[None, negative]).astype(np.float64)
        wins = won * pairs
        positive_counts, negative_counts = self.counts[:, positive], self.counts[:, negative]
        sample_sums = np.array([((positive_counts @ table) * negative_counts).sum(axis=1) for table in (wins, pairs)])
        value = wins.sum() / pairs.sum() if pairs.sum() else np.nan
        with np.errstate(invalid="ignore"):
            return float(value), sample_sums[0] / sample_sums[1]

    def rank_correlation(self, values: Floats, amounts: Floats) -> tuple[float, Floats]:
        """Return Spearman's rank correlation; ties share their mean rank."""
        in_samples = [_spearman(values[drawn], amounts[drawn]) for drawn in self.drawn]
        return _spearman(values, amounts), np.array(in_samples)


def compute_interval(figure: tuple[float, Floats]) -> Interval:
    """Return a figure with the middle 95 % of its values over the samples."""
    value, in_samples = figure
    low, high = np.nanpercentile(in_samples, [2.5, 97.5])
    return Interval(value, float(low), float(high))


def compute_difference(first: tuple[float, Floats], second: tuple[float, Floats]) -> Interval:
    """Return the difference between two figures on the same samples, with its interval."""
    return compute_interval((first[0] - second[0], first[1] - second[1]))


def rank_values(values: Floats) -> Floats:
    """Return ranks starting at 1 for the lowest value; equal values share their mean rank."""
    _, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    mean: Floats = (last - (count - 1) / 2.0)[inverse]
    return mean


def assign_thirds(values: Floats) -> NDArray[np.intp]:
    """Return 0, 1 or 2 for the lower, middle and upper third by rank."""
    return np.minimum((3 * (rank_values(values) - 1)) // len(values), 2).astype(np.intp)


def _spearman(a: Floats, b: Floats) -> float:
    x, y = rank_values(a), rank_values(b)
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x * x).sum() * (y * y).sum())
    return float((x * y).sum() / scale) if scale else float("nan")
