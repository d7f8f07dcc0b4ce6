"""Keeps persons out of case records: finds cells that look like a name, a telephone number, an identity paper or an e-mail.

Every cell of a sheet is looked at, in a column that is read or not, and what is found is taken out before anything is read:
neither an answer nor an issue ever holds it. What counts stands in ``lists/people.toml``.

What it cannot see: a name that is in no list, has no title and stands in a column whose header says nothing; most names of
two or three characters in Chinese, Korean and Japanese without a title; small letters throughout; a name in the name of the
file or sheet. What it may refuse wrongly: a place or product named after a person. The cure says how to write it instead.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from questionnaires.form import Question, Questionnaire
from questionnaires.match import cells_of
from questionnaires.sheet import Column, Sheet
from questionnaires.words import LISTS, countries, everyday, fold

KIND = "case"  # the kind of sheet that may hold no person
FIRMS = ("linked_name",)  # columns that hold the name of a site or agency, which may be somebody's
REFERENCES = ("linked_reference",)  # columns that hold a number of a site or agency
NUMBERS = ("identity_number", "phone")
CODES = ("person.email", "person.phone", "person.identity_number", "person.name")
HEADS = re.compile(r"[0-9]{1,5}")  # a number of people
WORD = re.compile(r"[^\W\d_]+(?:[’'\-][^\W\d_]+)*(?:/[a-z](?![^\W_]))?|\S", re.UNICODE)


@dataclass(frozen=True)
class Refusal:
    """Cells that may not be here: the code of the issue, the column, and their places (counted from the sheet's first row)."""

    code: str
    column: int
    places: npt.NDArray[np.intp]


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


def _is_surely_named(text: str) -> bool:
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


def without_people(
    sheet: Sheet, header_row: int, form: Questionnaire, chosen: Mapping[str, str] | None = None
) -> tuple[Sheet, tuple[Refusal, ...]]:
    """The sheet with the cells that look like a person's data emptied, and which they were.

    ``header_row``: Excel's number; ``chosen``: question: header, as in :func:`questionnaires.match.match`. The header's own
    cells are looked at for numbers, addresses, and names that nothing else can be.
    """
    headers = cells_of(sheet, header_row)
    named = {fold(header): question for question, header in (chosen or {}).items()}
    columns: list[Column] = []
    refusals: list[Refusal] = []
    at_header = header_row - sheet.first_row
    for at, (column, header) in enumerate(zip(sheet.columns, headers, strict=True)):
        word = fold(header) if header else ""
        asked = named.get(word) or form.headers.get(word, (0, ""))[1]
        question = form.by_id.get(asked)
        of_persons = None if question else column_of_persons(header)
        refused: dict[str, list[int]] = {}
        for number, text in enumerate(column.values):
            code = _refused(text, question, of_persons)
            if code:
                refused.setdefault(code, []).append(number)
        codes = column.codes.copy()
        for code, numbers in refused.items():
            places = np.flatnonzero(np.isin(column.codes, numbers))
            if question or of_persons or (code == "person.name" and not _is_surely_named(header)):
                places = places[places != at_header]  # a header may sound like a name, and has its own words
            if len(places):
                refusals.append(Refusal(code, at, places))
                codes[places] = -1
        # The texts themselves go too: nothing that is kept may hold them.
        gone = {number for numbers in refused.values() for number in numbers} - set(codes.tolist())
        columns.append(Column(tuple("" if n in gone else v for n, v in enumerate(column.values)), codes))
    return replace(sheet, columns=tuple(columns)), tuple(refusals)


def _refused(text: str, question: Question | None, of_persons: str | None) -> str | None:
    """The code for a cell's text under its question or its column's header; None where it may stand."""
    said = fold(text)
    if not text.strip() or said in everyday().nothing or said in everyday().yes_no or said in everyday().reserved:
        return None
    if of_persons:
        return None if HEADS.fullmatch(text.strip()) else of_persons
    asked = question.id if question else ""
    return person_in(text, firm=asked in FIRMS, reference=asked in REFERENCES)
