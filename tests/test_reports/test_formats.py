"""Every format gives the same numbers, answers what page one must, and can be made again byte for byte."""

import io
import re
from dataclasses import replace
from datetime import date

import openpyxl
import pytest
from pypdf import PdfReader

from reports.detail_view import GROUP_TITLES
from reports.document import DRAFT, PRIORITIES, WORDING, CaseLine, Company, Detail, Floor, NotChecked
from reports.formats import FORMATS, render
from reports.pdf import MAX_DETAILS
from tests.test_reports.read_back import csv_rows, html_text, pdf_text, workbook_rows
from tests.test_reports.sample import make_headline, make_report, sample


@pytest.fixture(scope="module")
def rendered():
    return {name: render(sample(), name).data for name in FORMATS}


def test_every_format_gives_the_same_numbers(rendered):
    report = sample()
    expected = [(h.score, h.best, h.worst, h.confidence) for h in report.results]
    sheet = [(r["Score"], r["Best"], r["Worst"], r["Confidence"]) for r in workbook_rows(rendered["xlsx"])]
    lines = [tuple(float(r[k]) for k in ("score", "best", "worst", "confidence")) for r in csv_rows(rendered["csv"])]
    assert sheet == expected
    assert lines == expected
    for text in (html_text(rendered["html"]), re.sub(r"\s+", " ", pdf_text(rendered["pdf"]))):
        for h in report.results:
            row = re.search(
                rf"{h.reference} .*?(\d+\.\d) ?(\d+)–(\d+)(?: ?confidence)? ?(\d+)", text
            )  # the queue comes first, so the first match is its row
            assert row, h.reference
            score, *rounded = map(float, row.groups())
            assert score == pytest.approx(h.score, abs=0.051)
            assert rounded == pytest.approx([h.best, h.worst, h.confidence], abs=0.51)


def test_points_of_a_result_explained_are_the_same_in_html_pdf_and_workbook(rendered):
    reasons = workbook_rows(rendered["xlsx"], "Reasons")
    pdf, html = pdf_text(rendered["pdf"]).replace("\u2212", "-"), html_text(rendered["html"]).replace("\u2212", "-")
    for place, detail in enumerate(sample().details):
        mine = [r["Points"] for r in reasons if r["Reference"] == detail.headline.reference]
        assert sum(mine) == pytest.approx(detail.headline.score, abs=1e-9)
        for points in mine:
            text = f"{points:+.1f}" if abs(points) >= 0.05 else "0.0"
            assert text in pdf or place >= MAX_DETAILS
            assert text in html


@pytest.mark.parametrize("name", ["html", "pdf"])
def test_page_one_says_what_when_which_model_how_sure_and_what_was_not_checked(rendered, name):
    text = (
        html_text(rendered["html"])
        if name == "html"
        else PdfReader(io.BytesIO(rendered["pdf"])).pages[0].extract_text()
    )
    text = re.sub(r"\s+", " ", text)
    for words in (
        "17 sites and 3 recruitment agencies",
        "25 November 2026",
        "site_fishing 2026.1",
        "7c1e55d0aa93",
        "Median confidence: 48/100.",
        "Who holds passports and other papers? not asked in 11 of 20 assessments",
        DRAFT,
        WORDING,
    ):
        assert words in text, words


@pytest.mark.parametrize("name", ["html", "pdf"])
def test_actions_are_listed_under_the_priorities_of_the_bali_process(rendered, name):
    text = html_text(rendered["html"]) if name == "html" else pdf_text(rendered["pdf"])
    text = re.sub(r"\s+", " ", text)
    places = [text.index(f"Priority {id_}. {title}") for id_, title in PRIORITIES.items()]
    assert places == sorted(places)
    assert places[0] < text.index("Check the licence of every recruiter", places[0]) < places[1]
    assert "Repay what workers paid" in text[places[3] : text.index("esults explained", places[3])]


@pytest.mark.parametrize("name", ["html", "pdf"])
def test_what_was_found_comes_before_what_was_left_blank_and_that_before_the_rest(name):
    titles = (
        "Papers are held by the employer",
        "A grievance line that workers use",
        "Written contracts in the",
    )
    text = html_text(render(sample(), name).data) if name == "html" else pdf_text(render(sample(), name).data)
    start = text.index("What the supplier can change")
    text = text[start : text.index("What the supplier cannot change", start)]
    groups = GROUP_TITLES.values()
    places = [text.index(words) for pair in zip(groups, titles, strict=True) for words in (pair[0][:20], pair[1])]
    assert places == sorted(places)


