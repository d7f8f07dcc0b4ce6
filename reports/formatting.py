"""Numbers and days as a reader meets them, alike in every format."""

from datetime import date

from reports.document import Headline

MONTHS = "January February March April May June July August September October November December".split()


def score(value: float | None) -> str:
    """72.46 -> "72.5"; nothing where there is no number."""
    return "" if value is None else f"{value:.1f}"


def bounded(headline: Headline) -> str:
    """The score, with "up to" before it where only declined answers lift it there."""
    return ("up to " if headline.up_to else "") + score(headline.score)


def points(value: float) -> str:
    """With its sign: "+12.3", "−4.0" (a true minus); "0.0" has none."""
    return "0.0" if abs(value) < 0.05 else f"{value:+.1f}".replace("-", "\u2212")


def share(value: float) -> str:
    """0.123 -> "12%"."""
    return f"{100 * value:.0f}%"


def day(on: date) -> str:
    """25 November 2026."""
    return f"{on.day} {MONTHS[on.month - 1]} {on.year}"


def counted(n: int, one: str, many: str = "") -> str:
    """ "1 site", "12 sites"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
