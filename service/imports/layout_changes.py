"""Change the layout of an import in progress: what a person says of its sheets, tables, columns and rows becomes options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from questionnaires.form import load_combined_form
from questionnaires.layout.document import NO_HEADERS, name_column
from questionnaires.lookups import load_countries
from questionnaires.sheet import build_row_group
from questionnaires.text_normalize import fold_text
from service.db.import_tables import Import
from service.errors import DomainError
from service.imports.layouts import applies_to, build_layout, find_row_choices, find_said, list_chosen

KINDS = ("site", "agency", "buyer", "case")
MAX_ROW = 1_048_576  # of a spreadsheet


def change_layout(import_: Import, changes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the options of an import after changes to its sheets. Each names ``file`` and ``sheet``, and what is to change.

    ``read``, ``kind``, ``country``, ``sector``; ``encoding``, one of those that are likely. ``tables``: by number (``table``,
    from 0) the ``header_rows``, and the question of ``columns`` by number (from 0), "" for none; ``header_row`` and ``columns``
    are those of the first table. ``left_out``: all rows that are not read because the sender says so; ``read_rows``: all rows
    that are read although they were left out.

    Raises DomainError: ``import.state``, 409; ``layout.sheet``, ``layout.table``, ``layout.column``, ``layout.question``,
    ``layout.header_row``, ``layout.row``, ``layout.country``, ``layout.encoding``, 422.
    """
    if import_.state != "previewed":
        raise DomainError(
            "import.state", 409, f"The import is {import_.state}, so its layout can no longer be changed."
        )
    known = {(sheet["file"], sheet["sheet"]): sheet for sheet in build_layout(import_)["sheets"]}
    said = {place: dict(find_said(import_.choices, *place)) for place in known}
    rows = {place: find_row_choices(import_.choices, *place) for place in known}
    columns = {place: dict(chosen) for place, chosen in list_chosen(import_).items()}
    maps = _list_maps(import_, known)
    names_columns = False
    for change in changes:
        place = (change["file"], change["sheet"])
        sheet = known.get(place)
        if sheet is None:
            raise DomainError("layout.sheet", 422, f"There is no sheet '{place[1]}' in the file '{place[0]}'.")
        said[place] |= _describe_sheet(change, sheet)
        rows[place] = _choose_rows(rows[place], change)
        for table_change in _list_table_changes(change):
            table = next((one for one in sheet["tables"] if one["table"] == table_change["table"]), None)
            if table is None:
                raise DomainError("layout.table", 422, f"The sheet '{place[1]}' has no table {table_change['table']}.")
            said[place]["changes"] = _change_table(said[place].get("changes", ()), sheet, table, table_change)
            names_columns |= bool(table_change.get("columns"))
            for chosen in (columns.setdefault(place, {}), maps[place]):
                _forget(chosen, table, table_change)
            _choose_columns(columns[place], sheet, table, table_change)
    chosen_rows = [
        {"file": file, "sheet": sheet, **chosen} for (file, sheet), chosen in rows.items() if any(chosen.values())
    ]
    options: dict[str, Any] = {"rows": chosen_rows}
    if import_.choices.get("sheet") and any("read" in change for change in changes):
        options["sheet"] = None  # the one sheet that was named before: now each sheet has its own answer
        for place, sheet in known.items():
            said[place].setdefault("read", sheet["read"])
    options["layouts"] = _collect(said, known)
    if names_columns:
        options |= {"columns": _list_named(maps) or None, "by_hand": _list_named(columns)}
    return options


def _list_named(columns: Mapping[tuple[str, str], Mapping[str, str]]) -> list[dict[str, Any]]:
    return [{"file": file, "sheet": sheet, "columns": chosen} for (file, sheet), chosen in columns.items() if chosen]


