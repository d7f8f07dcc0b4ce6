"""Options of commands that read the files of senders: how their sheets are to be understood."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from service.commands.files import UsageError, read_bytes


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how files are read."""
    parser.add_argument(
        "--kind", choices=("site", "agency", "case"), help="what the rows describe (default: detected for each sheet)"
    )
    parser.add_argument("--country", metavar="ISO2", help="country for every row, if the file has no country column")
    parser.add_argument(
        "--sector", metavar="CODE", help="sector or ISIC code for every row, if the file has no sector column"
    )
    parser.add_argument("--on", metavar="DATE", help="assessment date, YYYY-MM-DD (default: today)")
    parser.add_argument("--sheet", metavar="NAME", help="read only this sheet")
    parser.add_argument("--map", metavar="FILE", help='column map, TOML or JSON: question = "Header"')
    parser.add_argument("--date-order", choices=("dmy", "mdy"), help="how to read dates such as 03/04/2025")
    parser.add_argument(
        "--answered-by",
        choices=("supplier", "buyer"),
        help="who filled in the sheets: your suppliers (returned questionnaires, in which a blank counts as declined) or "
        "you (default: detected for each sheet)",
    )


def read_column_map(path: str | None) -> dict[str, str] | None:
    """Return the column map in a file; None without a file. Raises UsageError, and UnusableSheet for a file that is none."""
    from questionnaires.validation.match import parse_column_map

    return parse_column_map(read_bytes(Path(path)), path) if path else None


def parse_day(text: str | None) -> date:
    """Return a day given as YYYY-MM-DD; today if none is given. Raises UsageError for anything else."""
    if text is None:
        return date.today()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--on takes a date as YYYY-MM-DD, not '{text}'.") from error
