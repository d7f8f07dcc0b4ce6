"""Test that verify reports any change to an assessment, whether the part can be recomputed or not."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from examples import TIMES

from risk_models.facts.facts import load_facts
from service import cli
from service.verify import find_discrepancies

OF_EACH = 2 if TIMES == 1 else 10_000  # values with the same path that are tried: all with --long
# A row with answers that no score reads, a row that is rejected, and a column that is not read.
SHEET = """Reference,Supplier,Country,Sector,Workers,Migrant workers,Colour
S-1,Blue Pier Cannery,Thailand,1020,120,60,red
S-2,Red Quay Foods,Narnia,1020,12,,
"""


@pytest.fixture(scope="module")
def assessment_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return an assessment as the command writes it."""
    folder = tmp_path_factory.mktemp("verify")
    (folder / "sites.csv").write_text(SHEET, encoding="utf-8")
    command = ["assess", str(folder / "sites.csv"), "--kind", "site", "--on", "2026-11-20", "--formats", "json"]
    assert cli.main([*command, "--out", str(folder / "out")]) == 1
    return (folder / "out/assessment.json").read_bytes()


def iter_leaves(part: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield every scalar value of a document as its path, its container and its key there. All items of a list have one path."""
    for key in list(part) if isinstance(part, dict) else range(len(part)):
        of_key = f"{path}.{key}" if isinstance(part, dict) else f"{path}[]"
        if isinstance(part[key], dict | list):
            yield from iter_leaves(part[key], of_key)
        else:
            yield of_key, part, key


def change_value(value: Any) -> Any:
    """Return another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return "x" if value is None else value + "x"


def test_no_value_of_an_assessment_can_be_changed_unnoticed(assessment_bytes: bytes) -> None:
    document, facts = json.loads(assessment_bytes), load_facts()
    assert find_discrepancies(document, facts) == []
    unnoticed = []
    tried = Counter[str]()
    for path, holder, key in list(iter_leaves(document)):
        tried[path] += 1
        if tried[path] > OF_EACH:
            continue
        original = holder[key]
        holder[key] = change_value(original)
        if not find_discrepancies(document, facts):
            unnoticed.append((key, original))
        holder[key] = original
    assert tried.total() > 1000
    assert len(tried) > 100
    assert unnoticed == []


def test_a_removed_or_duplicated_issue_is_noticed(assessment_bytes: bytes) -> None:
    for change in (
        lambda input_part: input_part["issues"].pop(),
        lambda input_part: input_part["issues"].append(input_part["issues"][0]),
    ):
        document = json.loads(assessment_bytes)
        change(document["input"])
        assert find_discrepancies(document, load_facts())


@pytest.mark.parametrize("layout", [{"indent": 1}, {"ensure_ascii": True}, {"separators": (",", ":")}])
def test_the_layout_of_the_json_does_not_matter(assessment_bytes: bytes, layout: dict[str, Any]) -> None:
    document = json.loads(json.dumps(json.loads(assessment_bytes), **layout))
    assert find_discrepancies(document, load_facts()) == []


def test_a_missing_digest_is_reported(assessment_bytes: bytes) -> None:
    document = json.loads(assessment_bytes)
    del document["digest"]
    assert find_discrepancies(document, load_facts()) == ["the digest of the document is missing"]
