"""What a request says, read strictly: parameters, JSON bodies, the answers to our questions. Every fault has its code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

from flask import request
from marshmallow import RAISE, Schema, ValidationError, fields, validate

from questionnaires.form import build_answers_schema, load_combined_form
from questionnaires.issues import Issue, build_issue
from questionnaires.parse.answer import FORBIDDEN_CHARACTERS, EvidencePiece, make_legible
from questionnaires.validation.json_answers import validate_answers
from service.auth.caller import caller
from service.clock import today
from service.db.tables import Result, Supplier
from service.errors import DomainError

MOST_ERRORS = 100
DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
ORDER = ("field.read_only", "field.unknown", "field.type", "field.required")
DETAILS = {
    "field.read_only": "This is worked out or given by the service: it cannot be set.",
    "field.unknown": "There is no such field here.",
    "field.type": "The value is of another type than this field takes.",
    "field.required": "This field must be given.",
    "field.value": "The field does not take this value.",
    "text.forbidden_character": build_issue("text.forbidden_character").cure,
    "parameter.unknown": "There is no such parameter here.",
    "parameter.value": "The parameter does not take this value.",
}
# Fields of ours, in one table or another, that an answer could be taken for.
OURS = {column.key for table in (Supplier, Result) for column in table.__table__.columns} | {
    "decision", "decision_reasons", "reasons", "actions", "practice", "case_evidence", "uplift", "floors",
    "cannot_be_ruled_out", "row", "assessment", "also_found_under",
}  # fmt: skip


# As the answers to our forms (FORBIDDEN_CHARACTERS), as a schema can write it: less halves of characters, for which
# many readers of schemas refuse a pattern.
UNPRINTABLE = r"\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff"
PRINTABLE = f"[^{UNPRINTABLE}]"
PRINTED = validate.Regexp(f"^{PRINTABLE}+$", error="text.forbidden_character")
PRINTED_OR_EMPTY = validate.Regexp(f"^{PRINTABLE}*$", error="text.forbidden_character")
# What a use case cuts the blanks from, and refuses with a code of its own where nothing is left.
NOT_BLANK = {"pattern": rf"^{PRINTABLE}*[^\s\x85{UNPRINTABLE}]{PRINTABLE}*$"}

# marshmallow's own sentences are no codes: every field of a body or parameter has these instead.
WRONG: Any = {"invalid": "field.type", "type": "field.type", "null": "field.type", "required": "field.required"}


def _whole(text: str) -> None:
    if FORBIDDEN_CHARACTERS.search(text):
        raise ValidationError("text.forbidden_character")


class Strict(Schema):
    """A body that is read in full: a field it does not have is refused."""

    class Meta:
        """How marshmallow reads it."""

        unknown = RAISE

    error_messages = {"unknown": "field.unknown", "type": "field.type"}


class OfSettings(NamedTuple):
    """A limit that an installation sets: the document is given the number of the service that serves it."""

    name: str


class Word(fields.String):
    """A text without control characters, of ``shortest`` to ``longest`` characters; ``pattern`` says more."""

    default_error_messages = WRONG

    def __init__(self, longest: int = 200, pattern: str = "", shortest: int = 1, **more: Any) -> None:
        checks = [validate.Length(shortest, longest, error="field.value"), *more.pop("also", ())]
        printed = PRINTED if shortest else PRINTED_OR_EMPTY
        wanted = validate.Regexp(pattern, error="field.value") if pattern else printed
        super().__init__(validate=[*checks, wanted, _whole], **more)


class OneOf(Word):
    """One of some words."""

    def __init__(self, words: Iterable[str], **more: Any) -> None:
        super().__init__(also=(validate.OneOf(tuple(words), error="field.value"),), **more)


class Day(fields.String):
    """A day as 2026-03-01. It stays a text: a day that no calendar has is refused by the use case, with a code of its own."""

    default_error_messages = WRONG

    def __init__(self, **more: Any) -> None:
        super().__init__(metadata={"format": "date"}, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if not DAY.fullmatch(text):
            raise ValidationError("field.value")
        return text


class Many(fields.List[Any]):
    """Several values of one kind, ``fewest`` to ``most`` of them."""

    default_error_messages = WRONG

    def __init__(self, each: fields.Field[Any], fewest: int, most: int, **more: Any) -> None:
        super().__init__(each, validate=validate.Length(fewest, most, error="field.value"), **more)


class Part(fields.Nested):
    """An object within a body, read as strictly."""

    default_error_messages = WRONG


class Named(fields.Dict):
    """Values by names that the use case knows."""

    default_error_messages = WRONG


COLUMNS = (
    'An object: question id -> header of the column that answers it, "" for none; of several sheets it is meant for those that '
    "have the header. Or an array with an object for each sheet: its file and sheet, either of which may be left out for any, "
    "and its columns, as before."
)
_NAME = {"type": "string", "maxLength": 1000, "pattern": PRINTED_OR_EMPTY.regex.pattern}
_OF_SHEET = {"type": "object", "additionalProperties": _NAME}


class Columns(fields.Field[Any]):
    """Which column answers which question, for all sheets or sheet by sheet; the use case knows the questions."""

    default_error_messages = WRONG

    def __init__(self) -> None:
        one = {
            "type": "object",
            "properties": {"file": _NAME, "sheet": _NAME, "columns": _OF_SHEET},
            "required": ["columns"],
            "additionalProperties": False,
        }
        many = {"type": "array", "minItems": 1, "items": one}
        super().__init__(metadata={"description": COLUMNS, "oneOf": [_OF_SHEET, many]})


class Flag(fields.Boolean):
    """true or false."""

    default_error_messages = WRONG

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("field.type")
        return value


class Count(fields.Integer):
    """A whole number in a parameter."""

    default_error_messages = {**WRONG, "too_large": "field.value"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9):
            raise ValidationError("field.type")
        return int(value)


class Whole(fields.Integer):
    """A whole number in a body, between two others; 3.0 is one, as in JSON schema. Without ``most`` a use case says what is."""

    default_error_messages = WRONG

    def __init__(self, least: int, most: int | None = None, **more: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(least, most, error="field.value"), **more)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise ValidationError("field.type")
        return int(value)


def parameters(wanted: Schema) -> dict[str, Any]:
    """The parameters in the address. Raises Refused, 422, with the code of the first fault and a list of all."""
    twice = [name for name, values in request.args.lists() if len(values) > 1]
    if twice:
        raise _refused([_error("parameter.value", twice[0], detail="The parameter is given more than once.")])
    try:
        told: dict[str, Any] = wanted.load(request.args.to_dict())
    except ValidationError as fault:
        errors = _errors(fault.messages_dict)
        for error in errors:
            known = error["code"] == "field.unknown"
            error["code"] = "parameter.unknown" if known else "parameter.value"
            error["detail"] = DETAILS[error["code"]]
        raise _refused(errors) from fault
    return told


def body(wanted: Schema, told: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object as a schema has it. Raises Refused, 422, with the code of the gravest fault and a list of all."""
    try:
        read: dict[str, Any] = wanted.load(told)
    except ValidationError as fault:
        raise _refused(_errors(fault.messages_dict)) from fault
    return read


