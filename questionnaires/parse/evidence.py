"""Evidence as an answer: pieces with a kind, a date, an expiry, what they cover and where they can be looked up.

In a cell a piece is a line (or a part between ``|``), its parts set off by semicolons in any order: ``audit; 2026-03-01;
covers recruitment_fees; ref SMETA-123; until 2027-03-01``. In JSON it is an object with the names of :class:`Piece`. A piece
with a part that is not understood is not kept at all; each such part is told. The words are data (``lists/evidence.toml``).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Self

from questionnaires.lookups import LISTS, everyday
from questionnaires.parse.answer import Answer, Fault, Piece, clean
from questionnaires.parse.dates import day_of, order_of
from questionnaires.parse.types import LINE_MARKS
from questionnaires.person_detection import person_in
from questionnaires.text_normalize import fold

PIECES = re.compile(rf"{LINE_MARKS.pattern}|\|")
DATE = re.compile(r"(?<![0-9A-Za-z])[0-9]{1,2}[-/][0-9]{1,2}[-/][0-9]{2,4}(?![0-9A-Za-z])", re.ASCII)
MOST_WORDS = 3  # of a spelling in [parts]
LONGEST_SOURCE = 120
HIDDEN = "(not shown)"
Parts = Sequence[tuple[str, str]]


@cache
def spellings() -> Mapping[str, Mapping[str, str]]:
    """``lists/evidence.toml``: what a folded word says, for the kinds of evidence, the names of parts, and "all"."""
    told = tomllib.loads((LISTS / "evidence.toml").read_text(encoding="utf-8"))
    return {
        table: {fold(word): name for name, words in told[table].items() for word in (name, *words)} for table in told
    }


class Evidence(Answer):
    """Several pieces of evidence, each a :class:`~questionnaires.parse.answer.Piece`.

    ``headers``: question ids by every folded header (what a piece may cover). ``on``: the day after which a date lies in the
    future: such a piece is kept and told, and counts nothing. Words that look like a person's are neither kept nor repeated.
    """

    def __init__(
        self,
        *,
        headers: Mapping[str, tuple[int, str]],
        on: str = "",
        order: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.headers, self.on, self.order = headers, on, order

    def fitted(self, texts: Sequence[str], date_order: str | None = None) -> tuple[Self, Fault | None]:
        """A field that reads 03/04/2026 in the order said, else in the one order the column's other dates prove."""
        order = date_order or order_of(found for text in texts for found in DATE.findall(text))
        return type(self)(headers=self.headers, on=self.on, order=order, reserved=self.reserved), None

    def read(self, value: object) -> Any:
        """As any answer; each line of a cell is a piece."""
        if not isinstance(value, str):
            return self.of_json(value)
        lines = [clean(line) for line in PIECES.split(value)]
        said = [line for line in lines if line and fold(line) not in everyday().nothing]
        if len(said) < 2:
            return super().read(said[0] if said else "")
        return self.gathered([self.parts(line) for line in said])

    def of_text(self, text: str) -> tuple[Piece, ...]:
        """The one piece of a cell."""
        return self.gathered([self.parts(text)])

    def of_json(self, value: object) -> tuple[Piece, ...] | None:
        """The pieces of a list of objects."""
        if not isinstance(value, list | tuple) or not all(isinstance(told, Mapping) for told in value):
            raise Fault("field.type", value)
        pieces = []
        for told in value:
            parts: list[tuple[str, str]] = []
            for name, said in told.items():
                covers = name == "covers" and isinstance(said, list | tuple)
                each = [said] if not covers else list(said)
                if name not in Piece._fields:
                    raise Fault("evidence.part", name)
                if not all(isinstance(one, str) for one in each if one is not None):
                    raise Fault("field.type", said)
                parts += [(name, clean(one)) for one in each if one]
            pieces.append(parts)
        return self.gathered(pieces) if pieces else None

    def parts(self, line: str) -> Parts:
        """What a line says, part by part: the name of the part (one of a Piece, "" where it is not known) and its words."""
        found: list[tuple[str, str]] = []
        for part in map(clean, re.split("[;；]", line)):
            if not part:
                continue
            name, said = named(part)
            if name == "covers" and fold(said) not in self.headers:
                found += [(name, each.strip()) for each in re.split("[,，、]", said) if each.strip()]
            else:
                found.append((name, said))
        return found

    def gathered(self, pieces: Iterable[Parts]) -> tuple[Piece, ...]:
        """The pieces that are whole, without repeats. Raises :class:`Fault` with all that is to be said of the others."""
        kept: list[Piece] = []
        faults: list[Fault] = []
        for parts in pieces:
            piece, found = self.piece(parts)
            faults += found
            kept += [piece] if piece is not None else []
        whole = tuple(dict.fromkeys(kept))
        if faults:
            first = faults[0]
            raise Fault(first.code, first.seen, expected=first.expected, kept=whole or None, also=tuple(faults[1:]))
        return whole

    def piece(self, parts: Parts) -> tuple[Piece | None, list[Fault]]:
        """One piece, None where it is not whole, and what is to be said of it."""
        faults: list[Fault] = []
        told: dict[str, str] = {}
        covers: list[str] = []
        everything = False
        for name, said in parts:
            try:
                if name == "covers":
                    everything |= fold(said) in spellings()["all"]
                    covers += [] if fold(said) in spellings()["all"] else [self.covered(said)]
                elif name not in Piece._fields:
                    raise self.unknown("evidence.part", said)
                elif name in told:
                    raise Fault("evidence.twice", said)
                else:
                    told[name] = said  # what cannot be read is still not to be said twice
                    told[name] = self.value(name, said)
            except Fault as fault:
                faults.append(fault)
        if "grade" not in told and not any(fault.code in ("evidence.part", "evidence.person") for fault in faults):
            faults.append(Fault("evidence.no_kind", "; ".join(said for _, said in parts)))
        if faults:
            return None, faults
        day, expires = told.get("date"), told.get("expires")
        if day and expires and expires < day:
            return None, [Fault("evidence.expiry", f"{day}, {expires}")]
        made = Piece(
            told["grade"], day, expires, () if everything else tuple(dict.fromkeys(covers)), told.get("source")
        )
        return made, [Fault("evidence.future", day)] if day and self.on and day > self.on else []

    def value(self, name: str, said: str) -> str:
        """The grade, day or reference that the words of a part give."""
        if name == "grade":
            grade = spellings()["grades"].get(fold(said))
            if grade is None:
                raise self.unknown("evidence.part", said)
            return grade
        if name == "source":
            if names_a_person(said, reference=True):
                raise Fault("evidence.person", HIDDEN)
            if len(said) > LONGEST_SOURCE:
                raise Fault("evidence.long", said)
            return said
        code, day = day_of(said, self.order)
        if code or day is None or len(day) < len("2026-01-01"):
            raise Fault("date.ambiguous" if code == "date.ambiguous" else "evidence.date", said)
        return day

    def unknown(self, code: str, said: str) -> Fault:
        """The fault of words that are not taken. Those that look like a person's are not repeated."""
        return Fault("evidence.person", HIDDEN) if names_a_person(said) else Fault(code, said)

    def covered(self, said: str) -> str:
        """The question that a header names."""
        found = self.headers.get(fold(said))
        if found is None:
            raise self.unknown("evidence.covers", said)
        return found[1]


def names_a_person(text: str, *, reference: bool = False) -> bool:
    """Whether words carry a person's data; a reference may be a long number, and may still not name anyone."""
    found = person_in(text)
    return person_in(text, reference=True) is not None or found == "person.name" if reference else found is not None


def named(part: str) -> tuple[str, str]:
    """The name of a part and its words: by the word it begins with, else a kind of evidence or a date by itself."""
    words = spellings()
    head, colon, rest = part.replace("：", ":").partition(":")
    if colon and fold(head) in words["parts"]:
        return words["parts"][fold(head)], rest.strip()
    if fold(part) in words["grades"]:
        return "grade", part
    split = part.split(" ")
    for n in range(min(MOST_WORDS, len(split) - 1), 0, -1):
        name = words["parts"].get(fold(" ".join(split[:n])))
        if name is not None:
            return name, " ".join(split[n:])
    if part[:1].isdigit() or day_of(part, "dmy")[1] is not None:
        return "date", part
    return "", part
