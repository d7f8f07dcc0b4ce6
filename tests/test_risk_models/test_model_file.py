"""A pack is laid over the core that it includes: what comes out, what its digest covers, and what is refused."""

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


def written(folder: Path, pack: dict[str, Any], core: dict[str, Any] = CORE) -> Path:
    """The file of a pack over a core, in a folder of models."""
    for path, raw in (("core/1.toml", core), ("toy/1.toml", pack)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(toml_text(raw), encoding="utf-8")
    return folder / "toy" / "1.toml"


def over_the_core(folder: Path, **pack: Any) -> Model:
    return load_model(written(folder, {**PACK, **pack}))


def refused(folder: Path, pack: dict[str, Any], core: dict[str, Any] = CORE) -> str:
    with pytest.raises(DataFileError) as refusal:
        load_model(written(folder, pack, core))
    return str(refusal.value)


def ids(blocks: tuple[Any, ...]) -> list[str]:
    return [block.id for block in blocks]


def test_a_pack_that_adds_nothing_has_all_of_its_core_in_the_order_of_the_core(tmp_path: Path) -> None:
    model = over_the_core(tmp_path)
    assert (model.id, model.insufficient_below) == ("toy", 0.5)
    for kind, blocks in (("indicator", model.indicators), ("floor", model.floors), ("context", model.contexts)):
        assert ids(blocks) == [block["id"] for block in TOY[kind]]


def test_a_block_of_the_pack_comes_last_or_right_behind_the_one_that_it_names(tmp_path: Path) -> None:
    quay, crane = {**PORT, "id": "quay", "after": "fees"}, {**PORT, "id": "crane", "after": "quay"}
    model = over_the_core(tmp_path, indicator=[PORT, quay, crane])
    assert ids(model.indicators)[:4] == ["fees", "quay", "crane", "papers"]
    assert ids(model.indicators)[-1] == "port"


def test_an_override_replaces_the_keys_that_it_names_and_leaves_all_others(tmp_path: Path) -> None:
    override = {
        "indicator": {"fees": {"weight": 6}, "hours": {"ramp": {"from": 60, "to": 90}}},
        "floor": {"ilo_sign": {"any": ["fees"]}},
        "context": {"trade": {"lift": 0.25}},
        "sharper": {"corridor_fees": {"title": "Fees on the way"}},
        "gate": {"no_migrants": {"none": [0, 1]}},
    }
    plain, model = over_the_core(tmp_path / "plain"), over_the_core(tmp_path, override=override)
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


def test_a_key_of_the_pack_stands_in_place_of_that_of_the_core(tmp_path: Path) -> None:
    assert over_the_core(tmp_path, reported=0.6, audit_void_when=[]).reported == 0.6
    assert over_the_core(tmp_path, reported=0.6, audit_void_when=[]).audit_void_when == ()


def test_what_a_pack_drops_is_gone_and_may_be_written_anew(tmp_path: Path) -> None:
    assert "sea" not in ids(over_the_core(tmp_path, drop={"indicator": ["sea"]}).indicators)
    by_choice = {key: value for key, value in TOY["indicator"][7].items() if key != "steps"} | {
        "choices": {"no": 0, "yes": 1}
    }
    model = over_the_core(tmp_path, drop={"indicator": ["sea"]}, indicator=[by_choice])
    assert model.indicators[-1].rule.risk("yes") == 1


def test_two_packs_over_one_core_do_not_change_each_other(tmp_path: Path) -> None:
    core = deepcopy(CORE)
    path = written(tmp_path, {**PACK, "override": {"indicator": {"fees": {"weight": 6}}}}, core)
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
    path = written(tmp_path, PACK)
    core, before = tmp_path / "core" / "1.toml", load_model(path).digest
    core.write_text(core.read_text(encoding="utf-8") + "# a word\n", encoding="utf-8")
    with_core = load_model(path).digest
    path.write_text(path.read_text(encoding="utf-8") + "# a word\n", encoding="utf-8")
    assert len({before, with_core, load_model(path).digest}) == 3
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (path, core)]
    assert load_model(path).digest == hashlib.sha256("".join(f"{digest}\n" for digest in digests).encode()).hexdigest()


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("pack", "fault"),
    [
        ({"includes": "core/2"}, "includes: there is no core 'core/2'; there are: core/1"),
        ({"includes": "toy/1"}, "includes: there is no core 'toy/1'"),
        ({"includes": ["core/1"]}, "model: 'includes' is ['core/1']"),
        ({"override": {"indicator": {"fee": {"weight": 6}}}}, "override: indicator 'fee': the core has no such block"),
        (
            {"drop": {"indicator": ["hours"]}, "override": {"indicator": {"hours": {"weight": 6}}}},
            "override: indicator 'hours': the core has no such block, or it is dropped",
        ),
        ({"override": {"indicators": {"fees": {"weight": 6}}}}, "override: unknown key 'indicators'"),
        ({"override": {"indicator": {"fees": 6}}}, "override: 'fees' is 6"),
        (
            {"override": {"indicator": {"fees": {"id": "fee"}}}},
            "override: indicator 'fees': an id cannot be overridden",
        ),
        ({"override": {"indicator": {"fees": {"wieght": 6}}}}, "indicator 'fees': unknown key 'wieght'"),
        ({"override": {"indicator": {"fees": {"weight": 0}}}}, "indicator 'fees': weight must be above 0"),
        ({"drop": {"floor": ["ghost"]}}, "drop: floor 'ghost': the core has no such block"),
        ({"drop": {"indicator": ["hours", "hours"]}}, "drop: indicator 'hours': stands twice"),
        (
            {"drop": {"indicator": ["wages"]}},
            "floor 'ilo_sign': names the indicator 'wages', which the model does not have",
        ),
        (
            {"indicator": [{**PORT, "id": "fees"}]},
            "indicator 'fees': the core has it already; change it under [override.ind",
        ),
        ({"indicator": [PORT, PORT]}, "indicator 'port': stands twice"),
        (
            {"indicator": [{**PORT, "after": "ghost"}]},
            "indicator 'port': 'after' names 'ghost', which does not stand before it",
        ),
        ({"indicator": [{"title": "Nameless"}]}, "indicator None: 'reads' is missing"),
    ],
)
def test_a_pack_that_does_not_fit_its_core_is_refused_by_file_item_and_fault(
    tmp_path: Path, pack: dict[str, Any], fault: str
) -> None:
    message = refused(tmp_path, {**PACK, **pack})
    assert message.startswith("toy/1.toml")
    assert fault in message


