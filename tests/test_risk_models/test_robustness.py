"""Test robustness against a simulation that draws weights and scores again with the engine."""

from dataclasses import replace

import numpy as np
import pytest

from risk_models.engine.frame import LEVEL_NAMES, Frame, take
from risk_models.engine.robustness import compute_concentration, compute_level_probabilities, compute_robustness
from risk_models.engine.score import score
from risk_models.model import Model
from tests.test_risk_models.suppliers import CAN_BE_RULED_OUT, CORE, TOY, Cell, K, Supplier, build_frame

DRAWS, SUPPLIERS = 8_000, 60


def draw_suppliers(seed: int, answered: float) -> Frame:
    """Draw suppliers of every kind: most cells answered or not asked, a few declined, expired, reported or ruled out."""
    rng = np.random.default_rng(seed)

    def draw_cell(i: int, scale: float) -> Cell:
        state = rng.random()
        return Cell(
            risk=round(float(rng.random() * scale), 2) if state < answered else None,
            declined=state > 0.985,
            expired=state < 0.04,
            report=0.6 if rng.random() < 0.01 else None,
            ruled_out=i in CAN_BE_RULED_OUT and rng.random() < 0.1,
            context=round(float(rng.random()), 2),
            spread=(0.1, 0.1),
        )

    rows = []
    for _ in range(SUPPLIERS):
        scale = float(rng.choice([0.3, 0.6, 1.0]))
        rows.append(
            Supplier(
                cells=tuple(draw_cell(i, scale) for i in range(K)),
                belief=float(rng.choice([0.2, 0.55, 0.8])),
                screened=bool(rng.random() < 0.1),
                place_known=bool(rng.random() < 0.9),
                critical_by_declined=bool(rng.random() < 0.2),
            )
        )
    return build_frame(*rows)


def simulate_levels(frame: Frame, model: Model, draws: int, seed: int) -> np.ndarray:
    """Return the share of drawn weights under which the engine itself gives each level (5, n)."""
    weights = np.array([indicator.weight for indicator in model.indicators])
    simulated = np.zeros((len(LEVEL_NAMES), frame.risk.shape[1]))
    for drawn in np.random.default_rng(seed).dirichlet(compute_concentration(K) * weights / weights.sum(), draws):
        indicators = tuple(replace(i, weight=float(w)) for i, w in zip(model.indicators, drawn, strict=True))
        level = score(frame, replace(model, indicators=indicators))[0].level
        simulated[level, np.arange(len(level))] += 1
    return simulated / draws


@pytest.mark.parametrize(("seed", "answered"), [(1, 0.6), pytest.param(2, 0.8, marks=pytest.mark.long)])
def test_level_probabilities_are_within_two_hundredths_of_a_simulation_with_drawn_weights(
    seed: int, answered: float
) -> None:
    frame = draw_suppliers(seed, answered)
    probabilities, simulated = (
        compute_level_probabilities(frame, TOY, score(frame, TOY)[0]),
        simulate_levels(frame, TOY, DRAWS, seed),
    )
    noise = 3 * np.sqrt(
        np.maximum(simulated * (1 - simulated), 1 / DRAWS) / DRAWS
    )  # three standard errors of the simulation itself
    assert ((simulated.max(axis=0) < 0.95).sum()) >= 15, (
        "few levels depend on weights: the simulation would show nothing"
    )
    assert (np.abs(probabilities - simulated) <= 0.02 + noise).all()
    # Over all suppliers the noise of the simulation averages out.
    assert np.abs(probabilities - simulated).mean() < 0.004


def test_probabilities_add_up_to_one_and_robustness_is_that_of_the_level_shown() -> None:
    frame = draw_suppliers(3, 0.8)
    scores, _ = score(frame, TOY)
    probabilities = compute_level_probabilities(frame, TOY, scores)
    assert np.allclose(probabilities.sum(axis=0), 1.0)
    assert (probabilities >= 0).all()
    assert np.array_equal(compute_robustness(frame, TOY, scores), probabilities[scores.level, np.arange(SUPPLIERS)])


def test_a_level_is_certain_where_every_indicator_has_the_same_value() -> None:
    uniform = Supplier(cells=tuple(Cell(risk=0.1, context=0.1) for _ in range(K)), belief=0.8)
    frame = build_frame(uniform)
    scores, _ = score(frame, TOY)
    assert LEVEL_NAMES[scores.level[0]] == "low"
    assert compute_robustness(frame, TOY, scores)[0] == pytest.approx(1.0)


