"""The tick: every date goes off once, whoever ticks; what was missed is made up for once and counted."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.jobstores.memory import MemoryJobStore
from callers import an_organisation, stop_the_clock
from processes import wait_until
from sqlalchemy import select
from structlog.testing import capture_logs

from service.db.session import Database
from service.db.tables import Firing, Job, Schedule
from service.schedules import service as schedules
from service.wiring import scheduler

DAILY = {"kind": "fixed", "every": "day", "time": "06:00"}
START = datetime(2026, 3, 1, 5, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def organisation_id(database: Database, monkeypatch: pytest.MonkeyPatch) -> str:
    """An organisation, at five in the morning of the first of March."""
    stop_the_clock(monkeypatch, START)
    return an_organisation(database)


def a_schedule(database: Database, organisation_id: str, time_zone: str = "UTC") -> str:
    """A daily schedule; its id."""
    with database.of(organisation_id) as session:
        return schedules.create(session, "Daily", DAILY, time_zone, "user:1").id


def firings(database: Database) -> list[tuple[datetime, int]]:
    """The dates that went off, each with how many it made up for."""
    with database.across(write=False) as session:
        return [(one.slot, one.missed) for one in session.scalars(select(Firing).order_by(Firing.slot))]


def next_due(database: Database, schedule_id: str) -> datetime:
    with database.across(write=False) as session:
        return session.get_one(Schedule, schedule_id).next_due


def test_a_date_goes_off_when_it_has_come_and_not_before_and_once(database: Database, organisation_id: str):
    schedule_id = a_schedule(database, organisation_id)
    assert scheduler.tick(database, START + 0.99 * HOUR) == []
    (job_id,) = scheduler.tick(database, START + HOUR)
    assert scheduler.tick(database, START + HOUR) == scheduler.tick(database, START + 2 * HOUR) == []
    with database.across(write=False) as session:
        job, firing = session.get_one(Job, job_id), session.scalars(select(Firing)).one()
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


def test_dates_that_were_missed_are_made_up_for_by_one_job_and_listed(database: Database, organisation_id: str):
    schedule_id = a_schedule(database, organisation_id)
    (job_id,) = scheduler.tick(database, START + 3 * DAY + 2 * HOUR)
    assert firings(database) == [(START + HOUR, 3)]
    with database.across(write=False) as session:
        assert session.get_one(Job, job_id).payload["missed"] == [f"2026-03-0{day}T06:00:00+00:00" for day in (2, 3, 4)]
    assert next_due(database, schedule_id) == START + 4 * DAY + HOUR


def test_a_clock_that_was_a_week_ahead_costs_no_date(database: Database, organisation_id: str):
    schedule_id = a_schedule(database, organisation_id)
    scheduler.tick(database, START + 7 * DAY)  # ahead: seven dates in one
    for day in range(9):  # and right again
        for hour in (0, 1, 2):
            scheduler.tick(database, START + day * DAY + hour * HOUR)
    assert firings(database) == [(START + HOUR, 6)] + [(START + HOUR + day * DAY, 0) for day in range(1, 9)]
    assert next_due(database, schedule_id) == START + 9 * DAY + HOUR


def test_the_date_and_the_job_are_written_together_or_not_at_all(
    database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    schedule_id = a_schedule(database, organisation_id)
    with monkeypatch.context() as patch, capture_logs() as lines:
        patch.setattr(scheduler, "Firing", lambda **_: 1 / 0)
        assert scheduler.tick(database, START + HOUR) == []
    assert [line["event"] for line in lines] == ["schedule_fault"]
    with database.across(write=False) as session:
        assert session.scalars(select(Job)).all() == []
    assert next_due(database, schedule_id) == START + HOUR
    assert len(scheduler.tick(database, START + HOUR)) == 1


def test_a_schedule_with_a_fault_does_not_hold_up_the_others(database: Database, organisation_id: str):
    faulty, sound = a_schedule(database, organisation_id), a_schedule(database, organisation_id)
    with database.across() as session:
        session.get_one(Schedule, faulty).time_zone = "Nowhere/At_All"
        session.get_one(Schedule, faulty).next_due = START
    with capture_logs() as lines:
        assert len(scheduler.tick(database, START + HOUR)) == 1
    assert [line["schedule"] for line in lines if line["event"] == "schedule_fault"] == [faulty]
    assert next_due(database, sound) == START + HOUR + DAY


def test_a_paused_schedule_does_not_go_off_and_its_dates_are_not_made_up_for(
    database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    schedule_id = a_schedule(database, organisation_id)
    with database.of(organisation_id) as session:
        schedules.update(session, schedule_id, "user:1", active=False)
    assert scheduler.tick(database, START + 2 * DAY) == []
    stop_the_clock(monkeypatch, START + 2 * DAY)
    with database.of(organisation_id) as session:
        schedules.update(session, schedule_id, "user:1", active=True)
    assert scheduler.tick(database, START + 2 * DAY) == []
    scheduler.tick(database, START + 2 * DAY + HOUR)
    assert firings(database) == [(START + 2 * DAY + HOUR, 0)]


def test_a_date_that_has_come_is_not_lost_by_a_new_name(
    database: Database, organisation_id: str, monkeypatch: pytest.MonkeyPatch
):
    schedule_id = a_schedule(database, organisation_id)
    stop_the_clock(monkeypatch, START + 1.001 * HOUR)
    with database.of(organisation_id) as session:
        schedules.update(session, schedule_id, "user:1", name="Each morning")
    scheduler.tick(database, START + 1.002 * HOUR)
    assert firings(database) == [(START + HOUR, 0)]


def test_each_organisation_has_its_own_jobs_at_the_times_of_its_own_zone(database: Database, organisation_id: str):
    a_schedule(database, organisation_id, "Europe/Paris")  # 06:00 there is 05:00 UTC, so the next is tomorrow
    other = an_organisation(database, "Northern Orchards")
    a_schedule(database, other, "Atlantic/Azores")  # and 07:00 UTC here
    assert scheduler.tick(database, START + HOUR) == []
    (job_id,) = scheduler.tick(database, START + 2 * HOUR)
    with database.of(other, write=False) as session:
        assert session.scalars(select(Job.id)).all() == [job_id]
    with database.of(organisation_id, write=False) as session:
        assert session.scalars(select(Job.id)).all() == []


def test_it_ticks_at_once_and_on_until_it_is_shut_down(database: Database, monkeypatch: pytest.MonkeyPatch):
    ticks: list[datetime] = []
    monkeypatch.setattr(scheduler, "tick", lambda db, at: ticks.append(at))
    ticking = scheduler.ticking(database, timedelta(seconds=0.05))
    ticking.start()
    wait_until(lambda: len(ticks) >= 3)
    ticking.shutdown()
    so_far = len(ticks)
    time.sleep(0.2)
    assert len(ticks) == so_far


def test_it_ticks_on_though_the_clock_is_set_back_at_the_very_moment_it_reckons_how_long_to_wait(
    monkeypatch: pytest.MonkeyPatch,
):
    class Clock(datetime):
        ahead = DAY

        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return START + timedelta(seconds=time.monotonic()) + Clock.ahead

    def set_back(store: MemoryJobStore) -> datetime:
        if len(ticks) == 3:
            Clock.ahead = timedelta(0)
        return next_run_time(store)

    ticks: list[datetime] = []
    next_run_time = MemoryJobStore.get_next_run_time
    monkeypatch.setattr("service.clock.datetime", Clock)
    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Clock)
    monkeypatch.setattr(MemoryJobStore, "get_next_run_time", set_back)
    monkeypatch.setattr(scheduler, "tick", lambda db, at: ticks.append(at))
    ticking = scheduler.ticking(None, timedelta(seconds=0.05))
    ticking.start()
    try:
        wait_until(lambda: len(ticks) >= 8, 5)
    finally:
        ticking.shutdown()
    assert ticks[0] - ticks[-1] > 0.9 * DAY


def test_it_ticks_at_least_each_minute():
    assert timedelta(minutes=1) >= scheduler.EVERY
