"""``diligence validate``: say how a file would be read, without scoring it, and give it back with its problems marked."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from service.commands.files import UsageError, make_folder, read_bytes
from service.commands.layouts import add_layout_options, read_layouts, read_row_choices
from service.commands.reading import add_reading_options, parse_day, read_column_map

MAX_LISTED = 20


def add_commands(commands: Any) -> None:
    """Add the command ``validate``."""
    validate = commands.add_parser("validate", help="list the problems in a file without scoring it")
    validate.add_argument("file", metavar="FILE", help="xlsx, xlsm, xls, ods, csv, tsv or json")
    validate.add_argument(
        "--marked", metavar="OUT.xlsx", help="write the file as a workbook in which the cells with problems are marked"
    )
    validate.add_argument(
        "--issues-csv",
        metavar="OUT.csv",
        help="write all issues, including corrections, to a table, even if none of the rows can be used",
    )
    add_reading_options(validate)
    add_layout_options(validate)
    validate.set_defaults(run=_validate)


def _validate(arguments: argparse.Namespace) -> int:
    """Print the result and return the exit status: 0 if every row can be used, 1 if not, 2 if the file cannot be read."""
    from questionnaires.issues import UnusableSheet
    from questionnaires.limits import FileRefused
    from questionnaires.marking.marked_file import mark_file
    from service.imports.issue_list import build_csv
    from service.imports.pipeline import Choices, NoUsableRows, parse_files

    path, on = Path(arguments.file), parse_day(arguments.on)
    data = read_bytes(path)
    try:
        choices = Choices(
            arguments.kind, arguments.country, arguments.sector, arguments.sheet, read_column_map(arguments.map),
            arguments.date_order, answered_by=arguments.answered_by,
            layouts=read_layouts(arguments.layout, [path.name]), rows=read_row_choices(arguments),
            names_all_cells=bool(arguments.issues_csv),
        )  # fmt: skip
        parsed = parse_files([(path.name, data)], choices, on)
    except UnusableSheet as error:
        raise UsageError(str(error)) from error
    except NoUsableRows as error:
        print(str(error))
        issues, is_usable = error.issues, False
    else:
        received = parsed.received
        print(f"{received['accepted']} of {received['rows']} rows can be used, {received['rejected']} cannot.")
        issues, is_usable = parsed.issues, not received["rejected"]
        for issue in [issue for issue in issues if issue.severity != "info"][:MAX_LISTED]:
            print(f"- {issue.describe()}")
    if arguments.issues_csv:
        table = Path(arguments.issues_csv)
        make_folder(table.parent)
        table.write_bytes(build_csv(issues))
    if arguments.marked:
        try:
            marked = mark_file(data, path.name, choices.to_table_options(path.name, on), issues)
        except FileRefused as refused:
            raise UsageError(f"{path.name}: {refused}") from refused
        out = Path(arguments.marked)
        make_folder(out.parent)
        out.write_bytes(marked)
        print(f"Written to {out}. Correct the marked cells, then use that file.", file=sys.stderr)
    return 0 if is_usable else 1
