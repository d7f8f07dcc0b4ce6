"""What was found in the files of an import, put for a reader: columns with what they answer, and issues grouped by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from questionnaires.form import load_reading_form
from questionnaires.issues import ISSUES, Issue
from reports.pages import SEVERITIES
from service.db.tables import Import, Job
from service.jobs.table import listing
from service.refusal import Refused

LINES = 40  # of one kind of issue, that are shown


@dataclass(frozen=True)
class Group:
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
    """A column of a sheet: its header, the question it answers ("" for none), and whether the sender said so."""

    header: str
    question: str
    chosen: bool


@dataclass(frozen=True)
class Table:
    """A sheet that is read: which row its headers are in, what its columns answer, how many rows it has."""

    file: str
    sheet: str
    kind: str
    header_row: int
    rows: int
    columns: Sequence[Column]


def tables(taken: Import) -> list[Table]:
    """The sheets of an import that was looked at, with their columns: those that answer a question first."""
    chosen = taken.choices.get("columns") or {}
    found = []
    for file in (taken.found or {}).get("files", ()):
        for sheet in file["sheets"]:
            columns = [Column(header, q, chosen.get(q) == header) for q, header in sheet["columns"].items()]
            columns += [Column(header, "", False) for header in sheet["unmapped"]]
            place = (file["name"], sheet["name"], sheet["kind"], sheet["header_row"], sheet["rows"])
            found.append(Table(*place, columns))
    return found


def questions(kind: str) -> dict[str, list[tuple[str, str]]]:
    """The questions a column of such a sheet may answer, as (id, title), by section in the order they are asked."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for question in load_reading_form(kind).questions:
        if not question.person:
            sections.setdefault(question.section, []).append((question.id, question.title))
    return sections


def corrected(taken: Import, answers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The map of columns (question: header) after a reader's corrections, given as (header, question).

    Only what differs from what was found is told to the reader of files; a column that is to answer nothing any more leaves
    its question without one (""). Raises Refused ``columns.tied`` where two columns
    would answer one question.
    """
    as_found = {column.header: column.question for table in tables(taken) for column in table.columns}
    told: dict[str, str] = dict(taken.choices.get("columns") or {})
    changed = {header: question for header, question in answers if question and as_found.get(header) != question}
    for question in changed.values():
        if list(changed.values()).count(question) > 1:
            raise Refused("columns.tied", 422, f"Two columns cannot both answer the question '{question}'.")
    dropped = {as_found[header]: "" for header, question in answers if not question and as_found.get(header)}
    # A column that is given another question no longer answers the one it was told before.
    told = {question: header for question, header in told.items() if header not in changed}
    return told | dropped | {question: header for header, question in changed.items()}


def grouped(issues: Sequence[Mapping[str, Any]]) -> list[Group]:
    """Issues (as an import keeps them) by kind: what is not scored first, then the commonest."""
    by_code: dict[str, list[Issue]] = {}
    for told in issues:
        issue = Issue(**{**told, "cells": tuple(told["cells"])})
        by_code.setdefault(issue.code, []).append(issue)
    groups = [
        Group(
            code,
            members[0].severity,
            SEVERITIES[members[0].severity],
            _sentence(members[0]),
            sum(issue.count for issue in members),
            [(issue, _sentence(issue)) for issue in members[:LINES]],
            max(len(members) - LINES, 0),
        )
        for code, members in by_code.items()
    ]
    return sorted(groups, key=lambda group: (list(SEVERITIES).index(group.severity), -group.cells, group.code))


def _sentence(issue: Issue) -> str:
    told = {"seen": issue.seen, "header": issue.header, "expected": issue.expected, "count": issue.count}
    sentence = ISSUES[issue.code].message.format(**told)
    return sentence[:1].upper() + sentence[1:]


def progress(session: Session, taken: Import) -> Job | None:
    """The job that is at work on an import, or worked on it last."""
    jobs = (job for kind in ("assess_import", "read_import") for job in listing(session, kind, limit=200))
    return next((job for job in jobs if job.payload.get("import_id") == taken.id), None)


def at_work(taken: Import, job: Job | None) -> bool:
    """Whether something still happens to an import by itself: not once its job has failed or was cancelled."""
    return taken.state in ("waiting", "running") and (job is None or job.state in ("queued", "running"))
