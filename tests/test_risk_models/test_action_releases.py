"""Test which actions a model uses: those of the release that it names, addressed to indicators by id or by group."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from risk_models import plan as planning
from risk_models.action_library import expand_groups, list_release_actions, load_actions
from risk_models.action_releases import RELEASE_NAMED_AFTER, find_generation, get_action_releases, list_generations
from risk_models.answers import from_rows
from risk_models.data_file import DataFileError
from risk_models.engine.score import score
from risk_models.facts.facts import load_facts
from risk_models.features import build_features
from risk_models.findings import find_group_faults, find_unaddressed_findings, list_possible_findings
from risk_models.model import Model, load_model, load_models
from risk_models.plan import empty_plan
from tests.toml_text import toml_text

ON = date(2026, 11, 27)
FACTS = load_facts().as_of(ON)
TOY: dict[str, Any] = tomllib.loads((Path(__file__).parent / "toy.toml").read_text(encoding="utf-8"))
PORT: dict[str, Any] = {**TOY["indicator"][4], "id": "port", "reads": "answer.port"}
ASK: dict[str, Any] = {
    "id": "ask", "title": "Ask", "do": "Send the form.", "priority": "2", "stage": "act", "owner": "buyer",
    "with_workers": "Ask workers too.", "proof": "It is back.", "sources": ["EN-4"], "addresses": ["group:asked"],
    "states": ["not_asked"], "due_days": {"not_asked": 30},
}  # fmt: skip
REPAY = {**ASK, "id": "repay", "addresses": ["hours", "group:money"], "states": ["harm"], "due_days": {"harm": 90}}


def load_toy_model(folder: Path, **keys: Any) -> Model:
    """Load the toy model with other keys."""
    path = folder / "toy" / "1.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(toml_text({**TOY, **keys}), encoding="utf-8")
    return load_model(path)


def write_library(folder: Path, *actions: dict[str, Any], order: tuple[str, ...] = ("ask", "repay")) -> Path:
    """Write a library of these actions, and return its folder."""
    folder = folder / "actions"
    folder.mkdir()
    turns = {"since": "1", "turn": [{"id": "all", "actions": list(order)}]}
    (folder / "order.toml").write_text(toml_text(turns), encoding="utf-8")
    (folder / "all.toml").write_text(toml_text({"action": list(actions)}), encoding="utf-8")
    return folder


def list_library(model: Model) -> list[tuple[str, int]]:
    """Return the actions that plans under a model use, with their positions in the order."""
    return [(action.id, action.position) for action in empty_plan(1, model).actions]


def list_planned(model: Model, **answers: Any) -> set[str]:
    """Return the actions in the plan of a supplier with these answers."""
    features = build_features(from_rows([{"country": "NO", "sector": ("14",), **answers}]), model, FACTS, ON, {})
    nowhere = {name: np.array([False]) for name in planning.UNKNOWNS}
    return {
        action.id for action, _ in planning.build_plan(*score(features.frame, model), model, nowhere).list_steps(0, ON)
    }


# ---------------------------------------------------------------- the release that a model names


@pytest.mark.parametrize("release", get_action_releases().values())
def test_a_model_uses_the_release_that_it_names_whatever_its_own_version(tmp_path: Path, release: str) -> None:
    model = load_toy_model(tmp_path, actions=release)
    assert (model.version, model.actions) == ("1", release)
    assert list_library(model) == [(action.id, action.position) for action in list_release_actions(release)]


def test_a_model_older_than_named_releases_uses_the_release_of_its_own_version() -> None:
    unnamed = [model for model in load_models() if model.effective <= RELEASE_NAMED_AFTER]
    assert {model.version for model in unnamed} == {"2026.1", "2026.2", "2026.3"}
    for model in unnamed:
        assert model.actions == model.version
        assert list_library(model) == [(action.id, action.position) for action in list_release_actions(model.version)]


def test_an_unknown_release_is_rejected_with_a_list_of_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(
        DataFileError, match=r"toy/1\.toml: actions: '2026\.0' is not a release of the action library; available: "
    ):
        load_toy_model(tmp_path, actions="2026.0")


def test_a_later_model_must_name_a_release(tmp_path: Path) -> None:
    assert load_toy_model(tmp_path, effective=date(2026, 11, 26)).actions == "1"
    with pytest.raises(DataFileError, match=r"toy/1\.toml: model: 'actions' is missing"):
        load_toy_model(tmp_path, effective=date(2026, 11, 27))


# ---------------------------------------------------------------- groups of indicators


def test_a_new_indicator_in_a_group_is_addressed_without_a_change_to_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    actions = load_actions(write_library(tmp_path, ASK, REPAY))
    monkeypatch.setattr(planning, "list_release_actions", lambda release: actions)
    answers = {i["reads"].removeprefix("answer."): next(iter(i.get("choices", {"": 0.0}))) for i in TOY["indicator"]}
    answers |= {"hours": 40.0, "months_at_sea": 0.0}
    assert list_planned(load_toy_model(tmp_path, groups=["asked"]), **answers) == set()
    with_port = load_toy_model(tmp_path, groups=["asked"], indicator=[*TOY["indicator"], PORT])
    assert list_planned(with_port, **answers) == {"ask"}
    assert list_planned(with_port, **answers, port=40.0) == set()


def test_the_groups_of_an_indicator_replace_those_of_its_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    actions = load_actions(write_library(tmp_path, ASK, REPAY))
    monkeypatch.setattr(planning, "list_release_actions", lambda release: actions)
    model = load_toy_model(tmp_path, indicator=[*TOY["indicator"], {**PORT, "groups": ["money"]}])
    assert list_planned(model) == set()
    assert list_planned(model, port=80.0) == list_planned(model, hours=80.0) == {"repay"}
    assert list_planned(model, papers_retention="employer") == set()


def test_a_group_is_expanded_to_each_of_its_indicators_once(tmp_path: Path) -> None:
    both = {**REPAY, "addresses": ["port", "group:money", "group:nothing"]}
    model = load_toy_model(tmp_path, indicator=[*TOY["indicator"], {**PORT, "groups": ["money", "asked"]}])
    ask, repay = expand_groups(load_actions(write_library(tmp_path, ASK, both)), [model])
    assert (ask.addresses, repay.addresses) == (("port",), ("port",))
    assert "port (not_asked)" not in find_unaddressed_findings(
        list_possible_findings([model], [ask, repay]), [ask, repay]
    )
    assert "port (declined)" in find_unaddressed_findings(list_possible_findings([model], [ask, repay]), [ask, repay])


def test_a_group_that_only_models_or_only_actions_use_is_a_fault(tmp_path: Path) -> None:
    model = load_toy_model(tmp_path, indicator=[*TOY["indicator"], {**PORT, "groups": ["mony", "asked"]}])
    assert find_group_faults([model], load_actions(write_library(tmp_path, ASK, REPAY))) == [
        "actions address group:money, but no indicator is in that group",
        "no action addresses group:mony, although indicators are in that group",
    ]
    for generation in list_generations():
        users = [model for model in load_models() if find_generation(model.actions) == generation]
        assert find_group_faults(users, load_actions(generation)) == []


# ---------------------------------------------------------------- positions in the order


def test_an_action_may_name_the_one_that_it_follows(tmp_path: Path) -> None:
    new, newer = {**ASK, "id": "call", "after": "ask"}, {**ASK, "id": "visit", "after": "call"}
    actions = load_actions(write_library(tmp_path, ASK, REPAY, new, newer))
    assert [action.id for action in sorted(actions, key=lambda action: action.position)] == [
        "ask",
        "call",
        "visit",
        "repay",
    ]


@pytest.mark.parametrize(
    ("action", "fault"),
    [
        ({"id": "call"}, "all.toml: action 'call' has no position: set 'after', or add it to order.toml"),
        ({"id": "call", "after": "ghost"}, "all.toml: action 'call': 'after' names 'ghost', which has no position yet"),
        (
            {"id": "repay", "after": "ask"},
            "all.toml: action 'repay' already has a position in order.toml, so it cannot have 'after' as well",
        ),
    ],
)
def test_an_action_without_exactly_one_position_is_rejected(tmp_path: Path, action: dict[str, Any], fault: str) -> None:
    with pytest.raises(DataFileError) as error:
        load_actions(write_library(tmp_path, ASK, {**ASK, **action}))
    assert str(error.value) == fault
