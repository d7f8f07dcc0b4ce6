"""Test packs layered over a core: the resulting model, its digest, and what is rejected."""

import hashlib
import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from risk_models.data_file import DataFileError
from risk_models.model import Model, load_model, load_models
from risk_models.model_file import PACK_KEYS
from risk_models.transforms import Ramp
from tests.toml_text import toml_text

TOY: dict[str, Any] = tomllib.loads((Path(__file__).parent / "toy.toml").read_text(encoding="utf-8"))
CORE = {key: value for key, value in TOY.items() if key not in PACK_KEYS}
PACK: dict[str, Any] = {"includes": "core/1", **{key: TOY[key] for key in PACK_KEYS if key in TOY}}
PORT = {**TOY["indicator"][4], "id": "port", "reads": "answer.port"}  # a block that the core does not have


def write_pack(folder: Path, pack: dict[str, Any], core: dict[str, Any] = CORE) -> Path:
    """Write a pack and a core into a folder of models, and return the file of the pack."""
    for path, raw in (("core/1.toml", core), ("toy/1.toml", pack)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(toml_text(raw), encoding="utf-8")
    return folder / "toy" / "1.toml"


def load_pack(folder: Path, **pack: Any) -> Model:
    return load_model(write_pack(folder, {**PACK, **pack}))


def load_invalid(folder: Path, pack: dict[str, Any], core: dict[str, Any] = CORE) -> str:
    with pytest.raises(DataFileError) as error:
        load_model(write_pack(folder, pack, core))
    return str(error.value)


def list_ids(blocks: tuple[Any, ...]) -> list[str]:
    return [block.id for block in blocks]


def test_a_pack_without_blocks_of_its_own_has_all_blocks_of_its_core_in_order(tmp_path: Path) -> None:
    model = load_pack(tmp_path)
    assert (model.id, model.insufficient_below) == ("toy", 0.5)
    for kind, blocks in (("indicator", model.indicators), ("floor", model.floors), ("context", model.contexts)):
        assert list_ids(blocks) == [block["id"] for block in TOY[kind]]


def test_a_block_of_the_pack_comes_last_or_directly_after_the_one_that_it_names(tmp_path: Path) -> None:
    quay, crane = {**PORT, "id": "quay", "after": "fees"}, {**PORT, "id": "crane", "after": "quay"}
    model = load_pack(tmp_path, indicator=[PORT, quay, crane])
    assert list_ids(model.indicators)[:4] == ["fees", "quay", "crane", "papers"]
    assert list_ids(model.indicators)[-1] == "port"


def test_an_override_replaces_only_the_keys_that_it_names(tmp_path: Path) -> None:
    override = {
        "indicator": {"fees": {"weight": 6}, "hours": {"ramp": {"from": 60, "to": 90}}},
        "floor": {"ilo_sign": {"any": ["fees"]}},
        "context": {"trade": {"lift": 0.25}},
        "sharper": {"corridor_fees": {"title": "Fees on the way"}},
        "gate": {"no_migrants": {"none": [0, 1]}},
    }
    plain, model = load_pack(tmp_path / "plain"), load_pack(tmp_path, override=override)
    fees, hours = model.indicators[0], model.indicators[4]
    assert (fees.weight, fees.title, fees.rule) == (6, plain.indicators[0].title, plain.indicators[0].rule)
    assert hours.rule == Ramp(60, 90)
    assert model.floors[1].indicator_ids == ("fees",)
    assert model.floors[1].min_risk == plain.floors[1].min_risk == 0.7
    assert (model.contexts[1].lift, model.sharper_contexts[0].title, model.screening_questions[0].none_answers) == (
        0.25,
        "Fees on the way",
        (0, 1),
    )


def test_a_key_of_the_pack_replaces_that_of_the_core(tmp_path: Path) -> None:
    assert load_pack(tmp_path, reported=0.6, audit_void_when=[]).reported_risk == 0.6
    assert load_pack(tmp_path, reported=0.6, audit_void_when=[]).audit_void_when == ()


def test_a_dropped_block_is_missing_and_may_be_replaced(tmp_path: Path) -> None:
    assert "sea" not in list_ids(load_pack(tmp_path, drop={"indicator": ["sea"]}).indicators)
    by_choice = {key: value for key, value in TOY["indicator"][7].items() if key != "steps"} | {
        "choices": {"no": 0, "yes": 1}
    }
    model = load_pack(tmp_path, drop={"indicator": ["sea"]}, indicator=[by_choice])
    assert model.indicators[-1].rule.risk("yes") == 1


def test_two_packs_over_one_core_do_not_change_each_other(tmp_path: Path) -> None:
    core = deepcopy(CORE)
    path = write_pack(tmp_path, {**PACK, "override": {"indicator": {"fees": {"weight": 6}}}}, core)
    other = path.parent.parent / "other" / "1.toml"
    other.parent.mkdir()
    other.write_text(toml_text({**PACK, "id": "other"}), encoding="utf-8")
    assert {model.id: model.indicators[0].weight for model in load_models(tmp_path)} == {"toy": 6, "other": 4}


# ---------------------------------------------------------------- digests


def test_a_pack_without_a_core_has_the_digest_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "1.toml"
    path.write_text(toml_text(TOY), encoding="utf-8")
    assert load_model(path).digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_digest_of_a_pack_changes_with_its_core_and_with_itself(tmp_path: Path) -> None:
    path = write_pack(tmp_path, PACK)
    core, before = tmp_path / "core" / "1.toml", load_model(path).digest
    core.write_text(core.read_text(encoding="utf-8") + "# a word\n", encoding="utf-8")
    with_core = load_model(path).digest
    path.write_text(path.read_text(encoding="utf-8") + "# a word\n", encoding="utf-8")
    assert len({before, with_core, load_model(path).digest}) == 3
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (path, core)]
    assert load_model(path).digest == hashlib.sha256("".join(f"{digest}\n" for digest in digests).encode()).hexdigest()


