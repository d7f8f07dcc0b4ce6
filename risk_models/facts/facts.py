"""Load facts about countries, sectors, goods and corridors: what was known on a day, its source, and how to read it.

The tables (``facts/*.csv``) are append-only: a row has the year it describes and the day it was published, and a
correction is a later row, so any past day can be replayed. An empty value withdraws a fact from that day on. A file of its own
(``SEPARATE_FILES``) holds the rows of a table whose licence asks that they are shared alike.
``facts/facts.toml`` describes each fact and says whether a model may score it; ``facts/goods_words.csv`` lists the words
that name a good.
"""

from __future__ import annotations

import hashlib
import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from risk_models.data_file import DataFileError
from risk_models.facts.state_imposed import (
    ImposedLabour,
    Region,
    load_imposed_labour,
    load_regions,
    select_rows_known,
)
from risk_models.name_normalize import normalize_text

Floats = NDArray[np.float64]

FACTS_FOLDER = Path(__file__).parent
COLUMNS = ["code", "fact", "value", "year", "known_from", "source"]
CODE_PATTERNS = {
    "country": r"[A-Z]{2}",
    "sector": r"[A-U]|[0-9]{2,4}",
    "corridor": r"(?:[A-Z]{2}|\*)>(?:[A-Z]{2}|\*)",
    "goods": r"[A-Z]{2}/[a-z0-9_]+",
}
# Rows of the country table under a share-alike licence, which must not mix with rows under other licences.
SEPARATE_FILES = {"country_vdem": "country"}
USES = ("scored", "note", "exposure")
# A missing fact is filled from this many countries: those nearest in their known facts (method section 3).
NEIGHBOUR_COUNT = 15
HS_CODE = re.compile(r"\b[0-9]{4}\.[0-9]{2}(?:[0-9]{2,}+)?(?:\.[0-9]{2,}+)*\b")
# Thai, Lao, Burmese, Khmer, kana, Chinese characters, Hangul: these scripts have no spaces between words, so words are searched
# for anywhere in a text.
UNSPACED_SCRIPTS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True)
class FactDescription:
    """The description of a fact. ``use``: "scored", "note" (shown only) or "exposure"; ``partial``: absence proves nothing.

    ``compared``: whether the nearest countries, which fill gaps, are found by it. Facts added since method 4 are not compared, so
    that they do not move what earlier models fill.
    """

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
    compared: bool = True

    @property
    def flags(self) -> str:
        """Return what a digest says of the fact: how its values are read, as far as that can change a score."""
        return f"{self.riskier_when_higher},{self.partial}" + ("" if self.compared else ",False")


@dataclass(frozen=True)
class Fact:
    """One known value. ``year``: the year it describes, or None if the publisher does not state it."""

    value: float
    year: int | None
    source: str


@dataclass(frozen=True)
class Good:
    """A listed good: words that name it in a product text, its ISIC codes and HS codes (digits, any length)."""

    words: tuple[str, ...]
    isic: tuple[str, ...]
    hs: tuple[str, ...]


@dataclass(frozen=True)
class FilledFacts:
    """Country facts with gaps filled (rows: alpha-2 codes, columns: facts): each value, its range, and whether it was filled.

    A value is NaN only if nothing at all is known about the country.
    """

    values: pd.DataFrame
    low: pd.DataFrame
    high: pd.DataFrame
    filled: pd.DataFrame


