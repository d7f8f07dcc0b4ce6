"""A supplier's copy holds nothing that could point at a worker."""

import re

import pytest

from reports.audience import SET_ASIDE, as_seen
from reports.document import Reason
from reports.formats import FORMATS, render
from tests.test_reports.read_back import html_text, pdf_text, workbook_rows
from tests.test_reports.sample import sample


def visible(report, name):
    data = render(report, name).data
    if name == "pdf":
        return re.sub(r"\s+", " ", pdf_text(data))
    if name == "xlsx":
        return " ".join(
            str(value) for row in workbook_rows(data, "Reasons") + workbook_rows(data) for value in row.values()
        )
    return html_text(data) + data.decode()


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_what_workers_told_is_in_no_format_of_a_suppliers_copy(name):
    if name != "csv":
        assert "Wages are paid late" in visible(sample(), name)
    assert "Wages are paid late" not in visible(sample("supplier"), name)
    assert "signals" not in visible(sample("supplier"), name)


def test_points_of_a_suppliers_copy_still_make_the_score():
    for detail in as_seen(sample("supplier")).details:
        assert sum(reason.points for reason in detail.reasons) == pytest.approx(detail.headline.score, abs=1e-9)


def test_the_line_that_holds_the_rest_is_there_whether_or_not_anything_was_reported():
    report = sample("supplier")
    details = as_seen(report).details
    silent = report.details[0].reasons
    assert any(reason.from_workers for reason in silent)
    assert [detail.reasons[0].title for detail in details] == [SET_ASIDE] * len(details)


def test_the_numbers_from_which_a_report_could_be_worked_out_are_left_out():
    seen = as_seen(sample("supplier"))
    for headline in [*seen.results, *(detail.headline for detail in seen.details)]:
        assert (headline.inherent, headline.practice_points, headline.practice_of, headline.uplift) == (None,) * 4
        assert headline.floors == ()
    assert (seen.heat, seen.places) == ((), ())
    html = render(sample("supplier"), "html").data.decode()
    assert "Base: what the facts say" not in html


def test_an_answer_about_a_small_group_is_held_back():
    report = sample("supplier")
    reasons = (
        Reason("answer", "Six of them", "", "answered", "6", 3.0, workers=6),
        Reason("answer", "Sixty of them", "", "answered", "60", 3.0, workers=60),
    )
    detail = type(report.details[0])(report.details[0].headline, reasons, (), ())
    shown = as_seen(
        type(report)(**{f: getattr(report, f) for f in report.__dataclass_fields__} | {"details": (detail,)})
    )
    assert [reason.title for reason in shown.details[0].reasons] == [SET_ASIDE, "Sixty of them"]


def test_an_internal_report_is_left_as_it_is():
    report = sample()
    assert as_seen(report) is report
