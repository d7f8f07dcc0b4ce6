"""The brief states what to decide, the scorecard is safe to send, both fit on two pages, and every format says the same."""

import io
import re
from dataclasses import replace
from datetime import date

import docx
import pytest
from docx.oxml.ns import qn
from pypdf import PdfReader

from reports.document import BuyerFinding, Changes, LevelChange, Reason
from reports.formats import KINDS, SHORT_FORMATS, render
from reports.short.brief import STATE_IMPOSED, format_people, list_decisions
from tests.test_reports.read_back import read_text
from tests.test_reports.sample import make_detail, make_headline, make_report, sample

SHORT_KINDS = [name for name, kind in KINDS.items() if kind.formats is SHORT_FORMATS]


def brief_text(report, format_="html"):
    return read_text(render(report, format_, "brief").data, format_)


def make_copy(**changed):
    """The copy of one supplier: the first of the sample, changed as given."""
    report = sample("supplier")
    detail = replace(report.details[0], **changed)
    return replace(report, title=detail.headline.name, results=(detail.headline,), details=(detail,))


def scorecard_text(report, format_="html"):
    return read_text(render(report, format_, "scorecard").data, format_)


def report_for(kind):
    return sample() if kind == "brief" else make_copy()


@pytest.mark.parametrize("kind", SHORT_KINDS)
def test_every_format_has_the_same_words(kind):
    words = {
        format_: re.findall(r"\w+", read_text(render(report_for(kind), format_, kind).data, format_), re.ASCII)
        for format_ in SHORT_FORMATS
    }
    assert len(words["docx"]) > 150
    assert set(words["docx"]) <= set(words["html"])
    assert set(words["docx"]) <= set(words["pdf"])


@pytest.mark.parametrize("format_", SHORT_FORMATS)
@pytest.mark.parametrize("kind", SHORT_KINDS)
def test_the_same_report_gives_the_same_bytes(kind, format_):
    assert render(report_for(kind), format_, kind).data == render(report_for(kind), format_, kind).data


@pytest.mark.parametrize("kind", SHORT_KINDS)
def test_a_word_file_has_headings_table_headers_and_a_description_of_its_picture(kind):
    book = docx.Document(io.BytesIO(render(report_for(kind), "docx", kind).data))
    assert len([p for p in book.paragraphs if p.style.name == "Heading 1"]) >= 5
    assert book.tables
    assert all(table.rows[0]._tr.trPr.find(qn("w:tblHeader")) is not None for table in book.tables)
    assert all(shape._inline.docPr.get("descr") for shape in book.inline_shapes)
    assert len(book.inline_shapes) == 1


def test_a_long_brief_fits_on_two_pages():
    long = "Extraordinarily Long Holding and Manufacturing Company of the Eastern Provinces Number "
    results = tuple(
        make_headline(name=f"{long}{n}", level=level, workers=1e6, case_evidence="emergency")
        for n in range(30)
        for level in ("critical", "high", "insufficient_evidence")
    )
    steps = tuple(replace(step, names=(long,), suppliers=90, safety=n < 9) for n, step in enumerate(3 * sample().plan))
    moved = tuple(LevelChange(f"{long}{n}", "insufficient_evidence", "critical") for n in range(30))
    buyer = tuple(BuyerFinding("Unit", f"{n} Orders are placed later than agreed", "", "harm", "") for n in range(9))
    report = make_report(
        *results,
        plan=(*steps, replace(steps[0], action=STATE_IMPOSED)),
        buyer=buyer,
        buyer_plan=steps[:4],
        changes=Changes(date(2026, 8, 30), moved, 5),
        not_checked=sample().not_checked,
    )
    assert len(PdfReader(io.BytesIO(render(report, "pdf", "brief").data)).pages) == 2


def test_a_long_scorecard_fits_on_two_pages():
    reasons = tuple(
        Reason("answer", f"{state} {n}: answer about recruitment and pay", 30 * "word ", state, "", points, harm=harm)
        for n in range(20)
        for state, points, harm in (
            ("answered", 3.0, True),
            ("answered", -3.0, False),
            ("declined", 2.0, False),
            ("not_asked", 0.0, False),
        )
    )
    copy = make_copy(reasons=reasons, steps=tuple(3 * [s for s in sample().plan if s.owner != "buyer"]))
    assert len(PdfReader(io.BytesIO(render(copy, "pdf", "scorecard").data)).pages) <= 2


def test_the_brief_states_the_most_urgent_decisions_first_and_in_one_sentence():
    results = (
        make_headline(name="Sea Lantern 88", level="critical", case_evidence="emergency"),
        make_headline(name="Straits Canning", level="high"),
        make_headline(name="Blue Atoll Tuna", level="insufficient_evidence"),
        make_headline(name="Fjordblikk", level="low"),
    )
    report = make_report(*results, plan=sample().plan)
    assert [decision.due for decision in list_decisions(report)][0] == "Within 6 hours of receiving this brief"
    assert (
        "Make sure that people at 1 supplier are safe, agree on action plans with 2 suppliers and question 1 supplier about "
        "which too little is known." in brief_text(report)
    )


def test_the_brief_says_so_if_there_is_nothing_to_decide():
    assert "No decision is needed now." in brief_text(make_report(make_headline(level="low")))


def test_the_brief_asks_for_a_decision_about_state_imposed_labour_and_our_own_practices():
    step = replace(sample().plan[0], action=STATE_IMPOSED, names=("Cotton Hill",), suppliers=1, within_hours=None)
    finding = BuyerFinding("Home", "Late orders", "", "harm", "")
    late = replace(step, action="pay_on_time", due=date(2026, 11, 20))
    report = make_report(
        make_headline(level="low"), plan=(replace(step, safety=False),), buyer=(finding,), buyer_plan=(late,)
    )
    text = brief_text(replace(report, on=date(2026, 11, 28)))
    assert "Overdue since 20 Nov 2026" in text
    assert "Decide whether to continue buying from Cotton Hill." in text
    assert "Change 1 of our own buying practices." in text