@dataclass(frozen=True, eq=False)
class FactSnapshot:
    """The facts as known on a day: for each table, the latest row for each code and fact that was published by that day."""

    on: date
    tables: Mapping[str, Mapping[tuple[str, str], Fact]]
    descriptions: Mapping[str, FactDescription]
    goods: Mapping[str, Good]
    imposed_labour: tuple[ImposedLabour, ...] = ()
    regions: tuple[Region, ...] = ()

    @cached_property
    def digest(self) -> str:
        """Return the sha256 of everything that can change a score on this day: scored facts and their values, and words for
        goods.

        Notes, exposure and later publications do not change it, so that an old assessment still verifies against a newer
        release.
        """
        lines = []
        for table, rows in sorted(self.tables.items()):
            for (code, name), fact in sorted(rows.items()):
                description = self.descriptions[f"{table}.{name}"]
                if description.use == "scored":
                    lines.append(f"{table},{code},{name},{fact.value!r},{description.flags}")
        lines += [f"{name},{'|'.join(good.words)},{'|'.join(good.hs)}" for name, good in sorted(self.goods.items())]
        lines += [
            f"{row.grade},{row.country},{row.region},{row.sector},{row.good},{row.sender}"
            for row in self.imposed_labour
            if row.grade != "note"
        ]
        if self.imposed_labour:
            lines += [f"{r.country},{r.id},{'|'.join(r.names)},{'|'.join(r.postcodes)}" for r in self.regions]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def get_fact(self, table: str, code: str, fact: str) -> Fact | None:
        """Return the fact for exactly this code; None if it is not known."""
        return self.tables[table].get((code, fact))

    def get_value(self, table: str, code: str, fact: str) -> float:
        """Return the value of the fact for exactly this code; NaN if it is not known."""
        found = self.get_fact(table, code, fact)
        return math.nan if found is None else found.value

    def get_title(self, fact_id: str) -> str:
        """Return the title of a fact ("country.tip_tier"; "flag.itf_foc" has the title of "country.itf_foc")."""
        title = self.descriptions[get_description_id(fact_id)].title
        return f"{title}, another product of the sector" if fact_id.startswith("sector_goods.") else title

    def get_use(self, fact_id: str) -> str:
        """Return the use of a fact: "scored", "note" or "exposure"."""
        return self.descriptions[get_description_id(fact_id)].use

    def list_country_facts(self, code: str) -> tuple[tuple[str, Fact], ...]:
        """Return everything known about a country as (name, fact), in the order of ``facts.toml``."""
        names = [full.removeprefix("country.") for full in self.descriptions if full.startswith("country.")]
        known = [(name, self.get_fact("country", code, name)) for name in names]
        return tuple((name, fact) for name, fact in known if fact is not None)

    def list_corridor_facts(self, origin: str, destination: str) -> tuple[tuple[str, str, Fact], ...]:
        """Return all that is known about a corridor and about each of its ends as (code, name, fact), in the order of
        ``facts.toml``."""
        names = [full.removeprefix("corridor.") for full in self.descriptions if full.startswith("corridor.")]
        codes = (f"{origin}>{destination}", f"{origin}>*", f"*>{destination}")
        known = [(code, name, self.get_fact("corridor", code, name)) for name in names for code in codes]
        return tuple((code, name, fact) for code, name, fact in known if fact is not None)

    def find_sector_fact(self, code: str, fact: str) -> Fact | None:
        """Return the fact for the longest known prefix of an ISIC code: 0311, else 031, else 03. A section has only its
        letter."""
        prefixes = (code[:length] for length in range(len(code), 0, -1))
        found = (self.get_fact("sector", prefix, fact) for prefix in prefixes)
        return next((known for known in found if known is not None), None)

    def get_sector_hazard(self, code: str) -> float | None:
        """Return the hazard (0..1) of an ISIC code by its longest known prefix; None if no prefix is known."""
        hazard = self.find_sector_fact(code, "hazard")
        return None if hazard is None else hazard.value

    def list_division_hazards(self) -> Floats:
        """Return the hazards of all ISIC divisions in order of code, which are the possible values for an unknown sector."""
        hazards = {code: known.value for (code, fact), known in self.tables["sector"].items() if fact == "hazard"}
        return np.array([hazards[code] for code in sorted(hazards) if len(code) == 2], dtype=np.float64)

    def get_largest_hazard(self) -> float:
        """Return the highest hazard of any sector, which is the worst possible value for a declined sector."""
        return max(known.value for (_, fact), known in self.tables["sector"].items() if fact == "hazard")

    def find_corridor_facts(self, origin: str, destination: str, fact: str) -> tuple[Fact, ...]:
        """Return a fact from every row that covers a corridor: its own, from its origin to anywhere, and from anywhere to its
        destination."""
        codes = (f"{origin}>{destination}", f"{origin}>*", f"*>{destination}")
        return tuple(known for known in (self.get_fact("corridor", code, fact) for code in codes) if known is not None)

    @lru_cache(maxsize=10_000)  # noqa: B019  a text is read for several models and facts; few snapshots are in use
    def find_goods(self, text: str) -> tuple[str, ...]:
        """Return the goods named in a product text, recognised by words in many languages or by HS codes with a dot (0306.17)."""
        normalized = normalize_text(text)
        words = normalized.split()
        phrases, longest, unspaced = self._goods_index
        found = {
            good
            for size in range(1, longest + 1)
            for start in range(len(words) - size + 1)
            for good in phrases.get(" ".join(words[start : start + size]), ())
        }
        if UNSPACED_SCRIPTS.search(normalized):
            found.update(good for word, good in unspaced if word in normalized)
        for code in HS_CODE.findall(text) if "." in text else ():
            digits = code.replace(".", "")
            found.update(
                name for name, good in self.goods.items() if any(digits.startswith(prefix) for prefix in good.hs)
            )
        return tuple(name for name in self.goods if name in found) if found else ()

    def list_goods_of(self, isic_codes: Iterable[str]) -> tuple[str, ...]:
        """Return the goods that belong to sectors: those of the same, a broader or a narrower ISIC code."""
        codes = tuple(isic_codes)
        if codes not in self._goods_by_sectors:
            self._goods_by_sectors[codes] = tuple(
                name
                for name, good in self.goods.items()
                if any(code.startswith(good.isic) for code in codes)
                or any(isic.startswith(codes) for isic in good.isic)
            )
        return self._goods_by_sectors[codes]

    @cached_property
    def _goods_by_sectors(self) -> dict[tuple[str, ...], tuple[str, ...]]:
        """Return what :meth:`list_goods_of` has found so far."""
        return {}

    @cached_property
    def _goods_index(self) -> tuple[dict[str, list[str]], int, list[tuple[str, str]]]:
        """Return goods by phrase, the number of words in the longest phrase, and (word, good) of scripts without spaces."""
        phrases: dict[str, list[str]] = {}
        unspaced: list[tuple[str, str]] = []
        for name, good in self.goods.items():
            for word in good.words:
                if UNSPACED_SCRIPTS.search(word):
                    unspaced.append((word, name))
                else:
                    phrases.setdefault(word, []).append(name)
        return phrases, max((len(word.split()) for word in phrases), default=0), unspaced

    @cached_property
    def _country_facts(self) -> pd.DataFrame:
        rows = [(code, name, fact.value) for (code, name), fact in self.tables["country"].items()]
        long = pd.DataFrame(rows, columns=["code", "fact", "value"])
        table = long.pivot(index="code", columns="fact", values="value")
        return table.rename_axis(index=None, columns=None).sort_index()

    def get_country_table(self) -> pd.DataFrame:
        """Return all country facts as float64, with sorted alpha-2 codes as rows and facts as columns; NaN if not known."""
        return self._country_facts.copy()

    def is_known_anywhere(self, name: str) -> bool:
        """Return whether a country fact ("wgi_voice") is known of any country on the day."""
        return name in self._country_facts.columns

    def fill_gaps(self, names: Sequence[str]) -> FilledFacts:
        """Return country facts ("wgi_voice", without prefix) for every country of the table, with gaps filled and marked.

        A gap is filled with the value that three quarters of the 15 nearest countries do not exceed in risk; its range runs from
        their lowest to their highest value (method section 3). The distance is the root mean square difference over the scored,
        complete facts known for both countries, each in standard deviations. A neighbour must have the missing fact and at least
        half of the facts known for the country. Ties are broken by code. Raises ValueError for a fact that is partial or not
        scored, since its absence says nothing.
        """
        for name in names:
            description = self.descriptions[f"country.{name}"]
            if description.partial or description.use != "scored":
                raise ValueError(f"country.{name} is partial or not scored, so its gaps cannot be filled")
        table = self._country_facts.reindex(columns=sorted({*self._country_facts.columns, *names}))
        values = {name: table[name].to_numpy(dtype=np.float64).copy() for name in names}
        low, high = ({name: column.copy() for name, column in values.items()} for _ in range(2))
        filled = {name: np.zeros(len(table), dtype=bool) for name in names}
        if not table.empty:
            standard = self._standardize_facts()
            for row in np.flatnonzero(np.isnan(np.array(list(values.values()))).any(axis=0)).tolist():
                distance = _compute_distances(standard, row)
                nearest_first = np.argsort(distance, kind="stable")[: np.count_nonzero(~np.isnan(distance))]
                for name in names:
                    known = table[name].to_numpy(dtype=np.float64)
                    neighbours = known[nearest_first][~np.isnan(known[nearest_first])][:NEIGHBOUR_COUNT]
                    if np.isnan(known[row]) and neighbours.size:
                        percentile = 75 if self.descriptions[f"country.{name}"].riskier_when_higher else 25
                        values[name][row] = np.percentile(neighbours, percentile)
                        low[name][row], high[name][row] = neighbours.min(), neighbours.max()
                        filled[name][row] = True
        return FilledFacts(*(pd.DataFrame(columns, index=table.index) for columns in (values, low, high, filled)))

    def _standardize_facts(self) -> list[Floats]:
        """Return the scored, complete country facts in standard deviations from the mean.

        Sums are exact, so that the result is the same on any machine.
        """
        columns = []
        for name in self._country_facts.columns:
            description = self.descriptions[f"country.{name}"]
            if description.use == "scored" and description.compared and not description.partial:
                column = self._country_facts[name].to_numpy(dtype=np.float64)
                known = column[~np.isnan(column)].tolist()
                mean = math.fsum(known) / len(known)
                deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in known) / len(known))
                columns.append((column - mean) / (deviation or 1.0))
        return columns


