"""The current time, which is read only here, so that tests can set it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def today(time_zone: str = "UTC") -> date:
    """Return the current date in a time zone."""
    return now().astimezone(ZoneInfo(time_zone)).date()
