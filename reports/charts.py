"""Draw the charts of a report as SVG: the parts of a score, likely ranges, the heat map and the number of results by level.

Every chart is one self-contained `<svg>` with a title and a description for screen readers. A level is shown by its name and
shape as well as by its colour. Colours get lighter as the level falls, so that colour-blind readers can distinguish them, and so
that they remain distinct when printed in black and white. Hatching means that only the inherent risk is known, not the practice.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate
from typing import Literal, NamedTuple

from reports.document import LEVEL_TITLES, LEVELS, Cell, Detail, Headline, Level, ModelUsed, Place
from reports.formatting import format_bounded_score, format_count, format_range

FILLS: dict[Level, str] = {
    "critical": "#5e1224",
    "high": "#c4481f",
    "medium": "#f2b44b",
    "low": "#c3dfe9",
    "insufficient_evidence": "#d9d9d6",
}
INKS: dict[Level, str] = {
    "critical": "#ffffff",
    "high": "#ffffff",
    "medium": "#1d242b",
    "low": "#1d242b",
    "insufficient_evidence": "#1d242b",
}
UNANSWERED = (
    "mainly blanks"  # most of the minimum-score rules behind the score were triggered only by questions left blank
)
INK, QUIET, RULE, PAPER = "#1d242b", "#56616b", "#c9ced3", "#ffffff"
FACT, UP, DOWN, UPLIFT = "#6b7f92", "#b5482a", "#23768a", "#5b4a86"

_FONT = "'Noto Sans', 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_WIDTH, _LEGEND = 440, 590
_MAX_FACTS, _MAX_ANSWERS, _MAX_SECTORS, _MAX_COUNTRIES = 8, 10, 8, 18


def keep_xml_characters(text: str) -> str:
    """Return `text` without the characters that XML does not allow, such as most control characters."""
    return _NOT_XML.sub("", text)


def escape_xml(text: str) -> str:
    """Return `text` escaped for XML and HTML, without the characters that XML does not allow."""
    return escape(keep_xml_characters(text))


def format_coordinate(value: float) -> str:
    """Return a coordinate as text for SVG, rounded to a tenth."""
    return f"{value:.1f}".removesuffix(".0")


class Text(NamedTuple):
    """A line of text with its baseline at `y`. `anchor`: which end is at `x`; `halo`: a white outline for any background."""

    x: float
    y: float
    text: str
    size: float = 12
    fill: str = INK
    anchor: Literal["start", "middle", "end"] = "start"
    bold: bool = False
    halo: bool = False

    def svg(self) -> str:
        """Return the line as an SVG element."""
        style = (f' text-anchor="{self.anchor}"' if self.anchor != "start" else "") + (
            ' font-weight="700"' if self.bold else ""
        )
        place = f'x="{format_coordinate(self.x)}" y="{format_coordinate(self.y)}" font-size="{self.size}"{style}'
        rest = f'fill="{self.fill}">{escape_xml(self.text)}</text>'
        halo = f'<text {place} stroke="{PAPER}" stroke-width="3" stroke-linejoin="round" {rest}' if self.halo else ""
        return f"{halo}<text {place} {rest}"


@dataclass(frozen=True)
class Drawing:
    """A drawing of size `width` by `height`, with a `description` for screen readers. Every id inside it starts with `id`."""

    id: str
    width: float
    height: float
    title: str
    description: str
    parts: tuple[str | Text, ...]
    role: Literal["img", "group"] = "img"  # "group" if the drawing contains links

    def svg(self) -> str:
        """Return the complete drawing as an SVG element."""
        return self._around("".join(part.svg() if isinstance(part, Text) else part for part in self.parts))

    def shapes(self) -> str:
        """Return the drawing without its text, for formats that typeset the text themselves."""
        return self._around("".join(part for part in self.parts if isinstance(part, str)))

    def texts(self) -> list[Text]:
        """Return the lines of text that `shapes` omits."""
        return [part for part in self.parts if isinstance(part, Text)]

    def _around(self, inside: str) -> str:
        width, height = format_coordinate(self.width), format_coordinate(self.height)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" id="{self.id}" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="{_FONT}" role="{self.role}" '
            f'aria-labelledby="{self.id}-title {self.id}-desc">'
            f'<title id="{self.id}-title">{escape_xml(self.title)}</title>'
            f'<desc id="{self.id}-desc">{escape_xml(self.description)}</desc>{inside}</svg>'
        )


def rect(x: float, y: float, width: float, height: float, fill: str, *, edge: str = "", opacity: float = 1) -> str:
    """Return a filled rectangle that is wide enough to be visible."""
    size = f'width="{format_coordinate(max(width, 1.0))}" height="{format_coordinate(height)}"'
    style = (f' stroke="{edge}" stroke-width="0.6"' if edge else "") + (
        f' fill-opacity="{opacity}"' if opacity < 1 else ""
    )
    return f'<rect x="{format_coordinate(x)}" y="{format_coordinate(y)}" {size} fill="{fill}"{style}/>'


def line(x1: float, y1: float, x2: float, y2: float, *, stroke: str = INK, width: float = 1) -> str:
    """Return a straight line."""
    ends = f'x1="{format_coordinate(x1)}" y1="{format_coordinate(y1)}" x2="{format_coordinate(x2)}" y2="{format_coordinate(y2)}"'
    return f'<line {ends} stroke="{stroke}" stroke-width="{format_coordinate(width)}"/>'


def hatch_patterns(chart: str) -> str:
    """Return a hatched pattern for each level, for results where only the inherent risk is known; `hatch_fill` refers to it."""
    patterns = "".join(
        f'<pattern id="{chart}-{level}" width="5" height="5" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate(45)"><rect width="5" height="5" fill="#f6f6f4"/>'
        f'<rect width="2.6" height="5" fill="{FILLS[level] if level != "insufficient_evidence" else "#a9adb0"}"/>'
        "</pattern>"
        for level in LEVELS
    )
    return f"<defs>{patterns}</defs>"


def hatch_fill(chart: str, level: Level) -> str:
    """Return the hatched fill for a result where only the inherent risk is known."""
    return f"url(#{chart}-{level})"


def mark(level: Level, x: float, y: float, r: float = 5) -> str:
    """Return the marker of a level: a diamond, triangle, square, disc or ring."""
    paint = f'fill="{FILLS[level]}" stroke="{INK}" stroke-width="1"'
    if level == "critical":
        corners = [(x, y - r * 1.3), (x + r * 1.3, y), (x, y + r * 1.3), (x - r * 1.3, y)]
    elif level == "high":
        corners = [(x, y - r * 1.1), (x + r * 1.15, y + r * 0.9), (x - r * 1.15, y + r * 0.9)]
    elif level == "medium":
        corners = [(x - r * 0.9, y - r * 0.9), (x + r * 0.9, y - r * 0.9), (x + r * 0.9, y + r * 0.9),
                   (x - r * 0.9, y + r * 0.9)]  # fmt: skip
    else:
        paint = paint if level == "low" else f'fill="{PAPER}" stroke="{QUIET}" stroke-width="2"'
        return f'<circle cx="{format_coordinate(x)}" cy="{format_coordinate(y)}" r="{format_coordinate(r * 0.95)}" {paint}/>'
    points = " ".join(f"{format_coordinate(a)},{format_coordinate(b)}" for a, b in corners)
    return f'<polygon points="{points}" {paint}/>'


def draw_level_counts(chart: str, by_level: Mapping[Level, int]) -> Drawing:
    """Return a bar chart of the number of results at each level."""
    total = max(sum(by_level.values()), 1)
    longest = max(*by_level.values(), 1)
    parts: list[str | Text] = [hatch_patterns(chart)]
    y, start = 0.0, 180.0  # the bars start to the right of the longest title
    for level in LEVELS:
        n = by_level[level]
        fill = hatch_fill(chart, level) if level == "insufficient_evidence" else FILLS[level]
        end = start + (350 - start) * n / longest
        parts += [
            mark(level, 10, y + 15),
            Text(26, y + 19, LEVEL_TITLES[level], size=13),
            rect(start, y + 5, end - start, 20, fill, edge=QUIET)
            if n
            else line(start, y + 5, start, y + 25, stroke=QUIET),
            Text(end + 8, y + 20, f"{n:,}", size=14, bold=True),
            Text(_WIDTH, y + 19, f"{100 * n / total:.0f}%", fill=QUIET, anchor="end"),
        ]
        y += 30
    description = "; ".join(f"{LEVEL_TITLES[level]} {by_level[level]}" for level in LEVELS)
    return Drawing(chart, _WIDTH, y, "Results by level", description, tuple(parts))


def draw_ranges(chart: str, headlines: Sequence[Headline], model: ModelUsed) -> Drawing:
    """Return a chart of the score and likely range (best to worst) of each result, drawn over the levels of `model`."""
    height = 34 + 38 * len(headlines)
    parts = _bands(model, 20, height)
    for place, headline in enumerate(headlines):
        y = 34.0 + 38 * place
        best, score, worst = _x_of_score(headline.best), _x_of_score(headline.score), _x_of_score(headline.worst)
        score_and_range = f"{format_bounded_score(headline)}  ({format_range(headline.best, headline.worst)})"
        parts += [
            Text(0, y + 12, truncate(headline.name, 12, _WIDTH - 130)),
            Text(_WIDTH, y + 12, score_and_range, size=11, fill=QUIET, anchor="end"),
            line(best, y + 23, worst, y + 23, width=2),
            line(best, y + 19, best, y + 27, width=1.5),
            line(worst, y + 19, worst, y + 27, width=1.5),
            mark(headline.level, score, y + 23),
        ]
    description = "; ".join(f"{h.name}: {h.score:.1f}, likely range {format_range(h.best, h.worst)}" for h in headlines)
    return Drawing(chart, _WIDTH, height, "Scores and likely ranges", description, tuple(parts))


def draw_contributions(chart: str, detail: Detail, model: ModelUsed) -> Drawing:
    """Return a bar chart of how a score is made up: facts add up to the base, answers move it, and a floor may raise it."""
    rows = list_bars(detail)
    height = 34 + 31 * len(rows)
    parts = _bands(model, 20, height)
    described = []
    for place, bar in enumerate(rows):
        y = 34.0 + 31 * place
        left, right = _x_of_score(min(bar.start, bar.end)), _x_of_score(max(bar.start, bar.end))
        if place and not bar.whole:
            parts.append(line(_x_of_score(bar.start), y - 3, _x_of_score(bar.start), y + 28, stroke=QUIET, width=0.7))
        parts += [
            Text(0, y + 12, truncate(bar.title, 12, _WIDTH - 56), bold=bar.whole),
            Text(_WIDTH, y + 12, bar.points, anchor="end", bold=bar.whole),
            rect(left, y + 17, right - left, 11, bar.fill, edge=INK if bar.whole else ""),
        ]
        described.append(f"{bar.title} {bar.points}")
    return Drawing(
        chart,
        _WIDTH,
        height,
        f"What makes up the score for {detail.headline.name}",
        "; ".join(described),
        tuple(parts),
    )


class Bar(NamedTuple):
    """A bar from `start` to `end`. `whole`: the bar shows a total, drawn from 0, rather than a step."""

    title: str
    start: float
    end: float
    fill: str
    whole: bool = False

    @property
    def points(self) -> str:
        """Return the total, or the step with its sign, as text."""
        return f"{self.end:.1f}" if self.whole else f"{self.end - self.start:+.1f}".replace("-", "\u2212")


def list_bars(detail: Detail) -> list[Bar]:
    """Return the bars that show how a score is made up: facts add up to the base, answers move it, and a floor may raise it."""
    headline = detail.headline
    facts = [(r.title, r.points) for r in detail.reasons if r.kind == "context" and r.points]
    moves = [(r.title, r.points) for r in detail.reasons if r.kind == "answer" and r.points]
    base = sum(points for _, points in facts)
    rows: list[Bar] = []
    running = 0.0
    for title, points in _largest(facts, _MAX_FACTS, "other fact"):
        rows.append(Bar(title, running, running + points, FACT))
        running += points
    if headline.inherent is not None:  # a supplier's copy omits it
        rows.append(Bar("Inherent risk", 0.0, base, INK, whole=True))
    for title, points in _largest(moves, _MAX_ANSWERS, "other answer"):
        rows.append(Bar(title, running, running + points, UP if points > 0 else DOWN))
        running += points
    if headline.uplift:
        highest = [f for f in detail.floors if f.at_least == max(each.at_least for each in detail.floors)]
        open_ = " (cannot be ruled out)" if highest and all(floor.open for floor in highest) else ""
        titles = "; ".join(floor.title for floor in highest)
        rows.append(Bar(f"Minimum-score rule{open_}: {titles}", running, running + headline.uplift, UPLIFT))
    rows.append(Bar(f"Score: {headline.level_text}", 0.0, headline.score, FILLS[headline.level], whole=True))
    return rows


def draw_heat_map(chart: str, cells: Sequence[Cell]) -> Drawing:
    """Return a heat map with countries in rows and sectors in columns, worst first, and a note on how many are not shown."""
    rows, columns, more_rows, more_columns = pick_heat_axes(cells)
    left, wide, high = 148, 84, 38
    headers = [wrap(name, 10.5, wide - 2) for name in columns]
    top = 26 + 13 * max(map(len, headers), default=0)  # below the note on how many countries and sectors are not shown
    parts: list[str | Text] = [hatch_patterns(chart)]
    described = []
    for place, header in enumerate(headers):
        for i, words in enumerate(reversed(header)):
            x = left + place * wide + wide / 2
            parts.append(Text(x, top - 8 - 13 * i, words, size=10.5, fill=QUIET, anchor="middle"))
    for place, name in enumerate(rows):
        y = top + place * high
        parts.append(Text(0, y + 23, truncate(name, 12, left - 8)))
        parts += [rect(left + i * wide + 1, y + 1, wide - 2, high - 2, "#f4f5f5") for i in range(len(columns))]
    for cell in cells:
        if cell.country_name in rows and cell.sector_title in columns:
            x, y = left + columns.index(cell.sector_title) * wide, top + rows.index(cell.country_name) * high
            words = f"{cell.country_name}, {cell.sector_title}: {describe(cell)}"
            inherent = cell.known == "inherent"
            below = [f"of {cell.results:,}"] * (cell.results > 1) + [UNANSWERED] * cell.silent
            ink = INK if inherent else INKS[cell.level]
            described.append(words)
            parts += [
                f"<g><title>{escape_xml(words)}</title>",
                rect(
                    x + 1, y + 1, wide - 2, high - 2, hatch_fill(chart, cell.level) if inherent else FILLS[cell.level]
                ),
                rect(x + 9, y + 6, wide - 18, high - 12, PAPER, opacity=0.9) if inherent else "",
                Text(
                    x + wide / 2,
                    y + (24, 19, 15)[len(below)],
                    f"{'up to ' if cell.up_to else ''}{cell.value:.0f}",
                    size=12 if cell.up_to else 14,
                    fill=ink,
                    anchor="middle",
                    bold=True,
                ),
                *(
                    Text(
                        x + wide / 2,
                        y + (31 if len(below) == 1 else 25 + 9 * i),
                        words,
                        size=9.5,
                        fill=ink,
                        anchor="middle",
                    )
                    for i, words in enumerate(below)
                ),
                "</g>",
            ]
    height = top + len(rows) * high + 34
    parts += legend(chart, 0, height - 10)
    cut = [
        (more_rows, "country", "countries"),
        (more_columns, "sector", "sectors"),
    ]
    if any(n for n, _, _ in cut):
        left_out = " and ".join(format_count(n, f"more {one}", f"more {many}") for n, one, many in cut if n)
        parts.append(Text(0, 11, f"{left_out} not shown.", size=11, fill=QUIET))
    width = max(left + len(columns) * wide, _LEGEND)
    return Drawing(chart, width, height, "Worst result by country and sector", "; ".join(described), tuple(parts))


class HeatAxes(NamedTuple):
    """The names of the countries and sectors in a heat map, worst first, and how many of each are not shown."""

    countries: list[str]
    sectors: list[str]
    more_countries: int
    more_sectors: int


def pick_heat_axes(cells: Sequence[Cell]) -> HeatAxes:
    """Return the countries and sectors that fit into a heat map."""
    countries = _worst_first((cell.country_name, cell) for cell in cells)
    sectors = _worst_first((cell.sector_title, cell) for cell in cells)
    more_countries, more_sectors = len(countries[_MAX_COUNTRIES:]), len(sectors[_MAX_SECTORS:])
    return HeatAxes(countries[:_MAX_COUNTRIES], sectors[:_MAX_SECTORS], more_countries, more_sectors)


def describe(of: Cell | Place) -> str:
    """Return a text about a cell or a country, for readers who cannot see its colour."""
    only = ", inherent risk only" if of.known == "inherent" else ""
    up_to, silent = "up to " if of.up_to else "", f" ({UNANSWERED})" if of.silent else ""
    return f"{up_to}{of.value:.1f}, {LEVEL_TITLES[of.level]}{silent}{only}, {format_count(of.results, 'supplier')}"


def legend(chart: str, x: float, y: float) -> list[str | Text]:
    """Return the legend: the levels and the hatching, in one line."""
    parts: list[str | Text] = []
    for level in LEVELS[:-1]:
        parts += [rect(x, y - 9, 16, 11, FILLS[level], edge=QUIET), Text(x + 21, y, LEVEL_TITLES[level], size=11)]
        x += 36 + text_width(LEVEL_TITLES[level], 11)
    words = "Hatched: inherent risk only, practice unknown"
    return [*parts, rect(x + 8, y - 9, 16, 11, hatch_fill(chart, "high"), edge=QUIET), Text(x + 29, y, words, size=11)]


def text_width(text: str, size: float) -> float:
    """Return the approximate width of a line of text: full-width characters take one em, others a little over half an em."""
    return size * sum(map(_character_width, text))


def _character_width(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.0
    return 0.0 if unicodedata.combining(character) else 0.56


def truncate(text: str, size: float, width: float) -> str:
    """Return `text`, shortened with an ellipsis if it would be wider than `width`. The time it takes is linear in the text."""
    widths = list(accumulate(map(_character_width, text), initial=0.0))  # of the first 0, 1, 2, ... characters
    if widths[-1] * size <= width:
        return text
    fitting = max(0, bisect_right(widths, width / size - 1) - 1)
    return text[:fitting].rstrip() + "\u2026"


def wrap(text: str, size: float, width: float) -> list[str]:
    """Return `text` as lines of at most `width`, broken at spaces."""
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(truncate(word, size, width))
    return lines


def _x_of_score(score: float) -> float:
    return _WIDTH * min(max(score, 0.0), 100.0) / 100


def _worst_first(named: Iterable[tuple[str, Cell]]) -> list[str]:
    worst: dict[str, tuple[int, float]] = {}
    for name, cell in named:
        rank = (-LEVELS.index(cell.level), cell.value)
        worst[name] = max(worst.get(name, rank), rank)
    return sorted(worst, key=lambda name: worst[name], reverse=True)


def _largest(rows: list[tuple[str, float]], most: int, rest: str) -> list[tuple[str, float]]:
    """Return the `most` rows that affect the score most, in their original order, and one row for the sum of the others."""
    largest = sorted(sorted(range(len(rows)), key=lambda i: -abs(rows[i][1]))[:most])
    others = [points for i, (_, points) in enumerate(rows) if i not in largest]
    return [rows[i] for i in largest] + ([(format_count(len(others), rest), sum(others))] if others else [])


def _bands(model: ModelUsed, top: float, bottom: float) -> list[str | Text]:
    """Return the levels as pale background columns for a chart that runs from 0 to 100."""
    levels: tuple[Level, ...] = ("low", "medium", "high", "critical")
    starts = (0.0, model.medium_from, model.high_from, model.critical_from, 100.0)
    parts: list[str | Text] = []
    for level, start, end in zip(levels, starts, starts[1:], strict=False):
        words = f"{LEVEL_TITLES[level]} from {start:g}" if start else LEVEL_TITLES[level]
        left, right = _x_of_score(start), _x_of_score(end)
        parts.append(rect(left, top, right - left, bottom - top, FILLS[level], opacity=0.11))
        parts.append(Text(left + 4, top - 6, words, size=11, fill=QUIET))
    return parts
