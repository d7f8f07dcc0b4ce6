"""What was reported, what the supplier says, what is known and what was merely left blank: told apart at first sight."""

import re
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from questionnaires.form import load_combined_form
from reports.document import CANNOT_BE_RULED_OUT, Detail, Reason
from reports.formats import render
from risk_models.answers import from_rows
from risk_models.cases.evidence import CaseEvidence, build_evidence_from_values
from risk_models.facts.facts import load_facts
from service.assessment.assess import AssessedBatch, Batch, assess
from service.report_content import redaction
from service.report_content.build import build_details, build_report
from tests.test_reports.read_back import html_text, pdf_text, workbook_rows

ON = date(2026, 11, 20)
FACTS = load_facts().as_of(ON)
PIER: dict[str, Any] = {
    "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"], "papers_retention": "worker_holds",
    "violence": "none_known", "recruitment_fees": "none", "answered_on": "2026-10-05",
}  # fmt: skip
DENIED = "Reported by workers: papers withheld. The supplier says: workers hold their own papers"
VESSEL: dict[str, Any] = {
    "name": "Sea Heron", "country": "TH", "sector": ["0311"], "youngest_aboard": 19.0, "rest_hours_7d": 44.0,
    "months_since_monitoring": 120.0, "months_at_sea": 1.0, "answered_on": "2026-10-05",
}  # fmt: skip
BLANKS = ("papers_retention", "worker_debt", "recruitment_fees", "threats", "violence")
BLANK_FORM: dict[str, Any] = {
    "name": "Still Water Foods", "country": "TH", "sector": ["1020"], "movement": "free", "wage_payment": "on_time",
    **dict.fromkeys(BLANKS, "declined"), "answered_on": "2026-10-05",
}  # fmt: skip


def assess_answers(answers: dict[str, Any], kind: str = "site", case: CaseEvidence | None = None) -> AssessedBatch:
    return assess([Batch(kind, from_rows([answers]), "s.xlsx", "Rows", np.array([2]), case)], FACTS, ON)[0]  # type: ignore[arg-type]


def build_detail(answers: dict[str, Any], kind: str = "site", case: CaseEvidence | None = None) -> Detail:
    return build_details(assess_answers(answers, kind, case), FACTS, ON)[0]


def get_reason(of: Detail, title: str) -> Reason:
    (found,) = (r for r in of.reasons if r.title == title)
    return found


def render_text(answers: dict[str, Any], form: str, audience: str = "internal") -> str:
    """All that a report on one supplier says, in one line."""
    report = build_report([assess_answers(answers)], FACTS, ON, [], [], "Suppliers")
    data = render(report if audience == "internal" else _mark_for_supplier(report), form).data
    rows = [*workbook_rows(data), *workbook_rows(data, "Reasons")] if form == "xlsx" else []
    text = {"html": html_text, "pdf": pdf_text}.get(form, lambda _: repr([list(row.values()) for row in rows]))(data)
    return re.sub(r"\s+", " ", text)


def _mark_for_supplier(report: Any) -> Any:
    return replace(report, audience="supplier")


def test_what_workers_reported_is_the_value_and_what_the_supplier_says_stands_beside_it_as_its_own():
    told = get_reason(
        build_detail(PIER | {"reported_harms": ["papers_withheld"], "reported_by": "workers"}), "Papers withheld"
    )
    assert told.value == DENIED
    assert told.text.startswith("Reported by workers: papers withheld. Indicators consistent with")
    assert told.text.endswith("The supplier says: workers hold their own papers.")


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"reported_by": "ngo"}, "Reported by an NGO or the press: violence. The supplier says: none known"),
        ({}, "Reported by workers or officials: violence. The supplier says: none known"),
        (
            {"reported_by": "official", "violence": "declined"},
            "Reported by an authority: violence. The supplier left the question blank",
        ),
        ({"reported_by": "union", "violence": None}, "Reported by a union: violence"),
    ],
)
def test_it_is_told_who_reported_and_how_the_supplier_answered_if_it_was_asked(given: dict[str, Any], value: str):
    told = PIER | {"reported_harms": ["violence"]} | given
    answers = {question: said for question, said in told.items() if said is not None}
    assert get_reason(build_detail(answers), "Violence").value == value


def test_what_case_records_tell_is_shown_as_told_in_them_and_not_as_the_answer():
    case = build_evidence_from_values([1], [("papers_withheld",)], ["2026-10-01"])
    told = get_reason(build_detail(PIER, case=case), "Papers withheld")
    assert told.value == "Told in case records: papers withheld. The supplier says: workers hold their own papers"


def test_items_that_workers_said_they_paid_are_named():
    agency = {"name": "Kite Crew", "country": "NP", "worker_reported_items": ["medical"], "related_costs": "none"}
    told = [r.value for r in build_detail(agency, "agency").reasons if r.state == "reported"]
    assert told
    assert all("eported by workers: medical examination, vaccination" in value for value in told)


@pytest.mark.parametrize("form", ["html", "pdf", "xlsx"])
def test_every_format_that_shows_values_shows_both(form: str):
    text = render_text(PIER | {"reported_harms": ["papers_withheld"], "reported_by": "workers"}, form)
    assert DENIED in text


