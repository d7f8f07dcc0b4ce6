"""Manage releases of the facts: what the tables contained at each release, so that old assessments can be recomputed.

Rows are only ever added at the end of a table, so a release consists of the first lines of each table. ``facts/RELEASED`` gives,
for every release, how many lines of each table it has and the sha256 over them and over the use of its facts, which reveals any
changed line.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType

from risk_models.data_file import list_released_lines
from risk_models.facts.facts import CODE_PATTERNS, FACTS_FOLDER, Facts, FactSnapshot, load_facts

TABLES = (*CODE_PATTERNS, "goods_words")


@dataclass(frozen=True)
class FactRelease:
    """One release: its name, the lines in each table without the header (in the order of TABLES), and their digest."""

    name: str
    lines: tuple[int, ...]
    digest: str


@cache
def load_releases(folder: Path = FACTS_FOLDER) -> tuple[FactRelease, ...]:
    """Return the releases in ``RELEASED``, oldest first; empty if there is no such file."""
    return tuple(
        FactRelease(name, tuple(map(int, lines)), digest) for name, *lines, digest in list_released_lines(folder)
    )


@lru_cache(maxsize=8)
def restrict_to_release(facts: Facts, release: FactRelease) -> Facts:
    """Return the facts that a release contained."""
    *counts, goods = release.lines
    rows = {
        table: facts.rows[table][facts.rows[table].index < n] for table, n in zip(CODE_PATTERNS, counts, strict=True)
    }
    released_goods = dict(list(facts.goods.items())[:goods])
    return replace(facts, rows=MappingProxyType(rows), goods=MappingProxyType(released_goods))


def find_snapshot_by_digest(
    facts: Facts, releases: tuple[FactRelease, ...], digest: str, on: date
) -> FactSnapshot | None:
    """Return the facts on a day that have this digest: the current facts, or else those of the newest matching release.

    Returns None if none of them matches.
    """
    for candidate in (facts, *(restrict_to_release(facts, release) for release in reversed(releases))):
        snapshot = candidate.as_of(on)
        if snapshot.digest == digest:
            return snapshot
    return None


def build_current_release(name: str, folder: Path = FACTS_FOLDER) -> FactRelease:
    """Build a release from the current tables in a folder."""
    facts = load_facts(folder)
    lines = (*(len(facts.rows[table]) for table in CODE_PATTERNS), len(facts.goods))
    return FactRelease(name, lines, _compute_digest(facts, lines, folder))


def list_release_faults(folder: Path = FACTS_FOLDER) -> list[str]:
    """Return sentences about problems: releases whose lines were changed or removed, and lines that are not in any release."""
    facts, faults = load_facts(folder), []
    for release in load_releases(folder):
        if _compute_digest(facts, release.lines, folder) != release.digest:
            faults.append(
                f"facts: release {release.name} has been changed since it was released; add corrections as new rows at the end"
            )
    latest = load_releases(folder)[-1:]
    current = build_current_release("NAME", folder)
    if not faults and latest and latest[0].lines != current.lines:
        line = f"NAME {' '.join(map(str, current.lines))} {current.digest}"
        faults.append(
            f"facts: some rows belong to no release; add this line to RELEASED, with the name of the release: {line}"
        )
    return faults


def _compute_digest(facts: Facts, lines: tuple[int, ...], folder: Path) -> str:
    digest = hashlib.sha256()
    for table, n in zip(TABLES, lines, strict=True):
        released_lines = (folder / f"{table}.csv").read_text(encoding="utf-8").splitlines()[: n + 1]
        digest.update("\n".join(released_lines).encode())
    for table, n in zip(CODE_PATTERNS, lines, strict=False):
        for name in sorted(set(facts.rows[table]["fact"][facts.rows[table].index < n])):
            description = facts.descriptions[f"{table}.{name}"]
            flags = f"{description.riskier_when_higher},{description.partial}"
            digest.update(f"\n{description.id},{description.use},{flags}".encode())
    return digest.hexdigest()
