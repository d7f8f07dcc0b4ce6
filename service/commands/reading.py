"""Options of commands that read the files of senders: how their sheets are to be understood."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from service.commands.files import UsageError, read_bytes

if TYPE_CHECKING:
    from risk_models.model import Model


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
        help="who filled in the sheets: your suppliers (returned questionnaires, in which a blank counts as "
        "declined) or you (default: detected for each sheet)",
    )


def add_models_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that says which release of the models is used."""
    parser.add_argument(
        "--models",
        metavar="RELEASE",
        help="newest release of the models to use, such as 2026.3 (default: all in force)",
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
        raise UsageError(f"--on requires a date as YYYY-MM-DD, not '{text}'.") from error


def select_release(release: str | None, on: date) -> tuple[Model, ...]:
    """Return the models up to a release, or all; whichever of them is in force on the day is used.

    Raises UsageError for a release that does not exist or is not in force yet.
    """
    from risk_models.model import list_models_up_to, load_models

    if release is None:
        return load_models()
    effective = [model.effective for model in load_models() if model.version == release]
    if not effective:
        known = ", ".join(sorted({model.version for model in load_models()}))
        raise UsageError(f"there is no release '{release}' of the models; the releases are {known}.")
    if min(effective) > on:
        raise UsageError(
            f"release {release} of the models is not in force until {min(effective)}, which is after {on}."
        )
    return list_models_up_to(release)
