"""Return a file as the sender's own workbook with its problems marked; one of another type as a new workbook.

What reads and writes the file runs in the sandboxed process (:mod:`questionnaires.sandbox`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from questionnaires import sandbox
from questionnaires.file_checks.preflight import check_file
from questionnaires.find_tables import find_tables
from questionnaires.issues import Issue, UnusableSheet
from questionnaires.limits import Limits
from questionnaires.marking.marks import build_marks
from questionnaires.marking.own_marks import drop_own_marks, is_problems_sheet
from questionnaires.marking.plain_workbook import build_plain_workbook, name_sheets
from questionnaires.marking.workbook_edit import mark_workbook
from questionnaires.marking.xml_edit import NotEditable
from questionnaires.sheet import Sheet
from questionnaires.tables import STORED, FileTables, TableOptions

SECONDS, ELAPSED_SECONDS = 240, 2_400  # of CPU time, and in all: a marked file is read, changed and compressed again
NOT_STORED = "Sheets and columns that contained personal data were not stored, so this workbook does not include them."


def mark_file(
    data: bytes, name: str, options: TableOptions, issues: Sequence[Issue] = (), *, stored: bool = False
) -> bytes:
    """Return a file as an .xlsx workbook with its problems marked. Raises FileRefused for a file that cannot be read.

    ``issues``: what was found outside the file, such as rows that repeat a supplier of another file. ``stored``: the file is one
    that was stored without personal data (``FileTables.redacted``).
    """
    limits = replace(Limits(), seconds=SECONDS, elapsed_seconds=ELAPSED_SECONDS)
    kind = STORED if stored else check_file(data, name, limits)
    arguments = [
        kind,
        name,
        asdict(replace(options, names_all_cells=True, keeps_sheet_names=True)),
        [issue.to_dict() for issue in issues],
    ]
    return sandbox.run("marked", arguments, data, limits)


def build_marked_file(
    data: bytes, kind: str, name: str, sheets: Sequence[Sheet], options: TableOptions, others: Sequence[Issue]
) -> bytes:
    """Return the marked workbook of a file whose sheets have been read, with marks of an earlier reading still in them."""
    own = [sheet for sheet in sheets if not is_problems_sheet(sheet)]
    try:
        found = find_tables(drop_own_marks(sheets), name, options)
    except UnusableSheet as unusable:
        found = FileTables((), (unusable.issue,))
    issues = [*found.issues, *(issue for table in found.tables for issue in table.submission.issues)]
    codes = {issue.code for issue in issues}
    issues += [issue for issue in others if issue.code not in codes and issue.file == name]
    notice = NOT_STORED if kind == STORED else ""
    if kind == "xlsx":
        earlier = next((sheet.name for sheet in sheets if is_problems_sheet(sheet)), None)
        try:
            return mark_workbook(data, build_marks(own, found.tables, issues), earlier, notice)
        except NotEditable:
            pass  # written by a program that leaves out what is to be changed: the values are still there
    names = name_sheets(own)
    renamed = dict(zip((sheet.name for sheet in own), names, strict=True))
    marks = build_marks(
        [replace(sheet, name=renamed[sheet.name]) for sheet in own],
        [table._replace(sheet=renamed[table.sheet]) for table in found.tables],
        [replace(issue, sheet=renamed.get(issue.sheet, issue.sheet)) for issue in issues],
    )
    return mark_workbook(build_plain_workbook(own, names), marks, None, notice)
