"""Counts as the commands print them."""

from __future__ import annotations

from collections.abc import Mapping


def format_counts(counts: Mapping[str, int]) -> str:
    """Return counts in words, without those that are 0."""
    return ", ".join(f"{count:,} {_decline(name, count)}" for name, count in counts.items() if count) or "nothing"


def _decline(name: str, count: int) -> str:
    """Return the name of a count in the number that fits it: some names, such as those of tables, are singular, others plural."""
    words = name.replace("_", " ")
    one = f"{words[:-3]}y" if words.endswith("ies") else words.removesuffix("s")
    if count == 1 or one.endswith("evidence"):
        return one
    return f"{one[:-1]}ies" if one.endswith("y") and not one.endswith("ey") else f"{one}s"
