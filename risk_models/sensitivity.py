"""Analyse the sensitivity of ranks and scores to the weights of a model.

Rank ranges are simulated (with a fixed seed) because there is no closed form for them. Everything else about weights is in
``engine/robustness.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from risk_models.engine.frame import Cells, Floats, Scores, get_weight_shares
from risk_models.engine.robustness import compute_concentration
from risk_models.model import Model

DRAWS, SEED = 500, 2026
WEIGHT_INCREASE = 0.5  # the share by which a weight is raised


@dataclass(frozen=True)
class RankRange:
    """Ranks by score (n,), 1 being the highest: under the model's weights, and the range in 90 of 100 drawn weightings."""

    rank: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]


def compute_rank_ranges(scores: Scores, cells: Cells, model: Model, draws: int = DRAWS, seed: int = SEED) -> RankRange:
    """Return the ranks of n suppliers of one model under weights drawn as in ``robustness.toml``; floors apply under all."""
    share = get_weight_shares(model)[:, 0]
    drawn = np.random.default_rng(seed).dirichlet(compute_concentration(len(share)) * share, draws)
    ranks = np.array(
        [_rank_highest_first(np.maximum(100.0 * (w @ cells.effective), scores.floor_points)) for w in drawn]
    )
    low, high = np.percentile(ranks, [5, 95], axis=0, method="nearest")
    return RankRange(_rank_highest_first(scores.total), low.astype(np.int64), high.astype(np.int64))


def _rank_highest_first(points: Floats) -> NDArray[np.int64]:
    """Return ranks (n,), 1 for the highest; equal points (to 6 decimals) share the best rank."""
    rounded = np.round(points, 6)
    rank: NDArray[np.int64] = len(points) + 1 - np.searchsorted(np.sort(rounded), rounded, side="right")
    return rank


def compute_weight_effects(scores: Scores, cells: Cells, model: Model) -> Floats:
    """Return the average change in a supplier's score, up or down, when each weight is raised by half, in points (k,)."""
    share = get_weight_shares(model)
    base = (share * cells.effective).sum(axis=0)
    change = 100.0 * WEIGHT_INCREASE * share * (cells.effective - base) / (1.0 + WEIGHT_INCREASE * share)
    # If a floor determines a score, changes below it have no effect.
    score_change = np.maximum(100.0 * base + change, scores.floor_points) - np.maximum(
        100.0 * base, scores.floor_points
    )
    effects: Floats = np.abs(score_change).mean(axis=1)
    return effects
