"""What a request says, read strictly: parameters, JSON bodies, the answers to our questions. Every fault has its code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from flask import request
from marshmallow import RAISE, Schema, ValidationError, fields, validate

from questionnaires.answer import legible
from questionnaires.form import load_reading_form, schema
from questionnaires.words import sectors
from service.auth.caller import caller
from service.clock import today
from service.db.tables import Result, Supplier
from service.refusal import Refused

MOST_ERRORS = 100
ORDER = ("field.read_only", "field.unknown", "field.type", "field.required")
DETAILS = {
    "field.read_only": "This is worked out or given by the service: it cannot be set.",
    "field.unknown": "There is no such field here.",
    "field.type": "The value is of another type than this field takes.",
    "field.required": "This field must be given.",
    "field.value": "The field does not take this value.",
    "parameter.unknown": "There is no such parameter here.",
    "parameter.value": "The parameter does not take this value.",
}
# Fields of ours, in one table or another, that an answer could be taken for.
OURS = {column.key for table in (Supplier, Result) for column in table.__table__.columns} | {
    "decision", "decision_reasons", "reasons", "actions", "practice", "case_evidence", "uplift", "floors",
    "cannot_be_ruled_out", "row", "assessment",
}  # fmt: skip


# As the answers to our forms (questionnaires.answer.FORBIDDEN), written as a schema writes it.
PRINTED = validate.Regexp(
    r"^[^\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]+$", error="text.forbidden_character"
)


class Strict(Schema):
    """A body that is read in full: a field it does not have is refused."""

    class Meta:
        """How marshmallow reads it."""

        unknown = RAISE

    error_messages = {"unknown": "field.unknown", "type": "field.type"}


class Word(fields.String):
    """A text without control characters, of 1 to 200 characters unless told; ``pattern`` says more."""

    default_error_messages = {"invalid": "field.type", "required": "field.required", "null": "field.type"}

    def __init__(self, longest: int = 200, pattern: str = "", **more: Any) -> None:
        checks = [validate.Length(1, longest, error="field.value"), *more.pop("also", ())]
        wanted = validate.Regexp(pattern, error="field.value") if pattern else PRINTED
        super().__init__(validate=[*checks, wanted], **more)


class OneOf(Word):
    """One of some words."""

    def __init__(self, words: Iterable[str], **more: Any) -> None:
        super().__init__(also=(validate.OneOf(tuple(words), error="field.value"),), **more)


class Flag(fields.Boolean):
    """true or false."""

    default_error_messages = {"invalid": "field.type", "required": "field.required", "null": "field.type"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("field.type")
        return value


class Count(fields.Integer):
    """A whole number in a parameter."""

    default_error_messages = {"invalid": "field.type", "too_large": "field.value", "null": "field.type"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9):
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


def answers(kind: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Answers by question id, checked as those of a sheet are; what says nothing is left out.

    Raises Refused, 422: ``field.read_only``, ``field.unknown``, ``field.type``, or the code of the catalogue of issues.
    """
    wanted = _schema(kind, today(caller().time_zone).isoformat())
    try:
        read: dict[str, Any] = wanted.load(told)
    except ValidationError as fault:
        errors = _errors(fault.messages_dict)
        for error in errors:
            if error["code"] == "field.unknown" and error["field"] in OURS:
                error["code"], error["detail"] = "field.read_only", DETAILS["field.read_only"]
        raise _refused(errors) from fault
    given = {question: answer for question, answer in read.items() if answer is not None}
    if "naics" in given and "sector" not in given:
        codes = [isic for part in str(given["naics"]).split(";") for isic in sectors().of_naics(part.strip())]
        given |= {"sector": tuple(dict.fromkeys(codes))} if codes else {}
    return given


@lru_cache(maxsize=8)  # two kinds, and the days that it is somewhere on earth
def _schema(kind: str, on: str) -> Schema:
    return schema(load_reading_form(kind), on)


def _errors(messages: Mapping[Any, Any]) -> list[dict[str, Any]]:
    """Faults as marshmallow tells them, one entry a field."""
    found = []
    for name, told in messages.items():
        first = told[0] if isinstance(told, list) else told
        if isinstance(first, dict) and "code" in first:
            more = {key: first[key] for key in ("seen", "expected") if first.get(key)}
            found.append(_error(first["code"], name, first.get("cure") or "", **more))
        elif isinstance(first, dict):  # a field within a field
            found += [{**error, "field": f"{legible(str(name))}.{error['field']}"} for error in _errors(first)]
        else:
            found.append(_error(str(first), name))
    return found


def _error(code: str, name: object, detail: str = "", **more: Any) -> dict[str, Any]:
    field = "(body)" if name == "_schema" else legible(str(name))
    return {"field": field, "code": code, "detail": detail or DETAILS.get(code, ""), **more}


def _refused(errors: list[dict[str, Any]]) -> Refused:
    errors.sort(key=lambda e: (ORDER.index(e["code"]) if e["code"] in ORDER else len(ORDER), e["field"]))
    first = errors[0]
    detail = f"{first['field']}: {first['detail']}"
    return Refused(first["code"], 422, detail, errors=errors[:MOST_ERRORS], errors_total=len(errors))
