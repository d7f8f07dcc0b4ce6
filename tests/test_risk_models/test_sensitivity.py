"""Which weights matter, and the range of ranks under other weights."""

from dataclasses import replace

import numpy as np
import pytest

from risk_models.engine.score import score
from risk_models.sensitivity import WEIGHT_INCREASE, compute_rank_ranges, compute_weight_effects
from tests.test_risk_models.suppliers import TOY, Cell, K, Supplier, build_frame


def build_supplier(*risks: float, severe: bool = False) -> Supplier:
    cells = [Cell(risk=r, context=0.1) for r in (risks * K)[:K]]
    if severe:
        position = next(i for i, indicator in enumerate(TOY.indicators) if indicator.severe)
        cells[position] = Cell(risk=1.0, context=0.1)
    return Supplier(cells=tuple(cells), belief=0.2)


def test_the_effect_of_a_weight_is_the_score_change_when_it_is_raised_by_half() -> None:
    suppliers = build_frame(build_supplier(0.1, 0.4), build_supplier(0.3, 0.2), build_supplier(0.45, 0.0))
    scores, cells = score(suppliers, TOY)
    assert (scores.floor_points == 0).all()
    effects = compute_weight_effects(scores, cells, TOY)
    for i in range(K):
        indicators = tuple(
            replace(indicator, weight=indicator.weight * (1 + WEIGHT_INCREASE * (j == i)))
            for j, indicator in enumerate(TOY.indicators)
        )
        raised, _ = score(suppliers, replace(TOY, indicators=indicators))
        assert effects[i] == pytest.approx(np.abs(raised.total - scores.total).mean())


def test_weights_do_not_matter_where_a_floor_holds_the_score() -> None:
    scores, cells = score(build_frame(build_supplier(0.0, severe=True)), TOY)
    assert scores.uplift[0] > 5
    assert compute_weight_effects(scores, cells, TOY) == pytest.approx(np.zeros(K))


def test_ranks_are_fixed_where_floors_decide_and_vary_where_weights_do() -> None:
    fixed, first, second = build_supplier(0.0, severe=True), build_supplier(0.4, 0.1), build_supplier(0.1, 0.4)
    ranges = compute_rank_ranges(*score(build_frame(fixed, first, second, first), TOY), TOY)
    assert (ranges.rank[0], ranges.low[0], ranges.high[0]) == (1, 1, 1)
    assert ranges.rank[1] == ranges.rank[3]  # equal suppliers share a rank
    assert ranges.low[2] < ranges.high[2]


def test_the_same_seed_gives_the_same_ranks() -> None:
    scores, cells = score(build_frame(build_supplier(0.4, 0.1), build_supplier(0.1, 0.4)), TOY)
    first, second = compute_rank_ranges(scores, cells, TOY), compute_rank_ranges(scores, cells, TOY)
    assert np.array_equal(first.low, second.low)
    assert np.array_equal(first.high, second.high)
