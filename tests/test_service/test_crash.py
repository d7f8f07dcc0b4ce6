"""Processes crash, stall and overlap, and clocks are changed: nothing is lost, and nothing happens twice."""

import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from callers import make_organisation
from databases import Empty, connect
from patience import PATIENCE, wait_until
from processes import FIRST_DAY, counted, job, started, started_with_clock
from sqlalchemy import select

from service.clock import now
from service.db.job_tables import Job, Schedule, ScheduleRun
from service.db.session import Database
from service.jobs.kinds import REVIEW_SUPPLIERS
from service.jobs.table import enqueue
from service.wiring.scheduler import trigger_schedule

pytestmark = [pytest.mark.fault, pytest.mark.suite("postgresql")]

DAILY = {"kind": "fixed", "every": "day", "time": "06:00"}
DAY = timedelta(days=1)


def make_job(database: Database, **payload: int) -> str:
    """A job that counts, in an organisation of its own; its id."""
    with database.for_organisation(make_organisation(database)) as session:
        return enqueue(session, "count", payload, "user:1").id


def make_schedule(database: Database, organisation_id: str, name: str = "Daily") -> str:
    """A daily schedule that is first due on the first day; its id."""
    with database.for_organisation(organisation_id) as session:
        schedule = Schedule(
            name=name, rule=DAILY, time_zone="UTC", next_due=FIRST_DAY, created_by="", created_at=FIRST_DAY
        )
        session.add(schedule)
        session.flush()
        return schedule.id


def let_the_lease_run_out(database: Database, job_id: str) -> None:
    """End the lease of the worker that has claimed a job."""
    with database.unscoped() as session:
        session.get_one(Job, job_id).lease_until = now()


def fired(database: Database, schedule_id: str) -> list[datetime]:
    """The times for which a schedule was triggered, in order."""
    with database.unscoped(write=False) as session:
        return list(
            session.scalars(
                select(ScheduleRun.slot).where(ScheduleRun.schedule_id == schedule_id).order_by(ScheduleRun.slot)
            )
        )


def test_a_job_whose_worker_is_killed_is_resumed_and_each_effect_is_written_once(database: Database):
    job_id = make_job(database, of=20, hangs_within=5)
    with started("work", database, 1) as first:
        wait_until(lambda: len(counted(database, job_id)) == 5)
        os.kill(first.pid, signal.SIGKILL)
        first.join()
        assert counted(database, job_id) == list(range(5))
        with started("work", database, 1):
            wait_until(lambda: job(database, job_id).state == "done")
    assert job(database, job_id).fence == 2
    assert counted(database, job_id) == list(range(20))


def test_a_worker_that_stalled_and_comes_back_after_another_took_over_writes_nothing(
    database: Database, tmp_path: Path
):
    # Stopped between two effects: a process stopped within one holds its lock, so that no other can take over.
    job_id, log = make_job(database, of=12, stops_before=3), tmp_path / "log"
    with log.open("w") as into, started("work", database, 60, log=into) as stalled:
        wait_until(lambda: os.waitpid(stalled.pid, os.WNOHANG | os.WUNTRACED) != (0, 0))
        let_the_lease_run_out(database, job_id)
        with started("work", database, 60):
            wait_until(lambda: job(database, job_id).state == "done")
            os.kill(stalled.pid, signal.SIGCONT)
            wait_until(lambda: b"job_lost" in log.read_bytes())
    assert job(database, job_id).fence == 2
    assert counted(database, job_id) == list(range(12))


def test_a_schedule_that_another_scheduler_is_triggering_is_triggered_once(postgresql: Empty):
    with postgresql() as engine, ThreadPoolExecutor() as pool:
        database = connect(engine)
        schedule_id = make_schedule(database, organisation_id := make_organisation(database))

        def trigger() -> list[str]:
            with database.for_organisation(organisation_id) as session:
                return trigger_schedule(session, schedule_id, FIRST_DAY)

        with database.for_organisation(organisation_id) as session:
            (job_id,) = trigger_schedule(session, schedule_id, FIRST_DAY)
            second = pool.submit(trigger)
            wait_until(lambda: second.done() or count_waiting(database))
        assert second.result(PATIENCE) == []
        with database.unscoped(write=False) as session:
            assert [job.id for job in session.scalars(select(Job))] == [job_id]


def count_waiting(database: Database) -> int:
    """How many locks of a database are waited for."""
    query = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()"
    with database.engine.connect() as connection:
        return connection.exec_driver_sql(query).scalar_one()


