"""Validation of questionnaire answers sent as JSON, by the same rules as for spreadsheets."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import cache, lru_cache
from typing import Any, NamedTuple

from marshmallow import Schema, ValidationError

from questionnaires.form import build_answers_schema, load_combined_form
from questionnaires.issues import Issue
from questionnaires.parse.answer import EvidencePiece
from questionnaires.parse.types import ChoiceField
from questionnaires.validation.json_answers import validate_answers
from service.api.validation import DETAILS, error, errors_of, refusal
from service.auth.caller import get_caller
from service.clock import today
from service.db.tables import Result, Supplier

# Fields that the service itself sets in its tables, and that could be mistaken for answers.
STORED = (column for table in (Supplier, Result) for column in table.__table__.columns)
READ_ONLY = {column.key for column in STORED if column.computed is None} | {
    "decision", "decision_reasons", "decision_details", "reasons", "actions", "practice", "case_evidence", "uplift", "floors",
    "cannot_be_ruled_out", "row", "assessment", "also_found_under",
}  # fmt: skip


class LoadedAnswers(NamedTuple):
    """Answers in JSON form, by question id, and the issues of the answers that cannot be used, as listed in the response."""

    answers: dict[str, Any]
    issues: list[dict[str, str]]


def load_answers(kind: str, data: Mapping[str, Any]) -> LoadedAnswers:
    """Return the answers in a body by question id, without blank ones.

    Raises DomainError, 422: ``field.read_only``, ``field.unknown``, ``field.type``, or the code of the catalogue of issues.
    """
    on = today(get_caller().time_zone).isoformat()
    fields, codes = _schema(kind, on).fields, _list_codes(kind, on)
    loaded: dict[str, Any] = {}
    messages: dict[str, Any] = {name: ["field.unknown"] for name in data if name not in fields}
    # This gives the same result as loading the whole schema, but processes only the few fields that were sent, out of over a
    # hundred.
    for name in sorted(data.keys() - messages.keys(), key=_order(kind).__getitem__):
        value = data[name]
        if isinstance(value, str) and value in codes.get(name, ()):  # what most answers are
            loaded[name] = value
            continue
        try:
            loaded[name] = fields[name].deserialize(value, name, data)
        except ValidationError as fault:
            messages[name] = fault.messages
    messages |= {name: ["field.required"] for name in _required(kind) if name not in data}
    if messages:
        errors = errors_of(messages)
        for each in errors:
            if each["code"] == "field.unknown" and each["field"] in READ_ONLY:
                each["code"], each["detail"] = "field.read_only", DETAILS["field.read_only"]
        raise refusal(errors)
    usable, issues = validate_answers(load_combined_form(kind), loaded, on)
    if graver := [issue for issue in issues if issue.severity == "error"]:
        raise refusal([error(i.code, i.header, i.describe(), seen=i.seen, expected=i.expected) for i in graver])
    answers = {question: answer if type(answer) is str else _json(answer) for question, answer in usable.items()}
    return LoadedAnswers(answers, [format_issue(each) for each in issues])


def _json(answer: Any) -> Any:
    """Convert an answer to its JSON form: a tuple becomes a list, and a piece of evidence becomes an object."""
    if isinstance(answer, EvidencePiece):
        return {name: _json(value) for name, value in answer._asdict().items() if value not in (None, ())}
    return [_json(each) for each in answer] if isinstance(answer, tuple) else answer


def format_issue(issue: Issue) -> dict[str, str]:
    """Return an issue as responses list it."""
    names = ("code", "severity", "seen", "expected", "cure")
    return {"question": issue.header, **{name: getattr(issue, name) for name in names}}


@cache
def _order(kind: str) -> Mapping[str, int]:
    return {question.id: at for at, question in enumerate(load_combined_form(kind).questions)}


@cache
def _required(kind: str) -> tuple[str, ...]:
    return tuple(question.id for question in load_combined_form(kind).questions if question.required)


@lru_cache(maxsize=12)
def _list_codes(kind: str, on: str) -> Mapping[str, AbstractSet[str]]:
    """Return the codes of the choices that are answers as they are, by question."""
    return {name: field.codes for name, field in _schema(kind, on).fields.items() if isinstance(field, ChoiceField)}


@lru_cache(maxsize=12)  # a few kinds, and the dates that are current in some time zone
def _schema(kind: str, on: str) -> Schema:
    return build_answers_schema(load_combined_form(kind), on)
