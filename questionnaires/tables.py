"""Find the tables of a file and read them: which sheets are read, as which kind, and the valid answers of their rows.

All of it happens in the sandboxed process (:mod:`questionnaires.sandbox`); :func:`read_tables` returns what that found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from questionnaires import sandbox
from questionnaires.file_checks.preflight import check_file
from questionnaires.form import list_form_ids, load_combined_form, load_form
from questionnaires.issues import Issue, UnusableSheet, build_issue
from questionnaires.limits import Limits
from questionnaires.lookups import load_countries
from questionnaires.sheet import Sheet, decode_columns, encode_columns, encode_sheets
from questionnaires.text_normalize import fold_text
from questionnaires.validation.context import AnswerColumn
from questionnaires.validation.match import (
    HEADER_SEARCH_ROWS,
    ColumnMatch,
    detect_kind,
    find_header_row,
    get_row_cells,
    match_columns,
)
from questionnaires.validation.personal_columns import drop_personal_columns, find_people_beside_names
from questionnaires.validation.personal_data import CASE_KIND, REMOVED_NOTE, RedactedCells, redact_pii
from questionnaires.validation.validate import SheetOptions, Submission, validate_sheet
from questionnaires.workbook import load_template_texts

KINDS = ("site", "agency", CASE_KIND)
BUYER = "buyer"  # a workbook made from the buyer's own form; never guessed from headers
COHORTS = "repayment"  # cohorts of the repayment calculator: only where the sender says so
STORED = "stored"  # a file of sheets without the notes that contained personal data, instead of the file that was sent


@dataclass(frozen=True)
class TableOptions:
    """What the sender chose for a file; None (or empty) is detected.

    ``columns``: question -> header for all sheets; if a file has several sheets, an entry applies to those that have the header.
    ``maps``: the columns of individual sheets by name ("" stands for any), which take precedence. ``as_of``: the ISO date of the
    assessment; the others as in :class:`~questionnaires.validation.validate.SheetOptions`. ``is_request``: whether the
    questionnaire request that a workbook names is known.
    """

    as_of: str
    kind: str | None = None
    country: str | None = None
    sector: str | None = None
    sheet: str | None = None
    columns: Mapping[str, str] | None = None
    maps: Sequence[tuple[str, Mapping[str, str]]] = ()
    date_order: str | None = None
    answered_by: str | None = None
    is_request: bool = True

    def columns_for_sheet(self, sheet: str) -> dict[str, str]:
        """Return the columns chosen for one sheet alone."""
        chosen = [columns for name, columns in self.maps if name in ("", sheet)]
        return {question: header for columns in chosen for question, header in columns.items()}


class Table(NamedTuple):
    """A sheet that is read: its name and kind, the row of its headers and its content.

    ``request_id``: the questionnaire request that the workbook was sent out for; ``lost_notes``: whether notes or columns with
    personal data were removed.
    """

    sheet: str
    kind: str
    header_row: int
    matched: ColumnMatch
    submission: Submission
    request_id: str | None
    lost_notes: bool


@dataclass(frozen=True)
class FileTables:
    """The tables of a file, and the issues of its other sheets. ``redacted``: its sheets without the notes that contained
    personal data, as :func:`~questionnaires.sheet.encode_sheets` writes them; None if there were none.
    """

    tables: tuple[Table, ...]
    issues: tuple[Issue, ...]
    redacted: bytes | None = None


def read_tables(data: bytes, name: str, options: TableOptions, *, stored: bool = False) -> FileTables:
    """Read the tables of a file in a sandboxed process.

    ``stored``: the file is one that was stored without its notes (``FileTables.redacted``). Raises FileRefused, and
    :class:`UnusableSheet` if no sheet is a table.
    """
    limits = Limits()
    kind = STORED if stored else check_file(data, name, limits)
    return decode_tables(sandbox.run("tables", [kind, name, asdict(options)], data, limits))


def find_tables(sheets: Sequence[Sheet], file: str, options: TableOptions) -> FileTables:
    """Return the tables among the sheets of a file. Raises :class:`UnusableSheet` if there is none."""
    if not options.is_request:
        sheets = [replace(sheet, request_id=None) for sheet in sheets]
    sheet_name = options.sheet or _find_answer_sheet(sheets)
    chosen = [sheet for sheet in sheets if (sheet.name == sheet_name if sheet_name else sheet.visible)]
    issues: list[Issue] = []
    if options.sheet and not chosen:
        names = ", ".join(f"'{sheet.name}'" for sheet in sheets)
        raise UnusableSheet(
            build_issue("sheet.unknown", file=file, seen=options.sheet, expected=f"The file contains {names}.")
        )
    hidden = [] if sheet_name else [sheet for sheet in sheets if not sheet.visible]
    issues.extend(build_issue("sheet.hidden", file=file, sheet=sheet.name, seen=sheet.name) for sheet in hidden)
    tables: list[tuple[Sheet, Table]] = []
    faults: list[UnusableSheet] = []
    headers = [_find_header_texts(sheet) if options.columns and len(chosen) > 1 else None for sheet in chosen]
    all_texts = frozenset(text for texts in headers if texts is not None for text in texts)
    for sheet, texts in zip(chosen, headers, strict=True):
        shared_columns = {
            question: header
            for question, header in (options.columns or {}).items()
            if texts is None or not header or fold_text(header) in texts or fold_text(header) not in all_texts
        }
        columns = shared_columns | options.columns_for_sheet(sheet.name)
        try:
            tables.append(_find_table(sheet, replace(options, columns=columns), among_several=len(chosen) > 1))
        except UnusableSheet as unusable:
            faults.append(unusable)
    if not tables:
        raise faults[0] if faults else UnusableSheet(build_issue("file.no_rows", file=file))
    # Notes and cover sheets are common: if one sheet is a table, the sheets that are not are skipped, and this is reported.
    issues.extend(build_issue("sheet.no_table", file=file, sheet=u.issue.sheet, seen=str(u)) for u in faults)
    others = [sheet for sheet in sheets if all(sheet.name != table.sheet for _, table in tables)]
    hidden_columns = [issue for sheet in others for issue in _find_personal_columns(sheet)]
    issues.extend(hidden_columns)
    lost_notes = bool(hidden_columns) or any(table.lost_notes for _, table in tables)
    redacted = encode_sheets([sheet for sheet, _ in tables]) if lost_notes else None
    return FileTables(tuple(table for _, table in tables), tuple(issues), redacted)


def _find_personal_columns(sheet: Sheet) -> tuple[Issue, ...]:
    """Return the issues of the columns of personal data in a sheet that is not read: it is not stored then."""
    forms = [load_combined_form(kind) for kind in KINDS]
    try:
        header_row = find_header_row(sheet, forms)
    except UnusableSheet:
        return ()
    questions = {header: form.by_id[question] for form in forms for header, (_, question) in form.headers.items()}
    return drop_personal_columns(sheet, header_row, questions)[1]


def _find_header_texts(sheet: Sheet) -> frozenset[str]:
    """Return the folded texts of the rows that are searched for headers."""
    last = min(sheet.first_row + sheet.n_rows, sheet.first_row + HEADER_SEARCH_ROWS)
    return frozenset(
        fold_text(text) for row in range(sheet.first_row, last) for text in get_row_cells(sheet, row) if text
    )


def _find_answer_sheet(sheets: Sequence[Sheet]) -> str | None:
    """Return the name of the sheet to read in a workbook made from our template (its other sheets explain and list); None
    elsewhere.
    """
    stamp = next((sheet.stamp for sheet in sheets if sheet.stamp), None)
    if stamp is None or stamp.split()[0] not in list_form_ids():
        return None
    name = str(load_template_texts()["entity"][load_form(stamp.split()[0]).kind]["sheet"])
    return name if any(sheet.name == name for sheet in sheets) else None


def _find_table(sheet: Sheet, options: TableOptions, *, among_several: bool) -> tuple[Sheet, Table]:
    """Return the table of a sheet, and the sheet without personal data if its kind allows none. Raises UnusableSheet."""
    if options.kind == COHORTS:
        kinds: tuple[str, ...] = (COHORTS,)
    else:
        kinds = (BUYER,) if BUYER in (options.kind, (sheet.stamp or "").split(" ")[0]) else KINDS
    forms = {kind: load_combined_form(kind) for kind in kinds}
    candidate_forms = [forms[options.kind]] if options.kind in forms else list(forms.values())
    header_row = find_header_row(sheet, candidate_forms, options.columns)
    headers = get_row_cells(sheet, header_row)
    kind = kinds[0] if len(kinds) == 1 else options.kind or detect_kind(headers, sheet.name, forms)
    columns = options.columns or {}
    if among_several and columns:  # a question that only another kind of sheet has is meant for that sheet
        other_questions = {question for form in forms.values() for question in form.by_id} - forms[kind].by_id.keys()
        columns = {question: header for question, header in columns.items() if question not in other_questions}
    questions = {
        header: form_question
        for header, (_, question) in forms[kind].headers.items()
        if (form_question := forms[kind].by_id[question])
    }
    questions |= {
        fold_text(header): forms[kind].by_id[question]
        for question, header in columns.items()
        if header and question in forms[kind].by_id
    }
    dropped: tuple[Issue, ...] = ()
    if kind != COHORTS:  # a column of personal data rejects a sheet of cohorts
        sheet, dropped = drop_personal_columns(sheet, header_row, questions)
    redacted: tuple[RedactedCells, ...] = ()
    if kind in (CASE_KIND, COHORTS):
        sheet, redacted = redact_pii(sheet, header_row, forms[kind], columns, spares_findings=kind == CASE_KIND)
    try:
        matched = match_columns(sheet, header_row, forms[kind], columns)
    except UnusableSheet as unusable:
        if kind != CASE_KIND:
            raise
        # The supposed header may be a row of any data, so it is not repeated.
        raise UnusableSheet(replace(unusable.issue, seen="", cure=build_issue(unusable.issue.code).cure)) from None
    name_index = matched.columns.get("name")
    people = find_people_beside_names(headers[name_index], dropped) if name_index is not None else ""
    if people:
        raise UnusableSheet(build_issue("sheet.of_people", file=sheet.file, sheet=sheet.name, seen=people))
    as_of = date.fromisoformat(options.as_of)
    sheet_options = SheetOptions(options.date_order, options.country, options.sector, as_of, options.answered_by)
    submission = validate_sheet(sheet, header_row, matched, forms[kind], sheet_options, redacted)
    if _is_country_list(submission):
        raise UnusableSheet(build_issue("sheet.of_countries", file=sheet.file, sheet=sheet.name))
    submission = replace(submission, issues=(*dropped, *submission.issues))
    lost_notes = bool(dropped) or any(cells.code == REMOVED_NOTE for cells in redacted)
    return sheet, Table(sheet.name, kind, header_row, matched, submission, sheet.request_id, lost_notes)


def _is_country_list(submission: Submission) -> bool:
    """Return whether a sheet of three or more rows contains only names, nine in ten of them names of countries: a list for
    reference, not a table of suppliers.
    """
    if submission.accepted < 3 or "name" not in submission.answers or {"reference", "country"} & {*submission.answers}:
        return False
    names = submission.answers["name"]
    are_countries = [fold_text(str(name)) in load_countries().by_word for name in names.values]
    return bool(names.answered.all()) and sum(are_countries) >= 0.9 * len(are_countries)


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
                },
            }
        )
    content = {"tables": tables, "issues": list(map(asdict, found.issues)), "redacted": len(found.redacted or b"")}
    return encode_columns(content, columns) + (found.redacted or b"")


def encode_unusable(unusable: UnusableSheet) -> bytes:
    """Return as bytes that no sheet is a table: :func:`decode_tables` raises the same again."""
    return encode_columns({"unusable": asdict(unusable.issue)}, ())


def decode_tables(data: bytes) -> FileTables:
    """Return the tables that :func:`encode_tables` wrote. Raises :class:`UnusableSheet` if there are none."""
    content, take = decode_columns(data)
    if "unusable" in content:
        raise UnusableSheet(_decode_issue(content["unusable"]))
    tables = []
    for table in content["tables"]:
        accepted, rejected, n_rows = table["submission"]["counts"]
        rows, returned = take(accepted).astype(np.int64), take(accepted).astype(np.bool_)
        answers = {
            question: AnswerColumn(list(map(_decode_value, values)), take(accepted))
            for question, values in table["submission"]["answers"].items()
        }
        issues = tuple(map(_decode_issue, table["submission"]["issues"]))
        matched = ColumnMatch(
            columns=table["matched"]["columns"],
            headers=tuple(table["matched"]["headers"]),
            unmapped=tuple(table["matched"]["unmapped"]),
            tied=frozenset(table["matched"]["tied"]),
            issues=tuple(map(_decode_issue, table["matched"]["issues"])),
        )
        submission = Submission(answers, rows, returned, issues, accepted, rejected, n_rows)
        tables.append(Table(**{**table, "matched": matched, "submission": submission}))
    redacted = data[-content["redacted"] :] if content["redacted"] else None
    return FileTables(tuple(tables), tuple(map(_decode_issue, content["issues"])), redacted)


def _decode_issue(fields: Mapping[str, Any]) -> Issue:
    return Issue(**{**fields, "cells": tuple(fields["cells"])})


def _decode_value(value: Any) -> Any:
    """Return an answer from JSON: a tuple for each list, as deep as they are nested."""
    return tuple(map(_decode_value, value)) if isinstance(value, list) else value
