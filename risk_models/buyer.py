"""What a buyer's own practices do to the people in its supply chain: findings about the portfolio, never a score.

The rules are data (``buyer/<version>.toml``). They read the answers of a buyer's own form and nothing of any supplier, and no
supplier's score reads them. Each finding is named ``buyer:<practice>`` in the library of actions.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from math import isnan
from pathlib import Path
from typing import Any, Literal

from risk_models.answers import Answers
from risk_models.model_file import BadModel
from risk_models.transforms import Rule, on_day, rule_of

FOLDER = Path(__file__).parent / "buyer"
State = Literal["harm", "declined", "not_asked", "answered"]
FINDINGS: tuple[State, ...] = ("harm", "declined", "not_asked")
KEYS = {"id", "title", "reads", "choices", "ramp", "steps", "since", "because", "harm", "sources"}


@dataclass(frozen=True)
class Practice:
    """One practice: the question that tells of it, and the rule that reads the answer; r of 0.5 and more is a finding."""

    id: str
    title: str
    question: str
    rule: Rule
    because: str
    harm: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Practices:
    """One version of the rules, whole and dated."""

    version: str
    effective: date
    title: str
    practices: tuple[Practice, ...]
    digest: str

    @property
    def findings(self) -> tuple[tuple[str, str], ...]:
        """Every finding they can make, as (what, state): what the library of actions must answer."""
        return tuple((f"buyer:{p.id}", state) for p in self.practices for state in FINDINGS)


@dataclass(frozen=True)
class Finding:
    """A practice and its state; ``value`` is the answer, None where there is none. "answered" is no finding and no praise."""

    practice: Practice
    state: State
    value: object

    @property
    def name(self) -> str:
        """What the library of actions calls it."""
        return f"buyer:{self.practice.id}"

    def sentence(self, said: str) -> str:
        """In words; ``said`` are the words of the answer."""
        if self.state == "declined":
            return "Asked, and left blank: it cannot be ruled out."
        if self.state == "not_asked":
            return "Not answered yet."
        told = self.practice.because.replace("{value}", said or "does not apply here")
        return f"{told} {self.practice.harm}" if self.state == "harm" else told


def in_force(on: date) -> Practices:
    """The latest rules in force on a day. Raises LookupError where there are none."""
    known = [rules for rules in load_all() if rules.effective <= on]
    if not known:
        raise LookupError(f"no rules on a buyer's own practices are in force on {on.isoformat()}")
    return max(known, key=lambda rules: (rules.effective, rules.version))


def findings(answers: Answers, rules: Practices, on: date) -> tuple[tuple[Finding, ...], ...]:
    """For each unit of a buyer (a row of its form) the state of every practice, in the order of the rules."""
    return tuple(
        tuple(_finding(practice, row.get(practice.question), on) for practice in rules.practices)
        for row in answers.rows()
    )


def _finding(practice: Practice, value: object, on: date) -> Finding:
    if value == "declined":
        return Finding(practice, "declined", None)
    answer = tuple(value) if isinstance(value, list) else value
    if answer == "cannot_apply":
        return Finding(practice, "answered", value)
    risk = on_day(practice.rule, on).risk(answer)
    if isnan(risk):
        return Finding(practice, "not_asked", None)
    return Finding(practice, "harm" if risk >= 0.5 else "answered", value)


@cache
def load_all(folder: Path = FOLDER) -> tuple[Practices, ...]:
    """Every version of the rules. Raises BadModel naming the file, the item and the fault."""
    return tuple(load(path) for path in sorted(folder.glob("*.toml")))


def load(path: Path) -> Practices:
    """The rules in one file. Raises BadModel naming the file, the item and the fault."""
    data = path.read_bytes()
    name = f"{path.parent.name}/{path.name}"
    try:
        raw = tomllib.loads(data.decode("utf-8"))
        practices = tuple(_practice(entry, name) for entry in raw["practice"])
        found = Practices(raw["version"], raw["effective"], raw["title"], practices, hashlib.sha256(data).hexdigest())
    except tomllib.TOMLDecodeError as fault:
        raise BadModel(f"{name}: not TOML: {fault}") from fault
    except KeyError as fault:
        raise BadModel(f"{name}: {fault} is missing") from fault
    ids = [practice.id for practice in practices]
    twice = next((i for i in ids if ids.count(i) > 1), None)
    if twice:
        raise BadModel(f"{name}: practice {twice!r}: stands twice")
    return found


def _practice(raw: Mapping[str, Any], name: str) -> Practice:
    item = f"{name}: practice {raw.get('id')!r}"
    if extra := sorted(set(raw) - KEYS):
        raise BadModel(f"{item}: unknown key {extra[0]!r}")
    texts = {key: raw.get(key) for key in ("id", "title", "reads", "because", "harm")}
    for key, text in texts.items():
        if not isinstance(text, str) or not text:
            raise BadModel(f"{item}: {key!r} is missing")
    if not str(raw["reads"]).startswith("answer.") or not raw.get("sources"):
        raise BadModel(f"{item}: it reads one answer, and has a source")
    try:
        rule = rule_of(raw)
    except ValueError as fault:
        raise BadModel(f"{item}: {fault}") from fault
    question = str(raw["reads"]).removeprefix("answer.")
    return Practice(raw["id"], raw["title"], question, rule, raw["because"], raw["harm"], tuple(raw["sources"]))
