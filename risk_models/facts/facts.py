"""Facts about countries, sectors, goods and corridors: what was known on a day, where it comes from, how to read it.

The tables (``facts/*.csv``) are append-only: a row bears the year it speaks of and the day it was published, and a
correction is a later row, so any past day can be replayed. An empty value withdraws a fact from that day on. What each
fact is, and whether a model may score it, stands in ``facts/facts.toml``; which words name a good in
``facts/goods_words.csv``.
"""

from __future__ import annotations

import hashlib
import math
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FOLDER = Path(__file__).parent
COLUMNS = ["code", "fact", "value", "year", "known_from", "source"]
CODES = {
    "country": r"[A-Z]{2}",
    "sector": r"[A-U]|[0-9]{2,4}",
    "corridor": r"(?:[A-Z]{2}|\*)>(?:[A-Z]{2}|\*)",
    "goods": r"[A-Z]{2}/[a-z0-9_]+",
}
USES = ("scored", "note", "exposure")
# A missing fact is filled from so many countries, the nearest in the facts that are known (method section 3).
NEAREST = 15
HS_CODE = re.compile(r"\b[0-9]{4}\.[0-9]{2}(?:\.?[0-9]{2,4})*\b")
# Thai, Lao, Burmese, Khmer, kana, Chinese characters, Hangul: words are not set off by blanks and are sought anywhere.
WITHOUT_BLANKS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


class BadFact(Exception):
    """A fact file that cannot be used: which file, which row or item, what is wrong."""


@dataclass(frozen=True)
class Description:
    """What a fact is. ``use``: "scored", "note" (shown only) or "exposure"; ``partial``: absence proves nothing."""

    id: str
    title: str
    unit: str
    publisher: str
    licence: str
    reference: str
    lowest: float
    highest: float
    riskier_when_higher: bool
    use: str
    partial: bool
    read: str


@dataclass(frozen=True)
class Fact:
    """One known value. ``year`` is the year it speaks of, None where the publisher does not tell it."""

    value: float
    year: int | None
    source: str


@dataclass(frozen=True)
class Good:
    """A good of the lists: words that name it in a product text, its ISIC codes and HS codes (digits, any length)."""

    words: tuple[str, ...]
    isic: tuple[str, ...]
    hs: tuple[str, ...]


@dataclass(frozen=True)
class Filled:
    """Country facts without gaps, index alpha-2 codes, columns facts: value, its range, whether it was filled by us.

    NaN only where nothing at all is known of a country.
    """

    values: pd.DataFrame
    low: pd.DataFrame
    high: pd.DataFrame
    filled: pd.DataFrame


