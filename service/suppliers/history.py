"""Read the history of a supplier from its results: what somebody has answered since a moment, and what to return to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from service.assessment.evidence_entries import without_step_evidence
from service.db.tables import Result
from service.suppliers.merge_rules import RiskLookup, is_undated

INPUT_CAUSES = (
    "import",
    "api",
    "questionnaire",
)  # causes that bring new answers; with any other the stored answers are assessed again
Answers = Mapping[str, Any]


def list_edited(history: Sequence[Result], undone: Collection[str] = ()) -> set[str]:
    """Return the questions that were answered after the first of some results, by anybody except imports that were undone."""
    edited: set[str] = set()
    for previous, result in zip(history, history[1:], strict=False):
        if result.cause == "undo" or result.import_id in undone:
            continue
        if result.cause in INPUT_CAUSES:
            # An earlier version did not store what was given: all of it may have been.
            edited |= set(result.answers if result.given is None else result.given)
        else:
            # Evidence that closed steps lend was entered by nobody.
            before, after = without_step_evidence(previous.answers), without_step_evidence(result.answers)
            edited |= list_changed(before, after) - {"answered_on"}
    return edited


def replay(history: Sequence[Result], undone: Collection[str]) -> dict[str, Any]:
    """Return what a supplier would have answered at the end of its first results without the imports that were undone since."""
    answers: dict[str, Any] = {}
    previous: Answers = {}
    for result in history:
        if result.import_id not in undone:
            given = result.answers if result.given is None else result.given
            answered = set(given) if result.cause in INPUT_CAUSES else set()
            answers = return_answers(answers, result.answers, answered | list_changed(previous, result.answers))
        previous = result.answers
    return answers


def list_changed(before: Answers, after: Answers) -> set[str]:
    """Return the questions whose answers differ."""
    return {question for question in {*before, *after} if before.get(question) != after.get(question)}


def return_answers(current: Answers, before: Answers, questions: Collection[str]) -> dict[str, Any]:
    """Return the current answers with some questions answered as they were before."""
    unchanged = {question: answer for question, answer in current.items() if question not in questions}
    return unchanged | {question: before[question] for question in questions if question in before}


def keep_age(answers: Answers, before: Result | None, lookup: RiskLookup) -> dict[str, Any]:
    """Return answers dated with the day of the result they return to if they have no date, so that they become no younger."""
    if before is None or not is_undated(answers, lookup):
        return dict(answers)
    return {**answers, "answered_on": before.on.isoformat()}
