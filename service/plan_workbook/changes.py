"""Compare a filled-in workbook with the stored steps, and make the changes: all of them, or none.

What a row changes is what differs from its step as it was exported. If the step has changed since, the row is stale: it is
reported and left out, so that nobody's work is overwritten. Each change is made by the use case that the pages use as well, with
its permissions, its entry in the history and its event.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
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
from service.plan_workbook.columns import (
    EVIDENCE_KINDS,
    EXPECTED,
    NOBODY,
    STATES,
    TITLES,
    Exported,
    Owners,
    load_owners,
)
from service.plan_workbook.reading import Row, Table, refuse
from service.remediation import steps as step_service
from service.remediation.rules import list_next_states
from service.remediation.steps import Act, Evidence

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
    """Return what a workbook would change, and write and lock nothing. Raises DomainError as :func:`save_changes` does."""
    attempt = session.begin_nested()
    try:
        return _change_steps(session, table, act, lock=False)[0]
    finally:
        attempt.rollback()


def save_changes(session: Session, table: Table, act: Act) -> Outcome:
    """Make the changes of a workbook in the transaction of the session, and return them.

    Raises DomainError ``plan_workbook.file``, 422, with the ``faults`` of up to 50 cells; the transaction must end with it.
    """
    outcome, steps = _change_steps(session, table, act, lock=True)
    for id_ in dict.fromkeys(change.step_id for change in outcome.changes if change.column == TITLES["state"]):
        step_service.queue_state(session, steps[id_], act)
    return outcome


def _change_steps(session: Session, table: Table, act: Act, *, lock: bool) -> tuple[Outcome, Mapping[str, Step]]:
    """Change the steps of a workbook, and return what was changed and the steps by id. Nothing is written before the end: a
    transaction that writes row by row keeps others waiting for seconds.
    """
    outcome, faults = Outcome(), list[tuple[int, Fault]]()
    with session.no_autoflush:
        loaded = _load(session, table, act, lock=lock)
        seen = dict[str, int]()
        for row in table.rows:
            try:
                step = loaded.get_step(row)
                earlier = seen.setdefault(step.id, row.number)
                if earlier != row.number:
                    fix = f"Row {earlier} is about the same step. Keep only one of the two rows."
                    raise _Refused("step_id", "plan_workbook.twice", fix)
                _take_row(session, row, step, loaded, outcome, act)
            except _Refused as refused:
                expected = EXPECTED[refused.column]
                fault = table.describe_fault(row, refused.column, refused.code, expected, refused.fix)
                faults.append((row.number, fault))
    refuse([fault for _, fault in sorted(faults, key=itemgetter(0))])
    outcome.changes.sort(key=attrgetter("row"))
    outcome.stale.sort()
    return outcome, loaded.steps


@dataclass(frozen=True)
class _Loaded:
    """What the rows of a workbook are about: the steps that the caller may see, what withholds some of them, and the comments
    that steps have already.
    """

    steps: Mapping[str, Step]
    no_help: Mapping[str, str]
    comments: Collection[tuple[str, str]]
    owners: Owners

    def get_step(self, row: Row) -> Step:
        """Return the step of a row. Raises _Refused."""
        step = self.steps.get(row.texts["step_id"])
        if step is None:
            raise _Refused(
                "step_id",
                "plan_workbook.unknown_step",
                "This step does not exist, or you do not have access to it. Delete this row.",
            )
        return step


def _load(session: Session, table: Table, act: Act, *, lock: bool) -> _Loaded:
    steps = step_service.find_steps(session, [row.texts["step_id"] for row in table.rows], act, lock=lock)
    commented = sorted({row.texts["step_id"] for row in table.rows if row.texts["done"]} & steps.keys())
    comments = set[tuple[str, str]]()
    for chunk in chunks(commented):
        query = select(StepComment).where(StepComment.step_id.in_(chunk))
        comments |= {(comment.step_id, comment.text) for comment in session.scalars(query)}
    no_help = step_service.describe_no_help(session, steps.values(), act.on)
    return _Loaded(steps, no_help, comments, load_owners(session))


def _take_row(session: Session, row: Row, step: Step, loaded: _Loaded, outcome: Outcome, act: Act) -> None:
    """Make the changes of a row and add them to the outcome. Raises _Refused for the first cell that cannot be used."""
    exported = Exported.parse(row.texts["exported"])
    if exported is None:
        raise _Refused("exported", "plan_workbook.exported", "Do not change this column. Download the workbook again.")
    is_stale = exported.version != step.version
    changes = _find_changes(row, exported if is_stale else Exported.of(step), loaded.owners)
    # A comment makes no new version of a step, so a row that was sent before is not stale.
    if "done" in changes and (step.id, changes["done"]) in loaded.comments:
        del changes["done"]
    if not changes:
        outcome.unchanged += 1
    elif is_stale:
        outcome.stale.append((row.number, step.id))
    elif step.id in loaded.no_help:
        raise _Refused("step_id", step_service.NO_HELP, loaded.no_help[step.id])
    else:
        outcome.changes += _make_changes(session, row, step, changes, loaded.owners, act)


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
        fix = (
            f"Neither the state nor the due date changes in this row. Move this text to '{TITLES['done']}', or "
            "delete it."
        )
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
    session: Session, row: Row, step: Step, changes: Mapping[str, Any], owners: Owners, act: Act
) -> list[Change]:
    """Make the changes of a row, in the order of ``MAKE``, and return them. Raises _Refused."""
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
    return made


def _explain(step: Step, name: str, refused: DomainError) -> _Refused:
    """Return a refusal in terms of the file."""
    if refused.code == "transition.reason":
        return _Refused("reason", refused.code, "Explain why the state or the due date changes.")
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
    step_service.set_state(session, step, state, reason, act)


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