@dataclass(frozen=True, eq=False)
class FactsOn:
    """The facts as they were known on a day: per table, the latest row of each code and fact published by then."""

    on: date
    tables: Mapping[str, Mapping[tuple[str, str], Fact]]
    descriptions: Mapping[str, Description]
    goods: Mapping[str, Good]

    @cached_property
    def digest(self) -> str:
        """sha256 of all that can change a score on this day: scored facts with their values, and the words of goods.

        Notes, exposure and what was published later leave it as it is, so that an old assessment still verifies against
        a newer release.
        """
        said = []
        for table, rows in sorted(self.tables.items()):
            for (code, fact), known in sorted(rows.items()):
                about = self.descriptions[f"{table}.{fact}"]
                if about.use == "scored":
                    said.append(f"{table},{code},{fact},{known.value!r},{about.riskier_when_higher},{about.partial}")
        said += [f"{name},{'|'.join(good.words)},{'|'.join(good.hs)}" for name, good in sorted(self.goods.items())]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()

    def value(self, table: str, code: str, fact: str) -> Fact | None:
        """A fact of exactly this code; None if it is not known."""
        return self.tables[table].get((code, fact))

    def number(self, table: str, code: str, fact: str) -> float:
        """The value of a fact of exactly this code, NaN if it is not known."""
        known = self.value(table, code, fact)
        return math.nan if known is None else known.value

    def title(self, fact_id: str) -> str:
        """The title of a fact ("country.tip_tier"; that of "flag.itf_foc" is the country's)."""
        return self.descriptions[described_under(fact_id)].title

    def use(self, fact_id: str) -> str:
        """What a fact is for: "scored", "note" or "exposure"."""
        return self.descriptions[described_under(fact_id)].use

    def of_country(self, code: str) -> tuple[tuple[str, Fact], ...]:
        """Everything known of a country, in the order of ``facts.toml``."""
        names = [full.removeprefix("country.") for full in self.descriptions if full.startswith("country.")]
        known = [(name, self.value("country", code, name)) for name in names]
        return tuple((name, fact) for name, fact in known if fact is not None)

    def of_corridor(self, origin: str, destination: str) -> tuple[tuple[str, str, Fact], ...]:
        """Everything known of a corridor and of its two ends alone, in the order of ``facts.toml``: code, name, fact."""
        names = [full.removeprefix("corridor.") for full in self.descriptions if full.startswith("corridor.")]
        codes = (f"{origin}>{destination}", f"{origin}>*", f"*>{destination}")
        known = [(code, name, self.value("corridor", code, name)) for name in names for code in codes]
        return tuple((code, name, fact) for code, name, fact in known if fact is not None)

    def sector(self, code: str, fact: str) -> Fact | None:
        """A fact of the longest known prefix of an ISIC code: 0311, else 031, else 03. A section is its own letter."""
        prefixes = (code[:n] for n in range(len(code), 0, -1))
        return next((known for known in (self.value("sector", p, fact) for p in prefixes) if known is not None), None)

    def sector_hazard(self, code: str) -> float | None:
        """The hazard (0..1) of an ISIC code by its longest known prefix; None where none is known."""
        known = self.sector(code, "hazard")
        return None if known is None else known.value

    def division_hazards(self) -> Floats:
        """The hazards of all divisions of ISIC, by code: what an unknown sector may be."""
        hazards = {code: known.value for (code, fact), known in self.tables["sector"].items() if fact == "hazard"}
        return np.array([hazards[code] for code in sorted(hazards) if len(code) == 2], dtype=np.float64)

    def largest_hazard(self) -> float:
        """The largest hazard of any sector: what a sector that was declined may be."""
        return max(known.value for (_, fact), known in self.tables["sector"].items() if fact == "hazard")

    def corridor(self, origin: str, destination: str, fact: str) -> tuple[Fact, ...]:
        """All rows that speak of a corridor: its own, from its origin to anywhere, from anywhere to its destination."""
        codes = (f"{origin}>{destination}", f"{origin}>*", f"*>{destination}")
        return tuple(known for known in (self.value("corridor", code, fact) for code in codes) if known is not None)

    def goods_in(self, text: str) -> tuple[str, ...]:
        """The goods a product text names, by words in many languages or by HS codes written with a dot (0306.17)."""
        told = plain(text)
        words = told.split()
        phrases, longest, inside = self._goods_words
        found = {
            good
            for size in range(1, longest + 1)
            for start in range(len(words) - size + 1)
            for good in phrases.get(" ".join(words[start : start + size]), ())
        }
        if WITHOUT_BLANKS.search(told):
            found.update(good for word, good in inside if word in told)
        for code in HS_CODE.findall(text) if "." in text else ():
            digits = code.replace(".", "")
            found.update(
                name for name, good in self.goods.items() if any(digits.startswith(prefix) for prefix in good.hs)
            )
        return tuple(name for name in self.goods if name in found) if found else ()

    @cached_property
    def _goods_words(self) -> tuple[dict[str, list[str]], int, list[tuple[str, str]]]:
        """Goods by the words that name them, the most words one has, and words of scripts without blanks with their goods."""
        phrases: dict[str, list[str]] = {}
        inside: list[tuple[str, str]] = []
        for name, good in self.goods.items():
            for word in good.words:
                if WITHOUT_BLANKS.search(word):
                    inside.append((word, name))
                else:
                    phrases.setdefault(word, []).append(name)
        return phrases, max((len(word.split()) for word in phrases), default=0), inside

    @cached_property
    def _countries(self) -> pd.DataFrame:
        rows = [(code, fact, known.value) for (code, fact), known in self.tables["country"].items()]
        long = pd.DataFrame(rows, columns=["code", "fact", "value"])
        table = long.pivot(index="code", columns="fact", values="value")
        return table.rename_axis(index=None, columns=None).sort_index()

    def country_table(self) -> pd.DataFrame:
        """All country facts: index alpha-2 codes in order, columns facts in order, float64, NaN where not known."""
        return self._countries.copy()

    def fill(self, facts: Sequence[str]) -> Filled:
        """Country facts ("wgi_voice", without prefix) for every country of the table, gaps filled and marked as ours.

        A gap takes the value that three quarters of the 15 nearest countries do not exceed in risk, their lowest and
        highest being its range (method section 3). Near is by the root mean square difference over the scored, complete
        facts known of both, each in standard deviations; of a neighbour the missing fact is known and at least half of
        what is known of the country; ties go by code. Raises ValueError for a fact that is partial or not scored, whose
        absence says nothing.
        """
        for name in facts:
            described_as = self.descriptions[f"country.{name}"]
            if described_as.partial or described_as.use != "scored":
                raise ValueError(f"country.{name} is not known of every country: it cannot be filled")
        table = self._countries.reindex(columns=sorted({*self._countries.columns, *facts}))
        values = {name: table[name].to_numpy(dtype=np.float64).copy() for name in facts}
        low, high = ({name: column.copy() for name, column in values.items()} for _ in range(2))
        filled = {name: np.zeros(len(table), dtype=bool) for name in facts}
        if not table.empty:
            standard = self._standardised()
            for row in np.flatnonzero(np.isnan(np.array(list(values.values()))).any(axis=0)).tolist():
                distance = _distances(standard, row)
                nearest_first = np.argsort(distance, kind="stable")[: np.count_nonzero(~np.isnan(distance))]
                for name in facts:
                    known = table[name].to_numpy(dtype=np.float64)
                    around = known[nearest_first][~np.isnan(known[nearest_first])][:NEAREST]
                    if np.isnan(known[row]) and around.size:
                        quarter = 75 if self.descriptions[f"country.{name}"].riskier_when_higher else 25
                        values[name][row] = np.percentile(around, quarter)
                        low[name][row], high[name][row], filled[name][row] = around.min(), around.max(), True
        return Filled(*(pd.DataFrame(columns, index=table.index) for columns in (values, low, high, filled)))

    def _standardised(self) -> list[Floats]:
        """The scored, complete country facts in standard deviations from the mean; exact sums, alike on any machine."""
        columns = []
        for name in self._countries.columns:
            about = self.descriptions[f"country.{name}"]
            if about.use == "scored" and not about.partial:
                column = self._countries[name].to_numpy(dtype=np.float64)
                known = column[~np.isnan(column)].tolist()
                mean = math.fsum(known) / len(known)
                spread = math.sqrt(math.fsum((v - mean) ** 2 for v in known) / len(known))
                columns.append((column - mean) / (spread or 1.0))
        return columns


