"""The rules of a model file: from an answer to its risk."""

import math
from datetime import date

import pytest

from risk_models.transforms import Choices, Ramp, Rule, Since, Steps, bind_day

TODAY = date(2026, 11, 25)
EXPIRY = bind_day(Since(((-60, 0.3), (1, 0.7))), TODAY)
FEES = Choices({"none": 0.0, "some": 0.6, "all": 1.0})


@pytest.mark.parametrize(
    ("rule", "answer", "risk"),
    [
        (FEES, "some", 0.6),
        (FEES, ("none", "all"), 1.0),
        (FEES, (), math.nan),
        (FEES, "most", math.nan),
        (FEES, 3.0, math.nan),
        (Ramp(48, 80), 48.0, 0.0),
        (Ramp(48, 80), 64, 0.5),
        (Ramp(48, 80), 200.0, 1.0),
        (Ramp(2.0, -2.0), 0.0, 0.5),
        (Ramp(2.0, -2.0), -3.0, 1.0),
        (Ramp(48, 80), "many", math.nan),
        (Steps(((3, 0.6), (6, 0.9))), 2.9, 0.0),
        (Steps(((3, 0.6), (6, 0.9))), 3.0, 0.6),
        (Steps(((3, 0.6), (6, 0.9))), 12.0, 0.9),
        (Steps(((3, 0.6), (6, 0.9))), "long", math.nan),
        (EXPIRY, "2027-06-01", 0.0),
        (EXPIRY, "2027-01-24", 0.3),
        (EXPIRY, "2026-11-25", 0.3),
        (EXPIRY, "2026-11-24", 0.7),
        (EXPIRY, "2026-02-30", math.nan),
        (EXPIRY, 20261124.0, math.nan),
    ],
)
def test_an_answer_has_the_risk_that_its_rule_gives(rule: Rule, answer: object, risk: float) -> None:
    assert rule.risk(answer) == pytest.approx(risk, nan_ok=True)


def test_the_lowest_risk_is_that_of_the_best_answer() -> None:
    assert (
        FEES.lowest_risk,
        Choices({"a": 0.2, "b": 0.4}).lowest_risk,
        Ramp(1, 2).lowest_risk,
        Steps(((3, 0.6),)).lowest_risk,
    ) == (
        0,
        0.2,
        0,
        0,
    )


def test_a_rule_about_a_date_needs_a_day() -> None:
    with pytest.raises(ValueError, match="a date rule needs a reference date"):
        Since(((1, 0.7),)).risk("2026-11-24")


def test_only_a_rule_about_a_date_depends_on_the_day() -> None:
    assert bind_day(FEES, TODAY) is FEES
    assert (EXPIRY.lowest_risk, Since(((-36500, 0.1), (1, 0.5))).lowest_risk) == (0.0, 0.0)
