"""Test that released data are unchanged, by the digests of every release in ``released.txt``.

The RELEASED files beside the data show a developer at once that a released file was changed, but can be edited along with it.
The list records each release separately, so a change of both is noticed here.
"""

import hashlib
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from questionnaires.form import FORMS_DIR
from questionnaires.worker_voice.form import FOLDER as WORKER_VOICE
from risk_models.action_releases import get_action_releases
from risk_models.buyer import RULES_FOLDER as PRACTICES
from risk_models.cases.rules import list_released_digests
from risk_models.facts.releases import load_releases
from risk_models.model import MODELS_FOLDER
from service.model_governance.check import list_fact_faults, list_model_faults

TESTS = Path(__file__).parent


class ReleasedItem(NamedTuple):
    """A line of the list of released files."""

    release: str
    kind: str
    name: str
    version: str
    digest: str


RELEASED_ITEMS = [
    ReleasedItem(*line.split())
    for line in (TESTS / "released.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
FILES_BY_KIND = {
    "model": lambda line: MODELS_FOLDER / line.name / f"{line.version}.toml",
    "form": lambda line: FORMS_DIR / line.name / f"{line.version}.toml",
    "practices": lambda line: PRACTICES / f"{line.version}.toml",
    "statements": lambda line: WORKER_VOICE / f"{line.version}.toml",
}


@pytest.mark.parametrize(
    "line",
    [line for line in RELEASED_ITEMS if line.kind in FILES_BY_KIND],
    ids=lambda line: f"{line.kind} {line.name} {line.version}",
)
def test_released_files_are_unchanged(line: ReleasedItem) -> None:
    digest = hashlib.sha256(FILES_BY_KIND[line.kind](line).read_bytes()).hexdigest()
    assert digest == line.digest, "it was released: give the change a version of its own"


def test_released_action_libraries_are_known_by_their_digests() -> None:
    current = {version: digest for digest, version in get_action_releases().items()}
    released = {line.version: line.digest for line in RELEASED_ITEMS if line.kind == "actions"}
    assert {version: current.get(version) for version in released} == released


def test_released_facts_are_the_first_lines_of_their_tables() -> None:
    current = {release.name: release.digest for release in load_releases()}
    released = {line.version: line.digest for line in RELEASED_ITEMS if line.kind == "facts"}
    assert {version: current.get(version) for version in released} == released
    assert list_fact_faults() == []


def test_released_case_rules_are_known_by_their_digests() -> None:
    released = {line.version: line.digest for line in RELEASED_ITEMS if line.kind == "cases"}
    assert {version: list_released_digests().get(version) for version in released} == released


def test_the_released_files_beside_the_data_are_consistent() -> None:
    assert list_model_faults() == []


def test_the_list_includes_the_release_of_this_version() -> None:
    project = tomllib.loads((TESTS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] in {line.release for line in RELEASED_ITEMS}, (
        "add the lines of this release to tests/released.txt"
    )
