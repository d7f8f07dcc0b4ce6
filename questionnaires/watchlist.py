"""Parse a watchlist: the OpenSanctions table of targets, or a custom table. Only what screening needs is taken from it.

``targets.simple.csv`` (opensanctions.org, docs/bulk/csv): one target per row, with several values in a cell separated by
semicolons, as in CSV. The parser takes the id, schema, names, countries, the programmes under which the target is listed, and
its data set. Of the identifiers, it takes IMO numbers and LEIs with valid check digits, and other numbers of companies. It
never takes birth dates, addresses, phone numbers, email addresses or any number of a person. People are included only if their
row has a sanction, since an owner may be one. Vehicles, wallets and the like are skipped.

A custom table has the columns of ``CUSTOM_COLUMNS``, of which only ``name`` is required (docs/watchlists.md).
"""

from __future__ import annotations

import csv
import hashlib
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from questionnaires.delimited import MisquotedText, decode_table, iter_records, iter_records_leniently
from questionnaires.file_checks.preflight import TEXT_TYPES, check_file
from questionnaires.issues import Issue, UnusableSheet, build_issue
from questionnaires.limits import FileRefused, Limits
from questionnaires.lookups import load_countries
from questionnaires.parse.answer import AnswerError, clean_text, make_legible
from questionnaires.parse.types import DateField
from questionnaires.text_normalize import fold_text
from questionnaires.validation.identifiers import is_imo, is_lei

WatchlistFormat = Literal["opensanctions", "own"]
WATCHLIST_LIMITS = Limits(bytes=250_000_000, rows=1_000_000)
CUSTOM_COLUMNS = (
    "name",
    "aliases",
    "kind",
    "country",
    "imo",
    "lei",
    "licence",
    "list",
    "listed_on",
    "reason",
    "source",
)
OPENSANCTIONS_COLUMNS = ("id", "schema", "name", "aliases", "countries", "identifiers", "sanctions", "dataset")
KINDS = ("company", "agency", "vessel", "person", "")
KIND_BY_SCHEMA = {
    "Company": "company", "Organization": "company", "LegalEntity": "company", "PublicBody": "company",
    "Vessel": "vessel", "Person": "person",
}  # fmt: skip
MAX_NAMES = 100  # of one entry
MAX_TEXT, MAX_SHORT_TEXT = 1000, 200  # characters of a reason or source, and of any other text
COMPANY_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./-]{2,38}[A-Za-z0-9]")


@dataclass(frozen=True, slots=True)
class ListedEntity:
    """One entry of a list. ``key`` is unique within the list; ``kind`` is "" if the list does not say.

    ``countries``: ISO 3166-1 alpha-2. ``licences``: licence and registration numbers. ``list``, ``listed_on`` (ISO date),
    ``reason`` and ``source`` say on which list the entity is, since when and why, in the list's own words; "" if unknown.
    """

    key: str
    kind: str
    names: tuple[str, ...]
    countries: tuple[str, ...] = ()
    imo: str = ""
    lei: str = ""
    licences: tuple[str, ...] = ()
    list: str = ""
    listed_on: str = ""
    reason: str = ""
    source: str = ""


@dataclass(frozen=True)
class ParsedWatchlist:
    """A parsed list: its entries, the issues of rows that were not or only partly read, and how many rows were skipped on
    purpose, by what they are. ``rows`` counts all rows that are not blank.
    """

    format: WatchlistFormat
    rows: int
    entries: tuple[ListedEntity, ...]
    issues: tuple[Issue, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)

    @property
    def rejected(self) -> int:
        """Return the number of rows that were not read because of an error."""
        return sum(issue.severity == "error" for issue in self.issues)


def read_watchlist(data: bytes, name: str, limits: Limits = WATCHLIST_LIMITS) -> ParsedWatchlist:
    """Parse the watchlist in a text file (.csv, .tsv, .txt).

    Raises FileRefused for a file that is not one, and UnusableSheet if it has no column of names or no readable row.
    """
    kind = check_file(data, name, limits)
    if kind not in TEXT_TYPES:
        raise FileRefused("file.type_not_allowed", "A watchlist must be a .csv file.")
    table = decode_table(data, kind)
    misquoted = array("i")
    try:
        return _parse_records(iter_records(table, limits), misquoted, name, limits)
    except MisquotedText:
        return _parse_records(iter_records_leniently(table, limits, misquoted), misquoted, name, limits)


