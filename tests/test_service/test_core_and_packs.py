"""Test models that are packs over a shared core: release 2026.3 split and rebuilt, and a new pack."""

import gzip
import hashlib
import shutil
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from risk_models.action_library import list_release_actions
from risk_models.answers import from_rows
from risk_models.facts.facts import load_facts
from risk_models.model import MODELS_FOLDER, Model, get_model_version, load_model, load_models
from risk_models.model_file import BLOCK_KINDS, PACK_KEYS, list_model_files
from service import verify
from service.assessment.assess import Batch, assess
from service.assessment.export_json import compute_digest, write_document
from service.model_governance import check
from service.queries import stored_results
from tests.test_service.answers import FACTS, ON, assess_rows
from tests.toml_text import toml_text

RELEASE = "2026.3"
RELEASED = {path.parent.name: path for path in list_model_files(MODELS_FOLDER) if path.stem == RELEASE}
SHARED = "site_general"  # the model whose blocks become the core
# The values of these keys in a block that leaves them out.
DEFAULTS: dict[str, Any] = {"sharper": [], "heard": {}, "confirmed": {}, "ilo": []}
Raw = dict[str, Any]


def split_release() -> tuple[Raw, dict[str, Raw]]:
    """Return the models of the release as a core, which has what at least two site models share, and the packs over it."""
    models = {name: tomllib.loads(path.read_text(encoding="utf-8")) for name, path in RELEASED.items()}
    sites = [models[SHARED], *(raw for name, raw in models.items() if name not in (SHARED, "agency"))]
    common_keys = set.intersection(*(set(raw) for raw in models.values())) - {*PACK_KEYS, *BLOCK_KINDS}
    core = {key: models[SHARED][key] for key in common_keys}
    for kind in BLOCK_KINDS:
        counts = Counter(block["id"] for raw in sites for block in raw.get(kind, []))
        first_blocks = {block["id"]: block for raw in reversed(sites) for block in raw.get(kind, [])}
        core[kind] = [first_blocks[name] for name, packs in counts.items() if packs > 1]
    return core, {name: build_pack(raw, core) for name, raw in models.items()}


def build_pack(raw: Raw, core: Raw) -> Raw:
    pack: Raw = {"includes": f"core/{RELEASE}", "override": {}, "drop": {}}
    pack |= {key: value for key, value in raw.items() if key not in BLOCK_KINDS and core.get(key) != value}
    for kind in BLOCK_KINDS:
        shared = {block["id"]: (index, block) for index, block in enumerate(core[kind])}
        own_blocks, override, in_place, previous, last_index = [], {}, set(), None, -1
        for block in raw.get(kind, []):
            name, (index, core_block) = block["id"], shared.get(block["id"], (-1, None))
            changed = (
                find_overrides(block, core_block) if index > last_index else None
            )  # a pack cannot change the order of a core
            if changed is None:
                own_blocks.append(block if previous is None else {**block, "after": previous})
            else:
                in_place.add(name)
                override |= {name: changed} if changed else {}
                last_index = index
            previous = name
        pack |= {kind: own_blocks} if own_blocks else {}
        pack["override"] |= {kind: override} if override else {}
        pack["drop"] |= {kind: [name for name in shared if name not in in_place]}
    return pack


def find_overrides(block: Raw, shared: Raw | None) -> Raw | None:
    """Return the keys in which a block differs from that of the core; None where it must be written in full."""
    if shared is None:
        return None
    block = {**{key: value for key, value in DEFAULTS.items() if key in shared}, **block}
    if shared.keys() - block.keys():
        return None
    return {key: value for key, value in block.items() if shared.get(key) != value}


def write_and_load(folder: Path, core: Raw, packs: Mapping[str, Raw]) -> dict[str, Model]:
    """Write the core and the packs to a folder, and load the models from it."""
    for path, raw in [
        (f"core/{RELEASE}", core),
        *((f"{name}/{pack['version']}", pack) for name, pack in packs.items()),
    ]:
        file = folder / f"{path}.toml"
        file.parent.mkdir(parents=True)
        file.write_text(toml_text(raw), encoding="utf-8")
    return {model.id: model for model in load_models(folder)}


