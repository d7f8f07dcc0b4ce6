"""Validate answers of a supplier as they are stored, by the rules of one sender's answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from questionnaires.form import load_combined_form
from questionnaires.validation.json_answers import validate_answers
from risk_models.answers import EVIDENCE


def validate_stored(kind: str, answers: Mapping[str, Any], on: date) -> dict[str, Any]:
    """Return the valid ones of answers as JSON holds them, as of a day; evidence stays as it is.

    Contradictions are resolved, "not applicable" is judged, and blanks of a returned form are declined.
    """
    given = {question: answer for question, answer in answers.items() if answer not in (None, "", [], ())}
    judged = {
        question: tuple(answer) if isinstance(answer, list) else answer
        for question, answer in given.items()
        if question != EVIDENCE
    }
    valid, _ = validate_answers(load_combined_form(kind), judged, on.isoformat())
    stored = {question: list(answer) if isinstance(answer, tuple) else answer for question, answer in valid.items()}
    return stored | ({EVIDENCE: given[EVIDENCE]} if EVIDENCE in given else {})
