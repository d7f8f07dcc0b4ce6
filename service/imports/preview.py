"""What was found in the files of an import, put for a reader: columns with what they answer, and issues grouped by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from questionnaires.form import load_combined_form
from questionnaires.issues import ISSUES, Issue
from reports.view_model import SEVERITIES
from service.db.tables import Import, Job
from service.errors import DomainError
from service.imports.jobs import parse_choices
from service.jobs.kinds import ASSESS_IMPORT, READ_IMPORT
from service.jobs.table import listing

SHOWN_ISSUES = 40  # of one kind of issue, that are shown


@dataclass(frozen=True)
class IssueGroup:
    """Issues of one kind: how grave, in how many cells, the first of them, and how many are not shown."""

    code: str
    severity: str
    severity_title: str
    title: str
    cells: int
    lines: Sequence[tuple[Issue, str]]
    more: int


@dataclass(frozen=True)
class Column:
    """A column of a sheet: its header, the question it answers ("" for none), whether the sender said so, and whether it holds
    the contact of a person, which is never read.
    """

    header: str
    question: str
    chosen: bool
    contact: bool = False


@dataclass(frozen=True)
class Table:
    """A sheet that is read: which row its headers are in, what its columns answer, how many rows it has."""

    file: str
    sheet: str
    kind: str
    header_row: int
    rows: int
    columns: Sequence[Column]

    @property
    def unread(self) -> int:
        """How many columns answer no question."""
        return sum(not column.question for column in self.columns)

    @property
    def contacts(self) -> int:
        """How many columns hold contacts of persons."""
        return sum(column.contact for column in self.columns)


ColumnChoice = tuple[str, str, str, str]  # a file, a sheet, a header in it, and the question that it is to answer


def list_tables(taken: Import) -> list[Table]:
    """The sheets of an import that was looked at, with their columns: those that answer a question first."""
    found = []
    for file in (taken.found or {}).get("files", ()):
        for sheet in file["sheets"]:
            asked = load_combined_form(sheet["kind"]).by_id
            chosen = _chosen_columns(taken.choices, file["name"], sheet["name"])
            columns = [
                Column(header, q, chosen.get(q) == header, q in asked and asked[q].person)
                for q, header in sheet["columns"].items()
            ]
            columns += [Column(header, "", False) for header in sheet["unmapped"]]
            place = (file["name"], sheet["name"], sheet["kind"], sheet["header_row"], sheet["rows"])
            found.append(Table(*place, columns))
    return found


def _chosen_columns(choices: Mapping[str, Any], file: str, sheet: str) -> dict[str, str]:
    """What the sender said of the columns of a sheet: question -> header, "" for none."""
    read = parse_choices(choices)
    return {**(read.columns or {}), **read.columns_for_sheet(file, sheet)}


def list_questions(kind: str, column: Column | None = None) -> dict[str, list[tuple[str, str]]]:
    """The questions a column of such a sheet may answer, as (id, title), by section in the order they are asked. One about a
    person is among them for a column that was found to hold that.
    """
    sections: dict[str, list[tuple[str, str]]] = {}
    for question in load_combined_form(kind).questions:
        if not question.person or (column is not None and column.question == question.id):
            sections.setdefault(question.section, []).append((question.id, question.title))
    return sections


def list_failed_choices(taken: Import, answers: Sequence[ColumnChoice] = ()) -> dict[tuple[str, str, str], str]:
    """What a reader chose that could not be used, now (``answers``) or when the files were read again: by file, sheet and header
    the question, for the page that shows the fault.
    """
    if answers:
        return {(file, sheet, header): question for file, sheet, header, question in answers}
    choices = (taken.problem or {}).get("choices")
    if taken.state != "previewed" or not choices:
        return {}
    found = {}
    for table in list_tables(taken):
        told = _chosen_columns(choices, table.file, table.sheet)
        by_header = {header: question for question, header in told.items() if header}
        for column in table.columns:
            as_found = "" if column.question in told else column.question
            found[table.file, table.sheet, column.header] = by_header.get(column.header, as_found)
    return found


def build_column_maps(taken: Import, answers: Sequence[ColumnChoice]) -> list[dict[str, Any]]:
    """The maps of columns after a reader's corrections: of each sheet that has one its ``file``, its ``sheet`` and its
    ``columns`` (question: header).

    Only what differs from what was found is told to the reader of files; a column that is to answer nothing any more leaves
    its question without one (""). Raises Refused ``columns.tied`` where two columns of one sheet would answer one question.
    """
    maps = []
    for table in list_tables(taken):
        mine = [(header, q) for file, sheet, header, q in answers if (file, sheet) == (table.file, table.sheet)]
        columns = _corrected_columns(table, _chosen_columns(taken.choices, table.file, table.sheet), mine)
        if columns:
            maps.append({"file": table.file, "sheet": table.sheet, "columns": columns})
    return maps


def _corrected_columns(table: Table, told: Mapping[str, str], answers: Sequence[tuple[str, str]]) -> dict[str, str]:
    as_found = {column.header: column.question for column in table.columns}
    by_question: dict[str, str] = {}
    for header, question in answers:
        if question and by_question.setdefault(question, header) != header:
            asked = load_combined_form(table.kind).by_id.get(question)
            raise DomainError(
                "columns.tied",
                422,
                f"In '{table.sheet or table.file}' two columns, '{by_question[question]}' and '{header}', cannot both answer the "
                f"question '{asked.title if asked else question}'. Set one of them to 'not read'.",
            )
    changed = {header: question for header, question in answers if question and as_found.get(header) != question}
    dropped = {as_found[header]: "" for header, question in answers if not question and as_found.get(header)}
    # A column that is given another question no longer answers the one it was told before.
    stands = {q: header for q, header in told.items() if header not in changed and header in ("", *as_found)}
    return stands | dropped | {question: header for header, question in changed.items()}


def group_issues(issues: Sequence[Mapping[str, Any]]) -> list[IssueGroup]:
    """Issues (as an import keeps them) by kind: what is not scored first, then the commonest."""
    by_code: dict[str, list[Issue]] = {}
    for told in issues:
        issue = Issue(**{**told, "cells": tuple(told["cells"])})
        by_code.setdefault(issue.code, []).append(issue)
    groups = [
        IssueGroup(
            code,
            members[0].severity,
            SEVERITIES[members[0].severity],
            _sentence(members[0]),
            sum(issue.count for issue in members if issue.cell),
            [(issue, _sentence(issue)) for issue in members[:SHOWN_ISSUES]],
            max(len(members) - SHOWN_ISSUES, 0),
        )
        for code, members in by_code.items()
    ]
    return sorted(groups, key=lambda group: (list(SEVERITIES).index(group.severity), -group.cells, group.code))


def _sentence(issue: Issue) -> str:
    told = {"seen": issue.seen, "header": issue.header, "expected": issue.expected, "count": issue.count}
    sentence = ISSUES[issue.code].message.format(**told)
    return sentence[:1].upper() + sentence[1:]


def list_skipped_sheets(issues: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The sheets that are not read, each with the reason."""
    return [
        (told["sheet"] or told["file"], _sentence(Issue(**{**told, "cells": tuple(told["cells"])})))
        for told in issues
        if told["code"] in ("sheet.no_table", "sheet.hidden")
    ]


def get_current_job(session: Session, taken: Import) -> Job | None:
    """The job that is at work on an import, or worked on it last."""
    jobs = (job for kind in (ASSESS_IMPORT, READ_IMPORT) for job in listing(session, kind, limit=200))
    return next((job for job in jobs if job.payload.get("import_id") == taken.id), None)


def is_in_progress(taken: Import, job: Job | None) -> bool:
    """Whether something still happens to an import by itself: not once its job has failed or was cancelled."""
    return taken.state in ("waiting", "running") and (job is None or job.state in ("queued", "running"))
