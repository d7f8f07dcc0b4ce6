"""Test the versions of the rules on the buyer's own practices: each reads an answer alike, in its own words."""

from dataclasses import fields
from datetime import timedelta
from typing import Any

from risk_models.buyer import BuyingPractice, find_practice_rules_in_force, load_all_practice_rules

FIRST, EARLIER, NEWEST = sorted(load_all_practice_rules(), key=lambda rules: rules.effective)
TEXTS = {"title", "because", "harm"}


def without_texts(practice: BuyingPractice) -> dict[str, Any]:
    return {field.name: getattr(practice, field.name) for field in fields(practice) if field.name not in TEXTS}


def get_texts(practice: BuyingPractice) -> list[str]:
    return [getattr(practice, name) for name in sorted(TEXTS)]


def test_the_newest_rules_read_the_same_answers_in_other_words() -> None:
    for earlier in (FIRST, EARLIER):
        assert repr([without_texts(p) for p in NEWEST.practices]) == repr([without_texts(p) for p in earlier.practices])
        assert [get_texts(p) for p in NEWEST.practices] != [get_texts(p) for p in earlier.practices]


def test_a_day_decides_which_rules_are_in_force() -> None:
    assert find_practice_rules_in_force(NEWEST.effective) is NEWEST
    assert find_practice_rules_in_force(NEWEST.effective - timedelta(days=1)) is EARLIER
