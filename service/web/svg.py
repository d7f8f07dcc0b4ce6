"""Small drawings for pages, made with the drawing functions of the reports so that shapes and colours mean the same."""

from __future__ import annotations

from typing import cast

from markupsafe import Markup

from reports.charts import FILLS, INK, PAPER, QUIET, RULE, Drawing, Text, line, mark, rect
from reports.document import LEVEL_TITLES, Headline, Level, ModelUsed
from service.db.tables import Supplier

BANDS: tuple[Level, ...] = ("low", "medium", "high", "critical")


def draw_range_strip(supplier: Supplier) -> Markup:
    """Return an SVG of the range and score of a supplier, as high as a line of text.

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
    """Return an SVG of the range from best to worst, with score and inherent risk, over the levels of the model."""
    width, top, height = 480.0, 24.0, 36.0
    starts = (0.0, model.medium_from, model.high_from, model.critical_from, 100.0)
    parts: list[str | Text] = []
    for level, start, end in zip(BANDS, starts, starts[1:], strict=False):
        x = width * start / 100
        parts += [
            rect(x, top, width * (end - start) / 100, height, FILLS[level], opacity=0.22),
            Text(
                x + 4,
                top - 8,
                f"{LEVEL_TITLES[level]} from {start:g}" if start else LEVEL_TITLES[level],
                size=12,
                fill=QUIET,
            ),
        ]
    best, score, worst = (width * value / 100 for value in (headline.best, headline.score, headline.worst))
    middle = top + height / 2
    parts += [
        rect(best, middle - 4, worst - best, 8, PAPER, edge=INK),
        line(best, middle - 11, best, middle + 11, width=2),
        line(worst, middle - 11, worst, middle + 11, width=2),
        mark(headline.level, score, middle, 9),
    ]
    description = f"Score {headline.score:.1f}, from {headline.best:.1f} to {headline.worst:.1f}"
    if headline.inherent is not None:
        x = width * headline.inherent / 100
        parts += [
            f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{top + height + 6}" stroke="{QUIET}" stroke-width="1.5" '
            'stroke-dasharray="3 3"/>',
            Text(
                min(max(x, 70), width - 70),
                top + height + 19,
                f"inherent {headline.inherent:.1f}",
                size=12,
                fill=QUIET,
                anchor="middle",
            ),
        ]
        description += f"; inherent risk {headline.inherent:.1f}"
    return Markup(Drawing("range", width, top + height + 26, "Score and range", description, tuple(parts)).svg())
