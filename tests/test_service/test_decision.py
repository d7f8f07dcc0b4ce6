"""The onboarding decision: a system that asks whether to take a supplier on is answered proceed, ask or hold."""

from datetime import date
from typing import Any

import pytest

from risk_models.model import get_model_in_force
from service.assessment.decision import Decision, decide

MODEL = get_model_in_force("site_general", date(2026, 11, 27))
CORE = [indicator for indicator in MODEL.indicators if indicator.core]
OTHER = next(indicator for indicator in MODEL.indicators if not indicator.core)
# A site of which every core question is answered and nothing was found.
ANSWERED: dict[str, Any] = {
    "level": "low",
    "inherent_level": "low",
    "coverage": 0.9,
    "case_evidence": "none_recorded",
    "country": "TH",
    "sector": "1020",
    "reasons": [{"indicator": indicator.id, "state": "answered"} for indicator in CORE],
    "next_step": "review_when_due",
}


def decision(**changes: Any) -> Decision:
    """What is decided of that site, changed in some of what is known of it."""
    return decide({**ANSWERED, **changes}, MODEL)


def codes(decided: Decision) -> list[str]:
    return [code for code, _ in decided.reasons]


@pytest.mark.parametrize("level", ["low", "medium"])
def test_a_supplier_of_low_or_medium_level_whose_core_questions_are_answered_proceeds(level: str) -> None:
    decided = decision(level=level)
    assert (decided.decision, codes(decided)) == ("proceed", ["answered"])
    assert "no clearance" in decided.reasons[0][1]


def test_a_critical_level_holds() -> None:
    decided = decision(level="critical")
    assert (decided.decision, codes(decided)) == ("hold", ["level.critical"])


@pytest.mark.parametrize("level", ["low", "medium", "high", "insufficient_evidence"])
def test_an_emergency_in_the_case_records_holds_whatever_the_level(level: str) -> None:
    decided = decision(level=level, case_evidence="emergency")
    assert decided.decision == "hold"
    assert codes(decided)[0] == "level.critical"


@pytest.mark.parametrize("strength", ["none_recorded", "signals", "pattern"])
def test_case_records_short_of_an_emergency_do_not_hold_by_themselves(strength: str) -> None:
    assert decision(case_evidence=strength).decision == "proceed"


def test_a_high_level_asks() -> None:
    decided = decision(level="high")
    assert (decided.decision, codes(decided)) == ("ask", ["level.high"])


def test_insufficient_evidence_asks_and_says_how_high_the_inherent_risk_is() -> None:
    decided = decision(level="insufficient_evidence", inherent_level="high", coverage=0.1)
    assert (decided.decision, codes(decided)) == ("ask", ["evidence.insufficient"])
    assert "high" in decided.reasons[0][1]


def test_low_coverage_asks_and_says_how_much_was_answered() -> None:
    decided = decision(coverage=MODEL.insufficient_below - 0.01)
    assert (decided.decision, codes(decided)) == ("ask", ["coverage.low"])
    assert f"{MODEL.insufficient_below - 0.01:.0%}" in decided.reasons[0][1]


def test_coverage_that_just_suffices_proceeds() -> None:
    assert decision(coverage=MODEL.insufficient_below).decision == "proceed"


@pytest.mark.parametrize("question", ["country", "sector"])
def test_a_place_or_trade_that_is_not_known_asks(question: str) -> None:
    decided = decision(**{question: None})
    assert (decided.decision, codes(decided)) == ("ask", [f"{question}.unknown"])


@pytest.mark.parametrize("state", ["not_asked", "declined", "expired"])
def test_an_open_core_question_asks_and_the_first_is_named(state: str) -> None:
    still_open = [{"indicator": indicator.id, "state": state} for indicator in CORE[1:3]]
    decided = decision(reasons=[*ANSWERED["reasons"][:1], *still_open, *ANSWERED["reasons"][3:]])
    assert (decided.decision, codes(decided)) == ("ask", ["core.open"])
    assert decided.reasons[0][1] == f"2 core questions are open, the first: {CORE[1].title}."


@pytest.mark.parametrize("state", ["answered", "reported", "ruled_out"])
def test_a_core_question_that_is_answered_reported_or_ruled_out_is_not_open(state: str) -> None:
    assert decision(reasons=[{"indicator": CORE[0].id, "state": state}]).decision == "proceed"


def test_an_open_question_that_is_not_core_does_not_ask() -> None:
    assert decision(reasons=[{"indicator": OTHER.id, "state": "not_asked"}]).decision == "proceed"


def test_every_reason_to_ask_is_given_beside_a_reason_to_hold() -> None:
    decided = decision(
        level="critical",
        coverage=0.0,
        country=None,
        sector=None,
        reasons=[{"indicator": CORE[0].id, "state": "expired"}],
    )
    assert decided.decision == "hold"
    assert codes(decided) == ["level.critical", "coverage.low", "country.unknown", "sector.unknown", "core.open"]


def test_the_next_step_is_that_of_the_result() -> None:
    assert decision(next_step="keep_people_safe").next_step == "keep_people_safe"
    assert decision(next_step=None).next_step is None
