"""How well a value ranks places: counted over pairs, with seeded intervals."""

import numpy as np
import pytest

from risk_models.ranking import BootstrapSamples, assign_thirds, compute_difference, compute_interval, rank_values

SCORES = np.array([0.9, 0.8, 0.8, 0.4, 0.3, 0.1])
LISTED = np.array([True, False, True, False, True, False])


def test_auc_is_the_share_of_pairs_won_with_ties_as_half() -> None:
    won = [0.5 * (a == b) + (a > b) for a in SCORES[LISTED] for b in SCORES[~LISTED]]
    assert BootstrapSamples(6, 50, 1).auc(SCORES, LISTED)[0] == pytest.approx(sum(won) / len(won))


def test_each_sample_has_the_auc_of_its_places() -> None:
    samples = BootstrapSamples(6, 40, 1)
    _, in_samples = samples.auc(SCORES, LISTED)
    for places, figure in zip(samples.drawn, in_samples, strict=True):
        values, listed = SCORES[places], LISTED[places]
        won = [0.5 * (a == b) + (a > b) for a in values[listed] for b in values[~listed]]
        assert figure == pytest.approx(sum(won) / len(won)) if won else np.isnan(figure)


def test_within_groups_only_places_of_one_group_are_compared() -> None:
    # By size alone the large would win every pair; within each size the number says nothing.
    size = ["large", "large", "large", "small", "small", "small"]
    values = np.array([3.0, 3.0, 3.0, 1.0, 1.0, 1.0])
    listed = np.array([True, True, False, True, False, False])
    samples = BootstrapSamples(6, 10, 1)
    assert samples.auc(values, listed)[0] > 0.5
    assert samples.auc(values, listed, size)[0] == 0.5


def test_rank_correlation_depends_only_on_order() -> None:
    samples = BootstrapSamples(6, 10, 1)
    assert samples.rank_correlation(SCORES, SCORES**3)[0] == pytest.approx(1.0)
    assert samples.rank_correlation(SCORES, -SCORES)[0] == pytest.approx(-1.0)


def test_ties_share_their_mean_rank() -> None:
    assert rank_values(np.array([10.0, 20.0, 20.0, 5.0])).tolist() == [2.0, 3.5, 3.5, 1.0]


def test_thirds_are_of_equal_size() -> None:
    assert np.bincount(assign_thirds(np.arange(9.0))).tolist() == [3, 3, 3]


def test_a_paired_difference_is_significant_only_where_its_interval_excludes_0() -> None:
    random = np.random.default_rng(3)
    listed = random.random(120) < 0.4
    truth = listed + random.normal(0, 0.7, 120)
    samples = BootstrapSamples(120, 500, 1)
    good, same, noise = (samples.auc(v, listed) for v in (truth, 2 * truth + 1, random.normal(0, 1, 120)))
    assert compute_difference(good, noise).excludes_zero
    assert not compute_difference(good, same).excludes_zero
    assert compute_difference(good, same).value == 0
    interval = compute_interval(good)
    assert interval.low < interval.value < interval.high


def test_the_same_seed_gives_the_same_figures() -> None:
    first, second = (compute_interval(BootstrapSamples(6, 200, 5).auc(SCORES, LISTED)) for _ in range(2))
    assert first == second
