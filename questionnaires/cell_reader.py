"""Read the cells of a file: its sheets as columns of distinct texts and codes. Runs in the sandboxed process only."""

from __future__ import annotations

import datetime
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BytesIO
from itertools import count, islice, repeat, zip_longest
from typing import Any

import numpy as np
import python_calamine as calamine

from questionnaires import delimited
from questionnaires.file_checks import ods, xls, xlsx
from questionnaires.file_checks.cell_flags import CellFlags, FlaggedRows
from questionnaires.file_checks.preflight import JSON, TEXT_TYPES
from questionnaires.json_records import iter_json_rows
from questionnaires.limits import FileRefused, Limits
from questionnaires.sheet import Sheet, build_sheet

BLOCK = 1024  # rows at a time
Reader = Callable[[bytes], Iterator[dict[str, Any]]]
Cell = Any  # what calamine gives: str, float, int, bool, date, datetime, time, timedelta


class ColumnBuilder:
    """Builds columns: the distinct values of each and, for each row, the number of its value; -1 for an empty cell.

    No text may be longer than ``longest`` characters.
    """

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.numbers: list[defaultdict[Cell, int]] = []
        self.codes: list[array[int]] = []
        self.n_rows = 0

    def add_rows(self, rows: Sequence[Sequence[Cell]]) -> None:
        """Add rows; the missing cells at the end of a short row are empty."""
        widest = max(map(len, rows))
        while len(self.codes) < widest:
            self.numbers.append(defaultdict(count().__next__, {"": -1}))
            self.codes.append(array("i", [-1]) * self.n_rows)
        columns = zip(*rows, strict=True) if len(set(map(len, rows))) == 1 else zip_longest(*rows, fillvalue="")
        for number, codes, column in zip(self.numbers, self.codes, columns, strict=False):
            cells = map(format_if_bool, column) if bool in map(type, column) else column
            codes.extend(map(number.__getitem__, cells))
        for codes in self.codes[widest:]:
            codes.extend(repeat(-1, len(rows)))
        self.n_rows += len(rows)

    def build(self) -> Iterator[tuple[list[str], array[int]]]:
        """Yield, for each column, its distinct texts in order of first occurrence and the codes of its rows."""
        for number, codes in zip(self.numbers, self.codes, strict=True):
            del number[""]
            texts = [value if type(value) is str else format_cell(value) for value in number]
            if max(map(len, texts), default=0) > self.longest:
                raise FileRefused("limit.cell_text")
            distinct: dict[str, int] = {}
            table = [distinct.setdefault(text, len(distinct)) for text in texts]
            # If not, the column contains, for example, both the number 12 and the text "12".
            unchanged = len(distinct) == len(texts)
            yield list(distinct), codes if unchanged else array("i", map([*table, -1].__getitem__, codes))


def format_if_bool(value: Cell) -> Cell:
    """Return a truth value as text, because True and 1 are the same key of a dict; any other value as it is."""
    return format_cell(value) if type(value) is bool else value


