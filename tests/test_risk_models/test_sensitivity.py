"""Which weights matter, and how far ranks reach under others."""

from dataclasses import replace

import numpy as np
import pytest

from risk_models.engine.score import score
from risk_models.sensitivity import WEIGHT_INCREASE, compute_rank_ranges, compute_weight_effects
from tests.test_risk_models.suppliers import TOY, Cell, K, Supplier, frame


def supplier(*risks: float, strong: bool = False) -> Supplier:
    cells = [Cell(risk=r, context=0.1) for r in (risks * K)[:K]]
    if strong:
        at = next(i for i, indicator in enumerate(TOY.indicators) if indicator.strong)
        cells[at] = Cell(risk=1.0, context=0.1)
    return Supplier(cells=tuple(cells), belief=0.2)


def test_a_weight_matters_by_what_the_engine_says_when_it_is_half_as_large_again() -> None:
    of = frame(supplier(0.1, 0.4), supplier(0.3, 0.2), supplier(0.45, 0.0))
    scores, cells = score(of, TOY)
    assert (scores.floor == 0).all()
    effects = compute_weight_effects(scores, cells, TOY)
    for i in range(K):
        indicators = tuple(
            replace(indicator, weight=indicator.weight * (1 + WEIGHT_INCREASE * (j == i)))
            for j, indicator in enumerate(TOY.indicators)
        )
        again, _ = score(of, replace(TOY, indicators=indicators))
        assert effects[i] == pytest.approx(np.abs(again.total - scores.total).mean())


def test_weights_do_not_matter_where_a_floor_holds_the_score() -> None:
    scores, cells = score(frame(supplier(0.0, strong=True)), TOY)
    assert scores.uplift[0] > 5
    assert compute_weight_effects(scores, cells, TOY) == pytest.approx(np.zeros(K))


def test_ranks_hold_where_floors_hold_and_reach_where_weights_decide() -> None:
    held, one, other = supplier(0.0, strong=True), supplier(0.4, 0.1), supplier(0.1, 0.4)
    ranges = compute_rank_ranges(*score(frame(held, one, other, one), TOY), TOY)
    assert (ranges.rank[0], ranges.low[0], ranges.high[0]) == (1, 1, 1)
    assert ranges.rank[1] == ranges.rank[3]  # equal suppliers share a rank
    assert ranges.low[2] < ranges.high[2]


def test_a_seed_gives_the_same_ranks_again() -> None:
    scores, cells = score(frame(supplier(0.4, 0.1), supplier(0.1, 0.4)), TOY)
    first, second = compute_rank_ranges(scores, cells, TOY), compute_rank_ranges(scores, cells, TOY)
    assert np.array_equal(first.low, second.low)
    assert np.array_equal(first.high, second.high)