def describe_without_digest(model: Model) -> str:
    """Return all fields of a model but the digest, in their order; equal texts mean equal scores."""
    return repr(replace(model, digest=""))


def load_released_assessment(models: Mapping[str, Model]) -> dict[str, Any]:
    """Return the assessment of the release as if it had been made with other files of the same models."""
    stored = Path(__file__).parent / "frozen" / f"{RELEASE}.json.gz"
    document: dict[str, Any] = orjson.loads(gzip.decompress(stored.read_bytes()))
    for part in document["assessment"]["models"]:
        part["digest"] = models[part["id"]].digest
    return {**document, "digest": compute_digest(document)}


# ---------------------------------------------------------------- the release, split


def test_a_core_and_packs_load_as_the_released_models_except_for_the_digest(tmp_path: Path) -> None:
    rebuilt = write_and_load(tmp_path, *split_release())
    assert rebuilt.keys() == RELEASED.keys()
    for name, model in rebuilt.items():
        before = load_model(RELEASED[name])
        assert describe_without_digest(model) == describe_without_digest(before)
        assert model.digest != before.digest


def test_shared_blocks_of_site_packs_are_written_once() -> None:
    core, packs = split_release()
    sites = [pack for name, pack in packs.items() if name != "agency"]
    for kind in BLOCK_KINDS:
        ids = [block["id"] for raw in (core, *sites) for block in raw.get(kind, [])]
        assert len(ids) == len(set(ids))
    indicators_before = sum(
        path.read_text(encoding="utf-8").count("[[indicator]]") for name, path in RELEASED.items() if name != "agency"
    )
    assert (indicators_before, sum(len(raw.get("indicator", [])) for raw in (core, *sites))) == (175, 79)


def test_a_released_assessment_is_recomputed_exactly_with_core_and_packs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuilt = write_and_load(tmp_path, *split_release())
    monkeypatch.setattr(verify, "load_models", lambda: tuple(rebuilt.values()))
    document = load_released_assessment(rebuilt)
    assert {part["id"] for part in document["assessment"]["models"]} == RELEASED.keys()
    assert verify.find_discrepancies(document, load_facts()) == []


def test_verify_notices_a_changed_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    core, packs = split_release()
    before = write_and_load(tmp_path / "before", core, packs)
    after = write_and_load(tmp_path / "after", {**core, "notes": "Not a word of it is read by any rule."}, packs)
    assert all(model.digest != before[name].digest for name, model in after.items())
    monkeypatch.setattr(verify, "load_models", lambda: tuple(after.values()))
    assert verify.find_discrepancies(load_released_assessment(before), load_facts()) == [
        "the section assessment.models does not match this release"
    ]


# ---------------------------------------------------------------- a new pack with an old version number


@pytest.fixture
def laundry(tmp_path: Path) -> Model:
    """Return a pack for a new sector, whose first version has the same number as that of the first packs."""
    core, packs = split_release()
    pack = packs[SHARED] | {"id": "site_laundry", "version": "2026.1", "effective": ON, "serves": ["9601"]}
    pack |= {"title": "Laundries", "actions": RELEASE}
    return write_and_load(tmp_path, core, {"site_laundry": pack})["site_laundry"]


LINEN = {
    "name": "Linen House",
    "country": "MY",
    "sector": ("9601",),
    "free_talks": "watched",
    "state_placement": "order",
}


