"""The layout of an import in progress: what is in its files, what its columns were read as, and what the sender said they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from questionnaires.validation.personal_data import CASE_KIND
from service.db.import_tables import Import
from service.errors import DomainError
from service.imports.pipeline import FileView, NoUsableRows
from service.imports.returned_rows import ANOTHER_SUPPLIER

NEEDED = (
    "needs_layout"  # the state of an import whose files can be read but not understood; stored as a preview with a flag
)
CHOSEN, REMEMBERED, DETECTED = "chosen", "remembered", "detected"  # where the question of a column comes from
# Rows that stay as they are whatever is said of them: above the headers, without a name, with values in unread columns only, or
# about another supplier than the one that was asked.
FIXED_REASONS = ("title", "nameless", "outside", ANOTHER_SUPPLIER)


def needs_layout(import_: Import) -> bool:
    """Return whether an import waits until somebody says what its columns are."""
    return import_.state == "previewed" and import_.needs_layout


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
    """List the files of an import without usable rows as a preview does, with the sheets in which a table was found."""
    return [{"name": name, "sheets": list(file.sheets)} for name, file in seen.items()]


def build_layout(import_: Import) -> dict[str, Any]:
    """Return the layout of an import as the API gives it. Raises DomainError ``import.no_layout``, 409, before it was read."""
    found = import_.found or {}
    if "files" not in found:
        raise DomainError("import.no_layout", 409, "The files of this import have not been read yet.")
    sheets = [
        _describe_sheet(import_, name, view, file["layout"])
        for name, file in (found.get("layout") or _restate_files(found["files"])).items()
        for view in file["views"]
    ]
    return {"import_id": import_.id, "state": get_state(import_), "problem": import_.problem, "sheets": sheets}


def _restate_files(files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how the files of an import were read that was previewed by a release without layouts."""
    return {
        file["name"]: {
            "layout": {},
            "views": [
                {
                    "name": sheet["name"],
                    "visible": True,
                    "n_rows": sheet["rows"],
                    "header_row": sheet["header_row"],
                    "headers": list(dict.fromkeys([*sheet["columns"].values(), *sheet["unmapped"]])),
                    "samples": (),
                    "row_numbers": (),
                    "first_rows": (),
                }
                for sheet in {sheet["name"]: sheet for sheet in file["sheets"]}.values()
            ],
        }
        for file in files
    }


