"""Find what was done to the audit trail behind the service's back: events that were changed, removed, moved, added or cut off.

Each chain is read once, oldest event first, and calculated anew; signed checkpoints then say whether all of it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from service.audit_chain import ORGANISATION_ERASED, START, SYSTEM, digest_details, hash_event
from service.db.audit_tables import AuditChain, AuditLink, SystemEvent
from service.db.tables import AuditEvent, Organisation

PORTION = 1_000  # events that are read at once
NEIGHBOURS = 50  # places before and after an event at which the one that belongs in its place is looked for
ERASED = "events"  # in the details of an erasure: how many events lost their details
ERASURES = ("site.erased", "agency.erased", "case.deleted", "retention.removed")

Marks = Mapping[str, Mapping[int, str]]  # by chain: its hash at a length, as signed checkpoints say


@dataclass(frozen=True, slots=True)
class Break:
    """A place at which a chain does not fit. ``chain``: the id of the organisation, or "system".

    ``number``: the place of the event, from 1, if it has one. ``code`` is explained in docs/operate.md.
    """

    code: str
    chain: str
    number: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """What the check of a chain found: its breaks in order, how many events were read, and of how many the details are erased."""

    chain: str
    breaks: tuple[Break, ...]
    events: int
    erased: int


def check_chains(session: Session, marks: Marks) -> Iterator[ChainCheck]:
    """Check every chain in an unscoped session, that of the installation last.

    ``marks``: what signed checkpoints outside the database say; without any, only what was done clumsily is found.
    """
    organisations = session.scalars(select(Organisation.id).order_by(Organisation.id)).all()
    for organisation_id in organisations:
        yield _check_chain(session, organisation_id, marks.get(organisation_id, {}))
    is_erasure = SystemEvent.action == ORGANISATION_ERASED
    erased = session.scalars(select(SystemEvent.object_id).where(is_erasure)).all()
    missing = [
        Break(
            "audit.organisation_missing",
            chain,
            None,
            "A checkpoint names this organisation, but no erasure accounts for its absence.",
        )
        for chain in sorted(marks.keys() - {*organisations, *erased, SYSTEM})
    ]
    yield _check_system_chain(session, marks.get(SYSTEM, {}), missing)


class _Walk:
    """The reading of one chain: the breaks so far, the last number and hash, and the newest place that a checkpoint confirms."""

    def __init__(self, chain: str, marks: Mapping[int, str]) -> None:
        self.chain, self.marks = chain, marks
        self.breaks: list[Break] = []
        self.number, self.hash, self.confirmed = 0, START, 0

    def report(self, code: str, number: int | None, detail: str) -> None:
        """Note a break."""
        self.breaks.append(Break(code, self.chain, number, detail))

    def is_next(self, number: int) -> bool:
        """Return whether a number follows the one before it, and report those that are missing in between."""
        if number == self.number + 1:
            return True
        last = f" to {number - 1}" if number > self.number + 2 else ""
        self.report("audit.removed", self.number + 1, f"Event {self.number + 1}{last} is missing.")
        return False

    def step_to(self, number: int, end: str) -> None:
        """Go on to an event, and compare its stored hash with what a checkpoint says about this place."""
        self.number, self.hash = number, end
        if number not in self.marks:
            return
        if self.marks[number] == end:
            self.confirmed = number
        else:
            detail = (
                f"According to a checkpoint, events {self.confirmed + 1} to {number} were different when it was signed."
            )
            self.report("audit.rewritten", self.confirmed + 1, detail)

    def finish(self) -> None:
        """Report a checkpoint of more events than there are."""
        longest = max(self.marks, default=0)
        if longest > self.number:
            detail = f"A checkpoint was signed for {longest} events, but only {self.number} are left."
            self.report("audit.cut_off", self.number + 1, detail)


def _check_chain(session: Session, organisation_id: str, marks: Mapping[int, str]) -> ChainCheck:
    walk, events, erased, recorded = _Walk(organisation_id, marks), 0, 0, 0
    for row in session.execute(_select_links(organisation_id).execution_options(yield_per=PORTION)):
        is_next = walk.is_next(row.number)
        if row.at is None:
            walk.report("audit.removed", row.number, f"Event {row.number} (ID {row.event_id}) is missing.")
        else:
            events += 1
            if is_next and hash_event(walk.hash, row.number, organisation_id, row, row.digest) != row.hash:
                walk.report(*_explain(session, walk, row.number, row.event_id))
            elif not _has_its_details(row):
                walk.report(
                    "audit.changed", row.number, f"The details of event {row.number} (ID {row.event_id}) were changed."
                )
            erased += row.salt is None
            recorded += _count_erased(row)
        walk.step_to(row.number, row.hash)
    _check_end(session, walk)
    for event_id in session.scalars(_select_unlinked(organisation_id)):
        walk.report("audit.added", None, f"The event with ID {event_id} was not recorded by the service.")
    if erased > recorded:
        detail = f"The details of {erased} events are missing, but erasures account for only {recorded} of them."
        walk.report("audit.details_removed", None, detail)
    return ChainCheck(organisation_id, tuple(walk.breaks), events, erased)


def _select_links(organisation_id: str) -> Select[Any]:
    event = (AuditEvent.at, AuditEvent.actor, AuditEvent.action, AuditEvent.object_type, AuditEvent.object_id)
    is_event = and_(AuditEvent.id == AuditLink.event_id, AuditEvent.organisation_id == AuditLink.organisation_id)
    return (
        select(AuditLink.number, AuditLink.event_id, AuditLink.salt, AuditLink.digest, AuditLink.hash)
        .add_columns(*event, AuditEvent.details)
        .outerjoin(AuditEvent, is_event)
        .where(AuditLink.organisation_id == organisation_id)
        .order_by(AuditLink.number)
    )


def _select_unlinked(organisation_id: str) -> Select[int]:
    links = select(AuditLink.event_id).where(AuditLink.organisation_id == organisation_id)
    query = select(AuditEvent.id).where(AuditEvent.organisation_id == organisation_id, AuditEvent.id.not_in(links))
    return query.order_by(AuditEvent.id)


def _has_its_details(row: Any) -> bool:
    if row.salt is None:
        return not row.details
    return bool(digest_details(row.salt, row.details) == row.digest)


def _count_erased(row: Any) -> int:
    """Return how many events lost their details in the erasure that an event records."""
    return int(row.details.get(ERASED, 0)) if row.action in ERASURES else 0


def _explain(session: Session, walk: _Walk, number: int, event_id: int) -> tuple[str, int, str]:
    """Return why an event does not fit: another one nearby belongs in its place, or it was changed."""
    near = AuditLink.number.between(number - NEIGHBOURS, number + NEIGHBOURS)
    rows = session.execute(_select_links(walk.chain).where(near, AuditLink.number != number)).all()
    hashes = {row.hash for row in rows}
    for row in rows:
        if row.at is not None and hash_event(walk.hash, number, walk.chain, row, row.digest) in hashes:
            detail = (
                f"Event {number} (ID {event_id}) was moved here; the one with ID {row.event_id} belongs in its place."
            )
            return "audit.moved", number, detail
    return "audit.changed", number, f"Event {number} (ID {event_id}) differs from what was recorded."


def _check_end(session: Session, walk: _Walk) -> None:
    end = session.get(AuditChain, walk.chain)
    length, last = (end.length, end.hash) if end is not None else (0, START)
    if length > walk.number:
        walk.report("audit.cut_off", walk.number + 1, f"There were {length} events, but only {walk.number} are left.")
    elif length < walk.number:
        walk.report("audit.added", length + 1, f"Event {length + 1} was not recorded by the service.")
    elif last != walk.hash:
        walk.report("audit.changed", length, f"The last event, number {length}, is not the one that was recorded.")
    else:
        walk.finish()


def _check_system_chain(session: Session, marks: Mapping[int, str], missing: list[Break]) -> ChainCheck:
    walk = _Walk(SYSTEM, marks)
    for row in session.scalars(select(SystemEvent).order_by(SystemEvent.number)):
        is_next = walk.is_next(row.number)
        if is_next and hash_event(walk.hash, row.number, SYSTEM, row, digest_details("", row.details)) != row.hash:
            walk.report(
                "audit.changed", row.number, f"Event {row.number} of the installation differs from what was recorded."
            )
        walk.step_to(row.number, row.hash)
    walk.finish()
    count = session.scalars(select(func.count(SystemEvent.number))).one()
    return ChainCheck(SYSTEM, (*missing, *walk.breaks), count, 0)
