"""Look up the words a sheet may use: countries, sectors and everyday words.

The lists are data (``lists/``): a country, a sector or a spelling is added there, not here.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from questionnaires.text_normalize import alike, fold

LISTS = Path(__file__).parent / "lists"


class BadFile(Exception):
    """A form or list of ours that cannot be used: which file, which item, what is wrong, and the cure."""

    def __init__(self, file: str, item: str, fault: str, cure: str) -> None:
        super().__init__(f"{file}: {item}: {fault}. {cure}")
        self.file, self.item, self.fault, self.cure = file, item, fault, cure


@dataclass(frozen=True)
class Everyday:
    """Folded spellings that mean the same for every question, and the words of kinds of rows and sheets."""

    nothing: frozenset[str]
    reserved: Mapping[str, str]
    yes_no: Mapping[str, str]
    totals: frozenset[str]
    agencies: tuple[str, ...]
    same_place: Mapping[str, frozenset[str]]
    set_apart: frozenset[str]  # the folded words for "nothing" and the reserved values
    longest: int  # characters of the longest of their spellings


@cache
def everyday() -> Everyday:
    """``lists/words.toml``."""
    told = tomllib.loads((LISTS / "words.toml").read_text(encoding="utf-8"))
    return Everyday(
        nothing=frozenset(map(fold, told["nothing"])),
        reserved={fold(word): value for value in ("declined", "cannot_apply") for word in told[value]},
        yes_no={fold(word): value for value in ("yes", "no") for word in told[value]},
        totals=frozenset(map(fold, told["totals"])),
        agencies=tuple(map(fold, told["agencies"])),
        set_apart=frozenset(fold(word) for name in ("nothing", "declined", "cannot_apply") for word in told[name]),
        longest=max(len(word) for name in ("nothing", "declined", "cannot_apply") for word in told[name]),
        same_place={country: frozenset(others) for country, others in told["same_place"].items()},
    )


@dataclass(frozen=True)
class Countries:
    """ISO 3166-1 alpha-2 codes (XK for Kosovo) by every folded word for them; names by code."""

    by_word: Mapping[str, str]
    names: Mapping[str, str]

    @cached_property
    def by_name(self) -> Mapping[str, str]:
        """Codes by folded name, without the synonyms."""
        return {fold(name): code for code, name in self.names.items()}

    def find(self, text: str) -> str | None:
        """The code of the country of this name, synonym or code; None if the word is not known. Never a guess."""
        word = fold(text)
        if len(word) <= 3 and word.isascii() and not text.isascii():
            return None  # "Mỹ" is the United States to those who write it so, and never Malaysia's code
        found = self.by_word.get(word)
        if found is None and word.startswith("the"):
            found = self.by_word.get(word[3:])
        return found

    def like(self, text: str) -> tuple[str, ...]:
        """At most three country names spelt like the text, for the sender to choose from."""
        words = alike(text, self.by_name, 0.78) or alike(text, self.by_word, 0.78)
        return tuple(dict.fromkeys(self.names[self.by_word[word]] for word in words))[:3]


@cache
def countries() -> Countries:
    """``lists/country.csv``. Raises :class:`BadFile` where one word would mean two countries."""
    by_word: dict[str, str] = {}
    names: dict[str, str] = {}
    for row in rows_of("country.csv"):
        code = row["code"]
        names[code] = row["name"]
        for word in (code, row["name"], row.get("iso3", ""), *row["synonyms"].split("|")):
            if word.strip() and by_word.setdefault(fold(word), code) != code:
                raise BadFile(
                    "lists/country.csv",
                    code,
                    f"'{word}' is a word for {by_word[fold(word)]} too",
                    "Leave it to one of them.",
                )
    return Countries(by_word, names)


@dataclass(frozen=True)
class Sectors:
    """ISIC Rev.4 codes (section letter, or 2 to 4 digits) by name and synonym, and what NACE and NAICS codes come to in
    ISIC.
    """

    names: Mapping[str, str]
    section_of: Mapping[str, str]
    by_word: Mapping[str, tuple[str, ...]]
    nace: Mapping[str, tuple[str, ...]]
    naics: Mapping[str, tuple[str, ...]]

    def of_naics(self, code: str) -> tuple[str, ...]:
        """ISIC codes of a NAICS code, by its longest prefix in the list; empty if there is none."""
        return next((self.naics[code[:n]] for n in range(len(code), 1, -1) if code[:n] in self.naics), ())

    def of_nace(self, code: str) -> tuple[str, ...]:
        """ISIC codes of a dotted NACE code. The two share divisions, so an unlisted class is read as its division."""
        plain = code.replace(".", "")
        return self.nace.get(plain) or ((plain[:2],) if plain[:2] in self.names else ())

    def like(self, text: str) -> tuple[str, ...]:
        """At most three sector names spelt like the text."""
        return tuple(dict.fromkeys(self.names[self.by_word[word][0]] for word in alike(text, self.by_word, 0.88)))[:3]


@cache
def sectors() -> Sectors:
    """``lists/sector.csv``, in the order of ISIC.

    A word on several codes means the broader where they are nested, else all.
    """
    names: dict[str, str] = {}
    section_of: dict[str, str] = {}
    words: dict[str, list[str]] = {}
    nace: dict[str, list[str]] = {}
    naics: dict[str, list[str]] = {}
    section = ""
    for row in rows_of("sector.csv"):
        code = row["code"]
        section = code if code.isalpha() else section
        names[code], section_of[code] = row["name"], section
        for word in filter(str.strip, (row["name"], *row["synonyms"].split("|"))):
            words.setdefault(fold(word), []).append(code)
        for table, system in ((nace, "nace"), (naics, "naics")):
            for other in filter(None, row[system].replace(".", "").split("|")):
                table.setdefault(other.strip(), []).append(code)
    tables = ({word: broadest(codes, section_of) for word, codes in table.items()} for table in (words, nace, naics))
    return Sectors(names, section_of, *tables)


def broadest(codes: Iterable[str], section_of: Mapping[str, str]) -> tuple[str, ...]:
    """The codes without repeats and without those inside another of them."""
    distinct = list(dict.fromkeys(codes))

    def inside(code: str) -> bool:
        return any(code != other and (code.startswith(other) or section_of.get(code) == other) for other in distinct)

    return tuple(code for code in distinct if not inside(code))


def rows_of(name: str) -> list[dict[str, str]]:
    """The rows of a list. Nothing is read as missing: NA is Namibia."""
    with (LISTS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