def _distances(standard: Sequence[Floats], row: int) -> Floats:
    """How far each country is from the one in a row; NaN where it shares less than half of the facts known of it."""
    n = len(standard[0]) if standard else 0
    squares, shared = np.zeros(n), np.zeros(n)
    known = 0
    for column in standard:
        if not np.isnan(column[row]):
            known += 1
            both = ~np.isnan(column)
            squares += np.where(both, (column - column[row]) ** 2, 0.0)
            shared += both
    return np.where((shared > 0) & (2 * shared >= known), np.sqrt(squares / np.maximum(shared, 1.0)), np.nan)


@dataclass(frozen=True, eq=False)
class Facts:
    """All rows of all tables, whenever they were published."""

    rows: Mapping[str, pd.DataFrame]
    descriptions: Mapping[str, Description]
    goods: Mapping[str, Good]

    def as_of(self, on: date) -> FactsOn:
        """The facts as they were known on a day: one object a day, so that what is worked out from it is not worked out again."""
        return _known_on(self, on)

    def is_scored(self, fact_id: str) -> bool:
        """Whether there is such a fact and a model may score it."""
        return fact_id in self.descriptions and self.descriptions[fact_id].use == "scored"


@lru_cache(maxsize=64)
def _known_on(facts: Facts, on: date) -> FactsOn:
    tables = {}
    for name, rows in facts.rows.items():
        known = rows[rows["known_from"] <= on.isoformat()].drop_duplicates(["code", "fact"], keep="last")
        known = known[known["value"].notna()]
        keys = zip(known["code"].tolist(), known["fact"].tolist(), strict=True)
        columns = zip(known["value"].tolist(), known["year"].tolist(), known["source"].tolist(), strict=True)
        told = (Fact(value, int(year) if year else None, source) for value, year, source in columns)
        tables[name] = MappingProxyType(dict(zip(keys, told, strict=True)))
    return FactsOn(on, MappingProxyType(tables), facts.descriptions, facts.goods)


def described_under(fact_id: str) -> str:
    """The id under which a fact is described: one of a flag is its country's, one of a destination is a corridor's."""
    table, _, name = fact_id.partition(".")
    return f"{ {'flag': 'country', 'destination': 'corridor'}.get(table, table) }.{name}"


def plain(text: str) -> str:
    """Words in small letters, set off by single blanks, without punctuation. Accents stay: thé is not "the"."""
    letters = unicodedata.normalize("NFC", text).casefold()
    return " ".join("".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in letters).split())


@cache
def load(folder: Path = FOLDER) -> Facts:
    """The fact tables of a folder, checked whole. Raises BadFact, naming file and row, for the first fault found."""
    descriptions = _descriptions(folder / "facts.toml")
    goods = _goods(folder / "goods_words.csv")
    rows = {table: _rows(folder / f"{table}.csv", table, descriptions, goods) for table in CODES}
    return Facts(MappingProxyType(rows), MappingProxyType(descriptions), MappingProxyType(goods))


