"""Detect personal data in a text: a name, a telephone number, an identity paper, an e-mail address. What counts is data
(``lists/people.toml``).

What it cannot see: a name that is in no list, has no title and stands in a column whose header says nothing; most names of
two or three characters in Chinese, Korean and Japanese without a title; small letters throughout. What it may find wrongly: a
place or product named after a person.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from questionnaires.lookups import LISTS, countries
from questionnaires.text_normalize import fold

NUMBERS = ("identity_number", "phone")
CODES = ("person.email", "person.phone", "person.identity_number", "person.name")
WORD = re.compile(r"[^\W\d_]+(?:[’'\-][^\W\d_]+)*(?:/[a-z](?![^\W_]))?|\S", re.UNICODE)


@dataclass(frozen=True)
class _Words:
    """``lists/people.toml``, folded and compiled."""

    columns: tuple[tuple[str, frozenset[str], tuple[str, ...]], ...]
    titles: frozenset[str]
    weak_titles: frozenset[str]
    cues: tuple[str, ...]
    names: frozenset[str]
    not_names: frozenset[str]
    shortened: frozenset[str]  # what a full stop may follow inside a name: "Mr.", "St."
    firms: frozenset[str]
    places: tuple[str, ...]
    patterns: Mapping[str, tuple[re.Pattern[str], ...]]
    money: re.Pattern[str]
    date: re.Pattern[str]


@cache
def _words() -> _Words:
    told: dict[str, Any] = tomllib.loads((LISTS / "people.toml").read_text(encoding="utf-8"))
    words = told["words"]
    return _Words(
        columns=tuple(
            (column["code"], frozenset(map(fold, column["is"])), tuple(map(fold, column["holds"])))
            for column in told["column"]
        ),
        titles=frozenset(map(fold, words["title"])),
        weak_titles=frozenset(map(fold, words["weak_title"])),
        cues=tuple(cue.casefold() for cue in words["cue"]),
        names=frozenset(map(fold, told["names"]["latin"])),
        not_names=frozenset(map(fold, (*words["place"], *words["firm"]))),
        shortened=frozenset(map(fold, (*words["title"], *words["weak_title"], *words["place"], *words["firm"]))),
        firms=frozenset(map(fold, words["firm"])),
        places=tuple(place.casefold() for place in words["places"]),
        patterns={
            kind: tuple(map(re.compile, told["patterns"][kind]))
            for kind in ("email", "phone", "identity_number", "name")
        },
        money=re.compile(told["patterns"]["money"]),
        date=re.compile(told["patterns"]["date"]),
    )


def person_in(text: str, *, firm: bool = False, reference: bool = False) -> str | None:
    """The code of the issue where a text carries a person's data; None where nothing of the kind is seen.

    ``firm``: the name of a site or agency, which may be somebody's name; ``reference``: a number of one.
    """
    words = _words()
    digits = "".join(_digit(character) for character in unicodedata.normalize("NFKC", text))
    plain = words.date.sub(lambda found: " " * len(found[0]), digits)
    for code in CODES:
        kind = code.removeprefix("person.")
        for found in (found for pattern in words.patterns[kind] for found in pattern.finditer(plain)):
            if not (reference and _is_number(found[0], kind)) and not _is_money(found, plain, kind):
                return code
    return "person.name" if not reference and _is_named(plain, firm) else None


def _digit(character: str) -> str:
    """A digit of any script as 0 to 9."""
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)


def _is_number(found: str, kind: str) -> bool:
    """Whether a find may be the number of a site or agency: registers give long numbers, but none with a country's prefix."""
    return kind == "identity_number" or (kind == "phone" and found[0] in "0(" and not found.startswith("00"))


def _is_money(found: re.Match[str], text: str, kind: str) -> bool:
    """Whether a find is a sum of money."""
    around = text[max(0, found.start() - 10) : found.start()] + " " + text[found.end() : found.end() + 10]
    return kind in NUMBERS and bool(_words().money.search(around) or _words().money.match(found[0]))


def _is_named(text: str, firm: bool) -> bool:
    """Whether a text in letters with capitals carries a name: a title or a cue before a word in capitals, or a known name."""
    words = _words()
    lowered = text.casefold()
    for place in words.places:
        lowered = lowered.replace(place, " " * len(place)) if len(lowered) == len(text) else lowered
    text = "".join(" " if a != b and b == " " else a for a, b in zip(text, lowered.ljust(len(text)), strict=False))
    for run in _runs(text):
        keys = [fold(word) for word in run]
        is_firm = any(key in words.firms for key in keys)
        for at, (word, after) in enumerate(zip(run, run[1:], strict=False)):
            said = keys[at] in words.titles and word[0].isupper() and after[0].isupper()
            if said and not is_firm and keys[at + 1] not in words.not_names:
                return True
        if firm or any(key in words.not_names for key in keys):
            continue
        if _has_name(run, keys):
            return True
    return not firm and _follows_cue(text)


def surely_names_a_person(text: str) -> bool:
    """Whether a text carries a name that no other word can be taken for: after a title, or two names side by side."""
    names, keys = _words().names, [[fold(word) for word in run] for run in _runs(text)]
    return _is_named(text, firm=True) or any(a in names and b in names for run in keys for a, b in pairwise(run))


def _has_name(run: Sequence[str], keys: Sequence[str]) -> bool:
    names = _words().names
    capital = any(key in names and word[0].isupper() for word, key in zip(run, keys, strict=True))
    two = any(a in names and b in names for a, b in pairwise(keys))
    shaped = 3 <= len(run) <= 4 and keys[0] in _words().weak_titles and all(word[0].isupper() for word in run)
    return capital or two or shaped


def _runs(text: str) -> Iterator[list[str]]:
    """Words that stand side by side; punctuation parts them, but not the full stop of a title or an initial."""
    run: list[str] = []
    for found in WORD.finditer(text):
        word = found[0]
        if word[0].isalpha():
            run.append(word)
        elif word == "." and run and (len(run[-1]) == 1 or fold(run[-1]) in _words().shortened):
            continue
        elif run:
            yield run
            run = []
    if run:
        yield run


def _follows_cue(text: str) -> bool:
    """Whether a word in capitals follows one that says a name comes: "named Xan", "s/o Bir"."""
    words = _words()
    for cue in words.cues:
        for found in re.finditer(rf"(?<!\w){re.escape(cue)}(?!\w)[\s:]+([^\W\d_]+)", text, re.IGNORECASE):
            after = found[1]
            if after[0].isupper() and fold(after) not in words.not_names and countries().find(after) is None:
                return True
    return False


def column_of_persons(header: str) -> str | None:
    """The code of the issue where a header says that its column holds persons' data."""
    word = fold(header) if header.strip() else ""
    for code, whole, parts in _words().columns:
        if word and (word in whole or any(part in word for part in parts)):
            return code
    return None
