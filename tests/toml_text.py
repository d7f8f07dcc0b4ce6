"""Data as the text of a TOML file, for tests that write one."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import orjson


def toml_text(raw: Mapping[str, Any]) -> str:
    """Return a text that ``tomllib`` reads as this table: of texts, numbers, flags, days, and lists and tables of these."""
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in raw.items())


def _key(key: str) -> str:
    return orjson.dumps(key).decode()


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(inner) for inner in value) + "]"
    return value.isoformat() if isinstance(value, date) else orjson.dumps(value).decode()
