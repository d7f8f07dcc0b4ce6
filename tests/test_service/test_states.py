"""Not asked, declined, cannot apply, answered, expired, reported, ruled out: told apart wherever an answer is shown."""

from dataclasses import replace
from datetime import date

import numpy as np
import orjson
import pytest

from reports.formats import render
from risk_models.answers import from_rows
from risk_models.facts import load
from service.assess import Assessed, Batch, assess
from service.contract import result_rows
from service.reporting import explained, report_on

ON = date(2026, 11, 20)
FACTS = load().as_of(ON)
STATES = {"not_asked", "declined", "cannot_apply", "answered", "expired", "reported", "ruled_out"}
VESSEL = {
    "name": "Sea Heron", "country": "TH", "sector": ["0311"], "vessel_type": "landing_site", "recruitment_fees": "none",
    "wage_payment": "declined", "housing": "cannot_apply", "working_conditions": "good", "papers_retention": "held",
    "reported_harms": ["threats"], "reported_by": "workers", "answered_on": "2024-01-05",
    "evidence": [{"grade": "document", "date": "2026-10-03", "covers": ["recruitment_fees", "housing"], "source": "P-7"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def assessed() -> Assessed:
    """A landing site with an answer in every state."""
    return assess([Batch("site", from_rows([VESSEL]), "s.xlsx", "Rows", np.array([2]))], FACTS, ON)[0]


def test_in_json_state_and_value_together_tell_them_apart(assessed: Assessed) -> None:
    reasons = [r for r in orjson.loads(next(result_rows(assessed, ON)))["reasons"] if r["kind"] == "answer"]
    told = {"cannot_apply" if r["value"] == "cannot_apply" else r["state"] for r in reasons}
    assert told == STATES


def test_explained_each_has_its_own_state_and_words(assessed: Assessed) -> None:
    reasons = [r for r in explained(assessed, FACTS, ON)[0].reasons if r.kind == "answer"]
    assert {r.state for r in reasons} == STATES
    words = {state: {r.text for r in reasons if r.state == state} for state in STATES}
    for state, texts in words.items():
        assert not texts & set().union(*(other for name, other in words.items() if name != state)), state


def test_evidence_is_named_where_there_is_an_answer_to_believe_and_nowhere_else(assessed: Assessed) -> None:
    reasons = [r for r in explained(assessed, FACTS, ON)[0].reasons if r.kind == "answer"]
    assert {r.state for r in reasons if r.evidence} == {"answered", "expired", "cannot_apply"}
    fees = next(r for r in reasons if r.value.startswith("None: the employer pays"))
    assert fees.evidence == "Document of 3 October 2026 (P-7), counts 0.40 today."


@pytest.mark.parametrize("audience", ["internal", "supplier"])
def test_a_report_tells_states_and_evidence_to_ourselves_alone(assessed: Assessed, audience: str) -> None:
    report = replace(report_on([assessed], FACTS, ON, [], [], "Sea Heron"), audience=audience)  # type: ignore[arg-type]
    page = render(report, "html").data.decode()
    assert ("Document of 3 October 2026 (P-7), counts 0.40 today." in page) == (audience == "internal")
    if audience == "internal":
        for state in ("declined", "cannot apply", "answered", "expired", "reported", "ruled out"):
            assert f'<td data-label="State">{state}</td>' in page, state


def test_a_gate_says_that_it_is_why_something_cannot_apply() -> None:
    told = {"name": "Fjord Mill", "country": "NO", "sector": ["62"], "uses_agencies": "no"}
    one = assess([Batch("site", from_rows([told]), "", "", np.array([2]))], FACTS, ON)[0]
    gated = [r for r in explained(one, FACTS, ON)[0].reasons if r.state == "cannot_apply"]
    assert gated
    assert all("declared, so this cannot apply here" in r.text and "Self-declared" in r.evidence for r in gated)


def test_what_acts_only_where_it_is_known_is_named_while_it_is_not() -> None:
    told = {"name": "Lotus Homes", "country": "HK", "worker_origin_countries": ["PH"]}
    known = told | {"worker_origin_countries": ["NP"], "destination_countries": ["QA"]}
    few, more = (
        explained(assess([Batch("agency", from_rows([each]), "", "", np.array([2]))], FACTS, ON)[0], FACTS, ON)[
            0
        ].reasons
        for each in (told, known)
    )
    unknown = {r.title: r for r in few if r.kind == "context" and r.state == "unknown"}
    assert {"What workers usually pay in its corridors"} <= unknown.keys()
    assert all(r.points == 0 and "its whole share to the worst case" in r.text for r in unknown.values())
    tied = "Law that ties migrants to an employer"
    assert [any(r.state == "unknown" and r.title == tied for r in reasons) for reasons in (few, more)] == [True, False]
