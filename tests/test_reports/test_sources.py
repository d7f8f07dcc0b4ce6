"""What a report cites is listed in it: a click leads from a reason to what its source says."""

import io
import re
from dataclasses import replace

import pytest
from pypdf import PdfReader

from reports.document import CaseLine, Source
from reports.formats import render
from tests.test_reports.read_back import html_text, pdf_text, workbook_rows
from tests.test_reports.sample import make_headline, make_report, sample

REGISTER = (
    Source("FL07", "Papers are kept by somebody else", "An invented office"),
    Source("RM-02", "Deductions stop, and what was paid is paid back", "An invented office", "from memory"),
    Source("own 3", "A rule of our own", "This project", "our own rule"),
    Source("CD09", "A sign that stands in a case alone", "An invented office"),
    Source("ZZ99", "Nobody cites this", "An invented office"),
)


def report(audience="internal"):
    whole = sample(audience)
    first, *rest = whole.details
    first = replace(first, floors=tuple(replace(floor, sources=("own 3",)) for floor in first.floors))
    return replace(whole, details=(first, *rest), sources=REGISTER)


def test_a_source_is_one_click_away_from_what_cites_it():
    page = render(report(), "html").data.decode()
    for name in ("FL07", "RM-02", "own 3"):
        anchor = f"source-{name.replace(' ', '-')}"
        assert f'<a href="#{anchor}">{name}</a>' in page
        assert page.count(f'id="{anchor}"') == 1


def test_on_paper_too_a_source_is_a_link_to_the_list():
    pages = PdfReader(io.BytesIO(render(report(), "pdf").data)).pages
    links = [a.get_object() for page in pages for a in page.get("/Annots", [])]
    assert [link for link in links if link["/Subtype"] == "/Link" and ("/Dest" in link or "/A" in link)]
    assert "Papers are kept by somebody else" in pages[-1].extract_text()


@pytest.mark.parametrize("name", ["html", "pdf", "xlsx"])
def test_the_list_holds_what_is_cited_and_nothing_else(name):
    data = render(report(), name).data
    if name == "xlsx":
        assert [row["ID"] for row in workbook_rows(data, "Sources")] == ["FL07", "RM-02", "own 3"]
        return
    text = re.sub(r"\s+", " ", html_text(data) if name == "html" else pdf_text(data))
    assert "Deductions stop, and what was paid is paid back (from memory)" in text
    assert "Nobody cites this" not in text
    assert "A sign that stands in a case alone" not in text


def test_the_signs_that_the_reading_of_a_case_names_are_cited():
    case = CaseLine("C-1", "", "Nepal, cook, 3 people", "signals", 2, ("Reached with CD09 medium; CD0 is no sign.",))
    page = render(replace(make_report(make_headline()), cases=(case,), sources=REGISTER), "html").data.decode()
    assert '<a href="#source-CD09">CD09</a>' in page
    assert "A sign that stands in a case alone" in page


def test_a_suppliers_copy_lists_no_source_of_what_it_does_not_show():
    hidden = replace(
        report("supplier"),
        plan=(),
        details=tuple(replace(d, reasons=d.reasons[:4]) for d in report("supplier").details),
    )
    assert "Papers are kept by somebody else" not in html_text(render(hidden, "html").data)
