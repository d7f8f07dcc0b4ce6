"""Read a file: its sheets as columns of distinct texts, with cells verbatim and the row numbers of the spreadsheet.

The file is checked first (:func:`check_file`, which parses nothing) and then read in a sandboxed process
(:mod:`questionnaires.sandbox`), which examines every part before it reads any.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from questionnaires import sandbox
from questionnaires.file_checks.preflight import check_file
from questionnaires.limits import FileRefused, Limits

__all__ = ["Column", "FileRefused", "Limits", "RowFault", "Sheet", "cell_name", "check_file", "read_sheets"]

Codes = npt.NDArray[np.int32]
# These texts are errors as well: if the table was saved as a text file, it contains its errors as text.
ERROR_TEXTS = {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"}
OWN_LIST = "own list"  # ends the stamp of a workbook that the buyer fills in itself
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


@dataclass(frozen=True)
class RowGroup:
    """Rows of a sheet and what they have in common: a ``reason``, and ranges of a first and a last row as the spreadsheet numbers
    them.
    """

    reason: str
    rows: tuple[tuple[int, int], ...]

    @property
    def count(self) -> int:
        """Return how many rows they are."""
        return sum(last - first + 1 for first, last in self.rows)


def build_row_group(reason: str, rows: Iterable[int]) -> RowGroup:
    """Build a group of rows, in which neighbours are one range."""
    ranges: list[tuple[int, int]] = []
    for row in sorted({int(row) for row in rows}):
        if ranges and row == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], row)
        else:
            ranges.append((row, row))
    return RowGroup(reason, tuple(ranges))


@dataclass(frozen=True)
class SheetMarks:
    """What a spreadsheet shows of a sheet beside its texts. Rows are numbered as in the spreadsheet, columns from 0.

    ``merged``: ranges of several cells, as first row, first column, last row, last column; only the first cell has a text.
    ``hidden``: rows that are not shown. ``filters``: first and last row of each filter in use, which hides rows between them.
    ``struck``: the rows whose cell in a column is struck out, by column.
    """

    merged: tuple[tuple[int, int, int, int], ...] = ()
    hidden: tuple[int, ...] = ()
    filters: tuple[tuple[int, int], ...] = ()
    struck: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> SheetMarks:
        """Build the marks from their JSON object."""
        return cls(
            merged=tuple(map(tuple, content.get("merged", ()))),
            hidden=tuple(content.get("hidden", ())),
            filters=tuple(map(tuple, content.get("filters", ()))),
            struck={column: tuple(rows) for column, rows in content.get("struck", ())},
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the marks as a JSON object."""
        return {
            "merged": self.merged,
            "hidden": self.hidden,
            "filters": self.filters,
            "struck": list(self.struck.items()),
        }


