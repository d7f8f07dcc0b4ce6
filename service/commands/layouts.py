"""``diligence inspect``: show how a file would be read; and the options by which another command reads it in another way.

Exit status of ``inspect``: 0 if a table was found in the file, 1 if no sheet can be read before its columns are chosen, 2 if the
file cannot be read.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.commands.files import UsageError, read_bytes

if TYPE_CHECKING:
    from questionnaires.layout.document import Layout, TableLayout
    from service.imports.pipeline import RowChoice

FOUND, NOTHING_FOUND = 0, 1
ROW = re.compile(r"(?:(.{1,200})!)?([0-9]{1,7})")
MAX_RANGES = 8  # of rows that are printed for one reason


def add_commands(commands: Any) -> None:
    """Add this command to a parser's commands."""
    about = "show how a file would be read: its sheets, header rows, columns, and the rows that are left out"
    parser: argparse.ArgumentParser = commands.add_parser("inspect", help=about, description=about)
    parser.add_argument("file", metavar="FILE", help="xlsx, xlsm, xls, ods, csv, tsv or json")
    parser.add_argument("--json", action="store_true", help="print the layout as JSON, for use with --layout")
    parser.add_argument("--kind", choices=("site", "agency", "case"), help="what the rows describe")
    add_layout_options(parser)
    parser.set_defaults(run=_inspect)


def add_layout_options(parser: argparse.ArgumentParser) -> None:
    """Add the options by which a command follows a layout, or what was decided about single rows."""
    parser.add_argument(
        "--layout",
        metavar="FILE",
        help="layout of a file, as printed by `diligence inspect --json` and corrected by you",
    )
    parser.add_argument(
        "--read-row",
        action="append",
        default=[],
        metavar="[SHEET!]N",
        help="row to read as a supplier that would otherwise be left out (can be repeated)",
    )
    parser.add_argument(
        "--leave-out-row",
        action="append",
        default=[],
        metavar="[SHEET!]N",
        help="row to leave out (can be repeated)",
    )


def read_layouts(path: str | None, files: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the layouts in a file (one, or a list of them) by the name of the file they are of.

    Raises UsageError if one is no layout, or is of none of the ``files``.
    """
    from questionnaires.layout.document import BadLayout, Layout

    if path is None:
        return {}
    try:
        content = json.loads(read_bytes(Path(path)))
        layouts = [Layout.from_json(item) for item in (content if isinstance(content, list) else [content])]
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, BadLayout) else "it is not JSON."
        raise UsageError(f"{path} is not a layout: {reason}") from error
    if len(files) == 1 and len(layouts) == 1:
        return {files[0]: layouts[0].to_json()}
    if unknown := [layout.file for layout in layouts if layout.file not in files]:
        raise UsageError(f"{path} contains a layout for '{unknown[0]}', which is not one of the files.")
    return {layout.file: layout.to_json() for layout in layouts}


def read_row_choices(arguments: argparse.Namespace) -> tuple[RowChoice, ...]:
    """Return what was chosen for single rows. Raises UsageError for a text that is no row."""
    from service.imports.pipeline import RowChoice

    chosen = []
    for option, is_read in (("read_row", True), ("leave_out_row", False)):
        for text in getattr(arguments, option):
            match = ROW.fullmatch(text)
            if match is None:
                name = option.replace("_", "-")
                raise UsageError(f"--{name} requires a row, such as 12 or 'Suppliers!12', not '{text}'.")
            chosen.append(RowChoice(int(match[2]), is_read, sheet=match[1] or ""))
    return tuple(chosen)


def _inspect(arguments: argparse.Namespace) -> int:
    from questionnaires.limits import FileRefused
    from questionnaires.tables import TableOptions, read_layout

    path = Path(arguments.file)
    options = TableOptions(
        date.today().isoformat(),
        kind=arguments.kind,
        layout=read_layouts(arguments.layout, [path.name]).get(path.name),
        rows=[(choice.sheet, choice.row, choice.is_read) for choice in read_row_choices(arguments)],
    )
    try:
        layout = read_layout(read_bytes(path), path.name, options)
    except FileRefused as refused:
        raise UsageError(f"{path}: {refused}") from refused
    if arguments.json:
        print(json.dumps(layout.to_json(), ensure_ascii=False, indent=1))
    else:
        print("\n".join(_describe_layout(layout)))
    return FOUND if any(_is_read(sheet) for sheet in layout.sheets) else NOTHING_FOUND


def _is_read(sheet: Any) -> bool:
    return sheet.read and any(header.question for table in sheet.tables for header in table.headers)


def _describe_layout(layout: Layout) -> Iterator[str]:
    """Yield the lines that show a layout."""
    from questionnaires.encoding import list_names

    for sheet in layout.sheets:
        state = "read" if sheet.read else "not read"
        facts = [f"{name}: {value}" for name in ("kind", "country", "sector") if (value := getattr(sheet, name))]
        yield f"Sheet '{sheet.name}' ({', '.join([state, *facts])})"
        if sheet.encodings:
            yield f"  encoding: {sheet.encoding or 'to be chosen'} ({list_names(sheet.encodings)})"
        for table in sheet.tables:
            yield from (f"  {line}" for line in _describe_table(table))
        yield ""


def _describe_table(table: TableLayout) -> Iterator[str]:
    from questionnaires.layout.document import NO_HEADERS
    from questionnaires.sheet import cell_name

    unit = "rows" if table.direction == "down" else "columns"
    headers = (
        "no headers" if table.header_rows == NO_HEADERS else f"headers in {unit} {_describe_span(table.header_rows)}"
    )
    yield f"{headers}, table in {unit} {_describe_span(table.rows)}"
    for header in table.headers:
        letter = cell_name(1, header.column)[:-1] if table.direction == "down" else f"row {header.column + 1}"
        question = {"": "not read", None: "to be detected"}.get(header.question, header.question)
        samples = "; ".join(header.samples)
        yield f"  {letter:>4}  {header.header or '(no header)'} -> {question}{f'   [{samples}]' if samples else ''}"
    for section in table.sections:
        yield f"  heading in row {section.row}: {section.question} is '{section.text}' in rows {_describe_span(section.rows)}"
    for groups, what in ((table.left_out, "left out"), (table.asked, "to be decided")):
        for group in groups:
            ranges = ", ".join(map(_describe_span, group.rows[:MAX_RANGES]))
            more = f" and {len(group.rows) - MAX_RANGES} more ranges" if len(group.rows) > MAX_RANGES else ""
            yield f"  {what}, {group.reason.replace('_', ' ')}: {unit} {ranges}{more}"


def _describe_span(span: tuple[int, int]) -> str:
    first, last = span
    return str(first) if first == last else f"{first} to {last}"
