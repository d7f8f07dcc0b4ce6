"""Examine an .xls workbook (BIFF5 and BIFF8) by walking its records once, and return the flags of its cells."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from questionnaires.file_checks.cell_flags import CellFlags, add_flag, parse_number_format
from questionnaires.file_checks.ole2 import UTF16, CompoundFile
from questionnaires.limits import FileRefused, Limits

BOF, EOF, BOUNDSHEET, FILEPASS, FORMAT, XF = 0x809, 0x0A, 0x85, 0x2F, 0x41E, 0xE0
FORMULA, NUMBER, LABEL, BOOLERR, RK, MULRK, LABELSST, RSTRING = 0x06, 0x203, 0x204, 0x205, 0x27E, 0xBD, 0xFD, 0xD6
FONT, ROW, MERGED_CELLS, FILTER_IN_USE = 0x31, 0x208, 0xE5, 0x9B
HIDDEN, STRUCK_OUT = 0x20, 0x08  # bits of the options of a row and of a font
MISSING_FONT = 4  # no font has this number
FILLED = {FORMULA, NUMBER, LABEL, BOOLERR, RK, MULRK, LABELSST, RSTRING}
NUMBERS = {FORMULA, NUMBER, RK}
ERRORS = {0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!", 0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A"}
WORKSHEET, MACRO_SHEETS = 0, (1, 6)  # types of sheets
MAX_RECORDS = 10_000_000
RECORD_HEADER, CELL_POSITION, MERGED_RANGE = struct.Struct("<2H"), struct.Struct("<3H"), struct.Struct("<4H")


def examine(data: bytes, limits: Limits) -> list[CellFlags]:
    """Return the cell flags of every sheet of a workbook, in its order; a chart sheet has none. Raises FileRefused."""
    file = CompoundFile(data)
    names = {stream.name.casefold().strip("\x01\x03\x05") for stream in file.streams}
    if "encryptedpackage" in names:
        raise FileRefused("file.encrypted")
    if names & {"_vba_project_cur", "_vba_project", "vba", "ole10native"} or any(
        name.startswith("mbd") for name in names
    ):
        raise FileRefused("file.active_content")
    workbook = next((stream for stream in file.streams if stream.name.casefold() in ("workbook", "book")), None)
    if workbook is None:
        raise FileRefused("file.type_mismatch")
    return WorkbookScanner(file.read(workbook), limits).scan()


class WorkbookScanner:
    """Collects the flags of all sheets from the records of a workbook's stream."""

    def __init__(self, stream: bytes, limits: Limits) -> None:
        self.stream, self.limits = stream, limits
        self.records_left = MAX_RECORDS
        self.version = 0
        self.displays: dict[int, str] = {}
        self.struck: frozenset[int] = frozenset()

    def iter_records(self, offset: int) -> Iterator[tuple[int, int, int]]:
        """Yield type, position and length of the records of the substream that begins at a position."""
        unpack, stream, end = RECORD_HEADER.unpack_from, self.stream, len(self.stream)
        depth = 0
        while offset + 4 <= end:
            record_type, length = unpack(stream, offset)
            offset += 4
            self.records_left -= 1
            if offset + length > end or self.records_left < 0:
                break
            if record_type == BOF:
                depth += 1
            elif record_type == EOF:
                depth -= 1
                if depth <= 0:
                    return
            if depth == 1:
                yield record_type, offset, length
            offset += length
        raise FileRefused("file.corrupt", "The file ends in the middle of a record.")

    def scan(self) -> list[CellFlags]:
        """Scan the whole workbook and return the cell flags of its sheets."""
        formats = {9: "%", 10: "%"}
        styles: list[int] = []
        style_fonts: list[int] = []
        fonts: list[bool] = []  # whether each strikes the text out
        sheets: list[tuple[int, int]] = []
        for record_type, offset, length in self.iter_records(0):
            record = self.stream[offset : offset + length]
            if record_type == BOF and length >= 4:
                self.version = int.from_bytes(record[:2], "little")
            elif record_type == FILEPASS:
                raise FileRefused("file.encrypted")
            elif record_type == BOUNDSHEET and length >= 6:
                sheets.append((int.from_bytes(record[:4], "little"), record[5] & 0x0F))
            elif record_type == FORMAT and length >= 3:
                formats[int.from_bytes(record[:2], "little")] = parse_number_format(self.get_format_code(record))
            elif record_type == XF and length >= 4:
                styles.append(int.from_bytes(record[2:4], "little"))
                style_fonts.append(int.from_bytes(record[:2], "little"))
            elif record_type == FONT and length >= 4:
                fonts += [False] if len(fonts) == MISSING_FONT else []
                fonts.append(bool(record[2] & STRUCK_OUT))
        if self.version not in (0x500, 0x600):
            raise FileRefused("file.type_not_allowed", "It was written by a version of Excel older than Excel 95.")
        if any(sheet_type in MACRO_SHEETS for _, sheet_type in sheets):
            raise FileRefused("file.active_content")
        if len(sheets) > self.limits.sheets:
            raise FileRefused("limit.sheets", f"The maximum is {self.limits.sheets} sheets.")
        self.displays = {style: formats[code] for style, code in enumerate(styles) if formats.get(code)}
        self.struck = frozenset(style for style, font in enumerate(style_fonts) if font < len(fonts) and fonts[font])
        flags = [self.scan_sheet(offset) if sheet_type == WORKSHEET else CellFlags() for offset, sheet_type in sheets]
        cells = sum(sheet.n_rows * sheet.n_columns for sheet in flags)
        if cells > self.limits.cells:
            raise FileRefused("limit.cells", f"It spans {cells:,} cells.")
        return flags

    def get_format_code(self, record: bytes) -> str:
        """Return the code of a number format from its record."""
        if self.version < 0x600:
            return record[3 : 3 + record[2]].decode("latin-1")
        if len(record) > 4 and record[4] & 1:
            return UTF16.decode(record[5:], "replace")[0]
        return record[5:].decode("latin-1")

    def scan_sheet(self, sheet_offset: int) -> CellFlags:
        """Return the cell flags of the sheet whose records begin at a position."""
        flags, stream, displays, is_filtered = CellFlags(), self.stream, self.displays, False
        for record_type, start, length in self.iter_records(sheet_offset):
            if record_type not in FILLED or length < 6:
                if record_type == ROW and length >= 14 and stream[start + 12] & HIDDEN:
                    flags.hidden.append(int.from_bytes(stream[start : start + 2], "little") + 1)
                elif record_type == MERGED_CELLS:
                    flags.merged += read_merged_ranges(stream[start : start + length])
                is_filtered |= record_type == FILTER_IN_USE
                continue
            row, column, style = CELL_POSITION.unpack_from(stream, start)
            row += 1
            is_multiple = record_type == MULRK
            last = int.from_bytes(stream[start + length - 2 : start + length], "little") if is_multiple else column
            if row > flags.n_rows or last >= flags.n_columns:
                flags.add_filled_cell(row, last, self.limits)
            if is_multiple and displays:
                for cell_column, offset in enumerate(range(start + 4, start + length - 2, 6), column):
                    if display := displays.get(int.from_bytes(stream[offset : offset + 2], "little")):
                        add_flag(flags.displays, cell_column, display, row)
            elif record_type in NUMBERS and style in displays:
                add_flag(flags.displays, column, displays[style], row)
            if style in self.struck and not is_multiple:
                add_flag(flags.struck, column, "", row)
            if record_type == FORMULA and length >= 14:
                add_flag(flags.formulas, column, "", row)
                if stream[start + 12 : start + 14] == b"\xff\xff" and stream[start + 6] == 2:
                    add_flag(flags.errors, column, ERRORS.get(stream[start + 8], "#ERROR"), row)
            elif record_type == BOOLERR and length >= 8 and stream[start + 7]:
                add_flag(flags.errors, column, ERRORS.get(stream[start + 6], "#ERROR"), row)
        if is_filtered:
            flags.filters.append((1, flags.n_rows))
        return flags


def read_merged_ranges(record: bytes) -> list[tuple[int, int, int, int]]:
    """Return the merged ranges of a record: first row, first column, last row, last column; rows from 1, columns from 0."""
    count = min(int.from_bytes(record[:2], "little"), (len(record) - 2) // MERGED_RANGE.size)
    ranges = (MERGED_RANGE.unpack_from(record, 2 + MERGED_RANGE.size * number) for number in range(count))
    return [(top + 1, left, bottom + 1, right) for top, bottom, left, right in ranges]
