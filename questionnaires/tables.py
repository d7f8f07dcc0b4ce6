"""The tables of a file: which sheets are read, as which kind, and the valid answers of their rows.

They are found in the sandboxed process (:mod:`questionnaires.find_tables`); :func:`read_tables` returns what that found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from questionnaires import sandbox
from questionnaires.file_checks.preflight import check_file
from questionnaires.issues import Issue, UnusableSheet
from questionnaires.layout.document import Layout
from questionnaires.limits import Limits
from questionnaires.sheet import RowGroup, decode_columns, encode_columns
from questionnaires.validation.column_match import ColumnMatch, ColumnReading
from questionnaires.validation.context import AnswerColumn
from questionnaires.validation.personal_data import CASE_KIND
from questionnaires.validation.validate import Submission

TABLE_KINDS = ("site", "agency", CASE_KIND)  # what the rows of a table are guessed to be
BUYER = "buyer"  # a workbook made from the buyer's own form; never guessed from headers
COHORTS = "repayment"  # cohorts of the repayment calculator: only where the sender says so
STORED = "stored"  # a file of sheets without the notes that contained personal data, instead of the file that was sent


@dataclass(frozen=True)
class TableOptions:
    """What the sender chose for a file; None (or empty) is detected.

    ``columns``: question -> header for all sheets; if a file has several sheets, an entry applies to those that have the header.
    ``maps``: the columns of individual sheets by name ("" stands for any), which take precedence. ``remembered``: by sheet, what
    its columns were said to be in an earlier file; applied only where nothing else is chosen and the values do not contradict
    it. ``as_of``: the ISO date of the assessment; the others as in
    :class:`~questionnaires.validation.validate.SheetOptions`. ``is_request``: whether the questionnaire request that a workbook
    names is known. ``layout``: the layout of the file, with corrections
    (:meth:`~questionnaires.layout.document.Layout.to_json`); None is found. ``rows``: single rows, by sheet ("" stands for any)
    and as the spreadsheet numbers them, and whether each is read, whatever its layout says. ``corrections``: a sheet, a question,
    the text of cells as issues quote it, and the text that is read instead.
    ``names_all_cells``: whether issues name all their cells. ``keeps_sheet_names``: whether names of sheets with personal data
    stay, because what is read goes back to the sender and is not stored. ``own_words``: how the organisation words texts of
    forms, in any language, by their English text.
    """

    as_of: str
    kind: str | None = None
    country: str | None = None
    sector: str | None = None
    sheet: str | None = None
    columns: Mapping[str, str] | None = None
    maps: Sequence[tuple[str, Mapping[str, str]]] = ()
    remembered: Sequence[tuple[str, Mapping[str, str]]] = ()
    date_order: str | None = None
    answered_by: str | None = None
    is_request: bool = True
    layout: Mapping[str, Any] | None = None
    rows: Sequence[tuple[str, int, bool]] = ()
    corrections: Sequence[tuple[str, str, str, str]] = ()
    names_all_cells: bool = False
    keeps_sheet_names: bool = False
    own_words: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def with_renamed_sheets(self, renamed: Mapping[str, str]) -> TableOptions:
        """Return the options with the names that replace those of some sheets."""
        maps = [(renamed.get(sheet, sheet), columns) for sheet, columns in self.maps]
        remembered = [(renamed.get(sheet, sheet), columns) for sheet, columns in self.remembered]
        rows = [(renamed.get(sheet, sheet), row, is_read) for sheet, row, is_read in self.rows]
        corrections = [
            (renamed.get(sheet, sheet), question, seen, text) for sheet, question, seen, text in self.corrections
        ]
        sheet = renamed.get(self.sheet or "", self.sheet)
        return replace(self, sheet=sheet, maps=maps, remembered=remembered, rows=rows, corrections=corrections)

    def corrections_for_sheet(self, sheet: str) -> dict[tuple[str, str], str]:
        """Return the corrections of one sheet: by question and text, the text that is read instead."""
        return {(question, seen): text for name, question, seen, text in self.corrections if name == sheet}

    def rows_of_sheet(self, sheet: str) -> dict[int, bool]:
        """Return the rows of one sheet that were chosen, and whether each is read."""
        return {row: is_read for name, row, is_read in self.rows if name in ("", sheet)}

    def columns_for_sheet(self, sheet: str) -> dict[str, str]:
        """Return the columns chosen for one sheet alone."""
        chosen = [columns for name, columns in self.maps if name in ("", sheet)]
        return {question: header for columns in chosen for question, header in columns.items()}

    def remembered_for_sheet(self, sheet: str) -> dict[str, str]:
        """Return the columns that are remembered for one sheet."""
        return {
            question: header
            for name, columns in self.remembered
            if name == sheet
            for question, header in columns.items()
        }


class Table(NamedTuple):
    """A sheet that is read: its name and kind, the row of its headers and its content.

    ``request_id``: the questionnaire request that the workbook was sent out for; ``lost_notes``: whether notes or columns with
    personal data were removed; ``is_across``: whether its rows are columns of the spreadsheet.
    """

    sheet: str
    kind: str
    header_row: int
    matched: ColumnMatch
    submission: Submission
    request_id: str | None
    lost_notes: bool
    is_across: bool = False


@dataclass(frozen=True)
class FileTables:
    """The tables of a file, and the issues of its other sheets. ``redacted``: its sheets without the notes, columns and names of
    sheets that contained personal data, as :func:`~questionnaires.sheet.encode_sheets` writes them; None if there were none.
    ``layout``: how its sheets were read; ``views``: how they begin (:class:`~questionnaires.sheet_view.SheetView`, by field).
    """

    tables: tuple[Table, ...]
    issues: tuple[Issue, ...]
    redacted: bytes | None = None
    layout: Layout = Layout("")
    views: Sequence[Mapping[str, Any]] = ()


def read_layout(data: bytes, name: str, options: TableOptions, *, stored: bool = False) -> Layout:
    """Return the layout of all sheets of a file, found in a sandboxed process, also if no sheet can be read as it is.

    ``stored``: as in :func:`read_tables`. Raises FileRefused.
    """
    limits = Limits()
    kind = STORED if stored else check_file(data, name, limits)
    return Layout.from_json(json.loads(sandbox.run("layout", [kind, name, asdict(options)], data, limits)))


def read_tables(data: bytes, name: str, options: TableOptions, *, stored: bool = False) -> FileTables:
    """Read the tables of a file in a sandboxed process.

    ``stored``: the file is one that was stored without its notes (``FileTables.redacted``). Raises FileRefused, and
    :class:`UnusableSheet` if no sheet is a table.
    """
    return decode_tables(read_encoded_tables(data, name, options, stored=stored))


def read_encoded_tables(data: bytes, name: str, options: TableOptions, *, stored: bool = False) -> bytes:
    """Return what :func:`read_tables` decodes, for whoever stores it. Raises FileRefused."""
    limits = Limits()
    kind = STORED if stored else check_file(data, name, limits)
    return sandbox.run("tables", [kind, name, asdict(options)], data, limits)


# ------------------------------------------------------------ as bytes, between the processes


def encode_tables(found: FileTables) -> bytes:
    """Return the tables of a file as bytes, from which :func:`decode_tables` makes the same again."""
    columns: list[npt.NDArray[Any]] = []
    tables = []
    for table in found.tables:
        matched, submission = table.matched, table.submission
        columns += [submission.rows, submission.returned, *(answers.codes for answers in submission.answers.values())]
        tables.append(
            {
                **table._asdict(),
                "matched": {**asdict(matched), "tied": sorted(matched.tied)},
                "submission": {
                    "answers": {question: answers.values for question, answers in submission.answers.items()},
                    "issues": list(map(asdict, submission.issues)),
                    "counts": (submission.accepted, submission.rejected, submission.n_rows),
                    "left_out": list(map(asdict, submission.left_out)),
                },
            }
        )
    content = {
        "tables": tables,
        "issues": list(map(asdict, found.issues)),
        "redacted": len(found.redacted or b""),
        "layout": found.layout.to_json(),
        "views": found.views,
    }
    return encode_columns(content, columns) + (found.redacted or b"")


def encode_unusable(unusable: UnusableSheet) -> bytes:
    """Return as bytes that no sheet is a table: :func:`decode_tables` raises the same again."""
    redacted = unusable.redacted or b""
    content = {"unusable": asdict(unusable.issue), "views": unusable.views, "redacted": len(redacted)}
    return encode_columns(content, ()) + redacted


def decode_tables(data: bytes) -> FileTables:
    """Return the tables that :func:`encode_tables` wrote. Raises :class:`UnusableSheet` if there are none."""
    content, take = decode_columns(data)
    if "unusable" in content:
        kept = data[-content["redacted"] :] if content["redacted"] else None
        raise UnusableSheet(_decode_issue(content["unusable"]), content["views"], kept)
    tables = []
    for table in content["tables"]:
        accepted, rejected, n_rows = table["submission"]["counts"]
        rows, returned = take(accepted).astype(np.int64), take(accepted).astype(np.bool_)
        answers = {
            question: AnswerColumn(_decode_values(values), take(accepted))
            for question, values in table["submission"]["answers"].items()
        }
        issues = tuple(map(_decode_issue, table["submission"]["issues"]))
        matched = ColumnMatch(
            columns=table["matched"]["columns"],
            headers=tuple(table["matched"]["headers"]),
            unmapped=tuple(table["matched"]["unmapped"]),
            tied=frozenset(table["matched"]["tied"]),
            issues=tuple(map(_decode_issue, table["matched"]["issues"])),
            readings=tuple(
                ColumnReading(**{**reading, "samples": tuple(reading["samples"])})
                for reading in table["matched"]["readings"]
            ),
        )
        left_out = tuple(
            RowGroup(group["reason"], tuple(map(tuple, group["rows"]))) for group in table["submission"]["left_out"]
        )
        submission = Submission(answers, rows, returned, issues, accepted, rejected, n_rows, left_out)
        tables.append(Table(**{**table, "matched": matched, "submission": submission}))
    redacted = data[-content["redacted"] :] if content["redacted"] else None
    issues = tuple(map(_decode_issue, content["issues"]))
    return FileTables(tuple(tables), issues, redacted, Layout.from_json(content["layout"]), content["views"])


def _decode_issue(fields: Mapping[str, Any]) -> Issue:
    return Issue(**{**fields, "cells": tuple(fields["cells"])})


def _decode_values(values: list[Any]) -> list[Any]:
    return list(map(_decode_value, values)) if list in set(map(type, values)) else values


def _decode_value(value: Any) -> Any:
    """Return an answer from JSON: a tuple for each list, as deep as they are nested."""
    return tuple(map(_decode_value, value)) if isinstance(value, list) else value
