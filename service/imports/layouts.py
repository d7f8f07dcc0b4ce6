"""The layout of an import in progress: what is in its files, what its columns were read as, and what the sender says they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from questionnaires.form import load_combined_form
from questionnaires.layout.document import CHOSEN
from questionnaires.lookups import load_countries
from questionnaires.validation.personal_data import CASE_KIND
from service.db.tables import Import
from service.errors import DomainError
from service.imports.pipeline import FileView, NoUsableRows

NEEDED = "needs_layout"  # the state of an import whose files can be read but not understood; stored as a preview with this mark
KINDS = ("site", "agency", "buyer")


def needs_layout(import_: Import) -> bool:
    """Return whether an import waits until somebody says what its columns are."""
    return import_.state == "previewed" and bool((import_.found or {}).get(NEEDED))


def get_state(import_: Import) -> str:
    """Return the state of an import as the API gives it."""
    return NEEDED if needs_layout(import_) else import_.state


def may_be_asked(error: NoUsableRows, choices: Mapping[str, Any]) -> bool:
    """Return whether the sender can say what the columns of the files are: not of files that cannot be read, of lists of people,
    or of case records, which are not stored unless they are understood.
    """
    is_of_people = any(issue.code == "sheet.of_people" for issue in error.issues)
    views = [view for file in error.seen.values() for view in file.views]
    shows_rows = any(view["n_rows"] and view["row_numbers"] for view in views)
    holds_cases = any(view["n_rows"] and not view["row_numbers"] for view in views)
    return bool(error.seen) and shows_rows and not (is_of_people or holds_cases or choices.get("kind") == CASE_KIND)


def describe(seen: Mapping[str, FileView]) -> dict[str, Any]:
    """Return how files were read, as an import stores it."""
    return {name: {"layout": dict(file.layout), "views": list(file.views)} for name, file in seen.items()}


def list_files(seen: Mapping[str, FileView]) -> list[dict[str, Any]]:
    """List the files of an import without usable rows as a preview does: all columns of a sheet without a table are unread."""
    return [
        {
            "name": name,
            "sheets": list(file.sheets)
            or [
                {
                    "name": view["name"],
                    "kind": "site",
                    "header_row": view["header_row"],
                    "rows": view["n_rows"],
                    "columns": {},
                    "unmapped": list(filter(None, view["headers"])),
                }
                for view in file.views
                if view["visible"] and view["n_rows"] and any(view["headers"])
            ],
        }
        for name, file in seen.items()
    ]


def build_layout(import_: Import) -> dict[str, Any]:
    """Return the layout of an import as the API gives it. Raises DomainError ``import.no_layout``, 409, before it was read."""
    found = import_.found or {}
    if "layout" not in found:
        raise DomainError("import.no_layout", 409, "The files of this import have not been read yet.")
    read = {(file["name"], sheet["name"]): sheet for file in found["files"] for sheet in file["sheets"]}
    left_out = found.get("left_out", ())
    sheets = [
        _describe_sheet(import_, name, view, file["layout"], read.get((name, view["name"])), left_out)
        for name, file in found["layout"].items()
        for view in file["views"]
    ]
    return {"import_id": import_.id, "state": get_state(import_), "problem": import_.problem, "sheets": sheets}


class ShownSheet(NamedTuple):
    """What a page shows of a sheet: by header some values of each column and how sure its question is, and the first rows with
    their numbers.
    """

    samples: Mapping[str, Sequence[str]]
    confidence: Mapping[str, str]
    first_rows: Sequence[tuple[int, Sequence[str]]]


def find_shown(import_: Import, file: str, sheet: str) -> ShownSheet:
    """Return what a page shows of a sheet; nothing of an import that was read by an earlier release."""
    stored = (import_.found or {}).get("layout", {}).get(file)
    view = next((view for view in stored["views"] if view["name"] == sheet), None) if stored else None
    if stored is None or view is None:
        return ShownSheet({}, {}, ())
    entry: Mapping[str, Any] = next((e for e in stored["layout"].get("sheets", ()) if e["name"] == sheet), {})
    columns = [column for table in entry.get("tables", ()) for column in table["headers"]] or _list_view_columns(view)
    rows = list(zip(view["row_numbers"], view["first_rows"], strict=True))
    samples = {column["header"]: column["samples"] for column in columns}
    return ShownSheet(samples, {column["header"]: column.get("confidence", "") for column in columns}, rows)


def compute_version(layout: Mapping[str, Any]) -> str:
    """Return the version of a layout, which changes with everything in it."""
    return hashlib.sha256(orjson.dumps(layout, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _describe_sheet(
    import_: Import,
    file: str,
    view: Mapping[str, Any],
    layout: Mapping[str, Any],
    read: Mapping[str, Any] | None,
    left_out: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    name = view["name"]
    entry: Mapping[str, Any] = next((sheet for sheet in layout.get("sheets", ()) if sheet["name"] == name), {})
    tables = entry.get("tables", ())
    first = tables[0] if tables else None
    question_of = {header: question for question, header in (read or {}).get("columns", {}).items()}
    columns = first["headers"] if first else _list_view_columns(view)
    return {
        "file": file,
        "sheet": name,
        "read": bool(tables) if layout else needs_layout(import_) and view["visible"],
        "visible": view["visible"],
        "kind": entry.get("kind") or (read or {}).get("kind"),
        "country": entry.get("country") or import_.choices.get("country"),
        "sector": entry.get("sector") or import_.choices.get("sector"),
        "header_rows": list(first["header_rows"]) if first else [view["header_row"]] * 2,
        "rows": (read or {}).get("rows", view["n_rows"]),
        "first_rows": [
            {"row": row, "cells": cells} for row, cells in zip(view["row_numbers"], view["first_rows"], strict=True)
        ],
        "columns": [
            {
                "column": column["column"],
                "header": column["header"],
                "question": question_of.get(column["header"]) or column.get("question") or None,
                "samples": list(column["samples"]),
                "confidence": column.get("confidence") or None,
                "proposed": column.get("proposed") or None,
            }
            for column in columns
        ],
        "left_out": [
            {"reason": group["reason"], "rows": group["rows"]}
            for group in left_out
            if (group["file"], group["sheet"]) == (file, name)
        ],
    }


def _list_view_columns(view: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"column": index, "header": header, "samples": samples}
        for index, (header, samples) in enumerate(zip(view["headers"], view["samples"], strict=True))
        if header
    ]


def change_layout(import_: Import, changes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the choices of an import with changes to its sheets. Each names ``file`` and ``sheet``, and what is to change.

    ``read``, ``kind``, ``country``, ``sector``, ``header_row``; ``columns``: the question of columns by number (from 0), "" for
    none; ``left_out``: the rows that are not read.

    Raises DomainError: ``import.state``, 409; ``layout.sheet``, ``layout.column``, ``layout.question``, ``layout.header_row``,
    ``layout.country``, 422.
    """
    if import_.state != "previewed":
        raise DomainError(
            "import.state", 409, f"The import is {import_.state}, so its layout can no longer be changed."
        )
    current = build_layout(import_)
    known = {(sheet["file"], sheet["sheet"]): sheet for sheet in current["sheets"]}
    by_hand = list_chosen(import_)
    layouts = {
        name: {"version": 1, "file": name, "sheets": [dict(sheet) for sheet in file["layout"].get("sheets", ())]}
        for name, file in (import_.found or {})["layout"].items()
    }
    for change in changes:
        sheet = known.get((change["file"], change["sheet"]))
        if sheet is None:
            raise DomainError(
                "layout.sheet", 422, f"There is no sheet '{change['sheet']}' in the file '{change['file']}'."
            )
        entries = layouts[change["file"]]["sheets"]
        entry = next((entry for entry in entries if entry["name"] == change["sheet"]), None)
        if entry is None:
            entry = {"name": change["sheet"], "tables": []}
            entries.append(entry)
        _change_sheet(entry, sheet, change)
        columns = by_hand.setdefault((change["file"], change["sheet"]), {})
        _choose_columns(columns, entry["tables"], sheet, change.get("columns", {}))
    chosen = [
        {"file": file, "sheet": sheet, "columns": columns} for (file, sheet), columns in by_hand.items() if columns
    ]
    return {"layouts": layouts, "columns": None, "by_hand": chosen}


