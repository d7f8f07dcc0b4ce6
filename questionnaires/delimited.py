"""Read delimited text files: find the delimiter, split records into rows, and mark records that are quoted wrongly."""

from __future__ import annotations

import csv
import re
from array import array
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from itertools import islice
from typing import NamedTuple

from questionnaires.encoding import decode_text
from questionnaires.limits import FileRefused, Limits

DELIMITERS = ",;\t|"
SAMPLE_RECORDS, SAMPLE_CHARACTERS = 200, 1_000_000  # the part of the text that the delimiter is detected from
DELIMITER_LINE = re.compile(r"sep=([,;\t|:^~])\r?\n", re.IGNORECASE)


class MisquotedText(Exception):
    """A quotation mark is in the wrong place: the text must be read with :func:`iter_records_leniently`."""


class DelimitedText(NamedTuple):
    """The text of a table, the encoding of its file, its delimiter, and the encodings that are likely if there are several."""

    text: str
    encoding: str
    delimiter: str
    encodings: tuple[str, ...] = ()


def decode_table(data: bytes, kind: str, chosen: str | None = None) -> DelimitedText:
    """Decode a text file ("csv", "tsv", "txt") and detect its delimiter.

    ``chosen``: which of several likely encodings to use, as in :func:`decode_text`. Raises FileRefused for an unknown encoding.
    """
    text, encoding, encodings = decode_text(data, chosen)
    if match := DELIMITER_LINE.match(text):  # a line for Excel, which does not count it as a row
        return DelimitedText(text[match.end() :], encoding, match[1], encodings)
    candidates = "\t,;|" if kind == "tsv" else DELIMITERS
    return DelimitedText(text, encoding, detect_delimiter(text[:SAMPLE_CHARACTERS], candidates), encodings)


def detect_delimiter(text: str, candidates: str) -> str:
    """Return the delimiter that splits most records into the same number of fields; if several do, the one that gives more
    fields.
    """

    def rate(delimiter: str) -> tuple[float, int]:
        try:
            records = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
            widths = Counter(len(record) for record in islice(records, SAMPLE_RECORDS) if record)
        except csv.Error:
            return 0.0, 0
        width, count = max(widths.items(), key=lambda item: (item[0] > 1, item[1]), default=(0, 0))
        return (count / widths.total(), width) if width > 1 else (0.0, 0)

    return max(candidates, key=rate)


def iter_records(table: DelimitedText, limits: Limits) -> Iterator[list[str]]:
    """Yield the records of a table that is quoted correctly.

    Raises MisquotedText, or FileRefused for a quotation mark that is never closed and for too long a field.
    """
    csv.field_size_limit(limits.longest_text)
    records = csv.reader(StringIO(table.text, newline=""), delimiter=table.delimiter, strict=True)
    try:
        yield from records
    except csv.Error as error:
        if "end of data" in str(error):
            raise FileRefused("csv.unterminated_quote", f"The file ends at line {records.line_num:,}.") from None
        if "field limit" in str(error):
            raise FileRefused("limit.cell_text") from None
        raise MisquotedText from None


def iter_records_leniently(table: DelimitedText, limits: Limits, misquoted: array[int]) -> Iterator[list[str]]:
    """Yield the records of a table; a field with a misplaced quotation mark is left as written.

    The numbers of such records, counted from 1, are added to ``misquoted``.
    """
    end = f"{re.escape(table.delimiter)}\r\n"
    field = re.compile(
        rf'(?:"([^"]*+(?:""[^"]*+)*+)"(?=[{end}]|\Z)|([^{end}]*+))({re.escape(table.delimiter)}|\r\n|\r|\n|\Z)'
    )
    count = 0
    record: list[str] = []
    for match in field.finditer(table.text):
        quoted, plain, separator = match.groups()
        if not separator and not match[0] and not record:  # after the last line
            return
        if len(quoted or plain or "") > limits.longest_text:
            raise FileRefused("limit.cell_text")
        if plain and plain.startswith('"') and misquoted[-1:] != array("i", [count + 1]):
            misquoted.append(count + 1)
        record.append(plain if quoted is None else quoted.replace('""', '"'))
        if separator != table.delimiter:
            yield record if record != [""] else []
            record, count = [], count + 1


def iter_rows(records: Iterator[list[str]], limits: Limits, widths: array[int]) -> Iterator[list[str]]:
    """Yield the records up to the last that is not blank, each as a row; a blank record is an empty row.

    The number of fields of each row is added to ``widths``. Raises FileRefused for too many rows or columns, and
    ``file.empty`` if every record is blank.
    """
    blank = 0
    for record in records:
        if len(record) > limits.columns:
            raise FileRefused("limit.columns", f"It has {len(record):,} columns; the maximum is {limits.columns:,}.")
        if not any(map(str.strip, record)):
            blank += 1
            continue
        if len(widths) + blank >= limits.rows_and_header:
            raise FileRefused("limit.rows", f"The maximum is {limits.rows:,} rows.")
        for _ in range(blank):
            widths.append(0)
            yield []
        blank = 0
        widths.append(len(record))
        yield record
    if not widths:
        raise FileRefused("file.empty", "It contains only blank lines.")
