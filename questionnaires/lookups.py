"""Look up the words that a sheet may contain: countries, sectors and everyday words.

The lists are data (``lists/``): a country, a sector or a spelling is added there, not here.
"""

from __future__ import annotations

import csv
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

from babel import Locale
from rapidfuzz import process
from rapidfuzz.distance import OSA

from questionnaires.text_normalize import find_similar, fold_text

SHORTEST_MISSPELT, LONG_NAME = 6, 8  # letters: in a shorter word a wrong letter makes another word
# Between the name of a country and its code, or its name in another language: a separator, or where another script begins.
OTHER = r"[^\x00-\u024f]"
COUNTRY_PARTS = re.compile(rf"[-–—/|(),:;=\[\]（）\n]|(?<={OTHER})\s*(?=[A-Za-z])|(?<=[A-Za-z])\s*(?={OTHER})")

LISTS_DIR = Path(__file__).parent / "lists"
TRANSLATIONS_DIR = Path(__file__).parent / "translations"


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
    legal_forms: frozenset[str]
    agencies: tuple[str, ...]
    sites: tuple[str, ...]
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
        legal_forms=frozenset(map(fold_text, data["legal_forms"])),
        agencies=tuple(map(fold_text, data["agencies"])),
        sites=tuple(map(fold_text, data["sites"])),
        non_answers=frozenset(
            fold_text(word) for name in ("nothing", "declined", "cannot_apply") for word in data[name]
        ),
        longest_non_answer=max(len(word) for name in ("nothing", "declined", "cannot_apply") for word in data[name]),
        homonyms={country: frozenset(others) for country, others in data["same_place"].items()},
    )