def test_three_schedulers_whose_clocks_are_set_forth_and_back_do_each_scheduled_time_once(database: Database):
    schedule_id = make_schedule(database, make_organisation(database))
    clocks = [range(25), [0, 12, *range(25)], [*range(10), 20, *range(5, 25)]]
    with ExitStack() as stack:
        processes = [stack.enter_context(started("tick", database, *days)) for days in clocks]
        assert all(os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1]) for process in processes)
        for process in processes:  # at the same moment
            os.kill(process.pid, signal.SIGCONT)
        for process in processes:
            process.join(PATIENCE)
        assert [process.exitcode for process in processes] == [0, 0, 0]
    with database.unscoped(write=False) as session:
        jobs = [job for job in session.scalars(select(Job)) if job.payload["schedule_id"] == schedule_id]
    done = Counter(slot for job in jobs for slot in (job.payload["slot"], *job.payload["missed"]))
    assert done == {(FIRST_DAY + day * DAY).isoformat(): 1 for day in range(25)}


def test_a_worker_that_is_stopped_returns_its_job_without_using_up_an_attempt(database: Database, tmp_path: Path):
    job_id, pause = make_job(database, of=6), tmp_path / "pause"
    pause.touch()
    with started("drain", database, tmp_path) as worker:
        wait_until(lambda: counted(database, job_id) == [0])
        os.kill(worker.pid, signal.SIGTERM)  # it does not get a step further in time
        worker.join(PATIENCE)
        assert worker.exitcode == 0
    left = job(database, job_id)
    assert (left.state, left.attempt, left.checkpoint) == ("queued", 0, {"counted": 1})
    pause.unlink()
    with started("drain", database, tmp_path):
        wait_until(lambda: job(database, job_id).state == "done")
    assert counted(database, job_id) == list(range(6))


class Clock:
    """The clock of a process (libfaketime), which can be set while it runs."""

    def __init__(self, folder: Path) -> None:
        rows = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        assert rows, "this test sets the clock of a process with libfaketime: install it (Debian: libfaketime)"
        self.file = folder / "clock"
        # Only the time of day is set: a real step does not touch the clock that counts from start-up.
        self.environment = {
            "LD_PRELOAD": str(rows[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, to: datetime) -> None:
        """Set the clock; the file is written under another name and renamed, so that no process reads half of it."""
        draft = self.file.with_suffix(".new")
        draft.write_text(f"{(to - now()).total_seconds():+.3f}", encoding="ascii")
        draft.replace(self.file)


def test_a_clock_set_forward_and_back_by_a_day_neither_stalls_nor_repeats_anything(database: Database, tmp_path: Path):
    organisation_id, clock = make_organisation(database), Clock(tmp_path)
    schedule_id = make_schedule(database, organisation_id)
    days = [FIRST_DAY + day * DAY for day in range(3)]

    def jobs() -> list[Job]:
        with database.unscoped(write=False) as session:
            return list(session.scalars(select(Job).where(Job.kind == REVIEW_SUPPLIERS).order_by(Job.created_at)))

    clock.set(days[0] - timedelta(seconds=1))
    with started_with_clock(database, tmp_path, clock.environment):
        wait_until(lambda: fired(database, schedule_id) == days[:1])
        wait_until(lambda: jobs()[0].state == "done")

        (tmp_path / "pause").touch()
        clock.set(days[1] + timedelta(seconds=5))
        wait_until(lambda: fired(database, schedule_id) == days[:2])
        wait_until(lambda: jobs()[-1].checkpoint)

        clock.set(days[0] + timedelta(seconds=9))  # while the job of the second day runs
        (tmp_path / "pause").unlink()
        wait_until(lambda: all(job.state == "done" for job in jobs()))
        late = make_schedule(database, organisation_id, "Late")  # due at once: triggered if there is a tick, and runs
        wait_until(lambda: fired(database, late) == days[:1])
        wait_until(lambda: all(job.state == "done" for job in jobs()))

        for day in (1, 2):
            clock.set(days[day] + timedelta(seconds=5))
            wait_until(lambda day=day: fired(database, late) == days[: day + 1])
        wait_until(lambda: fired(database, schedule_id) == days)
        wait_until(lambda: all(job.state == "done" for job in jobs()))
    assert [job.created_at.day for job in jobs()] == [1, 1, 2, 2, 3, 3]
    assert [counted(database, job.id) for job in jobs()] == [[0, 1, 2, 3, 4]] * 6


def test_a_clock_set_forward_by_a_year_is_caught_up_by_one_job(database: Database, tmp_path: Path):
    clock, schedule_id = Clock(tmp_path), make_schedule(database, make_organisation(database))
    clock.set(FIRST_DAY)
    with started_with_clock(database, tmp_path, clock.environment):  # which has not the memory for all ticks of a year
        wait_until(lambda: fired(database, schedule_id) == [FIRST_DAY])
        clock.set(FIRST_DAY + 365 * DAY)
        wait_until(lambda: fired(database, schedule_id) == [FIRST_DAY, FIRST_DAY + DAY])
    with database.unscoped(write=False) as session:
        missed = select(ScheduleRun.missed).where(ScheduleRun.slot == FIRST_DAY + DAY)
        assert session.scalars(missed).all() == [364]
        assert len(session.scalars(select(Job).where(Job.kind == REVIEW_SUPPLIERS)).all()) == 2
