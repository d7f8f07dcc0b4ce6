"""Find where labour is imposed by a state: by place, sector, good, or the state that sends the workers (method-4, section 5).

``facts/state_imposed.csv`` is append-only like the other tables. Each row has a scope and a grade: ``documented``, a pattern
there or a state that itself places the workers; ``named``, a government named for labour that it exacts itself; ``note``, shown
and never scored. A row holds from its day ``from`` to before ``until``, as far as it was published by the day of the assessment.
``facts/regions.csv`` lists all regions of each country with a documented one, by which an address is recognised.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from risk_models.answers import DECLINED, Answers, Codes, Flags
from risk_models.data_file import DataFileError
from risk_models.name_normalize import normalize_text

GRADES = ("none", "named", "documented")  # in ascending order of their lift
ANY_COUNTRY = "*"
IMPOSED_COLUMNS = [
    "id", "grade", "country", "region", "sector", "good", "sender", "from", "until", "known_from", "publisher", "source", "quote",
]  # fmt: skip
REGION_COLUMNS = ["country", "region", "title", "names", "postcodes"]
PLACE_QUESTIONS = ("region", "city", "address", "postal_code")
NAMING_QUESTIONS = ("region", "city")  # a name in these also identifies the country
POSTCODE = re.compile(r"(?<![0-9])[0-9]{5,6}(?![0-9])")
FORM_VERSION = re.compile(r"\b([0-9]{4})\.([0-9]+)$", re.ASCII)
# The last division of each section of ISIC Rev.4 (United Nations Statistics Division, 2008).
SECTIONS = {
    "A": "03", "B": "09", "C": "33", "D": "35", "E": "39", "F": "43", "G": "47", "H": "53", "I": "56", "J": "63", "K": "66",
    "L": "68", "M": "75", "N": "82", "O": "84", "P": "85", "Q": "88", "R": "93", "S": "96", "T": "98", "U": "99",
}  # fmt: skip
MAX_CACHED_PLACES = 65_536
UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
# What makes a name that of a street, which may be in any city.
STREETS = frozenset("road rd street st avenue ave boulevard lane lu jie dadao".split())
STREET_DIRECTIONS = frozenset("north south east west middle central n s e w m zhong bei nan dong xi".split())
NO_STREET = "(?![东南西北中東]{0,2}[一二三四五]?(?:路|街|大道|巷|弄))"


@dataclass(frozen=True)
class ImposedLabour:
    """One row of the table: where a state imposes labour, how well that is documented, and who says so. An empty scope is any."""

    id: str
    grade: str
    country: str
    region: str
    sector: str
    good: str
    sender: str
    starts: str  # column from
    ends: str  # column until
    known_from: str
    publisher: str
    source: str
    quote: str


@dataclass(frozen=True)
class Region:
    """A region of a country: its id, title, the normalised names by which a text names it, and the prefixes of its postcodes."""

    country: str
    id: str
    title: str
    names: tuple[str, ...]
    postcodes: tuple[str, ...]


@dataclass(frozen=True)
class ImposedLabourFindings:
    """What the table says of n suppliers, arrays (n,).

    ``grade`` and ``grade_without_declined``: the index in GRADES of the gravest row that applies, and of those that apply
    without a declined answer; ``row``: its position in ``rows``, -1 if none applies; ``by_good``: a row about a good applies.
    ``place_open``: a region of the country is documented, and the place was not given.
    """

    rows: tuple[ImposedLabour, ...]
    grade: Codes
    grade_without_declined: Codes
    row: Codes
    by_good: Flags
    place_open: Flags

    @property
    def documented(self) -> Flags:
        """Return where labour is documented as imposed by a state (n,)."""
        flags: Flags = self.grade == GRADES.index("documented")
        return flags


def load_imposed_labour(folder: Path, goods: Mapping[str, Any]) -> tuple[ImposedLabour, ...]:
    """Load ``state_imposed.csv``; no rows if there is no such file. Raises DataFileError with the line of the first fault."""
    file = folder / "state_imposed.csv"
    if not file.exists():
        return ()
    rows = tuple(ImposedLabour(*values) for values in _read_rows(file, IMPOSED_COLUMNS))
    regions = {(region.country, region.id) for region in load_regions(folder)}
    checks: tuple[tuple[str, Callable[[ImposedLabour], bool]], ...] = (
        ("the grade must be documented, named or note", lambda row: row.grade in (*GRADES[1:], "note")),
        ("the country must be an alpha-2 code or *", lambda row: bool(re.fullmatch(r"[A-Z]{2}|\*", row.country))),
        ("the region is not in regions.csv", lambda row: not row.region or (row.country, row.region) in regions),
        ("the good is not in goods_words.csv", lambda row: not row.good or row.good in goods),
        ("the sender must be an alpha-2 code", lambda row: bool(re.fullmatch(r"([A-Z]{2})?", row.sender))),
        ("'from' and 'known_from' must be dates", lambda row: _is_day(row.starts) and _is_day(row.known_from)),
        ("'until' must be empty or a date", lambda row: not row.ends or _is_day(row.ends)),
        ("the source is missing", lambda row: bool(row.publisher.strip() and row.source.strip())),
        (
            "a row that is not a note needs a scope",
            lambda row: row.grade == "note" or row.country != "*" or bool(row.sender),
        ),
    )
    ids = [row.id for row in rows]
    for line, row in enumerate(rows, 2):
        fault = next((fault for fault, is_valid in checks if not is_valid(row)), None)
        if fault is None and ids.count(row.id) > 1:
            fault = "the id appears twice"
        if fault is not None:
            raise DataFileError(file.name, f"line {line}: {row.id}", fault)
    return rows


def load_regions(folder: Path) -> tuple[Region, ...]:
    """Load ``regions.csv``; no regions if there is no such file. Raises DataFileError if its columns differ."""
    file = folder / "regions.csv"
    if not file.exists():
        return ()
    return tuple(
        Region(country, region, title, tuple(map(normalize_text, _split(f"{title}|{names}"))), _split(postcodes))
        for country, region, title, names, postcodes in _read_rows(file, REGION_COLUMNS)
    )


def select_rows_known(rows: Sequence[ImposedLabour], on: date) -> tuple[ImposedLabour, ...]:
    """Return the rows that had been published by a day and hold on it."""
    day = on.isoformat()
    return tuple(
        row for row in rows if row.known_from <= day and row.starts <= day and (not row.ends or day < row.ends)
    )


def _read_rows(file: Path, columns: list[str]) -> list[tuple[str, ...]]:
    table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8")
    if list(table.columns) != columns:
        raise DataFileError(
            file.name, "", f"its columns are {', '.join(table.columns)}; they should be {', '.join(columns)}"
        )
    return list(table.itertuples(index=False, name=None))


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _split(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split("|") if part.strip()))


def find_section(isic: str) -> str:
    """Return the section letter of an ISIC Rev.4 code of two or more digits."""
    return next(letter for letter, last in SECTIONS.items() if isic[:2] <= last)


class RegionIndex:
    """Finds the regions that a text names: by whole words or, in a postcode or an address, by a prefix of a postcode."""

    def __init__(self, regions: Sequence[Region]) -> None:
        self.names: dict[str, dict[str, list[str]]] = {}
        self.unspaced: dict[str, list[tuple[str, str]]] = {}
        self.postcodes: dict[str, list[tuple[str, str]]] = {}
        for region in regions:
            names = self.names.setdefault(region.country, {})
            unspaced = self.unspaced.setdefault(region.country, [])
            for name in region.names:
                if UNSPACED.search(name):
                    unspaced.append((name, region.id))
                else:
                    names.setdefault(name, []).append(region.id)
            self.postcodes.setdefault(region.country, []).extend((prefix, region.id) for prefix in region.postcodes)
        self.longest = max((len(name.split()) for names in self.names.values() for name in names), default=0)
        self._cache: dict[tuple[str, str, str], frozenset[str]] = {}

    def find_regions(self, country: str, question: str, text: str) -> frozenset[str]:
        """Return the ids of the regions of a country that an answer to a question about the place names."""
        key = (country, question, text)
        found = self._cache.get(key)
        if found is None:
            if len(self._cache) >= MAX_CACHED_PLACES:
                self._cache.clear()
            found = self._cache[key] = frozenset(self._iter_regions(country, question, text))
        return found

    def locate(self, row: Mapping[str, object]) -> tuple[frozenset[str], bool] | None:
        """Return the regions that the answers of one supplier name, and whether the region was declined.

        None if no region of its country, flag or destinations is listed.
        """
        countries = [row.get("country"), row.get("flag"), *_list_codes(row.get("destination_countries"))]
        listed = list(self.names) if row.get("country") is None else [c for c in countries if c in self.names]
        if not listed:
            return None
        named = {
            f"{country}/{region}"
            for country in listed
            for question in PLACE_QUESTIONS
            if row.get(question) is not None
            for region in self.find_regions(str(country), question, str(row[question]))
        }
        return frozenset(named), row.get("region") == DECLINED

    def _iter_regions(self, country: str, question: str, text: str) -> Iterator[str]:
        if question in ("postal_code", "address"):
            for postcode in POSTCODE.findall(text):
                yield from (region for prefix, region in self.postcodes.get(country, ()) if postcode.startswith(prefix))
        if question == "postal_code":
            return
        normalized = normalize_text(text)
        words, names = normalized.split(), self.names.get(country, {})
        for size in range(1, self.longest + 1):
            for start in range(len(words) - size + 1):
                if not _is_street(words[start + size : start + size + 2]):
                    yield from names.get(" ".join(words[start : start + size]), ())
        if UNSPACED.search(normalized):
            yield from (
                region
                for name, region in self.unspaced.get(country, ())
                if name in normalized and re.search(name + NO_STREET, normalized)
            )


def _is_street(words: Sequence[str]) -> bool:
    """Return whether the words after a name make it that of a street: Urumqi Middle Road is in Shanghai."""
    return any(word in STREETS for word in words[:1]) or (
        len(words) == 2 and words[0] in STREET_DIRECTIONS and words[1] in STREETS
    )


def _list_codes(answer: object) -> tuple[object, ...]:
    return answer if isinstance(answer, tuple) else ()


@lru_cache(maxsize=16)
def build_region_index(regions: tuple[Region, ...]) -> RegionIndex:
    """Build the index of some regions, once."""
    return RegionIndex(regions)


class ImposedLabourFinder:
    """Finds the rows that apply to n suppliers of one kind ("site" or "agency"); each distinct answer is read once.

    ``find_goods``: the goods that a product text names; ``goods_isic``: the ISIC codes of each good.
    """

    def __init__(
        self,
        answers: Answers,
        kind: str,
        rows: Sequence[ImposedLabour],
        regions: Sequence[Region],
        find_goods: Callable[[str], Sequence[str]],
        goods_isic: Mapping[str, tuple[str, ...]],
    ) -> None:
        self.answers, self.kind, self.find_goods, self.goods_isic = answers, kind, find_goods, goods_isic
        self.all_rows = tuple(rows)
        self.further_place = "flag" if kind == "site" else "destination_countries"
        self.rows = [(position, row) for position, row in enumerate(rows) if row.grade in GRADES]
        self.index = build_region_index(tuple(regions))
        self._cache: dict[tuple[str, str], Flags] = {}

    def find(self) -> ImposedLabourFindings:
        """Return the gravest row that applies to each supplier."""
        n = len(self.answers)
        grade, certain, row_found = (np.full(n, value, dtype=np.int32) for value in (0, 0, -1))
        by_good, place_open = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        for position, row in self.rows:
            country, country_declined = self.match_country(row)
            if not (country | country_declined).any():
                continue
            sector = self.match(row.sector, self.match_sector)
            (good, good_declined), (sender, sender_declined) = self.match_good(row), self.match_sender(row)
            region, region_declined, region_open = self.match_region(row)
            surely = country & sector & good & sender
            possibly = (country | country_declined) & sector & (good | good_declined) & (sender | sender_declined)
            applies = possibly & (region | region_declined)
            code = GRADES.index(row.grade)
            row_found = np.where(applies & (code > grade), position, row_found).astype(np.int32)
            grade = np.where(applies, np.maximum(grade, code), grade).astype(np.int32)
            certain = np.where(surely & region, np.maximum(certain, code), certain).astype(np.int32)
            if row.good:
                by_good |= applies
            if row.grade == "documented":
                place_open |= possibly & region_open
        place_open &= grade < GRADES.index("documented")
        return ImposedLabourFindings(self.all_rows, grade, certain, row_found, by_good, place_open)

    def match(self, value: str, function: Callable[[str], Flags]) -> Flags:
        """Return where a scope matches, everywhere where it is empty; computed once for each value."""
        if not value:
            return np.ones(len(self.answers), dtype=bool)
        key = (function.__name__, value)
        if key not in self._cache:
            self._cache[key] = function(value)
        return self._cache[key]

    def find_answers(self, question: str, is_match: Callable[[Any], bool]) -> Flags:
        """Return where an answer matches (n,); no answer never does."""
        values, codes = self.answers.column(question)
        flags: Flags = np.array([*(is_match(value) for value in values), False], dtype=np.bool_)[codes]
        return flags

    def match_country(self, row: ImposedLabour) -> tuple[Flags, Flags]:
        """Return where a row is about the country of work, the flag or a destination, and where these were declined.

        A flag that was declined may be that of any state; no flag and no destination is in a region.
        """
        if row.region:
            return self.match(row.country, self.match_possible_place), np.zeros(len(self.answers), dtype=bool)
        own = self.match("" if row.country == ANY_COUNTRY else row.country, self.match_place_of_work)
        if row.country == ANY_COUNTRY:
            return own, np.zeros(len(self.answers), dtype=bool)
        return own, self.find_answers(self.further_place, lambda value: value == DECLINED)

    def match_place_of_work(self, country: str) -> Flags:
        """Return where people work in a country or under its flag, or an agency is established there or places workers there."""
        return self.find_answers("country", lambda value: value == country) | self.find_answers(
            self.further_place, lambda value: value == country or (isinstance(value, tuple) and country in value)
        )

    def match_sector(self, isic: str) -> Flags:
        """Return where one of the sectors is an ISIC code, a narrower one, or only its section letter, which may hide it."""
        return self.find_sectors(lambda code: code.startswith(isic) or code == find_section(isic))

    def match_sector_of_good(self, isic: str) -> Flags:
        """Return where one of the sectors is that of a good, or a narrower or broader one, as with listed goods."""
        return self.find_sectors(
            lambda code: code.startswith(isic) or isic.startswith(code) or code == find_section(isic)
        )

    def find_sectors(self, is_match: Callable[[str], bool]) -> Flags:
        """Return where any sector of the site, or that an agency places workers in, matches."""
        question = "sector" if self.kind == "site" else "placement_sectors"
        return self.find_answers(
            question, lambda value: isinstance(value, tuple) and any(is_match(str(code)) for code in value)
        )

    def match_good(self, row: ImposedLabour) -> tuple[Flags, Flags]:
        """Return where a good matches: by the product or, where its text names no good, by the sector; and where it was declined.

        A text that names no good we know may be a spelling of this one.
        """
        n = len(self.answers)
        if not row.good:
            return np.ones(n, dtype=bool), np.zeros(n, dtype=bool)
        named = self.match(row.good, self.match_product)
        unnamed = self.match("any", self.match_no_good)
        by_sector = np.zeros(n, dtype=bool)
        for isic in self.goods_isic[row.good]:
            by_sector |= self.match(isic, self.match_sector_of_good)
        declined = self.find_answers("product", lambda value: value == DECLINED)
        return named | (unnamed & by_sector), declined

    def match_no_good(self, _: str) -> Flags:
        """Return where the product was not given or names no good."""
        unnamed = self.find_answers("product", lambda value: value != DECLINED and not self.find_goods(str(value)))
        return unnamed | (self.answers.column("product").codes < 0)

    def match_product(self, good: str) -> Flags:
        """Return where the product names a good."""
        return self.find_answers("product", lambda value: value != DECLINED and good in self.find_goods(str(value)))

    def match_sender(self, row: ImposedLabour) -> tuple[Flags, Flags]:
        """Return where a state sends the workers, and where their origins were declined in a country it is known to send to."""
        n = len(self.answers)
        if not row.sender:
            return np.ones(n, dtype=bool), np.zeros(n, dtype=bool)
        declined = self.find_answers("worker_origin_countries", lambda value: value == DECLINED)
        return self.match(row.sender, self.match_origin), declined & (row.country != ANY_COUNTRY)

    def match_origin(self, sender: str) -> Flags:
        """Return where workers come from a state: their countries of origin, or the country of an agency."""
        origins = self.find_answers(
            "worker_origin_countries", lambda value: isinstance(value, tuple) and sender in value
        )
        return origins if self.kind == "site" else origins | self.find_answers("country", lambda value: value == sender)

    def match_region(self, row: ImposedLabour) -> tuple[Flags, Flags, Flags]:
        """Return where the place is in a region, where it was declined, and where it was not given."""
        n = len(self.answers)
        if not row.region:
            return np.ones(n, dtype=bool), np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        given = self.match(row.country, self.match_any_region)
        own = self.match(f"{row.country}/{row.region}", self.match_own_region)
        # A form that asks for the place and came back with none, or with one that no list knows, has declined it. The forms for
        # agencies let a blank be, and a flag or a destination is no place.
        came_back = self.find_answers("form_version", asks_for_place) & self.find_answers("form_returned", bool)
        came_back &= self.find_answers("country", lambda value: value == row.country) & (self.kind == "site")
        declined = (self.find_answers("region", lambda value: value == DECLINED) | came_back) & ~given
        return own, declined, ~given & ~declined & self.match(row.country, self.match_place_of_work)

    def match_possible_place(self, country: str) -> Flags:
        """Return where people work in a country, or where a site names no country, so that only its region can show it."""
        no_country = (self.answers.column("country").codes < 0) & (self.kind == "site")
        return self.match(country, self.match_place_of_work) | no_country

    def match_any_region(self, country: str) -> Flags:
        """Return where the place names any region of a country."""
        return self.find_place(country, bool)

    def match_own_region(self, key: str) -> Flags:
        """Return where the place names one region ("CN/xinjiang")."""
        country, _, region = key.partition("/")
        return self.find_place(country, lambda regions: region in regions)

    def find_place(self, country: str, is_match: Callable[[frozenset[str]], bool]) -> Flags:
        """Return where the regions of a country that any answer about the place names match (n,)."""
        flags = np.zeros(len(self.answers), dtype=bool)
        in_country = self.match(country, self.match_place_of_work)
        elsewhere = self.match(country, self.match_possible_place) & ~in_country
        for suppliers, questions in ((in_country, PLACE_QUESTIONS), (elsewhere, NAMING_QUESTIONS)):
            for question in questions if suppliers.any() else ():
                values, codes = self.answers.column(question)
                used = set(codes[suppliers].tolist())
                matches = [
                    code in used and is_match(self.index.find_regions(country, question, str(value)))
                    for code, value in enumerate(values)
                ]
                flags |= suppliers & np.array([*matches, False], dtype=np.bool_)[codes]
        return flags


def asks_for_place(form_version: object) -> bool:
    """Return whether silence about the place declines it in a version of a form ("site 2026.4"); earlier ones exempted it."""
    match = FORM_VERSION.search(str(form_version))
    return match is not None and (int(match[1]), int(match[2])) >= (2026, 4)
