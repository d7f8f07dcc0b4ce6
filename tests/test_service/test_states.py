"""Not asked, declined, cannot apply, answered, expired, reported, ruled out: told apart wherever an answer is shown."""

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
from tests.test_service.test_packs import exemplary

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
    """A landing site with an answer in every state."""
    return assess([Batch("site", from_rows([VESSEL]), "s.xlsx", "Rows", np.array([2]))], FACTS, ON)[0]


def test_in_json_state_and_value_together_tell_them_apart(assessed: AssessedBatch) -> None:
    reasons = [r for r in orjson.loads(next(iter_result_json(assessed, ON)))["reasons"] if r["kind"] == "answer"]
    told = {"cannot_apply" if r["value"] == "cannot_apply" else r["state"] for r in reasons}
    assert told == STATES


def test_explained_each_has_its_own_state_and_words(assessed: AssessedBatch) -> None:
    reasons = [r for r in build_details(assessed, FACTS, ON)[0].reasons if r.kind == "answer"]
    assert {r.state for r in reasons} == STATES
    words = {state: {r.text for r in reasons if r.state == state} for state in STATES}
    for state, texts in words.items():
        assert not texts & set().union(*(other for name, other in words.items() if name != state)), state


def test_evidence_is_named_where_there_is_an_answer_to_believe_and_nowhere_else(assessed: AssessedBatch) -> None:
    reasons = [r for r in build_details(assessed, FACTS, ON)[0].reasons if r.kind == "answer"]
    assert {r.state for r in reasons if r.evidence} == {"answered", "expired", "cannot_apply"}
    fees = next(r for r in reasons if r.value.startswith("None: the employer pays"))
    assert fees.evidence == "Document of 3 October 2026 (P-7), counts 0.40 today."


@pytest.mark.parametrize("audience", ["internal", "supplier"])
def test_a_report_tells_states_and_evidence_to_ourselves_alone(assessed: AssessedBatch, audience: str) -> None:
    if audience == "supplier":
        own = from_rows([filter_own_answers("site", assessed.batch.answers.to_rows()[0], None)])
        assessed = assess([replace(assessed.batch, answers=own)], FACTS, ON)[0]
    report = replace(build_report([assessed], FACTS, ON, [], [], "Sea Heron"), audience=audience)  # type: ignore[arg-type]
    page = render(report, "html").data.decode()
    assert ("Document of 3 October 2026 (P-7), counts 0.40 today." in page) == (audience == "internal")
    if audience == "internal":
        for state in ("declined", "cannot apply", "answered", "expired", "reported", "ruled out"):
            assert f'<td data-label="State">{state}</td>' in page, state


def test_a_gate_says_that_it_is_why_something_cannot_apply() -> None:
    told = {"name": "Fjord Mill", "country": "NO", "sector": ["62"], "uses_agencies": "no"}
    one = assess([Batch("site", from_rows([told]), "", "", np.array([2]))], FACTS, ON)[0]
    gated = [r for r in build_details(one, FACTS, ON)[0].reasons if r.state == "cannot_apply"]
    assert gated
    assert all("declared, so this cannot apply here" in r.text and "Self-declared" in r.evidence for r in gated)


def test_what_acts_only_where_it_is_known_is_named_while_it_is_not() -> None:
    told = {"name": "Lotus Homes", "country": "HK", "worker_origin_countries": ["PH"]}
    known = told | {"worker_origin_countries": ["NP"], "destination_countries": ["QA"]}
    few, more = (
        build_details(assess([Batch("agency", from_rows([each]), "", "", np.array([2]))], FACTS, ON)[0], FACTS, ON)[
            0
        ].reasons
        for each in (told, known)
    )
    unknown = {r.title: r for r in few if r.kind == "context" and r.state == "unknown"}
    assert {"What workers usually pay in its corridors"} <= unknown.keys()
    assert all(r.points == 0 and "its whole share to the worst case" in r.text for r in unknown.values())
    tied = "Law that ties migrants to an employer"
    assert [any(r.state == "unknown" and r.title == tied for r in reasons) for reasons in (few, more)] == [True, False]


