"""What hangs on weights: how far ranks reach under other reasonable weights, and which weights matter most.

Ranks are drawn (seeded), since no closed form serves them; everything else about weights is in ``steadiness.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from risk_models.engine.frame import Cells, Floats, Scores, shares
from risk_models.engine.robustness import concentration
from risk_models.model import Model

DRAWS, SEED = 500, 2026
WEIGHT_INCREASE = 0.5  # a weight half as large again


@dataclass(frozen=True)
class RankRange:
    """Ranks by score (n,), 1 the highest: under the model's weights, and the range of 90 of 100 drawn ones."""

    rank: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]


def compute_rank_ranges(scores: Scores, cells: Cells, model: Model, draws: int = DRAWS, seed: int = SEED) -> RankRange:
    """Ranks of n suppliers of one model under weights drawn as in ``steadiness.toml``; floors hold under any weights."""
    share = shares(model)[:, 0]
    weights = np.random.default_rng(seed).dirichlet(concentration(len(share)) * share, draws)
    ranks = np.array([_ranks(np.maximum(100.0 * (drawn @ cells.effective), scores.floor)) for drawn in weights])
    low, high = np.percentile(ranks, [5, 95], axis=0, method="nearest")
    return RankRange(_ranks(scores.total), low.astype(np.int64), high.astype(np.int64))


def _ranks(points: Floats) -> NDArray[np.int64]:
    """1 for the highest; equal points (to 6 decimals) share the best rank."""
    rounded = np.round(points, 6)
    rank: NDArray[np.int64] = len(points) + 1 - np.searchsorted(np.sort(rounded), rounded, side="right")
    return rank


def compute_weight_effects(scores: Scores, cells: Cells, model: Model) -> Floats:
    """By how many points each weight, half as large again, moves the score of a supplier on average, up or down (k,)."""
    share = shares(model)
    plain = (share * cells.effective).sum(axis=0)
    moved = 100.0 * WEIGHT_INCREASE * share * (cells.effective - plain) / (1.0 + WEIGHT_INCREASE * share)
    # A floor that holds a score up hides what moves below it.
    after = np.maximum(100.0 * plain + moved, scores.floor) - np.maximum(100.0 * plain, scores.floor)
    effects: Floats = np.abs(after).mean(axis=1)
    return effects
