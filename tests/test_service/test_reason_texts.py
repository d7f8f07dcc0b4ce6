"""Test that texts distinguish reports, the supplier's own answers, known facts and blank answers."""

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
from risk_models.model import load_models
from service.assessment.assess import AssessedBatch, Batch, assess, assess_batch
from service.report_content import redaction, sources
from service.report_content.build import build_details, build_report
from tests.test_reports.read_back import html_text, pdf_text, workbook_rows

ON = date(2026, 11, 20)
FACTS = load_facts().as_of(ON)
PIER: dict[str, Any] = {
    "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"], "papers_retention": "worker_holds",
    "violence": "none_known", "recruitment_fees": "none", "answered_on": "2026-10-05",
}  # fmt: skip
DENIED = "Reported by workers: identity documents withheld. The supplier says: workers hold their own documents"
VESSEL: dict[str, Any] = {
    "name": "Sea Heron", "country": "TH", "sector": ["0311"], "youngest_aboard": 19.0, "rest_hours_7d": 44.0,
    "months_since_monitoring": 120.0, "months_at_sea": 1.0, "answered_on": "2026-10-05",
}  # fmt: skip
BLANKS = ("papers_retention", "worker_debt", "recruitment_fees", "threats", "violence")
BLANK_FORM: dict[str, Any] = {
    "name": "Still Water Foods", "country": "TH", "sector": ["1020"], "movement": "free", "wage_payment": "on_time",
    **dict.fromkeys(BLANKS, "declined"), "answered_on": "2026-10-05",
}  # fmt: skip


def assess_answers(
    answers: dict[str, Any], kind: str = "site", case_evidence: CaseEvidence | None = None
) -> AssessedBatch:
    return assess([Batch(kind, from_rows([answers]), "s.xlsx", "Rows", np.array([2]), case_evidence)], FACTS, ON)[0]  # type: ignore[arg-type]


def build_detail(answers: dict[str, Any], kind: str = "site", case_evidence: CaseEvidence | None = None) -> Detail:
    return build_details(assess_answers(answers, kind, case_evidence), FACTS, ON)[0]


def get_reason(detail: Detail, title: str) -> Reason:
    (reason,) = (r for r in detail.reasons if r.title == title)
    return reason


def render_text(answers: dict[str, Any], form: str, audience: str = "internal") -> str:
    """Return the whole text of a report on one supplier, in one line."""
    report = build_report([assess_answers(answers)], FACTS, ON, [], [], "Suppliers")
    data = render(report if audience == "internal" else _mark_for_supplier(report), form).data
    rows = [*workbook_rows(data), *workbook_rows(data, "Reasons")] if form == "xlsx" else []
    text = {"html": html_text, "pdf": pdf_text}.get(form, lambda _: repr([list(row.values()) for row in rows]))(data)
    return re.sub(r"\s+", " ", text)


def _mark_for_supplier(report: Any) -> Any:
    return replace(report, audience="supplier")


def test_a_reported_value_comes_first_and_the_suppliers_answer_second():
    reason = get_reason(
        build_detail(PIER | {"reported_harms": ["papers_withheld"], "reported_by": "workers"}), "Papers withheld"
    )
    assert reason.value == DENIED
    assert reason.text.startswith("Reported by workers: identity documents withheld. Indicators consistent with")
    assert reason.text.endswith("The supplier says: workers hold their own documents.")


