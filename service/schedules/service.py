"""Schedules of reviews and of reports: rules as data, and the times computed from them.

Every day, a ``rolling`` schedule reviews the sites and agencies whose review is due. A ``fixed`` schedule reviews all of them
on fixed days, or sends a report (reports.py). Rules::

    {"kind": "rolling", "time": "06:00"}
    {"kind": "fixed", "every": "day", "time": "06:00"}
    {"kind": "fixed", "every": "week", "day": "monday", "time": "06:00"}
    {"kind": "fixed", "every": "month", "day": 1, "time": "06:00"}       day 1 to 28
    {"kind": "fixed", "every": "quarter", "day": 1, "time": "06:00"}     in January, April, July and October
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service.audit import record_event
from service.clock import now
from service.db.job_tables import Schedule, ScheduleRun
from service.db.tables import new_id
from service.errors import DomainError, not_found
from service.schedules.reports import validate_report

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
KINDS, INTERVALS = ("rolling", "fixed"), ("day", "week", "month", "quarter")
FIRST_OF_QUARTER = (1, 4, 7, 10)
LAST_DAY = 28  # the last day that every month has
TIME, DEFAULT_TIME = re.compile("([01][0-9]|2[0-3]):[0-5][0-9]"), "06:00"
Rule = Mapping[str, Any]


def validate_rule(rule: Rule, time_zone: str) -> dict[str, Any]:
    """Return the rule with all defaults filled in. Raises DomainError, 422, with a code for what is invalid."""
    if time_zone not in _list_time_zones():
        raise DomainError(
            "schedule.time_zone", 422, "There is no such time zone. Use an IANA name such as Asia/Bangkok."
        )
    kind, every = rule.get("kind"), rule.get("every")
    if kind not in KINDS:
        raise DomainError("schedule.kind", 422, "The kind of schedule must be rolling or fixed.")
    complete: dict[str, Any] = {"kind": kind, "time": rule.get("time", DEFAULT_TIME)}
    if not isinstance(complete["time"], str) or not TIME.fullmatch(complete["time"]):
        raise DomainError("schedule.time", 422, "Enter the time as hours and minutes, from 00:00 to 23:59.")
    if kind == "fixed":
        if every not in INTERVALS:
            raise DomainError(
                "schedule.every", 422, f"A fixed schedule runs every {', '.join(INTERVALS[:-1])} or {INTERVALS[-1]}."
            )
        complete["every"] = every
        if every != "day":
            complete["day"] = _parse_day(every, rule.get("day"))
    surplus = sorted(rule.keys() - complete.keys())
    if surplus:
        raise DomainError(
            "schedule.unknown_field", 422, f"This kind of schedule has only these fields: {', '.join(complete)}."
        )
    return complete


def _parse_day(every: str, day: object) -> str | int:
    if every == "week":
        if not isinstance(day, str) or day not in WEEKDAYS:
            raise DomainError("schedule.day", 422, f"Choose a day of the week: {', '.join(WEEKDAYS)}.")
        return day
    if not isinstance(day, int | float) or isinstance(day, bool) or day not in range(1, LAST_DAY + 1):
        raise DomainError("schedule.day", 422, f"Choose a day from 1 to {LAST_DAY}, so that it exists in every month.")
    return int(day)  # 5.0 is a whole number too, in JSON


@cache
def _list_time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def iterate_scheduled_times(rule: Rule, time_zone: str, after: datetime) -> Iterator[datetime]:
    """Yield the scheduled times (UTC) of a valid rule after a moment, without end.

    A local time that is skipped when clocks go forward moves by the same amount; one that occurs twice means the first.
    """
    zone, at = ZoneInfo(time_zone), time.fromisoformat(rule["time"])
    day, last = after.astimezone(zone).date() - timedelta(days=2), after
    while True:
        if _is_scheduled_day(rule, day):
            moment = datetime.combine(day, at, zone).astimezone(UTC)
            if moment > last:  # where a time zone skips a whole day, two days give one moment
                yield moment
                last = moment
        day += timedelta(days=1)


def _is_scheduled_day(rule: Rule, day: date) -> bool:
    match rule.get("every", "day"):
        case "week":
            return day.weekday() == WEEKDAYS.index(rule["day"])
        case "month":
            return day.day == int(rule["day"])
        case "quarter":
            return day.month in FIRST_OF_QUARTER and day.day == int(rule["day"])
    return True


def list_next_dates(rule: Rule, time_zone: str, after: datetime, count: int = 5) -> list[datetime]:
    """Return the next ``count`` scheduled times (UTC) after a moment, also of an unsaved rule. Raises as ``validate_rule``."""
    return list(islice(iterate_scheduled_times(validate_rule(rule, time_zone), time_zone, after), count))


def create_schedule(
    session: Session,
    name: str,
    rule: Rule,
    time_zone: str,
    by: str,
    *,
    report: Mapping[str, Any] | None = None,
    sees_worker_derived: bool = False,
) -> Schedule:
    """Create a schedule that starts at its next scheduled time, of reviews or of a report. Raises DomainError, 403 or 422.

    ``sees_worker_derived``: whether the caller sees what workers reported, and may have it sent in a report.
    """
    at = now()
    complete = validate_rule(rule, time_zone)
    schedule = Schedule(
        id=new_id(),
        name=_parse_name(name),
        rule=complete,
        report=_validate_report(session, complete, report, sees_worker_derived=sees_worker_derived),
        time_zone=time_zone,
        next_due=next(iterate_scheduled_times(complete, time_zone, at)),
        active=True,
        created_by=by,
        created_at=at,
    )
    session.add(schedule)
    record_event(session, by, "schedule.created", "schedule", schedule.id, _describe_rule(schedule))
    return schedule


def update_schedule(
    session: Session,
    schedule_id: str,
    by: str,
    *,
    name: str | None = None,
    rule: Rule | None = None,
    time_zone: str | None = None,
    active: bool | None = None,
    report: Mapping[str, Any] | None = None,
    sees_worker_derived: bool = False,
) -> Schedule:
    """Change the given fields. Runs missed while a schedule was paused are not made up.

    A schedule of reviews stays one, and so does one of a report. Raises DomainError, 403, 404 or 422.
    """
    schedule = get_schedule(session, schedule_id, lock=True)
    before = (schedule.rule, schedule.time_zone, schedule.active)
    schedule.name = schedule.name if name is None else _parse_name(name)
    schedule.time_zone = schedule.time_zone if time_zone is None else time_zone
    schedule.rule = validate_rule(schedule.rule if rule is None else rule, schedule.time_zone)
    schedule.active = schedule.active if active is None else active
    if report is not None and schedule.report is None:
        raise DomainError(
            "schedule.of_reviews", 422, "This schedule reviews suppliers. Create another schedule for the report."
        )
    if report is not None:
        schedule.report = _validate_report(session, schedule.rule, report, sees_worker_derived=sees_worker_derived)
    elif schedule.report is not None:
        _check_fixed(schedule.rule)
    if (
        schedule.rule,
        schedule.time_zone,
        schedule.active,
    ) != before:  # otherwise a time that is due right now stays due
        at = now()
        schedule.next_due = next(iterate_scheduled_times(schedule.rule, schedule.time_zone, at))
        # What a run made up for while the clock was ahead were times of the rule as it was.
        made_up = update(ScheduleRun).where(ScheduleRun.schedule_id == schedule.id, ScheduleRun.last_slot > at)
        session.execute(made_up.values(last_slot=ScheduleRun.slot))
    record_event(session, by, "schedule.changed", "schedule", schedule.id, _describe_rule(schedule))
    return schedule


def _validate_report(
    session: Session, rule: Rule, report: Mapping[str, Any] | None, *, sees_worker_derived: bool
) -> dict[str, Any] | None:
    if report is None:
        return None
    _check_fixed(rule)
    return validate_report(session, report, sees_worker_derived=sees_worker_derived)


def _check_fixed(rule: Rule) -> None:
    if rule["kind"] != "fixed":
        raise DomainError("schedule.kind", 422, "A report is sent on fixed days: choose a fixed schedule.")


def _parse_name(name: str) -> str:
    if not 1 <= len(name.strip()) <= 200:
        raise DomainError("schedule.name", 422, "Enter a name of up to 200 characters for the schedule.")
    return name.strip()


def _describe_rule(schedule: Schedule) -> dict[str, Any]:
    return {**schedule.rule, **(schedule.report or {}), "time_zone": schedule.time_zone, "active": schedule.active}


def delete_schedule(session: Session, schedule_id: str, by: str) -> None:
    """Delete a schedule with its runs. Raises DomainError, 404, for an unknown id."""
    schedule = get_schedule(session, schedule_id, lock=True)
    record_event(session, by, "schedule.deleted", "schedule", schedule.id, {})
    session.delete(schedule)


def get_schedule(session: Session, schedule_id: str, *, lock: bool = False) -> Schedule:
    """Return a schedule by id, with ``lock`` locked until the transaction ends. Raises DomainError, 404, for an unknown id."""
    query = select(Schedule).where(Schedule.id == schedule_id)
    schedule = session.scalars(query.with_for_update() if lock else query).first()
    if schedule is None:
        raise not_found("Schedule not found.")
    return schedule


def list_schedules(session: Session) -> Sequence[Schedule]:
    """Return all schedules, the next to run first, paused ones last."""
    return session.scalars(select(Schedule).order_by(Schedule.active.desc(), Schedule.next_due, Schedule.id)).all()


def list_runs(session: Session, schedule: Schedule, limit: int = 50) -> Sequence[ScheduleRun]:
    """Return the runs of a schedule, newest first; ``missed`` counts later scheduled times that a run caught up with."""
    query = select(ScheduleRun).where(ScheduleRun.schedule_id == schedule.id).order_by(ScheduleRun.slot.desc())
    return session.scalars(query.limit(limit)).all()
