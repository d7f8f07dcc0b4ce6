"""The list of contradictions is complete: each answer with a risk under 0.5 denies, or is named as consistent."""

from dataclasses import replace

import pytest

from questionnaires.validation.contradictions import Condition, load_contradictions
from risk_models.model import get_model_version
from service.model_governance import check

MODELS = [
    get_model_version(model, "2026.4")
    for model in ("site_general", "site_fishing", "site_construction", "site_domestic_work", "agency")
]
LIST = load_contradictions()


def test_the_list_is_complete_for_the_models_of_method_4() -> None:
    assert check.list_contradiction_faults(MODELS) == []


@pytest.mark.parametrize("contradiction", LIST, ids=lambda contradiction: contradiction.question)
def test_a_denial_that_is_left_out_is_found(contradiction, monkeypatch: pytest.MonkeyPatch) -> None:
    denies = contradiction.denies
    is_read = any(
        indicator.question == contradiction.question and model.kind in contradiction.kinds
        for model in MODELS
        for indicator in model.indicators
    )
    less = Condition(frozenset(list(denies.choices)[1:])) if denies.choices else Condition(at_least=1e6)
    monkeypatch.setattr(check, "load_contradictions", lambda: (replace(contradiction, denies=less),))
    assert bool(check.list_contradiction_faults(MODELS)) is is_read
