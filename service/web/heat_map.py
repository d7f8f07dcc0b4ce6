"""The heat map of the portfolio as a table: countries in rows, sectors in columns, each cell a link to its suppliers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.charts import pick_heat_axes
from reports.document import Cell

UNKNOWN = "unknown"  # the filter value for an unknown country or sector in the supplier table


@dataclass(frozen=True)
class HeatMap:
    """Countries and sectors as (filter code, name), worst first; the cells by both codes; and the numbers not shown."""

    countries: Sequence[tuple[str, str]]
    sectors: Sequence[tuple[str, str]]
    cells: Mapping[tuple[str, str], Cell]
    more_countries: int
    more_sectors: int


def build_heat_map(cells: Sequence[Cell]) -> HeatMap:
    """Return the heat map of some cells, with the same countries and sectors as in the report."""
    axes = pick_heat_axes(cells)
    country_codes = {cell.country_name: cell.country or UNKNOWN for cell in cells}
    sector_codes = {cell.sector_title: cell.sector or UNKNOWN for cell in cells}
    return HeatMap(
        countries=[(country_codes[name], name) for name in axes.countries],
        sectors=[(sector_codes[title], title) for title in axes.sectors],
        cells={(cell.country or UNKNOWN, cell.sector or UNKNOWN): cell for cell in cells},
        more_countries=axes.more_countries,
        more_sectors=axes.more_sectors,
    )