def _compute_distances(standard: Sequence[Floats], row: int) -> Floats:
    """Return the distance of each country from the country in a row; NaN if it shares fewer than half of that country's facts."""
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
    """All rows of all tables, whenever they were published. Each row names its file (without suffix) and line, from 0."""

    rows: Mapping[str, pd.DataFrame]
    descriptions: Mapping[str, FactDescription]
    goods: Mapping[str, Good]
    imposed_labour: tuple[ImposedLabour, ...] = ()
    regions: tuple[Region, ...] = ()

    def as_of(self, on: date) -> FactSnapshot:
        """Return the facts as known on a day. Each day has one object, so that its cached properties are computed only once."""
        return _take_snapshot(self, on)

    def is_scored(self, fact_id: str) -> bool:
        """Return whether the fact exists and a model may score it."""
        return fact_id in self.descriptions and self.descriptions[fact_id].use == "scored"


@lru_cache(maxsize=64)
def _take_snapshot(facts: Facts, on: date) -> FactSnapshot:
    day = on.isoformat()
    tables = {}
    for name, rows in facts.rows.items():
        published = rows.loc[rows["known_from"] <= day, "known_from"].max()
        tables[name] = _list_latest(facts, name, published if isinstance(published, str) else "")
    imposed_labour = select_rows_known(facts.imposed_labour, on)
    return FactSnapshot(on, MappingProxyType(tables), facts.descriptions, facts.goods, imposed_labour, facts.regions)


