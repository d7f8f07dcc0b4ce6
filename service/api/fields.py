"""Fields of API objects. What is sent is read strictly: a value of another JSON type is refused, never converted, and null is
no value. Each fault has a code for clients.

A field with ``allow_none`` may be null in a response, where the sender left it out or there is nothing to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from marshmallow import ValidationError, fields, validate

from questionnaires.parse.answer import FORBIDDEN_CHARACTERS

ISO_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")

# As the answers to our forms (FORBIDDEN of parse/answer.py), as a schema can write it: less halves of characters, for which
# many readers of schemas refuse a pattern.
UNPRINTABLE = r"\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff"
PRINTABLE = f"[^{UNPRINTABLE}]"
PRINTED = validate.Regexp(f"^{PRINTABLE}+$", error="text.forbidden_character")
PRINTED_OR_EMPTY = validate.Regexp(f"^{PRINTABLE}*$", error="text.forbidden_character")
# What a use case strips of blanks, and refuses with a code of its own where nothing is left.
NOT_BLANK = rf"^{PRINTABLE}*[^\s\x85{UNPRINTABLE}]{PRINTABLE}*$"

# marshmallow's own sentences are no codes: every field that can be sent has these instead.
CODES: Any = {"invalid": "field.type", "type": "field.type", "null": "field.type", "required": "field.required"}


class InstallationLimit(NamedTuple):
    """A limit that an installation sets: the OpenAPI document gives the number of the service that serves it."""

    setting: str


class _Strict(fields.Field[Any]):
    """A field that refuses null when it is sent, with the codes of the API."""

    default_error_messages = CODES

    def deserialize(self, value: Any, attr: str | None = None, data: Any = None, **kwargs: Any) -> Any:
        """Return the value read; raise ValidationError with a code."""
        if value is None:
            raise self.make_error("null")
        return super().deserialize(value, attr, data, **kwargs)


class StrictString(_Strict, fields.String):
    """A text without control characters, of ``shortest`` to ``longest`` characters that match ``pattern``.

    The OpenAPI document has ``documented_pattern`` in place of ``pattern`` where a use case refuses more than the field,
    with a code of its own.
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
    """One of some codes."""

    def __init__(self, codes: Iterable[str], **options: Any) -> None:
        super().__init__(also=(validate.OneOf(tuple(codes), error="field.value"),), **options)


class CurrentChoice(StrictChoice):
    """One of the codes that there are today; what is stored may be older, so a response may have others."""


class StrictDay(_Strict, fields.String):
    """A day as 2026-03-01. It is read as a text: the use case refuses a day that no calendar has, with a code of its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"format": "date"}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if not ISO_DAY.fullmatch(text):
            raise ValidationError("field.value")
        return text


class StrictList(_Strict, fields.List[Any]):
    """An array of ``fewest`` to ``most`` values of one kind."""

    def __init__(self, each: fields.Field[Any], fewest: int = 0, most: int | None = None, **options: Any) -> None:
        super().__init__(each, validate=validate.Length(fewest, most, error="field.value"), **options)


class StrictNested(_Strict, fields.Nested):
    """An object within another, read as strictly."""


class StrictDict(_Strict, fields.Dict):
    """An object whose keys are not known beforehand, such as answers by question id."""


class StrictBoolean(_Strict, fields.Boolean):
    """true or false."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("field.type")
        return value


class StrictInteger(_Strict, fields.Integer):
    """A whole number of a body, ``least`` to ``most``; 3.0 is one, as in JSON schema. Without ``most`` a use case sets it."""

    def __init__(self, least: int | None = None, most: int | None = None, **options: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(least, most, error="field.value"), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise ValidationError("field.type")
        return int(value)


class StrictNumber(_Strict, fields.Float):
    """A number of a body, ``least`` to ``most``; a whole one stays whole. It is held to the bounds as it was sent: a caller who
    needs a decimal makes it later, since the double that JSON has for 0.01 is a little more than the decimal 0.01.
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
    """A whole number in the query of an address, ``least`` to ``most``."""

    def __init__(self, least: int, most: int, **options: Any) -> None:
        super().__init__(validate=validate.Range(least, most, error="field.value"), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9):
            raise ValidationError("field.type")
        return int(value)
