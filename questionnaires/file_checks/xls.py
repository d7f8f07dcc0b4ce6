"""The gate of an .xls workbook (BIFF5 and BIFF8): its records walked once, and the marks of its cells."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from questionnaires.file_checks.cell_flags import Marks, mark, shown_as
from questionnaires.file_checks.ole2 import UTF16, CompoundFile
from questionnaires.limits import Limits, Refused

BOF, EOF, BOUNDSHEET, FILEPASS, FORMAT, XF = 0x809, 0x0A, 0x85, 0x2F, 0x41E, 0xE0
FORMULA, NUMBER, LABEL, BOOLERR, RK, MULRK, LABELSST, RSTRING = 0x06, 0x203, 0x204, 0x205, 0x27E, 0xBD, 0xFD, 0xD6
FILLED = {FORMULA, NUMBER, LABEL, BOOLERR, RK, MULRK, LABELSST, RSTRING}
NUMBERS = {FORMULA, NUMBER, RK}
ERRORS = {0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A"}
WORKSHEET, MACROS = 0, (1, 6)  # kinds of sheets
MOST_RECORDS = 10_000_000
HEAD, PLACE = struct.Struct("<2H"), struct.Struct("<3H")


def examine(data: bytes, limits: Limits) -> list[Marks]:
    """The marks of every sheet of a workbook, in its order; a sheet of charts has none. Raises Refused."""
    file = CompoundFile(data)
    names = {stream.name.casefold().strip("\x01\x03\x05") for stream in file.streams}
    if "encryptedpackage" in names:
        raise Refused("file.encrypted")
    if names & {"_vba_project_cur", "_vba_project", "vba", "ole10native"} or any(
        name.startswith("mbd") for name in names
    ):
        raise Refused("file.active_content")
    book = next((stream for stream in file.streams if stream.name.casefold() in ("workbook", "book")), None)
    if book is None:
        raise Refused("file.type_mismatch")
    return Book(file.read(book), limits).sheets()


class Book:
    """The stream of a workbook while it is looked at."""

    def __init__(self, stream: bytes, limits: Limits) -> None:
        self.stream, self.limits = stream, limits
        self.left = MOST_RECORDS
        self.version = 0
        self.ways: dict[int, str] = {}

    def records(self, at: int) -> Iterator[tuple[int, int, int]]:
        """Kind, place and length of the records from a place to the end of what begins there."""
        unpack, stream, end = HEAD.unpack_from, self.stream, len(self.stream)
        depth = 0
        while at + 4 <= end:
            kind, length = unpack(stream, at)
            at += 4
            self.left -= 1
            if at + length > end or self.left < 0:
                break
            if kind == BOF:
                depth += 1
            elif kind == EOF:
                depth -= 1
                if depth <= 0:
                    return
            if depth == 1:
                yield kind, at, length
            at += length
        raise Refused("file.corrupt", "It ends in the middle of a record.")

    def sheets(self) -> list[Marks]:
        """Looks at the whole workbook; gives the marks of its sheets."""
        formats = {9: "%", 10: "%"}
        styles: list[int] = []
        listed: list[tuple[int, int]] = []
        for kind, at, length in self.records(0):
            record = self.stream[at : at + length]
            if kind == BOF and length >= 4:
                self.version = int.from_bytes(record[:2], "little")
            elif kind == FILEPASS:
                raise Refused("file.encrypted")
            elif kind == BOUNDSHEET and length >= 6:
                listed.append((int.from_bytes(record[:4], "little"), record[5] & 0x0F))
            elif kind == FORMAT and length >= 3:
                formats[int.from_bytes(record[:2], "little")] = shown_as(self.format_code(record))
            elif kind == XF and length >= 4:
                styles.append(int.from_bytes(record[2:4], "little"))
        if self.version not in (0x500, 0x600):
            raise Refused("file.type_not_allowed", "It is of a version of Excel before 1995.")
        if any(kind in MACROS for _, kind in listed):
            raise Refused("file.active_content")
        if len(listed) > self.limits.sheets:
            raise Refused("limit.sheets", f"{self.limits.sheets} are read at most.")
        self.ways = {at: formats[style] for at, style in enumerate(styles) if formats.get(style)}
        marks = [self.sheet(at) if kind == WORKSHEET else Marks() for at, kind in listed]
        cells = sum(sheet.rows * sheet.columns for sheet in marks)
        if cells > self.limits.cells:
            raise Refused("limit.cells", f"It spans {cells:,}.")
        return marks

    def format_code(self, record: bytes) -> str:
        """The code of a number format."""
        if self.version < 0x600:
            return record[3 : 3 + record[2]].decode("latin-1")
        if len(record) > 4 and record[4] & 1:
            return UTF16.decode(record[5:], "replace")[0]
        return record[5:].decode("latin-1")

    def sheet(self, at: int) -> Marks:
        """The marks of the sheet whose records begin at a place."""
        marks, stream, ways = Marks(), self.stream, self.ways
        for kind, start, length in self.records(at):
            if kind not in FILLED or length < 6:
                continue
            row, column, style = PLACE.unpack_from(stream, start)
            row += 1
            last = int.from_bytes(stream[start + length - 2 : start + length], "little") if kind == MULRK else column
            if row > marks.rows or last >= marks.columns:
                marks.filled(row, last, self.limits)
            if kind == MULRK and ways:
                for place, each in enumerate(range(start + 4, start + length - 2, 6), column):
                    if way := ways.get(int.from_bytes(stream[each : each + 2], "little")):
                        mark(marks.shown, place, way, row)
            elif kind in NUMBERS and style in ways:
                mark(marks.shown, column, ways[style], row)
            if kind == FORMULA and length >= 14:
                mark(marks.formulas, column, "", row)
                if stream[start + 12 : start + 14] == b"\xff\xff" and stream[start + 6] == 2:
                    mark(marks.errors, column, ERRORS.get(stream[start + 8], "#ERROR"), row)
            elif kind == BOOLERR and length >= 8 and stream[start + 7]:
                mark(marks.errors, column, ERRORS.get(stream[start + 6], "#ERROR"), row)
        return marks