def list_chosen(import_: Import) -> dict[tuple[str, str], dict[str, str]]:
    """Return the columns that were chosen by hand in an import: by file and sheet, question -> header ("" for none)."""
    columns = import_.choices.get("columns") or {}
    maps = [*import_.choices.get("by_hand", ()), *(columns if isinstance(columns, list) else [{"columns": columns}])]
    chosen: dict[tuple[str, str], dict[str, str]] = {}
    for file in (import_.found or {}).get("files", ()):
        for sheet in file["sheets"]:
            place = (file["name"], sheet["name"])
            for one in maps:
                if one.get("file") in (None, "", place[0]) and one.get("sheet") in (None, "", place[1]):
                    chosen.setdefault(place, {}).update(one["columns"])
    return chosen


def _choose_columns(
    chosen: dict[str, str], tables: Sequence[Mapping[str, Any]], sheet: Mapping[str, Any], changes: Mapping[str, str]
) -> None:
    """Add to the columns that were chosen by hand those of a change."""
    headers = {column["column"]: column["header"] for table in tables[:1] for column in table["headers"]}
    answered = {column["column"]: column["question"] for column in sheet["columns"]}
    for number, question in changes.items():
        header = headers.get(int(number), "")
        for other in [other for other, of_header in chosen.items() if header and of_header == header]:
            del chosen[other]
        if question:
            chosen[question] = header
        elif answered.get(int(number)):
            chosen.setdefault(str(answered[int(number)]), "")