def test_a_new_pack_uses_the_action_library_that_it_names(laundry: Model) -> None:
    models = (*load_models(), laundry)
    (assessed,) = assess([Batch("site", from_rows([LINEN]), "s.xlsx", "Rows", np.arange(1))], FACTS, ON, models)
    assert assessed.blocks[0].model is laundry
    assert [action.id for action in assessed.blocks[0].plan.actions] == [
        action.id for action in list_release_actions(RELEASE)
    ]
    assert (len(list_release_actions(RELEASE)), len(list_release_actions(laundry.version))) == (86, 66)
    by_pack, by_general = assess_rows(LINEN, models=models)[0], assess_rows(LINEN)[0]
    assert (by_pack["model"], by_general["model"]) == ("site_laundry", SHARED)
    for part in ("level", "score", "floors", "reasons", "actions"):
        assert by_pack[part] == by_general[part]


@pytest.mark.parametrize("version", ["2026.1", "7"])
def test_a_result_of_a_new_pack_is_recomputed_with_models_of_the_same_action_library(
    laundry: Model, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    pack = replace(laundry, version=version)
    monkeypatch.setattr(stored_results, "load_models", lambda: (*load_models(), pack))
    assert {(model.id, model.version) for model in stored_results.list_models_released_with(pack)} == {
        ("site_laundry", version), *((name, RELEASE) for name in RELEASED),
    }  # fmt: skip
    first_models = stored_results.list_models_released_with(get_model_version("site_general", "2026.1"))
    assert {model.version for model in first_models if model.id in RELEASED} == {"2026.1"}


def test_an_assessment_with_a_new_pack_is_verified_and_needs_its_digest(
    laundry: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = (*load_models(), laundry)
    monkeypatch.setattr(verify, "load_models", lambda: models)
    out = BytesIO()
    batch = Batch("site", from_rows([LINEN]), "s.xlsx", "Rows", np.arange(1))
    input_part = {"files": [], "rows": 1, "accepted": 1, "rejected": 0, "issues": []}
    write_document(out, assess([batch], FACTS, ON, models), FACTS, ON, {}, input_part)
    document = orjson.loads(out.getvalue())
    assert verify.find_discrepancies(document, load_facts()) == []
    del document["digest"]
    assert verify.find_discrepancies(document, load_facts()) == ["the digest of the document is missing"]


# ---------------------------------------------------------------- released files


@pytest.fixture
def models_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the models folder with an extra core, which the check reads instead."""
    folder = tmp_path / "models"
    shutil.copytree(MODELS_FOLDER, folder)
    (folder / "core").mkdir(exist_ok=True)
    (folder / "core" / "9.toml").write_text("reported = 0.8\n", encoding="utf-8")
    monkeypatch.setattr(check, "MODELS_FOLDER", folder)
    return folder


def add_to_released(folder: Path, line: str) -> None:
    path = folder / "RELEASED"
    path.write_text(f"{path.read_text(encoding='utf-8')}{line}\n", encoding="utf-8")


def test_a_core_is_released_and_frozen_like_a_model(models_folder: Path) -> None:
    core = models_folder / "core" / "9.toml"
    assert check.list_model_faults() == ["core/9.toml: not listed in RELEASED"]
    add_to_released(models_folder, f"core 9 {hashlib.sha256(core.read_bytes()).hexdigest()}")
    assert check.list_model_faults() == []
    core.write_text("reported = 0.9\n", encoding="utf-8")
    assert check.list_model_faults() == ["core/9.toml: a released file was changed; put the change in a new version"]
    core.unlink()
    assert check.list_model_faults() == ["RELEASED: core/9.toml no longer exists"]


@pytest.mark.parametrize("name", RELEASED)
def test_a_changed_released_model_is_reported(models_folder: Path, name: str) -> None:
    (models_folder / "core" / "9.toml").unlink()
    assert check.list_model_faults() == []
    pack = models_folder / name / f"{RELEASE}.toml"
    pack.write_text(pack.read_text(encoding="utf-8") + "# a word\n", encoding="utf-8")
    assert check.list_model_faults() == [
        f"{name}/{RELEASE}.toml: a released file was changed; put the change in a new version"
    ]