@dataclass(frozen=True)
class Countries:
    """ISO 3166-1 alpha-2 codes (XK for Kosovo) by every folded word for them; names by code.

    ``by_shared_name``: by folded name, the countries that share it; such a name is in no other list. ``by_accented``: short names
    that are codes of other countries without their accents (Áo is Austria). ``misspelt``: codes by folded misspelling.
    ``english``: other English names.
    """

    by_word: Mapping[str, str]
    names: Mapping[str, str]
    by_shared_name: Mapping[str, tuple[str, ...]]
    by_accented: Mapping[str, str]
    misspelt: Mapping[str, str]
    english: tuple[str, ...]

    @cached_property
    def by_name(self) -> Mapping[str, str]:
        """Return the codes by folded name, without the synonyms."""
        return {fold_text(name): code for code, name in self.names.items()}

    def find(self, text: str) -> str | None:
        """Return the code of the country of this name, synonym or code; None if the word is unknown. Never guesses."""
        word = fold_text(text)
        if len(word) <= 3 and word.isascii() and not text.isascii():
            return self.by_accented.get(
                unicodedata.normalize("NFC", text.strip().casefold())
            )  # with its accent, "Mỹ" means the United States and never Malaysia, whose code is MY
        code = self.by_word.get(word)
        if code is None and word.startswith("the"):
            code = self.by_word.get(word[3:])
        return code

    def read(self, text: str) -> str | None:
        """Return the code of the one country that a text names, also twice: "TH - Thailand"; else None."""
        code = self.find(text)
        if code is None and COUNTRY_PARTS.search(text):
            codes = {self.find(part.strip()) for part in COUNTRY_PARTS.split(text) if part.strip(" .")}
            code = codes.pop() if len(codes) == 1 else None
        return code

    def list_names(self, language: str) -> Mapping[str, str]:
        """Return the names of all countries in a language (Unicode CLDR), by code.

        English has the names of our list, and so has a country whose name in the language would not be read back.
        """
        if language == "en":
            return self.names
        titles = Locale.parse(language, sep="-").territories
        return {
            code: titles[code] if self.read(titles.get(code, "")) == code else name for code, name in self.names.items()
        }

    def find_sharing(self, text: str) -> tuple[str, ...]:
        """Return the codes of the countries that share a name; none if the text is no such name."""
        return self.by_shared_name.get(fold_text(text), ())

    @cached_property
    def spelt(self) -> Sequence[str]:
        """Return the English names that a text may misspell.

        In other languages, too many towns are spelt nearly like a country.
        """
        words = map(fold_text, (*self.names.values(), *self.english))
        return [word for word in words if len(word) > 3 and word.isascii()]

    def find_near(self, text: str) -> str | None:
        """Return the code of the only country whose name a text misspells; None if there is none, or more than one.

        One letter is wrong, missing, added or swapped; of long names two are, but not the first. No other country may be as near:
        "Austrlia" may be two, and "Congo" is not "Togo". Other misspellings that lists contain are in ``lists/words.toml``.
        """
        word = fold_text(text)
        if word in self.misspelt:
            return self.misspelt[word]
        if len(word) < SHORTEST_MISSPELT or not word.isascii() or word in self.by_shared_name or word in load_cities():
            return None
        allowed = 1 if len(word) < LONG_NAME else 2
        distances: dict[str, int] = {}
        for known, distance, _ in process.extract(
            word, self.spelt, scorer=OSA.distance, score_cutoff=allowed, limit=None
        ):
            if distance < 2 or (known[0] == word[0] and abs(len(known) - len(word)) < 2):
                code = self.by_word[known]
                distances[code] = min(int(distance), distances.get(code, int(distance)))
        nearest = [code for code, distance in distances.items() if distance == min(distances.values())]
        return nearest[0] if len(nearest) == 1 else None

    def suggest(self, text: str) -> tuple[str, ...]:
        """Return at most three countries spelt nearly like the text, for the sender to choose from."""
        word = fold_text(text)
        allowed = max(1, len(word) // 4)
        near = process.extract(word, self.spelt, scorer=OSA.distance, score_cutoff=allowed, limit=None)
        return tuple(dict.fromkeys(self.names[self.by_word[known]] for known, *_ in near))[:3]


@cache
def load_countries() -> Countries:
    """Load ``lists/country.csv`` and the shared names in ``lists/words.toml``.

    Raises :class:`DataFileError` if one word would mean two countries.
    """
    by_word: dict[str, str] = {}
    by_accented: dict[str, str] = {}
    names: dict[str, str] = {}
    for row in read_list("country.csv"):
        code = row["code"]
        names[code] = row["name"]
        for word in (code, row["name"], row.get("iso3", ""), *row["synonyms"].split("|")):
            folded = fold_text(word)
            if len(folded) <= 3 and folded.isascii() and not word.isascii():
                by_accented[unicodedata.normalize("NFC", word.casefold())] = code
            elif word.strip() and by_word.setdefault(fold_text(word), code) != code:
                raise DataFileError(
                    "lists/country.csv",
                    code,
                    f"'{word}' is also a word for {by_word[fold_text(word)]}",
                    "Use it for only one of them.",
                )
    data = tomllib.loads((LISTS_DIR / "words.toml").read_text(encoding="utf-8"))
    shared_names = data["shared_name"]
    misspelt = {fold_text(word): code for code, words in data["misspelt_country"].items() for word in words}
    by_shared_name = {fold_text(word): tuple(item["countries"]) for item in shared_names for word in item["words"]}
    if both := by_shared_name.keys() & by_word.keys():
        fault = "is also a word for a single country"
        raise DataFileError("lists/words.toml", min(both), fault, "Use it in only one of the lists.")
    return Countries(by_word, names, by_shared_name, by_accented, misspelt, tuple(data["english_country"]))


@cache
def load_cities() -> Mapping[str, frozenset[str]]:
    """Load ``lists/city.csv``: by folded name of a large city or capital, the countries that have a place of this name."""
    return {fold_text(row["name"]): frozenset(row["countries"].split("|")) for row in read_list("city.csv")}


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


@cache
def read_translations(path: Path) -> Mapping[str, Any]:
    """Read the file of a language (:mod:`questionnaires.languages`). Raises tomllib.TOMLDecodeError."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def load_translated_sectors() -> Mapping[str, tuple[str, ...]]:
    """Load the codes of sectors by their names in the languages of the forms, folded: the broader ones if several have a name."""
    sectors = load_sectors()
    found: dict[str, list[str]] = {}
    for path in sorted(TRANSLATIONS_DIR.glob("*.toml")):
        data = read_translations(path)
        texts = dict(data.get("draft", {}))
        for confirmation in data.get("confirmed", ()):
            texts |= confirmation["texts"]
        for code, name in sectors.names.items():
            if name in texts:
                found.setdefault(fold_text(texts[name]), []).append(code)
    return {name: keep_broadest(codes, sectors.section_by_code) for name, codes in found.items()}


def find_sectors(text: str) -> tuple[str, ...]:
    """Return the codes of the sectors that a word stands for, in any language; empty if there are none."""
    folded = fold_text(text)
    return load_sectors().by_word.get(folded) or load_translated_sectors().get(folded, ())


def read_list(name: str) -> list[dict[str, str]]:
    """Return the rows of a list as dicts. No value is read as missing: NA is Namibia."""
    with (LISTS_DIR / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