def _descriptions(file: Path) -> dict[str, Description]:
    try:
        entries: list[dict[str, Any]] = tomllib.loads(file.read_text(encoding="utf-8")).get("fact", [])
    except tomllib.TOMLDecodeError as fault:
        raise BadFact(f"{file.name}: {fault}") from fault
    described_facts: dict[str, Description] = {}
    for entry in entries:
        item = str(entry.get("id", "an entry without id"))
        texts = {key: str(entry.get(key, "")).strip() for key in ("title", "unit", "publisher", "licence", "read")}
        for key, text in texts.items():
            if not text:
                raise BadFact(f"{file.name}: {item}: {key!r} is missing")
        span = entry.get("range")
        if item.partition(".")[0] not in CODES or not item.partition(".")[2]:
            raise BadFact(f"{file.name}: {item}: an id is a table and a name, as in country.tip_tier")
        if not isinstance(span, list) or len(span) != 2 or not span[0] < span[1]:
            raise BadFact(f"{file.name}: {item}: 'range' must be the lowest and the highest value")
        if entry.get("use") not in USES or entry.get("higher") not in ("riskier", "safer"):
            raise BadFact(f"{file.name}: {item}: 'use' is one of {', '.join(USES)}; 'higher' is riskier or safer")
        if item in described_facts:
            raise BadFact(f"{file.name}: {item}: described twice")
        described_facts[item] = Description(
            id=item,
            reference=str(entry.get("reference", "")),
            lowest=float(span[0]),
            highest=float(span[1]),
            riskier_when_higher=entry["higher"] == "riskier",
            use=str(entry["use"]),
            partial=bool(entry.get("partial", False)),
            **texts,
        )
    return described_facts


def _goods(file: Path) -> dict[str, Good]:
    goods: dict[str, Good] = {}
    for row in _read(file, ["good", "words", "isic", "hs"]).to_dict("records"):
        words, isic, hs = (tuple(part for part in str(row[c]).split("|") if part) for c in ("words", "isic", "hs"))
        if row["good"] in goods:
            raise BadFact(f"{file.name}: {row['good']}: there twice")
        goods[str(row["good"])] = Good(tuple(plain(word) for word in words), isic, hs)
    return goods


def _rows(file: Path, table: str, descriptions: Mapping[str, Description], goods: Mapping[str, Good]) -> pd.DataFrame:
    rows = _read(file, COLUMNS)
    ids = f"{table}." + rows["fact"]
    number = pd.to_numeric(rows["value"].where(rows["value"] != ""), errors="coerce").astype(np.float64)
    lowest = ids.map({about.id: about.lowest for about in descriptions.values()})
    highest = ids.map({about.id: about.highest for about in descriptions.values()})
    unlisted = ~rows["code"].str.replace(r".*/", "", regex=True).isin(list(goods)) & (table == "goods")
    checks = (
        ("there is no such fact in facts.toml", ~ids.isin(list(descriptions))),
        ("this is no code of the table", ~rows["code"].str.fullmatch(CODES[table])),
        ("the value is no number", (rows["value"] != "") & ~np.isfinite(number)),
        ("the value is out of the range of the fact", (number < lowest) | (number > highest)),
        ("the year is no year", ~rows["year"].str.fullmatch(r"(?:[0-9]{4})?")),
        ("known_from is no day", ~_is_day(rows["known_from"])),
        ("the source is missing", rows["source"].str.strip() == ""),
        ("there is such a row for this day already", rows.duplicated(["code", "fact", "known_from"])),
        ("the good is not in goods_words.csv", unlisted),
    )
    for fault, where in checks:
        if where.any():
            first = rows[where].iloc[0]
            place = f"line {int(np.flatnonzero(where)[0]) + 2}: {first['code']} {first['fact']} {first['known_from']}"
            raise BadFact(f"{file.name}: {place}: {fault}")
    return rows.assign(value=number).sort_values("known_from", kind="stable")


def _is_day(texts: pd.Series[str]) -> pd.Series[bool]:
    distinct = {text: _day(text) for text in texts.unique().tolist()}
    return texts.map(distinct).astype(bool)


def _day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _read(file: Path, columns: list[str]) -> pd.DataFrame:
    """A table of texts. Nothing is read as missing: NA is Namibia."""
    rows = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8")
    if list(rows.columns) != columns:
        raise BadFact(f"{file.name}: its columns are {', '.join(rows.columns)}; they should be {', '.join(columns)}")
    return rows
