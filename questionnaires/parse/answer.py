"""What all types of answer share: cleaning texts, blank answers, reserved values, and the error for a value.

One marshmallow field parses both a column (its distinct texts, :meth:`AnswerField.parse_column`) and a JSON body (through
:func:`questionnaires.form.build_answers_schema`). A blank answer is None.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, Self

from marshmallow import ValidationError, fields

from questionnaires.issues import ISSUES
from questionnaires.limits import Limits
from questionnaires.lookups import load_common_words
from questionnaires.text_normalize import FILLERS, fold_text


class Confirmation(NamedTuple):
    """The buyer's confirmation of a piece of evidence: by whom, on which ISO day, its reference, and the ids of the questions."""

    by: str
    on: str
    reference: str | None = None
    covers: tuple[str, ...] = ()


class EvidencePiece(NamedTuple):
    """One piece of evidence. ``grade`` is its kind, ``date`` and ``expires`` are ISO dates; ``covers`` holds question ids,
    none for the whole form; ``source`` is where it can be looked up; ``confirmation`` is the buyer's, None if the piece is only
    claimed.
    """

    grade: str
    date: str | None = None
    expires: str | None = None
    covers: tuple[str, ...] = ()
    source: str | None = None
    confirmation: Confirmation | None = None


Value = str | float | tuple[str, ...] | tuple[EvidencePiece, ...]

INVISIBLE = re.compile(
    f"[{FILLERS}\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]"  # nothing to see
)
BLANKS = re.compile(r"\s+")
# What may be given instead of an answer. "cannot_apply" is what the sender said; in an answer about a supplier, intake makes it
# "not_applicable" where that is allowed (questionnaires/validation/returned_forms.py). Forms before 2026.4 leave it as it is.
DECLINED, CANNOT_APPLY, NOT_APPLICABLE = RESERVED_ANSWERS = ("declined", "cannot_apply", "not_applicable")
FORBIDDEN_CHARACTERS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
# The apostrophes of our CSV export (reports/csv.py), and the one that makes a spreadsheet take a number as text.
FORMULA_GUARD = re.compile(
    r"(?:\A\s*|(?<=[;\t\r\n]))'(?=[\t\r\n']|[ \u00a0\u3000\"]*[=+\-@\uff1d\uff0b\uff0d\uff20])|\A\s*'(?=[0-9])"
)


class AnswerError(Exception):
    """Raised for a value that is not accepted: a code of the catalogue, and the ``partial`` answer that is usable, if any.

    ``suggest`` finds what the sender may have meant; it is slow, and called only when the error is reported. ``others``: further
    errors of the same value.
    """

    def __init__(
        self,
        code: str,
        seen: object,
        *,
        expected: str = "",
        partial: Value | None = None,
        suggest: Callable[[str], Sequence[str]] | None = None,
        others: tuple[AnswerError, ...] = (),
    ) -> None:
        super().__init__(code, seen)
        self.code, self.seen, self.partial = code, make_legible(str(seen)), partial
        self.expected = expected or ISSUES[code].expected
        self.suggest, self.others = suggest, others

    @property
    def cure(self) -> str:
        """Return the cure of the catalogue, after "Did you mean ...?" if there are suggestions."""
        names = self.suggest(self.seen) if self.suggest else ()
        return (f"Did you mean {' or '.join(names)}? " if names else "") + ISSUES[self.code].cure


def make_legible(text: str) -> str:
    """Return the text fit for display: at most 80 characters, invisible ones as escapes."""
    short = text if len(text) <= 80 else text[:79] + "…"
    return short if short.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in short)


def refuse_overlong(text: str) -> None:
    """Raise :class:`AnswerError` for a text longer than a spreadsheet cell holds, before any pattern searches it."""
    if len(text) > Limits.cell_text:
        raise AnswerError("limit.cell_text", text, expected=f"at most {Limits.cell_text:,} characters")


def clean_text(text: str) -> str:
    """Return the text in NFC, without surrounding or doubled blanks, invisible marks, or the apostrophes of a CSV export.

    Line breaks and no-break spaces become blanks. Raises :class:`AnswerError` for control characters.
    """
    if text.isascii() and text.isidentifier():
        return text  # a single plain word, such as a code, needs no cleaning
    if not (text.isascii() and text.isprintable()):
        if FORBIDDEN_CHARACTERS.search(text):
            raise AnswerError("text.forbidden_character", text)
        text = unicodedata.normalize("NFC", INVISIBLE.sub("", text))
    if "'" in text:
        text = FORMULA_GUARD.sub("", text)
    return BLANKS.sub(" ", text).strip(" \u200c\u200d")


class AnswerField(fields.Field[Any]):
    """The base of all answer fields: cleans the text, recognises blank and reserved answers, and leaves the rest to its
    subclass.

    ``reserved``: which of RESERVED_ANSWERS are answers here; the others are blank (in a name, a country).
    """

    default_error_messages = {"required": "field.required", "null": "field.type"}

    def __init__(self, *, reserved: Collection[str] = RESERVED_ANSWERS, **kwargs: Any) -> None:
        super().__init__(allow_none=True, **kwargs)
        self.reserved = reserved

    def fit_to_column(self, texts: Sequence[str], date_order: str | None = None) -> tuple[Self, AnswerError | None]:
        """Return a field for this column of texts, and what must be reported about how the column is read."""
        return self, None

    def parse_column(self, texts: Sequence[str]) -> tuple[list[Value | None], dict[int, AnswerError]]:
        """Return the answers of the texts, and errors by position; a text with an error gives its partial answer or None."""
        answers: list[Value | None] = []
        errors: dict[int, AnswerError] = {}
        for position, text in enumerate(texts):
            answer = self.parse_plain(text)
            if answer is not None:
                answers.append(answer)
                continue
            try:
                answers.append(self.parse(text))
            except AnswerError as error:
                errors[position] = error
                answers.append(error.partial)
        return answers, errors

    def parse_plain(self, text: str) -> Value | None:
        """Return what :meth:`parse` returns for a text that needs no cleaning; None for any other. For speed only."""
        return None

    def deserialize(
        self, value: Any, attr: str | None = None, data: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        """Deserialize as any field; a text goes straight to :meth:`parse`, since answers have no other validators."""
        is_plain = isinstance(value, str) and not self.validators
        return (self._deserialize if is_plain else super().deserialize)(value, attr, data, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Value | None:
        try:
            return self.parse(value)
        except AnswerError as error:
            message = {"code": error.code, "seen": error.seen, "expected": error.expected, "cure": error.cure}
            raise ValidationError(message) from error

    def parse(self, value: object) -> Value | None:
        """Return the answer of a text or another JSON value; None if it is blank. Raises :class:`AnswerError`."""
        if not isinstance(value, str):
            return self.parse_json(value)
        refuse_overlong(value)
        text = clean_text(value)
        word = fold_text(text)
        answer = self.parse_word(text, word)
        if answer is not None:
            return answer
        if word in load_common_words().nothing or not word:
            return None
        if word in load_common_words().reserved:
            reserved = load_common_words().reserved[word]
            return reserved if reserved in self.reserved else None
        return self.parse_text(text)

    def parse_word(self, text: str, word: str) -> Value | None:
        """Return the answer if this type of answer knows the folded word, even if it is blank elsewhere; else None."""
        return None

    def parse_text(self, text: str) -> Value | None:
        """Return the answer of a clean text. Raises :class:`AnswerError`."""
        raise NotImplementedError

    def parse_json(self, value: object) -> Value | None:
        """Return the answer of a JSON value other than a text. Raises :class:`AnswerError`."""
        raise AnswerError("field.type", value)
