"""No text holds up a pattern: each takes CPU time in proportion to the length of the text, whatever the text is.

The patterns are collected from all modules, so that a new one is tried as well. The texts are 100 kB long: common characters
over and over, and what the pattern itself matches or nearly matches (``patterns.py``).
"""

import ast
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from patterns import PACKAGES, find_patterns, iter_modules, list_units

from questionnaires import person_detection

SHORT, LONG = 4_000, 100_000
# CPU seconds: some hundred times what most patterns take, and a small part of what a quadratic one does.
MOST_FOR_SHORT, MOST_FOR_LONG = 0.03, 0.6
WORST = 3  # of the texts, as found on the short ones, are tried at full length
ROOT = Path(__file__).parents[1]
SEARCHES = {"search", "finditer", "findall", "sub", "subn", "split"}
# Patterns that are written where they are used. These see data of ours only, or a text of limited length.
INLINE = {
    "questionnaires/file_checks/xlsx.py": "the first megabyte of a part, in the sandboxed process",
    "risk_models/action_library.py": "versions of our own actions",
    "risk_models/facts/state_imposed.py": "our own tables, and places by their names without a quantifier",
    "reports/sources.py": "the names of our own sources",
    "service/api/openapi.py": "our own routes",
    "service/connected_systems/hosts.py": "our own patterns for short names (hosts.toml), each with one quantifier after another",
    "service/erasure/traces.py": "the names of what is erased, without a quantifier",
}


def list_patterns() -> list[tuple[str, re.Pattern]]:
    """List every pattern with the name it is known by."""
    patterns: dict[re.Pattern, str] = {}
    words = vars(person_detection._load_words())
    for owner, values in [(module.__name__, vars(module)) for module in iter_modules()] + [("people.toml", words)]:
        for name, value in list(values.items()):
            for position, pattern in enumerate(find_patterns(value)):
                patterns.setdefault(pattern, f"{owner}.{name}[{position}]")
    return [(name, pattern) for pattern, name in patterns.items()]


def iter_trees() -> Iterator[tuple[str, ast.AST]]:
    """Yield the name and the syntax tree of every file of the code."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def list_methods() -> dict[str, set[str]]:
    """List the methods that are called or taken of each name in the code: {"VERSION": {"fullmatch"}}."""
    methods: dict[str, set[str]] = {}
    for _, tree in iter_trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                owner = node.value.value if isinstance(node.value, ast.Subscript) else node.value
                name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
                methods.setdefault(name, set()).add(node.attr)
    return methods


def measure(pattern: re.Pattern, text: str, *, anchored: bool) -> float:
    """Return the CPU seconds of all matches in a text, or of one that must begin where the text begins."""
    subject = text.encode("utf-8", "replace") if isinstance(pattern.pattern, bytes) else text
    start = time.process_time()
    pattern.fullmatch(subject)
    if not anchored:
        for _ in pattern.finditer(subject):
            pass
    return time.process_time() - start


@pytest.mark.fault
def test_every_pattern_takes_time_in_proportion_to_the_length_of_the_text():
    methods, slow = list_methods(), {}
    for name, pattern in list_patterns():
        anchored = not SEARCHES & methods.get(name.rpartition(".")[2].partition("[")[0], SEARCHES)
        if text := find_slow_text(pattern, anchored=anchored):
            slow[name] = (text, pattern.pattern)
    assert slow == {}


def find_slow_text(pattern: re.Pattern, *, anchored: bool) -> str | None:
    """Return the end of a text that holds a pattern up; None if no text does."""
    costs = []
    for unit in list_units(pattern):
        for end in ("", "!"):
            costs.append((measure(pattern, repeat(unit, SHORT) + end, anchored=anchored), unit, end))
            if costs[-1][0] >= MOST_FOR_SHORT:
                return unit + end
    # What would stay within the limit even if it grew with the square of the length is not tried at full length.
    growing = [cost for cost in sorted(costs) if cost[0] * (LONG / SHORT) ** 2 >= MOST_FOR_LONG]
    for _, unit, end in growing[-WORST:]:
        if measure(pattern, repeat(unit, LONG) + end, anchored=anchored) >= MOST_FOR_LONG:
            return unit + end
    return None


def repeat(unit: str, size: int) -> str:
    return (unit * (size // len(unit) + 1))[:size]


def test_patterns_stand_where_they_can_be_collected():
    found = {
        file
        for file, tree in iter_trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr in SEARCHES | {"match", "fullmatch"}
    }
    assert found == set(INLINE)
