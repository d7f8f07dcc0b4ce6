"""What speaks against an answer, by the rules of ``rules.toml``: pure functions of answers, findings and facts."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from questionnaires.form import load_combined_form
from questionnaires.parse.answer import RESERVED_ANSWERS
from questionnaires.question import Question
from risk_models.answers import DECLINED
from risk_models.facts.facts import FactSnapshot
from service.report_content.labels import format_answer, get_country_name
from service.suppliers.merge_rules import UNKNOWN, RiskLookup

FILE = Path(__file__).with_name("rules.toml")


@dataclass(frozen=True)
class Point:
    """Something that a reviewer is pointed to at an answer: the code of its rule, or of a check of the form, and what it says."""

    code: str
    text: str

    @property
    def is_hint(self) -> bool:
        """Return whether it speaks not against the answer, but says what would support it."""
        return self.code == "unsupported"


@dataclass(frozen=True)
class Known:
    """What is known about a supplier besides one answer.

    ``answers``, ``earlier``: all its answers now and before this questionnaire. ``findings``: titles of its open findings by the
    id of their indicator. ``supported``: the questions that some evidence covers.
    """

    kind: str
    answers: Mapping[str, Any]
    earlier: Mapping[str, Any]
    findings: Mapping[str, str]
    supported: frozenset[str]
    risks: RiskLookup
    facts: FactSnapshot


@cache
def load_rules() -> Mapping[str, Any]:
    """Return the content of rules.toml."""
    with FILE.open("rb") as file:
        return tomllib.load(file)


def find_points(question: Question, known: Known) -> Sequence[Point]:
    """Return what a reviewer is pointed to at the answer to a question, the weightiest first."""
    return tuple(_iter_points(question, known))


def _iter_points(question: Question, known: Known) -> Iterator[Point]:
    rules, answer = load_rules(), known.answers.get(question.id)
    if answer == DECLINED:
        yield Point("declined", rules["declined"]["text"])
        return
    for rule in rules["corridor"]:
        if (rule["kind"], rule["question"]) == (known.kind, question.id) and answer in rule["answers"]:
            yield from _iter_corridor_points(rule, known)
    if not question.is_practice or not _reassures(question, answer, known):
        return
    for indicator in question.feeds:
        if indicator in known.findings:
            yield Point("finding", rules["finding"]["text"].format(finding=known.findings[indicator]))
    if question.id in known.supported:
        return
    earlier = known.earlier.get(question.id)
    if earlier not in (None, answer, *RESERVED_ANSWERS) and not _reassures(question, earlier, known):
        before = format_answer(load_combined_form(known.kind), question.id, earlier)
        yield Point("improved", rules["improved"]["text"].format(earlier=before))
    if question.evidence_wanted:
        yield Point("unsupported", rules["unsupported"]["text"].format(wanted=question.evidence_wanted))


def _reassures(question: Question, answer: Any, known: Known) -> bool:
    """Return whether an answer says that something is in order."""
    if answer is None or answer in RESERVED_ANSWERS:
        return False
    return UNKNOWN < known.risks.risk(question.id, answer) < float(load_rules()["reassuring_below"])


def _iter_corridor_points(rule: Mapping[str, Any], known: Known) -> Iterator[Point]:
    """Yield what published facts say about the cost of each corridor between the origins and the destinations in the answers."""
    origins, country = known.answers.get("worker_origin_countries"), known.answers.get("country")
    ends = known.answers.get("destination_countries") or [country]
    for origin in origins if isinstance(origins, list) else ():
        for end in ends if isinstance(ends, list) else ():
            if not end or end == origin or end in RESERVED_ANSWERS:
                continue
            for name, limit in rule["facts"].items():
                fact = next(iter(known.facts.find_corridor_facts(origin, end, name)), None)
                if fact is None or fact.value < limit["from"]:
                    continue
                text = rule["text"].format(
                    origin=get_country_name(origin),
                    destination=get_country_name(end),
                    cost=limit["text"].format(value=f"{fact.value:,g}"),
                    source=fact.source,
                    year=f", {fact.year}" if fact.year else "",
                )
                yield Point("corridor", text)
                break
