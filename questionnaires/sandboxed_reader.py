"""The reader, as it runs in a process of its own: bytes of a file in, columns of distinct texts and codes out.

Started by :mod:`questionnaires.sheet`. It imports little, for starting it is part of the cost of every file.
"""

from __future__ import annotations

import datetime
import gc
import json
import resource
import sys
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from itertools import count, islice, repeat, zip_longest
from typing import Any

from questionnaires.file_checks.cell_flags import Marks, Rows
from questionnaires.limits import Limits, Refused

TEXT_KINDS = ("csv", "tsv", "txt")
BLOCK = 1024  # rows at a time
Reader = Callable[[bytes], Iterator[dict[str, Any]]]
Cell = Any  # what calamine gives: str, float, int, bool, date, datetime, time, timedelta


class Columns:
    """Columns under construction: the distinct values of each and, for each row, which of them; -1 for an empty cell.

    No text may be longer than ``longest``.
    """

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.numbers: list[defaultdict[Cell, int]] = []
        self.codes: list[array[int]] = []
        self.n_rows = 0

    def add(self, rows: Sequence[Sequence[Cell]]) -> None:
        """Adds rows; a short row is empty at its end."""
        widest = max(map(len, rows))
        while len(self.codes) < widest:
            self.numbers.append(defaultdict(count().__next__, {"": -1}))
            self.codes.append(array("i", [-1]) * self.n_rows)
        columns = zip(*rows, strict=True) if len(set(map(len, rows))) == 1 else zip_longest(*rows, fillvalue="")
        for number, codes, column in zip(self.numbers, self.codes, columns, strict=False):
            cells = map(as_text_if_bool, column) if bool in map(type, column) else column
            codes.extend(map(number.__getitem__, cells))
        for codes in self.codes[widest:]:
            codes.extend(repeat(-1, len(rows)))
        self.n_rows += len(rows)

    def finished(self) -> Iterator[tuple[list[str], array[int]]]:
        """The texts of each column in order of first sight, and the codes."""
        for number, codes in zip(self.numbers, self.codes, strict=True):
            del number[""]
            texts = [value if type(value) is str else as_text(value) for value in number]
            if max(map(len, texts), default=0) > self.longest:
                raise Refused("limit.cell_text")
            again: dict[str, int] = {}
            table = [again.setdefault(text, len(again)) for text in texts]
            same = len(again) == len(texts)  # else there is, say, the number 12 and the text "12"
            yield list(again), codes if same else array("i", map([*table, -1].__getitem__, codes))


def as_text_if_bool(value: Cell) -> Cell:
    """A truth value as text, for to a dict True is 1; all else as it is."""
    return as_text(value) if type(value) is bool else value


