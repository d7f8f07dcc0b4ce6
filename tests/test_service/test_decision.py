"""Test the onboarding decision before method 4: proceed, ask or hold."""

from datetime import date
from typing import Any

import pytest

from risk_models.model import get_model_in_force
from service.assessment.decision import Decision, NextStep, decide_by_level

MODEL = get_model_in_force("site_general", date(2026, 11, 27))
CORE_INDICATORS = [indicator for indicator in MODEL.indicators if indicator.core]
OTHER_INDICATOR = next(indicator for indicator in MODEL.indicators if not indicator.core)
# The result of a site with all core questions answered and no findings.
ANSWERED: dict[str, Any] = {
    "level": "low",
    "inherent_level": "low",
    "coverage": 0.9,
    "case_evidence": "none_recorded",
    "country": "TH",
    "sector": "1020",
    "reasons": [{"indicator": indicator.id, "state": "answered"} for indicator in CORE_INDICATORS],
    "next_step": "review_when_due",
}


def decide_with(**changes: Any) -> Decision:
    """Return the decision on that site with some fields of its result changed."""
    return decide_by_level({**ANSWERED, **changes}, MODEL)


def list_codes(decision: Decision) -> list[str]:
    return [code for code, _ in decision.reasons]


@pytest.mark.parametrize("level", ["low", "medium"])
def test_a_low_or_medium_level_with_all_core_questions_answered_proceeds(level: str) -> None:
    decision = decide_with(level=level)
    assert (decision.decision, list_codes(decision)) == ("proceed", ["answered"])
    assert "does not clear the supplier" in decision.reasons[0][1]


def test_a_critical_level_holds() -> None:
    decision = decide_with(level="critical")
    assert (decision.decision, list_codes(decision)) == ("hold", ["level.critical"])


@pytest.mark.parametrize("level", ["low", "medium", "high", "insufficient_evidence"])
def test_an_emergency_in_the_case_records_holds_whatever_the_level(level: str) -> None:
    decision = decide_with(level=level, case_evidence="emergency")
    assert decision.decision == "hold"
    assert list_codes(decision)[0] == "level.critical"


@pytest.mark.parametrize("strength", ["none_recorded", "signals", "pattern"])
def test_case_records_below_an_emergency_do_not_hold(strength: str) -> None:
    assert decide_with(case_evidence=strength).decision == "proceed"


def test_a_high_level_asks() -> None:
    decision = decide_with(level="high")
    assert (decision.decision, list_codes(decision)) == ("ask", ["level.high"])


def test_insufficient_evidence_asks_and_says_how_high_the_inherent_risk_is() -> None:
    decision = decide_with(level="insufficient_evidence", inherent_level="high", coverage=0.1)
    assert (decision.decision, list_codes(decision)) == ("ask", ["evidence.insufficient"])
    assert "high" in decision.reasons[0][1]


def test_low_coverage_asks_and_says_how_much_was_answered() -> None:
    decision = decide_with(coverage=MODEL.insufficient_below - 0.01)
    assert (decision.decision, list_codes(decision)) == ("ask", ["coverage.low"])
    assert f"{MODEL.insufficient_below - 0.01:.0%}" in decision.reasons[0][1]


def test_coverage_at_the_limit_proceeds() -> None:
    assert decide_with(coverage=MODEL.insufficient_below).decision == "proceed"


@pytest.mark.parametrize("question", ["country", "sector"])
def test_an_unknown_country_or_sector_asks(question: str) -> None:
    decision = decide_with(**{question: None})
    assert (decision.decision, list_codes(decision)) == ("ask", [f"{question}.unknown"])


@pytest.mark.parametrize("state", ["not_asked", "declined", "expired"])
def test_an_open_core_question_asks_and_the_first_is_named(state: str) -> None:
    open_reasons = [{"indicator": indicator.id, "state": state} for indicator in CORE_INDICATORS[1:3]]
    decision = decide_with(reasons=[*ANSWERED["reasons"][:1], *open_reasons, *ANSWERED["reasons"][3:]])
    assert (decision.decision, list_codes(decision)) == ("ask", ["core.open"])
    assert decision.reasons[0][1] == f"2 core questions are open. The first is: {CORE_INDICATORS[1].title}."


@pytest.mark.parametrize("state", ["answered", "reported", "ruled_out"])
def test_a_core_question_that_is_answered_reported_or_ruled_out_is_not_open(state: str) -> None:
    assert decide_with(reasons=[{"indicator": CORE_INDICATORS[0].id, "state": state}]).decision == "proceed"


def test_an_open_question_that_is_not_core_does_not_ask() -> None:
    assert decide_with(reasons=[{"indicator": OTHER_INDICATOR.id, "state": "not_asked"}]).decision == "proceed"


def test_a_decision_to_hold_also_lists_the_reasons_to_ask() -> None:
    decision = decide_with(
        level="critical",
        coverage=0.0,
        country=None,
        sector=None,
        reasons=[{"indicator": CORE_INDICATORS[0].id, "state": "expired"}],
    )
    assert decision.decision == "hold"
    assert list_codes(decision) == ["level.critical", "coverage.low", "country.unknown", "sector.unknown", "core.open"]


def test_the_decision_has_the_next_step_of_the_result() -> None:
    assert decide_with(next_step="keep_people_safe").next_step == NextStep("keep_people_safe", "")
    assert decide_with(next_step=None).next_step is None