def test_the_brief_asks_nothing_of_a_site_where_a_state_imposes_the_labour():
    levels = ("critical", "insufficient_evidence")
    imposed = [make_headline(name="Quiet Yarn", level=level, state_imposed=True) for level in levels]
    report = make_report(
        *imposed, make_headline(name="Red Quay", level="high"), make_headline(case_evidence="emergency")
    )
    assert "Quiet Yarn" not in " ".join(f"{each.text} {each.why}" for each in list_decisions(report))
    danger = replace(imposed[0], case_evidence="emergency")
    assert list_decisions(make_report(danger)) == []


def test_the_brief_asks_to_decide_on_the_exit_papers_that_wait():
    report = replace(make_report(make_headline(level="low")), exits=("Blue Pier Cannery", "Hill Mill", "Oak Works"))
    assert "Decide on the exit papers for Blue Pier Cannery, Hill Mill and 1 more: stay" in brief_text(report)


def test_the_brief_shows_no_score():
    report = sample()
    scores = {f"{h.score:.1f}" for h in report.results}
    assert not scores & set(re.findall(r"\d+\.\d", brief_text(report)))


def test_numbers_of_people_come_with_a_range_and_their_origin():
    results = (
        make_headline(level="critical", workers=400.0),
        make_headline(level="high", workers=None),
        make_headline(level="insufficient_evidence", workers=250.0),
        make_headline(level="low", workers=9000.0),
        make_headline(kind="agency", level="critical", workers=70.0),
    )
    text = brief_text(make_report(*results))
    assert "Between 400 and 650 people may be affected" in text
    assert "1 of these 3 sites has not given a number, so more people may be affected" in text


@pytest.mark.parametrize(("number", "shown"), [(0, "not stated"), (9, "fewer than 10"), (10, "10"), (1234, "1,234")])
def test_a_small_number_of_people_is_not_stated_exactly(number, shown):
    assert format_people(number) == shown


def test_the_brief_names_who_moved_to_another_level():
    moved = (LevelChange("Straits Canning", "medium", "critical"), LevelChange("Hai Au", "high", "medium"))
    text = brief_text(replace(sample(), changes=Changes(date(2026, 8, 30), moved, 1, unexplained=1)))
    assert "2 suppliers have moved to another level since 30 August 2026, 1 of them to a level that needs more" in text
    assert "Straits Canning Medium Critical" in text
    assert "1 supplier was added." in text
    assert "1 supplier fell to a lower level without a known cause" in text
    assert "no earlier assessment" in brief_text(sample())


def test_a_brief_is_never_made_from_a_suppliers_copy_nor_a_scorecard_from_an_internal_report():
    with pytest.raises(ValueError, match="internal"):
        render(make_copy(), "html", "brief")
    with pytest.raises(ValueError, match="supplier's copy"):
        render(sample(), "html", "scorecard")


def test_the_scorecard_names_strengths_findings_gaps_and_the_plan():
    text = scorecard_text(make_copy())
    assert (
        "Contracts are in the worker's language: yes, all." in text.partition("Strengths")[2].partition("Findings")[0]
    )
    assert "Papers are held by the employer" in text.partition("Findings")[2].partition("What is not known")[0]
    assert "Left blank: A grievance line that workers use." in text
    assert "The evidence has expired: Free to change employer." in text
    assert "Hand papers back to each worker Supplier Within 24 hours Proposed" in text


def test_the_scorecard_of_a_supplier_that_was_asked_nothing_says_what_would_help():
    headline = make_headline(level="insufficient_evidence", coverage=0.0)
    text = scorecard_text(make_copy(headline=headline, reasons=(), steps=(), helps=("Answer the questionnaire.",)))
    assert "Managed risk: not known yet." in text
    assert "Answer the questionnaire." in text


def test_the_scorecard_says_who_sends_it_and_waits_for_the_reply():
    text = scorecard_text(replace(make_copy(), sender="Harbour & Sons"))
    assert "Scorecard for a site, sent by Harbour & Sons" in text
    assert "Please reply to Harbour & Sons within 14 days" in text


@pytest.mark.parametrize("format_", SHORT_FORMATS)
def test_a_name_with_control_characters_and_markup_is_shown_as_text(format_):
    name = "Bad\x0b\x00\ufffe <b>Name</b> #strong[x] \U0001f468\u200d\U0001f469"
    copy = replace(make_copy(headline=make_headline(name=name, case_evidence="none recorded")), title=name)
    assert "<b>Name</b> #strong[x]" in scorecard_text(copy, format_)
    assert "<b>Name</b> #strong[x]" in brief_text(make_report(make_headline(name=name), title=name), format_)


def test_the_scorecard_has_no_points_no_proof_and_no_step_of_the_buyer():
    text = scorecard_text(make_copy())
    assert "Bring people out of danger first" not in text
    assert sample().plan[0].proof not in text
    assert not re.findall(r"[+−]\d", text)


def test_a_strength_that_is_about_a_few_people_or_not_for_the_supplier_stays_out():
    detail = make_detail(make_headline(case_evidence="none recorded"), "supplier")
    strength = Reason("answer", "Housing", "Housing: inspected.", "answered", "", -4.0)
    for hidden in (replace(strength, workers=9), replace(strength, withheld=True)):
        assert "Housing" not in scorecard_text(make_copy(reasons=(*detail.reasons, hidden)))
    assert "Housing: inspected." in scorecard_text(make_copy(reasons=(*detail.reasons, strength)))
