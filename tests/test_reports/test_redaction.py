"""A supplier's copy holds its own answers and steps, and is made of nothing that others reported."""

import re
from dataclasses import replace

import pytest

from reports.document import Floor, Reason
from reports.formats import FORMATS, render
from reports.redaction import REMAINDER_TITLE, for_audience
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


def with_one_detail(report, **changed):
    detail = replace(report.details[0], **changed)
    return replace(report, details=(detail,))


REPORTED = {
    "a reason": {"reasons": (Reason("answer", "Wages are paid late", "", "reported", "", 3.1, from_workers=True),)},
    "a floor": {"floors": (Floor("A strong sign", "", 50.0, from_workers=True),)},
    "a step": {"steps": (replace(sample().plan[1], from_workers=True),)},
}


@pytest.mark.parametrize("name", sorted(FORMATS))
@pytest.mark.parametrize("case", REPORTED)
def test_what_rests_on_more_than_own_answers_is_made_into_no_suppliers_copy(name, case):
    with pytest.raises(ValueError, match="own answers"):
        render(with_one_detail(sample("supplier"), **REPORTED[case]), name)


def test_case_evidence_is_made_into_no_suppliers_copy():
    report = sample("supplier")
    with_signals = replace(report, results=(replace(report.results[0], case_evidence="signals"), *report.results[1:]))
    with pytest.raises(ValueError, match="own answers"):
        for_audience(with_signals)
    assert {headline.case_evidence for headline in for_audience(report).results} == {"not shown in this copy"}


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_suppliers_copy_does_not_name_the_files_that_rows_were_read_from(name):
    assert "suppliers.xlsx" in visible(sample(), name)
    assert "suppliers.xlsx" not in visible(sample("supplier"), name)


def test_the_next_step_of_a_suppliers_copy_is_its_own_to_do():
    report = with_one_detail(
        sample("supplier"), steps=tuple(sorted(sample().plan, key=lambda step: step.owner != "buyer"))
    )
    assert report.details[0].steps[0].owner == "buyer"
    (detail,) = for_audience(report).details
    assert detail.steps
    assert "buyer" not in {step.owner for step in detail.steps}
    assert detail.headline.next_step == detail.steps[0].title


def test_points_of_a_suppliers_copy_still_make_the_score():
    for detail in for_audience(sample("supplier")).details:
        assert sum(reason.points for reason in detail.reasons) == pytest.approx(detail.headline.score, abs=1e-9)


def test_the_line_that_holds_the_rest_is_in_every_copy():
    details = for_audience(sample("supplier")).details
    assert [detail.reasons[0].title for detail in details] == [REMAINDER_TITLE] * len(details)


def test_the_numbers_from_which_a_report_could_be_worked_out_are_left_out():
    redacted = for_audience(sample("supplier"))
    for headline in [*redacted.results, *(detail.headline for detail in redacted.details)]:
        assert (headline.inherent, headline.practice_points, headline.practice_of, headline.uplift) == (None,) * 4
        assert headline.floors == ()
    assert (redacted.heat, redacted.places) == ((), ())
    html = render(sample("supplier"), "html").data.decode()
    assert ">Inherent risk</text>" not in html


def titles_in_the_copy(*reasons: Reason) -> list[str]:
    """Titles of the reasons that a supplier's copy lists of these."""
    return [
        reason.title for reason in for_audience(with_one_detail(sample("supplier"), reasons=reasons)).details[0].reasons
    ]


@pytest.mark.parametrize(("workers", "listed"), [(6, False), (9, False), (10, True), (60, True), (None, True)])
def test_an_answer_about_fewer_than_ten_workers_is_held_back(workers, listed):
    reason = Reason("answer", "Some of them", "", "answered", "", 3.0, workers=workers)
    assert titles_in_the_copy(reason) == [REMAINDER_TITLE, *["Some of them"] * listed]


@pytest.mark.parametrize(
    ("kind", "points", "listed"),
    [("answer", 0.1, True), ("answer", 0.0, False), ("answer", -2.0, False), ("context", 5.0, True)],
)
def test_a_suppliers_copy_lists_facts_and_what_must_change_and_no_reassuring_answers(kind, points, listed):
    """Else an answer that is missing from the list would tell that somebody else spoke of it."""
    assert titles_in_the_copy(Reason(kind, "One", "", "answered", "", points)) == [REMAINDER_TITLE, *["One"] * listed]


@pytest.mark.parametrize("state", ["not_asked", "declined", "expired"])
def test_a_suppliers_copy_lists_open_questions(state):
    assert titles_in_the_copy(Reason("answer", "One", "", state, "", 0.0)) == [REMAINDER_TITLE, "One"]


def test_an_internal_report_is_left_as_it_is():
    report = sample()
    assert for_audience(report) is report
