"""Fields of API objects. Input is parsed strictly: a value of a different JSON type is rejected, never converted, and null is
not a value. Each fault has a code for clients. A field with ``allow_none`` may be null in a response if the sender omitted it
or there is no value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from marshmallow import ValidationError, fields, validate

from questionnaires.parse.answer import FORBIDDEN_CHARACTERS

ISO_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")

# The characters that are forbidden in answers to our forms (FORBIDDEN in parse/answer.py), except for surrogates: many schema
# validators reject a pattern that contains them.
UNPRINTABLE = r"\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff"
PRINTABLE = f"[^{UNPRINTABLE}]"
PRINTED = validate.Regexp(f"^{PRINTABLE}+$", error="text.forbidden_character")
PRINTED_OR_EMPTY = validate.Regexp(f"^{PRINTABLE}*$", error="text.forbidden_character")
# For text that a use case strips of spaces, and rejects with its own code if nothing is left.
NOT_BLANK = rf"^{PRINTABLE}*[^\s\x85{UNPRINTABLE}]{PRINTABLE}*$"

# The error codes of every field that can be sent; they replace marshmallow's own messages.
CODES: Any = {"invalid": "field.type", "type": "field.type", "null": "field.type", "required": "field.required"}


class InstallationLimit(NamedTuple):
    """A limit that each installation sets; the OpenAPI document gives the value used by the service that returns it."""

    setting: str


class _Strict(fields.Field[Any]):
    """A field that rejects null in requests, with the API's own error codes."""

    default_error_messages = CODES

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **kwargs: Any) -> Any:
        """Parse the value; raise ValidationError with a code if it is invalid."""
        if value is None:
            raise self.make_error("null")
        return super().deserialize(value, attr, data, **kwargs)


class StrictString(_Strict, fields.String):
    """A text of ``shortest`` to ``longest`` characters, without control characters, that matches ``pattern``. The OpenAPI
    document shows ``documented_pattern`` instead if a use case rejects more than the field does, with its own code.
    """

    def __init__(
        self, longest: int = 200, pattern: str = "", shortest: int = 1, *, documented_pattern: str = "", **options: Any
    ) -> None:
        self.documented_pattern = documented_pattern
        characters = PRINTED if shortest else PRINTED_OR_EMPTY
        matches = validate.Regexp(pattern, error="field.value") if pattern else characters
        length = validate.Length(shortest, longest, error="field.value")
        super().__init__(validate=[length, *options.pop("also", ()), matches, _has_no_forbidden_character], **options)


def _has_no_forbidden_character(text: str) -> None:
    if FORBIDDEN_CHARACTERS.search(text):
        raise ValidationError("text.forbidden_character")


class StrictChoice(StrictString):
    """One of a fixed set of codes."""

    def __init__(self, codes: Iterable[str], **options: Any) -> None:
        super().__init__(also=(validate.OneOf(tuple(codes), error="field.value"),), **options)


class CurrentChoice(StrictChoice):
    """One of the current codes. A response may contain others, because stored data may be older."""


class StrictDay(_Strict, fields.String):
    """A date such as 2026-03-01. It is read as text; the use case rejects dates that do not exist, with its own code."""

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"format": "date"}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if not ISO_DAY.fullmatch(text):
            raise ValidationError("field.value")
        return text


class StrictList(_Strict, fields.List[Any]):
    """An array of ``fewest`` to ``most`` values of one type."""

    def __init__(self, each: fields.Field[Any], fewest: int = 0, most: int | None = None, **options: Any) -> None:
        super().__init__(each, validate=validate.Length(fewest, most, error="field.value"), **options)


class StrictNested(_Strict, fields.Nested):
    """An object nested in another, parsed just as strictly."""


class StrictDict(_Strict, fields.Dict):
    """An object whose keys are not known in advance, such as answers by question id."""


class StrictBoolean(_Strict, fields.Boolean):
    """A boolean: true or false."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("field.type")
        return value


class StrictInteger(_Strict, fields.Integer):
    """A whole number in a body, from ``least`` to ``most``; as in JSON Schema, 3.0 is one. Without ``most``, a use case sets
    the limit.
    """

    def __init__(self, least: int | None = None, most: int | None = None, **options: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(least, most, error="field.value"), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise ValidationError("field.type")
        return int(value)


class StrictNumber(_Strict, fields.Float):
    """A number in a body, from ``least`` to ``most``; a whole number stays an integer. The bounds apply to the number as it was
    sent: a caller that needs a decimal converts it later, since the double that JSON uses for 0.01 is slightly more than the
    decimal 0.01.
    """

    def __init__(self, least: float | None = None, most: float | None = None, **options: Any) -> None:
        super().__init__(validate=validate.Range(least, most, error="field.value"), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValidationError("field.type")
        return value

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value


class ParameterInteger(_Strict, fields.Integer):
    """A whole number in a query string, from ``least`` to ``most``."""

    def __init__(self, least: int, most: int, **options: Any) -> None:
        super().__init__(validate=validate.Range(least, most, error="field.value"), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9):
            raise ValidationError("field.type")
        return int(value)
