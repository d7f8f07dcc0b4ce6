"""The codes and limits of redress. They are data (``redress.toml``)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

RULES_FILE = Path(__file__).with_name("redress.toml")


@cache
def load_redress_rules() -> Mapping[str, Any]:
    """Load the codes and limits of redress, each with its reason."""
    return tomllib.loads(RULES_FILE.read_text(encoding="utf-8"))
