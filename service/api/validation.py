"""Validation of query parameters and JSON bodies. Each fault has a code, and the error response lists all faults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request
from marshmallow import Schema, ValidationError

from questionnaires.issues import build_issue
from questionnaires.parse.answer import make_legible
from service.errors import DomainError

MOST_ERRORS = 100
GRAVEST_FIRST = ("field.read_only", "field.unknown", "field.type", "field.required")
DETAILS = {
    "field.read_only": "This field is set by the service and cannot be changed.",
    "field.unknown": "This field does not exist.",
    "field.type": "The value has the wrong type for this field.",
    "field.required": "This field is required.",
    "field.value": "This value is not allowed for this field.",
    "text.forbidden_character": build_issue("text.forbidden_character").cure,
    "parameter.unknown": "This parameter does not exist.",
    "parameter.value": "This value is not allowed for this parameter.",
}


def load_parameters(schema: Schema) -> dict[str, Any]:
    """Return the query parameters of the request. Raises DomainError, 422, with the code of the first fault and a list of all."""
    repeated = [name for name, values in request.args.lists() if len(values) > 1]
    if repeated:
        raise refusal([error("parameter.value", repeated[0], "The parameter appears more than once.")])
    try:
        loaded: dict[str, Any] = schema.load(request.args.to_dict())
    except ValidationError as fault:
        errors = errors_of(fault.messages_dict)
        for each in errors:
            each["code"] = "parameter.unknown" if each["code"] == "field.unknown" else "parameter.value"
            each["detail"] = DETAILS[each["code"]]
        raise refusal(errors) from fault
    return loaded


def load_body(schema: Schema, data: Mapping[str, Any]) -> dict[str, Any]:
    """Parse a JSON object with a schema. Raises DomainError, 422, with the code of the most serious fault and a list of all
    faults.
    """
    try:
        loaded: dict[str, Any] = schema.load(data)
    except ValidationError as fault:
        raise refusal(errors_of(fault.messages_dict)) from fault
    return loaded


def errors_of(messages: Mapping[Any, Any]) -> list[dict[str, Any]]:
    """Return the messages of a marshmallow ValidationError as entries of ``errors`` in a problem object, one per field."""
    errors = []
    for name, message in messages.items():
        first = message[0] if isinstance(message, list) else message
        if isinstance(first, dict) and "code" in first:
            values = {key: first[key] for key in ("seen", "expected") if first.get(key)}
            errors.append(error(first["code"], name, first.get("cure") or "", **values))
        elif isinstance(first, dict):  # a nested field
            errors += [{**inner, "field": f"{make_legible(str(name))}.{inner['field']}"} for inner in errors_of(first)]
        else:
            errors.append(error(str(first), name))
    return errors


def error(code: str, name: object, detail: str = "", **values: Any) -> dict[str, Any]:
    """Return one entry of ``errors``: the field, the code, its meaning, and further ``values`` such as what was seen."""
    field = "(body)" if name == "_schema" else make_legible(str(name))
    return {"field": field, "code": code, "detail": detail or DETAILS.get(code, ""), **values}


def refusal(errors: list[dict[str, Any]]) -> DomainError:
    """Build the error response to a request with these faults: 422, with the code of the most serious one."""
    ranks = {code: rank for rank, code in enumerate(GRAVEST_FIRST)}
    errors.sort(key=lambda each: (ranks.get(each["code"], len(ranks)), each["field"]))
    first = errors[0]
    detail = f"{first['field']}: {first['detail']}"
    return DomainError(first["code"], 422, detail, errors=errors[:MOST_ERRORS], errors_total=len(errors))
