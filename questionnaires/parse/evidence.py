"""Parse evidence: pieces with a kind, a date, an expiry date, what they cover and where they can be looked up.

In a cell each piece is a line (or a part between ``|``) whose parts are separated by semicolons, in any order: ``audit;
2026-03-01; covers recruitment_fees; ref SMETA-123; until 2027-03-01``. In JSON it is an object with the field names of
:class:`~questionnaires.parse.answer.EvidencePiece`. A piece with a part that is not understood is rejected as a whole, and each
such part is reported. The words are data (``lists/evidence.toml``).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Self

from questionnaires.lookups import LISTS_DIR, load_common_words
from questionnaires.parse.answer import AnswerError, AnswerField, EvidencePiece, clean_text, refuse_overlong
from questionnaires.parse.dates import detect_order, parse_day
from questionnaires.parse.types import LINE_BREAKS
from questionnaires.person_detection import detect_personal_data
from questionnaires.text_normalize import fold_text

PIECE_SEPARATORS = re.compile(rf"{LINE_BREAKS.pattern}|\|")
PART_SEPARATOR, COVERS_SEPARATOR = re.compile("[;；؛]"), re.compile("[,，、،]")
DATE = re.compile(r"(?<![0-9A-Za-z])[0-9]{1,2}[-/][0-9]{1,2}[-/][0-9]{2,4}(?![0-9A-Za-z])", re.ASCII)
MAX_WORDS = 3  # of a spelling in [parts]
MAX_SOURCE_LENGTH = 120
HIDDEN = "(not shown)"
PART_NAMES = tuple(
    name for name in EvidencePiece._fields if name != "confirmation"
)  # a sender never confirms its own evidence
Parts = Sequence[tuple[str, str]]


@cache
def load_spellings() -> Mapping[str, Mapping[str, str]]:
    """Load ``lists/evidence.toml``: by table ("grades", "parts", "all") the name that each folded word stands for."""
    data = tomllib.loads((LISTS_DIR / "evidence.toml").read_text(encoding="utf-8"))
    return {
        table: {fold_text(word): name for name, words in data[table].items() for word in (name, *words)}
        for table in data
    }


class EvidenceField(AnswerField):
    """Several pieces of evidence, each an :class:`~questionnaires.parse.answer.EvidencePiece`.

    ``headers``: question ids by every folded header (what a piece may cover). ``as_of``: the ISO date after which a date is in
    the future; such a piece is used and reported, and has no weight. Personal data is neither stored nor repeated.
    """

    def __init__(
        self,
        *,
        headers: Mapping[str, tuple[int, str]],
        as_of: str = "",
        order: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.headers, self.as_of, self.order = headers, as_of, order

    def fit_to_column(self, texts: Sequence[str], date_order: str | None = None) -> tuple[Self, AnswerError | None]:
        """Return a field that reads 03/04/2026 in the given order, else in the one order the column's other dates prove."""
        order = date_order or detect_order(date for text in texts for date in DATE.findall(text))
        return type(self)(headers=self.headers, as_of=self.as_of, order=order, reserved=self.reserved), None

    def parse(self, value: object) -> Any:
        """Return the pieces of a value; each line of a cell is a piece."""
        if not isinstance(value, str):
            return self.parse_json(value)
        refuse_overlong(value)
        lines = [clean_text(line) for line in PIECE_SEPARATORS.split(value)]
        filled = [line for line in lines if line and fold_text(line) not in load_common_words().nothing]
        if len(filled) < 2:
            return super().parse(filled[0] if filled else "")
        return self.build_pieces([self.split_parts(line) for line in filled])

    def parse_text(self, text: str) -> tuple[EvidencePiece, ...]:
        """Return the one piece of a cell."""
        return self.build_pieces([self.split_parts(text)])

    def parse_json(self, value: object) -> tuple[EvidencePiece, ...] | None:
        """Return the pieces of a list of objects."""
        if not isinstance(value, list | tuple) or not all(isinstance(item, Mapping) for item in value):
            raise AnswerError("field.type", value)
        pieces = []
        for item in value:
            parts: list[tuple[str, str]] = []
            for name, content in item.items():
                is_list = name == "covers" and isinstance(content, list | tuple)
                texts = [content] if not is_list else list(content)
                if name not in PART_NAMES:
                    raise AnswerError("evidence.part", name)
                if not all(isinstance(text, str) for text in texts if text is not None):
                    raise AnswerError("field.type", content)
                for text in filter(None, texts):
                    refuse_overlong(text)
                parts += [(name, clean_text(text)) for text in texts if text]
            pieces.append(parts)
        return self.build_pieces(pieces) if pieces else None

    def split_parts(self, line: str) -> Parts:
        """Split a line into its parts: the field name of each ("" if it is unknown) and its text."""
        parts: list[tuple[str, str]] = []
        for part in map(clean_text, PART_SEPARATOR.split(line)):
            if not part:
                continue
            name, text = identify_part(part)
            if name == "covers" and fold_text(text) not in self.headers:
                parts += [(name, header.strip()) for header in COVERS_SEPARATOR.split(text) if header.strip()]
            else:
                parts.append((name, text))
        return parts

    def build_pieces(self, pieces: Iterable[Parts]) -> tuple[EvidencePiece, ...]:
        """Return the valid pieces, without repeats. Raises :class:`AnswerError` with them and all errors of the others."""
        valid: list[EvidencePiece] = []
        errors: list[AnswerError] = []
        for parts in pieces:
            piece, piece_errors = self.build_piece(parts)
            errors += piece_errors
            valid += [piece] if piece is not None else []
        distinct = tuple(dict.fromkeys(valid))
        if errors:
            first = errors[0]
            raise AnswerError(
                first.code, first.seen, expected=first.expected, partial=distinct or None, others=tuple(errors[1:])
            )
        return distinct

    def build_piece(self, parts: Parts) -> tuple[EvidencePiece | None, list[AnswerError]]:
        """Return one piece, None if it is invalid, and its errors."""
        errors: list[AnswerError] = []
        values: dict[str, str] = {}
        covers: list[str] = []
        covers_all = False
        for name, text in parts:
            try:
                if name == "covers":
                    covers_all |= fold_text(text) in load_spellings()["all"]
                    covers += [] if fold_text(text) in load_spellings()["all"] else [self.find_question(text)]
                elif name not in PART_NAMES:
                    raise self.build_error("evidence.part", text)
                elif name in values:
                    raise AnswerError("evidence.twice", text)
                else:
                    values[name] = text  # an invalid part counts too: it must not occur twice
                    values[name] = self.parse_part(name, text)
            except AnswerError as error:
                errors.append(error)
        if "grade" not in values and not any(error.code in ("evidence.part", "evidence.person") for error in errors):
            errors.append(AnswerError("evidence.no_kind", "; ".join(text for _, text in parts)))
        if errors:
            return None, errors
        day, expires = values.get("date"), values.get("expires")
        if day and expires and expires < day:
            return None, [AnswerError("evidence.expiry", f"{day}, {expires}")]
        piece = EvidencePiece(
            values["grade"], day, expires, () if covers_all else tuple(dict.fromkeys(covers)), values.get("source")
        )
        is_future = day and self.as_of and day > self.as_of
        return piece, [AnswerError("evidence.future", day)] if is_future else []

    def parse_part(self, name: str, text: str) -> str:
        """Return the grade, ISO date or reference that the text of a part stands for."""
        if name == "grade":
            grade = load_spellings()["grades"].get(fold_text(text))
            if grade is None:
                raise self.build_error("evidence.part", text)
            return grade
        if name == "source":
            if contains_personal_data(text, reference=True):
                raise AnswerError("evidence.person", HIDDEN)
            if len(text) > MAX_SOURCE_LENGTH:
                raise AnswerError("evidence.long", text)
            return text
        code, day = parse_day(text, self.order)
        if code or day is None or len(day) < len("2026-01-01"):
            raise AnswerError("date.ambiguous" if code == "date.ambiguous" else "evidence.date", text)
        return day

    def build_error(self, code: str, text: str) -> AnswerError:
        """Return the error of a text that is not accepted. Personal data is not repeated in it."""
        is_personal = contains_personal_data(text)
        return AnswerError("evidence.person", HIDDEN) if is_personal else AnswerError(code, text)

    def find_question(self, header: str) -> str:
        """Return the id of the question that a header names."""
        match = self.headers.get(fold_text(header))
        if match is None:
            raise self.build_error("evidence.covers", header)
        return match[1]


def contains_personal_data(text: str, *, reference: bool = False) -> bool:
    """Return whether a text contains personal data; a reference may be a long number, and must still not name anyone."""
    code = detect_personal_data(text)
    if reference:
        return detect_personal_data(text, reference=True) is not None or code == "person.name"
    return code is not None


def identify_part(part: str) -> tuple[str, str]:
    """Return the name and the text of a part: by the word it begins with, otherwise a kind of evidence or a date by itself."""
    spellings = load_spellings()
    head, colon, rest = part.replace("：", ":").partition(":")
    if colon and fold_text(head) in spellings["parts"]:
        return spellings["parts"][fold_text(head)], rest.strip()
    if fold_text(part) in spellings["grades"]:
        return "grade", part
    words = part.split(" ")
    for n in range(min(MAX_WORDS, len(words) - 1), 0, -1):
        name = spellings["parts"].get(fold_text(" ".join(words[:n])))
        if name is not None:
            return name, " ".join(words[n:])
    if part[:1].isdigit() or parse_day(part, "dmy")[1] is not None:
        return "date", part
    return "", part