def as_text(value: Cell) -> str:
    """The text of a value: whole numbers without a point, others as short as they can be told, ISO days, TRUE and FALSE."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return repr(value).removesuffix(".0") if value else "0"  # or "-0"
    if isinstance(value, datetime.date | datetime.time):  # a datetime is a date
        return value.isoformat()
    return str(value)


def text_reader(kind: str, name: str, limits: Limits) -> Reader:
    """The reader of text files: a function of their bytes."""
    from questionnaires import delimited

    def read(data: bytes) -> Iterator[dict[str, Any]]:
        table = delimited.table(data, kind)
        misquoted = array("i")
        try:
            columns, widths = gathered(delimited.strictly(table, limits))
        except delimited.Misquoted:
            columns, widths = gathered(delimited.loosely(table, limits, misquoted))
        yield {
            "name": name.rpartition(".")[0],
            "visible": True,
            "first_row": 1,
            "columns": list(columns.finished()),
            "widths": list(widths),
            "misquoted": list(misquoted),
            "encoding": table.encoding,
        }

    def gathered(records: Iterator[list[str]]) -> tuple[Columns, array[int]]:
        columns, widths = Columns(limits.longest_text), array("i")
        found = delimited.rows(records, limits, widths)
        while block := list(islice(found, BLOCK)):
            columns.add(block)
            if columns.n_rows * len(columns.codes) > limits.cells:
                raise Refused("limit.cells")
        return columns, widths

    return read


def workbook_reader(kind: str, limits: Limits) -> Reader:
    """The reader of workbooks behind their gate: a function of their bytes."""
    import python_calamine as calamine

    if kind == "xlsx":
        from questionnaires.file_checks.xlsx import examine
    elif kind == "ods":
        from questionnaires.file_checks.ods import examine
    else:
        from questionnaires.file_checks.xls import examine

    def read(data: bytes) -> Iterator[dict[str, Any]]:
        marks = examine(data, limits)
        try:
            book = calamine.load_workbook(BytesIO(data))
            if len(book.sheets_metadata) != len(marks):
                raise Refused("file.corrupt", "Its sheets cannot be counted.")
            for at, (told, marked) in enumerate(zip(book.sheets_metadata, marks, strict=True)):
                if told.typ == calamine.SheetTypeEnum.WorkSheet:
                    visible = told.visible == calamine.SheetVisibleEnum.Visible
                    yield {"name": told.name, "visible": visible, **grid(book.get_sheet_by_index(at), marked, limits)}
        except calamine.PasswordError:
            raise Refused("file.encrypted") from None
        except calamine.CalamineError as error:
            raise Refused("file.corrupt", f"The reader says: {str(error)[:200]}.") from None

    return read


def grid(sheet: Any, marks: Marks, limits: Limits) -> dict[str, Any]:
    """The columns of a sheet from A on, with what its marks say put into them: errors are empty, percentages have a sign."""
    top, left = sheet.start or (0, 0)
    columns = Columns(limits.longest_text)
    rows = islice(sheet.iter_rows(), top, None)  # it gives the empty rows above, not the empty columns beside
    while block := list(islice(rows, BLOCK)):
        first = top + 1 + columns.n_rows
        put(block, first, left, marks.errors, lambda value, error: "")
        put(block, first, left, marks.shown, shown)
        columns.add(block)
    empty: tuple[list[str], array[int]] = ([], array("i", [-1]) * columns.n_rows)
    return {
        "first_row": top + 1,
        "columns": [empty] * left + list(columns.finished()),
        "errors": [(column, said, list(rows)) for (column, said), rows in marks.errors.items()],
        "formulas": [(column, list(rows)) for (column, _), rows in marks.formulas.items()],
    }


def put(block: list[list[Cell]], first: int, left: int, marked: Rows, change: Callable[[Cell, str], Cell]) -> None:
    """Changes the marked cells of a block of rows, the first of which has the number ``first``."""
    for (column, said), rows in marked.items():
        for row in rows[bisect_left(rows, first) : bisect_left(rows, first + len(block))]:
            cells = block[row - first]
            if 0 <= column - left < len(cells):
                cells[column - left] = change(cells[column - left], said)


def shown(value: Cell, way: str) -> Cell:
    """A number as its format shows it: 0.45 as 45%, 1608 as 01608."""
    if type(value) is not float:
        return value
    if way == "%":
        return f"{value * 100:.15g}%"
    return str(int(value)).zfill(len(way)) if value.is_integer() and 0 < value < 10 ** len(way) else value


def confine(limits: Limits) -> None:
    """From here on: so much memory and time, no file, no connection, no process of its own."""
    for what, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CPU, limits.seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 3),  # the three that are open: a file or a connection would be a fourth
    ):
        _, highest = resource.getrlimit(what)
        kept = most if highest == resource.RLIM_INFINITY else min(most, highest)
        resource.setrlimit(what, (kept, kept))


def main() -> None:
    """Reads the file on standard input; its kind, name and limits are the first argument, as JSON.

    Writes one line of JSON, then the codes of every column in order, four bytes each.
    """
    kind, name, told = json.loads(sys.argv[1])
    limits = Limits(**told)
    reader = text_reader(kind, name, limits) if kind in TEXT_KINDS else workbook_reader(kind, limits)
    confine(limits)
    gc.disable()  # nothing here is in a circle
    codes: list[array[int]] = []
    try:
        sheets = []
        for sheet in reader(sys.stdin.buffer.read()):
            codes.extend(column for _, column in sheet["columns"])
            rows = len(sheet["columns"][0][1]) if sheet["columns"] else 0
            sheets.append({**sheet, "rows": rows, "columns": [texts for texts, _ in sheet["columns"]]})
        answer: dict[str, Any] = {"sheets": sheets}
    except Refused as refused:
        answer, codes = {"refused": [refused.code, refused.more]}, []
    except MemoryError:
        answer, codes = {"refused": ["archive.expands_too_large", "There is not enough memory to read it."]}, []
    out = sys.stdout.buffer
    line = json.dumps(answer, ensure_ascii=False).encode("utf-8", "surrogatepass")
    out.write(line + b" " * (3 - len(line) % 4) + b"\n")  # the codes begin at a multiple of four
    for column in codes:
        out.write(column)
    out.flush()
