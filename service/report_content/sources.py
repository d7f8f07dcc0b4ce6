"""The register of sources: what every rule, weight and action refers to by id (``risk_models/standards/*.toml``)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import risk_models

STANDARDS = Path(risk_models.__file__).parent / "standards"
MARKS = {
    "seen": "the text, or a text that quotes it, was seen",
    "seen_in_part": "part was seen, the rest is from memory or second hand",
    "memory_high": "from memory, quite sure: to be checked against the original",
    "memory_medium": "from memory, fairly sure: to be checked against the original",
    "memory_low": "from memory, unsure: to be checked against the original",
    "own": "our own rule or reading",
}


@dataclass(frozen=True)
class Source:
    """A rule or publication that is cited: what it says, whose it is, and how well it was seen (one of MARKS)."""

    id: str
    title: str
    publisher: str
    mark: str


@dataclass(frozen=True)
class Family:
    """Sources that belong together, such as the indicators of one publication."""

    id: str
    title: str
    publisher: str
    sources: tuple[Source, ...]


@cache
def families() -> tuple[Family, ...]:
    """The whole register, by the names of its files."""
    found = []
    for file in sorted(STANDARDS.glob("*.toml")):
        told = tomllib.loads(file.read_text(encoding="utf-8"))
        whose = told["publisher"]
        rules = (Source(r["id"], r["title"], r.get("publisher", whose), r["mark"]) for r in told["rule"])
        found.append(Family(told["family"], told["title"], whose, tuple(rules)))
    return tuple(found)


@cache
def register() -> Mapping[str, Source]:
    """Every source by its id."""
    return {source.id: source for family in families() for source in family.sources}