def test_what_was_found_is_told_first_and_what_was_left_blank_next(assessed: AssessedBatch) -> None:
    answers = [reason for reason in build_details(assessed, FACTS, ON)[0].reasons if reason.kind == "answer"]
    found = [reason for reason in answers if reason.harm]
    assert {reason.state for reason in found} == {"answered", "reported"}
    assert answers[: len(found)] == found
    assert [reason.title for reason in answers if "ndicators consistent with" in reason.text] == [
        r.title for r in found
    ]
    open_ = [reason.state for reason in answers[len(found) :]]
    assert open_.index("declined") < min(open_.index("answered"), open_.index("ruled_out"), open_.index("not_asked"))


def test_a_fact_is_told_with_what_it_is_counted_in(assessed: AssessedBatch) -> None:
    values = {reason.title: reason.value for reason in build_details(assessed, FACTS, ON)[0].reasons}
    assert values["Voice and accountability"].endswith("(about -2.5 to 2.5, higher is safer)")
    assert values["Voice and accountability"].startswith(f"{FACTS.get_value('country', 'TH', 'wgi_voice'):.4g} ")


def test_faults_of_one_kind_stand_under_a_sentence_that_fits_each_of_them(assessed: AssessedBatch) -> None:
    faults = [
        build_issue("country.unknown", sheet="Rows", cell=f"B{n}", header="Land", seen=seen)
        for n, seen in enumerate(("Narnia", "Lilliput"), 2)
    ]
    told = build_report([assessed], FACTS, ON, [], faults, "Suppliers").issues
    assert {line.message for line in told} == {"'…' is not a country we know; the row was not read."}
    assert [line.seen for line in told] == ["Narnia", "Lilliput"]


def one(row: dict[str, Any]) -> Detail:
    """One site, explained."""
    batch = Batch("site", from_rows([row]), "s.xlsx", "Rows", np.array([2]))
    return build_details(assess([batch], FACTS, ON)[0], FACTS, ON)[0]


OFFICE = exemplary("site_general", "NO", uses_agencies="no", workers_migrant=0.0, migrant_pct=0.0)


def test_a_score_that_would_be_low_and_is_not_says_why_and_what_would_settle_it() -> None:
    paper = one({**OFFICE, "evidence_grade": "self_declared"})
    assert (paper.headline.level, paper.headline.score < 25) == ("medium", True)
    assert paper.reasons[0].title == "Why the level is not low"
    assert (
        f"reaches {paper.headline.worst:.1f}, since answers are believed only as far as their evidence"
        in paper.reasons[0].text
    )
    assert [step.action for step in paper.steps] == ["confirm_answers"]
    assert paper.headline.next_step == "Settle what keeps the level from low"
    open_core = one({q: a for q, a in OFFICE.items() if q not in ("violence", "threats")})
    assert open_core.headline.level == "medium"
    assert "every core question answered; open: Violence, Threats." in open_core.reasons[0].text


def test_a_level_that_is_what_the_score_says_needs_no_such_reason() -> None:
    for row in ({**OFFICE, "country": "MM", "evidence_grade": "self_declared"}, {**OFFICE, "papers_retention": "held"}):
        assert all(reason.title != "Why the level is not low" for reason in one(row).reasons)
        assert "confirm_answers" not in {step.action for step in one(row).steps}


def test_how_steady_a_level_is_is_said_only_where_something_was_asked() -> None:
    empty = {"name": "Empty Mill", "country": "TH", "sector": ["14"]}
    assert one(empty).steadiness is None
    assert one({**empty, "papers_retention": "held"}).steadiness is not None


def test_the_title_of_a_rule_is_not_said_again_in_its_sentence() -> None:
    for told in ("held", "declined"):
        (rule,) = [floor for floor in one({**VESSEL, "papers_retention": told}).floors if floor.at_least == 50][:1]
        assert rule.title not in rule.text
        assert ("cannot be ruled out" in rule.text) == (told == "declined")


def test_no_context_says_of_a_place_what_its_facts_do_not_say() -> None:
    text = " ".join(reason.text for reason in one({"name": "Fjord Mill", "country": "NO", "sector": ["62"]}).reasons)
    assert "law is weak" not in text
    assert "The good is on" not in text
