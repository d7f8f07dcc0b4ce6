"""Remind two persons of the checks of retaliation watches, as of steps that protect people: before, on and after the due date.

The messages name no supplier, and only users who may see what workers reported get an email.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.account_tables import User
from service.db.retaliation_tables import RetaliationCheck, RetaliationWatch
from service.db.session import chunks
from service.outbox.queue import Event
from service.remediation.reminders import Batch, find_first_user, find_occasion, find_queued, format_hour, load_rules
from service.retaliation.rules import load_watch_rules

DUE, OVERDUE = "watch.due", "watch.overdue"
CODES = {"step.due": DUE, "step.overdue": OVERDUE}


def list_check_reminders(session: Session, today: date, hour: int = 0) -> list[Batch]:
    """Return the reminders of checks that are due on a day, until an hour of it, and have not been queued yet, in batches."""
    last = today + timedelta(days=max(load_rules()["before"]))
    waiting = (
        select(RetaliationCheck, RetaliationWatch)
        .join(RetaliationWatch, RetaliationWatch.id == RetaliationCheck.watch_id)
        .where(RetaliationCheck.result.is_(None), RetaliationCheck.due <= last, RetaliationWatch.state == "open")
        .order_by(RetaliationCheck.due, RetaliationCheck.id)
    )
    found = [
        (check, watch, occasion)
        for check, watch in session.execute(waiting)
        if (occasion := find_occasion(check.due, today, safety=True, hour=hour))
    ]
    if not found:
        return []
    users = select(User.id, User.role).where(User.active).order_by(User.created_at, User.id)
    people = _choose_people(dict(session.execute(users).all()))
    events = [
        Event(
            code=CODES[occasion.code],
            occasion=f"{check.id} {check.due.isoformat()} {occasion.days}{format_hour(occasion)}",
            payload={"watch_id": watch.id, "due": check.due.isoformat(), "days": abs((check.due - today).days)},
            supplier_id=watch.supplier_id,
            mail_to=people,
        )
        for check, watch, occasion in found
    ]
    queued = find_queued(session, (DUE, OVERDUE), [event.occasion for event in events])
    return list(chunks([event for event in events if (event.code, event.occasion) not in queued], 100))


def _choose_people(roles: Mapping[str, str]) -> list[str]:
    """Return two users who may see what workers reported, or fewer if there are not as many. ``roles``: by active user."""
    wanted = load_watch_rules()["reminders"]["roles"]
    people: list[str] = []
    for _ in range(2):
        person = find_first_user(roles, wanted, people)
        people += [person] if person else []
    return people
