"""Leave rows out of a returned questionnaire that are about another supplier than the one it was sent to.

Answers count only for the one who gives them (method, fourth release, section 4). Otherwise a supplier could add a row about a
sister site or an agency to its workbook, and answer harm that the other has admitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from questionnaires.issues import Issue, build_issue
from questionnaires.sheet import build_row_group, cell_name
from questionnaires.tables import FileTables, Table
from questionnaires.validation.validate import Submission
from risk_models.answers import from_columns
from service.db.session import Database
from service.questionnaires_sent import requests as questionnaire_requests
from service.suppliers.identity import (
    find_suppliers,
    identify_rows,
    match_to_stored,
    take_identity,
)
from service.suppliers.likeness import is_certain

ANOTHER_SUPPLIER = "another_supplier"  # why rows are left out
MAX_CELLS = 40  # that an issue lists
KINDS = ("agency", "site")


class Strangers(NamedTuple):
    """The supplier that a questionnaire was sent to, and the positions of the rows that are about others."""

    sent_to: str
    positions: Sequence[int]


@dataclass(frozen=True)
class SentQuestionnaires:
    """The questionnaires that an organisation has sent."""

    db: Database
    organisation_id: str

    def has(self, request_id: str) -> bool:
        """Return whether the organisation sent this one: the workbook of another's counts as a plain list."""
        with self.db.for_organisation(self.organisation_id, write=False) as session:
            return questionnaire_requests.exists(session, request_id)

    def find_strangers(self, request_id: str, kind: str, rows: Sequence[Mapping[str, Any]]) -> Strangers:
        """Return which rows of a returned questionnaire are about others.

        A row is about the supplier that was asked if it would be saved under that supplier, and not if under another; one that is
        not stored as yet, only if there is no doubt.
        """
        with self.db.for_organisation(self.organisation_id, write=False) as session:
            found = questionnaire_requests.find_request(session, request_id)
            if found is None:
                return Strangers("", ())
            asked = found[1]
            name = asked.name or asked.reference or ""
            if asked.kind != kind:
                return Strangers(name, range(len(rows)))
            row_keys = identify_rows(rows)
            by_key = dict(zip(reversed(row_keys), reversed(rows), strict=True))
            matched = match_to_stored(session, kind, by_key).keys
            keys = [matched.get(row_key.key, row_key.key) for row_key in row_keys]
            stored = find_suppliers(session, kind, keys)
            own = [
                stored[key].id == asked.id if key in stored else is_certain(row, asked.answers)
                for key, row in zip(keys, rows, strict=True)
            ]
            return Strangers(name, [position for position, is_own in enumerate(own) if not is_own])


def leave_out_strangers(file: str, found: FileTables, sent: SentQuestionnaires) -> FileTables:
    """Return the tables of a file without the rows of returned questionnaires about others, and issues that name these."""
    kept = [_leave_out_strangers(file, table, sent) for table in found.tables]
    issues = [issue for _, issue in kept if issue is not None]
    return replace(found, tables=tuple(table for table, _ in kept), issues=(*found.issues, *issues))


def _leave_out_strangers(file: str, table: Table, sent: SentQuestionnaires) -> tuple[Table, Issue | None]:
    submission = table.submission
    if table.request_id is None or table.kind not in KINDS or not submission.accepted:
        return table, None
    rows = take_identity(from_columns(submission.accepted, submission.answers))
    sent_to, positions = sent.find_strangers(table.request_id, table.kind, rows)
    if not positions:
        return table, None
    is_stranger = np.zeros(submission.accepted, dtype=np.bool_)
    is_stranger[list(positions)] = True
    numbers = submission.rows[is_stranger]
    column = next(iter(table.matched.columns.values()))
    issue = build_issue(
        "row.other_supplier",
        file=file,
        sheet=table.sheet,
        cell=cell_name(int(numbers[0]), column),
        cells=[cell_name(int(number), column) for number in numbers[:MAX_CELLS]],
        seen=sent_to,
        count=len(numbers),
    )
    return table._replace(submission=_keep_rows(submission, ~is_stranger)), issue


def _keep_rows(submission: Submission, kept: npt.NDArray[np.bool_]) -> Submission:
    """Return a submission with some of its accepted rows; the others are left out."""
    n_left_out = int((~kept).sum())
    return replace(
        submission,
        answers={question: column.take(kept) for question, column in submission.answers.items()},
        rows=submission.rows[kept],
        returned=submission.returned[kept],
        accepted=submission.accepted - n_left_out,
        n_rows=submission.n_rows - n_left_out,
        left_out=(*submission.left_out, build_row_group(ANOTHER_SUPPLIER, submission.rows[~kept].tolist())),
    )
