"""Read a file: its sheets as columns of distinct texts, with cells verbatim and the row numbers of the spreadsheet.

The file is checked first (:func:`check_file`, which parses nothing) and then read in a sandboxed process with limits, which
examines every part before it reads any. A file may crash that process; the caller gets ``file.corrupt``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from questionnaires.file_checks.preflight import check_file
from questionnaires.limits import FileRefused, Limits

__all__ = ["Column", "FileRefused", "Limits", "RowFault", "Sheet", "cell_name", "check_file", "read_sheets"]

Codes = npt.NDArray[np.int32]
READER_CODE = "import sys; sys.path += sys.argv[2:]; from questionnaires.sandboxed_reader import main; main()"
# These texts are errors as well: if the table was saved as a text file, it contains its errors as text.
ERROR_TEXTS = {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"}
STAMP_SHEET = "_form"


@dataclass(frozen=True, eq=False)
class Column:
    """One column: its distinct texts in order of first occurrence, and the number of each row's text; -1 is an empty cell."""

    values: tuple[str, ...]
    codes: Codes


@dataclass(frozen=True)
class RowFault:
    """A row that is unreliable: ``row`` as the spreadsheet numbers it, ``column`` from 0, or -1 for the whole row."""

    row: int
    column: int
    code: str
    seen: str


@dataclass(frozen=True, eq=False)
class Sheet:
    """One sheet. Columns begin at A; rows at ``first_row``, the number of the first row that is not empty.

    ``errors``: cells (row, column from 0) that hold a spreadsheet error, with its text; they are empty in the columns.
    ``formulas``: cells whose text is the saved result of a formula. ``stamp``: form and version of the template the workbook
    was made from, such as "site 2026.1"; ``request_id``: the id of the questionnaire request it was sent out for, and
    ``request_reference`` the buyer's reference of the supplier it was sent to. Text files have an ``encoding``, ``widths``
    (fields of each row) and ``misquoted`` rows with a quotation mark in the wrong place.
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
    request_id: str | None = None
    request_reference: str | None = None
    encoding: str = ""
    widths: Codes | None = None
    misquoted: tuple[int, ...] = ()
    cell_text: int = Limits.cell_text

    def find_unreliable_rows(self, header_row: int) -> tuple[RowFault, ...]:
        """Return the rows under the header that are unreliable, in their order.

        ``csv.field_count``: not as many fields as the header, so that values may have shifted; ``csv.quoting``;
        ``limit.cell_text``: a text longer than a spreadsheet cell holds.
        """
        faults = [RowFault(row, -1, "csv.quoting", "") for row in self.misquoted if row > header_row]
        faults += [fault for fault in self.find_overlong_cells() if fault.row > header_row]
        faults += self.find_ragged_rows(header_row)
        return tuple(sorted(faults, key=lambda fault: (fault.row, fault.column)))

    def find_overlong_cells(self) -> list[RowFault]:
        """Return the cells with more text than a spreadsheet cell holds."""
        faults = []
        for index, column in enumerate(self.columns):
            if max(map(len, column.values), default=0) > self.cell_text:
                overlong = [code for code, text in enumerate(column.values) if len(text) > self.cell_text]
                faults += [
                    RowFault(self.first_row + int(row), index, "limit.cell_text", column.values[column.codes[row]][:80])
                    for row in np.flatnonzero(np.isin(column.codes, overlong))
                ]
        return faults

    def find_ragged_rows(self, header_row: int) -> list[RowFault]:
        """Return the rows under the header whose number of fields differs from the header's.

        Accepted are blank rows, surplus fields that are all empty, and whole blocks of sixteen rows that are equally short:
        that is how Excel leaves out empty cells at the end of rows (Microsoft, article 77295).
        """
        if self.widths is None or header_row > len(self.widths):
            return []
        expected = self.widths[header_row - 1]
        ragged = (self.widths != expected) & (self.widths > 0)
        ragged[:header_row] = False
        for begin in range(0, len(ragged), 16):
            block = self.widths[begin : begin + 16]
            if len(block) == 16 and ragged[begin] and block[0] < expected and (block == block[0]).all():
                ragged[begin : begin + 16] = False
        has_surplus = np.logical_or.reduce([column.codes >= 0 for column in self.columns[expected:]], initial=False)
        ragged &= (self.widths < expected) | has_surplus
        return [
            RowFault(int(row) + 1, -1, "csv.field_count", f"{self.widths[row]} fields")
            for row in np.flatnonzero(ragged)
        ]


def read_sheets(data: bytes, name: str, limits: Limits | None = None) -> tuple[Sheet, ...]:
    """Read all sheets of a file, hidden ones too; the sheets a template has for itself (its stamp, its lists) are left out.

    Numbers become texts as short as possible ("12", "399.2"), with the percent sign ("45%") and the leading zeros ("01608")
    that their format displays in .xlsx and .xls (.ods: the sign only); dates are ISO, with the time if there is one.
    Raises FileRefused.
    """
    limits = limits or Limits()
    kind = check_file(data, name, limits)
    sheets = list(parse_output(run_reader(data, kind, name, limits), name, limits))
    stamped = next((read_stamp(sheet) for sheet in sheets if sheet.name == STAMP_SHEET), {})
    if not stamped.keys() >= {"form", "version"}:
        return tuple(sheets)
    stamp, request_id = f"{stamped['form']} {stamped['version']}", stamped.get("asking")
    return tuple(
        replace(sheet, stamp=stamp, request_id=request_id, request_reference=stamped.get("reference"))
        for sheet in sheets
        if sheet.name != STAMP_SHEET and (sheet.visible or not sheet.name.startswith("_"))
    )


def run_reader(data: bytes, kind: str, name: str, limits: Limits) -> bytes:
    """Read a file in a sandboxed process and return its output. Raises FileRefused if it crashes or takes too long."""
    library = find_spec("python_calamine")
    paths = [Path(__file__).parents[1], *([Path(library.origin).parents[1]] if library and library.origin else [])]
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        READER_CODE,
        json.dumps([kind, name, asdict(limits)]),
        *map(str, paths),
    ]
    # Nothing but the bytes is handed over: no secrets in the environment, no open files.
    environment = {key: value for key, value in os.environ.items() if key == "LD_LIBRARY_PATH"}
    try:
        process = subprocess.run(
            command, input=data, capture_output=True, timeout=2 * limits.seconds, env=environment, cwd="/", check=False
        )
    except subprocess.TimeoutExpired:
        raise FileRefused("file.corrupt", f"It could not be read within {2 * limits.seconds} seconds.") from None
    if process.returncode:
        refused = FileRefused("file.corrupt", "The reading process stopped unexpectedly.")
        refused.add_note(process.stderr.decode("utf-8", "replace")[-2000:])
        raise refused
    return process.stdout


def parse_output(output: bytes, name: str, limits: Limits) -> Iterator[Sheet]:
    """Yield the sheets of a reader's output. Raises FileRefused if it reports a refusal, or is inconsistent."""
    begin = output.find(b"\n") + 1
    answer = json.loads(output[:begin])
    if "refused" in answer:
        raise FileRefused(*answer["refused"])
    for sheet in answer["sheets"]:
        errors = {(row, column): text for column, text, rows in sheet.get("errors", ()) for row in rows}
        columns = []
        for index, texts in enumerate(sheet["columns"]):
            codes = np.frombuffer(output, np.int32, sheet["rows"], begin)
            begin += codes.nbytes
            if len(codes) and not -1 <= codes.min() <= codes.max() < len(texts):
                raise FileRefused("file.corrupt")
            column = Column(tuple(texts), codes)
            for text in sorted(ERROR_TEXTS.intersection(texts)):
                column, rows = remove_text(column, text)
                errors |= {(sheet["first_row"] + int(row), index): text for row in rows}
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