def _collect(said: Mapping[tuple[str, str], Mapping[str, Any]], known: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return what was said of the sheets of each file as a layout of the file."""
    layouts: dict[str, Any] = {}
    for file, sheet in known:
        if said[file, sheet]:
            layout = layouts.setdefault(file, {"version": 1, "file": file, "sheets": []})
            layout["sheets"].append({**said[file, sheet], "name": sheet})
    return layouts


def _describe_sheet(change: Mapping[str, Any], sheet: Mapping[str, Any]) -> dict[str, Any]:
    country = change.get("country")
    if country and country not in load_countries().names:
        raise DomainError("layout.country", 422, f"'{country}' is not an ISO country code.")
    encoding, likely = change.get("encoding"), [one["encoding"] for one in sheet["encodings"]]
    if encoding and encoding not in likely:
        expected = f"one of {', '.join(likely)}" if likely else "fixed for this file"
        raise DomainError("layout.encoding", 422, f"The encoding is {expected}.")
    settings = {name: change[name] or None for name in ("kind", "country", "sector", "encoding") if name in change}
    return settings | ({"read": change["read"]} if "read" in change else {})


def _list_table_changes(change: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """List what is to change in single tables. What is said of none is said of the first."""
    first: dict[str, Any] = {"table": 0}
    if "header_row" in change:
        first["header_rows"] = [change["header_row"]] * 2
    if change.get("columns"):
        first["columns"] = change["columns"]
    return [*([first] if len(first) > 1 else []), *change.get("tables", ())]


def _choose_rows(chosen: Mapping[str, list[list[int]]], change: Mapping[str, Any]) -> dict[str, list[list[int]]]:
    """Return the rows that are chosen after a change. What is said of a row no longer is as it was found."""
    sets = {name: _list_numbers(ranges) for name, ranges in chosen.items()}
    if "read_rows" in change:
        sets["read"] = set(change["read_rows"])
    if "left_out" in change:
        sets["left_out"] = set(change["left_out"])
    sets["left_out"] -= sets["read"]
    if any(not 0 < row <= MAX_ROW for rows in sets.values() for row in rows):
        raise DomainError("layout.row", 422, f"Rows are numbered from 1 to {MAX_ROW:,}.")
    return {name: [list(span) for span in build_row_group("", rows).rows] for name, rows in sets.items()}


def _list_numbers(ranges: Iterable[Sequence[int]]) -> set[int]:
    return {row for first, last in ranges for row in range(first, last + 1)}


def _change_table(
    said: Iterable[Mapping[str, Any]], sheet: Mapping[str, Any], table: Mapping[str, Any], change: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return what is said of the tables of a sheet after a change to one of them."""
    by_table = {one["table"]: dict(one) for one in said}
    entry = by_table.setdefault(table["table"], {"table": table["table"], "header_rows": None, "headers": []})
    header_rows = list(change.get("header_rows") or table["header_rows"])
    if tuple(header_rows) != NO_HEADERS and not 0 < header_rows[0] <= header_rows[1] <= MAX_ROW:
        raise DomainError("layout.header_row", 422, "Enter the first and last header rows.")
    is_new = header_rows != list(table["header_rows"])
    if is_new or not table["kinds"]:  # nobody found a table there, so its headers have to be named
        entry["header_rows"] = header_rows
    headers = {} if is_new else {item["column"]: item["question"] for item in entry["headers"]}
    known = _list_headers(sheet, table, header_rows)
    for number, question in change.get("columns", {}).items():
        if int(number) not in known:
            raise DomainError("layout.column", 422, f"The sheet '{sheet['sheet']}' has no column {number}.")
        _check_question(question)
        headers[int(number)] = question
    entry["headers"] = [{"column": number, "question": question} for number, question in sorted(headers.items())]
    return [by_table[number] for number in sorted(by_table)]


def _check_question(question: str) -> None:
    if question and not any(question in load_combined_form(kind).by_id for kind in KINDS):
        raise DomainError("layout.question", 422, f"There is no question '{question}'. GET /forms lists the questions.")


def _list_headers(sheet: Mapping[str, Any], table: Mapping[str, Any], header_rows: Sequence[int]) -> dict[int, str]:
    """Return the headers of a table by column, as far as they are known: those that were read, or the texts of its new rows."""
    if list(header_rows) == list(table["header_rows"]):
        return {column["column"]: column["header"] for column in table["columns"]}
    if tuple(header_rows) == NO_HEADERS:
        width = max(
            [
                *(len(row["cells"]) for row in sheet["first_rows"]),
                *(column["column"] + 1 for column in table["columns"]),
                0,
            ]
        )
        return {number: name_column(number) for number in range(width)}
    shown = {row["row"]: row["cells"] for row in sheet["first_rows"]}
    cells = [shown.get(row, ()) for row in range(header_rows[0], min(header_rows[1], header_rows[0] + 9) + 1)]
    width = max([*map(len, cells), *(column["column"] + 1 for column in table["columns"]), 0])
    return {number: " ".join(row[number] for row in cells if number < len(row)) for number in range(width)}


def _list_maps(
    import_: Import, known: Mapping[tuple[str, str], Mapping[str, Any]]
) -> dict[tuple[str, str], dict[str, str]]:
    """Return the columns that were chosen by header for each sheet; those of headers that a sheet lacks are of other sheets."""
    columns = import_.choices.get("columns") or {}
    maps = columns if isinstance(columns, list) else [{"columns": columns}]
    chosen: dict[tuple[str, str], dict[str, str]] = {}
    for place, sheet in known.items():
        headers = {fold_text(column["header"]) for table in sheet["tables"] for column in table["columns"]}
        chosen[place] = {
            question: header
            for one in maps
            if applies_to(one, place)
            for question, header in one["columns"].items()
            if not header or fold_text(header) in headers
        }
    return chosen


def _forget(chosen: dict[str, str], table: Mapping[str, Any], change: Mapping[str, Any]) -> None:
    """Remove from columns that were chosen earlier what a change says anew."""
    headers = {column["column"]: column["header"] for column in table["columns"]}
    for number, question in change.get("columns", {}).items():
        chosen.pop(question, None)
        for other in [other for other, header in chosen.items() if header and header == headers.get(int(number))]:
            del chosen[other]


def _choose_columns(
    chosen: dict[str, str], sheet: Mapping[str, Any], table: Mapping[str, Any], change: Mapping[str, Any]
) -> None:
    """Add to the columns that were chosen by hand those of a change, to be remembered: question -> header, "" for none."""
    headers = _list_headers(sheet, table, change.get("header_rows") or table["header_rows"])
    answered = {column["column"]: column["question"] for column in table["columns"]}
    for number, question in change.get("columns", {}).items():
        if question:
            chosen[question] = headers.get(int(number), "")
        elif answered.get(int(number)):
            chosen.setdefault(str(answered[int(number)]), "")
