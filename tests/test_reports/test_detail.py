"""One result explained: what its properties say."""

from dataclasses import replace

import pytest

from tests.test_reports.sample import sample


@pytest.mark.parametrize(
    ("steadiness", "of_100"), [(1.0, 100), (0.9999999999999999, 100), (0.9951, 99), (0.0, 0), (None, None)]
)
def test_stable_weightings_are_rounded_down_but_not_for_the_last_bits_of_a_sum(steadiness, of_100):
    detail = replace(sample().details[0], steadiness=steadiness)
    assert detail.stable_weightings == of_100
    assert (f"in {of_100} of 100" in detail.stability_text) is (of_100 is not None)
