"""The effect of each rule of a release on a score, shown separately."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from risk_models.answers import from_rows
from risk_models.model import Model, get_model_version, load_models
from service.assessment.assess import Batch
from service.model_governance.compare import compare_models
from service.model_governance.rule_effects import MIN_POINTS, RULES, assess_steps, compute_effects
from service.queries.what_if import get_best_answer
from tests.test_service.answers import FACTS, ON, Answers, answers


def models_at(version: str) -> list[Model]:
    """Return the models of one version, in force whenever these tests run."""
    return [replace(model, effective=date(2026, 1, 1)) for model in load_models() if model.version == version]


BEFORE, AFTER = models_at("2026.3"), models_at("2026.4")
kinds = st.sampled_from(["site", "agency"])
BEST = {
    indicator.question: get_best_answer(indicator.rule, ON)
    for indicator in get_model_version("site_general", "2026.3").indicators
}
MILL = {"name": "Acme Mill", "country": "VN", "sector": ("1311",)}


def batch_of(*rows: Answers, kind: str = "site") -> Batch:
    return Batch(kind, from_rows(rows), "list.csv", "list", np.arange(2, 2 + len(rows)))


def effects_of(row: Answers, kind: str = "site") -> dict[str, Any]:
    """Return the effects on one supplier by rule."""
    steps = assess_steps([batch_of(row, kind=kind)], FACTS, ON, BEFORE, AFTER)
    return {effect.rule: effect for effect in compute_effects(steps, 0, np.ones(1, dtype=bool))[0]}


@examples(40)
@given(kinds.flatmap(lambda kind: st.tuples(st.just(kind), answers(kind))))
def test_the_effects_of_the_rules_add_up_to_the_change_of_the_score(drawn: tuple[str, Answers]) -> None:
    kind, row = drawn
    steps = assess_steps([batch_of(row, kind=kind)], FACTS, ON, BEFORE, AFTER)
    scores = [step.assessed[0].get_scores("total")[0] for step in steps]
    found = compute_effects(steps, 0, np.ones(1, dtype=bool))[0]
    assert [step.rule for step in steps] == [None, *RULES]
    assert abs(sum(effect.points for effect in found) - (scores[-1] - scores[0])) <= MIN_POINTS * len(RULES)
    assert all(effect.sentence.endswith(".") for effect in found)


@pytest.mark.parametrize(
    ("more", "title"),
    [
        ({"evidence_grade": "worker_voice", "evidence_date": "2026-11-01"}, "Workers, union or NGO"),
        ({"evidence": ({"grade": "audit", "date": "2026-11-01"},)}, "Audit"),
    ],
)
def test_a_grade_that_nobody_confirmed_is_the_effect_of_evidence(more: Answers, title: str) -> None:
    found = effects_of(BEST | MILL | {"answered_on": "2026-11-01"} | more)
    assert found["evidence"].points > 5
    assert f"Waiting for your confirmation: {title}." in found["evidence"].sentence
    assert max(found.values(), key=lambda effect: abs(effect.points)).rule == "evidence"


def test_answers_without_evidence_have_no_effect_of_evidence() -> None:
    assert "evidence" not in effects_of(BEST | MILL | {"answered_on": "2026-11-01"})


def test_cotton_picked_for_a_state_is_the_effect_of_imposed_labour_whatever_the_papers() -> None:
    found = effects_of(
        BEST
        | {"country": "TM", "sector": ("0116",), "answered_on": "2026-11-01"}
        | {"evidence_grade": "audit", "evidence_date": "2026-11-01"}
    )
    assert found["state_imposed"].points > 20
    assert "documented here (" in found["state_imposed"].sentence
    assert "evidence" not in found


def test_not_applicable_of_an_old_form_names_its_questions() -> None:
    found = effects_of(BEST | MILL | {"answered_on": "2026-11-01", "recruitment_fees": "cannot_apply"})
    assert found["not_applicable"].points > 0
    assert found["not_applicable"].sentence.startswith("“Not applicable” counts as not asked: ")


def test_a_plain_list_moves_by_facts_alone() -> None:
    assert effects_of(MILL | {"country": "NO"}).keys() <= {"facts"}
    assert (
        "Largest changes in points: "
        in effects_of({"name": "Slab", "country": "QA", "sector": ("4100",)})["facts"].sentence
    )


def test_a_comparison_sums_the_rules_up() -> None:
    graded = {"answered_on": "2026-11-01", "evidence_grade": "worker_voice", "evidence_date": "2026-11-01"}
    found = compare_models([batch_of(BEST | MILL | graded, MILL)], FACTS, ON, BEFORE, AFTER)
    (evidence,) = [summary for summary in found.rules if summary.rule == "evidence"]
    assert (evidence.raised, evidence.lowered) == (1, 0)
    assert evidence.moved == len(found.level_changes)


def test_releases_that_do_not_differ_have_no_effects() -> None:
    steps = assess_steps([batch_of(BEST | MILL)], FACTS, ON, BEFORE, BEFORE)
    assert compute_effects(steps, 0, np.ones(1, dtype=bool)) == {0: ()}


def test_a_comparison_counts_inherent_levels_that_change_without_any_answers() -> None:
    farm = {"name": "Cotton Farm", "country": "TM", "sector": ("0116",)}
    found = compare_models([batch_of(farm, MILL | {"country": "NO"})], FACTS, ON, BEFORE, AFTER)
    assert found.level_changes == ()
    assert found.changed_inherent_count == found.to_dict()["changed_inherent_level"] == 1


def test_between_two_releases_of_method_4_only_the_changed_rules_have_effects() -> None:
    farm = {"name": "Invented Farm", "country": "CN", "region": "Xinjiang", "sector": ("0116",), "product": "cotton"}
    farm |= {"evidence_grade": "audit", "evidence_date": "2026-09-01", "papers_retention": "cannot_apply"}
    steps = assess_steps([batch_of(farm)], FACTS, ON, AFTER, models_at("2026.5"))
    (effect,) = compute_effects(steps, 0, np.ones(1, dtype=bool))[0]
    assert (effect.rule, effect.points < 0) == ("facts", True)
    assert effect.sentence.startswith("Largest changes in points: Goods on a public list for this country (-")
