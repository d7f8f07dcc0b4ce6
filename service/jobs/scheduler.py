"""The tick of the schedules: in every process that has one, at least each minute, and in effect once.

A schedule goes off for a date by a row (``Firing``) that is unique for schedule and date and is written in one transaction
with its job and with the next date. Dates that nobody was there for are made up for by one job, and counted. When a clock is
set back, the next date comes back with it, and what went off already does not go off again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import takewhile

import structlog
from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped]
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.clock import now
from service.db.session import Database
from service.db.tables import Firing, Schedule
from service.jobs.kinds import REVIEW_SUPPLIERS
from service.jobs.table import enqueue
from service.monitoring.schedules import slots

EVERY = timedelta(seconds=30)
LISTED = 60  # of the dates that were missed, so many are listed in the job; all are counted

log = structlog.get_logger("service.monitoring.schedules")


class _Scheduler(BackgroundScheduler):  # type: ignore[misc]
    """APScheduler plans by the clock of the machine: left alone, it waits for a day when that is set back by one.

    So a tick that is farther off than the time between two is due, and no wait is longer than that.
    """

    def __init__(self, every: timedelta) -> None:
        super().__init__(timezone=UTC)
        self.every = every

    def _process_jobs(self) -> float:
        at = now()
        for job in self.get_jobs():
            if abs(job.next_run_time - at) > self.every:
                job.modify(next_run_time=at)
        wait, longest = super()._process_jobs(), self.every.total_seconds()
        return longest if wait is None else min(float(wait), longest)


def ticking(db: Database, every: timedelta = EVERY) -> BackgroundScheduler:
    """What ticks in a thread of its own, the first time at once, between its ``start()`` and ``shutdown()``."""
    scheduler = _Scheduler(every)
    scheduler.add_job(
        lambda: tick(db, now()),
        "interval",
        seconds=every.total_seconds(),
        next_run_time=now(),
        # Late is better than never, and one that is late stands for all before it.
        misfire_grace_time=None,
        coalesce=True,
        max_instances=1,
    )
    return scheduler


def tick(db: Database, at: datetime) -> list[str]:
    """Lets every schedule go off that is due at a moment; gives the ids of the jobs."""
    with db.across(write=False) as session:
        active = session.scalars(select(Schedule).where(Schedule.active)).all()
    jobs = []
    for schedule in active:
        try:
            if schedule.next_due != next(slots(schedule.rule, schedule.time_zone, at)):
                with db.of(schedule.organisation_id) as session:
                    jobs += go_off(session, schedule.id, at)
        except Exception as fault:  # one schedule with a fault must not hold up those after it
            log.error("schedule_fault", schedule=schedule.id, exc_info=fault)
    return jobs


def go_off(session: Session, schedule_id: str, at: datetime) -> list[str]:
    """Lets a schedule go off if it is due and did not, and moves its next date on; gives the id of the job, if any."""
    query = select(Schedule).where(Schedule.id == schedule_id, Schedule.active).with_for_update()
    schedule = session.scalars(query).first()
    if schedule is None:  # paused or removed meanwhile
        return []
    first, later = schedule.next_due, slots(schedule.rule, schedule.time_zone, schedule.next_due)
    passed = [first, *takewhile(lambda slot: slot <= at, later)] if first <= at else []
    schedule.next_due = next(slots(schedule.rule, schedule.time_zone, at))
    gone = session.scalars(select(Firing.slot).where(Firing.schedule_id == schedule.id, Firing.slot >= first))
    open_slots = sorted(set(passed) - set(gone))
    if not open_slots:
        return []
    slot, *missed = open_slots
    payload = {
        "schedule_id": schedule.id,
        "rule": schedule.rule,
        "time_zone": schedule.time_zone,
        "slot": slot.isoformat(),
        "missed": [one.isoformat() for one in missed[:LISTED]],
    }
    job = enqueue(session, REVIEW_SUPPLIERS, payload, "system:schedule")
    session.add(Firing(schedule_id=schedule.id, slot=slot, fired_at=at, missed=len(missed), job_id=job.id))
    log.info("schedule_went_off", schedule=schedule.id, slot=slot.isoformat(), missed=len(missed), job=job.id)
    return [job.id]
