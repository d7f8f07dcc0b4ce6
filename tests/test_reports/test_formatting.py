"""Numbers and dates are formatted for people: a short date in tables, an en dash in ranges."""

from datetime import date

import pytest

from reports.formatting import format_amount, format_date, format_iso_date, format_range, format_short_date


def test_a_date_is_short_in_tables_and_long_in_running_text():
    day = date(2026, 9, 3)
    assert (format_short_date(day), format_date(day)) == ("3 Sep 2026", "3 September 2026")


@pytest.mark.parametrize(
    ("text", "expected"), [("2026-09-03", "3 Sep 2026"), ("2026-09", "Sep 2026"), ("2026", "2026")]
)
def test_a_partial_date_shows_only_what_is_known(text: str, expected: str):
    assert format_iso_date(text) == expected


def test_a_range_has_an_en_dash():
    assert format_range(39, 83.14) == "39–83"


def test_an_answer_is_never_rounded_or_written_with_an_exponent():
    assert [format_amount(answer) for answer in (4901798.0, 13.756331, 20.0)] == ["4,901,798", "13.756331", "20"]
