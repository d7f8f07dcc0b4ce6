"""Draw small charts for pages, with the same shapes and colours as the charts in reports.

These drawings stretch with the page: horizontal positions are percentages, so lines and letters keep their size in any window.
app.css adapts the colours to the reader's colour scheme.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, cast

from markupsafe import Markup

from reports.charts import FILLS, INK, PAPER, QUIET, RULE, Bar, escape_xml, line, list_bars, mark
from reports.document import LEVEL_TITLES, Detail, Headline, Level, ModelUsed
from reports.formatting import format_range, format_score
from service.db.tables import Supplier

BANDS: tuple[Level, ...] = ("low", "medium", "high", "critical")
ROW_HEIGHT, BAR_HEIGHT = 28, 12


def draw_range_strip(supplier: Supplier) -> Markup:
    """Return an SVG of a supplier's likely range and score, as tall as a line of text.

    It is hidden from screen readers: the page gives the numbers beside it.
    """
    width, middle = 116, 9.0
    best_x, score_x, worst_x = (
        4 + (width - 8) * (value or 0.0) / 100 for value in (supplier.best, supplier.score, supplier.worst)
    )
    level = cast(Level, supplier.level or "insufficient_evidence")
    parts = [
        line(4, middle, width - 4, middle, stroke=RULE),
        *(line(4 + (width - 8) * x, 5, 4 + (width - 8) * x, 13, stroke=RULE) for x in (0, 0.25, 0.5, 0.75, 1)),
        line(best_x, middle, max(worst_x, best_x + 1), middle, stroke=QUIET, width=3),
        mark(level, score_x, middle, 4.5),
    ]
    return Markup(
        f'<svg class="strip" width="{width}" height="18" viewBox="0 0 {width} 18" aria-hidden="true">{"".join(parts)}</svg>'
    )


def draw_range_plot(headline: Headline, model: ModelUsed) -> Markup:
    """Return an SVG of the likely range, with score and inherent risk, drawn over the levels of the model."""
    top, height = 22, 34
    middle = top + height / 2
    parts = [*_draw_bands(model, top, height, opacity=0.22), *_draw_level_names(model, top - 8)]
    parts += [_draw_text(start, top + height + 16, f"{start:g}") for start in (*_list_level_starts(model), 100.0)]
    parts += [
        _draw_box(headline.best, headline.worst, middle - 4, 8, PAPER, edge=INK),
        *(_draw_upright(value, middle - 11, middle + 11, INK, 2) for value in (headline.best, headline.worst)),
        f'<svg x="{headline.score:.2f}%" y="{middle}" overflow="visible">{mark(headline.level, 0, 0, 9)}</svg>',
    ]
    description = f"Score {format_score(headline.score)}, likely range {format_range(headline.best, headline.worst)}"
    if headline.inherent is not None:
        words = f"Inherent risk {format_score(headline.inherent)}"
        parts += [
            _draw_upright(headline.inherent, top, top + height + 5, QUIET, 1.5, dashes="3 3"),
            _draw_text(headline.inherent, top + height + 36, words, margin=18),
        ]
        description += f"; {words.lower()}"
    return Markup(
        f'<svg class="range-plot" width="100%" height="{top + height + 42}" role="img" aria-labelledby="range-title range-desc">'
        f'<title id="range-title">Score and likely range</title><desc id="range-desc">{description}</desc>{"".join(parts)}</svg>'
    )


class WaterfallRow(NamedTuple):
    """A row of the waterfall chart: its title, its points as text, its bar, and whether it is a total rather than a step."""

    title: str
    points: str
    bar: Markup
    whole: bool


def build_waterfall(detail: Detail, model: ModelUsed) -> list[WaterfallRow]:
    """Return the rows of a table that explains the score step by step; their bars together form the chart."""
    bars = list_bars(detail)
    return [
        WaterfallRow(bar.title, bar.points, _draw_bar(bar, model, leads_on=leads_on), bar.whole)
        for bar, leads_on in zip(bars, [not bar.whole for bar in bars[1:]] + [False], strict=True)
    ]


def draw_scale(model: ModelUsed) -> Markup:
    """Return the heading of the waterfall chart: the names of the levels at the points where they begin."""
    return Markup(f'<svg width="100%" height="18" aria-hidden="true">{"".join(_draw_level_names(model, 13))}</svg>')


def _draw_bar(bar: Bar, model: ModelUsed, *, leads_on: bool) -> Markup:
    """Return the bar of a row, drawn over the levels. ``leads_on``: a line connects its end to the next row."""
    low, high = sorted(min(max(value, 0.0), 100.0) for value in (bar.start, bar.end))
    parts = _draw_bands(model, 0, "100%", opacity=0.13)
    if not bar.whole and bar.start:
        parts.append(_draw_upright(bar.start, 0, "50%", QUIET, 1))
    if leads_on and bar.end:
        parts.append(_draw_upright(bar.end, "50%", "100%", QUIET, 1))
    box = _draw_box(low, high, "50%", BAR_HEIGHT, bar.fill, edge=INK if bar.whole else "")
    parts.append(f'<g transform="translate(0 {-BAR_HEIGHT / 2:g})">{box}</g>')
    return Markup(f'<svg width="100%" height="{ROW_HEIGHT}" aria-hidden="true">{"".join(parts)}</svg>')


def _list_level_starts(model: ModelUsed) -> tuple[float, ...]:
    return (0.0, model.medium_from, model.high_from, model.critical_from)


def _draw_bands(model: ModelUsed, top: float, height: float | str, *, opacity: float) -> list[str]:
    starts = (*_list_level_starts(model), 100.0)
    return [
        f'<rect x="{start:.2f}%" y="{top}" width="{end - start:.2f}%" height="{height}" fill="{FILLS[level]}" '
        f'fill-opacity="{opacity}"/>'
        for level, start, end in zip(BANDS, starts, starts[1:], strict=False)
    ]


def _draw_level_names(model: ModelUsed, y: float) -> list[str]:
    names: Iterable[tuple[Level, float]] = zip(BANDS, _list_level_starts(model), strict=True)
    return [
        f'<text x="{start:.2f}%" dx="3" y="{y}" font-size="12" fill="{QUIET}">{LEVEL_TITLES[level]}</text>'
        for level, start in names
    ]


def _draw_box(low: float, high: float, top: float | str, height: float, fill: str, *, edge: str = "") -> str:
    stroke = f' stroke="{edge}" stroke-width="1"' if edge else ""
    width = max(high - low, 0.15)  # always wide enough to be visible
    return f'<rect x="{low:.2f}%" y="{top}" width="{width:.2f}%" height="{height}" fill="{fill}"{stroke}/>'


def _draw_upright(
    x: float, top: float | str, bottom: float | str, stroke: str, width: float, *, dashes: str = ""
) -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<line x1="{x:.2f}%" y1="{top}" x2="{x:.2f}%" y2="{bottom}" stroke="{stroke}" stroke-width="{width}"{dashed}/>'
    )


def _draw_text(x: float, y: float, text: str, *, margin: float = 2) -> str:
    """Return a line of text centred at ``x``, or aligned with an edge of the drawing that is closer than ``margin``."""
    anchor = "start" if x < margin else "end" if x > 100 - margin else "middle"
    return f'<text x="{x:.2f}%" y="{y}" font-size="12" fill="{QUIET}" text-anchor="{anchor}">{escape_xml(text)}</text>'
