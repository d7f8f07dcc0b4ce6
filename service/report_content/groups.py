"""The results of a report taken together, each group told by its worst: by country and sector, by country, by company."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from reports.document import Cell, Company, Place
from risk_models.name_normalize import name_key
from service.report_content.labels import country_name, sector_title
from service.report_content.steps import Line


def heat(lines: Sequence[Line]) -> tuple[Cell, ...]:
    """The worst result of each country and sector, the highest value first."""
    groups: dict[tuple[str | None, str | None], list[Line]] = defaultdict(list)
    for line in lines:
        sector = line.headline.sector
        groups[line.headline.country, sector[:2] if sector else None].append(line)
    cells = [
        Cell(country, country_name(country), sector, sector_title(sector), **_shown(members))
        for (country, sector), members in groups.items()
    ]
    return tuple(sorted(cells, key=lambda cell: -cell.value))


def places(lines: Sequence[Line]) -> tuple[Place, ...]:
    """The worst result of each country that is known, by its code."""
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line.headline.country is not None:
            groups[line.headline.country].append(line)
    return tuple(
        Place(country, country_name(country), **_shown(members)) for country, members in sorted(groups.items())
    )


def companies(lines: Sequence[Line]) -> tuple[Company, ...]:
    """Companies of several sites, worst first: sites with equal names, or under one parent."""
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line.headline.kind == "site" and line.headline.name:
            groups[name_key(line.headline.name)].append(line)
    found = []
    for members in groups.values():
        if len(members) > 1:
            worst, totals = _worst(members), [m.headline.score for m in members]
            h = worst.headline
            found.append((worst.rank, Company(h.name, len(members), h.level, h.level_text, min(totals), max(totals))))
    return tuple(company for _, company in sorted(found, key=lambda pair: pair[0]))


def _worst(lines: Sequence[Line]) -> Line:
    return min(lines, key=lambda line: line.rank)


def _shown(lines: Sequence[Line]) -> dict[str, Any]:
    """What a map shows of a group: the score of its worst where practice is known, the inherent risk where it is not, in the
    colour of that level.
    """
    h = _worst(lines).headline
    level = h.inherent_level if h.level == "insufficient_evidence" else h.level
    if h.practice_of is None:
        return {"value": h.inherent or 0.0, "level": level, "known": "inherent", "results": len(lines)}
    doubt = {"up_to": h.up_to, "silent": h.silent}
    return {"value": h.score, "level": level, "known": "practice", "results": len(lines)} | doubt
