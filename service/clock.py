"""What time it is: asked here and nowhere else, so that a test can set it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def today(time_zone: str = "UTC") -> date:
    """The day it is in a time zone."""
    return now().astimezone(ZoneInfo(time_zone)).date()
