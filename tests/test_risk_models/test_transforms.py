"""The rule language: an answer to its risk."""

import math

import pytest

from risk_models.transforms import Choices, Ramp, Rule, Steps

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
    ],
)
def test_an_answer_has_the_risk_its_rule_says(rule: Rule, answer: object, risk: float) -> None:
    assert rule.risk(answer) == pytest.approx(risk, nan_ok=True)


def test_the_least_risk_is_that_of_the_best_answer() -> None:
    assert (FEES.least, Choices({"a": 0.2, "b": 0.4}).least, Ramp(1, 2).least, Steps(((3, 0.6),)).least) == (
        0,
        0.2,
        0,
        0,
    )
