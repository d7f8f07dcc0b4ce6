"""Test that release 2026.9 changes texts and nothing else: equal answers give equal scores, levels, reasons and plans."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from answers import Answers, answers, assess_row
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from risk_models.model import MODELS_FOLDER, Model, find_coming_model, load_models
from risk_models.model_file import read_model_file

BEFORE, AFTER = "2026.8", "2026.9"
TEXTS = {"title", "because", "because_named", "harm", "weight_because", "lift_because", "lifts_because", "notes"}
NAMES = {"version", "actions"}  # of this release, and of the library that its plans use


def models_at(version: str) -> list[Model]:
    """Return the models of one version, in force whenever these tests run."""
    return [replace(model, effective=date(2026, 1, 1)) for model in load_models() if model.version == version]


def list_changes(before: Any, after: Any, key: str = "") -> list[str]:
    """List the keys of a model file whose values differ between two versions."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = sorted(before.keys() | after.keys())
        return [change for key in keys for change in list_changes(before.get(key), after.get(key), key)]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [change for pair in zip(before, after, strict=True) for change in list_changes(*pair, key)]
    return [key] if before != after else []


@pytest.mark.parametrize("model", [model.id for model in models_at(AFTER)])
def test_only_texts_of_the_models_changed(model: str) -> None:
    before, after = (read_model_file(MODELS_FOLDER / model / f"{version}.toml").raw for version in (BEFORE, AFTER))
    changes = set(list_changes(before, after))
    assert changes <= TEXTS | NAMES
    assert changes & TEXTS


def test_the_same_models_are_released_and_come_into_force_on_the_same_day() -> None:
    released = [
        {model.id: model.effective for model in load_models() if model.version == version}
        for version in (BEFORE, AFTER)
    ]
    assert released[0] == released[1]
    coming = find_coming_model(min(released[0].values()) - timedelta(days=1))
    assert coming is not None
    assert coming.version == AFTER, "of two releases of one day, the newer one is announced"


@examples(6)
@given(st.sampled_from(["site", "agency"]).flatmap(lambda kind: st.tuples(st.just(kind), answers(kind))))
def test_equal_answers_give_equal_results_and_plans(drawn: tuple[str, Answers]) -> None:
    kind, row = drawn
    results = [assess_row(row, kind, models=models_at(version)) for version in (BEFORE, AFTER)]
    assert results[0]["actions"]
    assert results[0] == results[1]
