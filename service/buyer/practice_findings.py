"""Evaluate the buyer's own practices, for the part ``buyer`` of assessment.json and for pages and reports.

The part holds each text once, and the answers with the unit that gave them. It does not depend on the results of suppliers, and
they do not depend on it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from questionnaires.form import load_form
from reports.document import BuyerFinding, Step
from risk_models.action_library import Action, list_release_actions
from risk_models.answers import Answers, from_rows
from risk_models.buyer import (
    PracticeFinding,
    PracticeRules,
    evaluate_practices,
    find_practice_rules_in_force,
    load_all_practice_rules,
)
from risk_models.plan import compute_due_date
from service.assessment.assess import Batch
from service.report_content.labels import build_step, format_answer


def build_buyer_part(batches: Iterable[Batch], on: date, library: str) -> dict[str, Any] | None:
    """Return the part ``buyer`` of an assessment, None if no unit of the buyer answered.

    ``library``: the release of the action library of the assessment. Raises LookupError if no rules are in force on that day.
    """
    units = [
        {**unit, "row": {"file": batch.file, "sheet": batch.sheet, "row": int(row)}}
        for batch in batches
        for unit, row in zip(
            build_units_part(batch.answers, find_practice_rules_in_force(on), on, library),
            batch.rows.tolist(),
            strict=True,
        )
    ]
    return {**build_rules_part(find_practice_rules_in_force(on)), "units": units} if units else None


def build_rules_part(rules: PracticeRules) -> dict[str, Any]:
    """Return the rules that were used as JSON, each text once."""
    return {
        "version": rules.version,
        "digest": rules.digest,
        "title": rules.title,
        "practices": [
            {
                "id": practice.id,
                "title": practice.title,
                "question": practice.question,
                "because": practice.because,
                "harm": practice.harm,
                "sources": list(practice.sources),
            }
            for practice in rules.practices
        ],
    }


def build_units_part(answers: Answers, rules: PracticeRules, on: date, library: str) -> list[dict[str, Any]]:
    """Return for each unit its answers, the state of each practice, and the actions that follow with their due dates."""
    return [
        {
            "name": answers_row.get("name"),
            "answers": answers_row,
            "findings": [
                {
                    "practice": finding.practice.id,
                    "state": finding.state,
                    "value": finding.value,
                    "actions": [
                        {"id": action.id, "due": compute_due_date(on, days).isoformat()}
                        for action, days in list_actions_for(finding, library)
                    ],
                }
                for finding in findings
            ],
        }
        for answers_row, findings in zip(answers.to_rows(), evaluate_practices(answers, rules, on), strict=True)
    ]


def list_actions_for(finding: PracticeFinding, library: str) -> list[tuple[Action, float]]:
    """Return the actions of a release of the library that address a finding, each with the days within which it is due."""
    return [
        (action, action.due_days[finding.state])
        for action in list_release_actions(library)
        if finding.name in action.addresses and finding.state in action.states
    ]


def find_buyer_discrepancies(part: Mapping[str, Any], on: date, library: str) -> list[str]:
    """Recompute the part ``buyer`` of a stored assessment from its answers, and return the differences as sentences.

    ``library``: the release of the action library that it was made with.
    """
    rules = next((rules for rules in load_all_practice_rules() if rules.version == part["version"]), None)
    if rules is None or {**build_rules_part(rules), "units": part["units"]} != part:
        return ["the section buyer was made with rules that this release does not include"]
    recomputed = build_units_part(from_rows(unit["answers"] for unit in part["units"]), rules, on, library)
    stored = [{key: unit[key] for key in ("name", "answers", "findings")} for unit in part["units"]]
    return [
        f"the practices of unit {number} differ when they are recomputed"
        for number, (old, new) in enumerate(zip(stored, recomputed, strict=True), 1)
        if old != new
    ]


@dataclass(frozen=True)
class DescribedFinding:
    """A finding in words. ``actions``: the actions that address it, each with the days allowed and its due date."""

    finding: PracticeFinding
    answer_text: str
    text: str
    actions: tuple[tuple[Action, float, date], ...]


def describe_findings(
    units: Iterable[tuple[Mapping[str, Any], date]], on: date, library: str
) -> tuple[tuple[DescribedFinding, ...], ...]:
    """Return for each unit (its answers, and the day of them) the findings on all practices on a day, in the order of the rules.

    Actions are due from the first day of their finding: the day of the answers, or a later one if a check on recruitment became
    too old. ``library``: the release of the action library. Raises LookupError if no rules are in force on that day.
    """
    form, rules = load_form("buyer"), find_practice_rules_in_force(on)
    described = []
    for answers, answered_on in units:
        parsed = from_rows([answers])
        unit_findings = []
        for index, finding in enumerate(evaluate_practices(parsed, rules, on)[0]):
            since = _find_first_day(parsed, rules, index, min(answered_on, on), on)
            answer_text = "" if finding.value is None else format_answer(form, finding.practice.question, finding.value)
            actions = tuple(
                (action, days, compute_due_date(since, days)) for action, days in list_actions_for(finding, library)
            )
            unit_findings.append(DescribedFinding(finding, answer_text, finding.describe(answer_text), actions))
        described.append(tuple(unit_findings))
    return tuple(described)


def _find_first_day(answers: Answers, rules: PracticeRules, index: int, answered_on: date, on: date) -> date:
    """Return the first day from ``answered_on`` on which a practice had the state it has on ``on``.

    The answers stay the same, so its state changes at most once with time.
    """

    def get_state(day: date) -> str:
        return evaluate_practices(answers, rules, day)[0][index].state

    current = get_state(on)
    days = range((on - answered_on).days + 1)
    return answered_on + timedelta(
        bisect_left(days, True, key=lambda after: get_state(answered_on + timedelta(after)) == current)
    )


def build_unit_lines(
    units: Sequence[tuple[str, Sequence[DescribedFinding]]],
) -> tuple[tuple[BuyerFinding, ...], tuple[Step, ...]]:
    """Return the findings of named units for a page or report, harm first, and each action once, earliest due date first."""
    lines: list[BuyerFinding] = []
    soonest: dict[str, tuple[Action, float, date]] = {}
    for name, findings in units:
        for described in findings:
            practice = described.finding.practice
            actions = tuple(action.title for action, _, _ in described.actions)
            lines.append(
                BuyerFinding(
                    name,
                    practice.title,
                    described.text,
                    described.finding.state,
                    described.answer_text,
                    actions,
                    practice.sources,
                )
            )
            for action, days, due in described.actions:
                if action.id not in soonest or due < soonest[action.id][2]:
                    soonest[action.id] = (action, days, due)
    order = ("harm", "declined", "not_asked", "answered")
    lines.sort(key=lambda line: order.index(line.state))
    steps = sorted(soonest.values(), key=lambda entry: (entry[2], entry[1], entry[0].tie_break, entry[0].id))
    return tuple(lines), tuple(build_step(action, due, days) for action, days, due in steps)


def build_buyer_lines(
    batches: Iterable[Batch], on: date, library: str
) -> tuple[tuple[BuyerFinding, ...], tuple[Step, ...]]:
    """Return the findings and actions in a report for the buyer's answers that were read from files on a day.

    ``library``: the release of the action library of the assessment.
    """
    rows = [row for batch in batches for row in batch.answers.to_rows()]
    described = describe_findings([(row, on) for row in rows], on, library)
    return build_unit_lines(
        [(str(row.get("name") or ""), findings) for row, findings in zip(rows, described, strict=True)]
    )