def format_cell(value: Cell) -> str:
    """Return a value as text: whole numbers without a point, others as short as possible, ISO dates, TRUE and FALSE."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return repr(value).removesuffix(".0") if value else "0"  # or "-0"
    if isinstance(value, datetime.date | datetime.time):  # a datetime is a date
        return value.isoformat()
    return str(value)


def make_text_reader(kind: str, name: str, limits: Limits, encoding: str | None) -> Reader:
    """Return the reader of text files: a function from their bytes to their one sheet. ``encoding``: see :func:`load_sheets`."""

    def read(data: bytes) -> Iterator[dict[str, Any]]:
        table = delimited.decode_table(data, kind, encoding)
        misquoted = array("i")
        try:
            columns, widths = build_columns(delimited.iter_records(table, limits))
        except delimited.MisquotedText:
            columns, widths = build_columns(delimited.iter_records_leniently(table, limits, misquoted))
        yield {
            "name": name.rpartition(".")[0],
            "visible": True,
            "first_row": 1,
            "columns": list(columns.build()),
            "widths": list(widths),
            "misquoted": list(misquoted),
            "encoding": table.encoding,
            "encodings": list(table.encodings),
        }

    def build_columns(records: Iterator[list[str]]) -> tuple[ColumnBuilder, array[int]]:
        columns, widths = ColumnBuilder(limits.longest_text), array("i")
        rows = delimited.iter_rows(records, limits, widths)
        while block := list(islice(rows, BLOCK)):
            columns.add_rows(block)
            if columns.n_rows * len(columns.codes) > limits.cells:
                raise FileRefused("limit.cells")
        return columns, widths

    return read


def make_json_reader(name: str, limits: Limits) -> Reader:
    """Return the reader of JSON files: a function from their bytes to their one sheet."""

    def read(data: bytes) -> Iterator[dict[str, Any]]:
        columns = ColumnBuilder(limits.longest_text)
        rows = iter_json_rows(data, limits)
        while block := list(islice(rows, BLOCK)):
            columns.add_rows(block)
            if columns.n_rows * len(columns.codes) > limits.cells:
                raise FileRefused("limit.cells")
        yield {"name": name.rpartition(".")[0], "visible": True, "first_row": 1, "columns": list(columns.build())}

    return read


def make_workbook_reader(kind: str, limits: Limits) -> Reader:
    """Return the reader of workbooks: a function that examines their bytes and yields their worksheets."""
    examiners: dict[str, Callable[[bytes, Limits], list[CellFlags]]] = {
        "xlsx": xlsx.examine,
        "xlsm": partial(xlsx.examine, may_hold_macros=True),
        "ods": ods.examine,
        "xls": xls.examine,
    }
    examine = examiners[kind]

    def read(data: bytes) -> Iterator[dict[str, Any]]:
        flags = examine(data, limits)
        try:
            book = calamine.load_workbook(BytesIO(data))
            if len(book.sheets_metadata) != len(flags):
                raise FileRefused("file.corrupt", "Its sheets cannot be counted.")
            for index, (metadata, sheet_flags) in enumerate(zip(book.sheets_metadata, flags, strict=True)):
                if metadata.typ == calamine.SheetTypeEnum.WorkSheet:
                    visible = metadata.visible == calamine.SheetVisibleEnum.Visible
                    sheet = read_worksheet(book.get_sheet_by_index(index), sheet_flags, limits)
                    yield {"name": metadata.name, "visible": visible, **sheet}
        except calamine.PasswordError:
            raise FileRefused("file.encrypted") from None
        except calamine.CalamineError as error:
            raise FileRefused("file.corrupt", f"The reader reported: {str(error)[:200]}.") from None

    return read


def read_worksheet(sheet: Any, flags: CellFlags, limits: Limits) -> dict[str, Any]:
    """Return the columns of a sheet from A on, with its flags applied: errors are empty, percentages have a sign."""
    top, left = sheet.start or (0, 0)
    columns = ColumnBuilder(limits.longest_text)
    rows = islice(
        sheet.iter_rows(), top, None
    )  # it yields the empty rows above the data, not the empty columns beside it
    while block := list(islice(rows, BLOCK)):
        first = top + 1 + columns.n_rows
        change_flagged(block, first, left, flags.errors, lambda value, error: "")
        change_flagged(block, first, left, flags.displays, apply_display)
        columns.add_rows(block)
    empty: tuple[list[str], array[int]] = ([], array("i", [-1]) * columns.n_rows)
    return {
        "first_row": top + 1,
        "columns": [empty] * left + list(columns.build()),
        "errors": [(column, text, list(rows)) for (column, text), rows in flags.errors.items()],
        "formulas": [(column, list(rows)) for (column, _), rows in flags.formulas.items()],
        "marks": {
            "merged": flags.merged,
            "hidden": list(flags.hidden),
            "filters": flags.filters,
            "struck": [(column, list(rows)) for (column, _), rows in flags.struck.items()],
        },
    }


def change_flagged(
    block: list[list[Cell]], first: int, left: int, flagged: FlaggedRows, change: Callable[[Cell, str], Cell]
) -> None:
    """Change the flagged cells of a block whose first row has the number ``first`` and first column the index ``left``."""
    for (column, text), rows in flagged.items():
        for row in rows[bisect_left(rows, first) : bisect_left(rows, first + len(block))]:
            cells = block[row - first]
            if 0 <= column - left < len(cells):
                cells[column - left] = change(cells[column - left], text)


def apply_display(value: Cell, display: str) -> Cell:
    """Return a number as its format displays it: 0.45 as 45%, 1608 as 01608."""
    if type(value) is not float:
        return value
    if display == "%":
        return f"{value * 100:.15g}%"
    return str(int(value)).zfill(len(display)) if value.is_integer() and 0 < value < 10 ** len(display) else value


def load_sheets(data: bytes, kind: str, name: str, limits: Limits, encoding: str | None = None) -> tuple[Sheet, ...]:
    """Return all sheets of a file of a kind, the ones that a template has for itself included. Raises FileRefused.

    ``encoding``: which to use for a text file if several are likely ("" for the likeliest); None refuses such a file.
    """
    if kind in TEXT_TYPES:
        read = make_text_reader(kind, name, limits, encoding)
    else:
        read = make_json_reader(name, limits) if kind == JSON else make_workbook_reader(kind, limits)
    try:
        return tuple(
            build_sheet(
                {**sheet, "columns": [texts for texts, _ in sheet["columns"]]},
                [np.array(codes, np.int32) for _, codes in sheet["columns"]],
                name,
                limits,
            )
            for sheet in read(data)
        )
    except (FileRefused, MemoryError):
        raise
    except Exception:  # noqa: BLE001  whatever its content does to the reader, a file is damaged and we are well
        raise FileRefused("file.corrupt", "The reading process stopped unexpectedly.") from None
