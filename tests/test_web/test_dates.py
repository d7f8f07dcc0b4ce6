"""Dates that are given as text, on pages."""

import pytest

from service.web.formatting import format_partial_date


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-20", "20 Nov 2026"), ("2026-11", "Nov 2026"), ("2026", "2026"), ("", ""),
        ("since 2019", "since 2019"), ("2026-13", "2026-13"),
    ],
)  # fmt: skip
def test_a_date_of_a_day_a_month_or_a_year_is_shown_like_other_dates(text: str, shown: str):
    assert format_partial_date(text) == shown
