"""Reads a watchlist: the OpenSanctions table of targets, or a table of one's own. What comes out is no more than screening needs.

``targets.simple.csv`` (opensanctions.org, docs/bulk/csv): one target a row, several values in a cell parted by semicolons as
in CSV. Taken from it are id, schema, names, countries, the programmes under which it is listed, and its data set; of the
identifiers IMO numbers and LEIs by their check digits, and other numbers of companies. Never taken are birth dates, addresses,
phones, e-mails, nor any number of a person; persons are read only where a sanction stands in their row, since an owner may be
one. Vehicles, wallets and the like are left out.

A table of one's own has the columns of ``OWN``, of which only ``name`` is needed (docs/watchlists.md).
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

from questionnaires.delimited import Misquoted, loosely, strictly, table
from questionnaires.file_checks.preflight import TEXT_TYPES, check_door
from questionnaires.issues import Issue, Unusable, issue
from questionnaires.limits import Limits, Refused
from questionnaires.lookups import countries
from questionnaires.parse.answer import Fault, clean, legible
from questionnaires.parse.types import Date
from questionnaires.text_normalize import fold
from questionnaires.validation.rules import is_imo, is_lei

Form = Literal["opensanctions", "own"]
DOOR = Limits(bytes=250_000_000, rows=1_000_000)
OWN = ("name", "aliases", "kind", "country", "imo", "lei", "licence", "list", "listed_on", "reason", "source")
OPENSANCTIONS = ("id", "schema", "name", "aliases", "countries", "identifiers", "sanctions", "dataset")
KINDS = ("company", "agency", "vessel", "person", "")
SCHEMAS = {
    "Company": "company", "Organization": "company", "LegalEntity": "company", "PublicBody": "company",
    "Vessel": "vessel", "Person": "person",
}  # fmt: skip
NAMES, LONG, SHORT = 100, 1000, 200  # names of an entry, characters of a text that tells more, of any other
NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./-]{2,38}[A-Za-z0-9]")


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of a list. ``key`` is its own within the list; ``kind`` is "" where the list does not say.

    ``countries``: ISO 3166-1 alpha-2. ``licences``: licence and registration numbers. ``list``, ``listed_on`` (ISO day),
    ``reason`` and ``source`` say where it stands, since when and why, in the words of the list; "" where it does not say.
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
class Listing:
    """A list as it was read: its entries, the rows that were not read or not wholly (with place and cure), and how many rows
    were left out on purpose, by what they are.
    """

    form: Form
    rows: int
    entries: tuple[Listed, ...]
    issues: tuple[Issue, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def rejected(self) -> int:
        """Rows that were not read because of a fault."""
        return sum(one.severity == "error" for one in self.issues)


def read(data: bytes, name: str, limits: Limits = DOOR) -> Listing:
    """The list in a text file (.csv, .tsv, .txt).

    Raises Refused for a file that is none, and Unusable where it has no column of names or no row that can be read.
    """
    kind = check_door(data, name, limits)
    if kind not in TEXT_TYPES:
        raise Refused("file.type_not_allowed", "A watchlist is a .csv file.")
    told = table(data, kind)
    misquoted = array("i")
    try:
        return _listing(strictly(told, limits), misquoted, name, limits)
    except Misquoted:
        return _listing(loosely(told, limits, misquoted), misquoted, name, limits)


def _listing(records: Iterator[list[str]], misquoted: array[int], name: str, limits: Limits) -> Listing:
    header = [fold(cell) for cell in next(records, [])]
    form: Form = "opensanctions" if set(map(fold, OPENSANCTIONS)) <= set(header) else "own"
    columns = {column: header.index(fold(column)) for column in _wanted(form) if fold(column) in header}
    if "name" not in columns:
        seen = ", ".join(legible(cell) for cell in header[:12])
        raise Unusable(issue("watchlist.columns", file=name, seen=seen))
    reader = _Reader(form, name)
    rows = 0
    for number, record in enumerate(records, 2):
        if any(map(str.strip, record)):
            rows += 1
            if rows > limits.rows:
                raise Refused("limit.rows", f"{limits.rows:,} are read at most.")
            if misquoted[-1:] == array("i", [number]):
                reader.fault("csv.quoting", number)
            elif len(record) != len(header):
                reader.fault("csv.field_count", number, seen=f"{len(record)} fields")
            else:
                reader.row(number, {column: record[at] for column, at in columns.items()})
    if not reader.entries:
        raise Unusable(reader.issues[0] if reader.issues else issue("file.no_rows", file=name))
    return Listing(
        form, rows, tuple(reader.entries.values()), tuple(reader.issues), dict(sorted(reader.left_out.items()))
    )


def _wanted(form: Form) -> tuple[str, ...]:
    return OPENSANCTIONS if form == "opensanctions" else OWN


class _Reader:
    """Takes rows in, one after another: each becomes an entry, an issue, or is counted as left out."""

    def __init__(self, form: Form, file: str) -> None:
        self.form, self.file = form, file
        self.entries: dict[str, Listed] = {}
        self.issues: list[Issue] = []
        self.left_out: Counter[str] = Counter()

    def fault(self, code: str, row: int, header: str = "", **told: Any) -> None:
        """Notes a fault of a row."""
        told["seen"] = legible(told.get("seen", ""))
        self.issues.append(issue(code, file=self.file, cell=f"row {row}", header=header, **told))

    def row(self, number: int, cells: Mapping[str, str]) -> None:
        """One row, by its columns."""
        try:
            cells = {column: clean(cell) for column, cell in cells.items()}
        except Fault:
            self.issues.append(issue("watchlist.characters", file=self.file, cell=f"row {number}"))
            return
        entry = self._target(cells) if self.form == "opensanctions" else self._own(number, cells)
        if entry is None:
            return
        if not entry.names:
            self.fault("watchlist.no_name", number, "name")
        elif entry.key in self.entries:
            self.fault("watchlist.twice", number, seen=entry.names[0])
        else:
            self.entries[entry.key] = entry

    def _target(self, cells: Mapping[str, str]) -> Listed | None:
        kind = SCHEMAS.get(cells["schema"])
        if kind is None or (kind == "person" and not cells["sanctions"]):
            self.left_out["persons without a sanction" if kind else f"of kind {legible(cells['schema'])}"] += 1
            return None
        imos, leis, others = [], [], []
        for number in several(cells["identifiers"]) if kind != "person" else ():
            plain = "".join(filter(str.isalnum, number)).upper()
            if kind == "vessel" and plain.isascii() and is_imo(plain.removeprefix("IMO")):
                imos.append(plain)
            elif plain.isascii() and is_lei(plain):
                leis.append(plain)
            elif kind == "company" and NUMBER.fullmatch(number):
                others.append(number)
        # A number that says what it is goes before one of seven digits that happens to fit.
        imo = max(imos, key=lambda plain: plain.startswith("IMO"), default="").removeprefix("IMO")
        lei = (*leis, "")[0]
        found = (countries().find(code) for code in several(cells["countries"]) if len(code) == 2)
        return Listed(
            key=cells["id"][:SHORT] or key_of(kind, cells["name"], "", imo, lei, ""),
            kind=kind,
            names=_names(cells),
            countries=tuple(dict.fromkeys(filter(None, found))),
            imo=imo,
            lei=lei,
            licences=tuple(dict.fromkeys(others)),
            list=cells["dataset"][:SHORT],
            reason=cells["sanctions"][:LONG],
            source=f"https://www.opensanctions.org/entities/{cells['id'][:SHORT]}/" if cells["id"].isascii() else "",
        )

    def _own(self, number: int, cells: Mapping[str, str]) -> Listed | None:
        told = {column: cells.get(column, "") for column in OWN}
        kind = fold(told["kind"]) if told["kind"] else ""
        if kind not in KINDS:
            self.fault("watchlist.kind", number, "kind", seen=told["kind"])
            return None
        codes = []
        for name in several(told["country"]):
            code = countries().find(name)
            if code is None:
                self.fault("country.unknown", number, "country", seen=name)
                return None
            codes.append(code)
        plain = {
            which: "".join(filter(str.isalnum, told[which])).upper().removeprefix(which.upper())
            for which in ("imo", "lei")
        }
        for which, is_right in (("imo", is_imo), ("lei", is_lei)):
            if plain[which] and not (plain[which].isascii() and is_right(plain[which])):
                self.fault("identifier.invalid", number, which, seen=told[which])
                plain[which] = ""
        listed_on = ""
        if told["listed_on"]:
            try:
                listed_on = str(Date(reserved=()).read(told["listed_on"]))
            except Fault as fault:
                self.fault(fault.code, number, "listed_on", seen=told["listed_on"])
        licence = told["licence"][:SHORT]
        return Listed(
            key=key_of(kind, told["name"], ";".join(codes), plain["imo"], plain["lei"], licence),
            kind=kind,
            names=_names(told),
            countries=tuple(dict.fromkeys(codes)),
            imo=plain["imo"],
            lei=plain["lei"],
            licences=(licence,) if licence else (),
            list=told["list"][:SHORT],
            listed_on=listed_on,
            reason=told["reason"][:LONG],
            source=told["source"][:LONG],
        )


def _names(cells: Mapping[str, str]) -> tuple[str, ...]:
    found = (
        name[:SHORT] for name in (cells["name"], *several(cells.get("aliases", ""))) if any(map(str.isalnum, name))
    )
    return tuple(dict.fromkeys(found))[:NAMES]


def several(cell: str) -> list[str]:
    """The values of a cell, parted by semicolons; one that holds a semicolon stands in quotation marks."""
    return [value.strip() for record in csv.reader([cell], delimiter=";") for value in record if value.strip()]


def key_of(kind: str, name: str, of: str, imo: str, lei: str, licence: str) -> str:
    """What an entry of a table without ids is found again by: an identifier, else its kind, name and countries."""
    if imo or lei:
        return f"imo:{imo}" if imo else f"lei:{lei}"
    told = f"{kind}|{of}|{fold(licence)}" if licence else f"{kind}|{of}|{fold(name)}"
    return hashlib.sha256(told.encode()).hexdigest()[:32]
