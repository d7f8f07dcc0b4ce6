"""Remind those who see to a step before, on and after its due date: once for each step and occasion (reminders.toml).

An occasion is one of these days, or an hour of it where people may be in danger. It belongs to the due date: if that is moved,
there are new ones. What fell due while no scheduler ran is made up for by its latest occasion only.

If there are several for one person on a day, one email lists them (event ``steps.due``). Those of steps that protect people do
not wait for it: several that fall due in the same hour are listed in an email of their own (event ``steps.urgent``). Webhooks are
called for each step.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import not_, select
from sqlalchemy.orm import Session

from service.db.account_tables import User
from service.db.outbox_tables import Message
from service.db.remediation_tables import Step
from service.db.session import Database, chunks
from service.db.tables import Organisation
from service.outbox.queue import Event, queue_events
from service.referrals.readiness import load_gate
from service.remediation import withholding

FILE = Path(__file__).with_name("reminders.toml")
COMBINED = "steps.due"  # the event of an email that lists several steps
URGENT = "steps.urgent"  # the event of an email that lists several steps that protect people
Batch = Sequence[Event]  # events that are queued in one transaction
ListReminders = Callable[[Session, date, int], Sequence[Batch]]
ROLES = ("admin", "officer")  # whose users are told of a step that nobody owns


@dataclass(frozen=True, slots=True)
class Occasion:
    """The event of a reminder, and the days until the due date (below 0: since it) that its occasion stands for.

    ``hour``: the full hour of that day, where a step that protects people is overdue; None for the day itself.
    """

    code: str
    days: int
    hour: int | None = None


@cache
def load_rules() -> Mapping[str, Any]:
    """Return the content of reminders.toml."""
    with FILE.open("rb") as file:
        return tomllib.load(file)


def find_occasion(due: date, today: date, *, safety: bool, hour: int = 0) -> Occasion | None:
    """Return the latest occasion for a reminder of a step that has been reached at an hour, None if there is none yet."""
    rules, left = load_rules(), (due - today).days
    if left >= 0:
        reached = [days for days in rules["before"] if days >= left]
        return Occasion("step.due", min(reached)) if reached else None
    overdue = rules["overdue_safety" if safety else "overdue"]
    rounds, is_reached = divmod(-left - overdue["first"], overdue["every"])[0], -left >= overdue["first"]
    if not is_reached:
        return None
    hours = [each for each in overdue["hours"] if each <= hour] if safety and -left <= overdue["hourly_days"] else []
    return Occasion("step.overdue", -(overdue["first"] + rounds * overdue["every"]), max(hours, default=None))


def queue_all_reminders(db: Database, at: datetime, list_waiting: ListReminders | None = None) -> int:
    """Queue the reminders that are due at a moment, in every organisation; return how many there were.

    ``list_waiting``: what is reminded of, by default steps (:func:`list_reminders`), in batches for a transaction each.

    Any number of processes may do so at once, and be killed: each reminder is queued once.
    """
    list_waiting = list_waiting or list_reminders
    with db.unscoped(write=False) as session:
        zones = {row.id: row.time_zone for row in session.scalars(select(Organisation))}
    count = 0
    for organisation_id, zone in zones.items():
        local = at.astimezone(ZoneInfo(zone))
        with db.for_organisation(organisation_id, write=False) as session:
            waiting = list_waiting(session, local.date(), local.hour)
        for batch in waiting:
            with db.for_organisation(organisation_id) as session:
                queue_events(session, *batch)
        count += sum(event.code not in (COMBINED, URGENT) for batch in waiting for event in batch)
    return count


def list_reminders(session: Session, today: date, hour: int = 0) -> list[Batch]:
    """Return the reminders of the organisation that are due on a day, until an hour of it, and have not been queued yet, in
    batches: several that one person gets in one email are a batch with that email.

    Those of steps that contact workers wait until the referral directory is ready. Those of a person who has had such an email on
    that day wait until the next one, unless they protect people.
    """
    rules, withheld = load_rules(), withholding.build_condition(session, load_gate(session, today))
    last = today + timedelta(days=max(rules["before"]))
    steps = session.scalars(
        select(Step)
        .where(Step.state.in_(rules["states"]), Step.due <= last, not_(withheld))
        .order_by(Step.due, Step.id)
    )
    found = ((step, find_occasion(step.due, today, safety=step.safety, hour=hour)) for step in steps)
    occasions = [(step, occasion) for step, occasion in found if occasion]
    if not occasions:
        return []
    users = select(User.id, User.role).where(User.active).order_by(User.created_at, User.id)
    roles = dict(session.execute(users).all())
    events = [_build_event(step, occasion, roles, today) for step, occasion in occasions]
    queued = find_queued(session, ("step.due", "step.overdue"), [event.occasion for event in events])
    combined, emailed = _find_combined(session, today)
    at_once, by_owner = [], defaultdict(list)
    for (step, _), event in zip(occasions, events, strict=True):
        if (event.code, event.occasion) in queued or _write_code(event.occasion) in combined:
            continue
        if step.safety or not event.mail_to:
            at_once.append(event)
        elif emailed.isdisjoint((today.isoformat(), person) for person in event.mail_to):
            by_owner[tuple(event.mail_to)].append(event)
    at = f"{today.isoformat()} {hour:02}:00"
    listed = {recipient for moment, recipient in emailed if moment == at}
    batches = [_combine(COMBINED, today.isoformat(), waiting, set()) for waiting in by_owner.values()]
    return [*([_combine(URGENT, at, at_once, listed)] if at_once else []), *batches]


def _find_combined(session: Session, today: date) -> tuple[set[str], set[tuple[str, str]]]:
    """Return the occasions that recent emails about several steps stand for, as codes, and the occasion (a day, or an hour of
    it) and recipient of each of these emails.

    No occasion is the latest one of its step for longer than the longest gap between two.
    """
    rules = load_rules()
    since = today - timedelta(days=max(rules["overdue"]["every"], *rules["before"]))
    query = select(Message.occasion, Message.recipient, Message.payload)
    recent = query.where(Message.event.in_((COMBINED, URGENT)), Message.occasion >= since.isoformat())
    rows = session.execute(recent).all()
    occasions = {code for _, _, payload in rows for code in payload["occasion_ids"]}
    return occasions, {(moment, recipient) for moment, recipient, _ in rows}


def _write_code(occasion: str) -> str:
    return occasion.replace(" ", "/")


def _combine(code: str, occasion: str, events: Batch, listed: Collection[str]) -> Batch:
    """Return events with one email for each person who would get several, in place of these. ``listed``: who has had such an
    email on this occasion, so that others are sent one by one.
    """
    of_person: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        for person in event.mail_to:
            of_person[person].append(event)
    several = {person: own for person, own in of_person.items() if len(own) > 1 and person not in listed}
    single = [replace(event, mail_to=[person for person in event.mail_to if person not in several]) for event in events]
    return [*single, *(_build_list(code, occasion, own, person) for person, own in several.items())]


def _build_list(code: str, occasion: str, events: Batch, person: str) -> Event:
    payload = {
        "count": len(events),
        "step_ids": [event.payload["step_id"] for event in events],
        "occasion_ids": [_write_code(event.occasion) for event in events],
    }
    return Event(code=code, occasion=occasion, payload=payload, mail_to=[person])


def _build_event(step: Step, occasion: Occasion, roles: Mapping[str, str], today: date) -> Event:
    payload = {"step_id": step.id, "due": step.due.isoformat(), "days": abs((step.due - today).days)}
    if not step.worker_derived:  # or an email that is forwarded would say where workers have spoken
        payload["supplier_id"] = step.supplier_id
    return Event(
        code=occasion.code,
        occasion=f"{step.id} {step.due.isoformat()} {occasion.days}{format_hour(occasion)}",
        payload=payload,
        supplier_id=step.supplier_id,
        mail_to=choose_people(step, roles),
    )


def format_hour(occasion: Occasion) -> str:
    """Return the part of the name of an occasion that says at which hour it is; "" for the day itself."""
    return "" if occasion.hour is None else f" {occasion.hour:02}:00"


def choose_people(step: Step, roles: Mapping[str, str]) -> list[str]:
    """Return the users who are reminded of a step: its owner, or else somebody who can act, and for safety a second person.

    ``roles``: the role of each active user.
    """
    owner = step.owner_id if step.owner_id in roles else find_first_user(roles, ROLES, ())
    people = [owner] if owner else []
    if step.safety:
        second = find_first_user(roles, load_rules()["second_person"]["roles"], people)
        people += [second] if second else []
    return people


def find_first_user(roles: Mapping[str, str], wanted: Sequence[str], excluded: Collection[str]) -> str | None:
    """Return the first user with the first of these roles that anybody has, None if there is nobody."""
    found = (user for role in wanted for user, has in roles.items() if has == role and user not in excluded)
    return next(found, None)


def find_queued(session: Session, codes: Collection[str], occasions: Sequence[str]) -> set[tuple[str, str]]:
    """Return which of some events were queued before, each as its code and its occasion."""
    queued: set[tuple[str, str]] = set()
    for chunk in chunks(occasions):
        query = select(Message.event, Message.occasion).where(Message.event.in_(codes), Message.occasion.in_(chunk))
        queued.update((event, occasion) for event, occasion in session.execute(query))
    return queued
