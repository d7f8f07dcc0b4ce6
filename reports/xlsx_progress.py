"""Write the portfolio over time to a workbook: a table with a row for each day, and a chart for each group of its columns."""

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from reports.charts import FILLS
from reports.document import Progress, Trend
from reports.time_charts import STYLES
from reports.xlsx_rows import write_row

SHEET = "Over time"
DASHES = {"": "solid", "7 4": "dash", "2 3": "round_dot"}  # of a line in a drawing: the name that workbooks have for it
CHART_ROWS, CHART_SIZE = 16, {"width": 560, "height": 300}


def write_progress(book: xlsxwriter.Workbook, progress: Progress) -> None:
    """Write the sheet: the figures of all days, and the charts to their right."""
    sheet = book.add_worksheet(SHEET)
    heading = book.add_format({"bold": True, "valign": "top", "text_wrap": True, "bottom": 1, "bg_color": "#eef1f4"})
    day, number = book.add_format({"num_format": "d mmm yyyy"}), book.add_format({"num_format": "#,##0.##"})
    columns = [(trend, series) for trend in progress.trends for series in trend.series]
    sheet.set_column(0, 0, 13)
    sheet.set_column(1, len(columns), 14)
    titles = [f"{trend.title}: {series.title}" if len(trend.series) > 1 else series.title for trend, series in columns]
    write_row(sheet, 0, ["Day", *titles], [heading] * (len(columns) + 1))
    days = progress.trends[0].days
    for place, on in enumerate(days):
        values = [series.values[place] for _, series in columns]
        write_row(sheet, place + 1, [on, *values], [day, *[number] * len(columns)])
    sheet.freeze_panes(1, 1)
    first = 1
    for place, trend in enumerate(progress.trends):
        _insert_chart(book, sheet, trend, first, (place * CHART_ROWS + 1, len(columns) + 2))
        first += len(trend.series)


def _insert_chart(
    book: xlsxwriter.Workbook, sheet: Worksheet, trend: Trend, first: int, place: tuple[int, int]
) -> None:
    """Insert the chart of a trend whose series begin in a column."""
    chart = book.add_chart({"type": "column", "subtype": "stacked"} if trend.stacked else {"type": "line"})
    assert chart is not None  # only for a type that there is not
    last = len(trend.days)
    for offset, series in reversed(list(enumerate(trend.series))) if trend.stacked else enumerate(trend.series):
        look = (
            {"fill": {"color": FILLS[series.level]}}
            if series.level
            else {"line": {"color": STYLES[offset].colour, "dash_type": DASHES[STYLES[offset].dashes]}}
        )
        column = first + offset
        chart.add_series(
            {
                "name": series.title,
                "categories": [SHEET, 1, 0, last, 0],
                "values": [SHEET, 1, column, last, column],
                **look,
            }
        )
    chart.set_title({"name": trend.title, "name_font": {"size": 12}})
    chart.set_x_axis({"date_axis": True, "num_format": "mmm yyyy"})
    chart.set_y_axis({"min": 0, "major_gridlines": {"visible": True, "line": {"color": "#c9ced3"}}})
    chart.set_legend({"position": "bottom"} if len(trend.series) > 1 else {"none": True})
    chart.set_size(CHART_SIZE)
    sheet.insert_chart(*place, chart, {"description": f"{trend.title}. {trend.note}"})
