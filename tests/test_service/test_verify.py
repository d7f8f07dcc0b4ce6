"""Verify objects to whatever was changed in an assessment, whether it can be recomputed or not."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from risk_models.facts.facts import load_facts
from service import cli
from service.verify import find_discrepancies

# One row with answers that no score reads, one that is not read, and a column that is not.
SHEET = """Reference,Supplier,Country,Sector,Workers,Migrant workers,Colour
S-1,Blue Pier Cannery,Thailand,1020,120,60,red
S-2,Red Quay Foods,Narnia,1020,12,,
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An assessment as the command writes it."""
    folder = tmp_path_factory.mktemp("verify")
    (folder / "sites.csv").write_text(SHEET, encoding="utf-8")
    command = ["assess", str(folder / "sites.csv"), "--kind", "site", "--on", "2026-11-20", "--formats", "json"]
    assert cli.main([*command, "--out", str(folder / "out")]) == 1
    return (folder / "out/assessment.json").read_bytes()


def leaves(part: Any) -> Iterator[tuple[Any, Any]]:
    """Every number, text, truth or null of a document, as what holds it and where it stands in that."""
    for at in list(part) if isinstance(part, dict) else range(len(part)):
        if isinstance(part[at], dict | list):
            yield from leaves(part[at])
        else:
            yield part, at


def other(value: Any) -> Any:
    """A value that is not this one, of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return "x" if value is None else value + "x"


def test_no_value_of_an_assessment_can_be_changed_unnoticed(written: bytes) -> None:
    document, facts = json.loads(written), load_facts()
    assert find_discrepancies(document, facts) == []
    unnoticed = []
    changed = 0
    for holder, at in leaves(document):
        before = holder[at]
        holder[at] = other(before)
        changed += 1
        if not find_discrepancies(document, facts):
            unnoticed.append((at, before))
        holder[at] = before
    assert changed > 1000
    assert unnoticed == []


def test_an_issue_that_goes_or_comes_twice_is_noticed(written: bytes) -> None:
    for change in (lambda told: told["issues"].pop(), lambda told: told["issues"].append(told["issues"][0])):
        document = json.loads(written)
        change(document["input"])
        assert find_discrepancies(document, load_facts())


@pytest.mark.parametrize("layout", [{"indent": 1}, {"ensure_ascii": True}, {"separators": (",", ":")}])
def test_blanks_and_escapes_are_no_change(written: bytes, layout: dict[str, Any]) -> None:
    document = json.loads(json.dumps(json.loads(written), **layout))
    assert find_discrepancies(document, load_facts()) == []


def test_a_digest_that_is_left_out_is_missed(written: bytes) -> None:
    document = json.loads(written)
    del document["digest"]
    assert find_discrepancies(document, load_facts()) == ["the digest of the document is missing"]
