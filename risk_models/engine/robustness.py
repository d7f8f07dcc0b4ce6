"""How steady a level is: how likely it stays under other reasonable weights.

Weights are taken as drawn from a Dirichlet distribution around those of the model; ``steadiness.toml`` says how widely and why.
A score is then a weighted mean whose mean and variance are known in closed form, and a beta distribution with these moments
between its smallest and its largest value stands for it (exact where there are two values). Everything else stands: answers,
evidence, facts. The rules of the level are applied again: floors hold, "low" needs a bounded worst case, "critical" without
harm needs a critical inherent risk; and coverage, which weights change as well, decides on insufficient evidence. Where several
of these are open at once, they are joined as normal variables with the correlations of the weighted means.

Nothing here enters a score: exp and log are allowed.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from risk_models.engine.frame import (
    INSUFFICIENT,
    LEVEL_NAMES,
    MOMENTS,
    WORST_OF_LOW,
    Floats,
    Frame,
    Scores,
    get_weight_shares,
    take,
)
from risk_models.engine.score import BLOCK_CELLS, compute_blocks
from risk_models.model import LEVELS, Model

SPREAD = Path(__file__).with_name("robustness.toml")
CERTAIN: Final = 8.0  # standard deviations: as good as never or always
OPEN: Final = 3.5  # within so many standard deviations a bound may be crossed
HALF_OF_6_DECIMALS: Final = 5e-7  # levels are read off 6 decimals


def _rule(nodes: int) -> list[tuple[float, float]]:
    """Gauss-Legendre on 0..1: nodes and weights."""
    at, weights = np.polynomial.legendre.leggauss(nodes)
    return [((x + 1.0) / 2.0, w / 2.0) for x, w in zip(at.tolist(), weights.tolist(), strict=True)]


PAIR, TRIPLE = _rule(8), _rule(18)

# The weighted means that decide on a level, in this order.
SCORE, WORST, INHERENT, COVERAGE = range(4)


@cache
def compute_concentration(indicator_count: int) -> float:
    """The sum of the Dirichlet parameters for so many indicators: a weight of average size then has the spread of the file."""
    with SPREAD.open("rb") as file:
        spread = float(tomllib.load(file)["spread"])
    return indicator_count / spread**2 - 1.0


def compute_level_probabilities(frame: Frame, model: Model, scores: Scores) -> Floats:
    """How likely each level is under other reasonable weights: (5, n), 0..1, in the order of LEVEL_NAMES, columns adding up to 1.

    ``scores`` are those of the frame under the model.
    """
    n = frame.risk.shape[1]
    likely = np.empty((len(LEVEL_NAMES), n))
    for start in range(0, n, BLOCK_CELLS):
        here = slice(start, start + BLOCK_CELLS)
        likely[:, here] = _likely(take(frame, here), model, take(scores, here))
    return likely


def compute_robustness(frame: Frame, model: Model, scores: Scores) -> Floats:
    """How likely the level shown stays under other reasonable weights (n,), 0..1."""
    likely = compute_level_probabilities(frame, model, scores)
    shown: Floats = likely[scores.level, np.arange(likely.shape[1])]
    return shown


@dataclass(frozen=True)
class _Means:
    """Weighted means of n suppliers on the scale 0..1, each (4, n): the mean, and the smallest and largest value it may have.

    ``product`` (4, 4, n): the weighted means of the products of two, or of one with itself; only pairs a <= b are set.
    """

    mean: Floats
    lowest: Floats
    highest: Floats
    product: Floats
    concentration: float

    def spread(self, which: int) -> Floats:
        """The standard deviation of one weighted mean under drawn weights."""
        spread: Floats = np.sqrt(
            np.maximum(self.product[which, which] - self.mean[which] ** 2, 0.0) / (self.concentration + 1.0)
        )
        return spread


def _likely(frame: Frame, model: Model, scores: Scores) -> Floats:
    n = frame.risk.shape[1]
    means = _means(model, scores)
    bounds = np.array(list(model.levels.values())) / 100.0 - HALF_OF_6_DECIMALS / 100.0
    # How far each bound is from being crossed, in standard deviations: positive where the mean stays below it.
    below = [_distance(means, SCORE, bound) for bound in bounds]
    usual_below = [_distance(means, INHERENT, bound) for bound in bounds]
    uncovered = _distance(means, COVERAGE, model.insufficient_below)

    # What weights do not change: floors, what is settled, where the supplier is.
    for points, distance in zip(model.levels.values(), below, strict=True):
        distance[scores.floor >= points] = -CERTAIN
    may_be_low = (below[0] > -OPEN) & (scores.floor_worst < WORST_OF_LOW) & scores.core_settled
    if may_be_low.any():
        _add_worst(means, frame, model, np.flatnonzero(may_be_low))
    bounded = _distance(means, WORST, (WORST_OF_LOW - HALF_OF_6_DECIMALS) / 100.0)
    uncovered[~frame.place_known] = CERTAIN
    usual_below[2][frame.critical_by_silence & ~scores.harm] = CERTAIN
    lifted = scores.harm | scores.core_declined
    r = _correlations(means)

    def all_of(*events: tuple[Floats, int, float]) -> Floats:
        return _all_of([(sign * z, which, sign) for z, which, sign in events], r)

    # The chance of each level or a lower one, without and with the rule on evidence.
    enough, short = (uncovered, COVERAGE, -1.0), (uncovered, COVERAGE, 1.0)
    at_most = np.zeros((len(LEVELS), n))
    at_most[0] = all_of((below[0], SCORE, 1.0), (bounded, WORST, 1.0), enough)
    at_most[1] = all_of((below[1], SCORE, 1.0), enough)
    capped = all_of((below[2], SCORE, -1.0), (usual_below[2], INHERENT, -1.0), enough)
    answered = all_of(enough)
    at_most[2] = np.where(scores.harm, all_of((below[2], SCORE, 1.0), enough), answered - capped)
    at_most[3] = answered
    # Short of evidence, harm and a declined core question show a level that is not below that of the inherent risk.
    if lifted.any():
        lowest = np.where(bounded < below[0], bounded, below[0])
        silent = (
            all_of((lowest, SCORE, 1.0), (usual_below[0], INHERENT, 1.0), short),
            all_of((below[1], SCORE, 1.0), (usual_below[1], INHERENT, 1.0), short),
            np.where(
                scores.harm,
                all_of((below[2], SCORE, 1.0), (usual_below[2], INHERENT, 1.0), short),
                all_of((usual_below[2], INHERENT, 1.0), short),
            ),
            all_of(short),
        )
        at_most += np.where(lifted, np.array(silent), 0.0)
    at_most = np.maximum.accumulate(np.clip(at_most, 0.0, 1.0), axis=0)
    likely: Floats = np.empty((len(LEVEL_NAMES), n))
    likely[0], likely[1:INSUFFICIENT] = at_most[0], np.diff(at_most, axis=0)
    likely[INSUFFICIENT] = np.where(lifted, 0.0, 1.0 - at_most[-1])
    likely /= likely.sum(axis=0)
    return likely


def _means(model: Model, scores: Scores) -> _Means:
    """All but the worst case, which stands at its worst and is only needed where "low" is near: see _add_worst."""
    n = len(scores.total)
    moments = dict(zip(MOMENTS, scores.moments, strict=True))
    mean, lowest, highest, product = np.ones((4, n)), np.zeros((4, n)), np.ones((4, n)), np.zeros((4, 4, n))
    mean[SCORE], mean[INHERENT] = (scores.total - scores.uplift) / 100.0, scores.base / 100.0
    mean[COVERAGE] = product[COVERAGE, COVERAGE] = scores.coverage_alone
    lowest[SCORE], highest[SCORE] = moments["lowest"], moments["highest"]
    product[SCORE, SCORE], product[INHERENT, INHERENT] = moments["ee"], moments["cc"]
    product[SCORE, INHERENT] = moments["ec"]
    product[SCORE, COVERAGE], product[INHERENT, COVERAGE] = moments["e_covered"], moments["c_covered"]
    product[WORST, WORST] = 1.0
    return _Means(mean, lowest, highest, product, compute_concentration(len(model.indicators)))


def _add_worst(means: _Means, frame: Frame, model: Model, at: NDArray[np.intp]) -> None:
    """Works out the worst case of the suppliers at some places. That and the inherent risk never meet in one rule."""
    mean, product = np.zeros(at.size), np.zeros((3, at.size))
    share_of = get_weight_shares(model)
    for tile in compute_blocks(take(frame, at), model):
        weighted = share_of[tile.i] * tile.worst
        mean += weighted.sum(axis=0)
        product += [(weighted * other).sum(axis=0) for other in (tile.effective, tile.worst, tile.covers)]
    means.mean[WORST, at] = mean
    means.product[SCORE, WORST, at], means.product[WORST, WORST, at], means.product[WORST, COVERAGE, at] = product


def _distance(means: _Means, which: int, bound: float) -> Floats:
    """The normal deviate of the chance that a weighted mean stays below a bound, between -CERTAIN and CERTAIN.

    That of the beta distribution with the mean's moments, after Peizer and Pratt (1968), good to the third decimal.
    """
    mean, spread = means.mean[which], means.spread(which)
    lowest, highest = means.lowest[which], means.highest[which]
    z = np.where(mean < bound, CERTAIN, -CERTAIN)
    at = np.flatnonzero((np.abs(bound - mean) < CERTAIN * spread) & (lowest < bound) & (bound < highest))
    if not at.size:
        return z
    width = (highest - lowest)[at]
    m, x = (mean - lowest)[at] / width, (bound - lowest[at]) / width
    size = m * (1.0 - m) * (width / spread[at]) ** 2 - 1.0
    above, under = (1.0 - m) * size - 0.5, m * size - 0.5
    n, y = size - 1.0, 1.0 - x
    d = above + 1 / 6 - (n + 1 / 3) * y + 0.02 * (x / (above + 0.5) - y / (under + 0.5) + (x - 0.5) / (n + 1.0))
    off = above - n * y
    # above log(above / ny) + under log(under / nx), so that near the mean, where it is small, its digits are left.
    a, b = off / (n * y), -off / (n * x)
    exponent = n * (y * ((1.0 + a) * np.log1p(a) - a) + x * ((1.0 + b) * np.log1p(b) - b))
    near = np.abs(off) < 1e-8 * n
    slope = np.where(
        near, 1.0 / np.sqrt(n * x * y), np.sqrt(2.0 * np.maximum(exponent, 0.0)) / np.where(near, 1.0, np.abs(off))
    )
    z[at] = np.clip(d * slope / np.sqrt(1.0 + 1.0 / (6.0 * n)), -CERTAIN, CERTAIN)
    return z


def _correlations(means: _Means) -> Floats:
    """Correlations of the weighted means (4, 4, n), which say something where both may cross a bound."""
    r = np.zeros_like(means.product)
    spread = [means.spread(which) for which in range(4)]
    for a, b in combinations(range(4), 2):
        together = means.product[a, b] - means.mean[a] * means.mean[b]
        together /= (means.concentration + 1.0) * np.maximum(spread[a] * spread[b], 1e-12)
        r[a, b] = r[b, a] = np.clip(together, -0.999, 0.999)
    return r


def _normal(z: Floats) -> Floats:
    """The normal distribution function, to 1e-7 (Abramowitz and Stegun 26.2.17)."""
    t = 1.0 / (1.0 + 0.2316419 * np.abs(z))
    poly = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    tail = poly * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    below: Floats = np.where(z > 0, 1.0 - tail, tail)
    return below


def _all_of(events: list[tuple[Floats, int, float]], r: Floats) -> Floats:
    """The chance that up to three events all happen: each a normal deviate, the weighted mean it speaks of, and its side."""
    chance: Floats = np.prod([_normal(z) for z, _, _ in events], axis=0)
    is_open = np.array([np.abs(z) < OPEN for z, _, _ in events])
    possible = np.all([z > -OPEN for z, _, _ in events], axis=0)
    number = np.where(possible, is_open.sum(axis=0), 0)
    for a, b in combinations(range(len(events)), 2):
        at = np.flatnonzero(is_open[a] & is_open[b] & (number == 2))
        if at.size:
            chance[at] = _both(events[a][0][at], events[b][0][at], _together(events, a, b, r, at))
    at = np.flatnonzero(number == 3)
    if at.size:
        rho = {pair: _together(events, *pair, r, at) for pair in combinations(range(3), 2)}
        chance[at] = _three([z[at] for z, _, _ in events], rho)
    return chance


def _together(events: list[tuple[Floats, int, float]], a: int, b: int, r: Floats, at: NDArray[np.intp]) -> Floats:
    """The correlation of two events: that of their weighted means, turned where they lie on different sides."""
    correlation: Floats = events[a][2] * events[b][2] * r[events[a][1], events[b][1], at]
    return correlation


def _both(h: Floats, k: Floats, rho: Floats) -> Floats:
    """The bivariate normal distribution function (Drezner and Wesolowsky 1990)."""
    angle = np.arcsin(rho)
    total = np.zeros_like(h)
    for node, weight in PAIR:
        sine = np.sin(angle * node)
        total += weight * np.exp((h * k * sine - 0.5 * (h * h + k * k)) / (1.0 - sine * sine))
    both: Floats = np.clip(_normal(h) * _normal(k) + angle * total / (2.0 * np.pi), 0.0, 1.0)
    return both


def _three(h: list[Floats], rho: dict[tuple[int, int], Floats]) -> Floats:
    """The trivariate normal distribution function: the bivariate one, given the first, over all that the first may be."""
    lowest = -4.5  # what lies below is a few in a million
    width = h[0] - lowest
    first, second = (np.sqrt(1.0 - rho[0, b] ** 2) for b in (1, 2))
    left = np.clip((rho[1, 2] - rho[0, 1] * rho[0, 2]) / (first * second), -0.999, 0.999)
    total = np.zeros_like(width)
    for node, weight in TRIPLE:
        z = lowest + width * node
        density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
        total += weight * density * _both((h[1] - rho[0, 1] * z) / first, (h[2] - rho[0, 2] * z) / second, left)
    all_three: Floats = np.clip(total * width, 0.0, 1.0)
    return all_three
