"""Format numbers and dates for readers, the same in every format."""

from collections.abc import Sequence
from datetime import date

from reports.document import Headline

MONTHS = "January February March April May June July August September October November December".split()


def format_score(value: float | None) -> str:
    """Return 72.46 as "72.5"; an empty text if there is no number."""
    return "" if value is None else f"{value:.1f}"


def format_bounded_score(headline: Headline) -> str:
    """Return the score, preceded by "up to" if only questions left blank raise it that high."""
    return ("up to " if headline.up_to else "") + format_score(headline.score)


def format_points(value: float) -> str:
    """Return points with their sign: "+12.3" or "−4.0" (with a true minus sign), but "0.0" without a sign."""
    return "0.0" if abs(value) < 0.05 else f"{value:+.1f}".replace("-", "\u2212")


def format_share(value: float) -> str:
    """Return 0.123 as "12%"."""
    return f"{100 * value:.0f}%"


def format_range(best: float, worst: float) -> str:
    """Return 49.6 and 96.1 as "50–96"."""
    return f"{best:.0f}\u2013{worst:.0f}"


def format_number(n: int) -> str:
    """Return 12345 as "12,345"."""
    return f"{n:,}"


def format_amount(value: float) -> str:
    """Return 4901798.0 as "4,901,798" and 12.5 as "12.5": an answer is never rounded."""
    return f"{value:,.12g}"


def format_date(day: date) -> str:
    """Return a date as "25 November 2026", for running text."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def format_short_date(day: date) -> str:
    """Return a date as "25 Nov 2026", for tables and labels."""
    return f"{day.day} {MONTHS[day.month - 1][:3]} {day.year}"


def format_iso_date(text: str) -> str:
    """Return an ISO date, month or year ("2026-11-25", "2026-11", "2026") as "25 Nov 2026", "Nov 2026" or "2026"."""
    year, *rest = text.split("-")
    month = [MONTHS[int(rest[0]) - 1][:3]] if rest else []
    return " ".join([*(str(int(day)) for day in rest[1:]), *month, year])


def format_count(n: int, singular: str, plural: str = "") -> str:
    """Return "1 site" or "12 sites": a number and a noun, whose plural ends in s unless another one is given."""
    return f"{n:,} {singular if n == 1 else plural or singular + 's'}"


def format_list(texts: Sequence[str]) -> str:
    """Return "a", "a and b" or "a, b and c"."""
    *others, last = texts
    return f"{', '.join(others)} and {last}" if others else last
