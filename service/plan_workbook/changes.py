"""Compare a filled-in workbook with the stored steps, and make the changes: all of them, or none.

What a row changes is what differs from its step as it was exported. If the step has changed since, the row is stale: it is
reported and left out, so that nobody's work is overwritten. Each change is made by the use case that the pages use as well, with
its permissions, its entry in the history and its event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.text_normalize import fold_text
from service.db.remediation_tables import Step, StepComment
from service.db.session import chunks
from service.errors import DomainError
from service.plan_workbook.columns import EVIDENCE_KINDS, NOBODY, STATES, TITLES, Exported, Owners, load_owners
from service.plan_workbook.reading import Row, Table, refuse
from service.remediation import steps as step_service
from service.remediation.rules import list_next_states
from service.remediation.steps import Act, Evidence

EXPECTED = {
    "state": "one of the possible next states",
    "owner": "a user from the list",
    "due": "a date such as 2026-12-31",
    "reason": "why the state or the date changes, without names",
    "done": "what was done, without names",
    "evidence_kind": "a kind of evidence from the list",
    "evidence_reference": "a document or file number, without names",
    "step_id": "a step that you have access to",
    "exported": "the text that was in the cell",
}
Fault = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """A cell that changes a step: the number of its row, its ``column``, and what the step is ``before`` and ``after``."""

    step_id: str
    row: int
    column: str
    before: str
    after: str


@dataclass
class Outcome:
    """What a workbook changes, the rows that are stale (number and id of the step), and how many rows change nothing."""

    changes: list[Change] = field(default_factory=list)
    stale: list[tuple[int, str]] = field(default_factory=list)
    unchanged: int = 0


class _Refused(Exception):
    """A cell that cannot be used: its field, the code of the fault, and how to correct it."""

    def __init__(self, column: str, code: str, fix: str) -> None:
        super().__init__(fix)
        self.column, self.code, self.fix = column, code, fix


def preview_changes(session: Session, table: Table, act: Act) -> Outcome:
    """Return what a workbook would change, and change nothing. Raises DomainError as :func:`save_changes` does."""
    attempt = session.begin_nested()
    try:
        return save_changes(session, table, act)
    finally:
        attempt.rollback()


def save_changes(session: Session, table: Table, act: Act) -> Outcome:
    """Make the changes of a workbook in the transaction of the session, and return them.

    Raises DomainError ``plan_workbook.file``, 422, with the ``faults`` of up to 50 cells; the transaction must end with it.
    """
    outcome, faults = Outcome(), list[tuple[int, Fault]]()
    steps, owners, seen = _load_steps(session, table, act), load_owners(session), dict[str, int]()
    # In the order of their ids, as everywhere: two files that lock the same steps in different orders would wait for each other.
    for row in sorted(table.rows, key=lambda row: row.texts["step_id"]):
        try:
            step = steps.get(row.texts["step_id"])
            if step is None:
                raise _Refused(
                    "step_id",
                    "plan_workbook.unknown_step",
                    "There is no such step, or you do not have access to it. Delete this row.",
                )
            earlier = seen.setdefault(step.id, row.number)
            if earlier != row.number:
                fix = f"Row {earlier} is about the same step. Keep one of the two."
                raise _Refused("step_id", "plan_workbook.twice", fix)
            _take_row(session, row, step, owners, outcome, act)
        except _Refused as refused:
            expected = EXPECTED[refused.column]
            faults.append((row.number, table.describe_fault(row, refused.column, refused.code, expected, refused.fix)))
    refuse([fault for _, fault in sorted(faults, key=itemgetter(0))])
    outcome.changes.sort(key=attrgetter("row"))
    outcome.stale.sort()
    return outcome


def _load_steps(session: Session, table: Table, act: Act) -> Mapping[str, Step]:
    """Return the steps of the rows that the caller may see, by id."""
    steps: dict[str, Step] = {}
    for chunk in chunks(sorted({row.texts["step_id"] for row in table.rows})):
        query = select(Step).where(Step.id.in_(chunk))
        if not act.sees_worker_derived:
            query = query.where(Step.worker_derived.is_(False))
        steps.update((step.id, step) for step in session.scalars(query))
    return steps


def _take_row(session: Session, row: Row, step: Step, owners: Owners, outcome: Outcome, act: Act) -> None:
    """Make the changes of a row and add them to the outcome. Raises _Refused for the first cell that cannot be used."""
    exported = Exported.parse(row.texts["exported"])
    if exported is None:
        raise _Refused("exported", "plan_workbook.exported", "Do not change this column. Download the workbook again.")
    is_stale = exported.version != step.version
    changes = _find_changes(row, exported if is_stale else Exported.of(step), owners)
    if "done" in changes and _has_comment(session, step, changes["done"]):  # the file was sent before
        del changes["done"]
    if not changes:
        outcome.unchanged += 1
    elif is_stale:
        outcome.stale.append((row.number, step.id))
    else:
        _make_changes(session, row, step, changes, owners, outcome, act)


def _has_comment(session: Session, step: Step, text: str) -> bool:
    """Return whether a step has a comment already. A comment makes no new version of a step, so its row would not be stale."""
    query = select(StepComment.id).where(StepComment.step_id == step.id, StepComment.text == text)
    return session.scalars(query).first() is not None


def _find_changes(row: Row, base: Exported, owners: Owners) -> dict[str, Any]:
    """Return what a row asks for that differs from a step, by field. Raises _Refused."""
    wanted: dict[str, Any] = {
        "owner": _parse_owner(row, base, owners),
        "due": _parse_due(row),
        "state": _parse_choice(row, "state", STATES),
    }
    present = {"owner": base.owner_id, "due": base.due, "state": base.state}
    changes = {name: value for name, value in wanted.items() if value != present[name]}
    if row.texts["reason"] and not changes.keys() & {"due", "state"}:
        fix = f"Neither the state nor the due date changes. Move this text to '{TITLES['done']}', or delete it."
        raise _Refused("reason", "plan_workbook.reason", fix)
    if row.texts["evidence_kind"] or row.texts["evidence_reference"]:
        kind = _parse_choice(row, "evidence_kind", EVIDENCE_KINDS)
        changes["evidence_reference"] = Evidence(kind, row.texts["evidence_reference"])
    if row.texts["done"]:
        changes["done"] = row.texts["done"]
    return changes


def _parse_owner(row: Row, base: Exported, owners: Owners) -> str | None:
    text = fold_text(row.texts["owner"])
    if text == fold_text(NOBODY):
        return None
    candidates = [base.owner_id] if base.owner_id else []  # who was exported may have left since
    for id_ in (*candidates, *owners.active):
        if text and text == fold_text(owners.names.get(id_, "")):
            return id_
    raise _Refused("owner", "plan_workbook.choice", f"Choose a user from the list, or '{NOBODY}'.")


def _parse_due(row: Row) -> date:
    try:
        return date.fromisoformat(row.texts["due"])
    except ValueError:
        raise _Refused("due", "plan_workbook.date", f"Enter {EXPECTED['due']}.") from None


def _parse_choice(row: Row, name: str, titles: Mapping[str, str]) -> str:
    text = fold_text(row.texts[name])
    code = next((code for code, title in titles.items() if fold_text(title) == text), None)
    if code is None:
        raise _Refused(name, "plan_workbook.choice", f"Choose from the list: {', '.join(titles.values())}.")
    return code


def _make_changes(
    session: Session, row: Row, step: Step, changes: Mapping[str, Any], owners: Owners, outcome: Outcome, act: Act
) -> None:
    """Lock a step and make the changes of its row, in the order of ``MAKE``. Raises _Refused."""
    version = step.version
    try:
        step_service.get_step(session, step.id, act, version=version)
    except DomainError as refused:
        if refused.code != "step.changed":
            raise _Refused("step_id", refused.code, refused.detail) from refused
        outcome.stale.append((row.number, step.id))
        return
    before = {
        "owner": owners.names.get(step.owner_id or "", NOBODY),
        "due": step.due.isoformat(),
        "state": STATES[step.state],
    }
    made = []
    for name, make in MAKE.items():
        if name not in changes:
            continue
        try:
            make(session, step, changes[name], row.texts["reason"], act)
        except DomainError as refused:
            raise _explain(step, name, refused) from refused
        made.append(Change(step.id, row.number, TITLES[name], before.get(name, ""), row.texts[name]))
    outcome.changes += made


def _explain(step: Step, name: str, refused: DomainError) -> _Refused:
    """Return a refusal in terms of the file."""
    if refused.code == "transition.reason":
        return _Refused("reason", refused.code, "Say why the state or the due date changes.")
    if refused.code == "transition.not_allowed":
        following = ", ".join(STATES[code] for code in list_next_states("step", step.state)) or "nothing"
        fix = f"'{STATES[step.state]}' can be followed by: {following}. Steps are verified on their own pages."
        return _Refused(name, refused.code, fix)
    if refused.code == "evidence.kind":
        name = "evidence_kind"
    return _Refused(name, refused.code, refused.detail)


def _assign(session: Session, step: Step, owner_id: str | None, reason: str, act: Act) -> None:
    step_service.assign(session, step, owner_id, act)


def _move(session: Session, step: Step, due: date, reason: str, act: Act) -> None:
    step_service.move_due(session, step, due, reason, act)


def _change_state(session: Session, step: Step, state: str, reason: str, act: Act) -> None:
    step_service.change_state(session, step, state, reason, act)


def _add_evidence(session: Session, step: Step, evidence: Evidence, reason: str, act: Act) -> None:
    step_service.add_evidence(session, step, evidence, act)


def _add_comment(session: Session, step: Step, text: str, reason: str, act: Act) -> None:
    step_service.add_comment(session, step, text, act)


# How the changes of a row are made, in this order: evidence may follow a new state.
MAKE: Mapping[str, Callable[[Session, Step, Any, str, Act], None]] = {
    "owner": _assign,
    "due": _move,
    "state": _change_state,
    "evidence_reference": _add_evidence,
    "done": _add_comment,
}