# ---------------------------------------------------------------- what is rejected


@pytest.mark.parametrize(
    ("pack", "fault"),
    [
        ({"includes": "core/2"}, "includes: there is no core 'core/2'; available: core/1"),
        ({"includes": "toy/1"}, "includes: there is no core 'toy/1'"),
        ({"includes": ["core/1"]}, "model: 'includes' has an invalid value: ['core/1']"),
        ({"override": {"indicator": {"fee": {"weight": 6}}}}, "override: indicator 'fee': the core has no such block"),
        (
            {"drop": {"indicator": ["hours"]}, "override": {"indicator": {"hours": {"weight": 6}}}},
            "override: indicator 'hours': the core has no such block, or the pack drops it",
        ),
        ({"override": {"indicators": {"fees": {"weight": 6}}}}, "override: unknown key 'indicators'"),
        ({"override": {"indicator": {"fees": 6}}}, "override: 'fees' has an invalid value: 6"),
        (
            {"override": {"indicator": {"fees": {"id": "fee"}}}},
            "override: indicator 'fees': an id cannot be overridden",
        ),
        ({"override": {"indicator": {"fees": {"wieght": 6}}}}, "indicator 'fees': unknown key 'wieght'"),
        ({"override": {"indicator": {"fees": {"weight": 0}}}}, "indicator 'fees': weight must be above 0"),
        ({"drop": {"floor": ["ghost"]}}, "drop: floor 'ghost': the core has no such block"),
        ({"drop": {"indicator": ["hours", "hours"]}}, "drop: indicator 'hours': appears twice"),
        (
            {"drop": {"indicator": ["wages"]}},
            "floor 'ilo_sign': names the indicator 'wages', which the model does not have",
        ),
        (
            {"indicator": [{**PORT, "id": "fees"}]},
            "indicator 'fees': the core already has it; change it under [override.ind",
        ),
        ({"indicator": [PORT, PORT]}, "indicator 'port': appears twice"),
        (
            {"indicator": [{**PORT, "after": "ghost"}]},
            "indicator 'port': 'after' names 'ghost', which does not come before it",
        ),
        ({"indicator": [{"title": "Nameless"}]}, "indicator None: 'reads' is missing"),
    ],
)
def test_a_pack_that_does_not_fit_its_core_is_rejected_with_file_item_and_fault(
    tmp_path: Path, pack: dict[str, Any], fault: str
) -> None:
    message = load_invalid(tmp_path, {**PACK, **pack})
    assert message.startswith("toy/1.toml")
    assert fault in message


@pytest.mark.parametrize(
    ("core", "fault"),
    [
        (
            {"includes": "core/1"},
            "core/1.toml: includes: belongs in a pack; a core contains only what packs share, and cannot include another core",
        ),
        ({"override": {}}, "core/1.toml: override: belongs in a pack"),
        ({"version": "1"}, "core/1.toml: version: belongs in a pack"),
        ({"floor": [*TOY["floor"], TOY["floor"][0]]}, "floor of the core 'strong_sign': appears twice"),
        ({"gate": [{"title": "Nameless"}]}, "a gate of the core: 'id' is missing"),
        ({"mood": "good"}, "toy/1.toml over core/1.toml: model: unknown key 'mood'"),
        ({"indicator": 3}, "model: 'indicator' has an invalid value: 3"),
    ],
)
def test_an_invalid_core_is_rejected(tmp_path: Path, core: dict[str, Any], fault: str) -> None:
    assert fault in load_invalid(tmp_path, PACK, {**CORE, **core})


