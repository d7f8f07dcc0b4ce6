"""Group the results of a report by country and sector, by country, and by company; the worst result represents each group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from reports.document import Cell, Company, Place
from risk_models.name_normalize import name_key
from service.report_content.labels import get_country_name, get_sector_title
from service.report_content.steps import ResultLine


def group_by_country_and_sector(lines: Sequence[ResultLine]) -> tuple[Cell, ...]:
    """Return the worst result of each country and sector, highest value first."""
    groups: dict[tuple[str | None, str | None], list[ResultLine]] = defaultdict(list)
    for line in lines:
        sector = line.headline.sector
        groups[line.headline.country, sector[:2] if sector else None].append(line)
    cells = [
        Cell(country, get_country_name(country), sector, get_sector_title(sector), **_summarise(members))
        for (country, sector), members in groups.items()
    ]
    return tuple(sorted(cells, key=lambda cell: (-cell.value, cell.country or "", cell.sector or "")))


def group_by_country(lines: Sequence[ResultLine]) -> tuple[Place, ...]:
    """Return the worst result of each known country, in the order of their codes."""
    groups: dict[str, list[ResultLine]] = defaultdict(list)
    for line in lines:
        if line.headline.country is not None:
            groups[line.headline.country].append(line)
    return tuple(
        Place(country, get_country_name(country), **_summarise(members)) for country, members in sorted(groups.items())
    )


def group_by_company(lines: Sequence[ResultLine]) -> tuple[Company, ...]:
    """Return companies with several sites (sites with equal normalised names), highest risk first."""
    groups: dict[str, list[ResultLine]] = defaultdict(list)
    for line in lines:
        if line.headline.kind == "site" and line.headline.name:
            groups[name_key(line.headline.name)].append(line)
    ranked = []
    for members in groups.values():
        if len(members) > 1:
            worst, totals = _get_worst(members), [member.headline.score for member in members]
            headline = worst.headline
            ranked.append(
                (
                    worst.rank,
                    Company(headline.name, len(members), headline.level, headline.level_text, min(totals), max(totals)),
                )
            )
    return tuple(company for _, company in sorted(ranked, key=lambda pair: pair[0]))


def _get_worst(lines: Sequence[ResultLine]) -> ResultLine:
    return min(lines, key=lambda line: line.rank)


def _summarise(lines: Sequence[ResultLine]) -> dict[str, Any]:
    """Return the map values of a group: score and level of its worst result, the inherent ones where practice is unknown."""
    headline = _get_worst(lines).headline
    level = headline.inherent_level if headline.level == "insufficient_evidence" else headline.level
    if headline.practice_of is None:
        return {"value": headline.inherent or 0.0, "level": level, "known": "inherent", "results": len(lines)}
    uncertainty = {"up_to": headline.up_to, "silent": headline.silent}
    return {"value": headline.score, "level": level, "known": "practice", "results": len(lines)} | uncertainty
