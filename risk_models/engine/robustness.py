"""Compute how robust a level is, which is the probability that it stays the same with other reasonable weights.

Weights are assumed to be drawn from a Dirichlet distribution around those of the model; ``robustness.toml`` defines how widely,
and why. A score is then a weighted mean whose mean and variance are known in closed form. It is approximated by the beta
distribution with these moments between its smallest and its largest value (this is exact if there are two values). Answers,
evidence and facts are fixed. The rules for the level are applied again: floors hold, Low requires a bounded worst case, and
Critical without harm requires a critical inherent risk. Coverage, which also changes with the weights, decides whether there is
insufficient evidence. If several of these conditions are uncertain at once, they are treated as jointly normal with the
correlations of the weighted means.

Nothing here is part of a score, so exp and log are allowed.
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

from risk_models.engine.blocks import BLOCK_CELLS, compute_blocks
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
from risk_models.model import LEVELS, Model

ROBUSTNESS_FILE = Path(__file__).with_name("robustness.toml")
CERTAIN: Final = 8.0  # in standard deviations: practically never or always
OPEN: Final = 3.5  # the number of standard deviations within which a bound may be crossed
HALF_OF_6_DECIMALS: Final = 5e-7  # levels are derived from scores rounded to 6 decimals


def _compute_quadrature(node_count: int) -> list[tuple[float, float]]:
    """Return the nodes and weights of Gauss-Legendre quadrature on 0..1."""
    nodes, weights = np.polynomial.legendre.leggauss(node_count)
    return [((x + 1.0) / 2.0, w / 2.0) for x, w in zip(nodes.tolist(), weights.tolist(), strict=True)]


BIVARIATE_NODES, TRIVARIATE_NODES = _compute_quadrature(8), _compute_quadrature(18)

# The weighted means that decide on a level, in this order.
SCORE, WORST, INHERENT, COVERAGE = range(4)

# An event "a weighted mean lies on one side of a bound": its normal deviate, the weighted mean, and the side (1.0 below).
Event = tuple[Floats, int, float]


@cache
def compute_concentration(indicator_count: int) -> float:
    """Return the sum of the Dirichlet parameters with which an average weight has the spread given in ``robustness.toml``."""
    with ROBUSTNESS_FILE.open("rb") as file:
        spread = float(tomllib.load(file)["spread"])
    return indicator_count / spread**2 - 1.0


def compute_level_probabilities(frame: Frame, model: Model, scores: Scores) -> Floats:
    """Return the probability of each level with other reasonable weights (5, n), in the order of LEVEL_NAMES.

    ``scores``: the scores of the frame under the model. Each column adds up to 1.
    """
    n = frame.risk.shape[1]
    probabilities = np.empty((len(LEVEL_NAMES), n))
    for start in range(0, n, BLOCK_CELLS):
        suppliers = slice(start, start + BLOCK_CELLS)
        probabilities[:, suppliers] = _compute_probabilities(take(frame, suppliers), model, take(scores, suppliers))
    return probabilities


def compute_robustness(frame: Frame, model: Model, scores: Scores) -> Floats:
    """Return the probability (n,) that the level shown stays the same with other reasonable weights."""
    probabilities = compute_level_probabilities(frame, model, scores)
    robustness: Floats = probabilities[scores.level, np.arange(probabilities.shape[1])]
    return robustness


@dataclass(frozen=True)
class _WeightedMeans:
    """Weighted means of n suppliers on the scale 0..1, each (4, n): the mean, and the smallest and largest value it may have.

    ``product`` (4, 4, n): the weighted means of the products of two, or of one with itself; only pairs a <= b are set.
    """

    mean: Floats
    lowest: Floats
    highest: Floats
    product: Floats
    concentration: float

    def compute_deviation(self, which: int) -> Floats:
        """Return the standard deviation of one weighted mean under drawn weights."""
        deviation: Floats = np.sqrt(
            np.maximum(self.product[which, which] - self.mean[which] ** 2, 0.0) / (self.concentration + 1.0)
        )
        return deviation


@dataclass(frozen=True)
class _Deviates:
    """The distance of each weighted mean from its bound, in standard deviations: positive if the mean is below the bound.

    ``score`` and ``inherent``: for the bound of each level; ``worst``: for the bound of Low; ``coverage``: for sufficient
    evidence.
    """

    score: list[Floats]
    inherent: list[Floats]
    worst: Floats
    coverage: Floats


def _compute_probabilities(frame: Frame, model: Model, scores: Scores) -> Floats:
    means = _build_weighted_means(model, scores)
    deviates = _compute_deviates(means, frame, model, scores)
    at_most = _compute_cumulative(deviates, _compute_correlations(means), scores)
    probabilities: Floats = np.empty((len(LEVEL_NAMES), frame.risk.shape[1]))
    probabilities[0], probabilities[1:INSUFFICIENT] = at_most[0], np.diff(at_most, axis=0)
    probabilities[INSUFFICIENT] = np.where(scores.harm | scores.core_declined, 0.0, 1.0 - at_most[-1])
    probabilities /= probabilities.sum(axis=0)
    return probabilities


def _compute_deviates(means: _WeightedMeans, frame: Frame, model: Model, scores: Scores) -> _Deviates:
    """Return the deviates of all bounds; adds the worst case to the means if Low is possible."""
    bounds = np.array(list(model.levels.values())) / 100.0 - HALF_OF_6_DECIMALS / 100.0
    below = [_compute_deviate(means, SCORE, bound) for bound in bounds]
    inherent_below = [_compute_deviate(means, INHERENT, bound) for bound in bounds]
    uncovered = _compute_deviate(means, COVERAGE, model.insufficient_below)

    # Weights do not change floors, which questions are settled, or whether country and sector are known.
    for points, deviate in zip(model.levels.values(), below, strict=True):
        deviate[scores.floor_points >= points] = -CERTAIN
    may_be_low = (below[0] > -OPEN) & (scores.worst_floor_points < WORST_OF_LOW) & scores.core_settled
    if may_be_low.any():
        _add_worst_case(means, frame, model, np.flatnonzero(may_be_low))
    bounded = _compute_deviate(means, WORST, (WORST_OF_LOW - HALF_OF_6_DECIMALS) / 100.0)
    uncovered[~frame.place_known] = CERTAIN
    inherent_below[2][frame.critical_by_declined & ~scores.harm] = CERTAIN
    return _Deviates(below, inherent_below, bounded, uncovered)


def _compute_cumulative(deviates: _Deviates, correlations: Floats, scores: Scores) -> Floats:
    """Return the probability of each of LEVELS or a lower level (4, n), without insufficient evidence."""
    below, inherent_below, bounded = deviates.score, deviates.inherent, deviates.worst

    def joint(*events: Event) -> Floats:
        return _compute_joint_probability([(side * z, which, side) for z, which, side in events], correlations)

    # First with sufficient evidence, then without.
    sufficient, insufficient = (deviates.coverage, COVERAGE, -1.0), (deviates.coverage, COVERAGE, 1.0)
    at_most = np.zeros((len(LEVELS), len(scores.total)))
    at_most[0] = joint((below[0], SCORE, 1.0), (bounded, WORST, 1.0), sufficient)
    at_most[1] = joint((below[1], SCORE, 1.0), sufficient)
    capped = joint((below[2], SCORE, -1.0), (inherent_below[2], INHERENT, -1.0), sufficient)
    any_level = joint(sufficient)
    at_most[2] = np.where(scores.harm, joint((below[2], SCORE, 1.0), sufficient), any_level - capped)
    at_most[3] = any_level
    # If evidence is insufficient, harm or a declined core question gives a level no lower than that of the inherent risk.
    has_level_anyway = scores.harm | scores.core_declined
    if has_level_anyway.any():
        lowest = np.where(bounded < below[0], bounded, below[0])
        without_evidence = (
            joint((lowest, SCORE, 1.0), (inherent_below[0], INHERENT, 1.0), insufficient),
            joint((below[1], SCORE, 1.0), (inherent_below[1], INHERENT, 1.0), insufficient),
            np.where(
                scores.harm,
                joint((below[2], SCORE, 1.0), (inherent_below[2], INHERENT, 1.0), insufficient),
                joint((inherent_below[2], INHERENT, 1.0), insufficient),
            ),
            joint(insufficient),
        )
        at_most += np.where(has_level_anyway, np.array(without_evidence), 0.0)
    cumulative: Floats = np.maximum.accumulate(np.clip(at_most, 0.0, 1.0), axis=0)
    return cumulative


def _build_weighted_means(model: Model, scores: Scores) -> _WeightedMeans:
    """Return all weighted means, with the worst case at its maximum; :func:`_add_worst_case` computes it where it matters."""
    n = len(scores.total)
    moments = dict(zip(MOMENTS, scores.moments, strict=True))
    mean, lowest, highest, product = np.ones((4, n)), np.zeros((4, n)), np.ones((4, n)), np.zeros((4, 4, n))
    mean[SCORE], mean[INHERENT] = (scores.total - scores.uplift) / 100.0, scores.base / 100.0
    mean[COVERAGE] = product[COVERAGE, COVERAGE] = scores.coverage_without_reports
    lowest[SCORE], highest[SCORE] = moments["lowest"], moments["highest"]
    product[SCORE, SCORE], product[INHERENT, INHERENT] = moments["ee"], moments["cc"]
    product[SCORE, INHERENT] = moments["ec"]
    product[SCORE, COVERAGE], product[INHERENT, COVERAGE] = moments["e_covered"], moments["c_covered"]
    product[WORST, WORST] = 1.0
    return _WeightedMeans(mean, lowest, highest, product, compute_concentration(len(model.indicators)))


def _add_worst_case(means: _WeightedMeans, frame: Frame, model: Model, at: NDArray[np.intp]) -> None:
    """Add the worst case of the suppliers at some positions. No rule reads both it and the inherent risk."""
    mean, product = np.zeros(at.size), np.zeros((3, at.size))
    shares = get_weight_shares(model)
    for block in compute_blocks(take(frame, at), model):
        weighted = shares[block.indicators] * block.worst
        mean += weighted.sum(axis=0)
        product += [(weighted * factor).sum(axis=0) for factor in (block.effective, block.worst, block.covered)]
    means.mean[WORST, at] = mean
    means.product[SCORE, WORST, at], means.product[WORST, WORST, at], means.product[WORST, COVERAGE, at] = product


def _compute_deviate(means: _WeightedMeans, which: int, bound: float) -> Floats:
    """Return the normal deviate of the probability that a weighted mean stays below a bound, between -CERTAIN and CERTAIN.

    The probability is that of the beta distribution with the same moments, after Peizer and Pratt (1968), good to three decimals.
    """
    mean, deviation = means.mean[which], means.compute_deviation(which)
    lowest, highest = means.lowest[which], means.highest[which]
    z = np.where(mean < bound, CERTAIN, -CERTAIN)
    at = np.flatnonzero((np.abs(bound - mean) < CERTAIN * deviation) & (lowest < bound) & (bound < highest))
    if not at.size:
        return z
    width = (highest - lowest)[at]
    m, x = (mean - lowest)[at] / width, (bound - lowest[at]) / width
    size = m * (1.0 - m) * (width / deviation[at]) ** 2 - 1.0
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


def _compute_correlations(means: _WeightedMeans) -> Floats:
    """Return the correlations of the weighted means (4, 4, n), which matter if both of them may cross a bound."""
    correlations = np.zeros_like(means.product)
    deviations = [means.compute_deviation(which) for which in range(4)]
    for a, b in combinations(range(4), 2):
        covariance = means.product[a, b] - means.mean[a] * means.mean[b]
        covariance /= (means.concentration + 1.0) * np.maximum(deviations[a] * deviations[b], 1e-12)
        correlations[a, b] = correlations[b, a] = np.clip(covariance, -0.999, 0.999)
    return correlations


def _compute_normal_cdf(z: Floats) -> Floats:
    """Return the normal distribution function, accurate to 1e-7 (Abramowitz and Stegun 26.2.17)."""
    t = 1.0 / (1.0 + 0.2316419 * np.abs(z))
    poly = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    tail = poly * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    below: Floats = np.where(z > 0, 1.0 - tail, tail)
    return below


def _compute_joint_probability(events: list[Event], correlations: Floats) -> Floats:
    """Return the probability that all of up to three events happen."""
    probability: Floats = np.prod([_compute_normal_cdf(z) for z, _, _ in events], axis=0)
    is_open = np.array([np.abs(z) < OPEN for z, _, _ in events])
    possible = np.all([z > -OPEN for z, _, _ in events], axis=0)
    open_count = np.where(possible, is_open.sum(axis=0), 0)
    for a, b in combinations(range(len(events)), 2):
        at = np.flatnonzero(is_open[a] & is_open[b] & (open_count == 2))
        if at.size:
            rho = _get_event_correlation(events, a, b, correlations, at)
            probability[at] = _compute_bivariate_cdf(events[a][0][at], events[b][0][at], rho)
    at = np.flatnonzero(open_count == 3)
    if at.size:
        rhos = {pair: _get_event_correlation(events, *pair, correlations, at) for pair in combinations(range(3), 2)}
        probability[at] = _compute_trivariate_cdf([z[at] for z, _, _ in events], rhos)
    return probability


def _get_event_correlation(events: list[Event], a: int, b: int, correlations: Floats, at: NDArray[np.intp]) -> Floats:
    """Return the correlation of two events: that of their weighted means, negated if the events are on different sides."""
    correlation: Floats = events[a][2] * events[b][2] * correlations[events[a][1], events[b][1], at]
    return correlation


def _compute_bivariate_cdf(h: Floats, k: Floats, rho: Floats) -> Floats:
    """Return the bivariate normal distribution function (Drezner and Wesolowsky 1990)."""
    angle = np.arcsin(rho)
    total = np.zeros_like(h)
    for node, weight in BIVARIATE_NODES:
        sine = np.sin(angle * node)
        total += weight * np.exp((h * k * sine - 0.5 * (h * h + k * k)) / (1.0 - sine * sine))
    independent = _compute_normal_cdf(h) * _compute_normal_cdf(k)
    probability: Floats = np.clip(independent + angle * total / (2.0 * np.pi), 0.0, 1.0)
    return probability


def _compute_trivariate_cdf(h: list[Floats], rho: dict[tuple[int, int], Floats]) -> Floats:
    """Return the trivariate normal distribution function: the bivariate one, given the first value, integrated over it."""
    lowest = -4.5  # the probability below this is a few in a million
    width = h[0] - lowest
    first, second = (np.sqrt(1.0 - rho[0, b] ** 2) for b in (1, 2))
    partial_rho = np.clip((rho[1, 2] - rho[0, 1] * rho[0, 2]) / (first * second), -0.999, 0.999)
    total = np.zeros_like(width)
    for node, weight in TRIVARIATE_NODES:
        z = lowest + width * node
        density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
        given_first = _compute_bivariate_cdf(
            (h[1] - rho[0, 1] * z) / first, (h[2] - rho[0, 2] * z) / second, partial_rho
        )
        total += weight * density * given_first
    probability: Floats = np.clip(total * width, 0.0, 1.0)
    return probability
