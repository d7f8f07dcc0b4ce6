"""The limits on uploaded files, and the reasons for which a file is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The greatest sizes that are read.

    ``bytes`` of the file, ``part_bytes`` of one part of it once inflated and ``expanded`` bytes of all parts, ``entries`` of the
    archive, ``sheets``; ``rows`` and ``columns`` of one sheet, ``cells`` of the rectangles of all sheets together;
    characters of a cell above which its row is rejected (``cell_text``) or the file refused (``longest_text``), and
    ``all_text`` bytes of text in all cells; CPU ``seconds`` and bytes of ``memory`` of the sandboxed process, and the seconds
    after which it is ended even if a busy machine gave it less CPU time (``elapsed_seconds``), or sooner if it used none at all
    for a while (``idle_seconds``): there is nothing that it could be waiting for.
    """

    bytes: int = 50_000_000
    part_bytes: int = 400_000_000
    expanded: int = 800_000_000
    entries: int = 2_000
    sheets: int = 100
    rows: int = 200_000
    columns: int = 1_000
    cells: int = 10_000_000
    cell_text: int = 32_767  # the most that Excel allows in a cell
    longest_text: int = 1_000_000
    all_text: int = 256_000_000
    seconds: int = 60
    elapsed_seconds: int = 600
    idle_seconds: int = 30
    memory: int = 2_000_000_000

    @property
    def rows_and_header(self) -> int:
        """Return the greatest number of rows of a sheet with its header: a full list of suppliers has one."""
        return self.rows + 1


class FileRefused(Exception):
    """Raised for a file that is not read: its ``code``, the ``detail`` in one or two sentences, and the ``cure``."""

    def __init__(self, code: str, extra: str = "") -> None:
        sentence, self.cure = REFUSALS[code]
        self.code, self.extra = code, extra
        self.detail = f"{sentence} {extra}".strip()
        super().__init__(f"{self.detail} {self.cure}")


# code -> (what is wrong, how to fix it)
REFUSALS = {
    "archive.bad_compression": (
        "The workbook is compressed in a way that no spreadsheet program uses.",
        "Open the file in a spreadsheet program, save it as .xlsx, and upload the new file.",
    ),
    "archive.bad_entry_name": (
        "The workbook contains a part whose name no spreadsheet program uses.",
        "Open the file in a spreadsheet program, save it as .xlsx, and upload the new file.",
    ),
    "archive.corrupt": (
        "The workbook is damaged: its parts do not match its table of contents.",
        "Upload the original again, or open it, save it under a new name, and upload the new file.",
    ),
    "archive.duplicate_entry": (
        "The workbook contains the same part twice.",
        "Open the file in a spreadsheet program, save it as .xlsx, and upload the new file.",
    ),
    "archive.expands_too_large": (
        "The workbook would be too large when unpacked.",
        "Upload only the sheet with the data, without pictures and empty formatted rows.",
    ),
    "archive.too_many_entries": ("The workbook has too many parts.", "Upload only the sheet with the data."),
    "archive.unexpected_part": (
        "The workbook contains a part that does not belong in a workbook.",
        "Copy the sheet with the data into a new workbook, and upload the new file.",
    ),
    "csv.encoding": (
        "The character encoding of the text file is unclear: it is not UTF-8 and cannot be identified with certainty.",
        "Save it as 'CSV UTF-8' or as .xlsx, and upload the new file.",
    ),
    "csv.nul": (
        "The text file contains NUL characters, which are only found in binary files.",
        "Save it again as 'CSV UTF-8', or as .xlsx.",
    ),
    "csv.unterminated_quote": (
        "An opening quotation mark is never closed, so rows run into each other.",
        "Close or double the quotation mark, or save the table as .xlsx.",
    ),
    "file.active_content": (
        "The workbook contains macros, programs or embedded files.",
        "Save it as an .xlsx workbook without macros or attachments, and upload the new file.",
    ),
    "file.bad_name": ("The file name cannot be used.", "Give the file a simple name such as suppliers.xlsx."),
    "file.corrupt": (
        "The file is damaged and cannot be read.",
        "Upload the original again, or open it, save it under a new name, and upload the new file.",
    ),
    "file.empty": ("The file is empty.", "Upload the file that contains the data."),
    "file.encrypted": ("The file is protected by a password.", "Remove the password and upload the file again."),
    "file.type_mismatch": (
        "The content of the file does not match its file extension.",
        "Open the file in a spreadsheet program, save it as .xlsx, .xls, .ods or .csv, and upload it again.",
    ),
    "file.type_not_allowed": (
        "This file type is not supported.",
        "Upload an .xlsx, .xlsm without macros, .xls, .ods, .csv, .tsv or .json file.",
    ),
    "json.corrupt": ("The JSON file is damaged.", "Export it again, and upload the new file."),
    "json.not_a_table": (
        "The JSON file is not a list of records with the same fields.",
        "Export a list with one object per supplier, or save the table as .xlsx or .csv.",
    ),
    "limit.cell_text": ("A cell contains too much text.", "Shorten the text."),
    "limit.cells": (
        "The sheet spans too many cells.",
        "Clear any cells far from the table, or split the table into several files.",
    ),
    "limit.columns": ("The sheet has too many columns.", "Remove columns that are not needed."),
    "limit.rows": ("The sheet has too many rows.", "Split the table into several files."),
    "limit.sheets": ("The workbook has too many sheets.", "Upload only the sheets with the data."),
    "limit.time": (
        "Reading the file takes too long.",
        "Shorten its longest texts, or split the table into several files.",
    ),
    "proof.active_content": (
        "The document contains macros, programs or embedded files.",
        "Save it without them, for example as a PDF, and upload the new file.",
    ),
    "proof.picture": (
        "The image is damaged or too large.",
        "Save it again as a PNG or JPEG of up to 50 million pixels, and upload the new file.",
    ),
    "proof.too_large": ("The file is too large.", "Upload a smaller file, or split it into several."),
    "proof.type": (
        "This is not one of the accepted types of file.",
        "Upload a PDF, PNG, JPEG, XLSX, DOCX or CSV file.",
    ),
    "upload.too_large": (
        "The file is too large.",
        "Upload only the sheet with the data, without pictures, or split the table into several files.",
    ),
    "xml.dtd_forbidden": (
        "The workbook defines its own XML entities, which no spreadsheet program does.",
        "Open the file in a spreadsheet program, save it as .xlsx, and upload the new file.",
    ),
    "xml.forbidden_character": (
        "The workbook contains control characters, which no spreadsheet program writes.",
        "Open the file in a spreadsheet program, save it as .xlsx, and upload the new file.",
    ),
    "xml.too_complex": (
        "The workbook has a structure that no spreadsheet program produces.",
        "Open the file in a spreadsheet program, save it as .xlsx, and upload the new file.",
    ),
    "xml.too_deep": (
        "The workbook is nested more deeply than any file that a spreadsheet program produces.",
        "Open the file in a spreadsheet program, save it as .xlsx, and upload the new file.",
    ),
}
