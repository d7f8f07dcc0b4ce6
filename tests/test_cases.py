"""Named situations that an expert can read and argue with: tests/cases/<name>/.

``why.md`` says what the case is about and works its numbers by hand. ``answers.csv`` holds what was said (an agency before the
site that names it; several answers in one cell with | between). ``expected.csv`` holds the numbers that must come out, of the
last supplier: a field of its result, or the points of one reason.
"""

import csv
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from questionnaires.form import load_reading_form
from risk_models.answers import from_rows
from risk_models.facts import load as load_facts
from service.assess import Batch, assess
from service.contract import result_rows

CASES = sorted(path for path in (Path(__file__).parent / "cases").iterdir() if path.is_dir())
MANY = ("many", "countries", "sector")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def suppliers(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """The suppliers of a case in order: kind and typed answers."""
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    kinds = {}
    for row in rows(path / "answers.csv"):
        kinds[row["supplier"]] = row["kind"]
        asked = load_reading_form(row["kind"]).by_id[row["question"]]
        value: Any = row["answer"]
        if value in ("declined", "cannot_apply"):
            pass
        elif asked.type in MANY:
            value = tuple(value.split("|"))
        elif asked.type in ("number", "percent", "money"):
            value = float(value)
        found[row["supplier"]][row["question"]] = value
    return [(kinds[name], answers) for name, answers in found.items()]


def last_result(path: Path, on: date) -> dict[str, Any]:
    batches = [Batch(kind, from_rows([answers]), "case", kind, np.array([2])) for kind, answers in suppliers(path)]
    return orjson.loads(list(result_rows(assess(batches, load_facts().as_of(on), on)[-1], on))[-1])  # type: ignore[no-any-return]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_the_numbers_are_those_worked_by_hand(path: Path) -> None:
    assert (path / "why.md").read_text(encoding="utf-8").strip()
    expected = rows(path / "expected.csv")
    result = last_result(path, date(2026, 11, 1))
    points = defaultdict(float)
    for reason in result["reasons"]:
        points[reason["indicator"]] += reason["points"]
    for row in expected:
        value = points[row["name"]] if row["what"] == "points" else result[row["name"]]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            assert value == pytest.approx(float(row["value"]), abs=0.005), row["name"]
        else:
            assert ("|".join(value) if isinstance(value, list) else str(value)) == row["value"], row["name"]
