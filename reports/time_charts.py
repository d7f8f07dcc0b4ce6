"""Draw figures over time: lines, or columns that show how a total is made up. Lines differ in dashes as well as in colour."""

from collections.abc import Sequence
from datetime import date
from math import floor, log10
from typing import NamedTuple

from reports.charts import (
    DOWN,
    FILLS,
    INK,
    PAPER,
    QUIET,
    RULE,
    UP,
    Drawing,
    Text,
    format_coordinate,
    line,
    rect,
    text_width,
)
from reports.document import Series, Trend
from reports.formatting import format_number, format_short_date

_WIDTH, _PLOT, _TOP = 440.0, 130.0, 12.0
_WIDEST, _ROW, _KEY = 24.0, 18.0, 26.0  # a column, a row of the legend, and the key in it


class Style(NamedTuple):
    """How a line is drawn, so that lines are distinct in print and for colour-blind readers: its colour and dashes."""

    colour: str
    dashes: str


STYLES = (Style(INK, ""), Style(UP, "7 4"), Style(DOWN, "2 3"))


def choose_step(most: float) -> float:
    """Return a round distance between rules: one, two or five times a power of ten, at least 1, for at most five rules."""
    if most <= 0:
        return 1.0
    power = 10.0 ** floor(log10(most / 4)) if most > 4 else 1.0
    return next((power * factor for factor in (1, 2, 5) if most / (power * factor) <= 5), power * 10)


def draw_trend(chart: str, trend: Trend) -> Drawing:
    """Return a chart of figures over time. Columns are stacked from the last series up; lines are at most three."""
    if trend.stacked:
        most = max((sum(each.values[i] or 0 for each in trend.series) for i in range(len(trend.days))), default=0)
    else:
        most = max((value for each in trend.series for value in each.values if value is not None), default=0)
    scale = _Scale(trend.days, most)
    parts = scale.draw_frame()
    parts += _draw_columns(scale, trend) if trend.stacked else _draw_lines(scale, trend)
    legend_top = _TOP + _PLOT + 34
    parts += _draw_legend(trend, scale.left, legend_top) if len(trend.series) > 1 else []
    rows = -(-len(trend.series) // 2) if len(trend.series) > 1 else 0
    height = legend_top - 10 + rows * _ROW
    described = "; ".join(_describe(each, trend.days) for each in trend.series)
    return Drawing(chart, _WIDTH, height, trend.title, described, tuple(parts))


def format_value(value: float | None) -> str:
    """Return a figure as text: "1,234", "2.5", or a dash if it is not known."""
    if value is None:
        return "–"
    return format_number(int(value)) if value == int(value) else f"{value:,.1f}"


def _describe(series: Series, days: Sequence[date]) -> str:
    known = [(day, value) for day, value in zip(days, series.values, strict=True) if value is not None]
    points = [known[0], known[-1]] if len(known) > 1 else known
    told = ", ".join(f"{format_value(value)} on {format_short_date(day)}" for day, value in points)
    return f"{series.title}: {told or 'not known'}"


def _draw_columns(scale: "_Scale", trend: Trend) -> list[str | Text]:
    width = min(_WIDEST, 0.8 * (_WIDTH - scale.left) / max(1, len(trend.days)))
    parts: list[str | Text] = []
    for i in range(len(trend.days)):
        base = 0.0
        for each in reversed(trend.series):
            n = each.values[i] or 0
            if n:
                low, high = scale.get_y(base), scale.get_y(base + n)
                parts.append(rect(scale.get_column(i, width), high, width, low - high, _fill(each), edge=PAPER))
            base += n
    return parts


def _draw_lines(scale: "_Scale", trend: Trend) -> list[str | Text]:
    parts: list[str | Text] = []
    for each, style in zip(trend.series, STYLES, strict=False):
        points = [(scale.get_x(i), scale.get_y(value)) for i, value in enumerate(each.values) if value is not None]
        path = " ".join(f"{format_coordinate(x)},{format_coordinate(y)}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{style.colour}" stroke-width="2"{_dash(style)}/>')
        parts += [
            f'<circle cx="{format_coordinate(x)}" cy="{format_coordinate(y)}" r="3" fill="{style.colour}"/>'
            for x, y in points[-1:]
        ]
    return parts


def _draw_legend(trend: Trend, left: float, top: float) -> list[str | Text]:
    parts: list[str | Text] = []
    for place, each in enumerate(trend.series):
        x, y = left + (_WIDTH - left) / 2 * (place % 2), top + _ROW * (place // 2)
        if trend.stacked:
            parts.append(rect(x, y - 10, _KEY, 12, _fill(each), edge=QUIET))
        else:
            style = STYLES[place]
            parts.append(
                f'<line x1="{format_coordinate(x)}" y1="{format_coordinate(y - 4)}" x2="{format_coordinate(x + _KEY)}" '
                f'y2="{format_coordinate(y - 4)}" stroke="{style.colour}" stroke-width="2"{_dash(style)}/>'
            )
        parts.append(Text(x + _KEY + 6, y, each.title))
    return parts


def _fill(series: Series) -> str:
    return FILLS[series.level] if series.level else QUIET


def _dash(style: Style) -> str:
    return f' stroke-dasharray="{style.dashes}"' if style.dashes else ""


class _Scale:
    """Where days and values are in a drawing."""

    def __init__(self, days: Sequence[date], most: float) -> None:
        self.days = days
        self.step = choose_step(most)
        self.top = self.step * max(1, -(-most // self.step))
        self.span = max(1, (days[-1] - days[0]).days)
        self.numbers = [format_number(round(k * self.step)) for k in range(round(self.top / self.step) + 1)]
        self.left = 8 + max(text_width(number, 12) for number in self.numbers)

    def get_x(self, i: int) -> float:
        return self.left + 4 + (_WIDTH - self.left - 8) * (self.days[i] - self.days[0]).days / self.span

    def get_column(self, i: int, width: float) -> float:
        return self.left + 2 + (_WIDTH - self.left - 4 - width) * (self.days[i] - self.days[0]).days / self.span

    def get_y(self, value: float) -> float:
        return _TOP + _PLOT * (1 - value / self.top)

    def draw_frame(self) -> list[str | Text]:
        """Return the rules with their numbers, and the first and the last day."""
        parts: list[str | Text] = []
        for k, number in enumerate(self.numbers):
            y = self.get_y(k * self.step)
            parts += [
                line(self.left, y, _WIDTH, y, stroke=RULE),
                Text(self.left - 6, y + 4, number, fill=QUIET, anchor="end"),
            ]
        ends = {self.days[0]: ("start", self.left), self.days[-1]: ("end", _WIDTH)}
        for day, (anchor, x) in ends.items():
            parts.append(Text(x, _TOP + _PLOT + 17, format_short_date(day), fill=QUIET, anchor=anchor))  # type: ignore[arg-type]
        return parts