@dataclass(frozen=True, eq=False)
class Sheet:
    """One sheet. Columns begin at A; rows at ``first_row``, the number of the first row that is not empty.

    ``errors``: cells (row, column from 0) that hold a spreadsheet error, with its text; they are empty in the columns.
    ``formulas``: cells whose text is the saved result of a formula. ``stamp``: form and version of the template the workbook
    was made from, such as "site 2026.1"; ``request_id``: the id of the questionnaire request it was sent out for, and
    ``request_reference`` the buyer's reference of the supplier it was sent to.
    Text files have an ``encoding``, the ``encodings`` that are likely if there are several, ``widths`` (fields of each row) and
    ``misquoted`` rows with a quotation mark in the wrong place. ``is_transposed``: its rows are the
    columns of the spreadsheet, from A, and its columns the rows, from 1. ``origins``: by column and row, the cell whose text was
    put there, for a column that the spreadsheet does not have.
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
    encodings: tuple[str, ...] = ()
    widths: Codes | None = None
    misquoted: tuple[int, ...] = ()
    cell_text: int = Limits.cell_text
    marks: SheetMarks = SheetMarks()
    is_transposed: bool = False
    origins: Mapping[int, Mapping[int, tuple[int, int]]] = field(default_factory=dict)

    def name_cell(self, row: int, column: int) -> str:
        """Return the name of the cell of the spreadsheet that a cell of the sheet was read from; the row as it is numbered.

        A header that was added as row 0 is in no cell: it is named by its column.
        """
        if self.is_transposed:
            return cell_name(column + 1, row - 1)
        if row == 0:
            return cell_name(1, column).rstrip("1")
        return cell_name(*self.origins.get(column, {}).get(row, (row, column)))

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
        expected = self.widths[header_row - 1] if header_row else np.bincount(self.widths[self.widths > 0]).argmax()
        ragged = (self.widths != expected) & (self.widths > 0)
        ragged[:header_row] = False
        for begin in range(0, len(ragged), 16):
            block = self.widths[begin : begin + 16]
            if len(block) == 16 and ragged[begin] and block[0] < expected and (block == block[0]).all():
                ragged[begin : begin + 16] = False
        cells = [
            column.codes[-len(self.widths) :] for column in self.columns[expected:]
        ]  # without a header that was added
        has_surplus = np.logical_or.reduce([codes >= 0 for codes in cells], initial=False)
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
    return decode_sheets(sandbox.run("sheets", [kind, name], data, limits), name, limits)


def apply_stamp(sheets: Sequence[Sheet]) -> tuple[Sheet, ...]:
    """Return the sheets of a workbook with the stamp of its template, without the sheets the template has for itself."""
    stamped = next((read_stamp(sheet) for sheet in sheets if sheet.name == STAMP_SHEET), {})
    if not stamped.keys() >= {"form", "version"}:
        return tuple(sheets)
    stamp, request_id = f"{stamped['form']} {stamped['version']}", stamped.get("asking")
    return tuple(
        replace(sheet, stamp=stamp, request_id=request_id, request_reference=stamped.get("reference"))
        for sheet in sheets
        if sheet.name != STAMP_SHEET and (sheet.visible or not sheet.name.startswith("_"))
    )


def build_sheet(content: Mapping[str, Any], codes: Sequence[Codes], name: str, limits: Limits) -> Sheet:
    """Return a sheet of a file from its content as JSON has it, and the codes of each column.

    Raises FileRefused if they are inconsistent.
    """
    errors = {(row, column): text for column, text, rows in content.get("errors", ()) for row in rows}
    columns = []
    for index, (texts, column_codes) in enumerate(zip(content["columns"], codes, strict=True)):
        if len(column_codes) and not -1 <= column_codes.min() <= column_codes.max() < len(texts):
            raise FileRefused("file.corrupt")
        column = Column(tuple(texts), column_codes)
        for text in sorted(ERROR_TEXTS.intersection(texts)):
            column, rows = remove_text(column, text)
            errors |= {(content["first_row"] + int(row), index): text for row in rows}
        columns.append(column)
    return Sheet(
        file=name,
        name=content["name"],
        visible=content["visible"],
        first_row=content["first_row"],
        n_rows=len(codes[0]) if codes else 0,
        columns=tuple(columns),
        errors=errors,
        formulas=tuple((row, column) for column, rows in content.get("formulas", ()) for row in rows),
        encoding=content.get("encoding", ""),
        encodings=tuple(content.get("encodings", ())),
        widths=np.array(content["widths"], np.int32) if "widths" in content else None,
        misquoted=tuple(content.get("misquoted", ())),
        cell_text=limits.cell_text,
        marks=SheetMarks.from_dict(content.get("marks", {})),
    )


def encode_sheets(sheets: Sequence[Sheet], layout: Mapping[str, Any] | None = None) -> bytes:
    """Return sheets as bytes, from which :func:`decode_sheets` makes the same sheets again; with the layout by which they were
    read, as a JSON object, if there is one.
    """
    contents = [
        {
            "name": sheet.name,
            "visible": sheet.visible,
            "first_row": sheet.first_row,
            "rows": sheet.n_rows,
            "columns": [column.values for column in sheet.columns],
            "errors": [(column, text, [row]) for (row, column), text in sheet.errors.items()],
            "formulas": [(column, [row]) for row, column in sheet.formulas],
            "encoding": sheet.encoding,
            "encodings": sheet.encodings,
            **({} if sheet.widths is None else {"widths": sheet.widths.tolist()}),
            "misquoted": sheet.misquoted,
            "marks": sheet.marks.to_dict(),
        }
        for sheet in sheets
    ]
    stamps = [(sheet.stamp, sheet.request_id, sheet.request_reference) for sheet in sheets]
    return encode_columns(
        {"sheets": contents, "stamps": stamps, **({} if layout is None else {"layout": layout})},
        (column.codes for sheet in sheets for column in sheet.columns),
    )


def decode_sheets(data: bytes, name: str, limits: Limits | None = None) -> tuple[Sheet, ...]:
    """Return the sheets of a file that :func:`encode_sheets` wrote. Raises FileRefused where it is inconsistent."""
    answer, take = decode_columns(data)
    sheets = []
    for content, stamp in zip(answer["sheets"], answer["stamps"], strict=True):
        columns = [take(content["rows"]) for _ in content["columns"]]
        sheet = build_sheet(content, columns, name, limits or Limits())
        # Files that were stored by earlier releases lack the reference.
        sheets.append(replace(sheet, **dict(zip(("stamp", "request_id", "request_reference"), stamp, strict=False))))
    return tuple(sheets)


def decode_layout(data: bytes) -> Any:
    """Return the layout that :func:`encode_sheets` wrote with sheets, as a JSON object; None if there is none."""
    return decode_columns(data)[0].get("layout")


def encode_columns(content: Mapping[str, Any], columns: Iterable[npt.NDArray[Any]]) -> bytes:
    """Return a JSON object in one line, followed by the codes of columns, four bytes each."""
    line = json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")
    padding = b" " * (3 - len(line) % 4)  # the codes begin at a multiple of four
    return b"".join((line, padding, b"\n", *(column.astype(np.int32).tobytes() for column in columns)))


def decode_columns(data: bytes) -> tuple[Any, Callable[[int], Codes]]:
    """Return the JSON object that :func:`encode_columns` wrote, and a function that takes the next codes, given their number."""
    position = data.find(b"\n") + 1

    def take(number: int) -> Codes:
        nonlocal position
        codes = np.frombuffer(data[position : position + 4 * number], np.int32)
        if len(codes) != number:
            raise FileRefused("file.corrupt")
        position += 4 * number
        return codes

    return json.loads(data[:position]), take


def change_encoding(sheet: Sheet, encoding: str) -> Sheet:
    """Return the sheet of a text file as it would be in another of the encodings that are likely.

    Raises FileRefused if its texts are not valid in that one.
    """
    try:
        columns = [
            replace(column, values=tuple(text.encode(sheet.encoding).decode(encoding) for text in column.values))
            for column in sheet.columns
        ]
    except UnicodeError:
        raise FileRefused("csv.encoding") from None
    return replace(sheet, columns=tuple(columns), encoding=encoding)


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
