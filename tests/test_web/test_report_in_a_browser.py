"""The report in one HTML file as a browser shows it, wide and narrow."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from patience import PATIENCE
from playwright.sync_api import Browser, Page, expect

from reports.document import Source
from reports.formats import render
from tests.test_reports.sample import sample

FL07 = Source("FL07", "Papers are kept by somebody else", "An invented office", "from memory")


@pytest.fixture(params=[1280, 390], ids=["wide", "narrow"])
def report(chromium: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The report, opened from a folder as whoever gets it by mail would."""
    file = tmp_path / "report.html"
    file.write_bytes(render(replace(sample(), sources=(FL07,)), "html").data)
    page = chromium.new_page(viewport={"width": request.param, "height": 800})
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(file.as_uri())
    yield page
    page.close()


def test_a_report_has_no_accessibility_faults_and_does_not_overflow(report: Page) -> None:
    found = Axe().run(report).response
    assert found["passes"], "it looked at nothing"
    assert [(each["id"], each["nodes"][0]["html"][:120]) for each in found["violations"]] == []
    assert not report.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


def test_a_click_on_a_source_shows_what_it_says(report: Page) -> None:
    source = report.get_by_text("Papers are kept by somebody else")
    expect(source).not_to_be_in_viewport()
    report.get_by_role("link", name="FL07").first.click()
    expect(source).to_be_in_viewport()