@pytest.mark.parametrize("name", ["html", "pdf"])
def test_what_a_supplier_cannot_change_is_headed_by_its_points(name):
    data = render(sample(), name).data
    text = re.sub(r"\s+", " ", html_text(data) if name == "html" else pdf_text(data))
    detail = sample().details[0]
    heading = "What the supplier cannot change: country, sector, law and goods"
    assert f"{heading} ({detail.fixed_points:.1f} points)" in text


@pytest.mark.parametrize("name", ["html", "pdf"])
def test_the_points_of_both_headings_add_up_to_the_score(name):
    detail = next(one for one in sample().details if one.headline.uplift)
    report = replace(sample(), details=(detail,))
    data = render(report, name).data
    text = re.sub(r"\s+", " ", html_text(data) if name == "html" else pdf_text(data))
    pattern = (
        r"law and goods \(([0-9.]+) points\)|([+−][0-9.]+) points now, and ([+−][0-9.]+) from a minimum-score rule"
    )
    points = [float(number.replace("−", "-")) for found in re.findall(pattern, text) for number in found if number]
    assert len(points) == 3
    assert sum(points) == pytest.approx(detail.headline.score, abs=0.16)  # three rounded figures


@pytest.mark.parametrize("name", ["html", "pdf"])
def test_page_one_names_the_cases_in_which_people_may_be_in_danger(name):
    lines = [
        CaseLine(f"CR-{n}", "Quiet Gull (vessel)", "9 people", strength, 1, ())
        for n, strength in enumerate(["emergency"] * 6 + ["signals"])
    ]
    data = render(replace(sample(), cases=tuple(lines)), name).data
    text = html_text(data) if name == "html" else PdfReader(io.BytesIO(data)).pages[0].extract_text()
    text = re.sub(r"\s+", " ", text).split("Results by level")[0]
    assert "6 cases suggest that people may be in danger now; act on them first" in text
    assert "CR-0 about Quiet Gull (vessel), " in text
    assert "CR-4 about Quiet Gull (vessel) and 1 more" in text
    assert "CR-6" not in text


def test_the_draft_mark_goes_once_the_supplier_has_been_consulted():
    report = replace(sample(), draft="", details=(), plan=())
    assert DRAFT not in html_text(render(report, "html").data)
    assert DRAFT not in pdf_text(render(report, "pdf").data)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_the_same_report_gives_the_same_bytes(rendered, name):
    assert render(sample(), name).data == rendered[name]


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_report_with_one_result_and_nothing_else_can_be_rendered(name):
    rendered = render(make_report(make_headline()), name)
    assert rendered.data
    assert rendered.file_name == f"report.{name}"


def test_many_results_are_cut_on_the_page_and_whole_in_the_workbook_and_the_csv():
    report = make_report(*[make_headline(reference=f"R{i:04}", row=i) for i in range(1, 401)])
    html = html_text(render(report, "html").data)
    assert "R0200" in html
    assert "R0201" not in html
    assert "The first 200 of 400 suppliers are shown" in html
    pdf = pdf_text(render(report, "pdf").data)
    assert "R0100" in pdf
    assert "R0101" not in pdf
    assert len(workbook_rows(render(report, "xlsx").data)) == 400
    assert len(csv_rows(render(report, "csv").data)) == 400


def test_an_unknown_format_is_refused():
    with pytest.raises(KeyError):
        render(make_report(make_headline()), "docx")


@pytest.mark.parametrize("name", ["html", "pdf"])
def test_a_score_that_only_declined_answers_lift_is_called_a_bound(name):
    report = make_report(make_headline(reference="S-1", up_to=True), make_headline(reference="S-2"))
    data = render(report, name).data
    text = re.sub(r"\s+", " ", html_text(data) if name == "html" else pdf_text(data))
    queue = text[text.rindex("Where to act first") :]
    assert "up to 61.2" in queue[queue.index("S-1") : queue.index("S-2")]
    assert "up to" not in queue[queue.index("S-2") :]


