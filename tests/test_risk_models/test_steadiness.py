"""How steady a level is, held against a referee that draws weights and lets the engine score again."""

from dataclasses import replace

import numpy as np
import pytest

from risk_models.engine.frame import LEVEL_NAMES, Frame, take
from risk_models.engine.robustness import compute_concentration, compute_level_probabilities, compute_robustness
from risk_models.engine.score import score
from risk_models.model import Model
from tests.test_risk_models.suppliers import CAN_BE_RULED_OUT, CORE, TOY, Cell, K, Supplier, frame

DRAWS, SUPPLIERS = 8_000, 60


def some_suppliers(seed: int, answered: float) -> Frame:
    """Suppliers of every kind, drawn: most cells answered or not asked, a few declined, expired, reported, ruled out."""
    draw = np.random.default_rng(seed)

    def cell(i: int, calm: float) -> Cell:
        kind = draw.random()
        return Cell(
            risk=round(float(draw.random() * calm), 2) if kind < answered else None,
            declined=kind > 0.985,
            expired=kind < 0.04,
            report=0.6 if draw.random() < 0.01 else None,
            ruled_out=i in CAN_BE_RULED_OUT and draw.random() < 0.1,
            context=round(float(draw.random()), 2),
            spread=(0.1, 0.1),
        )

    rows = []
    for _ in range(SUPPLIERS):
        calm = float(draw.choice([0.3, 0.6, 1.0]))
        rows.append(
            Supplier(
                cells=tuple(cell(i, calm) for i in range(K)),
                belief=float(draw.choice([0.2, 0.55, 0.8])),
                gate=bool(draw.random() < 0.1),
                place_known=bool(draw.random() < 0.9),
                critical_by_declined=bool(draw.random() < 0.2),
            )
        )
    return frame(*rows)


def referee(of: Frame, model: Model, draws: int, seed: int) -> np.ndarray:
    """The share of drawn weights under which the engine itself shows each level (5, n)."""
    weights = np.array([indicator.weight for indicator in model.indicators])
    seen = np.zeros((len(LEVEL_NAMES), of.risk.shape[1]))
    for drawn in np.random.default_rng(seed).dirichlet(compute_concentration(K) * weights / weights.sum(), draws):
        indicators = tuple(replace(i, weight=float(w)) for i, w in zip(model.indicators, drawn, strict=True))
        level = score(of, replace(model, indicators=indicators))[0].level
        seen[level, np.arange(len(level))] += 1
    return seen / draws


@pytest.mark.parametrize(("seed", "answered"), [(1, 0.6), (2, 0.8)])
def test_likely_levels_are_within_two_hundredths_of_a_referee_that_draws_weights(seed: int, answered: float) -> None:
    of = some_suppliers(seed, answered)
    likely, seen = compute_level_probabilities(of, TOY, score(of, TOY)[0]), referee(of, TOY, DRAWS, seed)
    noise = 3 * np.sqrt(np.maximum(seen * (1 - seen), 1 / DRAWS) / DRAWS)  # three standard errors of the referee itself
    assert ((seen.max(axis=0) < 0.95).sum()) >= 15, "few levels hang on weights: the referee would see nothing"
    assert (np.abs(likely - seen) <= 0.02 + noise).all()
    # Over all suppliers the noise of the referee evens out.
    assert np.abs(likely - seen).mean() < 0.004


def test_chances_add_up_to_one_and_the_level_shown_has_its_own() -> None:
    of = some_suppliers(3, 0.8)
    scores, _ = score(of, TOY)
    likely = compute_level_probabilities(of, TOY, scores)
    assert np.allclose(likely.sum(axis=0), 1.0)
    assert (likely >= 0).all()
    assert np.array_equal(compute_robustness(of, TOY, scores), likely[scores.level, np.arange(SUPPLIERS)])


def test_where_every_value_is_the_same_weights_change_nothing() -> None:
    calm = Supplier(cells=tuple(Cell(risk=0.1, context=0.1) for _ in range(K)), belief=0.8)
    of = frame(calm)
    scores, _ = score(of, TOY)
    assert LEVEL_NAMES[scores.level[0]] == "low"
    assert compute_robustness(of, TOY, scores)[0] == pytest.approx(1.0)


