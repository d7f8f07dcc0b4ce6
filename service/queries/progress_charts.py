"""The charts of the portfolio over time, as pages and reports show them. Pages translate the texts that N_ marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reports.document import LEVEL_TITLES, LEVELS, PRIORITIES, GroupFigures, Series, Trend
from reports.document import Progress as ProgressPart
from service.queries import progress
from service.queries.progress import ALL, Progress


def N_(text: str) -> str:  # noqa: N802  the name by which translators' tools find texts that are translated later
    """Return the text; it is translated where it is shown."""
    return text


STAGE_TITLES = {
    "acknowledge": N_("Stage: acknowledge"),
    "act": N_("Stage: act"),
    "advance": N_("Stage: advance"),
}
GROUP_TITLES: Mapping[str, str] = {
    **{f"priority:{code}": title for code, title in PRIORITIES.items()},
    **{f"stage:{stage}": title for stage, title in STAGE_TITLES.items()},
}
FIGURE_TITLES: Mapping[str, str] = {
    progress.OPEN: N_("Open steps"),
    progress.OVERDUE: N_("Overdue steps"),
    progress.DAYS: N_("Median days to verification"),
    progress.REOPENED: N_("Percentage reopened"),
    progress.REACHED: N_("Workers spoken to"),
}
MONEY_TITLES: Mapping[str, str] = {
    progress.OWED: N_("Total owed"),
    progress.PAID: N_("Paid"),
    progress.CONFIRMED: N_("Confirmed by workers"),
}
MONEY_NOTE = N_(
    "Totals across all remedy accounts. How much of a payment counts as confirmed depends on what percentage of the workers "
    "asked said that they had been paid in full."
)
LEVELS_TITLE = N_("Suppliers by level")
LEVELS_NOTE = N_("All assessed suppliers and agencies. Insufficient evidence does not mean low risk.")
# The charts of lines: their titles, what is to be known about them, and the figures that they show.
CHARTS: Sequence[tuple[str, str, tuple[str, ...]]] = (
    (
        N_("Open and overdue steps"),
        N_("Steps that have not been verified yet, and how many of them are past their due date."),
        (progress.OPEN, progress.OVERDUE),
    ),
    (
        N_("Time to verification"),
        N_(
            "Median days from planning a step to verifying it. Each day's figure covers the steps verified in the year up to "
            "that day."
        ),
        (progress.DAYS,),
    ),
    (
        N_("Steps that were reopened"),
        N_(
            "Percentage of closed steps that were later reopened. Each day's figure covers the steps closed in the year up to "
            "that day."
        ),
        (progress.REOPENED,),
    ),
    (
        N_("Workers reached"),
        N_(
            "Each day's figure counts the workers spoken to when steps were checked in the year up to that day. Anyone "
            "spoken to twice is counted twice."
        ),
        (progress.REACHED,),
    ),
)


def list_trends(found: Progress) -> tuple[Trend, ...]:
    """Return the charts of stored figures: levels, steps and their verification, and repayments in each currency.

    A chart of lines of which nothing is known is left out.
    """
    trends = [_build_levels(found)]
    for title, note, figures in CHARTS:
        series = [Series(FIGURE_TITLES[figure], _get_values(found, figure, ALL)) for figure in figures]
        trends.append(Trend(title, note, tuple(found.days), tuple(series)))
    for currency in sorted(found.list_series(progress.OWED)):
        series = [Series(title, _get_values(found, figure, currency)) for figure, title in MONEY_TITLES.items()]
        trends.append(Trend(f"Repaid to workers, in {currency}", MONEY_NOTE, tuple(found.days), tuple(series)))
    return tuple(trend for trend in trends if any(value is not None for each in trend.series for value in each.values))


def build_progress_part(found: Progress) -> ProgressPart | None:
    """Return the part of a report about the portfolio over time; None before there are figures of two days."""
    if len(found.days) < 2:
        return None
    groups = tuple(
        GroupFigures(
            title,
            tuple(found.latest.get((figure, part)) for figure in FIGURE_TITLES),
            tuple(found.compared.get((figure, part)) for figure in FIGURE_TITLES),
        )
        for part, title in GROUP_TITLES.items()
    )
    return ProgressPart(list_trends(found), found.days[-1], found.compared_on, tuple(FIGURE_TITLES.values()), groups)


def _build_levels(found: Progress) -> Trend:
    counts = found.list_series(progress.SUPPLIERS)
    none = [0.0] * len(found.days)
    series = tuple(
        Series(LEVEL_TITLES[level], tuple(value or 0.0 for value in counts.get(level) or none), level)
        for level in LEVELS
    )
    return Trend(LEVELS_TITLE, LEVELS_NOTE, tuple(found.days), series, stacked=True)


def _get_values(found: Progress, figure: str, part: str) -> tuple[float | None, ...]:
    return tuple(found.series.get((figure, part)) or [None] * len(found.days))