def _change_sheet(entry: dict[str, Any], sheet: Mapping[str, Any], change: Mapping[str, Any]) -> None:
    entry["read"] = change.get("read", True)
    country = change.get("country", entry.get("country"))
    if country and country not in load_countries().names:
        raise DomainError("layout.country", 422, f"'{country}' is not the ISO code of a country.")
    entry |= {"country": country or None}
    entry |= {name: change.get(name, entry.get(name)) or None for name in ("kind", "sector")}
    if not entry["read"]:
        entry["tables"] = []
        return
    header_row = change.get("header_row")
    if not entry["tables"] or (header_row is not None and header_row != sheet["header_rows"][0]):
        entry["tables"] = [_build_table(sheet, header_row or sheet["header_rows"][0])]
    first = entry["tables"][0]
    place = (first["header_rows"], first["columns"])  # of sites and agencies in one table, too
    entry["tables"] = [
        _change_table(table, sheet["sheet"], change) if (table["header_rows"], table["columns"]) == place else table
        for table in entry["tables"]
    ]


def _change_table(table: Mapping[str, Any], sheet: str, change: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table of a sheet with the columns and the rows left out that were chosen."""
    changed = {**table}
    questions = {question.id for kind in KINDS for question in load_combined_form(kind).questions}
    headers = {column["column"]: dict(column) for column in table["headers"]}
    for number, question in change.get("columns", {}).items():
        if int(number) not in headers:
            raise DomainError("layout.column", 422, f"The sheet '{sheet}' has no column {number} with a header.")
        if question and question not in questions:
            raise DomainError(
                "layout.question", 422, f"There is no question '{question}'. GET /forms lists the questions."
            )
        headers[int(number)] |= {"question": question, "confidence": ""}
    if "left_out" in change:
        kept = [group for group in table["left_out"] if group["reason"] != CHOSEN]
        chosen = [{"reason": CHOSEN, "rows": [[row, row] for row in change["left_out"]]}]
        changed["left_out"] = [*kept, *(chosen if change["left_out"] else [])]
    changed["headers"] = list(headers.values())
    return changed


def _build_table(sheet: Mapping[str, Any], header_row: int) -> dict[str, Any]:
    """Return a table whose headers are in a row, and whose rows are all below it."""
    cells = next((row["cells"] for row in sheet["first_rows"] if row["row"] == header_row), None)
    if cells is None:
        shown = [row["row"] for row in sheet["first_rows"]]
        raise DomainError(
            "layout.header_row", 422, f"Choose one of the rows that are shown: {', '.join(map(str, shown))}."
        )
    last = sheet["header_rows"][0] + sheet["rows"]
    headers = [{"column": at, "header": text, "question": None} for at, text in enumerate(cells) if text]
    return {
        "header_rows": [header_row, header_row],
        "rows": [header_row, max(last, header_row)],
        "columns": [0, max(len(cells) - 1, 0)],
        "headers": headers,
        "left_out": [],
        "asked": [],
    }
