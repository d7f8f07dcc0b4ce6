"""The buyer's own practices, from its form to the part ``buyer`` of the contract and the lines of a page or a report.

Texts stand once, what a unit said stands with the unit. No supplier's result is read here, and none reads this.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from questionnaires.form import load_form
from reports.document import BuyerFinding, Step
from risk_models.answers import Answers, from_rows
from risk_models.buyer import PracticeFinding, PracticeRules, evaluate_practices, find_rules_in_force, load_all_rules
from risk_models.plan import Action, due_on, load_actions
from service.assessment.assess import Batch
from service.report_content.labels import answer_words, step


def buyer_part(batches: Iterable[Batch], on: date) -> dict[str, Any] | None:
    """The part ``buyer`` of an assessment; None where the buyer said nothing of itself.

    Raises LookupError where no rules are in force on that day.
    """
    units = [
        {**unit, "row": {"file": batch.file, "sheet": batch.sheet, "row": int(row)}}
        for batch in batches
        for unit, row in zip(units_part(batch.answers, find_rules_in_force(on), on), batch.rows.tolist(), strict=True)
    ]
    return {**rules_part(find_rules_in_force(on)), "units": units} if units else None


def rules_part(rules: PracticeRules) -> dict[str, Any]:
    """The rules used, each text once."""
    return {
        "version": rules.version,
        "digest": rules.digest,
        "title": rules.title,
        "practices": [
            {
                "id": p.id,
                "title": p.title,
                "question": p.question,
                "because": p.because,
                "harm": p.harm,
                "sources": list(p.sources),
            }
            for p in rules.practices
        ],
    }


def units_part(answers: Answers, rules: PracticeRules, on: date) -> list[dict[str, Any]]:
    """For each unit what it said, the state of each practice, and the actions that it calls for with their days."""
    return [
        {
            "name": row.get("name"),
            "answers": row,
            "findings": [
                {
                    "practice": found.practice.id,
                    "state": found.state,
                    "value": found.value,
                    "actions": [{"id": a.id, "due": due_on(on, days).isoformat()} for a, days in called_for(found)],
                }
                for found in told
            ],
        }
        for row, told in zip(answers.to_rows(), evaluate_practices(answers, rules, on), strict=True)
    ]


def called_for(found: PracticeFinding) -> list[tuple[Action, float]]:
    """The actions that answer a finding, and within how many days."""
    return [
        (action, action.due_days[found.state])
        for action in load_actions()
        if found.name in action.addresses and found.state in action.states
    ]


def objections_to(part: Mapping[str, Any], on: date) -> list[str]:
    """What does not hold of the part ``buyer`` of a stored assessment, recomputed from the answers in it."""
    rules = next((rules for rules in load_all_rules() if rules.version == part["version"]), None)
    if rules is None or {**rules_part(rules), "units": part["units"]} != part:
        return ["the part buyer is not made by rules that this release holds"]
    again = units_part(from_rows(unit["answers"] for unit in part["units"]), rules, on)
    stored = [{key: unit[key] for key in ("name", "answers", "findings")} for unit in part["units"]]
    return [
        f"the practices of the buyer's unit {number} differ when they are recomputed"
        for number, (old, new) in enumerate(zip(stored, again, strict=True), 1)
        if old != new
    ]


@dataclass(frozen=True)
class Told:
    """A finding in words: ``said`` is the answer, ``actions`` are those that answer it, each with its days and the day."""

    finding: PracticeFinding
    said: str
    text: str
    actions: tuple[tuple[Action, float, date], ...]


def told_of(units: Iterable[tuple[Mapping[str, Any], date]], on: date) -> tuple[tuple[Told, ...], ...]:
    """For each unit (what it answered, and on which day) every practice as it stands on a day, in the order of the rules.

    An action is due from the day on which its finding came to stand: that of the answers, or a later one where a look at
    recruitment grew old. Raises LookupError where no rules are in force on that day.
    """
    form, rules = load_form("buyer"), find_rules_in_force(on)
    told = []
    for answers, given in units:
        read = from_rows([answers])
        lines = []
        for at, found in enumerate(evaluate_practices(read, rules, on)[0]):
            since = _since(read, rules, at, min(given, on), on)
            said = "" if found.value is None else answer_words(form, found.practice.question, found.value)
            actions = tuple((action, days, due_on(since, days)) for action, days in called_for(found))
            lines.append(Told(found, said, found.describe(said), actions))
        told.append(tuple(lines))
    return tuple(told)


def _since(answers: Answers, rules: PracticeRules, at: int, given: date, on: date) -> date:
    """The first day from ``given`` on which a practice stood as it does on ``on``; with time it changes at most once."""

    def state(day: date) -> str:
        return evaluate_practices(answers, rules, day)[0][at].state

    now = state(on)
    days = range((on - given).days + 1)
    return given + timedelta(bisect_left(days, True, key=lambda after: state(given + timedelta(after)) == now))


def lines_of(units: Sequence[tuple[str, Sequence[Told]]]) -> tuple[tuple[BuyerFinding, ...], tuple[Step, ...]]:
    """Units by name, as readers meet them: findings first, then what does not stand out; and each action once, soonest first."""
    lines: list[BuyerFinding] = []
    soonest: dict[str, tuple[Action, float, date]] = {}
    for name, told in units:
        for each in told:
            practice = each.finding.practice
            actions = tuple(action.title for action, _, _ in each.actions)
            lines.append(
                BuyerFinding(name, practice.title, each.text, each.finding.state, each.said, actions, practice.sources)
            )
            for action, days, due in each.actions:
                if action.id not in soonest or due < soonest[action.id][2]:
                    soonest[action.id] = (action, days, due)
    order = ("harm", "declined", "not_asked", "answered")
    lines.sort(key=lambda line: order.index(line.state))
    steps = sorted(soonest.values(), key=lambda found: (found[2], found[1], found[0].rank, found[0].id))
    return tuple(lines), tuple(step(action, due, days) for action, days, due in steps)


def buyer_lines(batches: Iterable[Batch], on: date) -> tuple[tuple[BuyerFinding, ...], tuple[Step, ...]]:
    """What a report says of the buyer whose answers were read from files on a day."""
    rows = [row for batch in batches for row in batch.answers.to_rows()]
    told = told_of([(row, on) for row in rows], on)
    return lines_of([(str(row.get("name") or ""), each) for row, each in zip(rows, told, strict=True)])
