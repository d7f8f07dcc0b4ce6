"""Preview an import: its columns with the questions they answer, and its issues grouped by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from questionnaires.form import load_combined_form
from questionnaires.issues import Issue, parse_issue
from reports.view_model import SEVERITIES, title_severity
from service.db.tables import Import, Job
from service.errors import DomainError
from service.imports import layouts
from service.imports.records import parse_choices
from service.jobs.kinds import ASSESS_IMPORT, READ_IMPORT
from service.jobs.table import list_jobs

MAX_LISTED_ISSUES = 40  # cells that are shown for each kind of issue


@dataclass(frozen=True)
class IssueGroup:
    """Issues of one kind: their severity, in how many cells they are, the first of them, and how many are not shown."""

    code: str
    severity: str
    severity_title: str
    title: str
    cells: int
    lines: Sequence[tuple[Issue, str]]
    more: int


@dataclass(frozen=True)
class Column:
    """A column of a sheet: its header, the question it answers ("" for none), whether the sender chose it or it is remembered
    from an earlier file, and whether it contains contact details of a person, which are never read. ``samples``: some of its
    values, none of persons; ``confidence``: how sure the question is ("ask" where a person should look).
    """

    header: str
    question: str
    chosen: bool
    contact: bool = False
    samples: Sequence[str] = ()
    confidence: str = ""
    remembered: bool = False


@dataclass(frozen=True)
class Table:
    """A sheet that is read: the row of its headers, the questions that its columns answer, and its number of rows.

    ``first_rows``: as they are in the file, each with its number. ``remembered``: the mapping of an earlier file that was used
    (:meth:`service.imports.mappings.SheetMapping.describe`).
    """

    file: str
    sheet: str
    kind: str
    header_row: int
    rows: int
    columns: Sequence[Column]
    first_rows: Sequence[tuple[int, Sequence[str]]] = ()
    remembered: Mapping[str, Any] | None = None

    @property
    def remembered_at(self) -> datetime | None:
        """When the remembered mapping was confirmed."""
        return datetime.fromisoformat(self.remembered["confirmed_at"]) if self.remembered else None

    @property
    def unread(self) -> int:
        """How many columns answer no question."""
        return sum(not column.question for column in self.columns)

    @property
    def contacts(self) -> int:
        """How many columns contain contact details of people."""
        return sum(column.contact for column in self.columns)


ColumnChoice = tuple[str, str, str, str]  # a file, a sheet, a header in it, and the question that it is to answer


def list_tables(import_: Import) -> list[Table]:
    """List the sheets of a previewed import with their columns, those that answer a question first."""
    tables = []
    remembered = {(used["file"], used["sheet"]): used for used in (import_.found or {}).get("remembered", ())}
    for file in (import_.found or {}).get("files", ()):
        for sheet in file["sheets"]:
            questions = load_combined_form(sheet["kind"]).by_id
            chosen_columns = _chosen_columns(import_.choices, file["name"], sheet["name"])
            shown = layouts.find_shown(import_, file["name"], sheet["name"])
            mapping = remembered.get((file["name"], sheet["name"]))
            columns = [
                Column(
                    header,
                    question,
                    chosen_columns.get(question) == header,
                    question in questions and questions[question].person,
                    shown.samples.get(header, ()),
                    shown.confidence.get(header, ""),
                    remembered=mapping is not None and mapping["columns"].get(question) == header,
                )
                for question, header in sheet["columns"].items()
            ]
            columns += [
                Column(
                    header,
                    "",
                    False,
                    samples=shown.samples.get(header, ()),
                    confidence=shown.confidence.get(header, ""),
                )
                for header in sheet["unmapped"]
            ]
            place = (file["name"], sheet["name"], sheet["kind"], sheet["header_row"], sheet["rows"])
            tables.append(Table(*place, columns, shown.first_rows, mapping))
    return tables


def _chosen_columns(choices: Mapping[str, Any], file: str, sheet: str) -> dict[str, str]:
    """Return what the sender chose for the columns of a sheet, or had chosen for an earlier file: question -> header, "" for
    none.
    """
    parsed = parse_choices(choices)
    remembered = parsed.to_table_options(file).remembered_for_sheet(sheet)
    return {**remembered, **(parsed.columns or {}), **parsed.columns_for_sheet(file, sheet)}


def list_questions(kind: str, column: Column | None = None) -> dict[str, list[tuple[str, str]]]:
    """List the questions a column may answer, as (id, title) by section in form order; a question about a person only for a
    column in which such data was detected.
    """
    sections: dict[str, list[tuple[str, str]]] = {}
    for question in load_combined_form(kind).questions:
        if not question.person or (column is not None and column.question == question.id):
            sections.setdefault(question.section, []).append((question.id, question.title))
    return sections


def list_failed_choices(import_: Import, answers: Sequence[ColumnChoice] = ()) -> dict[tuple[str, str, str], str]:
    """Return the choices that could not be used, made now (``answers``) or when the files were read again: the question by
    file, sheet and header, for the page that shows the error.
    """
    if answers:
        return {(file, sheet, header): question for file, sheet, header, question in answers}
    choices = (import_.problem or {}).get("choices")
    if import_.state != "previewed" or not choices:
        return {}
    failed = {}
    for table in list_tables(import_):
        chosen = _chosen_columns(choices, table.file, table.sheet)
        by_header = {header: question for question, header in chosen.items() if header}
        for column in table.columns:
            detected = "" if column.question in chosen else column.question
            failed[table.file, table.sheet, column.header] = by_header.get(column.header, detected)
    return failed


def build_column_maps(import_: Import, answers: Sequence[ColumnChoice]) -> list[dict[str, Any]]:
    """Build the column maps after a reader's corrections: for each corrected sheet its ``file``, its ``sheet`` and its
    ``columns`` (question: header).

    Only differences from what was detected are included; a column that is to answer nothing leaves its question empty ("").
    Raises DomainError ``columns.tied`` if two columns of one sheet would answer one question.
    """
    maps = []
    for table in list_tables(import_):
        sheet_choices = [
            (header, question)
            for file, sheet, header, question in answers
            if (file, sheet) == (table.file, table.sheet)
        ]
        columns = _corrected_columns(table, _chosen_columns(import_.choices, table.file, table.sheet), sheet_choices)
        if columns:
            maps.append({"file": table.file, "sheet": table.sheet, "columns": columns})
    return maps


def _corrected_columns(
    table: Table, chosen: Mapping[str, str], corrections: Sequence[tuple[str, str]]
) -> dict[str, str]:
    """Return the columns of one table after corrections (header, question), without those that were detected anyway."""
    detected = {column.header: column.question for column in table.columns}
    header_of: dict[str, str] = {}
    for header, question in corrections:
        if question and header_of.setdefault(question, header) != header:
            clashing = load_combined_form(table.kind).by_id.get(question)
            raise DomainError(
                "columns.tied",
                422,
                f"In '{table.sheet or table.file}', the columns '{header_of[question]}' and '{header}' cannot both answer the "
                f"question '{clashing.title if clashing else question}'. Set one of them to 'not read'.",
            )
    changed = {header: question for header, question in corrections if question and detected.get(header) != question}
    dropped = {detected[header]: "" for header, question in corrections if not question and detected.get(header)}
    # A column that is given another question no longer answers the one that was chosen for it before.
    unchanged = {
        question: header for question, header in chosen.items() if header not in changed and header in ("", *detected)
    }
    return unchanged | dropped | {question: header for header, question in changed.items()}


def group_issues(issues: Sequence[Mapping[str, Any]]) -> list[IssueGroup]:
    """Group issues (as an import stores them) by kind: those that prevent a row from being scored first, then the most
    frequent.
    """
    by_code: dict[str, list[Issue]] = {}
    for raw in issues:
        issue = parse_issue(raw)
        by_code.setdefault(issue.code, []).append(issue)
    groups = [
        IssueGroup(
            code,
            members[0].severity,
            title_severity(members[0].severity, code),
            members[0].sentence,
            sum(issue.count for issue in members if issue.cell),
            [(issue, issue.sentence) for issue in members[:MAX_LISTED_ISSUES]],
            max(len(members) - MAX_LISTED_ISSUES, 0),
        )
        for code, members in by_code.items()
    ]
    return sorted(groups, key=lambda group: (list(SEVERITIES).index(group.severity), -group.cells, group.code))


def list_skipped_sheets(issues: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """List the sheets that are not read, each with the reason."""
    return [
        (raw["sheet"] or raw["file"], parse_issue(raw).sentence)
        for raw in issues
        if raw["code"] in ("sheet.no_table", "sheet.hidden")
    ]


def get_current_job(session: Session, import_: Import) -> Job | None:
    """Return the job that is working on an import, or the last one that did."""
    jobs = (job for kind in (ASSESS_IMPORT, READ_IMPORT) for job in list_jobs(session, kind, limit=200))
    return next((job for job in jobs if job.payload.get("import_id") == import_.id), None)


def is_in_progress(import_: Import, job: Job | None) -> bool:
    """Return whether an import is still being processed; it is not if its job has failed or was cancelled."""
    return import_.state in ("waiting", "running") and (job is None or job.state in ("queued", "running"))
