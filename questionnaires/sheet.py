"""Reads a file: its sheets as columns of distinct texts, cells as they stand, with the row numbers of the spreadsheet.

The file is checked at the door (:func:`check_door`, nothing is parsed) and then read in a process of its own, with limits,
that looks at every part before it reads any. That process may die of a file; the caller is told ``file.corrupt``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from questionnaires.file_checks.preflight import check_door
from questionnaires.limits import Limits, Refused

__all__ = ["Column", "Fault", "Limits", "Refused", "Sheet", "cell_name", "check_door", "read"]

Codes = npt.NDArray[np.int32]
START = "import sys; sys.path += sys.argv[2:]; from questionnaires.sandboxed_reader import main; main()"
# A text that is one of these is an error too: the same table saved as text has them in words.
ERROR_TEXTS = {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"}
STAMP = "_form"


@dataclass(frozen=True, eq=False)
class Column:
    """One column: its distinct texts in order of first sight, and for each row which of them; -1 is an empty cell."""

    values: tuple[str, ...]
    codes: Codes


@dataclass(frozen=True)
class Fault:
    """A row that cannot be relied on: ``row`` in the spreadsheet's number, ``column`` from 0 or -1 for the whole row."""

    row: int
    column: int
    code: str
    seen: str


@dataclass(frozen=True, eq=False)
class Sheet:
    """One sheet. Columns begin at A; rows at ``first_row``, the number of the first row with something in it.

    ``errors``: cells (row, column from 0) that hold a spreadsheet error, with its text; they are empty in the columns.
    ``formulas``: cells whose text is the saved result of a formula. ``stamp``: form and version of the template the workbook
    was made from, "site 2026.1"; ``asking``: the id of the record of asking it was sent out for. ``encoding`` and
    ``widths`` (fields of each row) are of text files; ``misquoted``: their rows with a quotation mark in the wrong place.
    """

    file: str
    name: str
    visible: bool
    first_row: int
    n_rows: int
    columns: tuple[Column, ...]
    errors: Mapping[tuple[int, int], str] = field(default_factory=dict)
    formulas: tuple[tuple[int, int], ...] = ()
    stamp: str | None = None
    asking: str | None = None
    encoding: str = ""
    widths: Codes | None = None
    misquoted: tuple[int, ...] = ()
    cell_text: int = Limits.cell_text

    def faults_under(self, header_row: int) -> tuple[Fault, ...]:
        """The rows under the header that cannot be relied on, in their order.

        ``csv.field_count``: not as many fields as the header, so that values may have slid; ``csv.quoting``;
        ``limit.cell_text``: a text longer than a cell of a spreadsheet holds.
        """
        found = [Fault(row, -1, "csv.quoting", "") for row in self.misquoted if row > header_row]
        found += [fault for fault in self.too_long() if fault.row > header_row]
        found += self.ragged(header_row)
        return tuple(sorted(found, key=lambda fault: (fault.row, fault.column)))

    def too_long(self) -> list[Fault]:
        """The cells with more text than a cell of a spreadsheet holds."""
        found = []
        for at, column in enumerate(self.columns):
            if max(map(len, column.values), default=0) > self.cell_text:
                long = [code for code, text in enumerate(column.values) if len(text) > self.cell_text]
                found += [
                    Fault(self.first_row + int(place), at, "limit.cell_text", column.values[column.codes[place]][:80])
                    for place in np.flatnonzero(np.isin(column.codes, long))
                ]
        return found

    def ragged(self, header_row: int) -> list[Fault]:
        """The rows under the header with another number of fields than it has.

        Not at fault are blank rows, fields too many that are all empty, and whole blocks of sixteen rows that are short
        alike: so Excel leaves empty cells out at the end of rows (Microsoft, article 77295).
        """
        if self.widths is None or header_row > len(self.widths):
            return []
        wanted = self.widths[header_row - 1]
        wrong = (self.widths != wanted) & (self.widths > 0)
        wrong[:header_row] = False
        for begin in range(0, len(wrong), 16):
            block = self.widths[begin : begin + 16]
            if len(block) == 16 and wrong[begin] and block[0] < wanted and (block == block[0]).all():
                wrong[begin : begin + 16] = False
        beyond = np.logical_or.reduce([column.codes >= 0 for column in self.columns[wanted:]], initial=False)
        wrong &= (self.widths < wanted) | beyond
        return [Fault(int(at) + 1, -1, "csv.field_count", f"{self.widths[at]} fields") for at in np.flatnonzero(wrong)]


