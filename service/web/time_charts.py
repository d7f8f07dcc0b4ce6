"""Draw figures over time for pages: columns of the levels of suppliers, and lines.

Like the drawings of ``svg.py`` they stretch with the page, follow the reader's colour scheme and need no JavaScript. They are
hidden from screen readers, because the page gives the same figures in a table beside each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from markupsafe import Markup

from reports.charts import FILLS, PAPER, QUIET, RULE
from reports.document import Level
from reports.formatting import format_number
from reports.time_charts import STYLES, choose_step
from service.web.formatting import format_day

HEIGHT, TOP, LEFT = (
    180,
    12,
    9.0,
)  # of the plot in pixels; the space for the numbers at its left, in per cent of the width
STACK: tuple[Level, ...] = ("insufficient_evidence", "low", "medium", "high", "critical")  # from the bottom up
WIDEST = 6.0  # per cent of the width that a column takes at most


class Line(NamedTuple):
    """A line of a chart: its name and a value for each day, None where it is not known."""

    title: str
    values: Sequence[float | None]


def draw_levels(days: Sequence[date], counts: Mapping[str, Sequence[float | None]]) -> Markup:
    """Return an SVG with a column for each day, which shows how many suppliers have each level."""
    totals = [sum(values[i] or 0 for values in counts.values()) for i in range(len(days))]
    scale = _Scale(days, max(totals, default=0))
    width = min(WIDEST, 0.8 * (100 - LEFT) / max(1, len(days)))
    parts = scale.draw_frame()
    for i in range(len(days)):
        base = 0.0
        for level in STACK:
            n = (counts.get(level) or [0] * len(days))[i] or 0
            if n:
                low, high = scale.get_y(base), scale.get_y(base + n)
                parts.append(
                    f'<rect x="{scale.get_column(i, width):.2f}%" y="{high:.1f}" width="{width:.2f}%" '
                    f'height="{low - high:.1f}" fill="{FILLS[level]}" stroke="{PAPER}" stroke-width="0.5"/>'
                )
            base += n
    return _wrap(parts)


def draw_lines(days: Sequence[date], lines: Sequence[Line]) -> Markup:
    """Return an SVG of at most three lines over days."""
    known = [value for line in lines for value in line.values if value is not None]
    scale = _Scale(days, max(known, default=0))
    parts = scale.draw_frame()
    for line, style in zip(lines, STYLES, strict=False):
        dashes = f' stroke-dasharray="{style.dashes}"' if style.dashes else ""
        points = [(scale.get_x(i), scale.get_y(value)) for i, value in enumerate(line.values) if value is not None]
        parts += [
            f'<line x1="{x1:.2f}%" y1="{y1:.1f}" x2="{x2:.2f}%" y2="{y2:.1f}" stroke="{style.colour}" stroke-width="2"{dashes}/>'
            for (x1, y1), (x2, y2) in zip(points, points[1:], strict=False)
        ]
        parts += [f'<circle cx="{x:.2f}%" cy="{y:.1f}" r="3" fill="{style.colour}"/>' for x, y in points[-1:]]
    return _wrap(parts)


def draw_key(position: int) -> Markup:
    """Return an SVG of the line at a position, for the legend."""
    style = STYLES[position]
    dashes = f' stroke-dasharray="{style.dashes}"' if style.dashes else ""
    line = f'<line x1="0" y1="6" x2="28" y2="6" stroke="{style.colour}" stroke-width="2"{dashes}/>'
    return Markup(f'<svg width="28" height="12" aria-hidden="true">{line}</svg>')


def _wrap(parts: Sequence[str]) -> Markup:
    return Markup(
        f'<svg class="range-plot" width="100%" height="{TOP + HEIGHT + 24}" aria-hidden="true">{"".join(parts)}</svg>'
    )


class _Scale:
    """Where days and values are in a drawing: across in per cent of its width, and down in pixels."""

    def __init__(self, days: Sequence[date], most: float) -> None:
        self.days = days
        self.step = choose_step(most)
        self.top = self.step * max(1, -(-most // self.step))
        self.span = max(1, (days[-1] - days[0]).days) if days else 1

    def get_x(self, i: int) -> float:
        return LEFT + 1 + (98 - LEFT) * (self.days[i] - self.days[0]).days / self.span

    def get_column(self, i: int, width: float) -> float:
        return LEFT + 1 + (99 - LEFT - width) * (self.days[i] - self.days[0]).days / self.span

    def get_y(self, value: float) -> float:
        return TOP + HEIGHT * (1 - value / self.top)

    def draw_frame(self) -> list[str]:
        """Return the rules with their numbers, and the first and the last day."""
        parts = []
        for k in range(round(self.top / self.step) + 1):
            y = self.get_y(k * self.step)
            parts.append(f'<line x1="{LEFT}%" y1="{y:.1f}" x2="100%" y2="{y:.1f}" stroke="{RULE}" stroke-width="1"/>')
            parts.append(_draw_text(LEFT - 1, y + 4, format_number(round(k * self.step)), "end"))
        if self.days:
            parts.append(_draw_text(LEFT, TOP + HEIGHT + 20, format_day(self.days[0]), "start"))
        if len(self.days) > 1:
            parts.append(_draw_text(100, TOP + HEIGHT + 20, format_day(self.days[-1]), "end"))
        return parts


def _draw_text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.2f}%" y="{y:.1f}" font-size="12" fill="{QUIET}" text-anchor="{anchor}">{text}</text>'
