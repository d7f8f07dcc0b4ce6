"""The page of the portfolio over time: its levels, steps, verifications and repayments as charts, each with its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from flask import render_template
from flask_babel import gettext as _
from markupsafe import Markup

from reports.document import LEVEL_TITLES, Trend
from service.auth.caller import get_caller, read_session
from service.clock import now
from service.queries import progress
from service.queries.progress_charts import FIGURE_TITLES, GROUP_TITLES, list_trends
from service.web.time_charts import STACK, Line, draw_key, draw_levels, draw_lines


@dataclass(frozen=True)
class Chart:
    """A chart with its legend, and the table of the same figures: titles of columns, and a row for each day."""

    title: str
    note: str
    drawing: Markup
    legend: Sequence[tuple[Markup, str]]
    columns: Sequence[str]
    rows: Sequence[tuple[date, Sequence[float | None]]]


def show_progress() -> str:
    """Show how the portfolio has been doing over the last year."""
    caller = get_caller()
    with read_session() as session:
        found = progress.load_progress(session, now().date(), sees_worker_derived=caller.sees_worker_derived)
    charts = [trend for trend in list_trends(found) if not trend.stacked]
    levels = found.list_series(progress.SUPPLIERS)
    return render_template(
        "progress.html",
        progress=found,
        sees_worker_derived=caller.sees_worker_derived,
        levels=draw_levels(found.days, levels),
        level_order=STACK[::-1],
        level_titles=[LEVEL_TITLES[level] for level in STACK[::-1]],
        level_rows=[
            (day, [(levels.get(level) or [0.0] * len(found.days))[i] for level in STACK[::-1]])
            for i, day in enumerate(found.days)
        ],
        charts=[_build_chart(trend) for trend in charts],
        groups={part: _(title) for part, title in GROUP_TITLES.items()},
        figures=[(figure, _(title)) for figure, title in FIGURE_TITLES.items()],
    )


def _build_chart(trend: Trend) -> Chart:
    lines = [Line(_(each.title), each.values) for each in trend.series]
    rows = [(day, [line.values[i] for line in lines]) for i, day in enumerate(trend.days)]
    known = [row for row in rows if any(value is not None for value in row[1])]
    legend = [(draw_key(i), line.title) for i, line in enumerate(lines)]
    drawing = draw_lines(trend.days, lines)
    return Chart(_(trend.title), _(trend.note), drawing, legend, [line.title for line in lines], known)