@lru_cache(maxsize=64)
def _list_latest(facts: Facts, table: str, published: str) -> Mapping[tuple[str, str], Fact]:
    """Return the latest facts of a table that were known on a day of publication, and on every day until the next.

    They take several megabytes, which all these days share.
    """
    rows = facts.rows[table]
    known = rows[rows["known_from"] <= published].drop_duplicates(["code", "fact"], keep="last")
    known = known[known["value"].notna()]
    keys = zip(known["code"].tolist(), known["fact"].tolist(), strict=True)
    columns = zip(known["value"].tolist(), known["year"].tolist(), known["source"].tolist(), strict=True)
    latest = (Fact(value, int(year) if year else None, source) for value, year, source in columns)
    return MappingProxyType(dict(zip(keys, latest, strict=True)))


def get_description_id(fact_id: str) -> str:
    """Return the id under which a fact is described: flags use that of the country, and destinations that of the corridor."""
    table, _, name = fact_id.partition(".")
    tables = {"flag": "country", "vessel": "country", "destination": "corridor", "sector_goods": "goods"}
    return f"{tables.get(table, table)}.{name}"


@cache
def load_facts(folder: Path = FACTS_FOLDER) -> Facts:
    """Return the checked fact tables of a folder. Raises DataFileError with the file and row of the first problem found."""
    descriptions = _parse_descriptions(folder / "facts.toml")
    goods = _parse_goods(folder / "goods_words.csv")
    files: dict[str, list[pd.DataFrame]] = {table: [] for table in CODE_PATTERNS}
    for name, table in {**{table: table for table in CODE_PATTERNS}, **SEPARATE_FILES}.items():
        if name not in SEPARATE_FILES or (folder / f"{name}.csv").exists():
            files[table].append(_parse_rows(folder / f"{name}.csv", table, descriptions, goods))
    rows = {table: _join_files(table, parts) for table, parts in files.items()}
    return Facts(
        MappingProxyType(rows),
        MappingProxyType(descriptions),
        MappingProxyType(goods),
        load_imposed_labour(folder, goods),
        load_regions(folder),
    )


