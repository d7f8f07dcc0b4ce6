"""The scheduler: checks at least every minute which schedules are due, and triggers each scheduled time exactly once.

It also signs checkpoints of the audit trail, queues reminders, the job that takes findings from new assessments, the one that
stores the figures of the day and those of campaigns, notes which emails of campaigns arrived, counts suppliers as consulted when
the time to reply has passed, and once a day marks what connected systems may not have yet.

A run of a schedule is a row (``ScheduleRun``), unique for schedule and scheduled time, which is written in one transaction with
its job and with the next due time. Times that passed while no scheduler ran are caught up by one job, and counted. When the
clock is set back, the next due time moves back with it, and times that were triggered or caught up already are not triggered
again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from threading import Event as Signal

import structlog
from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped]
from apscheduler.triggers.base import BaseTrigger  # type: ignore[import-untyped]
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service import retention
from service.audit_evidence.checkpoints import CheckpointWriter
from service.blob_store import BlobStore
from service.campaigns.outcomes import note_all_deliveries
from service.campaigns.sending import queue_due_campaigns
from service.campaigns.stopping import stop_all_unsafe
from service.clock import now
from service.connected_systems.pushing import compare_all
from service.db.job_tables import Job, Schedule, ScheduleRun
from service.db.session import Database
from service.db.supplier_counts import fold_counts
from service.heartbeats import Pulse, delete_old_heartbeats
from service.jobs.kinds import REVIEW_SUPPLIERS
from service.jobs.table import enqueue
from service.outbox.queue import Event, queue_events
from service.questionnaire_reviews.clarifications import remind_of_clarifications
from service.remediation.reminders import queue_all_reminders
from service.remediation.replies import mark_all_consulted
from service.reporting.report_jobs import request_scheduled_report
from service.retaliation.reminders import list_check_reminders
from service.reviews.findings import queue_findings
from service.reviews.progress import queue_figures
from service.schedules.reports import ACTION_PLAN, build_payload, list_recipients
from service.schedules.service import iterate_scheduled_times

TICK = timedelta(seconds=30)
REMINDERS = timedelta(minutes=10)  # between looks for steps that are due and for letters whose time to reply has passed
PURGE, PURGE_AGAIN = timedelta(hours=6), timedelta(minutes=10)  # between purges, and after one that failed
ACTOR = "system:schedule"
MAX_LISTED = 60  # missed times that are listed in the job; all are counted

log = structlog.get_logger("service.schedules.service")


class _FixedInterval(BaseTrigger):  # type: ignore[misc]
    """A trigger that fires one interval from now, whatever was missed. APScheduler's own trigger iterates over all missed
    times, of which there are millions when a clock that began in 1970 is corrected.
    """

    def __init__(self, interval: timedelta) -> None:
        self.interval = interval

    def get_next_fire_time(self, previous_fire_time: datetime | None, at: datetime) -> datetime:
        """Return the next time at which the trigger fires."""
        return at + self.interval


def run_scheduler(
    db: Database,
    blobs: BlobStore,
    stop: Signal,
    every: timedelta = TICK,
    checkpoints: CheckpointWriter | None = None,
) -> None:
    """Trigger due schedules every ``every``, see to reminders, replies and checkpoints every ``REMINDERS`` and purge expired data
    every ``PURGE``, first at once, until ``stop`` is set.

    Nothing but ``stop`` ends it: what goes wrong is logged under an id, shown with the heartbeat, and tried again.
    """
    pulse = Pulse(db, "scheduler")
    scheduler = BackgroundScheduler(timezone=UTC)
    # A late run is better than none, and one late run is enough for all that were missed.
    options = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    job = scheduler.add_job(lambda: _trigger(db, pulse), _FixedInterval(every), next_run_time=now(), **options)
    scheduler.start()
    waits_until_purge = waits_until_reminders = 0
    # Counted, not read from the clock: a clock set forward by mistake must purge nothing.
    while True:
        if waits_until_purge == 0:
            waits_until_purge = max(1, (PURGE if _purge(db, blobs, pulse) else min(PURGE, PURGE_AGAIN)) // every)
        if waits_until_reminders == 0:
            waits_until_reminders = max(1, REMINDERS // every)
            with pulse.guard():
                queue_all_reminders(db, now())
            with pulse.guard():
                queue_all_reminders(db, now(), list_check_reminders)
            with pulse.guard():
                stop_all_unsafe(db, now())
            with pulse.guard():
                remind_of_clarifications(db, now())
            with pulse.guard():
                mark_all_consulted(db, now())
            with pulse.guard():
                queue_figures(db, now())
            with pulse.guard():
                compare_all(db, now())
            with pulse.guard():
                if checkpoints is not None:
                    checkpoints.write(now())
        if stop.wait(every.total_seconds()):
            break
        waits_until_purge -= 1
        waits_until_reminders -= 1
        with pulse.guard():
            # APScheduler plans by the clock (its issue 752): when that is set back by a day, it waits for a day.
            if job.next_run_time - now() > every:
                job.modify(next_run_time=now())
    scheduler.shutdown()


def _trigger(db: Database, pulse: Pulse) -> None:
    with pulse.guard():
        trigger_due_schedules(db, now())
    with pulse.guard():
        queue_findings(db)
    with pulse.guard():
        note_all_deliveries(db)
    with pulse.guard():
        queue_due_campaigns(db, now())
    with pulse.guard(), db.unscoped() as session:
        fold_counts(session)
    pulse.beat()


def _purge(db: Database, blobs: BlobStore, pulse: Pulse) -> bool:
    """Purge expired data; return whether all of it could be purged."""
    failures = pulse.failures
    with pulse.guard():
        retention.purge_expired(db, blobs, now())
        delete_old_heartbeats(db)
    return pulse.failures == failures


def trigger_due_schedules(db: Database, at: datetime) -> list[str]:
    """Trigger every schedule that is due at a moment; return the ids of the jobs."""
    with db.unscoped(write=False) as session:
        active = session.scalars(select(Schedule).where(Schedule.active)).all()
    jobs = []
    for schedule in active:
        try:
            if schedule.next_due != next(iterate_scheduled_times(schedule.rule, schedule.time_zone, at)):
                with db.for_organisation(schedule.organisation_id) as session:
                    jobs += trigger_schedule(session, schedule.id, at)
        except Exception as error:  # one faulty schedule must not hold up those after it
            log.error("schedule_fault", schedule=schedule.id, exc_info=error)
    return jobs


def trigger_schedule(session: Session, schedule_id: str, at: datetime) -> list[str]:
    """Start the review or the report of a schedule if it is due and was not triggered yet, and advance its next due time; return
    the id of the job, if any.
    """
    query = select(Schedule).where(Schedule.id == schedule_id, Schedule.active).with_for_update()
    schedule = session.scalars(query).first()
    if schedule is None:  # paused or removed in the meantime
        return []
    first, later = schedule.next_due, iterate_scheduled_times(schedule.rule, schedule.time_zone, schedule.next_due)
    passed = [first, *takewhile(lambda scheduled_for: scheduled_for <= at, later)] if first <= at else []
    schedule.next_due = next(iterate_scheduled_times(schedule.rule, schedule.time_zone, at))
    due = _exclude_recorded(session, schedule.id, passed)
    if not due:
        return []
    scheduled_for, *missed = due
    job = _start(session, schedule, scheduled_for, missed)
    session.add(
        ScheduleRun(
            schedule_id=schedule.id,
            slot=scheduled_for,
            last_slot=missed[-1] if missed else None,
            fired_at=at,
            missed=len(missed),
            job_id=job.id if job else None,
        )
    )
    log.info(
        "schedule_triggered",
        schedule=schedule.id,
        scheduled_for=scheduled_for.isoformat(),
        missed=len(missed),
        job=job.id if job else None,
    )
    return [job.id] if job else []


def _start(session: Session, schedule: Schedule, scheduled_for: datetime, missed: Sequence[datetime]) -> Job | None:
    """Enqueue the job of a run; the action plan workbook needs none, since its recipients download it themselves."""
    if schedule.report is not None and schedule.report["document"] == ACTION_PLAN:
        recipients = list_recipients(session, schedule.report)
        occasion = f"{schedule.id} {scheduled_for.isoformat()}"
        payload = build_payload(schedule.report)
        queue_events(session, Event(code="action_plan.ready", occasion=occasion, payload=payload, mail_to=recipients))
        return None
    if schedule.report is not None:
        return request_scheduled_report(session, schedule, ACTOR)
    payload = {
        "schedule_id": schedule.id,
        "rule": schedule.rule,
        "time_zone": schedule.time_zone,
        "slot": scheduled_for.isoformat(),
        "missed": [moment.isoformat() for moment in missed[:MAX_LISTED]],
    }
    return enqueue(session, REVIEW_SUPPLIERS, payload, ACTOR)


def _exclude_recorded(session: Session, schedule_id: str, passed: Sequence[datetime]) -> list[datetime]:
    """Return the scheduled times that no run of the schedule was for or made up for."""
    if not passed:
        return []
    last_slot = func.coalesce(ScheduleRun.last_slot, ScheduleRun.slot, type_=ScheduleRun.slot.type)
    query = select(ScheduleRun.slot, last_slot).where(
        ScheduleRun.schedule_id == schedule_id, ScheduleRun.slot <= passed[-1], last_slot >= passed[0]
    )
    recorded = session.execute(query).all()
    return [moment for moment in passed if not any(first <= moment <= last for first, last in recorded)]
