"""Push what changed to connected systems: claim a system under a lease, send outside any transaction, and record the end.

Each system is one process's at a time. What it accepted is recorded for each supplier, so it is sent again only if it changed. If
a process is killed between the two, another one sends the same values again when the lease ends: writing them twice changes
nothing. A push that fails is tried again for a day, as webhooks are, and then once a day.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from threading import Event as Signal

import structlog
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from service.clock import now, today
from service.connected_systems.calls import Caller
from service.connected_systems.hosts import get_host
from service.connected_systems.records import build_records
from service.connected_systems.senders import Delivered, Item, Refusal, send
from service.connected_systems.systems import CredentialsLost, read_credentials
from service.db.session import Database
from service.db.system_tables import ConnectedSystem, SystemIdentifier, SystemPush
from service.db.tables import Organisation, Supplier
from service.outbox.delivery import MAX_SKEW, compute_back_off, run_loop
from service.outbox.exchange import Receiving
from service.outbox.outcome import Outcome
from service.outbox.pushes import mark_system
from service.outbox.queue import LIFETIME
from service.trouble import find_trouble

LEASE = timedelta(minutes=10)  # longer than any attempt takes
MOST_DUE = 200  # suppliers that are looked at in an attempt
MOST_REQUESTS, MOST_SECONDS = 10, 120.0  # after which an attempt ends; what is left is sent by the next
COMPARE_EVERY = timedelta(days=1)  # steps become overdue and decisions change without an assessment
GIVEN_UP = "given_up"

log = structlog.get_logger("service.connected_systems")


@dataclass(frozen=True)
class Pusher:
    """How pushes leave: which receivers are allowed, the secret keys, and the address at which users open Diligence."""

    receiving: Receiving
    secret_keys: Sequence[bytes]
    address: str


@dataclass(frozen=True)
class Claim:
    """A system that this process pushes to, and the number of the attempt."""

    system_id: str
    organisation_id: str
    number: int


@dataclass(frozen=True)
class Due:
    """A supplier whose push waits: its identifier with the revision that was read, and what is to be sent.

    ``record``: None if the system already has all of it.
    """

    id: str
    revision: int
    item: Item | None
    record: Mapping[str, object]


@dataclass
class Progress:
    """What an attempt has achieved, by identifier; ``outcome``: of the last request."""

    outcome: Outcome = field(default_factory=lambda: Outcome("sent", "nothing_changed"))
    accepted: set[str] = field(default_factory=set)
    refusals: dict[str, Refusal] = field(default_factory=dict)


def run_pushes(db: Database, pusher: Pusher, stop: Signal) -> None:
    """Push until ``stop`` is set."""
    run_loop(db, "push", partial(push_next, db, pusher), stop)


def push_next(db: Database, pusher: Pusher) -> bool:
    """Push to the system whose turn it is; return False if none is due."""
    claim = claim_system(db)
    if claim is None:
        return False
    began = time.monotonic()
    due: Sequence[Due] = ()
    try:
        caller, due = _prepare(db, claim, pusher)
        progress = _send_all(caller, [each.item for each in due if each.item is not None])
    except CredentialsLost:
        progress = Progress(Outcome("retry", "credentials_lost"))
    except Exception as error:
        if find_trouble(error) is not None:
            raise  # the database is tried again, and the system once its lease has ended
        log.error("push_fault", system=claim.system_id, exc_info=error)
        progress = Progress(Outcome("retry", "internal_error"))
    milliseconds = round(1000 * (time.monotonic() - began))
    record_progress(db, claim, due, progress, milliseconds)
    log.info("push", system=claim.system_id, attempt=claim.number, code=progress.outcome.code,
             accepted=len(progress.accepted), refused=len(progress.refusals), milliseconds=milliseconds)  # fmt: skip
    return True


def claim_system(db: Database) -> Claim | None:
    """Claim the system whose turn it is, of any organisation; None if none has anything due. The one that was pushed to longest
    ago comes first.
    """
    at = now()
    lease = ConnectedSystem.lease_until
    has_due = (
        select(SystemIdentifier.id)
        .where(SystemIdentifier.system_id == ConnectedSystem.id, SystemIdentifier.due_since.is_not(None))
        .exists()
    )
    last = func.coalesce(ConnectedSystem.paused_until, ConnectedSystem.created_at)
    query = (
        select(ConnectedSystem)
        .where(ConnectedSystem.enabled, last <= at, has_due)
        .where(or_(lease.is_(None), lease <= at, lease > at + LEASE + MAX_SKEW))
        .order_by(last, ConnectedSystem.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=ConnectedSystem)
    )
    with db.unscoped() as session:
        system = session.scalars(query).first()
        if system is None:
            return None
        system.lease_until, system.attempts = at + LEASE, system.attempts + 1
        return Claim(system.id, system.organisation_id, system.attempts)


def _prepare(db: Database, claim: Claim, pusher: Pusher) -> tuple[Caller, Sequence[Due]]:
    """Return how the system is called, and its suppliers whose push has waited longest. Raises CredentialsLost."""
    with db.for_organisation(claim.organisation_id, write=False) as session:
        system = session.get_one(ConnectedSystem, claim.system_id)
        host = get_host(system.kind)
        caller = Caller(system, host, read_credentials(system, pusher.secret_keys), pusher.receiving)
        of_system = SystemIdentifier.system_id == system.id, SystemIdentifier.due_since.is_not(None)
        query = select(SystemIdentifier, Supplier).join(Supplier, Supplier.id == SystemIdentifier.supplier_id)
        query = query.where(*of_system).order_by(SystemIdentifier.due_since, SystemIdentifier.id).limit(MOST_DUE)
        rows = session.execute(query).all()
        on = today(session.get_one(Organisation, claim.organisation_id).time_zone)
        suppliers = list({supplier.id: supplier for _, supplier in rows}.values())
        records = build_records(session, host, system.mapping, suppliers, pusher.address, on)
    return caller, [
        Due(
            identifier.id,
            identifier.revision,
            None if identifier.sent == record else Item(identifier.identifier, record),
            record,
        )
        for identifier, supplier in rows
        for record in (records[supplier.id],)
    ]


def _send_all(caller: Caller, items: Sequence[Item]) -> Progress:
    """Send suppliers, as many a request as the system takes; one that it refuses as a whole is halved to find whom it refuses."""
    batch, progress = caller.host.batch, Progress()
    waiting = deque(items[start : start + batch] for start in range(0, len(items), batch))
    end = time.monotonic() + MOST_SECONDS
    for _ in range(MOST_REQUESTS):
        if not waiting or time.monotonic() >= end:
            break
        part = waiting.popleft()
        delivered: Delivered = send(caller, part)
        progress.outcome = delivered.outcome
        if delivered.outcome.end == "retry":
            break
        if delivered.outcome.end == "failed" and len(part) > 1:
            waiting.extendleft((part[len(part) // 2 :], part[: len(part) // 2]))
        elif delivered.outcome.end == "failed":
            progress.refusals[part[0].identifier] = Refusal(delivered.outcome.code, delivered.text)
        else:
            progress.refusals |= delivered.refusals
            progress.accepted |= {item.identifier for item in part} - delivered.refusals.keys()
    return progress


def record_progress(db: Database, claim: Claim, due: Sequence[Due], progress: Progress, milliseconds: int) -> None:
    """Record how an attempt ended, unless a later one has begun or the system is gone."""
    at = now()
    with db.for_organisation(claim.organisation_id) as session:
        query = select(ConnectedSystem).where(ConnectedSystem.id == claim.system_id).with_for_update()
        system = session.scalars(query).first()
        if system is None or system.attempts != claim.number:
            return
        system.lease_until = None
        _record_suppliers(session, due, progress, at)
        outcome = progress.outcome
        if outcome.code != "nothing_changed":
            counts = {"accepted": len(progress.accepted), "refused": len(progress.refusals)}
            ended = {"code": outcome.code, "status": outcome.status, "milliseconds": milliseconds}
            session.add(SystemPush(system_id=system.id, number=claim.number, at=at, **ended, **counts))
        _set_state(session, system, progress, at)


def _record_suppliers(session: Session, due: Sequence[Due], progress: Progress, at: datetime) -> None:
    """Record what the system accepted and refused. A row that an assessment holds is left out: it is marked again anyway."""
    by_id = {each.id: each for each in due}
    query = select(SystemIdentifier).where(SystemIdentifier.id.in_(list(by_id))).order_by(SystemIdentifier.id)
    for row in session.scalars(query.with_for_update(skip_locked=True)):
        each = by_id[row.id]
        if each.item is None or row.identifier in progress.accepted:
            if each.item is not None:
                row.sent, row.sent_at = dict(each.record), at
            row.refused_code = row.refused_text = row.refused_at = None
        elif row.identifier in progress.refusals:
            refusal = progress.refusals[row.identifier]
            row.refused_code, row.refused_text, row.refused_at = refusal.code, refusal.text, at
        else:
            continue  # it was not sent this time
        if row.revision == each.revision:
            row.due_since = None


def _set_state(session: Session, system: ConnectedSystem, progress: Progress, at: datetime) -> None:
    """Let the system rest after a failure, the longer the longer it fails; give up what has waited for a day."""
    outcome = progress.outcome
    takes_nothing = bool(progress.refusals) and not progress.accepted
    if outcome.end != "retry" and not takes_nothing:
        system.failing_since, system.code, system.paused_until = None, None, at
        return
    system.failing_since = system.failing_since or at
    system.code = outcome.code if outcome.end == "retry" else "refused"
    system.paused_until = at + max(compute_back_off(at - system.failing_since), timedelta(seconds=outcome.wait))
    if outcome.end == "retry":
        waited = SystemIdentifier.system_id == system.id, SystemIdentifier.due_since <= at - LIFETIME
        for row in session.scalars(select(SystemIdentifier).where(*waited).with_for_update(skip_locked=True)):
            row.due_since, row.refused_at = None, at
            row.refused_code, row.refused_text = GIVEN_UP, outcome.code


def compare_all(db: Database, at: datetime) -> None:
    """Mark the suppliers of each enabled system once a day, so that changes without an assessment are pushed as well."""
    earlier = or_(ConnectedSystem.compared_at.is_(None), ConnectedSystem.compared_at <= at - COMPARE_EVERY)
    with db.unscoped(write=False) as session:
        found = session.scalars(select(ConnectedSystem).where(ConnectedSystem.enabled, earlier)).all()
    for system in found:
        with db.for_organisation(system.organisation_id) as session:
            locked = select(ConnectedSystem).where(ConnectedSystem.id == system.id, earlier).with_for_update()
            row = session.scalars(locked).first()
            if row is not None:
                row.compared_at = at
                mark_system(session, row.id, at)
