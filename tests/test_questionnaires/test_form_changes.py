"""Test what is said of the questions of a form when it has a new version."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from questionnaires.form import FORMS_DIR, Questionnaire, build_form, list_form_ids, list_versions, load_form
from questionnaires.form_changes import compare_versions


def make_form(*questions: Mapping[str, Any]) -> Questionnaire:
    """Return a form with these questions."""
    common = {"section": "S", "type": "text"}
    items = [{**common, "title": each["id"].title(), "ask": f"{each['id']}?", **each} for each in questions]
    return build_form({"id": "toy", "version": "1.1", "title": "Toy", "kind": "site", "question": items}, "toy")


HELD, OWN = {"code": "held", "title": "Held"}, {"code": "own", "title": "Own"}
PAPERS = {"id": "papers", "type": "choice", "choices": [HELD, OWN]}


def test_each_question_is_carried_reworded_changed_new_or_dropped() -> None:
    before = make_form(
        {"id": "name"}, {"id": "city"}, {"id": "hours", "type": "number", "max": 90}, {"id": "old"}, PAPERS
    )
    after = make_form(
        {"id": "name"}, {"id": "city", "note": "Or town."}, {"id": "hours", "type": "number", "max": 168}, {"id": "new"},
        {**PAPERS, "choices": [OWN]},
    )  # fmt: skip
    changes = compare_versions(before, after)
    assert (changes.carried, changes.reworded) == (("name",), ("city",))
    assert changes.changed == {"hours": ("max",), "papers": ("choices",)}
    assert (changes.new, changes.dropped) == (("new",), ("old",))


def test_other_words_for_an_answer_are_no_change_of_meaning() -> None:
    reworded = {**PAPERS, "choices": [{**HELD, "title": "The employer holds them"}, OWN]}
    changes = compare_versions(make_form(PAPERS), make_form(reworded))
    assert (changes.reworded, changes.changed) == (("papers",), {})


PAIRS = [(form, pair) for form in list_form_ids() for pair in pairwise(list_versions(form))]


@pytest.mark.parametrize(
    ("form", "pair"), PAIRS, ids=lambda value: "-".join(value) if isinstance(value, tuple) else value
)
def test_every_question_of_a_released_form_has_a_place_in_the_comparison_with_the_next(
    form: str, pair: tuple[str, str]
) -> None:
    before, after = (load_form(form, version, FORMS_DIR) for version in pair)
    changes = compare_versions(before, after)
    assert {*changes.carried, *changes.reworded, *changes.changed, *changes.new} == after.by_id.keys()
    assert {*changes.carried, *changes.reworded, *changes.changed, *changes.dropped} == before.by_id.keys()


@pytest.mark.parametrize(
    ("before", "after", "new", "at_least"),
    [
        ("2026.5", "2026.6", ("questions_shown",), 20),
        ("2026.6", "2026.7", (), 6),
        ("2026.7", "2026.8", (), 15),
        ("2026.8", "2026.9", (), 12),
    ],
)
@pytest.mark.parametrize("form", ["site", "site_fishing", "site_construction", "site_domestic_work", "agency"])
def test_forms_since_2026_6_only_reword(
    form: str, before: str, after: str, new: tuple[str, ...], at_least: int
) -> None:
    changes = compare_versions(load_form(form, before), load_form(form, after))
    assert (dict(changes.changed), changes.new, changes.dropped) == ({}, new, ())
    assert len(changes.reworded) > at_least
