"""The page of the portfolio over time: its levels, steps, verifications and repayments as charts, each with its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from flask import render_template
from flask_babel import LazyString, lazy_gettext
from flask_babel import gettext as _
from markupsafe import Markup

from reports.document import LEVEL_TITLES, PRIORITIES
from service.auth.caller import get_caller, read_session
from service.clock import now
from service.queries import progress
from service.queries.progress import ALL, Progress
from service.web.time_charts import STACK, Line, draw_key, draw_levels, draw_lines

STAGE_TITLES: Mapping[str, LazyString] = {
    "acknowledge": lazy_gettext("Stage: acknowledge"),
    "act": lazy_gettext("Stage: act"),
    "advance": lazy_gettext("Stage: advance"),
}
GROUP_TITLES: Mapping[str, str | LazyString] = {
    **{f"priority:{code}": title for code, title in PRIORITIES.items()},
    **{f"stage:{stage}": title for stage, title in STAGE_TITLES.items()},
}
FIGURE_TITLES: Mapping[str, LazyString] = {
    progress.OPEN: lazy_gettext("Open steps"),
    progress.OVERDUE: lazy_gettext("Overdue steps"),
    progress.DAYS: lazy_gettext("Median days to verification"),
    progress.REOPENED: lazy_gettext("Reopened, per cent"),
    progress.REACHED: lazy_gettext("Workers spoken to"),
}
MONEY_TITLES: Mapping[str, LazyString] = {
    progress.OWED: lazy_gettext("Total owed"),
    progress.PAID: lazy_gettext("Paid"),
    progress.CONFIRMED: lazy_gettext("Confirmed by workers"),
}
MONEY_NOTE = lazy_gettext(
    "The sums of all remedy accounts. A payment counts as confirmed to the extent that the workers asked had received it."
)
# The charts of lines: their titles, what is to be known about them, and the figures that they show.
CHARTS: tuple[tuple[LazyString, LazyString, tuple[str, ...]], ...] = (
    (
        lazy_gettext("Open and overdue steps"),
        lazy_gettext("Steps that are not yet verified, and those of them whose due date has passed."),
        (progress.OPEN, progress.OVERDUE),
    ),
    (
        lazy_gettext("Time to verification"),
        lazy_gettext(
            "Median days from planning a step to verifying it, for steps verified in the year before each day."
        ),
        (progress.DAYS,),
    ),
    (
        lazy_gettext("Steps that were reopened"),
        lazy_gettext("Percentage of the steps closed in the year before each day that were later reopened."),
        (progress.REOPENED,),
    ),
    (
        lazy_gettext("Workers reached"),
        lazy_gettext(
            "Workers spoken to when steps were checked, in the year before each day. Someone asked twice is counted twice."
        ),
        (progress.REACHED,),
    ),
)


@dataclass(frozen=True)
class Chart:
    """A chart with its legend, and the table of the same figures: titles of columns, and a row for each day."""

    title: str | LazyString
    note: str | LazyString
    drawing: Markup
    legend: Sequence[tuple[Markup, str | LazyString]]
    columns: Sequence[str | LazyString]
    rows: Sequence[tuple[date, Sequence[float | None]]]


def show_progress() -> str:
    """Show how the portfolio has been doing over the last year."""
    caller = get_caller()
    with read_session() as session:
        found = progress.load_progress(session, now().date(), sees_worker_derived=caller.sees_worker_derived)
    charts = [chart for chart in (_build_chart(found, *each) for each in CHARTS) if chart.rows]
    charts += [_build_money_chart(found, currency) for currency in sorted(found.list_series(progress.OWED))]
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
        charts=charts,
        groups=GROUP_TITLES,
        figures=[(figure, title) for figure, title in FIGURE_TITLES.items()],
    )


def _build_chart(found: Progress, title: LazyString, note: LazyString, figures: Sequence[str]) -> Chart:
    lines = [
        Line(str(FIGURE_TITLES[figure]), found.series.get((figure, ALL)) or [None] * len(found.days))
        for figure in figures
    ]
    return _draw_chart(title, note, found.days, lines)


def _build_money_chart(found: Progress, currency: str) -> Chart:
    lines = [
        Line(str(title), found.series.get((figure, currency)) or [None] * len(found.days))
        for figure, title in MONEY_TITLES.items()
    ]
    title = _("Repaid to workers, in %(currency)s", currency=currency)
    return _draw_chart(title, MONEY_NOTE, found.days, lines)


def _draw_chart(title: str | LazyString, note: str | LazyString, days: Sequence[date], lines: Sequence[Line]) -> Chart:
    rows = [(day, [line.values[i] for line in lines]) for i, day in enumerate(days)]
    known = [row for row in rows if any(value is not None for value in row[1])]
    legend = [(draw_key(i), line.title) for i, line in enumerate(lines)]
    return Chart(title, note, draw_lines(days, lines), legend, [line.title for line in lines], known)
