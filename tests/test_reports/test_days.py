"""A day in a workbook is the day that was meant, as a reader's spreadsheet shows it."""

import io
from dataclasses import replace
from datetime import date, datetime

import openpyxl
import pytest

from reports.formats import render
from tests.test_reports.read_back import workbook_rows
from tests.test_reports.sample import sample


@pytest.mark.parametrize("day", [date(2026, 11, 27), date(2028, 2, 29), date(2026, 12, 31), date(1999, 1, 1)])
def test_a_step_in_a_workbook_is_due_on_its_day_and_no_other(day: date) -> None:
    report = sample()
    due = replace(report, plan=tuple(replace(step, due=day) for step in report.plan))
    rows = workbook_rows(render(due, "xlsx").data, "Actions")
    assert len(rows) == len(report.plan)
    assert {row["Due"] for row in rows} == {datetime(day.year, day.month, day.day)}  # noqa: DTZ001  cells have no zone


def test_a_workbook_says_that_it_was_made_on_the_day_of_the_report() -> None:
    report = sample()
    created = openpyxl.load_workbook(io.BytesIO(render(report, "xlsx").data)).properties.created
    assert created.date() == report.on
