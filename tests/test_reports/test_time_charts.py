"""Charts over time: the figures are in the picture, in its description and in the table beside it, in every format."""

from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO

import pytest
from openpyxl import load_workbook

from reports.document import GroupFigures, Progress, Series, Trend
from reports.formats import render
from reports.redaction import for_audience
from reports.time_charts import choose_step, draw_trend, format_value
from tests.test_reports.read_back import read_text
from tests.test_reports.sample import sample

DAYS = tuple(date(2026, 1, 5) + timedelta(weeks=week) for week in range(20))
STEPS = Trend(
    "Open and overdue steps",
    "Steps that are not yet verified.",
    DAYS,
    (
        Series("Open steps", tuple(float(100 - week) for week in range(20))),
        Series("Overdue steps", (None, *(float(week) for week in range(19)))),
    ),
)
LEVELS = Trend(
    "Suppliers by level",
    "All assessed suppliers.",
    DAYS,
    (Series("Critical", (4321.0,) * 20, "critical"), Series("Low", (8.0,) * 20, "low")),
    stacked=True,
)
PROGRESS = Progress(
    (LEVELS, STEPS),
    DAYS[-1],
    DAYS[2],
    ("Open steps", "Overdue steps"),
    (GroupFigures("Ethical employment", (77.0, None), (66.0, None)),),
)


def test_a_screen_reader_is_given_the_first_and_the_last_figure_of_each_line():
    described = draw_trend("steps", STEPS).description
    assert described == (
        "Open steps: 100 on 5 Jan 2026, 81 on 18 May 2026; Overdue steps: 0 on 12 Jan 2026, 18 on 18 May 2026"
    )


def test_a_line_does_not_begin_before_its_figure_is_known():
    overdue = draw_trend("steps", replace(STEPS, series=STEPS.series[1:])).shapes()
    (points,) = [part.split('"')[0] for part in overdue.split('points="')[1:]]
    assert len(points.split()) == 19


def test_columns_are_as_high_as_the_total_and_keep_within_the_drawing():
    drawing = draw_trend("levels", LEVELS)
    assert drawing.shapes().count("<rect") == 2 * 20 + 2  # two levels a day, and the legend
    assert all(0 <= text.x <= drawing.width and 0 < text.y <= drawing.height for text in drawing.texts())
    assert "5,000" in [text.text for text in drawing.texts()]


def test_figures_that_are_all_the_same_or_of_one_day_can_be_drawn():
    for values in ((0.0,), (7.0,), (None,)):
        assert draw_trend("one", Trend("One day", "", DAYS[:1], (Series("A figure", values),))).height > 0


@pytest.mark.parametrize(("most", "step"), [(0, 1), (3, 1), (7, 2), (42, 10), (1_386_000, 500_000)])
def test_there_are_at_most_five_rules_at_round_figures(most: float, step: float):
    assert choose_step(most) == step


def test_a_figure_that_is_not_known_is_a_dash_and_never_zero():
    assert [format_value(value) for value in (None, 0.0, 1234.0, 2.5)] == ["–", "0", "1,234", "2.5"]


@pytest.mark.parametrize("format_", ["html", "pdf"])
def test_the_table_beside_a_chart_has_the_same_figures(format_: str):
    text = read_text(render(replace(sample(), progress=PROGRESS), format_).data, format_)
    for expected in (
        "Over time",
        "Open and overdue steps",
        "18 May 2026",
        "81",
        "4,321",
        "77 (66)",
        "Ethical employment",
    ):
        assert expected.replace(" ", "") in text.replace(" ", "").replace("\xa0", "")


def test_the_workbook_has_every_day_and_a_chart_for_each_trend():
    book = load_workbook(BytesIO(render(replace(sample(), progress=PROGRESS), "xlsx").data))
    sheet = book["Over time"]
    assert [cell.value for cell in sheet[1]] == [
        "Day",
        "Suppliers by level: Critical",
        "Suppliers by level: Low",
        "Open and overdue steps: Open steps",
        "Open and overdue steps: Overdue steps",
    ]
    assert sheet.max_row == 1 + len(DAYS)
    assert [cell.value for cell in sheet[2]][1:] == [4321, 8, 100, None]
    assert len(sheet._charts) == 2


def test_a_suppliers_copy_never_contains_the_portfolio():
    assert for_audience(replace(sample("supplier"), progress=PROGRESS)).progress is None