@pytest.mark.parametrize("form", ["html", "pdf", "xlsx"])
def test_neither_a_suppliers_copy_nor_whoever_may_not_see_it_reads_that_workers_spoke(form: str):
    answers = PIER | {"reported_harms": ["papers_withheld"], "reported_by": "workers"}
    with pytest.raises(
        ValueError, match="own answers"
    ):  # the copy is made of those: tests/test_service/test_supplier_copy.py
        render_text(answers, form, "supplier")
    closed = redaction.redact_detail(build_detail(answers))
    assert "eported by" not in repr(closed)
    assert "eported by" in repr(build_detail(answers))


@pytest.mark.parametrize(
    ("title", "value"),
    [
        ("Under 18 aboard", "Age of the youngest aboard: 19 years"),
        ("Too little rest in a week", "Least hours of rest in 7 days: 44 hours"),
        ("Recruitment not checked with workers lately", "Months since recruitment was last checked with workers: 120 months"),
        ("Months at sea", "Months at sea without a port call: 1 month"),
    ],
)  # fmt: skip
def test_a_number_is_shown_with_the_words_and_the_unit_of_its_question(title: str, value: str):
    assert get_reason(build_detail(VESSEL), title).value == value


def test_no_value_of_a_measured_question_is_a_bare_number_or_day():
    for kind in ("site", "agency"):
        measured = [
            q for q in load_combined_form(kind).questions if q.type in ("number", "percent", "date") and q.feeds
        ]
        said = {q.id: "2027-03-01" if q.type == "date" else 12.0 for q in measured}
        for sector in ("0311", "4100", "9700", "1020") if kind == "site" else ("7810",):
            told = build_detail(
                {"name": "A", "country": "TH", "sector": [sector], "answered_on": "2026-10-05"} | said, kind
            )
            shown = [r.value for r in told.reasons if r.kind == "answer" and re.search(r"\d", r.value)]
            assert shown
            assert [value for value in shown if not re.match(r"[A-Z].*[a-z].*: [\d-]+( [a-z]+)?$", value)] == []


def test_the_facts_of_a_site_bear_their_unit_too():
    told = build_detail(PIER | {"migrant_pct": 38.0})
    assert get_reason(told, "Share of migrant workers").value == "38%"


def test_rules_that_rest_on_blanks_are_told_so_and_come_after_those_that_rest_on_something_known():
    told = build_detail(BLANK_FORM | {"movement": "locked"})
    open_ = [floor.open for floor in told.floors]
    assert {True, False} == set(open_)
    assert open_ == sorted(open_)
    assert [floor.full_title for floor in told.floors] == list(told.headline.floors)
    assert [floor.open for floor in told.floors] == [
        floor.full_title.endswith(CANNOT_BE_RULED_OUT) for floor in told.floors
    ]
    assert all(floor.text.startswith("It cannot be ruled out") == floor.open for floor in told.floors)


@pytest.mark.parametrize("form", ["html", "pdf", "xlsx"])
def test_every_format_tells_at_first_sight_which_rules_cannot_be_ruled_out(form: str):
    text = render_text(BLANK_FORM, form)
    titles = build_detail(BLANK_FORM).headline.floors
    assert any(title in text for title in titles if title.endswith(CANNOT_BE_RULED_OUT))


def test_a_headline_that_rests_on_blanks_for_the_most_part_says_so_and_how_many_rules_do():
    told = build_detail(BLANK_FORM)
    blank = sum(floor.open for floor in told.floors)
    assert blank > len(told.floors) / 2
    assert told.unanswered_note.startswith(f"Most of it cannot be ruled out: {blank} of {len(told.floors)} rules")
    assert "cannot be ruled out" in told.headline.level_text


def test_a_headline_that_rests_on_what_was_admitted_says_nothing_of_blanks():
    admitted = {
        "papers_retention": "until_end",
        "worker_debt": "bound",
        "violence": "none_known",
        "threats": "none_known",
    }
    told = build_detail(BLANK_FORM | admitted)
    assert told.floors
    assert (told.unanswered_note, told.headline.silent) == ("", False)
    assert told.headline.level_text in ("Critical", "High")


def test_a_headline_that_would_stand_without_its_blanks_is_not_said_to_rest_on_them():
    told = build_detail(BLANK_FORM | {"country": "KP", "sector": ["0311"], "migrant_pct": 100.0})
    assert sum(floor.open for floor in told.floors) > len(told.floors) / 2
    assert (told.headline.inherent or 0.0) >= 75
    assert told.unanswered_note == ""


def test_what_several_told_is_set_apart_and_so_are_the_things_they_told():
    case = build_evidence_from_values([1], [("worker_paid_fees",)], ["2026-10-01"])
    agency = {"name": "Kite Crew", "country": "NP", "worker_reported_items": ["placement", "recovery"]}
    told = get_reason(build_detail(agency, "agency", case), "Workers pay for the job")
    assert told.value == (
        "Reported by workers: fee of the agency or a recruiter for the job; fees recovered later from wages, rent or food. "
        "Told in case records: workers paid for the job"
    )
