"""Test that the states of answers (not asked, declined, cannot apply, expired, ...) are distinguished in all outputs."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import orjson
import pytest

from questionnaires.issues import build_issue
from reports.document import Detail
from reports.formats import render
from risk_models.answers import from_rows
from risk_models.facts.facts import load_facts
from service.assessment.assess import AssessedBatch, Batch, assess
from service.assessment.export_json import iter_result_json
from service.report_content.build import build_details, build_report
from service.report_content.redaction import filter_own_answers
from tests.test_service.test_packs import build_exemplary_site

ON = date(2026, 11, 20)
FACTS = load_facts().as_of(ON)
STATES = {"not_asked", "declined", "cannot_apply", "answered", "expired", "reported", "ruled_out"}
VESSEL = {
    "name": "Sea Heron", "country": "TH", "sector": ["0311"], "vessel_type": "landing_site", "recruitment_fees": "none",
    "wage_payment": "declined", "housing": "cannot_apply", "working_conditions": "good", "papers_retention": "held",
    "reported_harms": ["threats"], "reported_by": "workers", "answered_on": "2024-01-05",
    "evidence": [{"grade": "document", "date": "2026-10-03", "covers": ["recruitment_fees", "housing"], "source": "P-7"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def assessed() -> AssessedBatch:
    """Return a landing site with an answer in every state."""
    return assess([Batch("site", from_rows([VESSEL]), "s.xlsx", "Rows", np.array([2]))], FACTS, ON)[0]


def test_state_and_value_in_json_identify_every_kind_of_answer(assessed: AssessedBatch) -> None:
    reasons = [r for r in orjson.loads(next(iter_result_json(assessed, ON)))["reasons"] if r["kind"] == "answer"]
    states = {"cannot_apply" if r["value"] == "cannot_apply" else r["state"] for r in reasons}
    assert states == STATES


def test_details_have_a_state_and_a_text_for_every_kind_of_answer(assessed: AssessedBatch) -> None:
    reasons = [r for r in build_details(assessed, FACTS, ON)[0].reasons if r.kind == "answer"]
    assert {r.state for r in reasons} == STATES
    words = {state: {r.text for r in reasons if r.state == state} for state in STATES}
    for state, texts in words.items():
        assert not texts & set().union(*(other for name, other in words.items() if name != state)), state


def test_only_reasons_with_an_answer_name_evidence(assessed: AssessedBatch) -> None:
    reasons = [r for r in build_details(assessed, FACTS, ON)[0].reasons if r.kind == "answer"]
    assert {r.state for r in reasons if r.evidence} == {"answered", "expired", "cannot_apply"}
    fees = next(r for r in reasons if r.value.startswith("None (the employer pays)"))
    assert fees.evidence == "Document dated 3 October 2026 (P-7): weight 0.40 out of 1 today."


@pytest.mark.parametrize("audience", ["internal", "supplier"])
def test_only_internal_reports_show_states_and_evidence(assessed: AssessedBatch, audience: str) -> None:
    if audience == "supplier":
        own = from_rows([filter_own_answers("site", assessed.batch.answers.to_rows()[0], None)])
        assessed = assess([replace(assessed.batch, answers=own)], FACTS, ON)[0]
    report = replace(build_report([assessed], FACTS, ON, [], [], "Sea Heron"), audience=audience)  # type: ignore[arg-type]
    page = render(report, "html").data.decode()
    assert ("Document dated 3 October 2026 (P-7): weight 0.40 out of 1 today." in page) == (audience == "internal")
    if audience == "internal":
        for state in ("declined", "cannot apply", "answered", "expired", "reported", "ruled out"):
            assert f'<td data-label="State">{state}</td>' in page, state


def test_a_reason_that_cannot_apply_names_its_screening_question() -> None:
    row = {"name": "Fjord Mill", "country": "NO", "sector": ["62"], "uses_agencies": "no"}
    assessed_site = assess([Batch("site", from_rows([row]), "", "", np.array([2]))], FACTS, ON)[0]
    gated = [r for r in build_details(assessed_site, FACTS, ON)[0].reasons if r.state == "cannot_apply"]
    assert gated
    assert all(r.text.startswith("Because of the declaration ") and "Self-declared" in r.evidence for r in gated)


def test_unknown_contexts_are_named_as_unknown_until_they_are_known() -> None:
    row = {"name": "Lotus Homes", "country": "HK", "worker_origin_countries": ["PH"]}
    known = row | {"worker_origin_countries": ["NP"], "destination_countries": ["QA"]}
    reasons_of_few, reasons_with_corridors = (
        build_details(assess([Batch("agency", from_rows([answers]), "", "", np.array([2]))], FACTS, ON)[0], FACTS, ON)[
            0
        ].reasons
        for answers in (row, known)
    )
    unknown = {r.title: r for r in reasons_of_few if r.kind == "context" and r.state == "unknown"}
    assert {"What workers usually pay in its corridors"} <= unknown.keys()
    assert all(r.points == 0 and "counts in full in the worst case" in r.text for r in unknown.values())
    tied = "Law that ties migrants to an employer"
    assert [
        any(r.state == "unknown" and r.title == tied for r in reasons)
        for reasons in (reasons_of_few, reasons_with_corridors)
    ] == [True, False]


def test_reasons_list_harm_first_and_blank_answers_next(assessed: AssessedBatch) -> None:
    answers = [reason for reason in build_details(assessed, FACTS, ON)[0].reasons if reason.kind == "answer"]
    harms = [reason for reason in answers if reason.harm]
    assert {reason.state for reason in harms} == {"answered", "reported"}
    assert answers[: len(harms)] == harms
    assert [reason.title for reason in answers if "ndicators consistent with" in reason.text] == [
        r.title for r in harms
    ]
    other_states = [reason.state for reason in answers[len(harms) :]]
    assert other_states.index("declined") < min(
        other_states.index("answered"), other_states.index("ruled_out"), other_states.index("not_asked")
    )


def test_facts_have_their_unit(assessed: AssessedBatch) -> None:
    values = {reason.title: reason.value for reason in build_details(assessed, FACTS, ON)[0].reasons}
    assert values["Voice and accountability"].endswith("(on a scale from about -2.5 to 2.5; higher is safer)")
    assert values["Voice and accountability"].startswith(f"{FACTS.get_value('country', 'TH', 'wgi_voice'):.4g} ")


def test_issues_of_one_code_share_a_general_message(assessed: AssessedBatch) -> None:
    issues = [
        build_issue("country.unknown", sheet="Rows", cell=f"B{n}", header="Land", seen=seen)
        for n, seen in enumerate(("Narnia", "Lilliput"), 2)
    ]
    lines = build_report([assessed], FACTS, ON, [], issues, "Suppliers").issues
    assert {line.message for line in lines} == {"'…' is not a recognised country; the row was not read."}
    assert [line.seen for line in lines] == ["Narnia", "Lilliput"]


def build_detail(row: dict[str, Any]) -> Detail:
    """Return the detail of one site."""
    batch = Batch("site", from_rows([row]), "s.xlsx", "Rows", np.array([2]))
    return build_details(assess([batch], FACTS, ON)[0], FACTS, ON)[0]


EXEMPLARY_OFFICE = build_exemplary_site("site_general", "NO", uses_agencies="no", workers_migrant=0.0, migrant_pct=0.0)


def test_a_low_score_with_another_level_explains_why_and_how_to_resolve_it() -> None:
    self_declared = build_detail({**EXEMPLARY_OFFICE, "evidence_grade": "self_declared"})
    assert (self_declared.headline.level, self_declared.headline.score < 25) == ("medium", True)
    assert self_declared.reasons[0].title == "Why the level is not Low"
    assert (
        f"here it is {self_declared.headline.worst:.1f}, because answers count only to the extent that their evidence"
        in self_declared.reasons[0].text
    )
    assert [step.action for step in self_declared.steps] == ["confirm_answers"]
    assert self_declared.headline.next_step == "Settle what keeps the level from low"
    open_core = build_detail({q: a for q, a in EXEMPLARY_OFFICE.items() if q not in ("violence", "threats")})
    assert open_core.headline.level == "medium"
    assert "an answer to every core question; still open: Violence, Threats." in open_core.reasons[0].text


def test_a_level_that_follows_from_the_score_has_no_such_reason() -> None:
    for row in (
        {**EXEMPLARY_OFFICE, "country": "MM", "evidence_grade": "self_declared"},
        {**EXEMPLARY_OFFICE, "papers_retention": "held"},
    ):
        assert all(reason.title != "Why the level is not Low" for reason in build_detail(row).reasons)
        assert "confirm_answers" not in {step.action for step in build_detail(row).steps}


def test_robustness_is_given_only_where_something_was_asked() -> None:
    empty = {"name": "Empty Mill", "country": "TH", "sector": ["14"]}
    assert build_detail(empty).steadiness is None
    assert build_detail({**empty, "papers_retention": "held"}).steadiness is not None


def test_the_text_of_a_floor_does_not_repeat_its_title() -> None:
    for answer in ("held", "declined"):
        (rule,) = [
            floor for floor in build_detail({**VESSEL, "papers_retention": answer}).floors if floor.at_least == 50
        ][:1]
        assert rule.title not in rule.text
        assert ("cannot be ruled out" in rule.text) == (answer == "declined")


def test_contexts_do_not_claim_more_than_their_facts() -> None:
    text = " ".join(
        reason.text for reason in build_detail({"name": "Fjord Mill", "country": "NO", "sector": ["62"]}).reasons
    )
    assert "law is weak" not in text
    assert "The good is on" not in text