def compute_version(layout: Mapping[str, Any]) -> str:
    """Return the version of a layout, which changes with everything in it."""
    return hashlib.sha256(orjson.dumps(layout, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _describe_sheet(import_: Import, file: str, view: Mapping[str, Any], layout: Mapping[str, Any]) -> dict[str, Any]:
    found, name = import_.found or {}, view["name"]
    entry: Mapping[str, Any] = next((sheet for sheet in layout.get("sheets", ()) if sheet["name"] == name), {})
    read = [sheet for one in found["files"] if one["name"] == file for sheet in one["sheets"] if sheet["name"] == name]
    said = find_said(import_.choices, file, name)
    tables = _describe_tables(entry.get("tables", ()), read, view)
    _add_origins(import_, file, name, tables)
    first = tables[0]
    return {
        "file": file,
        "sheet": name,
        "read": bool(read) or (needs_layout(import_) and said.get("read", view["visible"])),
        "visible": view["visible"],
        "kind": entry.get("kind") or said.get("kind") or (read[0]["kind"] if read else None),
        "country": entry.get("country") or said.get("country") or import_.choices.get("country"),
        "sector": entry.get("sector") or said.get("sector") or import_.choices.get("sector"),
        "header_rows": first["header_rows"],
        "encoding": _find_encoding(view, said),
        "encodings": [{**likely, "words": list(likely["words"])} for likely in view.get("encodings", ())],
        "rows": sum(table["rows"] for table in tables),
        "first_rows": [
            {"row": row, "cells": list(cells)}
            for row, cells in zip(view["row_numbers"], view["first_rows"], strict=True)
        ],
        "columns": first["columns"],
        "tables": tables,
        "left_out": _describe_left_out(found, file, name, entry.get("tables", ())),
        "read_rows": find_row_choices(import_.choices, file, name)["read"],
        "corrections": [
            {"question": one["question"], "seen": one["seen"], "text": one["text"]}
            for one in import_.choices.get("corrections") or ()
            if (one["file"], one["sheet"]) == (file, name)
        ],
    }


def _find_encoding(view: Mapping[str, Any], said: Mapping[str, Any]) -> str | None:
    """Return the encoding of a text file; None if it has to be chosen, and for a workbook."""
    likely = [one["encoding"] for one in view.get("encodings", ())]
    return view.get("encoding") or None if not likely or said.get("encoding") in likely else None


def find_said(choices: Mapping[str, Any], file: str, sheet: str) -> Mapping[str, Any]:
    """Return what was said of a sheet: whether it is read, kind, country, sector, encoding, and its ``changes`` by table."""
    layout = (choices.get("layouts") or {}).get(file, {"sheets": ()})
    return next((said for said in layout["sheets"] if said["name"] == sheet), {})


def find_row_choices(choices: Mapping[str, Any], file: str, sheet: str) -> dict[str, list[list[int]]]:
    """Return the ranges of rows of a sheet that are to be ``read``, or ``left_out``, whatever was found of them."""
    chosen = (one for one in choices.get("rows") or () if (one["file"], one["sheet"]) == (file, sheet))
    return next(({"read": one["read"], "left_out": one["left_out"]} for one in chosen), {"read": [], "left_out": []})


def _describe_tables(
    tables: Sequence[Mapping[str, Any]], read: Sequence[Mapping[str, Any]], view: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """List the tables of a sheet; sites and agencies of one table are together. A sheet without a table is shown as one."""
    by_number: dict[int, list[tuple[Mapping[str, Any], Mapping[str, Any]]]] = {}
    for table, sheet in zip(tables, read, strict=False):
        by_number.setdefault(table.get("number", 0), []).append((table, sheet))
    described = []
    for number, members in by_number.items():
        table = members[0][0]
        described.append(
            {
                "table": number,
                "kinds": [sheet["kind"] for _, sheet in members],
                "direction": table["direction"],
                "header_rows": list(table["header_rows"]),
                "rows": sum(sheet["rows"] for _, sheet in members),
                "columns": [_describe_column(column) for column in table["headers"]],
            }
        )
    return described or [_describe_unread(read, view)]


def _describe_column(column: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "column": column["column"],
        "header": column["header"],
        "question": column.get("question") or None,
        "samples": list(column["samples"]),
        "confidence": column.get("confidence") or None,
        "proposed": column.get("proposed") or None,
        "origin": DETECTED,
    }


def _describe_unread(read: Sequence[Mapping[str, Any]], view: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sheet as the table that it may be: its probable headers, with what a release without layouts read them as."""
    question_of = {header: question for sheet in read for question, header in sheet["columns"].items()}
    samples = [*view["samples"], *[()] * len(view["headers"])]
    columns = [
        {"column": index, "header": header, "question": question_of.get(header), "samples": samples[index]}
        for index, header in enumerate(view["headers"])
        if header
    ]
    return {
        "table": 0,
        "kinds": [sheet["kind"] for sheet in read],
        "direction": "down",
        "header_rows": [view["header_row"]] * 2,
        "rows": view["n_rows"],
        "columns": list(map(_describe_column, columns)),
    }


def _add_origins(import_: Import, file: str, sheet: str, tables: Iterable[Mapping[str, Any]]) -> None:
    """Say of each column whether its question was chosen for this import or is remembered from an earlier file."""
    chosen = list_chosen(import_).get((file, sheet), {})
    used: Sequence[Mapping[str, Any]] = (import_.found or {}).get("remembered", ())
    remembered: Mapping[str, str] = next(
        (one["columns"] for one in used if (one["file"], one["sheet"]) == (file, sheet)), {}
    )
    said = {change["table"]: change for change in find_said(import_.choices, file, sheet).get("changes", ())}
    for table in tables:
        numbers = {item["column"] for item in said.get(table["table"], {}).get("headers", ())}
        for column in table["columns"]:
            question, header = column["question"], column["header"]
            if column["column"] in numbers or (question and chosen.get(question) == header):
                column["origin"] = CHOSEN
            elif question and remembered.get(question) == header:
                column["origin"] = REMEMBERED


def _describe_left_out(
    found: Mapping[str, Any], file: str, sheet: str, tables: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """List the rows of a sheet that are not read, by reason, with what the first of them say."""
    excerpts = {item["row"]: item["text"] for table in tables for item in table.get("set_aside", ())}
    by_reason: dict[str, list[list[int]]] = {}
    for group in found.get("left_out", ()):
        if (group["file"], group["sheet"]) == (file, sheet):
            ranges = by_reason.setdefault(group["reason"], [])
            ranges += [span for span in group["rows"] if span not in ranges]
    return [
        {
            "reason": reason,
            "rows": sorted(ranges),
            "count": sum(last - first + 1 for first, last in ranges),
            "can_be_read": reason not in FIXED_REASONS,
            "examples": [
                {"row": row, "text": text}
                for row, text in sorted(excerpts.items())
                if any(first <= row <= last for first, last in ranges)
            ],
        }
        for reason, ranges in by_reason.items()
    ]


def list_chosen(import_: Import) -> dict[tuple[str, str], dict[str, str]]:
    """Return the columns that were chosen by hand in an import: by file and sheet, question -> header ("" for none)."""
    columns = import_.choices.get("columns") or {}
    maps = [*import_.choices.get("by_hand", ()), *(columns if isinstance(columns, list) else [{"columns": columns}])]
    chosen: dict[tuple[str, str], dict[str, str]] = {}
    for place in list_places(import_.found or {}):
        for one in maps:
            if applies_to(one, place):
                chosen.setdefault(place, {}).update(one["columns"])
    return chosen


def applies_to(column_map: Mapping[str, Any], place: tuple[str, str]) -> bool:
    """Return whether a column map is of a sheet of a file; a missing or empty name stands for any."""
    return column_map.get("file") in (None, "", place[0]) and column_map.get("sheet") in (None, "", place[1])


def list_places(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List the sheets of an import, by file and name."""
    files = found.get("layout") or _restate_files(found.get("files", ()))
    return [(name, view["name"]) for name, file in files.items() for view in file["views"]]
