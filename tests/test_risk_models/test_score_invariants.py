"""Test the invariants of the method as properties of drawn suppliers (docs/method.md, "Invariants")."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from risk_models.engine.frame import ANSWERED, LEVEL_NAMES, MOMENTS
from risk_models.engine.score import compute_queue_rank, score
from tests.test_risk_models.suppliers import CORE, SCREENED, TOY, K, Supplier, build_frame, share, suppliers

HIGH, CRITICAL = LEVEL_NAMES.index("high"), LEVEL_NAMES.index("critical")
LOW = LEVEL_NAMES.index("low")
SMALL = 1e-9
indicator = st.integers(0, K - 1)


def score_one(supplier: Supplier):  # type: ignore[no-untyped-def]
    """Return the results of one supplier as numbers."""
    scores, cells = score(build_frame(supplier), TOY)
    return {
        name: getattr(scores, name)[0]
        for name in "total best worst base uplift coverage confidence level inherent_level".split()
    } | {
        "points": cells.contributions[:, 0],
        "floors": scores.floors[:, 0],
        "state": cells.state[:, 0],
        "effective": cells.effective[:, 0],
        "practice": scores.practice[0],
        "practice_of": scores.practice_of[0],
        "rank": compute_queue_rank(scores.level, scores.inherent_level)[0],
        "harm": scores.harm[0],
    }


def get_queue_position(result) -> tuple:  # type: ignore[no-untyped-def, type-arg]
    """Return the sort key of a supplier in the queue: smaller comes first."""
    return (result["rank"], -result["base"], -result["worst"], -result["total"])


@given(suppliers())
def test_points_and_uplift_add_up_to_the_score(supplier: Supplier) -> None:
    result = score_one(supplier)
    assert abs(result["base"] + result["points"].sum() + result["uplift"] - result["total"]) < SMALL
    assert 0 <= result["total"] <= 100 + SMALL


@given(suppliers())
def test_moments_are_those_of_the_effective_risks_and_contexts(supplier: Supplier) -> None:
    scores, cells = score(build_frame(supplier), TOY)
    e, c, share = cells.effective[:, 0], cells.contexts[:, 0], cells.share[:, 0]
    covered = (cells.state[:, 0] == ANSWERED).astype(float)
    covered[[cell.report is not None for cell in supplier.cells]] = np.nan  # only their own answers cover these
    moments = dict(zip(MOMENTS, scores.moments[:, 0], strict=True))
    assert (moments["lowest"], moments["highest"]) == (e.min(), e.max())
    for name, values in {
        "ee": e * e,
        "ec": e * c,
        "cc": c * c,
        "e_covered": e * covered,
        "c_covered": c * covered,
    }.items():
        assert np.isnan(values).any() or moments[name] == pytest.approx((share * values).sum(), abs=SMALL), name


@given(suppliers())
def test_the_range_contains_the_score(supplier: Supplier) -> None:
    result = score_one(supplier)
    assert result["best"] <= result["total"] <= result["worst"] <= 100


@given(suppliers(), indicator, share, share)
def test_a_worse_answer_never_lowers_a_score(supplier: Supplier, i: int, a: float, b: float) -> None:
    better, worse = (score_one(supplier.with_cell(i, risk=r, declined=False, expired=False)) for r in sorted((a, b)))
    assert worse["total"] >= better["total"] - SMALL
    assert worse["worst"] >= better["worst"] - SMALL


@given(suppliers(), indicator, share)
def test_a_worse_context_never_lowers_a_score(supplier: Supplier, i: int, more: float) -> None:
    before = supplier.with_cell(i, spread=(0.0, 0.0))
    context = before.cells[i].context
    after = before.with_cell(i, context=context + (1 - context) * more)
    assert score_one(after)["total"] >= score_one(before)["total"] - SMALL


@given(suppliers(), indicator, share)
def test_recording_more_harm_lowers_nothing(supplier: Supplier, i: int, report: float) -> None:
    known = supplier.cells[i].report
    before, after = (
        score_one(supplier),
        score_one(supplier.with_cell(i, report=report if known is None else max(known, report))),
    )
    for number in ("total", "best", "worst"):
        assert after[number] >= before[number] - SMALL, number
    assert (after["floors"] >= before["floors"]).all()
    assert after["harm"]
    if not (supplier.screened and i in SCREENED):
        assert after["coverage"] >= before["coverage"] - SMALL
        assert after["confidence"] >= before["confidence"] - SMALL
    assert get_queue_position(after) <= tuple(np.add(get_queue_position(before), (0, SMALL, SMALL, SMALL)))


@given(suppliers(), st.sampled_from([(0, 1), (1, 2), (2, 3), (0, 3)]))
def test_more_case_evidence_lowers_nothing(supplier: Supplier, step: tuple[int, int]) -> None:
    before, after = (score_one(replace(supplier, case=case)) for case in step)
    for number in ("total", "best", "worst", "coverage", "confidence"):
        assert after[number] >= before[number] - SMALL, number
    assert after["rank"] <= before["rank"]


@given(suppliers(), share, share)
def test_better_evidence_for_reassuring_answers_never_raises_a_score(supplier: Supplier, a: float, b: float) -> None:
    weaker, stronger = (score_one(replace(supplier, belief=q)) for q in sorted((a, b)))
    assert stronger["total"] <= weaker["total"] + SMALL
    assert stronger["worst"] <= weaker["worst"] + SMALL


@given(suppliers(), indicator, st.floats(0, 0.499))
def test_fresher_evidence_for_a_reassuring_answer_never_raises_a_score(supplier: Supplier, i: int, r: float) -> None:
    old, fresh = (
        score_one(supplier.with_cell(i, risk=r, declined=False, expired=expired)) for expired in (True, False)
    )
    assert fresh["total"] <= old["total"] + SMALL


@given(suppliers(), indicator, share)
def test_declining_a_question_never_scores_better_than_the_truth(supplier: Supplier, i: int, truth: float) -> None:
    assume(not (supplier.screened and i in SCREENED))
    truthful = score_one(supplier.with_cell(i, risk=truth, declined=False, expired=False))
    declined = score_one(supplier.with_cell(i, risk=None, declined=True, expired=False))
    assert declined["total"] >= truthful["total"] - SMALL
    assert declined["points"][i] >= truthful["points"][i] - SMALL


@given(suppliers(), st.sampled_from(CORE))
def test_declining_a_core_question_leaves_the_level_at_high_or_above(supplier: Supplier, i: int) -> None:
    assume(not (supplier.screened and i in SCREENED))
    result = score_one(supplier.with_cell(i, risk=None, declined=True, ruled_out=False))
    assert result["level"] in (HIGH, CRITICAL)


@given(suppliers(), st.sampled_from(CORE))
def test_not_asking_a_core_question_never_gives_low(supplier: Supplier, i: int) -> None:
    assume(not (supplier.screened and i in SCREENED))
    result = score_one(supplier.with_cell(i, risk=None, declined=False, expired=False, ruled_out=False))
    assert result["level"] != LOW


@given(suppliers())
def test_low_is_only_reached_with_every_core_question_settled_and_a_bounded_worst_case(supplier: Supplier) -> None:
    result = score_one(supplier)
    if result["level"] == LOW:
        assert result["worst"] < 75
        assert result["coverage"] >= TOY.insufficient_below
        assert supplier.place_known or result["harm"]


@given(st.lists(suppliers(), min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_scores_are_the_same_to_the_bit_alone_or_in_a_batch_in_any_order(drawn: list[Supplier], random) -> None:  # type: ignore[no-untyped-def]
    order = list(range(len(drawn)))
    random.shuffle(order)
    batch, cells = score(build_frame(*(drawn[j] for j in order)), TOY)
    for position, j in enumerate(order):
        alone, cells_alone = score(build_frame(drawn[j]), TOY)
        for name in ("contributions", "effective", "state", "harm"):
            assert np.array_equal(getattr(cells, name)[:, position], getattr(cells_alone, name)[:, 0]), name
        for name in ("floors", "moments"):
            assert np.array_equal(getattr(batch, name)[:, position], getattr(alone, name)[:, 0]), name
        for name in ("total", "best", "worst", "base", "uplift", "confidence", "coverage", "level", "practice"):
            assert getattr(batch, name)[position] == getattr(alone, name)[0], name


@given(suppliers())
def test_practice_is_at_most_the_points_of_what_was_asked(supplier: Supplier) -> None:
    result = score_one(supplier)
    assert 0 <= result["practice"] <= result["practice_of"] + SMALL <= 100 + 2 * SMALL


@given(suppliers())
def test_critical_needs_harm_or_a_critical_inherent_risk(supplier: Supplier) -> None:
    result = score_one(supplier)
    if result["level"] == CRITICAL:
        assert result["harm"] or result["inherent_level"] == CRITICAL