def test_a_floor_holds_whatever_the_weights() -> None:
    strong = next(i for i, indicator in enumerate(TOY.indicators) if indicator.severe)
    quiet = Supplier(cells=tuple(Cell(risk=0.0, context=0.1) for _ in range(K)), belief=0.8)
    harmed = quiet.with_cell(strong, risk=1.0)
    of = frame(harmed)
    scores, _ = score(of, TOY)
    assert scores.floor_points[0] >= 50
    assert compute_level_probabilities(of, TOY, scores)[: LEVEL_NAMES.index("high"), 0].sum() < 1e-6


@pytest.mark.parametrize(("by_silence", "likely_critical"), [(False, 1.0), (True, 0.0)])
def test_an_inherent_risk_that_is_critical_by_silence_alone_makes_no_level_critical_under_any_weights(
    by_silence: bool, likely_critical: float
) -> None:
    silent = Supplier(cells=tuple(Cell(declined=True, context=0.95) for _ in range(K)), critical_by_declined=by_silence)
    of = frame(silent)
    likely = compute_level_probabilities(of, TOY, score(of, TOY)[0])[:, 0]
    assert likely[LEVEL_NAMES.index("critical")] == pytest.approx(likely_critical, abs=1e-6)
    assert likely[LEVEL_NAMES.index("high")] == pytest.approx(1 - likely_critical, abs=1e-6)


@pytest.mark.parametrize("indicators", [8, 60])
def test_a_weight_of_average_size_varies_by_half_of_itself(indicators: int) -> None:
    size = 1 / indicators
    varies = np.sqrt(size * (1 - size) / (compute_concentration(indicators) + 1))  # the deviation of a Dirichlet share
    assert varies == pytest.approx(0.5 * size * np.sqrt(1 - size))


def test_an_unknown_place_is_insufficient_evidence_under_any_weights() -> None:
    lost = Supplier(cells=tuple(Cell(risk=0.3, context=0.5) for _ in range(K)), place_known=False)
    of = frame(lost)
    assert compute_robustness(of, TOY, score(of, TOY)[0])[0] == pytest.approx(1.0)


def test_a_supplier_alone_is_as_steady_as_among_others() -> None:
    of = some_suppliers(4, 0.7)
    together = compute_robustness(of, TOY, score(of, TOY)[0])
    alone = take(of, slice(7, 8))
    assert compute_robustness(alone, TOY, score(alone, TOY)[0])[0] == pytest.approx(together[7], abs=1e-12)


def test_coverage_near_its_bound_is_a_matter_of_weights() -> None:
    asked = [i for i in range(K) if i not in CORE][:1] + CORE
    half: list[Cell] = [Cell(context=0.6) for _ in range(K)]
    weight = 0.0
    for i in asked:
        if weight + TOY.indicators[i].weight <= 0.55 * TOY.total_weight:
            half[i], weight = Cell(risk=0.2, context=0.6), weight + TOY.indicators[i].weight
    of = frame(Supplier(cells=tuple(half), belief=0.4))
    assert 0.02 < compute_level_probabilities(of, TOY, score(of, TOY)[0])[-1, 0] < 0.98


def test_a_place_that_is_critical_by_silence_alone_is_high_under_any_weights() -> None:
    silent = Supplier(cells=(Cell(risk=0.0, context=0.9),) * K, belief=0.0, critical_by_declined=True)
    of = frame(silent)
    scores, _ = score(of, TOY)
    assert LEVEL_NAMES[scores.level[0]] == "high"
    assert compute_robustness(of, TOY, scores)[0] == pytest.approx(1.0)


def test_harm_where_core_questions_are_open_is_low_under_no_weights() -> None:
    reported = Supplier(cells=(Cell(context=0.1),) * K).with_cell(K - 1, report=0.1)
    of = frame(reported)
    scores, _ = score(of, TOY)
    assert LEVEL_NAMES[scores.level[0]] == "medium"
    assert compute_robustness(of, TOY, scores)[0] == pytest.approx(1.0)