def _parse_records(records: Iterator[list[str]], misquoted: array[int], name: str, limits: Limits) -> ParsedWatchlist:
    header = [fold_text(cell) for cell in next(records, [])]
    list_format: WatchlistFormat = (
        "opensanctions" if set(map(fold_text, OPENSANCTIONS_COLUMNS)) <= set(header) else "own"
    )
    expected = OPENSANCTIONS_COLUMNS if list_format == "opensanctions" else CUSTOM_COLUMNS
    columns = {column: header.index(fold_text(column)) for column in expected if fold_text(column) in header}
    if "name" not in columns:
        seen = ", ".join(make_legible(cell) for cell in header[:12])
        raise UnusableSheet(build_issue("watchlist.columns", file=name, seen=seen))
    parser = _RowParser(list_format, name)
    rows = 0
    for number, record in enumerate(records, 2):
        if any(map(str.strip, record)):
            rows += 1
            if rows > limits.rows:
                raise FileRefused("limit.rows", f"The maximum is {limits.rows:,} rows.")
            if misquoted[-1:] == array("i", [number]):
                parser.add_issue("csv.quoting", number)
            elif len(record) != len(header):
                parser.add_issue("csv.field_count", number, seen=f"{len(record)} fields")
            else:
                parser.parse_row(number, {column: record[index] for column, index in columns.items()})
    if not parser.entries:
        raise UnusableSheet(parser.issues[0] if parser.issues else build_issue("file.no_rows", file=name))
    skipped = dict(sorted(parser.skipped.items()))
    return ParsedWatchlist(list_format, rows, tuple(parser.entries.values()), tuple(parser.issues), skipped)


