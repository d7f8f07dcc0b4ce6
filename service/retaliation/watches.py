"""Open, prolong and end retaliation watches.

A watch opens by itself when something is found at a supplier that is known only from workers, and its months begin again whenever
workers speak up once more or suffer for it. Nobody can delete it. It ends when the last check has found no sign, or early, when a
user has asked for that with a reason and an approver, another person, agrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.db.remediation_tables import Finding
from service.db.retaliation_tables import RetaliationCheck, RetaliationWatch
from service.db.tables import new_id
from service.errors import DomainError, not_found
from service.outbox.approvals import tell_approvers
from service.remediation.rules import check_approver, check_reason
from service.remediation.steps import Act
from service.retaliation.rules import add_months, load_watch_rules

OPEN, ENDED = "open", "ended"


def watch_supplier(session: Session, supplier_id: str, act: Act, *, has_news: bool) -> None:
    """Watch over the workers of a supplier, whose row is locked, if anything is known only from them.

    ``has_news``: workers have spoken up again, so that the months of an open watch begin again.
    """
    watch = _find_newest(session, supplier_id)
    if watch is not None and (watch.state == OPEN or not has_news):
        if has_news:
            begin_again(session, watch, act.on, act)
        return
    reported = select(Finding.id).where(Finding.supplier_id == supplier_id, Finding.worker_derived)
    if session.scalars(reported.limit(1)).first() is None:
        return
    watch = RetaliationWatch(
        id=new_id(),
        supplier_id=supplier_id,
        record_id=supplier_id,
        started_on=act.on,
        created_by=act.actor.name,
        created_at=act.at,
    )
    session.add(watch)
    session.flush()
    _plan_checks(session, watch, act.on)
    record_event(session, act.actor.name, "retaliation_watch.opened", "retaliation_watch", watch.id)


def _find_newest(session: Session, supplier_id: str) -> RetaliationWatch | None:
    """Return the newest watch of a supplier, an open one first, locked until the transaction ends."""
    query = select(RetaliationWatch).where(RetaliationWatch.supplier_id == supplier_id).with_for_update()
    newest = query.order_by(RetaliationWatch.state.desc(), RetaliationWatch.started_on.desc(), RetaliationWatch.id)
    return session.scalars(newest).first()


def begin_again(session: Session, watch: RetaliationWatch, on: date, act: Act) -> None:
    """Begin the months of a locked watch again on a day, unless they already begin on it or later.

    Checks that are due before the first new one stay, so that nothing is postponed.
    """
    if on <= watch.started_on:
        return
    first = add_months(on, min(load_watch_rules()["checks"]["months"]))
    for check in list_pending(session, watch):
        if check.due > first:
            session.delete(check)
    session.flush()
    watch.started_on = on
    withdraw_request(watch)  # whoever asked to end it did not know of this
    _plan_checks(session, watch, on, first=act.on)
    details = {"on": on.isoformat()}
    record_event(session, act.actor.name, "retaliation_watch.begun_again", "retaliation_watch", watch.id, details)
    session.flush()


def _plan_checks(session: Session, watch: RetaliationWatch, on: date, *, first: date | None = None) -> None:
    """Plan the checks of a watch whose months begin on a day. Those due before the day ``first`` become one check on it.

    Signs may come to light late, and nobody can make up for the checks that were missed.
    """
    planned = {check.due for check in list_pending(session, watch)}
    for month in load_watch_rules()["checks"]["months"]:
        due = max(add_months(on, month), first or on)
        if due not in planned:
            planned.add(due)
            session.add(RetaliationCheck(watch_id=watch.id, month=month, due=due))
    session.flush()


def get_watch(
    session: Session, watch_id: str, act: Act, *, version: int | None = None, lock: bool = True
) -> RetaliationWatch:
    """Return a watch, locked until the transaction ends.

    ``version``: the one that the caller has seen, None for any. Raises DomainError: ``not_found``, 404, also for a caller who may
    not see what workers reported; ``watch.changed``, 409.
    """
    query = select(RetaliationWatch).where(RetaliationWatch.id == watch_id)
    if lock:
        query = query.with_for_update()
    watch = session.scalars(query).first() if act.sees_worker_derived else None
    if watch is None:
        raise not_found("Retaliation watch not found.")
    if version is not None and watch.version != version:
        raise DomainError(
            "watch.changed", 409, "This watch has changed since you opened it. Check the current version first."
        )
    return watch


def list_checks(session: Session, watch: RetaliationWatch) -> Sequence[RetaliationCheck]:
    """Return the checks of a watch by due date."""
    query = select(RetaliationCheck).where(RetaliationCheck.watch_id == watch.id)
    return session.scalars(query.order_by(RetaliationCheck.due, RetaliationCheck.id)).all()


def list_pending(session: Session, watch: RetaliationWatch) -> list[RetaliationCheck]:
    """Return the checks of a watch that have not been recorded, by due date."""
    return [check for check in list_checks(session, watch) if check.result is None]


def end_watch(session: Session, watch: RetaliationWatch, act: Act) -> None:
    """End a locked watch. The caller has checked that it may end."""
    watch.state, watch.ended_by, watch.ended_at = ENDED, act.actor.name, act.at
    watch.version += 1
    details = {"early": watch.end_reason is not None}
    record_event(session, act.actor.name, "retaliation_watch.ended", "retaliation_watch", watch.id, details)
    session.flush()


def ask_to_end(session: Session, watch: RetaliationWatch, reason: str, act: Act) -> None:
    """Ask an approver to end a locked watch early, with a reason that the approver reads.

    Raises DomainError: ``watch.ended``, 409; ``transition.by_key``, 403; ``transition.reason``, ``text.too_long``, ``person.*``,
    422.
    """
    check_open(watch)
    if not act.actor.is_user:
        raise DomainError("transition.by_key", 403, "An API key cannot request an approval; only a user can.")
    check_reason(reason)
    watch.end_reason, watch.end_asked_by, watch.end_asked_at = reason.strip(), act.actor.name, act.at
    watch.end_response = None
    watch.version += 1
    record_event(session, act.actor.name, "retaliation_watch.end_asked", "retaliation_watch", watch.id)
    tell_approvers(session, "watch_end", watch.id, act.at, supplier_id=watch.supplier_id)
    session.flush()


def decide_on_end(session: Session, watch_id: str, *, approves: bool, response: str, act: Act) -> None:
    """Agree to end a watch early, or decline it with a reason.

    The approver decides on what was asked, also where it may not otherwise see what workers reported. Raises DomainError:
    ``not_found``, 404; ``transition.approver``, ``approval.own``, 403; ``watch.ended``, ``approval.decided``, 409;
    ``transition.reason``, ``text.too_long``, ``person.*``, 422.
    """
    check_approver(act.actor)
    watch = get_watch(session, watch_id, replace(act, sees_worker_derived=True))
    check_open(watch)
    if watch.end_asked_by is None:
        raise DomainError("approval.decided", 409, "There is no open request to end this watch.")
    if watch.end_asked_by == act.actor.name:
        raise DomainError("approval.own", 403, "You made this request. A different approver has to decide on it.")
    check_reason(response, is_needed=not approves)
    watch.end_response = response.strip() or None
    if approves:
        for check in list_pending(session, watch):
            session.delete(check)
        end_watch(session, watch, act)
        return
    withdraw_request(watch)
    watch.version += 1
    record_event(session, act.actor.name, "retaliation_watch.end_declined", "retaliation_watch", watch.id)
    session.flush()


def withdraw_request(watch: RetaliationWatch) -> None:
    """Withdraw the request to end a locked watch early, because it was declined or no longer describes what is known."""
    watch.end_reason = watch.end_asked_by = watch.end_asked_at = None


def check_open(watch: RetaliationWatch) -> None:
    """Raise DomainError ``watch.ended``, 409, if a watch has ended."""
    if watch.state != OPEN:
        raise DomainError("watch.ended", 409, "This watch has ended.")
