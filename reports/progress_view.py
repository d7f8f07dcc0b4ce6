"""Turn the portfolio over time into words and charts, as the templates of HTML and PDF show it."""

from typing import Any

from reports.document import Progress
from reports.formatting import format_date, format_short_date
from reports.time_charts import draw_trend, format_value

_MAX_DAYS = 8  # in the table of a chart; the workbook has all


def build_progress_view(progress: Progress) -> dict[str, Any]:
    """Return the charts of the portfolio over time, each with a table of some of its days, and the figures of groups of steps."""
    return {
        "trends": [
            {
                "title": trend.title,
                "note": trend.note,
                "chart": draw_trend(f"trend-{place}", trend),
                "columns": [series.title for series in trend.series],
                "rows": [
                    {
                        "day": format_short_date(trend.days[i]),
                        "values": [format_value(s.values[i]) for s in trend.series],
                    }
                    for i in _pick(len(trend.days))
                ],
            }
            for place, trend in enumerate(progress.trends, 1)
        ],
        "on": format_date(progress.on),
        "compared_on": format_date(progress.compared_on) if progress.compared_on else "",
        "columns": list(progress.columns),
        "groups": [
            {
                "title": group.title,
                "values": [
                    format_value(latest) + (f" ({format_value(then)})" if then is not None else "")
                    for latest, then in zip(group.latest, group.compared, strict=True)
                ],
            }
            for group in progress.groups
        ],
    }


def _pick(days: int) -> list[int]:
    """Return the positions of at most _MAX_DAYS days, evenly spread with the last one first."""
    gap = -(-days // _MAX_DAYS)
    return list(range(days - 1, -1, -gap))
