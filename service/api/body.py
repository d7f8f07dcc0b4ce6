"""Strict parsing of JSON bodies: UTF-8, no duplicate keys, no NaN, no deep nesting, and a single object."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

from flask import request

from service.errors import DomainError

DEEPEST = 20
UNREADABLE = 1_000  # no parser is given anything nested more deeply
LONGEST = 1_000_000
STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)  # an unclosed string extends to the end
BRACKET = re.compile(r"[\[\]{}]")


def json_object() -> dict[str, Any]:
    """Return the JSON object in the request body. Raises DomainError, with a different code for each fault."""
    if request.mimetype != "application/json":
        raise DomainError("content_type", 415, "Send the body as application/json.")
    if request.content_length is not None and request.content_length > LONGEST:
        raise _too_large()
    data = request.get_data(cache=False)
    if len(data) > LONGEST:
        raise _too_large()
    body = parse(data)
    if not isinstance(body, dict):
        raise DomainError("field.type", 422, "The body must be a JSON object.")
    return body


def parse_day(name: str, text: str) -> date:
    """Return the day in a field of a body. Raises DomainError ``field.value``, 422, if there is no such day."""
    try:
        return date.fromisoformat(text)
    except ValueError as fault:
        raise DomainError("field.value", 422, f"{name}: Enter a date as YYYY-MM-DD.") from fault


def _too_large() -> DomainError:
    detail = f"A JSON body can be at most {LONGEST:,} bytes long."
    return DomainError("body.too_large", 413, detail, title="JSON body too large", limit=LONGEST)


def parse(data: bytes) -> Any:
    """Parse JSON strictly (RFC 8259, with unique names and finite numbers). Raises DomainError: 400 for malformed JSON, 422 for
    JSON that is well-formed but contains something that is not allowed.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        raise DomainError("json.encoding", 400, "Send JSON as UTF-8 without a byte order mark.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise DomainError("json.encoding", 400, f"Byte {fault.start + 1} is not valid UTF-8.") from fault
    deepest = _depth(text)
    if deepest > DEEPEST:
        status = 422 if deepest < UNREADABLE else 400
        raise DomainError("json.too_deep", status, f"The body is nested more than {DEEPEST} levels deep.")
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as fault:
        raise DomainError("json.syntax", 400, f"Line {fault.lineno}, column {fault.colno}: {fault.msg}.") from fault
    except (ValueError, RecursionError) as fault:
        raise DomainError("json.invalid_number", 400, "A number in the body is too large.") from fault


def _depth(text: str) -> int:
    """Return how deeply arrays and objects are nested, ignoring brackets in strings; no parser is used, as some crash on deep
    nesting.
    """
    openings = text.count("[") + text.count("{")
    if openings <= DEEPEST:
        return openings  # an upper bound on the depth
    deepest = depth = 0
    for bracket in BRACKET.findall(STRING.sub("", text)):
        if bracket in "[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise DomainError("json.duplicate_key", 400, "An object contains the same name twice.")
        found[name] = value
    return found


def _no_constant(text: str) -> float:
    raise DomainError("json.invalid_number", 400, f"{text} is not a valid JSON number.")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise DomainError("number.range", 422, "A number in the body is too large.")
    return number
