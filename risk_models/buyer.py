"""Evaluate how a buyer's own purchasing practices affect the people in its supply chain: findings, never a score.

The rules are data (``buyer/<version>.toml``). They read only the answers of the buyer's own form, and no supplier's score reads
them. Each finding is named ``buyer:<practice>`` in the library of actions.
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
from risk_models.data_file import DataFileError
from risk_models.transforms import Rule, bind_day, parse_rule

RULES_FOLDER = Path(__file__).parent / "buyer"
State = Literal["harm", "declined", "not_asked", "answered"]
FINDING_STATES: tuple[State, ...] = ("harm", "declined", "not_asked")
PRACTICE_KEYS = {"id", "title", "reads", "choices", "ramp", "steps", "since", "because", "harm", "sources"}


@dataclass(frozen=True)
class BuyingPractice:
    """One practice: its question, and the rule that reads the answer; r of 0.5 or more is a finding."""

    id: str
    title: str
    question: str
    rule: Rule
    because: str
    harm: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class PracticeRules:
    """One dated version of the rules."""

    version: str
    effective: date
    title: str
    practices: tuple[BuyingPractice, ...]
    digest: str

    @property
    def possible_findings(self) -> tuple[tuple[str, str], ...]:
        """Return every finding that the rules can make, as (id, state). The library of actions must have an action for each."""
        return tuple((f"buyer:{p.id}", state) for p in self.practices for state in FINDING_STATES)


@dataclass(frozen=True)
class PracticeFinding:
    """A practice and its state. ``value``: the answer, or None. The state "answered" is neither a finding nor praise."""

    practice: BuyingPractice
    state: State
    value: object

    @property
    def name(self) -> str:
        """Return the name of the finding in the library of actions."""
        return f"buyer:{self.practice.id}"

    def describe(self, answer_text: str) -> str:
        """Return the finding as text; ``answer_text`` is the answer in words."""
        if self.state == "declined":
            return "The question was left blank, so this cannot be ruled out."
        if self.state == "not_asked":
            return "Not answered yet."
        text = self.practice.because.replace("{value}", answer_text or "does not apply here")
        return f"{text} {self.practice.harm}" if self.state == "harm" else text


def find_practice_rules_in_force(on: date) -> PracticeRules:
    """Return the latest rules in force on a day. Raises LookupError if there are none."""
    effective = [rules for rules in load_all_practice_rules() if rules.effective <= on]
    if not effective:
        raise LookupError(f"no rules on the buyer's own practices are in force on {on.isoformat()}")
    return max(effective, key=lambda rules: (rules.effective, rules.version))


def evaluate_practices(answers: Answers, rules: PracticeRules, on: date) -> tuple[tuple[PracticeFinding, ...], ...]:
    """Return, for each unit of a buyer (a row of its form), the state of every practice in the order of the rules."""
    return tuple(
        tuple(_evaluate_practice(practice, row.get(practice.question), on) for practice in rules.practices)
        for row in answers.to_rows()
    )


def _evaluate_practice(practice: BuyingPractice, value: object, on: date) -> PracticeFinding:
    if value == "declined":
        return PracticeFinding(practice, "declined", None)
    answer = tuple(value) if isinstance(value, list) else value
    if answer == "cannot_apply":
        return PracticeFinding(practice, "answered", value)
    risk = bind_day(practice.rule, on).risk(answer)
    if isnan(risk):
        return PracticeFinding(practice, "not_asked", None)
    return PracticeFinding(practice, "harm" if risk >= 0.5 else "answered", value)


@cache
def load_all_practice_rules(folder: Path = RULES_FOLDER) -> tuple[PracticeRules, ...]:
    """Return every version of the rules. Raises DataFileError."""
    return tuple(load_practice_rules(path) for path in sorted(folder.glob("*.toml")))


def load_practice_rules(path: Path) -> PracticeRules:
    """Return the rules of one file. Raises DataFileError with the file, the item and the fault."""
    data = path.read_bytes()
    file = f"{path.parent.name}/{path.name}"
    try:
        raw = tomllib.loads(data.decode("utf-8"))
        practices = tuple(_parse_practice(entry, file) for entry in raw["practice"])
        rules = PracticeRules(
            raw["version"], raw["effective"], raw["title"], practices, hashlib.sha256(data).hexdigest()
        )
    except tomllib.TOMLDecodeError as error:
        raise DataFileError(file, "", f"not valid TOML: {error}") from error
    except KeyError as error:
        raise DataFileError(file, "", f"{error} is missing") from error
    ids = [practice.id for practice in practices]
    duplicate = next((i for i in ids if ids.count(i) > 1), None)
    if duplicate:
        raise DataFileError(file, f"practice {duplicate!r}", "appears twice")
    return rules


def _parse_practice(raw: Mapping[str, Any], file: str) -> BuyingPractice:
    item = f"practice {raw.get('id')!r}"
    if extra := sorted(set(raw) - PRACTICE_KEYS):
        raise DataFileError(file, item, f"unknown key {extra[0]!r}")
    texts = {key: raw.get(key) for key in ("id", "title", "reads", "because", "harm")}
    for key, text in texts.items():
        if not isinstance(text, str) or not text:
            raise DataFileError(file, item, f"{key!r} is missing")
    if not str(raw["reads"]).startswith("answer.") or not raw.get("sources"):
        raise DataFileError(file, item, "must read one answer and have a source")
    try:
        rule = parse_rule(raw)
    except ValueError as error:
        raise DataFileError(file, item, str(error)) from error
    question = str(raw["reads"]).removeprefix("answer.")
    return BuyingPractice(raw["id"], raw["title"], question, rule, raw["because"], raw["harm"], tuple(raw["sources"]))