def _parse_descriptions(file: Path) -> dict[str, FactDescription]:
    try:
        entries: list[dict[str, Any]] = tomllib.loads(file.read_text(encoding="utf-8")).get("fact", [])
    except tomllib.TOMLDecodeError as error:
        raise DataFileError(file.name, "", str(error)) from error
    descriptions: dict[str, FactDescription] = {}
    for entry in entries:
        item = str(entry.get("id", "an entry has no id"))
        texts = {key: str(entry.get(key, "")).strip() for key in ("title", "unit", "publisher", "licence", "read")}
        for key, text in texts.items():
            if not text:
                raise DataFileError(file.name, item, f"{key!r} is missing")
        bounds = entry.get("range")
        if item.partition(".")[0] not in CODE_PATTERNS or not item.partition(".")[2]:
            raise DataFileError(file.name, item, "the id must be a table and a name, such as country.tip_tier")
        if not isinstance(bounds, list) or len(bounds) != 2 or not bounds[0] < bounds[1]:
            raise DataFileError(file.name, item, "'range' must give the lowest and the highest value")
        if entry.get("use") not in USES or entry.get("higher") not in ("riskier", "safer"):
            raise DataFileError(
                file.name, item, f"'use' must be one of {', '.join(USES)}, and 'higher' riskier or safer"
            )
        if item in descriptions:
            raise DataFileError(file.name, item, "appears twice")
        descriptions[item] = FactDescription(
            id=item,
            reference=str(entry.get("reference", "")),
            lowest=float(bounds[0]),
            highest=float(bounds[1]),
            riskier_when_higher=entry["higher"] == "riskier",
            use=str(entry["use"]),
            partial=bool(entry.get("partial", False)),
            compared=bool(entry.get("compared", True)),
            **texts,
        )
    return descriptions


def _parse_goods(file: Path) -> dict[str, Good]:
    goods: dict[str, Good] = {}
    for row in _read_csv(file, ["good", "words", "isic", "hs"]).to_dict("records"):
        words, isic, hs = (tuple(part for part in str(row[c]).split("|") if part) for c in ("words", "isic", "hs"))
        if row["good"] in goods:
            raise DataFileError(file.name, str(row["good"]), "appears twice")
        goods[str(row["good"])] = Good(tuple(normalize_text(word) for word in words), isic, hs)
    return goods


def _parse_rows(
    file: Path, table: str, descriptions: Mapping[str, FactDescription], goods: Mapping[str, Good]
) -> pd.DataFrame:
    rows = _read_csv(file, COLUMNS)
    ids = f"{table}." + rows["fact"]
    number = pd.to_numeric(rows["value"].where(rows["value"] != ""), errors="coerce").astype(np.float64)
    # A table without rows would keep the type of its ids.
    lowest = ids.map({each.id: each.lowest for each in descriptions.values()}).astype(np.float64)
    highest = ids.map({each.id: each.highest for each in descriptions.values()}).astype(np.float64)
    unlisted = ~rows["code"].str.replace(r".*/", "", regex=True).isin(list(goods)) & (table == "goods")
    checks = (
        ("there is no such fact in facts.toml", ~ids.isin(list(descriptions))),
        ("the code is not in the table", ~rows["code"].str.fullmatch(CODE_PATTERNS[table])),
        ("the value is not a number", (rows["value"] != "") & ~np.isfinite(number)),
        ("the value is outside the range of the fact", (number < lowest) | (number > highest)),
        ("the year is not valid", ~rows["year"].str.fullmatch(r"(?:[0-9]{4})?")),
        ("known_from is not a date", ~_are_days(rows["known_from"])),
        ("the source is missing", rows["source"].str.strip() == ""),
        ("there is already a row for this date", rows.duplicated(["code", "fact", "known_from"])),
        ("the good is not in goods_words.csv", unlisted),
    )
    for fault, invalid in checks:
        if invalid.any():
            first = rows[invalid].iloc[0]
            line = f"line {int(np.flatnonzero(invalid)[0]) + 2}: {first['code']} {first['fact']} {first['known_from']}"
            raise DataFileError(file.name, line, fault)
    return rows.assign(value=number, file=file.stem, line=range(len(rows)))


def _join_files(table: str, parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join the rows of the files of a table in order of publication. Raises DataFileError if two files contain the same fact."""
    owners = pd.concat(parts).groupby("fact")["file"].nunique()
    for fact in owners[owners > 1].index:
        raise DataFileError(f"{table}.csv", str(fact), "has rows in two files; keep a fact in one file")
    return pd.concat(parts, ignore_index=True).sort_values("known_from", kind="stable")


def _are_days(texts: pd.Series[str]) -> pd.Series[bool]:
    distinct = {text: _is_day(text) for text in texts.unique().tolist()}
    return texts.map(distinct).astype(bool)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _read_csv(file: Path, columns: list[str]) -> pd.DataFrame:
    """Return a table as text. No value is treated as missing, because NA is Namibia."""
    rows = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8")
    if list(rows.columns) != columns:
        fault = f"its columns are {', '.join(rows.columns)}; they should be {', '.join(columns)}"
        raise DataFileError(file.name, "", fault)
    return rows
