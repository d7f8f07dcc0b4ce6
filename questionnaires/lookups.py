"""Look up the words that a sheet may contain: countries, sectors and everyday words.

The lists are data (``lists/``): a country, a sector or a spelling is added there, not here.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from questionnaires.text_normalize import find_similar, fold_text

LISTS_DIR = Path(__file__).parent / "lists"


class DataFileError(Exception):
    """Raised for a form or list of this package that cannot be used: file, item, what is wrong, and how to fix it."""

    def __init__(self, file: str, item: str, fault: str, cure: str) -> None:
        super().__init__(f"{file}: {item}: {fault}. {cure}")
        self.file, self.item, self.fault, self.cure = file, item, fault, cure


@dataclass(frozen=True)
class CommonWords:
    """Folded spellings that mean the same for every question, and words that reveal kinds of rows and sheets."""

    nothing: frozenset[str]
    reserved: Mapping[str, str]
    yes_no: Mapping[str, str]
    totals: frozenset[str]
    agencies: tuple[str, ...]
    homonyms: Mapping[str, frozenset[str]]  # by country: the countries whose name is also a place within it
    non_answers: frozenset[str]  # the folded words for "nothing" and the reserved values
    longest_non_answer: int  # characters of the longest of their spellings


@cache
def load_common_words() -> CommonWords:
    """Load the words of ``lists/words.toml``."""
    data = tomllib.loads((LISTS_DIR / "words.toml").read_text(encoding="utf-8"))
    return CommonWords(
        nothing=frozenset(map(fold_text, data["nothing"])),
        reserved={fold_text(word): value for value in ("declined", "cannot_apply") for word in data[value]},
        yes_no={fold_text(word): value for value in ("yes", "no") for word in data[value]},
        totals=frozenset(map(fold_text, data["totals"])),
        agencies=tuple(map(fold_text, data["agencies"])),
        non_answers=frozenset(
            fold_text(word) for name in ("nothing", "declined", "cannot_apply") for word in data[name]
        ),
        longest_non_answer=max(len(word) for name in ("nothing", "declined", "cannot_apply") for word in data[name]),
        homonyms={country: frozenset(others) for country, others in data["same_place"].items()},
    )


@dataclass(frozen=True)
class Countries:
    """ISO 3166-1 alpha-2 codes (XK for Kosovo) by every folded word for them; names by code.

    ``by_shared_name``: by folded name, the countries that share it; such a name is in no other list.
    """

    by_word: Mapping[str, str]
    names: Mapping[str, str]
    by_shared_name: Mapping[str, tuple[str, ...]]

    @cached_property
    def by_name(self) -> Mapping[str, str]:
        """Return the codes by folded name, without the synonyms."""
        return {fold_text(name): code for code, name in self.names.items()}

    def find(self, text: str) -> str | None:
        """Return the code of the country of this name, synonym or code; None if the word is unknown. Never guesses."""
        word = fold_text(text)
        if len(word) <= 3 and word.isascii() and not text.isascii():
            return None  # with its accent, "Mỹ" means the United States and never Malaysia, whose code is MY
        code = self.by_word.get(word)
        if code is None and word.startswith("the"):
            code = self.by_word.get(word[3:])
        return code

    def find_sharing(self, text: str) -> tuple[str, ...]:
        """Return the codes of the countries that share a name; none if the text is no such name."""
        return self.by_shared_name.get(fold_text(text), ())

    def suggest(self, text: str) -> tuple[str, ...]:
        """Return at most three country names spelt like the text, for the sender to choose from."""
        words = find_similar(text, self.by_name, 0.78) or find_similar(text, self.by_word, 0.78)
        return tuple(dict.fromkeys(self.names[self.by_word[word]] for word in words))[:3]


@cache
def load_countries() -> Countries:
    """Load ``lists/country.csv`` and the shared names in ``lists/words.toml``.

    Raises :class:`DataFileError` if one word would mean two countries.
    """
    by_word: dict[str, str] = {}
    names: dict[str, str] = {}
    for row in read_list("country.csv"):
        code = row["code"]
        names[code] = row["name"]
        for word in (code, row["name"], row.get("iso3", ""), *row["synonyms"].split("|")):
            if word.strip() and by_word.setdefault(fold_text(word), code) != code:
                raise DataFileError(
                    "lists/country.csv",
                    code,
                    f"'{word}' is also a word for {by_word[fold_text(word)]}",
                    "Use it for only one of them.",
                )
    shared_names = tomllib.loads((LISTS_DIR / "words.toml").read_text(encoding="utf-8"))["shared_name"]
    by_shared_name = {fold_text(word): tuple(item["countries"]) for item in shared_names for word in item["words"]}
    if both := by_shared_name.keys() & by_word.keys():
        fault = "is also a word for a single country"
        raise DataFileError("lists/words.toml", min(both), fault, "Use it in only one of the lists.")
    return Countries(by_word, names, by_shared_name)


class Region(NamedTuple):
    """A region of a country: its title, its own names, and the places in it.

    ``outweighs_all``, ``outweighs``: in a row of any other country, or of these, that also names the region, the region counts;
    ``excepted``: not of these. Counting the region there is never the safer reading (tests/test_service/test_location_risk.py).
    """

    country: str
    title: str
    names: tuple[str, ...]
    places: tuple[str, ...]
    outweighs_all: bool
    outweighs: frozenset[str]
    excepted: frozenset[str]

    def counts_over(self, country: str) -> bool:
        """Return whether a row of a country that names the region counts as being in the region."""
        in_scope = self.outweighs_all or country in self.outweighs
        return in_scope and country != self.country and country not in self.excepted


@cache
def load_regions() -> tuple[Region, ...]:
    """Load ``lists/region.csv``."""
    return tuple(
        Region(
            row["country"],
            row["title"],
            (row["title"], *row["names"].split("|")),
            tuple(filter(None, row["places"].split("|"))),
            row["outweighs"] == "*",
            frozenset(row["outweighs"].split("|")) - {"*"},
            frozenset(row["except"].split("|")),
        )
        for row in read_list("region.csv")
    )


@dataclass(frozen=True)
class Sectors:
    """ISIC Rev.4 codes (section letter, or 2 to 4 digits) by name and synonym, and those of NACE and NAICS codes."""

    names: Mapping[str, str]
    section_by_code: Mapping[str, str]
    by_word: Mapping[str, tuple[str, ...]]
    nace: Mapping[str, tuple[str, ...]]
    naics: Mapping[str, tuple[str, ...]]

    def convert_naics(self, code: str) -> tuple[str, ...]:
        """Return the ISIC codes of a NAICS code, by its longest prefix in the list; empty if there is none."""
        return next((self.naics[code[:n]] for n in range(len(code), 1, -1) if code[:n] in self.naics), ())

    def convert_nace(self, code: str) -> tuple[str, ...]:
        """Return the ISIC codes of a dotted NACE code. Both share divisions: an unlisted class is read as its division."""
        digits = code.replace(".", "")
        return self.nace.get(digits) or ((digits[:2],) if digits[:2] in self.names else ())

    def suggest(self, text: str) -> tuple[str, ...]:
        """Return at most three sector names spelt like the text."""
        words = find_similar(text, self.by_word, 0.88)
        return tuple(dict.fromkeys(self.names[self.by_word[word][0]] for word in words))[:3]


@cache
def load_sectors() -> Sectors:
    """Load ``lists/sector.csv``, in the order of ISIC.

    A word of several codes means the broader ones if they are nested, otherwise all.
    """
    names: dict[str, str] = {}
    section_by_code: dict[str, str] = {}
    words: dict[str, list[str]] = {}
    nace: dict[str, list[str]] = {}
    naics: dict[str, list[str]] = {}
    section = ""
    for row in read_list("sector.csv"):
        code = row["code"]
        section = code if code.isalpha() else section
        names[code], section_by_code[code] = row["name"], section
        for word in filter(str.strip, (row["name"], *row["synonyms"].split("|"))):
            words.setdefault(fold_text(word), []).append(code)
        for table, system in ((nace, "nace"), (naics, "naics")):
            for foreign_code in filter(None, row[system].replace(".", "").split("|")):
                table.setdefault(foreign_code.strip(), []).append(code)
    tables = (
        {word: keep_broadest(codes, section_by_code) for word, codes in table.items()} for table in (words, nace, naics)
    )
    return Sectors(names, section_by_code, *tables)


def keep_broadest(codes: Iterable[str], section_by_code: Mapping[str, str]) -> tuple[str, ...]:
    """Return the codes without repeats and without those nested in another of them."""
    distinct = list(dict.fromkeys(codes))

    def is_nested(code: str) -> bool:
        return any(
            code != other and (code.startswith(other) or section_by_code.get(code) == other) for other in distinct
        )

    return tuple(code for code in distinct if not is_nested(code))


def read_list(name: str) -> list[dict[str, str]]:
    """Return the rows of a list as dicts. No value is read as missing: NA is Namibia."""
    with (LISTS_DIR / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
