"""The scheduler: each scheduled time is triggered once, by any process; missed times are caught up once and counted."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest
from apscheduler.jobstores.memory import MemoryJobStore
from callers import freeze_time, make_organisation
from examples import examples
from hypothesis import HealthCheck, given
from hypothesis.strategies import integers, lists
from patience import PATIENCE, wait_until
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from service.blob_store import BlobStore
from service.blob_store.folder import FolderStore
from service.db.job_tables import Job, Schedule, ScheduleRun
from service.db.session import Database
from service.schedules import service as schedules
from service.wiring import scheduler

DAILY = {"kind": "fixed", "every": "day", "time": "06:00"}
START = datetime(2026, 3, 1, 5, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def organisation_id(database: Database, monkeypatch: pytest.MonkeyPatch) -> str:
    """An organisation, at five in the morning of the first of March."""
    freeze_time(monkeypatch, START)
    return make_organisation(database)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return FolderStore(tmp_path)


def make_schedule(database: Database, organisation_id: str, time_zone: str = "UTC") -> str:
    """A daily schedule; its id."""
    with database.for_organisation(organisation_id) as session:
        return schedules.create_schedule(session, "Daily", DAILY, time_zone, "user:1").id


def firings(database: Database) -> list[tuple[datetime, int]]:
    """The times that were triggered, each with the number of missed times that it caught up."""
    with database.unscoped(write=False) as session:
        return [(one.slot, one.missed) for one in session.scalars(select(ScheduleRun).order_by(ScheduleRun.slot))]


def next_due(database: Database, schedule_id: str) -> datetime:
    with database.unscoped(write=False) as session:
        return session.get_one(Schedule, schedule_id).next_due


def test_all_missed_times_are_counted_and_the_first_sixty_are_listed(database: Database, organisation_id: str):
    make_schedule(database, organisation_id)
    (job_id,) = scheduler.trigger_due_schedules(database, START + 99 * DAY + HOUR)
    assert firings(database) == [(START + HOUR, 99)]
    with database.unscoped(write=False) as session:
        listed = session.get_one(Job, job_id).payload["missed"]
    assert (len(listed), listed[0], listed[-1]) == (60, "2026-03-02T06:00:00+00:00", "2026-04-30T06:00:00+00:00")


def test_a_schedule_that_was_paused_after_it_was_found_due_is_not_triggered(database: Database, organisation_id: str):
    schedule_id = make_schedule(database, organisation_id)
    with database.for_organisation(organisation_id) as session:
        session.get_one(Schedule, schedule_id).active = False
    with database.for_organisation(organisation_id) as session:
        assert scheduler.trigger_schedule(session, schedule_id, START + HOUR) == []
    assert firings(database) == []


def test_a_scheduled_time_triggers_once_and_not_before_it_has_come(database: Database, organisation_id: str):
    schedule_id = make_schedule(database, organisation_id)
    assert scheduler.trigger_due_schedules(database, START + 0.99 * HOUR) == []
    (job_id,) = scheduler.trigger_due_schedules(database, START + HOUR)
    assert (
        scheduler.trigger_due_schedules(database, START + HOUR)
        == scheduler.trigger_due_schedules(database, START + 2 * HOUR)
        == []
    )
    with database.unscoped(write=False) as session:
        job, firing = session.get_one(Job, job_id), session.scalars(select(ScheduleRun)).one()
    assert (job.organisation_id, job.kind, job.state) == (organisation_id, "review_suppliers", "queued")
    assert job.payload == {
        "schedule_id": schedule_id,
        "rule": DAILY,
        "time_zone": "UTC",
        "slot": "2026-03-01T06:00:00+00:00",
        "missed": [],
    }
    assert (firing.schedule_id, firing.job_id, firing.fired_at) == (schedule_id, job_id, START + HOUR)
    assert next_due(database, schedule_id) == START + HOUR + DAY


def test_missed_times_are_caught_up_by_one_job_that_lists_them(database: Database, organisation_id: str):
    schedule_id = make_schedule(database, organisation_id)
    (job_id,) = scheduler.trigger_due_schedules(database, START + 3 * DAY + 2 * HOUR)
    assert firings(database) == [(START + HOUR, 3)]
    with database.unscoped(write=False) as session:
        assert session.get_one(Job, job_id).payload["missed"] == [f"2026-03-0{day}T06:00:00+00:00" for day in (2, 3, 4)]
    assert next_due(database, schedule_id) == START + 4 * DAY + HOUR


def test_the_runs_of_a_schedule_are_listed_newest_first(database: Database, organisation_id: str):
    schedule_id = make_schedule(database, organisation_id)
    for days in range(3):
        scheduler.trigger_due_schedules(database, START + days * DAY + HOUR)
    with database.for_organisation(organisation_id, write=False) as session:
        listed = schedules.list_runs(session, session.get_one(Schedule, schedule_id), limit=2)
        assert [run.slot for run in listed] == [START + days * DAY + HOUR for days in (2, 1)]


def test_times_made_up_for_while_the_clock_was_ahead_do_not_come_again(database: Database, organisation_id: str):
    schedule_id = make_schedule(database, organisation_id)
    scheduler.trigger_due_schedules(database, START + 7 * DAY)  # ahead: seven dates in one
    for day in range(9):  # and right again
        for hour in (0, 1, 2):
            scheduler.trigger_due_schedules(database, START + day * DAY + hour * HOUR)
    assert firings(database) == [(START + HOUR, 6), (START + HOUR + 7 * DAY, 0), (START + HOUR + 8 * DAY, 0)]
    assert next_due(database, schedule_id) == START + 9 * DAY + HOUR


@given(hours=lists(integers(0, 24 * 12), min_size=1, max_size=12))
@examples(15, HealthCheck.function_scoped_fixture)
def test_whichever_way_the_clock_is_set_each_scheduled_time_is_done_with_once(
    database: Database, organisation_id: str, hours: list[int]
):
    schedule_id = make_schedule(database, organisation_id)
    for hour in hours:
        scheduler.trigger_due_schedules(database, START + hour * HOUR)
    with database.unscoped(write=False) as session:
        runs = session.scalars(select(ScheduleRun).where(ScheduleRun.schedule_id == schedule_id)).all()
        jobs = [session.get_one(Job, run.job_id) for run in runs]
    with database.unscoped() as session:
        session.get_one(Schedule, schedule_id).active = False
    done = Counter(slot for job in jobs for slot in (job.payload["slot"], *job.payload["missed"]))
    passed = {
        (START + HOUR + day * DAY).isoformat()
        for day in range(12)
        if START + HOUR + day * DAY <= START + max(hours) * HOUR
    }
    assert done == dict.fromkeys(passed, 1)


def test_a_new_rule_is_not_held_up_by_times_that_the_old_one_made_up_for(
    database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    schedule_id = make_schedule(database, organisation_id)
    scheduler.trigger_due_schedules(database, START + 7 * DAY)  # a clock that is a week ahead
    freeze_time(monkeypatch, START + DAY)
    with database.for_organisation(organisation_id) as session:
        schedules.update_schedule(session, schedule_id, "user:1", rule={**DAILY, "time": "08:00"})
    assert len(scheduler.trigger_due_schedules(database, START + DAY + 3 * HOUR)) == 1


def test_run_and_job_are_written_together_or_not_at_all(
    database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    schedule_id = make_schedule(database, organisation_id)
    with monkeypatch.context() as patch, capture_logs() as lines:
        patch.setattr(scheduler, "ScheduleRun", lambda **_: 1 / 0)
        assert scheduler.trigger_due_schedules(database, START + HOUR) == []
    assert [line["event"] for line in lines] == ["schedule_fault"]
    with database.unscoped(write=False) as session:
        assert session.scalars(select(Job)).all() == []
    assert next_due(database, schedule_id) == START + HOUR
    assert len(scheduler.trigger_due_schedules(database, START + HOUR)) == 1


def test_a_faulty_schedule_does_not_hold_up_the_others(database: Database, organisation_id: str):
    faulty, sound = make_schedule(database, organisation_id), make_schedule(database, organisation_id)
    with database.unscoped() as session:
        session.get_one(Schedule, faulty).time_zone = "Nowhere/At_All"
        session.get_one(Schedule, faulty).next_due = START
    with capture_logs() as lines:
        assert len(scheduler.trigger_due_schedules(database, START + HOUR)) == 1
    assert [line["schedule"] for line in lines if line["event"] == "schedule_fault"] == [faulty]
    assert next_due(database, sound) == START + HOUR + DAY


def test_a_paused_schedule_does_not_run_and_its_times_are_not_caught_up(
    database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    schedule_id = make_schedule(database, organisation_id)
    with database.for_organisation(organisation_id) as session:
        schedules.update_schedule(session, schedule_id, "user:1", active=False)
    assert scheduler.trigger_due_schedules(database, START + 2 * DAY) == []
    freeze_time(monkeypatch, START + 2 * DAY)
    with database.for_organisation(organisation_id) as session:
        schedules.update_schedule(session, schedule_id, "user:1", active=True)
    assert scheduler.trigger_due_schedules(database, START + 2 * DAY) == []
    scheduler.trigger_due_schedules(database, START + 2 * DAY + HOUR)
    assert firings(database) == [(START + 2 * DAY + HOUR, 0)]


def test_a_due_time_is_not_lost_when_the_schedule_is_renamed(
    database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    schedule_id = make_schedule(database, organisation_id)
    freeze_time(monkeypatch, START + 1.001 * HOUR)
    with database.for_organisation(organisation_id) as session:
        schedules.update_schedule(session, schedule_id, "user:1", name="Each morning")
    scheduler.trigger_due_schedules(database, START + 1.002 * HOUR)
    assert firings(database) == [(START + HOUR, 0)]


def test_each_organisation_has_its_own_jobs_at_the_times_of_its_own_zone(database: Database, organisation_id: str):
    make_schedule(database, organisation_id, "Europe/Paris")  # 06:00 there is 05:00 UTC, so the next is tomorrow
    other_organisation = make_organisation(database, "Northern Orchards")
    make_schedule(database, other_organisation, "Atlantic/Azores")  # and 07:00 UTC here
    assert scheduler.trigger_due_schedules(database, START + HOUR) == []
    (job_id,) = scheduler.trigger_due_schedules(database, START + 2 * HOUR)
    with database.for_organisation(other_organisation, write=False) as session:
        assert session.scalars(select(Job.id)).all() == [job_id]
    with database.for_organisation(organisation_id, write=False) as session:
        assert session.scalars(select(Job.id)).all() == []


@contextmanager
def ticking(database: Database | None, blobs: BlobStore) -> Iterator[None]:
    """A scheduler that ticks twenty times a second; it has stopped at the end."""
    stop = Event()
    running = Thread(target=scheduler.run_scheduler, args=(database, blobs, stop, timedelta(seconds=0.05)), daemon=True)
    running.start()
    try:
        yield
    finally:
        stop.set()
        running.join(PATIENCE)
    assert not running.is_alive()


def test_the_scheduler_triggers_and_purges_at_once_and_then_regularly_until_stopped(
    database: Database, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
):
    ticks: list[Database] = []
    purges: list[tuple[Database, BlobStore]] = []
    looks: Counter[str] = Counter()
    monkeypatch.setattr(scheduler, "trigger_due_schedules", lambda db, at: ticks.append(db))
    monkeypatch.setattr(scheduler, "PURGE", timedelta(seconds=0.1))
    monkeypatch.setattr(scheduler.retention, "purge_expired", lambda db, blobs, at: purges.append((db, blobs)))
    monkeypatch.setattr(scheduler, "REMINDERS", timedelta(seconds=0.1))
    monkeypatch.setattr(scheduler, "queue_all_reminders", lambda db, at: looks.update(["reminders"]))
    monkeypatch.setattr(scheduler, "mark_all_consulted", lambda db, at: looks.update(["replies"]))
    with ticking(database, blobs):
        wait_until(lambda: len(ticks) >= 3 and len(purges) >= 3 and min(looks["reminders"], looks["replies"]) >= 2)
    assert "APScheduler" not in {thread.name for thread in threading.enumerate()}
    assert (ticks[0], purges[0]) == (database, (database, blobs))


@pytest.mark.parametrize(
    "exception", [OperationalError("select", {}, Exception("no route to host")), ValueError("a bug")]
)
def test_an_exception_stops_neither_triggers_nor_purges(
    blobs: BlobStore, monkeypatch: pytest.MonkeyPatch, exception: Exception
):
    def fail(tried: str) -> None:
        tries[tried] += 1
        raise exception

    tries: Counter[str] = Counter()
    monkeypatch.setattr(scheduler, "trigger_due_schedules", lambda *_: fail("tick"))
    monkeypatch.setattr(scheduler, "PURGE", timedelta(seconds=0.1))
    monkeypatch.setattr(scheduler.retention, "purge_expired", lambda *_: fail("purge"))
    with ticking(None, blobs):
        wait_until(lambda: tries["tick"] >= 3 and tries["purge"] >= 3)


class Clock(datetime):
    """A clock that goes on, and can be set."""

    ahead = timedelta(0)

    @classmethod
    def now(cls, tz: object = None) -> datetime:
        return START + timedelta(seconds=time.monotonic()) + cls.ahead


@pytest.mark.parametrize("moment", ["while it waits", "while it works out how long to wait"])
@pytest.mark.parametrize("step", [-DAY, DAY], ids=["back", "forth"])
def test_the_scheduler_goes_on_when_the_clock_is_set_by_a_day(
    blobs: BlobStore, monkeypatch: pytest.MonkeyPatch, step: timedelta, moment: str
):
    def set_clock(store: MemoryJobStore) -> datetime:
        if moment != "while it waits" and len(ticks) >= 3:
            Clock.ahead = step
        return next_run_time(store)

    ticks: list[datetime] = []
    purges: list[int] = []
    next_run_time = MemoryJobStore.get_next_run_time
    monkeypatch.setattr(Clock, "ahead", timedelta(0))
    monkeypatch.setattr("service.clock.datetime", Clock)
    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Clock)
    monkeypatch.setattr(MemoryJobStore, "get_next_run_time", set_clock)
    monkeypatch.setattr(scheduler, "trigger_due_schedules", lambda db, at: ticks.append(at))
    monkeypatch.setattr(scheduler.retention, "purge_expired", lambda *_: purges.append(1))
    with ticking(None, blobs):
        wait_until(lambda: len(ticks) >= 3)
        Clock.ahead = step
        so_far = len(ticks)
        wait_until(lambda: len(ticks) >= so_far + 3)
    assert len(purges) == 1  # what would have expired by then is still there when the clock is set right
    assert abs(ticks[-1] - ticks[0] - step) < DAY / 2


def test_the_scheduler_checks_at_least_every_minute():
    assert timedelta(minutes=1) >= scheduler.TICK