def encode_sheets(sheets: Sequence[Sheet]) -> bytes:
    """Return sheets as bytes, from which :func:`decode_sheets` makes the same sheets again."""
    head = [
        {
            "name": sheet.name,
            "visible": sheet.visible,
            "first_row": sheet.first_row,
            "rows": sheet.n_rows,
            "columns": [column.values for column in sheet.columns],
            "errors": [(column, text, [row]) for (row, column), text in sheet.errors.items()],
            "formulas": [(column, [row]) for row, column in sheet.formulas],
            "encoding": sheet.encoding,
            **({} if sheet.widths is None else {"widths": sheet.widths.tolist()}),
            "misquoted": sheet.misquoted,
        }
        for sheet in sheets
    ]
    stamps = [(sheet.stamp, sheet.request_id) for sheet in sheets]
    codes = b"".join(column.codes.astype(np.int32).tobytes() for sheet in sheets for column in sheet.columns)
    return json.dumps({"sheets": head, "stamps": stamps}).encode() + b"\n" + codes


def decode_sheets(data: bytes, name: str) -> tuple[Sheet, ...]:
    """Return the sheets of a file that :func:`encode_sheets` wrote. Raises FileRefused where it is inconsistent."""
    stamps = json.loads(data[: data.find(b"\n")])["stamps"]
    sheets = parse_output(data, name, Limits())
    return tuple(
        replace(sheet, stamp=stamp, request_id=request_id)
        for sheet, (stamp, request_id) in zip(sheets, stamps, strict=True)
    )


def remove_text(column: Column, text: str) -> tuple[Column, npt.NDArray[np.intp]]:
    """Return the column with the cells of one text emptied, and the rows they are in (counted from 0)."""
    code = column.values.index(text)
    codes = np.where(column.codes == code, -1, column.codes - (column.codes > code)).astype(np.int32)
    return Column((*column.values[:code], *column.values[code + 1 :]), codes), np.flatnonzero(column.codes == code)


def read_stamp(sheet: Sheet) -> dict[str, str]:
    """Return the stamp of a template: the texts of its second column by those of the first (form, version, asking)."""
    rows = [
        [column.values[code] if code >= 0 else "" for code in column.codes.tolist()] for column in sheet.columns[:2]
    ]
    return dict(zip(*rows, strict=True)) if len(rows) == 2 else {}


def cell_name(row: int, column: int) -> str:
    """Return the name of a cell, its column counted from 0: ``cell_name(3, 1)`` is B3."""
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(65 + letter) + letters
    return f"{letters}{row}"