def read(data: bytes, name: str, limits: Limits | None = None) -> tuple[Sheet, ...]:
    """All sheets of a file, hidden ones too; those of a template's own (its stamp, its lists) are left out.

    Numbers are texts as short as they can be told ("12", "399.2"), with the sign of a percentage ("45%") and the zeros
    ("01608") that their format shows in .xlsx and .xls (.ods: the sign only); days are ISO, with the time if there is one.
    Raises Refused.
    """
    limits = limits or Limits()
    kind = check_door(data, name, limits)
    sheets = list(sheets_of(run(data, kind, name, limits), name, limits))
    told = next((stamp_of(sheet) for sheet in sheets if sheet.name == STAMP and not sheet.visible), {})
    if not told.keys() >= {"form", "version"}:
        return tuple(sheets)
    stamp, asking = f"{told['form']} {told['version']}", told.get("asking")
    return tuple(
        replace(sheet, stamp=stamp, asking=asking)
        for sheet in sheets
        if sheet.visible or not sheet.name.startswith("_")
    )


def run(data: bytes, kind: str, name: str, limits: Limits) -> bytes:
    """What the process that reads answers. Raises Refused if it dies or takes too long."""
    reader = find_spec("python_calamine")
    places = [Path(__file__).parents[1], *([Path(reader.origin).parents[1]] if reader and reader.origin else [])]
    command = [sys.executable, "-I", "-S", "-c", START, json.dumps([kind, name, asdict(limits)]), *map(str, places)]
    # Nothing of this process goes over but the bytes: no secrets in the environment, no open files.
    environment = {key: value for key, value in os.environ.items() if key == "LD_LIBRARY_PATH"}
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, timeout=2 * limits.seconds, env=environment, cwd="/", check=False
        )
    except subprocess.TimeoutExpired:
        raise Refused("file.corrupt", f"It could not be read within {2 * limits.seconds} seconds.") from None
    if done.returncode:
        refused = Refused("file.corrupt", "The process that read it broke off.")
        refused.add_note(done.stderr.decode("utf-8", "replace")[-2000:])
        raise refused
    return done.stdout


def sheets_of(answer: bytes, name: str, limits: Limits) -> Iterator[Sheet]:
    """The sheets of an answer. Raises Refused where it tells of a refusal, or does not add up."""
    begin = answer.find(b"\n") + 1
    told = json.loads(answer[:begin])
    if "refused" in told:
        raise Refused(*told["refused"])
    for sheet in told["sheets"]:
        errors = {(row, column): said for column, said, rows in sheet.get("errors", ()) for row in rows}
        columns = []
        for at, texts in enumerate(sheet["columns"]):
            codes = np.frombuffer(answer, np.int32, sheet["rows"], begin)
            begin += codes.nbytes
            if len(codes) and not -1 <= codes.min() <= codes.max() < len(texts):
                raise Refused("file.corrupt")
            column = Column(tuple(texts), codes)
            for text in sorted(ERROR_TEXTS.intersection(texts)):
                column, rows = without(column, text)
                errors |= {(sheet["first_row"] + int(row), at): text for row in rows}
            columns.append(column)
        yield Sheet(
            file=name,
            name=sheet["name"],
            visible=sheet["visible"],
            first_row=sheet["first_row"],
            n_rows=sheet["rows"],
            columns=tuple(columns),
            errors=errors,
            formulas=tuple((row, column) for column, rows in sheet.get("formulas", ()) for row in rows),
            encoding=sheet.get("encoding", ""),
            widths=np.array(sheet["widths"], np.int32) if "widths" in sheet else None,
            misquoted=tuple(sheet.get("misquoted", ())),
            cell_text=limits.cell_text,
        )


def without(column: Column, text: str) -> tuple[Column, npt.NDArray[np.intp]]:
    """The column with the cells of one text empty, and where they are."""
    code = column.values.index(text)
    codes = np.where(column.codes == code, -1, column.codes - (column.codes > code)).astype(np.int32)
    return Column((*column.values[:code], *column.values[code + 1 :]), codes), np.flatnonzero(column.codes == code)


def stamp_of(sheet: Sheet) -> dict[str, str]:
    """What a template says of itself: the texts of the second column of its stamp by those of the first."""
    rows = [
        [column.values[code] if code >= 0 else "" for code in column.codes.tolist()] for column in sheet.columns[:2]
    ]
    return dict(zip(*rows, strict=True)) if len(rows) == 2 else {}


def cell_name(row: int, column: int) -> str:
    """The name of a cell, its column counted from 0: ``cell_name(3, 1)`` is B3."""
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(65 + letter) + letters
    return f"{letters}{row}"
