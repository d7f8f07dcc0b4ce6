"""Charts are well-formed, add up, and read without their colours."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from reports import charts
from reports.document import LEVEL_TITLES, LEVELS, Cell, Detail, Floor, Reason
from tests.test_reports.sample import MODELS, make_detail, make_headline, sample

SVG = "{http://www.w3.org/2000/svg}"


def texts(drawing):
    return [text.text for text in drawing.texts()]


def drawings():
    report = sample()
    return {
        "counts": charts.draw_level_counts("counts", dict.fromkeys(LEVELS, 3)),
        "ranges": charts.draw_ranges("ranges", report.results[:5], MODELS[0]),
        "bars": charts.draw_contributions("bars", report.details[0], MODELS[0]),
        "heat": charts.draw_heat_map("heat", report.heat),
    }


@pytest.mark.parametrize("name", ["counts", "ranges", "bars", "heat"])
def test_a_chart_is_xml_with_a_title_and_a_description(name):
    root = ET.fromstring(drawings()[name].svg())
    assert root.tag == f"{SVG}svg"
    ids = root.attrib["aria-labelledby"].split()
    assert [root.find(f"{SVG}{tag}").attrib["id"] for tag in ("title", "desc")] == ids
    assert root.find(f"{SVG}title").text
    assert root.find(f"{SVG}desc").text


@pytest.mark.parametrize("name", ["counts", "ranges", "bars", "heat"])
def test_nothing_in_a_chart_is_drawn_outside_it(name):
    drawing = drawings()[name]
    for part in ET.fromstring(drawing.svg()).iter(f"{SVG}rect"):
        x, width = float(part.get("x", 0)), float(part.get("width"))
        assert x >= 0
        assert x + width <= drawing.width + 0.11
    assert all(0 <= text.x <= drawing.width and 0 <= text.y <= drawing.height for text in drawing.texts())


def test_a_chart_without_its_text_still_has_all_its_shapes():
    drawing = drawings()["bars"]
    assert "<text" not in drawing.shapes()
    assert drawing.shapes().count("<rect") == drawing.svg().count("<rect")


def test_bars_lead_from_nothing_through_the_base_to_the_score():
    detail = sample().details[0]
    lines = texts(charts.draw_contributions("b", detail, MODELS[0]))
    value_of = {title: lines[place + 1] for place, title in enumerate(lines[:-1])}
    assert value_of["Inherent risk"] == f"{detail.headline.inherent:.1f}"
    assert value_of["Score: critical"] == f"{detail.headline.score:.1f}"
    assert value_of["Written contracts in the worker's language"] == "\u22124.3"
    assert value_of["Minimum-score rule: Papers withheld together with debt"] == f"+{detail.headline.uplift:.1f}"
    steps = [float(p.replace("\u2212", "-")) for p in value_of.values() if re.fullmatch(r"[+\u2212]\d+\.\d", p)]
    assert sum(steps) == pytest.approx(detail.headline.score, abs=0.6)


def test_bars_sum_up_the_answers_there_is_no_room_for():
    few = make_detail(make_headline(score=70.0))
    many = tuple(Reason("answer", f"Answer {i}", "", "answered", "", 0.1) for i in range(30))
    lines = texts(charts.draw_contributions("b", replace(few, reasons=few.reasons + many), MODELS[0]))
    assert any(re.fullmatch(r"\d+ other answers", words) for words in lines)
    assert "Answer 29" not in lines


def test_a_level_has_a_name_and_a_shape_of_its_own():
    lines = texts(charts.draw_level_counts("c", dict.fromkeys(LEVELS, 1)))
    assert set(LEVEL_TITLES.values()) <= set(lines)
    outlines = {re.sub(r'(fill|stroke|stroke-width)="[^"]*"', "", charts.mark(level, 10, 10)) for level in LEVELS[:4]}
    assert len(outlines) == 4


def test_fills_run_from_dark_to_light_with_the_level_so_that_grey_paper_tells_them():
    def luminance(colour):
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        channel = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)]
        return 0.2126 * channel[0] + 0.7152 * channel[1] + 0.0722 * channel[2]

    light = [luminance(charts.FILLS[level]) for level in ("critical", "high", "medium", "low")]
    assert light == sorted(light)
    for level in LEVELS:
        high, low = sorted((luminance(charts.FILLS[level]), luminance(charts.INKS[level])), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, level


def test_a_heat_cell_known_from_facts_alone_is_hatched_and_says_so():
    cells = (
        Cell("TH", "Thailand", "1020", "Fish processing", 80.0, "critical", "practice", 3),
        Cell("FJ", "Fiji", "1020", "Fish processing", 44.0, "medium", "inherent", 1),
    )
    drawing = charts.draw_heat_map("h", cells)
    assert "Thailand, Fish processing: 80.0, Critical, 3 suppliers" in drawing.description
    assert "Fiji, Fish processing: 44.0, Medium, inherent risk only, 1 supplier" in drawing.description
    assert 'fill="url(#h-medium)"' in drawing.svg()
    assert 'fill="url(#h-critical)"' not in drawing.svg()


def test_a_heat_map_puts_the_worst_first_and_says_what_it_leaves_out():
    cells = [Cell(None, f"Land {i:02}", None, "Trade", float(i), "medium", "practice", 1) for i in range(30)]
    lines = texts(charts.draw_heat_map("h", cells))
    assert [words for words in lines if words.startswith("Land")][0] == "Land 29"
    assert "12 more countries not shown." in lines


def test_a_heat_cell_says_of_how_many_and_that_a_score_is_a_bound_within_its_borders():
    bound = Cell("TH", "Thailand", "1020", "Fish processing", 75.0, "high", "practice", 13_294, up_to=True)
    found = Cell("QA", "Qatar", "1020", "Fish processing", 75.0, "critical", "practice", 1)
    drawing = charts.draw_heat_map("h", (bound, found))
    text_of = {text.text: text for text in drawing.texts()}
    assert {"up to 75", "75", "of 13,294"} <= text_of.keys()
    assert "Thailand, Fish processing: up to 75.0, High, 13,294 suppliers" in drawing.description
    for words in ("up to 75", "of 13,294"):
        text = text_of[words]
        assert text.anchor == "middle"
        assert charts.text_width(words, text.size) <= 82, words  # a cell is 82 wide
    assert text_of["up to 75"].y != text_of["of 13,294"].y


def test_a_heat_cell_says_that_a_score_rests_on_blanks_within_its_borders():
    blanks = Cell("TH", "Thailand", "1020", "Fish processing", 80.0, "critical", "practice", 3, silent=True)
    drawing = charts.draw_heat_map(
        "h", (blanks, Cell("QA", "Qatar", "1020", "Fish processing", 76.0, "critical", "practice", 1))
    )
    text_of = {text.text: text for text in drawing.texts()}
    assert "Thailand, Fish processing: 80.0, Critical (mainly blanks), 3 suppliers" in drawing.description
    assert "Qatar, Fish processing: 76.0, Critical, 1 supplier" in drawing.description
    lines = [text_of[words].y for words in ("80", "of 3", "mainly blanks")]
    assert sorted(set(lines)) == lines
    assert lines[-1] - lines[0] < 26  # a cell is 36 high, and the first line 14
    assert charts.text_width("mainly blanks", text_of["mainly blanks"].size) <= 82


def test_a_heat_map_counts_what_it_leaves_out_in_words_that_agree_with_the_number():
    cells = [Cell("TH", "Thailand", f"{i}", f"Trade {i}", float(i), "medium", "practice", 1) for i in range(9)]
    assert "1 more sector not shown." in texts(charts.draw_heat_map("h", cells))


def test_the_title_of_a_sector_is_not_cut_in_a_heat_map():
    title = "Glass, ceramics, cement and other mineral products"
    lines = texts(charts.draw_heat_map("h", [Cell("TH", "Thailand", "23", title, 60.0, "high", "practice", 1)]))
    assert [word for word in title.split() if not any(word in line.split() for line in lines)] == []


def test_a_floor_that_rests_on_blanks_alone_is_named_so_in_the_bars():
    headline = make_headline(score=75.0, uplift=20.0, level="critical", level_text="Critical")
    floors = [Floor("Debt and papers withheld", "", 75.0, open=True), Floor("A strong sign", "", 50.0)]
    for expected, named in (
        ("Minimum-score rule (cannot be ruled out): Debt", floors),
        ("Minimum-score rule: A strong sign", floors[1:]),
    ):
        lines = texts(charts.draw_contributions("b", Detail(headline, (), tuple(named), ()), MODELS[0]))
        assert [words for words in lines if words.startswith(expected)], lines


def test_a_name_cannot_break_out_of_a_chart():
    name = '</text><script>alert("x")</script>\x00&'
    headline = make_headline(name=name)
    root = ET.fromstring(charts.draw_ranges("r", [headline], MODELS[0]).svg())
    assert not list(root.iter(f"{SVG}script"))


@pytest.mark.parametrize(("words", "cut"), [("short", "short"), ("a" * 60, "a" * 15), ("\u6f01" * 60, "\u6f01" * 8)])
def test_a_label_too_long_is_cut_by_its_width(words, cut):
    truncated = charts.truncate(words, 10, 100)
    assert truncated.startswith(cut)
    assert charts.text_width(truncated, 10) <= 100


def test_the_title_of_a_level_ends_before_its_bar_begins():
    drawn = charts.draw_level_counts("counts", dict.fromkeys(LEVELS, 3))
    begin = min(
        float(x) for part in drawn.parts if isinstance(part, str) for x in re.findall(r'^<rect x="([0-9.]+)"', part)
    )
    titles = [text for text in drawn.texts() if text.text in LEVEL_TITLES.values()]
    assert len(titles) == len(LEVELS)
    assert all(text.x + charts.text_width(text.text, text.size) < begin for text in titles)


def test_a_text_that_fits_stays_and_a_longer_one_ends_in_an_ellipsis():
    assert charts.truncate("Alder Nets", 12, 80) == "Alder Nets"
    shortened = charts.truncate("Alder Nets and Daughters", 12, 80)
    assert "Alder Nets and Daughters".startswith(shortened.removesuffix("…"))
    assert shortened.endswith("…")
    assert charts.text_width(shortened, 12) <= 80
    assert charts.truncate("漢字", 12, 5) == "…"


def test_shortening_a_name_reads_each_of_its_characters_once(monkeypatch):
    read = []
    monkeypatch.setattr(charts, "_character_width", lambda character: read.append(character) or 0.56)
    charts.truncate("a" * 30_000, 12, 300)
    assert len(read) == 30_000