def test_a_core_that_is_not_toml_is_rejected_with_its_name(tmp_path: Path) -> None:
    path = write_pack(tmp_path, PACK)
    (tmp_path / "core" / "1.toml").write_text("reported = \n", encoding="utf-8")
    with pytest.raises(DataFileError, match=r"^core/1\.toml: not valid TOML"):
        load_model(path)


@pytest.mark.parametrize("key", ["override", "drop"])
def test_a_model_without_a_core_cannot_override_or_drop(tmp_path: Path, key: str) -> None:
    assert f"unknown key '{key}'" in load_invalid(tmp_path, {**TOY, key: {}})


def test_a_core_is_not_listed_as_a_model(tmp_path: Path) -> None:
    write_pack(tmp_path, PACK)
    assert [(model.id, model.version) for model in load_models(tmp_path)] == [("toy", "1")]


def test_a_model_file_must_have_the_path_of_its_id_and_version(tmp_path: Path) -> None:
    write_pack(tmp_path, {**PACK, "version": "2"})
    with pytest.raises(DataFileError, match=r"toy/1\.toml: model: its id and version are toy 2, which do not match"):
        load_models(tmp_path)


# ---------------------------------------------------------------- revisions


def write_revision(folder: Path, revision: dict[str, Any], core: dict[str, Any] | None = None) -> Path:
    """Write a pack 1 over core 1, its revision 2, and core 2 if there is one; return the file of the revision."""
    files = {"toy/2.toml": {"version": "2", "revises": "1", **revision}}
    files |= {"core/2.toml": core} if core else {}
    path = write_pack(folder, {**PACK, "override": {"indicator": {"fees": {"weight": 6}}}, "indicator": [PORT]})
    for name, raw in files.items():
        (folder / name).write_text(toml_text(raw), encoding="utf-8")
    return path.with_name("2.toml")


def test_a_revision_changes_only_what_it_states_in_the_earlier_version(tmp_path: Path) -> None:
    override = {"indicator": {"fees": {"title": "Fees"}, "port": {"weight": 2}}}
    model = load_model(write_revision(tmp_path, {"reported": 0.6, "override": override}))
    before = load_model(tmp_path / "toy" / "1.toml")
    assert (model.version, model.id, model.reported_risk) == ("2", "toy", 0.6)
    assert (model.indicators[0].title, model.indicators[0].weight) == ("Fees", 6)
    assert (model.indicators[-1].id, model.indicators[-1].weight) == ("port", 2)
    assert model.indicators[1:-1] == before.indicators[1:-1]


def test_a_revision_is_layered_over_the_core_that_it_includes_itself(tmp_path: Path) -> None:
    core = {"revises": "1", "override": {"indicator": {"fees": {"title": "Fees", "weight": 1}}}}
    model = load_model(write_revision(tmp_path, {"includes": "core/2"}, core))
    assert (model.indicators[0].title, model.indicators[0].weight) == ("Fees", 6), "the earlier pack set the weight"
    assert load_model(tmp_path / "toy" / "1.toml").indicators[0].title != "Fees"


def test_the_digest_of_a_revision_changes_with_every_file_that_it_is_made_of(tmp_path: Path) -> None:
    path = write_revision(tmp_path, {"includes": "core/2"}, {"revises": "1"})
    digests = {load_model(path).digest}
    for name in ("toy/2.toml", "toy/1.toml", "core/2.toml", "core/1.toml"):
        file = tmp_path / name
        file.write_text(file.read_text(encoding="utf-8") + "# a word\n", encoding="utf-8")
        digests.add(load_model(path).digest)
    assert len(digests) == 5


@pytest.mark.parametrize(
    ("revision", "fault"),
    [
        ({"revises": "2"}, "toy/2.toml: revises: there is no earlier version '2'; available: 1"),
        ({"revises": "7"}, "revises: there is no earlier version '7'"),
        (
            {"override": {"indicator": {"ghost": {"weight": 1}}}},
            "override: indicator 'ghost': the revised version has no such block",
        ),
        ({"indicator": [PORT]}, "indicator 'port': the revised version already has it"),
    ],
)
def test_a_revision_that_does_not_fit_the_earlier_version_is_rejected(
    tmp_path: Path, revision: dict[str, Any], fault: str
) -> None:
    path = write_revision(tmp_path, revision)
    with pytest.raises(DataFileError) as error:
        load_model(path)
    assert fault in str(error.value)
