"""Released versions are frozen: an assessment made with them is recomputed to the last bit, whatever came after.

``frozen/`` holds assessments of invented suppliers as earlier software wrote them. ``<models>.json.gz`` was made for a release
of the models; ``<release>-<commit>-<what>.json.gz`` by the software of that commit, within or after that release: ``demo`` from
the files in ``demo/``, ``drawn`` from rows drawn at random from every answer that the forms offer. None is ever made again; where
one no longer verifies, something that was released has been changed. docs/decisions.md names the commits whose files cannot be
verified.
"""

import gzip
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from risk_models.action_library import list_release_actions, load_actions
from risk_models.answers import from_rows
from risk_models.evidence import RELEASE_0_1_0_METHOD, Belief
from risk_models.facts.facts import load_facts
from risk_models.model import load_models
from risk_models.model_file import CORE_FOLDER
from service.assessment.export_json import build_actions_part, compute_actions_digest
from service.verify import find_discrepancies
from tests.test_released import RELEASED_ITEMS

CORPUS = Path(__file__).parent / "frozen"
ASSESSMENTS = sorted(CORPUS.glob("*.json.gz"))


@pytest.fixture
def document() -> dict[str, Any]:
    """Return the assessment of the first release, for changes."""
    return _read(CORPUS / "2026.1.json.gz")


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return document


@pytest.mark.parametrize("path", ASSESSMENTS, ids=lambda path: path.name)
def test_an_assessment_made_by_earlier_software_is_recomputed_to_the_last_bit(path: Path) -> None:
    assert find_discrepancies(_read(path), load_facts()) == []


def test_every_model_that_was_released_is_replayed_with_cases_and_own_practices_among_them() -> None:
    scored, parts = set(), set()
    for document in map(_read, ASSESSMENTS):
        versions = {model["id"]: model["version"] for model in document["assessment"]["models"]}
        scored |= {(result["model"], versions[result["model"]]) for result in document["results"] if result["model"]}
        parts |= {part for part in ("cases", "buyer") if document.get(part)}
    models = {(line.name, line.version) for line in RELEASED_ITEMS if line.kind == "model" and line.name != CORE_FOLDER}
    assert scored >= models
    assert parts == {"cases", "buyer"}


def test_release_0_1_0_dated_a_declaration_by_its_answers_and_release_0_2_0_by_its_evidence() -> None:
    days = {"answered_on": "2022-01-10", "evidence_date": "2026-09-30"}
    row = {"name": "Invented Dye Works", "country": "TH", "sector": ("13",), "papers_retention": "worker_holds", **days}
    answers, on = from_rows([row]), date(2026, 10, 15)
    model = next(model for model in load_models() if (model.id, model.version) == ("site_general", "2026.1"))
    assert Belief(answers, model, on).get_belief("papers_retention")[1].tolist() == [False]
    first = replace(model, method=RELEASE_0_1_0_METHOD)
    assert Belief(answers, first, on).get_belief("papers_retention")[1].tolist() == [True], "it has expired"


def test_the_first_assessment_is_dated_after_newer_versions_took_effect(document: dict[str, Any]) -> None:
    on, versions = document["assessment"]["on"], {model["version"] for model in document["assessment"]["models"]}
    assert versions == {"2026.1"}
    assert any(model.effective.isoformat() <= on and model.version != "2026.1" for model in load_models())


def test_the_first_assessment_has_every_state_but_ruled_out(document: dict[str, Any]) -> None:
    states = {reason["state"] for result in document["results"] for reason in result["reasons"]}
    assert states >= {"answered", "declined", "expired", "not_asked", "reported", "known", "unknown"}


def test_an_unknown_model_version_is_reported(document: dict[str, Any]) -> None:
    document["assessment"]["models"][0]["version"] = "1999.1"
    (discrepancy,) = find_discrepancies(document, load_facts())
    assert "does not include the models agency 1999.1" in discrepancy


def test_a_model_removed_from_the_head_is_noticed(document: dict[str, Any]) -> None:
    head = document["assessment"]
    head["models"] = [model for model in head["models"] if model["id"] != "site_fishing"]
    assert find_discrepancies(document, load_facts())


def test_an_action_removed_everywhere_is_noticed(document: dict[str, Any]) -> None:
    removed = document["results"][2]["actions"][-1]["id"]
    document["actions"] = [action for action in document["actions"] if action["id"] != removed]
    for result in document["results"]:
        result["actions"] = [action for action in result["actions"] if action["id"] != removed]
    assert "the texts of the actions do not match this release" in find_discrepancies(document, load_facts())


def test_a_reworded_action_in_an_assessment_is_noticed(document: dict[str, Any]) -> None:
    assert compute_actions_digest(document["actions"]) != compute_actions_digest(build_actions_part(load_actions()))
    document["actions"][0]["do"] = "Do nothing."
    assert "the texts of the actions do not match this release" in find_discrepancies(document, load_facts())


def test_an_action_added_later_is_not_in_an_older_release() -> None:
    later = [action for action in list_release_actions("2026.3") if action.since == "2026.2"]
    assert later
    for action in later:
        assert not action.is_in_release("2026.1")
        assert action.is_in_release("2026.2")


def test_stored_answers_survive_a_round_trip(document: dict[str, Any]) -> None:
    answers = [result["answers"] for result in document["results"]]
    assert from_rows(answers).to_rows() == answers