class Told(NamedTuple):
    """Answers by question id as JSON holds them, and what must be said about those that do not stand."""

    answers: dict[str, Any]
    issues: list[dict[str, str]]


def answers(kind: str, told: Mapping[str, Any]) -> Told:
    """Answers by question id, read and held to the same rules as those of a sheet; what says nothing is left out.

    Raises Refused, 422: ``field.read_only``, ``field.unknown``, ``field.type``, or the code of the catalogue of issues.
    """
    wanted = _schema(kind, today(caller().time_zone).isoformat()).fields
    read: dict[str, Any] = {}
    faults: dict[str, Any] = {name: ["field.unknown"] for name in told if name not in wanted}
    # As the schema would load it, but only the few fields of well over a hundred that are given.
    for name in sorted(told.keys() - faults.keys(), key=_order(kind).__getitem__):
        try:
            read[name] = wanted[name].deserialize(told[name], name, told)
        except ValidationError as fault:
            faults[name] = fault.messages
    faults |= {name: ["field.required"] for name in _required(kind) if name not in told}
    if faults:
        errors = _errors(faults)
        for error in errors:
            if error["code"] == "field.unknown" and error["field"] in OURS:
                error["code"], error["detail"] = "field.read_only", DETAILS["field.read_only"]
        raise _refused(errors)
    stands, issues = validate_answers(load_combined_form(kind), read)
    if graver := [issue for issue in issues if issue.severity == "error"]:
        raise _refused([_error(i.code, i.header, i.describe(), seen=i.seen, expected=i.expected) for i in graver])
    as_told = {question: answer if type(answer) is str else _json(answer) for question, answer in stands.items()}
    return Told(as_told, [_issue(i) for i in issues])


def _json(answer: Any) -> Any:
    """An answer as JSON holds it: a tuple as a list, a piece of evidence as an object of what it says."""
    if isinstance(answer, EvidencePiece):
        return {name: _json(said) for name, said in answer._asdict().items() if said not in (None, ())}
    return [_json(each) for each in answer] if isinstance(answer, tuple) else answer


def _issue(of: Issue) -> dict[str, str]:
    names = ("code", "severity", "seen", "expected", "cure")
    return {"question": of.header, **{name: getattr(of, name) for name in names}}


@cache
def _order(kind: str) -> Mapping[str, int]:
    return {question.id: at for at, question in enumerate(load_combined_form(kind).questions)}


@cache
def _required(kind: str) -> tuple[str, ...]:
    return tuple(question.id for question in load_combined_form(kind).questions if question.required)


@lru_cache(maxsize=12)  # a few kinds, and the days that it is somewhere on earth
def _schema(kind: str, on: str) -> Schema:
    return build_answers_schema(load_combined_form(kind), on)


def _errors(messages: Mapping[Any, Any]) -> list[dict[str, Any]]:
    """Faults as marshmallow tells them, one entry a field."""
    found = []
    for name, told in messages.items():
        first = told[0] if isinstance(told, list) else told
        if isinstance(first, dict) and "code" in first:
            more = {key: first[key] for key in ("seen", "expected") if first.get(key)}
            found.append(_error(first["code"], name, first.get("cure") or "", **more))
        elif isinstance(first, dict):  # a field within a field
            found += [{**error, "field": f"{make_legible(str(name))}.{error['field']}"} for error in _errors(first)]
        else:
            found.append(_error(str(first), name))
    return found


def _error(code: str, name: object, detail: str = "", **more: Any) -> dict[str, Any]:
    field = "(body)" if name == "_schema" else make_legible(str(name))
    return {"field": field, "code": code, "detail": detail or DETAILS.get(code, ""), **more}


def _refused(errors: list[dict[str, Any]]) -> DomainError:
    errors.sort(key=lambda e: (ORDER.index(e["code"]) if e["code"] in ORDER else len(ORDER), e["field"]))
    first = errors[0]
    detail = f"{first['field']}: {first['detail']}"
    return DomainError(first["code"], 422, detail, errors=errors[:MOST_ERRORS], errors_total=len(errors))
