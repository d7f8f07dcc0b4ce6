"""The form on the page of an import that says how its sheets are read: what it shows, and the changes that were made in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.datastructures import MultiDict

from questionnaires.form import load_combined_form
from questionnaires.layout.document import NO_HEADERS
from questionnaires.sheet import cell_name
from service.db.import_tables import Import
from service.errors import DomainError
from service.imports import layouts, preview

Form = MultiDict[str, str]
SHOWN_ROWS = 20  # of the rows of one reason
ROWS = re.compile(r"([0-9]{1,7})(?:\s{0,3}[-–]\s{0,3}([0-9]{1,7}))?")
MAX_ROWS = 20_000  # that can be named at once

REASONS = {
    "title": lazy_gettext("Text above the headers"),
    "total": lazy_gettext("Totals"),
    "subtotal": lazy_gettext("Subtotals"),
    "note": lazy_gettext("Notes and sources"),
    "page_mark": lazy_gettext("Page numbers"),
    "section": lazy_gettext("Headings for the rows below them"),
    "statement": lazy_gettext("Rows stating that there is nothing to list"),
    "column_numbers": lazy_gettext("Column numbers"),
    "line": lazy_gettext("Lines and symbols"),
    "repeated_header": lazy_gettext("Repeated headers"),
    "hidden": lazy_gettext("Hidden in the spreadsheet"),
    "filtered": lazy_gettext("Hidden by a filter"),
    "struck_out": lazy_gettext("Crossed out"),
    "chosen": lazy_gettext("Left out at your request"),
    "nameless": lazy_gettext("No name or reference, and hardly any other values"),
    "outside": lazy_gettext("Values only in columns that are not read"),
    "another_supplier": lazy_gettext("About a supplier other than the one that was asked"),
    "asked_sum_or_supplier": lazy_gettext("Is this a total or a supplier?"),
    "asked_note_or_supplier": lazy_gettext("Is this a note or a supplier?"),
    "asked_heading_or_supplier": lazy_gettext("Is this a heading or a supplier?"),
    "asked_number_or_supplier": lazy_gettext("Is this number the name of a supplier?"),
    "asked_kind": lazy_gettext("Is this a site or an agency?"),
    "asked_several": lazy_gettext("Does this cell name several suppliers?"),
    "asked_example": lazy_gettext("Is this an example or a supplier?"),
}


@dataclass(frozen=True)
class SheetForm:
    """A sheet on the page: its number there, its layout as the API gives it, and what the form adds to that.

    ``kind``: the kind that was chosen ("" is detected). ``left_out``: the rows that the sender leaves out, as text;
    ``read_rows``: ranges of those that are read because the sender says so. ``why_unread``: why it is not read; "" if it is.
    ``remembered``: the mapping of an earlier file that was used. ``read_questions``: all questions that were read from it.
    """

    number: int
    layout: Mapping[str, Any]
    kind: str
    left_out: str
    read_rows: Sequence[Sequence[int]]
    why_unread: str
    remembered: Mapping[str, Any] | None
    read_questions: Collection[str]

    @property
    def has_country_headings(self) -> bool:
        """Return whether headings between its rows say in which country the suppliers below them are."""
        has_headings = any(group["reason"] == "section" for group in self.layout["left_out"])
        return has_headings and "country" in self.read_questions and "country" not in self.answered

    @property
    def answered(self) -> set[str]:
        """Return the questions that its columns answer."""
        return {
            column["question"] for table in self.layout["tables"] for column in table["columns"] if column["question"]
        }

    @property
    def n_set_aside(self) -> int:
        """Return how many of its rows are not read."""
        return sum(group["count"] for group in self.layout["left_out"])

    @property
    def asks_about_rows(self) -> bool:
        """Return whether somebody should decide whether rows of it are suppliers."""
        return any(group["reason"].startswith("asked_") for group in self.layout["left_out"])


def list_sheet_forms(import_: Import) -> list[SheetForm]:
    """List the sheets of an import; none before its files were read. What could not be used is still chosen in them."""
    found = import_.found or {}
    if "files" not in found:
        return []
    choices = (import_.problem or {}).get("choices") or import_.choices
    remembered = {(used["file"], used["sheet"]): used for used in found.get("remembered", ())}
    reasons = {
        (issue["file"], issue["sheet"]): issue["seen"] if issue["code"] == "sheet.no_table" else ""
        for issue in found.get("issues", ())
        if issue["code"] in ("sheet.no_table", "sheet.hidden")
    }
    read_questions: dict[tuple[str, str], set[str]] = {}
    for file in found["files"]:
        for read in file["sheets"]:
            read_questions.setdefault((file["name"], read["name"]), set()).update(read["columns"])
    forms = []
    for number, sheet in enumerate(layouts.build_layout(import_)["sheets"]):
        place = (sheet["file"], sheet["sheet"])
        said, rows = layouts.find_said(choices, *place), layouts.find_row_choices(choices, *place)
        forms.append(
            SheetForm(
                number,
                _apply_said(sheet, said),
                said.get("kind") or "",
                format_ranges(rows["left_out"]),
                rows["read"],
                "" if sheet["read"] else str(reasons.get(place) or _describe_unread(sheet)),
                remembered.get(place),
                read_questions.get(place, set()),
            )
        )
    return forms


def _describe_unread(sheet: Mapping[str, Any]) -> str:
    return str(_("The sheet is not read.") if sheet["visible"] else _("The sheet is hidden in the workbook."))


def _apply_said(sheet: Mapping[str, Any], said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a sheet with what was said of it, also where that could not be used."""
    changes = {change["table"]: change for change in said.get("changes", ())}
    tables = []
    for table in sheet["tables"]:
        change = changes.get(table["table"], {})
        questions = {item["column"]: item["question"] or None for item in change.get("headers", ())}
        columns = [
            {**column, "question": questions.get(column["column"], column["question"])} for column in table["columns"]
        ]
        tables.append({**table, "header_rows": change.get("header_rows") or table["header_rows"], "columns": columns})
    return {**sheet, "tables": tables}


