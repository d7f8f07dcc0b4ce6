"""Tables as text: which sign parts the fields, which record is a row, and which record is quoted wrongly."""

from __future__ import annotations

import csv
import re
from array import array
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from itertools import islice
from typing import NamedTuple

from questionnaires.encoding import decode
from questionnaires.limits import Limits, Refused

DELIMITERS = ",;\t|"
LOOKED_AT, SAMPLE = 200, 1_000_000  # records, and characters, that tell the delimiter
NAMED = re.compile(r"sep=([,;\t|:^~])\r?\n", re.IGNORECASE)


class Misquoted(Exception):
    """A quotation mark stands where none may: the text must be read with :func:`loosely`."""


class Table(NamedTuple):
    """A text that is a table, the encoding it came in, and the sign between its fields."""

    text: str
    encoding: str
    delimiter: str


def table(data: bytes, kind: str) -> Table:
    """The table in a text file of a kind ("csv", "tsv", "txt"). Raises Refused where its characters cannot be told."""
    text, encoding = decode(data)
    if named := NAMED.match(text):  # a line for Excel, which does not count it as a row
        return Table(text[named.end() :], encoding, named[1])
    return Table(text, encoding, parting(text[:SAMPLE], "\t,;|" if kind == "tsv" else DELIMITERS))


def parting(text: str, candidates: str) -> str:
    """The sign that parts most records into the same number of fields, and of such signs the one that makes more of them."""

    def made(delimiter: str) -> tuple[float, int]:
        try:
            records = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
            widths = Counter(len(record) for record in islice(records, LOOKED_AT) if record)
        except csv.Error:
            return 0.0, 0
        width, count = max(widths.items(), key=lambda each: (each[0] > 1, each[1]), default=(0, 0))
        return (count / widths.total(), width) if width > 1 else (0.0, 0)

    return max(candidates, key=made)


def strictly(table: Table, limits: Limits) -> Iterator[list[str]]:
    """The records. Raises Misquoted, or Refused for a quotation mark that is never closed and for too long a field."""
    csv.field_size_limit(limits.longest_text)
    records = csv.reader(StringIO(table.text, newline=""), delimiter=table.delimiter, strict=True)
    try:
        yield from records
    except csv.Error as error:
        if "end of data" in str(error):
            raise Refused("csv.unterminated_quote", f"The file ends at line {records.line_num:,}.") from None
        if "field limit" in str(error):
            raise Refused("limit.cell_text") from None
        raise Misquoted from None


def loosely(table: Table, limits: Limits, misquoted: array[int]) -> Iterator[list[str]]:
    """The records; where a quotation mark stands wrongly the field is as written, and the number of the record noted."""
    end = f"{re.escape(table.delimiter)}\r\n"
    field = re.compile(
        rf'(?:"([^"]*+(?:""[^"]*+)*+)"(?=[{end}]|\Z)|([^{end}]*+))({re.escape(table.delimiter)}|\r\n|\r|\n|\Z)'
    )
    count = 0
    record: list[str] = []
    for found in field.finditer(table.text):
        quoted, plain, sign = found.groups()
        if not sign and not found[0] and not record:  # behind the last line
            return
        if len(quoted or plain or "") > limits.longest_text:
            raise Refused("limit.cell_text")
        if plain and plain.startswith('"') and misquoted[-1:] != array("i", [count + 1]):
            misquoted.append(count + 1)
        record.append(plain if quoted is None else quoted.replace('""', '"'))
        if sign != table.delimiter:
            yield record if record != [""] else []
            record, count = [], count + 1


def rows(records: Iterator[list[str]], limits: Limits, widths: array[int]) -> Iterator[list[str]]:
    """The records up to the last that says something, each a row of a spreadsheet, and the number of fields of each.

    Raises Refused for too many rows or columns, and ``file.empty`` where no record says anything.
    """
    blank = 0
    for record in records:
        if len(record) > limits.columns:
            raise Refused("limit.columns", f"{len(record):,}; {limits.columns:,} are read at most.")
        if not any(map(str.strip, record)):
            blank += 1
            continue
        if len(widths) + blank >= limits.rows:
            raise Refused("limit.rows", f"{limits.rows:,} are read at most.")
        for _ in range(blank):
            widths.append(0)
            yield []
        blank = 0
        widths.append(len(record))
        yield record
    if not widths:
        raise Refused("file.empty", "It has blank lines only.")
