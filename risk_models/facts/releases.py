"""Editions of the facts: what the tables held at a release, so that an assessment made then is replayed with it.

Tables only ever grow at their end, so an edition is the first lines of each. ``facts/RELEASED`` keeps, for every edition, how
many lines of each table it has and the sha256 over them and over how its facts are read; a changed line is found by it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType

from risk_models.data_file import released_lines
from risk_models.facts.facts import CODES, FOLDER, Facts, FactsOn, load

TABLES = (*CODES, "goods_words")


@dataclass(frozen=True)
class Edition:
    """One release: its name, the lines of each table without the header (in the order of TABLES), and their digest."""

    name: str
    lines: tuple[int, ...]
    digest: str


@cache
def released(folder: Path = FOLDER) -> tuple[Edition, ...]:
    """The editions in ``RELEASED``, oldest first; none where there is no such file."""
    return tuple(Edition(name, tuple(map(int, lines)), digest) for name, *lines, digest in released_lines(folder))


@lru_cache(maxsize=8)
def as_released(facts: Facts, edition: Edition) -> Facts:
    """The facts that an edition held."""
    *counts, goods = edition.lines
    rows = {table: facts.rows[table][facts.rows[table].index < n] for table, n in zip(CODES, counts, strict=True)}
    kept = dict(list(facts.goods.items())[:goods])
    return replace(facts, rows=MappingProxyType(rows), goods=MappingProxyType(kept))


def known_as(facts: Facts, editions: tuple[Edition, ...], digest: str, on: date) -> FactsOn | None:
    """The facts as known on a day that have this digest, of now or else of the newest edition that fits; None if none does."""
    for held in (facts, *(as_released(facts, edition) for edition in reversed(editions))):
        known = held.as_of(on)
        if known.digest == digest:
            return known
    return None


def now(name: str, folder: Path = FOLDER) -> Edition:
    """The edition that the tables of a folder would make as they are."""
    facts = load(folder)
    lines = (*(len(facts.rows[table]) for table in CODES), len(facts.goods))
    return Edition(name, lines, _digest(facts, lines, folder))


def faults(folder: Path = FOLDER) -> list[str]:
    """What does not fit: editions whose lines were changed or are gone, and lines that no edition has; as sentences."""
    facts, found = load(folder), []
    for edition in released(folder):
        if _digest(facts, edition.lines, folder) != edition.digest:
            found.append(
                f"facts: edition {edition.name} was released and has been changed; a correction is a new row at the end"
            )
    latest = released(folder)[-1:]
    here = now("NAME", folder)
    if not found and latest and latest[0].lines != here.lines:
        line = f"NAME {' '.join(map(str, here.lines))} {here.digest}"
        found.append(
            f"facts: there are rows that no edition has; add to RELEASED, with the name of the release: {line}"
        )
    return found


def _digest(facts: Facts, lines: tuple[int, ...], folder: Path) -> str:
    whole = hashlib.sha256()
    for table, n in zip(TABLES, lines, strict=True):
        held = (folder / f"{table}.csv").read_text(encoding="utf-8").splitlines()[: n + 1]
        whole.update("\n".join(held).encode())
    for table, n in zip(CODES, lines, strict=False):
        for name in sorted(set(facts.rows[table]["fact"][facts.rows[table].index < n])):
            about = facts.descriptions[f"{table}.{name}"]
            whole.update(f"\n{about.id},{about.use},{about.riskier_when_higher},{about.partial}".encode())
    return whole.hexdigest()