@pytest.mark.parametrize("name", ["html", "pdf", "xlsx"])
def test_a_report_on_one_supplier_refers_to_one_only(name):
    headline = make_headline(
        level="critical", level_text="Critical", score=82.4, best=50.2, worst=96.3, confidence=82.0
    )
    data = render(make_report(headline, not_checked=(NotChecked("Isolation", 1, 1),)), name).data
    rows = (
        repr([list(row) for row in openpyxl.load_workbook(io.BytesIO(data))["Summary"].values])
        if name == "xlsx"
        else ""
    )
    text = rows or re.sub(r"\s+", " ", {"html": html_text, "pdf": pdf_text}[name](data))
    assert "This report covers the site Siren Bay Foods, based on 1 file." in text
    assert "It is rated Critical." in text
    assert "Likely range: 50–96, from the best to the worst case" in text
    of_many = () if name == "xlsx" else ("Portfolio", "Results by level", "Worst result", "1 supplier")
    for words in ("1 of 1", "in the order shown", "Sorted by level", "between 82 and 82", "edian", *of_many):
        assert words not in text, words


def test_one_urgent_result_among_several_is_spoken_of_as_one():
    headlines = [
        make_headline(level="critical", level_text="Critical"),
        *[make_headline(level="low", level_text="Low")] * 2,
    ]
    assert "1 of 3 suppliers is rated Critical or High; act on it first." in html_text(
        render(make_report(*headlines), "html").data
    )


def test_the_name_of_a_company_keeps_its_words_together_in_the_pdf():
    name = "Lone Heron Shrimp (fictional)"
    report = make_report(
        make_headline(),
        make_headline(reference="S-02"),
        companies=(Company(name, 2, "insufficient_evidence", "Insufficient evidence", 56.25, 58.5),),
    )
    lines = pdf_text(render(report, "pdf").data).splitlines()
    assert [line for line in lines if "Lone Heron" in line], lines


@pytest.mark.parametrize("name", ["html", "pdf"])
def test_rules_that_rest_on_blanks_are_named_so_and_their_sentence_appears_once(name):
    blank = "It cannot be ruled out, because questions were left blank."
    floors = [Floor(title, f"{blank} So says rule {title}.", 75.0, open=True) for title in ("A", "B")]
    floors += [Floor("C", "Lower.", 50.0), Floor("D", "Lower still.", 25.0, open=True)]
    detail = Detail(make_headline(silent=True), (), tuple(floors), ())
    text = re.sub(
        r"\s+",
        " ",
        {"html": html_text, "pdf": pdf_text}[name](render(make_report(make_headline(), details=(detail,)), name).data),
    )
    assert text.count(blank) == 1
    for words in (
        "Minimum score 75.0: B (cannot be ruled out).",
        "So says rule B.",
        "Other rules triggered, with a lower minimum score: C (50).",
        "Other rules that cannot be ruled out, with a lower minimum score: D (25).",
    ):
        assert words in text, words
    assert (
        "3 of 4 minimum-score rules are triggered only by questions left blank; without these rules, the level would be lower."
        in text
    )


@pytest.mark.parametrize("name", FORMATS)
def test_a_step_that_a_report_brings_forward_is_rendered_with_its_own_day_left_out(name):
    report = sample()
    detail = next(detail for detail in report.details if detail.steps)
    earlier = replace(detail.steps[0], own_due=date(2031, 5, 17), own_within_hours=31.0)
    changed = replace(detail, steps=(earlier, *detail.steps[1:]))
    data = render(replace(report, details=(changed,)), name).data
    # The bytes of a PDF contain positions, which may look like a year.
    assert "2031" not in (pdf_text(data) if name == "pdf" else data.decode(errors="replace"))
    assert data


def test_the_pdf_tells_the_story_before_the_annexes_and_refers_to_their_pages(rendered):
    pages = [re.sub(r"\s+", " ", page.extract_text()) for page in PdfReader(io.BytesIO(rendered["pdf"])).pages]
    first_annex = next(number for number, text in enumerate(pages, 1) if "Annex: " in text)
    story = " ".join(pages[: first_annex - 1])
    assert first_annex <= 9
    assert "Hand papers back to each worker" in story
    assert "Give every worker the original" not in story
    for detail in sample().details[:MAX_DETAILS]:
        row = re.search(rf"{detail.headline.reference} .*?confidence \d+ (?:\D+? )(\d+) ", story)
        assert row, detail.headline.reference
        assert detail.headline.reference in pages[int(row[1]) - 1]
