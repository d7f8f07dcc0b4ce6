"""Load the register of sources, which rules, weights and actions cite by id (``risk_models/standards/*.toml``)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import risk_models

STANDARDS_FOLDER = Path(risk_models.__file__).parent / "standards"
MARK_TITLES = {
    "seen": "checked against the original text, or against a text that quotes it",
    "seen_in_part": "partly checked; the rest is quoted from memory or from a secondary source",
    "memory_high": "quoted from memory with reasonable confidence; not yet checked against the original",
    "memory_medium": "quoted from memory with moderate confidence; not yet checked against the original",
    "memory_low": "quoted from memory with little confidence; not yet checked against the original",
    "own": "our own rule or interpretation",
}


@dataclass(frozen=True)
class Source:
    """A cited rule or publication: its title, its publisher, and how well it was checked (``mark``, a key of MARK_TITLES).

    ``seen_in``: the text in which it was seen; ``unconfirmed``: what our models take from it that was not found there.
    """

    id: str
    title: str
    publisher: str
    mark: str
    seen_in: str = ""
    unconfirmed: str = ""


@dataclass(frozen=True)
class SourceFamily:
    """A group of sources, such as the indicators of one publication."""

    id: str
    title: str
    publisher: str
    sources: tuple[Source, ...]

    @property
    def unseen(self) -> tuple[Source, ...]:
        """Return the sources of others of which the text was not seen, or only in part."""
        return tuple(source for source in self.sources if source.mark not in ("seen", "own"))

    @property
    def unconfirmed(self) -> tuple[Source, ...]:
        """Return the sources that were seen without something that our models take from them."""
        return tuple(source for source in self.sources if source.mark == "seen" and source.unconfirmed)


@cache
def load_source_families() -> tuple[SourceFamily, ...]:
    """Return the whole register, in the order of the names of its files."""
    families = []
    for file in sorted(STANDARDS_FOLDER.glob("*.toml")):
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        publisher = data["publisher"]
        rules = (Source(**{"publisher": publisher} | rule) for rule in data["rule"])
        families.append(SourceFamily(data["family"], data["title"], publisher, tuple(rules)))
    return tuple(families)


@cache
def load_sources() -> Mapping[str, Source]:
    """Return every source by its id."""
    return {source.id: source for family in load_source_families() for source in family.sources}