def get_form_kind(sheet: SheetForm, table: Mapping[str, Any]) -> str:
    """Return the kind whose questions the columns of a table may answer."""
    return str(next(iter(table["kinds"]), sheet.kind or "site"))


def is_about_person(kind: str, question: str | None) -> bool:
    """Return whether a question is about a person, whose answers are never read."""
    found = load_combined_form(kind).by_id.get(question or "")
    return found is not None and found.person


def get_question_title(kind: str, question: str) -> str:
    """Return the title of a question."""
    found = load_combined_form(kind).by_id.get(question)
    return found.title if found else question


def get_reason_title(reason: str) -> str:
    """Return why rows are not read, as a title."""
    return str(REASONS.get(reason, reason.replace("_", " ")))


def name_column(column: Mapping[str, Any], table: Mapping[str, Any]) -> str:
    """Return how the spreadsheet names a column; in a form that is read across, the columns are its rows."""
    number: int = column["column"]
    return str(number + 1) if table["direction"] == "across" else cell_name(1, number).rstrip("1")


def list_by_need(columns: Sequence[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Return the columns to look at, those to be checked first, and the others, which are not read."""
    to_check = [column for column in columns if needs_check(column)]
    read = [column for column in columns if column["question"] and not needs_check(column)]
    return [*to_check, *read], [column for column in columns if not column["question"] and not needs_check(column)]


def needs_check(column: Mapping[str, Any]) -> bool:
    """Return whether a person should look at how a column is read."""
    return column["origin"] == layouts.DETECTED and column["confidence"] in ("likely", "ask")


def format_ranges(ranges: Sequence[Sequence[int]]) -> str:
    """Return ranges of rows as text: "4, 17–20"."""
    return ", ".join(f"{first}" if first == last else f"{first}–{last}" for first, last in ranges)


def parse_ranges(text: str) -> list[int]:
    """Return the rows that a text names ("4, 17-20"). Raises DomainError ``layout.row``, 422."""
    rows: list[int] = []
    for part in filter(None, map(str.strip, text.replace(";", ",").split(","))):
        match = ROWS.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not 0 < first <= last or last - first + len(rows) > MAX_ROWS:
            raise DomainError(
                "layout.row", 422, _("Enter row numbers and ranges such as 4, 17-20, not “%(part)s”.", part=part)
            )
        rows += range(first, last + 1)
    return rows


def parse_changes(form: Form, sheets: Sequence[SheetForm]) -> list[dict[str, Any]]:
    """Return what was changed in the form, as ``PATCH /imports/{id}/layout`` takes it. Raises DomainError ``layout.row``."""
    changes = []
    for sheet in sheets:
        if f"sheet-{sheet.number}" not in form:
            continue
        change: dict[str, Any] = {}
        is_read = f"read-{sheet.number}" in form
        if is_read != sheet.layout["read"]:
            change["read"] = is_read
        if is_read:
            change |= _parse_sheet(form, sheet)
        if change:
            changes.append({"file": sheet.layout["file"], "sheet": sheet.layout["sheet"], **change})
    return changes


def _parse_sheet(form: Form, sheet: SheetForm) -> dict[str, Any]:
    number, change = sheet.number, {}
    now = {"kind": sheet.kind, "country": sheet.layout["country"], "sector": sheet.layout["sector"]}
    for name, value in now.items():
        entered = form.get(f"{name}-{number}", value or "")
        if entered != (value or ""):
            change[name] = entered
    encoding = form.get(f"encoding-{number}", "")
    if encoding and encoding != sheet.layout["encoding"]:
        change["encoding"] = encoding
    left_out = parse_ranges(form.get(f"leave-out-{number}", sheet.left_out))
    if set(left_out) != set(parse_ranges(sheet.left_out)):
        change["left_out"] = left_out
    if f"rows-{number}" in form:
        read_rows = set(parse_ranges(",".join(form.getlist(f"read-row-{number}"))))
        groups = set(form.getlist(f"read-reason-{number}"))
        for group in sheet.layout["left_out"]:
            if group["reason"] in groups:
                read_rows |= {row for first, last in group["rows"] for row in range(first, last + 1)}
        if read_rows != set(parse_ranges(format_ranges(sheet.read_rows))):
            change["read_rows"] = sorted(read_rows)
    tables = [table for one in sheet.layout["tables"] if len(table := _parse_table(form, number, one)) > 1]
    return change | ({"tables": tables} if tables else {})


def _parse_table(form: Form, number: int, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was changed in a table; nothing but its number if that is nothing."""
    place = f"{number}-{table['table']}"
    change: dict[str, Any] = {"table": table["table"]}
    rows = [form.get(f"header-{end}-{place}", "") for end in ("first", "last")]
    header_rows = [int(row) for row in rows if row.isdecimal() and len(row) < 8]
    if f"no-headers-{place}" in form:
        header_rows = list(NO_HEADERS)
    if len(header_rows) == 2 and header_rows != list(table["header_rows"]):
        change["header_rows"] = header_rows
    columns = {
        str(column["column"]): entered
        for column in table["columns"]
        if (entered := form.get(f"column-{place}-{column['column']}", column["question"] or ""))
        != (column["question"] or "")
    }
    if columns:
        _refuse_ties(table, columns)
    return change | ({"columns": columns} if columns else {})


def _refuse_ties(table: Mapping[str, Any], columns: Mapping[str, str]) -> None:
    """Raise DomainError ``columns.tied``, 422, if two columns of a table are to answer one question."""
    header_of: dict[str, str] = {}
    for column in table["columns"]:
        question = columns.get(str(column["column"]), column["question"])
        if question and question in header_of:
            title = get_question_title(next(iter(table["kinds"]), "site"), question)
            raise DomainError(
                "columns.tied",
                422,
                f"The columns '{header_of[question]}' and '{column['header']}' cannot both answer the question '{title}'. "
                "Set one of them to 'not read'.",
            )
        header_of[question or ""] = column["header"]


def build_helpers() -> dict[str, Any]:
    """Return the functions that the template needs."""
    return {
        "list_questions": preview.list_questions,
        "get_form_kind": get_form_kind,
        "is_about_person": is_about_person,
        "get_question_title": get_question_title,
        "get_reason_title": get_reason_title,
        "name_column": name_column,
        "list_by_need": list_by_need,
        "needs_check": needs_check,
        "format_ranges": format_ranges,
        "parse_moment": datetime.fromisoformat,
        "shown_rows": SHOWN_ROWS,
    }