@pytest.mark.parametrize(
    ("core", "fault"),
    [
        (
            {"includes": "core/1"},
            "core/1.toml: includes: belongs in a pack; a core holds what packs share, and includes nothing",
        ),
        ({"override": {}}, "core/1.toml: override: belongs in a pack"),
        ({"version": "1"}, "core/1.toml: version: belongs in a pack"),
        ({"floor": [*TOY["floor"], TOY["floor"][0]]}, "floor of the core 'strong_sign': stands twice"),
        ({"gate": [{"title": "Nameless"}]}, "a gate of the core: 'id' is missing"),
        ({"mood": "good"}, "toy/1.toml over core/1.toml: model: unknown key 'mood'"),
        ({"indicator": 3}, "model: 'indicator' is 3"),
    ],
)
def test_a_core_with_a_fault_is_refused(tmp_path: Path, core: dict[str, Any], fault: str) -> None:
    assert fault in refused(tmp_path, PACK, {**CORE, **core})


def test_a_core_that_is_not_toml_is_refused_by_its_name(tmp_path: Path) -> None:
    path = written(tmp_path, PACK)
    (tmp_path / "core" / "1.toml").write_text("reported = \n", encoding="utf-8")
    with pytest.raises(DataFileError, match=r"^core/1\.toml: not TOML"):
        load_model(path)


@pytest.mark.parametrize("key", ["override", "drop"])
def test_a_model_without_a_core_has_nothing_to_change_in_it(tmp_path: Path, key: str) -> None:
    assert f"unknown key '{key}'" in refused(tmp_path, {**TOY, key: {}})


def test_a_core_is_no_model_of_the_folder(tmp_path: Path) -> None:
    written(tmp_path, PACK)
    assert [(model.id, model.version) for model in load_models(tmp_path)] == [("toy", "1")]


def test_a_model_lies_where_its_id_and_version_say(tmp_path: Path) -> None:
    written(tmp_path, {**PACK, "version": "2"})
    with pytest.raises(DataFileError, match=r"toy/1\.toml: model: it is toy 2 by its own id and version"):
        load_models(tmp_path)
