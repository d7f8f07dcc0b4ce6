"""The complete list of the issues of an import, each with all its cells, as a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from io import StringIO
from typing import NamedTuple

from sqlalchemy.orm import Session

from questionnaires.issues import Issue, parse_issue
from reports.csv import guard
from service.blob_store import BlobStore
from service.db.import_tables import Import
from service.imports.pipeline import Choices, NoUsableRows, RedactedFile, parse_files
from service.imports.records import get_assessment_date, load_files, parse_choices

MEDIA_TYPE = "text/csv; charset=utf-8"
FILE_NAME = "issues.csv"
MAX_CELL = 32_000  # characters; a spreadsheet cell holds hardly more
COLUMNS = (
    "severity",
    "code",
    "file",
    "sheet",
    "cell",
    "cells",
    "count",
    "header",
    "seen",
    "expected",
    "cure",
    "text",
)


class StoredIssues(NamedTuple):
    """The issues of an import as they are stored, and what is needed to list the cells that they only count."""

    issues: tuple[Issue, ...]
    files: Sequence[tuple[str, bytes | RedactedFile]]
    import_: Import


def load_issues(session: Session, blobs: BlobStore, import_: Import) -> StoredIssues:
    """Load the issues of an import, with its files if any issue has more cells than it names."""
    issues = tuple(map(parse_issue, (import_.found or import_.problem or {}).get("issues", ())))
    return StoredIssues(issues, () if name_all_cells(issues) else load_files(session, blobs, import_), import_)


def list_all_issues(stored: StoredIssues) -> tuple[Issue, ...]:
    """Return all issues of an import. If cells are missing, the files are read again, which takes as long as the first time."""
    if not stored.files:
        return stored.issues
    choices, on = parse_choices(stored.import_.choices), get_assessment_date(stored.import_)
    return read_all_cells(stored.files, choices, on, stored.issues)


def name_all_cells(issues: Iterable[Issue]) -> bool:
    """Return whether issues name all their cells, so that the files need not be read again."""
    return all(issue.count <= len(issue.cells) or not issue.cell for issue in issues)


def read_all_cells(
    files: Sequence[tuple[str, bytes | RedactedFile]], choices: Choices, on: date, known: Sequence[Issue]
) -> tuple[Issue, ...]:
    """Read files again, so that their issues name all their cells; ``known`` are their issues, some of which only count them."""
    choices = replace(choices, names_all_cells=True)
    try:
        found = parse_files(files, choices, on, allow_buyer_only=True).issues
    except NoUsableRows as error:
        found = error.issues
    codes = {issue.code for issue in found}
    return (*found, *(issue for issue in known if issue.code not in codes))


def build_csv(issues: Iterable[Issue]) -> bytes:
    """Return issues as a CSV file with a header, one row an issue; no cell of it is a formula."""
    out = StringIO()
    table = csv.writer(out)
    table.writerow(COLUMNS)
    for issue in issues:
        values = (issue.describe() if column == "text" else getattr(issue, column) for column in COLUMNS)
        texts = (" ".join(value) if isinstance(value, tuple) else value for value in values)
        table.writerow([guard(text[:MAX_CELL]) if isinstance(text, str) else text for text in texts])
    return out.getvalue().encode("utf-8-sig")
