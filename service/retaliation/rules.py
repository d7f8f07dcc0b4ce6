"""The rules of the retaliation watch. They are data (``retaliation.toml``)."""

from __future__ import annotations

import tomllib
from calendar import monthrange
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

RULES_FILE = Path(__file__).with_name("retaliation.toml")


@cache
def load_watch_rules() -> Mapping[str, Any]:
    """Load the rules of the watch, each with its reason."""
    return tomllib.loads(RULES_FILE.read_text(encoding="utf-8"))


@cache
def list_signs() -> Mapping[str, str]:
    """Return the signs of retaliation by code, each with the finding of a case record that it is."""
    return {sign["code"]: sign["finding"] for sign in load_watch_rules()["sign"]}


def add_months(day: date, months: int) -> date:
    """Return the same day some months later, or the last day of a shorter month."""
    year, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + year, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))