def test_a_floor_applies_under_any_weights() -> None:
    severe = next(i for i, indicator in enumerate(TOY.indicators) if indicator.severe)
    low_risk = Supplier(cells=tuple(Cell(risk=0.0, context=0.1) for _ in range(K)), belief=0.8)
    harmed = low_risk.with_cell(severe, risk=1.0)
    frame = build_frame(harmed)
    scores, _ = score(frame, TOY)
    assert scores.floor_points[0] >= 50
    assert compute_level_probabilities(frame, TOY, scores)[: LEVEL_NAMES.index("high"), 0].sum() < 1e-6


@pytest.mark.parametrize(("by_declined", "p_critical"), [(False, 1.0), (True, 0.0)])
def test_an_inherent_risk_that_is_critical_by_declined_facts_alone_makes_no_level_critical(
    by_declined: bool, p_critical: float
) -> None:
    declined = Supplier(
        cells=tuple(Cell(declined=True, context=0.95) for _ in range(K)), critical_by_declined=by_declined
    )
    frame = build_frame(declined)
    probabilities = compute_level_probabilities(frame, TOY, score(frame, TOY)[0])[:, 0]
    assert probabilities[LEVEL_NAMES.index("critical")] == pytest.approx(p_critical, abs=1e-6)
    assert probabilities[LEVEL_NAMES.index("high")] == pytest.approx(1 - p_critical, abs=1e-6)


@pytest.mark.parametrize("indicators", [8, 60])
def test_a_weight_of_average_size_has_a_standard_deviation_of_half_its_size(indicators: int) -> None:
    size = 1 / indicators
    deviation = np.sqrt(size * (1 - size) / (compute_concentration(indicators) + 1))  # of a Dirichlet share
    assert deviation == pytest.approx(0.5 * size * np.sqrt(1 - size))


def test_an_unknown_place_is_insufficient_evidence_under_any_weights() -> None:
    unknown_place = Supplier(cells=tuple(Cell(risk=0.3, context=0.5) for _ in range(K)), place_known=False)
    frame = build_frame(unknown_place)
    assert compute_robustness(frame, TOY, score(frame, TOY)[0])[0] == pytest.approx(1.0)


def test_robustness_is_the_same_alone_or_among_others() -> None:
    frame = draw_suppliers(4, 0.7)
    together = compute_robustness(frame, TOY, score(frame, TOY)[0])
    alone = take(frame, slice(7, 8))
    assert compute_robustness(alone, TOY, score(alone, TOY)[0])[0] == pytest.approx(together[7], abs=1e-12)


def test_near_the_bound_of_coverage_weights_decide_on_sufficient_evidence() -> None:
    asked = [i for i in range(K) if i not in CORE][:1] + CORE
    half: list[Cell] = [Cell(context=0.6) for _ in range(K)]
    weight = 0.0
    for i in asked:
        if weight + TOY.indicators[i].weight <= 0.55 * TOY.total_weight:
            half[i], weight = Cell(risk=0.2, context=0.6), weight + TOY.indicators[i].weight
    frame = build_frame(Supplier(cells=tuple(half), belief=0.4))
    assert 0.02 < compute_level_probabilities(frame, TOY, score(frame, TOY)[0])[-1, 0] < 0.98


def test_a_place_that_is_critical_by_declined_facts_alone_is_high_under_any_weights() -> None:
    declined = Supplier(cells=(Cell(risk=0.0, context=0.9),) * K, belief=0.0, critical_by_declined=True)
    frame = build_frame(declined)
    scores, _ = score(frame, TOY)
    assert LEVEL_NAMES[scores.level[0]] == "high"
    assert compute_robustness(frame, TOY, scores)[0] == pytest.approx(1.0)


def test_harm_with_open_core_questions_is_never_low() -> None:
    reported = Supplier(cells=(Cell(context=0.1),) * K).with_cell(K - 1, report=0.1)
    frame = build_frame(reported)
    scores, _ = score(frame, TOY)
    assert LEVEL_NAMES[scores.level[0]] == "medium"
    assert compute_robustness(frame, TOY, scores)[0] == pytest.approx(1.0)
