"""The limits on uploaded files, and the reasons for which a file is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The greatest sizes that are read.

    ``bytes`` of the file, ``part_bytes`` of one part of it once inflated and ``expanded`` bytes of all parts, ``entries`` of the
    archive, ``sheets``; ``rows`` and ``columns`` of one sheet, ``cells`` of the rectangles of all sheets together;
    characters of a cell above which its row is rejected (``cell_text``) or the file refused (``longest_text``), and
    ``all_text`` bytes of text in all cells; CPU ``seconds`` and bytes of ``memory`` of the reader process.
    """

    bytes: int = 50_000_000
    part_bytes: int = 400_000_000
    expanded: int = 800_000_000
    entries: int = 2_000
    sheets: int = 100
    rows: int = 200_000
    columns: int = 1_000
    cells: int = 10_000_000
    cell_text: int = 32_767  # what Excel holds in a cell
    longest_text: int = 1_000_000
    all_text: int = 256_000_000
    seconds: int = 60
    memory: int = 2_000_000_000


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
        "The workbook is packed in a way no spreadsheet program uses.",
        "Open it, save it again as .xlsx, and send that.",
    ),
    "archive.bad_entry_name": (
        "The workbook holds a part with a name that no spreadsheet program gives.",
        "Open it, save it again as .xlsx, and send that.",
    ),
    "archive.corrupt": (
        "The workbook is damaged: its parts do not fit its table of contents.",
        "Send the original again, or open it, save it under a new name, and send that.",
    ),
    "archive.duplicate_entry": (
        "The workbook holds the same part twice.",
        "Open it, save it again as .xlsx, and send that.",
    ),
    "archive.expands_too_large": (
        "The workbook would be too large once unpacked.",
        "Send only the sheet with the data, without pictures and empty formatted rows.",
    ),
    "archive.too_many_entries": ("The workbook has too many parts.", "Send only the sheet with the data."),
    "archive.unexpected_part": (
        "The workbook holds a part that does not belong into a workbook.",
        "Copy the sheet with the data into a new workbook, and send that.",
    ),
    "csv.encoding": (
        "The characters of the text file cannot be told: it is neither UTF-8 nor plainly anything else.",
        "Save it as 'CSV UTF-8', or as .xlsx, and send that.",
    ),
    "csv.nul": (
        "The text file holds NUL characters, as only programs do.",
        "Save it again as 'CSV UTF-8', or as .xlsx.",
    ),
    "csv.unterminated_quote": (
        "A quotation mark is opened and never closed, so that rows run into one another.",
        "Close or double the quotation mark, or save the table as .xlsx.",
    ),
    "file.active_content": (
        "The workbook holds macros, programs or embedded files.",
        "Save it as an .xlsx workbook without macros and attachments, and send that.",
    ),
    "file.bad_name": ("The name of the file cannot be used.", "Give the file a plain name such as suppliers.xlsx."),
    "file.corrupt": (
        "The file is damaged and cannot be read.",
        "Send the original again, or open it, save it under a new name, and send that.",
    ),
    "file.empty": ("The file is empty.", "Send the file with the data."),
    "file.encrypted": ("The file is protected by a password.", "Remove the password and send it again."),
    "file.type_mismatch": (
        "The file is not what its name says.",
        "Send a real .xlsx, .xls, .ods or .csv file: open it in a spreadsheet program and save it as such.",
    ),
    "file.type_not_allowed": ("Files of this type are not read.", "Send an .xlsx, .xls, .ods, .csv or .tsv file."),
    "limit.cell_text": ("A cell holds more text than can be read.", "Shorten the text."),
    "limit.cells": (
        "The sheet spans too many cells.",
        "Remove the cells far from the table, or send the table in several files.",
    ),
    "limit.columns": ("The sheet has too many columns.", "Remove the columns that are not needed."),
    "limit.rows": ("The sheet has too many rows.", "Send the table in several files."),
    "limit.sheets": ("The workbook has too many sheets.", "Send only the sheets with the data."),
    "upload.too_large": (
        "The file is too large.",
        "Send only the sheet with the data, without pictures, or the table in several files.",
    ),
    "xml.dtd_forbidden": (
        "The workbook defines entities of its own, which no spreadsheet program does.",
        "Open it, save it again as .xlsx, and send that.",
    ),
    "xml.too_complex": (
        "The workbook is built in a way no spreadsheet program does.",
        "Open it, save it again as .xlsx, and send that.",
    ),
    "xml.too_deep": (
        "The workbook is nested deeper than any spreadsheet program does.",
        "Open it, save it again as .xlsx, and send that.",
    ),
}
