"""What was released stays to the last byte: the checkout against ``released.txt``, which holds the digests of every release.

The RELEASED files beside the data tell a developer at once that a released file was changed. They can be edited along with
it; the list is what each release held, so a change of both is found here.
"""

import hashlib
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from questionnaires.form import FORMS_DIR
from risk_models.action_releases import get_action_releases
from risk_models.buyer import RULES_FOLDER as PRACTICES
from risk_models.cases.rules import list_released_digests
from risk_models.facts.releases import load_releases as editions
from risk_models.model import MODELS_FOLDER
from service.model_governance.check import list_fact_faults, list_model_faults

TESTS = Path(__file__).parent


class ReleasedItem(NamedTuple):
    """A line of the list."""

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
}


@pytest.mark.parametrize(
    "line",
    [line for line in RELEASED_ITEMS if line.kind in FILES_BY_KIND],
    ids=lambda line: f"{line.kind} {line.name} {line.version}",
)
def test_a_file_that_was_released_is_never_changed(line: ReleasedItem) -> None:
    digest = hashlib.sha256(FILES_BY_KIND[line.kind](line).read_bytes()).hexdigest()
    assert digest == line.digest, "it was released: give the change a version of its own"


def test_a_library_of_actions_that_was_released_stays_known_by_its_digest() -> None:
    held = {version: digest for digest, version in get_action_releases().items()}
    released = {line.version: line.digest for line in RELEASED_ITEMS if line.kind == "actions"}
    assert {version: held.get(version) for version in released} == released


def test_an_edition_of_the_facts_that_was_released_stays_the_first_lines_of_the_tables() -> None:
    held = {edition.name: edition.digest for edition in editions()}
    released = {line.version: line.digest for line in RELEASED_ITEMS if line.kind == "facts"}
    assert {version: held.get(version) for version in released} == released
    assert list_fact_faults() == []


def test_rules_on_cases_that_were_released_stay_known_by_their_digest() -> None:
    released = {line.version: line.digest for line in RELEASED_ITEMS if line.kind == "cases"}
    assert {version: list_released_digests().get(version) for version in released} == released


def test_whatever_the_checkout_calls_released_is_what_it_holds() -> None:
    assert list_model_faults() == []


def test_the_list_goes_up_to_the_release_of_this_version() -> None:
    project = tomllib.loads((TESTS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] in {line.release for line in RELEASED_ITEMS}, "add the lines of this release to tests/released.txt"
