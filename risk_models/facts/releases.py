"""Manage releases of the facts: what the tables contained at each release, so that old assessments can be recomputed.

Files only grow at their end, so a release is the first lines of each. ``facts/RELEASED`` gives, for every release, how many
lines of each file it has and the sha256 over them and over the use of its facts, which reveals any changed line. A file that came
later than a release has no number in its line, and the release none of its rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType

from risk_models.data_file import list_released_lines
from risk_models.facts.facts import CODE_PATTERNS, FACTS_FOLDER, SEPARATE_FILES, Facts, FactSnapshot, load_facts

GOODS_FILE, IMPOSED_FILE, REGIONS_FILE = "goods_words", "state_imposed", "regions"
# In the order in which they came: a release names as many counts as there were files.
FILES = (*CODE_PATTERNS, GOODS_FILE, *SEPARATE_FILES, IMPOSED_FILE, REGIONS_FILE)
FACT_FILES = {**{table: table for table in CODE_PATTERNS}, **SEPARATE_FILES}


@dataclass(frozen=True)
class FactRelease:
    """One release: its name, the lines in each file without the header (in the order of FILES), and their digest."""

    name: str
    lines: tuple[int, ...]
    digest: str

    def count_lines(self, file: str) -> int:
        """Return how many lines of a file the release has: 0 if the file came later."""
        return dict(zip(FILES, self.lines, strict=False)).get(file, 0)


@cache
def load_releases(folder: Path = FACTS_FOLDER) -> tuple[FactRelease, ...]:
    """Return the releases in ``RELEASED``, oldest first; empty if there is no such file."""
    return tuple(
        FactRelease(name, tuple(map(int, lines)), digest) for name, *lines, digest in list_released_lines(folder)
    )


@lru_cache(maxsize=8)
def restrict_to_release(facts: Facts, release: FactRelease) -> Facts:
    """Return the facts that a release held."""
    counts = {file: release.count_lines(file) for file in FACT_FILES}
    rows = {table: part[part["line"] < part["file"].map(counts)] for table, part in facts.rows.items()}
    released_goods = dict(list(facts.goods.items())[: release.count_lines(GOODS_FILE)])
    return replace(
        facts,
        rows=MappingProxyType(rows),
        goods=MappingProxyType(released_goods),
        imposed_labour=facts.imposed_labour[: release.count_lines(IMPOSED_FILE)],
        regions=facts.regions[: release.count_lines(REGIONS_FILE)],
    )


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
    lines = tuple(_count_lines(folder, file) for file in FILES)
    return FactRelease(name, lines, _compute_digest(facts, lines, folder))


def _count_lines(folder: Path, file: str) -> int:
    """Return the lines of a file without its header; 0 if there is no such file."""
    path = folder / f"{file}.csv"
    return len(path.read_text(encoding="utf-8").splitlines()) - 1 if path.exists() else 0


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
    digest, counts = hashlib.sha256(), dict(zip(FILES, lines, strict=False))
    for file, n in counts.items():
        if n > 0:
            released_lines = (folder / f"{file}.csv").read_text(encoding="utf-8").splitlines()[: n + 1]
            digest.update("\n".join(released_lines).encode())
    for file, table in FACT_FILES.items():
        rows = facts.rows[table]
        released = rows[(rows["file"] == file) & (rows["line"] < counts.get(file, 0))]
        for name in sorted(set(released["fact"])):
            description = facts.descriptions[f"{table}.{name}"]
            digest.update(f"\n{description.id},{description.use},{description.flags}".encode())
    return digest.hexdigest()
