"""Read the entries of a data file (parsed TOML), and report what is missing or invalid by file, item and fault.

Also read the lists ``RELEASED``, which give the released versions of the data in a folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def list_released_lines(folder: Path) -> list[list[str]]:
    """Return the lines of the list ``RELEASED`` in a data folder, each split into words; empty if there is no such list."""
    file = folder / "RELEASED"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [line.split() for line in lines if line and not line.startswith("#")]


class DataFileError(Exception):
    """A data file cannot be used: the file, the item ("" for the whole file), what is wrong, and how to fix it if that is known.

    Its message is these parts joined by colons.
    """

    def __init__(self, file: str, item: str = "", fault: str = "", cure: str = "") -> None:
        super().__init__(": ".join(part for part in (file, item, fault, cure) if part))
        self.file, self.item, self.fault, self.cure = file, item, fault, cure


class DataFileReader:
    """Reads and checks values in the entries of one file; raises :class:`DataFileError` for an invalid one."""

    def __init__(self, file: str) -> None:
        self.file = file

    def build_error(self, item: str, fault: str) -> DataFileError:
        """Return an error about an item, for the caller to raise."""
        return DataFileError(self.file, item, fault)

    def require(self, raw: Mapping[str, Any], key: str, item: str, expected_type: type | tuple[type, ...]) -> Any:
        """Return a required value. Raises DataFileError if it is missing or has another type."""
        if key not in raw:
            raise self.build_error(item, f"{key!r} is missing")
        if not isinstance(raw[key], expected_type) or (isinstance(raw[key], bool) and expected_type is not bool):
            raise self.build_error(item, f"{key!r} has an invalid value: {raw[key]!r}")
        return raw[key]

    def read_texts(self, raw: Mapping[str, Any], key: str, item: str) -> tuple[str, ...]:
        """Return a list of texts; empty if the key is missing."""
        values = raw.get(key, [])
        if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
            raise self.build_error(item, f"{key!r} must be a list of texts")
        return tuple(values)

    def read_groups(self, raw: Mapping[str, Any], key: str, item: str) -> tuple[tuple[str, ...], ...]:
        """Return a list of groups, from entries that are texts or lists of texts; a single text becomes a group of one."""
        values = raw.get(key, [])
        if not isinstance(values, list):
            raise self.build_error(item, f"{key!r} must be a list")
        return tuple((v,) if isinstance(v, str) else self.read_texts({key: v}, key, item) for v in values)

    def read_sources(self, raw: Mapping[str, Any], item: str) -> tuple[str, ...]:
        """Return the ids of the sources of an item; at least one is required."""
        sources = self.read_texts(raw, "sources", item)
        if not sources:
            raise self.build_error(item, "at least one source is required")
        return sources

    def check_keys(self, raw: Mapping[str, Any], known: str, item: str) -> None:
        """Check that an item has only known keys; these are given as a text separated by spaces."""
        extra = sorted(set(raw) - set(known.split()))
        if extra:
            raise self.build_error(item, f"unknown key {extra[0]!r}")

    def check_unique(self, kind: str, names: Sequence[str]) -> None:
        """Check that no name occurs twice. ``kind``: what the names stand for, as stated in the error."""
        for name in names:
            if names.count(name) > 1:
                raise self.build_error(f"{kind} {name!r}", "appears twice")

    def read_share(self, value: Any, item: str, name: str) -> float:
        """Return a number between 0 and 1. ``name``: what the error calls it."""
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 1:
            raise self.build_error(item, f"{name} must be between 0 and 1, but is {value!r}")
        return float(value)
