"""Preview an import: the questions that its columns may answer, and its issues grouped by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from questionnaires.form import load_combined_form
from questionnaires.issues import Issue, parse_issue
from reports.view_model import SEVERITIES, title_severity
from service.db.import_tables import Import
from service.db.job_tables import Job
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


def list_questions(kind: str, answered: str | None = None) -> dict[str, list[tuple[str, str]]]:
    """List the questions a column may answer, as (id, title) by section in form order; a question about a person only for a
    column in which such data was detected (``answered``: what the column is read as).
    """
    sections: dict[str, list[tuple[str, str]]] = {}
    for question in load_combined_form(kind).questions:
        if not question.person or question.id == answered:
            sections.setdefault(question.section, []).append((question.id, question.title))
    return sections


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
        (raw["sheet"] or raw["file"], raw["seen"] if raw["code"] == "sheet.no_table" else parse_issue(raw).sentence)
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
