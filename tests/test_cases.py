"""Test named situations that an expert can read and discuss: tests/cases/<name>/.

``why.md`` describes the case and computes its numbers by hand. ``answers.csv`` has the answers (an agency before the
site that names it; several answers in one cell with | between; evidence as in a sheet). ``expected.csv`` has the expected
values, of the supplier named, else of the last: a field of its result; ``points`` or ``of`` of its practice; the points, state, e
or c of one reason; or which action is the first, second, third ... step of its plan. A row ``on`` gives the day, where it is not
1 November 2026, and a row ``models`` the release of the models, where it is not the one in force on that day. A row ``confirmed``
of ``answers.csv`` lists the references of the pieces of evidence that the buyer confirmed, each for the questions it covers.
"""

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from questionnaires.form import load_combined_form
from risk_models.answers import Confirmation, from_rows
from risk_models.facts.facts import load_facts
from risk_models.model import Model, load_models
from service.assessment.assess import Batch, assess
from service.assessment.export_json import iter_result_json

CASES = sorted(path for path in (Path(__file__).parent / "cases").iterdir() if path.is_dir())
MANY = ("many", "countries", "sector")
NUMBERS = ("number", "percent", "money")


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_suppliers(path: Path) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the suppliers of a case in order: name in the case, kind and parsed answers."""
    answers_by_name: dict[str, dict[str, Any]] = defaultdict(dict)
    kinds = {}
    for row in read_rows(path / "answers.csv"):
        kinds[row["supplier"]] = row["kind"]
        if row["question"] == "confirmed":
            answers = answers_by_name[row["supplier"]]
            answers["evidence"] = confirm_pieces(answers, row["answer"].split("|"))
            continue
        answers_by_name[row["supplier"]][row["question"]] = parse_answer(row["kind"], row["question"], row["answer"])
    return [(name, kinds[name], answers) for name, answers in answers_by_name.items()]


def parse_answer(kind: str, question_id: str, text: str) -> Any:
    form = load_combined_form(kind)
    question = form.by_id[question_id]
    if question.type == "evidence":
        return question.build_field(headers=form.headers).parse(text)
    if text in ("declined", "cannot_apply"):
        return text
    return tuple(text.split("|")) if question.type in MANY else float(text) if question.type in NUMBERS else text


def confirm_pieces(answers: dict[str, Any], references: Sequence[str]) -> tuple[Any, ...]:
    """Return the pieces of evidence, those with one of the references confirmed for what they cover: if not said, all answers."""
    pieces = answers["evidence"]
    assert set(references) <= {piece.source for piece in pieces}
    return tuple(
        piece._replace(
            confirmation=Confirmation("Invented Officer", "2026-11-27", piece.source, piece.covers or tuple(answers))
        )
        if piece.source in references
        else piece
        for piece in pieces
    )


def list_models(release: str | None, on: date) -> list[Model] | None:
    """Return the models of a release as in force on a day; None for those that are."""
    if release is None:
        return None
    return [replace(model, effective=on) for model in load_models() if model.version == release]


def assess_case(path: Path, on: date, release: str | None) -> dict[str, dict[str, Any]]:
    """Return the results of the suppliers of a case by name, in the order of the case."""
    suppliers = read_suppliers(path)
    batches = [Batch(kind, from_rows([answers]), "case", kind, np.array([2])) for _, kind, answers in suppliers]
    assessed = [
        orjson.loads(row)
        for batch in assess(batches, load_facts().as_of(on), on, list_models(release, on))
        for row in iter_result_json(batch, on)
    ]
    return dict(zip((name for name, _, _ in suppliers), assessed, strict=True))


def get_value(result: dict[str, Any], what: str, name: str) -> Any:
    """Return the value of a result that a row of ``expected.csv`` is about."""
    if what == "field":
        return result[name]
    if what == "practice":
        return result["practice"][name]
    if what == "step":
        return result["actions"][int(name) - 1]["id"]
    reasons = [reason for reason in result["reasons"] if reason["indicator"] == name]
    assert reasons, f"no reason is called {name}"
    return sum(reason["points"] for reason in reasons) if what == "points" else reasons[0][what]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_the_results_are_those_computed_by_hand(path: Path) -> None:
    assert (path / "why.md").read_text(encoding="utf-8").strip()
    expected = read_rows(path / "expected.csv")
    on = next((row["value"] for row in expected if row["what"] == "on"), "2026-11-01")
    release = next((row["value"] for row in expected if row["what"] == "models"), None)
    results = assess_case(path, date.fromisoformat(on), release)
    for row in (row for row in expected if row["what"] not in ("on", "models")):
        value = get_value(results[row.get("supplier") or list(results)[-1]], row["what"], row["name"])
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            assert value == pytest.approx(float(row["value"]), abs=0.005), row
        else:
            assert ("|".join(value) if isinstance(value, list) else str(value)) == row["value"], row
