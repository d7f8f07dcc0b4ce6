"""What every kind of answer shares: a clean text, "nothing here", the reserved values, and the fault of a value.

One marshmallow field reads a column (its distinct texts, :meth:`Answer.read_column`) and a JSON body (through
:func:`questionnaires.form.schema`). None comes out where nothing is said.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, Self

from marshmallow import ValidationError, fields

from questionnaires.issues import ISSUES
from questionnaires.lookups import everyday
from questionnaires.text_normalize import fold


class Piece(NamedTuple):
    """One piece of evidence. ``grade`` is its kind, ``date`` and ``expires`` are ISO days; ``covers`` holds question ids,
    none for all of the form; ``source`` is where it can be looked up.
    """

    grade: str
    date: str | None = None
    expires: str | None = None
    covers: tuple[str, ...] = ()
    source: str | None = None


Value = str | float | tuple[str, ...] | tuple[Piece, ...]

INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad]")
BLANKS = re.compile(r"\s+")
DECLINED, CANNOT_APPLY = RESERVED = ("declined", "cannot_apply")  # what may be said instead of an answer
FORBIDDEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
GUARD = re.compile(r"'[=+\-@\t0-9]")


class Fault(Exception):
    """Why a value is not taken: a code of the catalogue, and what of the value could be kept (usually nothing).

    ``like`` finds what the sender may have meant; it is slow, and asked only when the fault is told. ``also``: what else is
    wrong with the same value.
    """

    def __init__(
        self,
        code: str,
        seen: object,
        *,
        expected: str = "",
        kept: Value | None = None,
        like: Callable[[str], Sequence[str]] | None = None,
        also: tuple[Fault, ...] = (),
    ) -> None:
        super().__init__(code, seen)
        self.code, self.seen, self.kept = code, legible(str(seen)), kept
        self.expected = expected or ISSUES[code].expected
        self.like, self.also = like, also

    @property
    def cure(self) -> str:
        """The cure of the catalogue, after "Did you mean ...?" where something is spelt alike."""
        names = self.like(self.seen) if self.like else ()
        return (f"Did you mean {' or '.join(names)}? " if names else "") + ISSUES[self.code].cure


def legible(text: str) -> str:
    """The text as it can be shown: at most 80 characters, invisible ones as escapes."""
    short = text if len(text) <= 80 else text[:79] + "…"
    return short if short.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in short)


def clean(text: str) -> str:
    """The text in NFC, without blanks around or doubled, zero-width or direction marks, or the guard of a CSV export.

    Raises :class:`Fault` for control characters. Line breaks and no-break spaces become blanks.
    """
    if text.isascii() and text.isidentifier():
        return text  # one plain word, as a code is: there is nothing to clean
    if not (text.isascii() and text.isprintable()):
        if FORBIDDEN.search(text):
            raise Fault("text.forbidden_character", text)
        text = unicodedata.normalize("NFC", INVISIBLE.sub("", text))
    text = BLANKS.sub(" ", text).strip(" \u200c\u200d")
    return text[1:] if GUARD.match(text) else text


class Answer(fields.Field[Any]):
    """Any answer: cleans the text, sees "nothing here" and the reserved values, and leaves the rest to the kind of
    answer.

    ``reserved``: which of RESERVED are answers here; the others say nothing (in a name, a country).
    """

    default_error_messages = {"required": "field.required", "null": "field.type"}

    def __init__(self, *, reserved: Collection[str] = RESERVED, **kwargs: Any) -> None:
        super().__init__(allow_none=True, **kwargs)
        self.reserved = reserved

    def fitted(self, texts: Sequence[str], date_order: str | None = None) -> tuple[Self, Fault | None]:
        """A field for this column of texts, and what must be said about how the column is read."""
        return self, None

    def read_column(self, texts: Sequence[str]) -> tuple[list[Value | None], dict[int, Fault]]:
        """The answers of the texts, and faults by position; a faulty text gives what could be kept, usually None."""
        answers: list[Value | None] = []
        faults: dict[int, Fault] = {}
        for at, text in enumerate(texts):
            answer = self.plain(text)
            if answer is not None:
                answers.append(answer)
                continue
            try:
                answers.append(self.read(text))
            except Fault as fault:
                faults[at] = fault
                answers.append(fault.kept)
        return answers, faults

    def plain(self, text: str) -> Value | None:
        """What :meth:`read` gives for a text so plain that it needs no closer look; None for any other. For speed only."""
        return None

    def deserialize(
        self, value: Any, attr: str | None = None, data: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        """As any field; a text goes straight to :meth:`read`, for an answer has no checks beside it."""
        plain = isinstance(value, str) and not self.validators
        return (self._deserialize if plain else super().deserialize)(value, attr, data, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Value | None:
        try:
            return self.read(value)
        except Fault as fault:
            told = {"code": fault.code, "seen": fault.seen, "expected": fault.expected, "cure": fault.cure}
            raise ValidationError(told) from fault

    def read(self, value: object) -> Value | None:
        """The answer that a text or another JSON value gives; None if it says nothing. Raises :class:`Fault`."""
        if not isinstance(value, str):
            return self.of_json(value)
        text = clean(value)
        word = fold(text)
        found = self.known(text, word)
        if found is not None:
            return found
        if word in everyday().nothing or not word:
            return None
        if word in everyday().reserved:
            meant = everyday().reserved[word]
            return meant if meant in self.reserved else None
        return self.of_text(text)

    def known(self, text: str, word: str) -> Value | None:
        """The answer, where this kind of answer knows the word even if it says "nothing here" elsewhere."""
        return None

    def of_text(self, text: str) -> Value | None:
        """The answer a clean text gives. Raises :class:`Fault`."""
        raise NotImplementedError

    def of_json(self, value: object) -> Value | None:
        """The answer a JSON value other than a text gives. Raises :class:`Fault`."""
        raise Fault("field.type", value)