@pytest.mark.parametrize(
    ("changes", "value"),
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
def test_a_reported_value_names_the_reporter_and_the_suppliers_answer(changes: dict[str, Any], value: str):
    row = PIER | {"reported_harms": ["violence"]} | changes
    answers = {question: answer for question, answer in row.items() if answer is not None}
    assert get_reason(build_detail(answers), "Violence").value == value


def test_findings_of_case_records_are_distinguished_from_the_answer():
    case_evidence = build_evidence_from_values([1], [("papers_withheld",)], ["2026-10-01"])
    reason = get_reason(build_detail(PIER, case_evidence=case_evidence), "Papers withheld")
    assert (
        reason.value
        == "Reported in case records: identity documents withheld. The supplier says: workers hold their own documents"
    )


def test_items_that_workers_report_as_paid_are_named():
    agency = {"name": "Kite Crew", "country": "NP", "worker_reported_items": ["medical"], "related_costs": "none"}
    values = [r.value for r in build_detail(agency, "agency").reasons if r.state == "reported"]
    assert values
    assert all("eported by workers: medical examination or vaccination" in value for value in values)


@pytest.mark.parametrize("form", ["html", "pdf", "xlsx"])
def test_every_format_with_values_has_the_report_and_the_answer(form: str):
    text = render_text(PIER | {"reported_harms": ["papers_withheld"], "reported_by": "workers"}, form)
    assert DENIED in text


@pytest.mark.parametrize("form", ["html", "pdf", "xlsx"])
def test_suppliers_and_restricted_readers_cannot_see_that_workers_reported(form: str):
    answers = PIER | {"reported_harms": ["papers_withheld"], "reported_by": "workers"}
    with pytest.raises(
        ValueError, match="own answers"
    ):  # the copy is made of those: tests/test_service/test_supplier_copy.py
        render_text(answers, form, "supplier")
    redacted = redaction.redact_detail(build_detail(answers))
    assert "eported by" not in repr(redacted)
    assert "eported by" in repr(build_detail(answers))


@pytest.mark.parametrize(
    ("title", "value"),
    [
        ("Under 18 aboard", "Age of the youngest person on board: 19 years"),
        ("Too little rest in a week", "Fewest hours of rest in 7 days: 44 hours"),
        ("Recruitment not checked with workers lately", "Months since recruitment was last checked with workers: 120 months"),
        ("Months at sea", "Months at sea without a port call: 1 month"),
    ],
)  # fmt: skip
def test_numbers_have_the_title_and_unit_of_their_question(title: str, value: str):
    assert get_reason(build_detail(VESSEL), title).value == value


def test_no_value_is_a_bare_number_or_date():
    for kind in ("site", "agency"):
        measured = [
            q for q in load_combined_form(kind).questions if q.type in ("number", "percent", "date") and q.feeds
        ]
        answers = {q.id: "2027-03-01" if q.type == "date" else 12.0 for q in measured}
        for sector in ("0311", "4100", "9700", "1020") if kind == "site" else ("7810",):
            detail = build_detail(
                {"name": "A", "country": "TH", "sector": [sector], "answered_on": "2026-10-05"} | answers, kind
            )
            values = [r.value for r in detail.reasons if r.kind == "answer" and re.search(r"\d", r.value)]
            assert values
            assert [
                value
                for value in values
                if not re.match(r"[A-Z].*[a-z].*: (\d+( [a-z]+)?|\d+ [A-Z][a-z]{2} \d{4})$", value)
            ] == []


def test_contexts_from_answers_have_their_unit():
    detail = build_detail(PIER | {"migrant_pct": 38.0})
    assert get_reason(detail, "Share of migrant workers").value == "38%"


def test_floors_from_blank_answers_are_marked_and_come_last():
    detail = build_detail(BLANK_FORM | {"movement": "locked"})
    open_flags = [floor.open for floor in detail.floors]
    assert {True, False} == set(open_flags)
    assert open_flags == sorted(open_flags)
    assert [floor.full_title for floor in detail.floors] == list(detail.headline.floors)
    assert [floor.open for floor in detail.floors] == [
        floor.full_title.endswith(CANNOT_BE_RULED_OUT) for floor in detail.floors
    ]
    assert all(floor.text.startswith("This cannot be ruled out") == floor.open for floor in detail.floors)


@pytest.mark.parametrize("form", ["html", "pdf", "xlsx"])
def test_every_format_marks_floors_that_cannot_be_ruled_out(form: str):
    text = render_text(BLANK_FORM, form)
    titles = build_detail(BLANK_FORM).headline.floors
    assert any(title in text for title in titles if title.endswith(CANNOT_BE_RULED_OUT))


def test_a_headline_that_is_driven_by_blank_answers_says_so():
    detail = build_detail(BLANK_FORM)
    blank = sum(floor.open for floor in detail.floors)
    assert blank > len(detail.floors) / 2
    assert detail.unanswered_note.startswith(f"{blank} of {len(detail.floors)} minimum-score rules")
    assert "cannot be ruled out" in detail.headline.level_text


def test_a_headline_from_admitted_harm_does_not_mention_blanks():
    admitted = {
        "papers_retention": "until_end",
        "worker_debt": "bound",
        "violence": "none_known",
        "threats": "none_known",
    }
    detail = build_detail(BLANK_FORM | admitted)
    assert detail.floors
    assert (detail.unanswered_note, detail.headline.silent) == ("", False)
    assert detail.headline.level_text in ("Critical", "High")


def test_a_headline_that_holds_without_blanks_does_not_mention_them():
    detail = build_detail(BLANK_FORM | {"country": "KP", "sector": ["0311"], "migrant_pct": 100.0})
    assert sum(floor.open for floor in detail.floors) > len(detail.floors) / 2
    assert (detail.headline.inherent or 0.0) >= 75
    assert detail.unanswered_note == ""


def test_several_reports_and_their_items_are_separated():
    case_evidence = build_evidence_from_values([1], [("worker_paid_fees",)], ["2026-10-01"])
    agency = {"name": "Kite Crew", "country": "NP", "worker_reported_items": ["placement", "recovery"]}
    reason = get_reason(build_detail(agency, "agency", case_evidence), "Workers pay for the job")
    assert reason.value == (
        "Reported by workers: fee charged by the agency or a recruiter for the job; "
        "fees recovered later from wages, rent or food. "
        "Reported in case records: recruitment fees paid by workers"
    )


def test_a_report_marks_our_own_rules_and_leaves_how_sources_were_checked_to_the_register() -> None:
    report = build_report([assess_answers(PIER)], FACTS, ON, [], [], "Suppliers")
    cautions = {source.caution for source in report.sources}
    assert cautions == {"", sources.MARK_TITLES["own"]}
    assert any("register of sources" in limit for limit in report.limits)


FARM: dict[str, Any] = {
    "name": "Salt Lake Cotton", "country": "CN", "region": "Xinjiang", "sector": ["0116"], "papers_retention": "held",
    "reported_harms": ["violence"], "reported_by": "workers", "answered_on": "2026-10-05",
}  # fmt: skip


@pytest.mark.parametrize(("version", "says_so"), [("2026.3", False), ("2026.4", True)])
def test_a_report_without_points_is_already_assumed_for_the_place_and_comes_first(version: str, says_so: bool):
    models = [replace(model, effective=ON) for model in load_models() if model.version == version]
    batch = Batch("site", from_rows([FARM]), "", "", np.array([2]))
    (detail,) = build_details(assess_batch(batch, FACTS, ON, {}, models), FACTS, ON)
    first = next(reason for reason in detail.reasons if reason.kind == "answer")
    violence = get_reason(detail, "Violence")
    assert ("already assumed for this country and sector" in violence.text) == says_so
    if says_so:
        assert abs(violence.points) < 0.05
        assert first == violence