class _RowParser:
    """Parses rows one after another: each becomes an entry or an issue, or is counted as skipped."""

    def __init__(self, list_format: WatchlistFormat, file: str) -> None:
        self.format, self.file = list_format, file
        self.entries: dict[str, ListedEntity] = {}
        self.issues: list[Issue] = []
        self.skipped: Counter[str] = Counter()

    def add_issue(self, code: str, row: int, header: str = "", **fields: Any) -> None:
        """Add an issue of a row."""
        fields["seen"] = make_legible(fields.get("seen", ""))
        self.issues.append(build_issue(code, file=self.file, cell=f"row {row}", header=header, **fields))

    def parse_row(self, number: int, cells: Mapping[str, str]) -> None:
        """Parse one row, given by its columns."""
        try:
            cells = {column: clean_text(cell) for column, cell in cells.items()}
        except AnswerError:
            self.issues.append(build_issue("watchlist.characters", file=self.file, cell=f"row {number}"))
            return
        is_opensanctions = self.format == "opensanctions"
        entity = self._parse_target(cells) if is_opensanctions else self._parse_custom(number, cells)
        if entity is None:
            return
        if not entity.names:
            self.add_issue("watchlist.no_name", number, "name")
        elif entity.key in self.entries:
            self.add_issue("watchlist.twice", number, seen=entity.names[0])
        else:
            self.entries[entity.key] = entity

    def _parse_target(self, cells: Mapping[str, str]) -> ListedEntity | None:
        """Parse a row of the OpenSanctions table; None if it is skipped."""
        kind = KIND_BY_SCHEMA.get(cells["schema"])
        if kind is None or (kind == "person" and not cells["sanctions"]):
            reason = "people not under sanctions" if kind else f"of kind {make_legible(cells['schema'])}"
            self.skipped[reason] += 1
            return None
        imos, leis, company_numbers = [], [], []
        for identifier in split_values(cells["identifiers"]) if kind != "person" else ():
            compact = "".join(filter(str.isalnum, identifier)).upper()
            if kind == "vessel" and compact.isascii() and is_imo(compact.removeprefix("IMO")):
                imos.append(compact)
            elif compact.isascii() and is_lei(compact):
                leis.append(compact)
            elif kind == "company" and COMPANY_NUMBER.fullmatch(identifier):
                company_numbers.append(identifier)
        # A number labelled IMO is preferred to one of seven digits whose check digit happens to fit.
        imo = max(imos, key=lambda number: number.startswith("IMO"), default="").removeprefix("IMO")
        lei = (*leis, "")[0]
        codes = (load_countries().find(code) for code in split_values(cells["countries"]) if len(code) == 2)
        entity_id = cells["id"][:MAX_SHORT_TEXT]
        return ListedEntity(
            key=entity_id or build_entity_key(kind, cells["name"], "", imo, lei, ""),
            kind=kind,
            names=_collect_names(cells),
            countries=tuple(dict.fromkeys(filter(None, codes))),
            imo=imo,
            lei=lei,
            licences=tuple(dict.fromkeys(company_numbers)),
            list=cells["dataset"][:MAX_SHORT_TEXT],
            reason=cells["sanctions"][:MAX_TEXT],
            source=f"https://www.opensanctions.org/entities/{entity_id}/" if cells["id"].isascii() else "",
        )

    def _parse_custom(self, number: int, cells: Mapping[str, str]) -> ListedEntity | None:
        """Parse a row of a custom table; None, with an issue, if its kind or country is unknown."""
        row = {column: cells.get(column, "") for column in CUSTOM_COLUMNS}
        kind = fold_text(row["kind"]) if row["kind"] else ""
        if kind not in KINDS:
            self.add_issue("watchlist.kind", number, "kind", seen=row["kind"])
            return None
        codes = []
        for name in split_values(row["country"]):
            code = load_countries().find(name)
            if code is None:
                self.add_issue("country.unknown", number, "country", seen=name)
                return None
            codes.append(code)
        identifiers = {
            column: "".join(filter(str.isalnum, row[column])).upper().removeprefix(column.upper())
            for column in ("imo", "lei")
        }
        for column, is_valid in (("imo", is_imo), ("lei", is_lei)):
            if identifiers[column] and not (identifiers[column].isascii() and is_valid(identifiers[column])):
                self.add_issue("identifier.invalid", number, column, seen=row[column])
                identifiers[column] = ""
        listed_on = ""
        if row["listed_on"]:
            try:
                listed_on = str(DateField(reserved=()).parse(row["listed_on"]))
            except AnswerError as error:
                self.add_issue(error.code, number, "listed_on", seen=row["listed_on"])
        licence = row["licence"][:MAX_SHORT_TEXT]
        return ListedEntity(
            key=build_entity_key(kind, row["name"], ";".join(codes), identifiers["imo"], identifiers["lei"], licence),
            kind=kind,
            names=_collect_names(row),
            countries=tuple(dict.fromkeys(codes)),
            imo=identifiers["imo"],
            lei=identifiers["lei"],
            licences=(licence,) if licence else (),
            list=row["list"][:MAX_SHORT_TEXT],
            listed_on=listed_on,
            reason=row["reason"][:MAX_TEXT],
            source=row["source"][:MAX_TEXT],
        )


def _collect_names(cells: Mapping[str, str]) -> tuple[str, ...]:
    names = (
        name[:MAX_SHORT_TEXT]
        for name in (cells["name"], *split_values(cells.get("aliases", "")))
        if any(map(str.isalnum, name))
    )
    return tuple(dict.fromkeys(names))[:MAX_NAMES]


def split_values(cell: str) -> list[str]:
    """Return the values of a cell, separated by semicolons; a value that contains a semicolon is quoted."""
    return [value.strip() for record in csv.reader([cell], delimiter=";") for value in record if value.strip()]


def build_entity_key(kind: str, name: str, countries: str, imo: str, lei: str, licence: str) -> str:
    """Return the key of an entity in a table without ids: an identifier, otherwise a hash of its kind, countries and name."""
    if imo or lei:
        return f"imo:{imo}" if imo else f"lei:{lei}"
    text = f"{kind}|{countries}|{fold_text(licence)}" if licence else f"{kind}|{countries}|{fold_text(name)}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
