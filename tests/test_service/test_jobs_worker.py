"""A worker: what becomes of a job that ends well, fails, is refused, is cancelled, or kills whoever runs it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import databases
import pytest
from callers import freeze_time, make_organisation
from patience import PATIENCE, wait_until
from processes import job
from sqlalchemy import exc
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from stored_keys import SECRET_KEYS
from structlog.testing import capture_logs

from service.clock import now
from service.db.job_tables import Job
from service.db.session import Database
from service.db.tables import Organisation
from service.errors import DomainError
from service.jobs import table, worker


@pytest.fixture
def sqlite_database(sqlite: databases.Empty) -> Iterator[Database]:
    """An empty database; of one kind, for a worker sees of it what `table` shows, which is tested on both."""
    with sqlite() as engine:
        yield Database(engine, SECRET_KEYS)


def put(sqlite_database: Database, kind: str = "count", of: str = "Harbour Foods") -> str:
    """A queued job of a new organisation; its id."""
    with sqlite_database.for_organisation(make_organisation(sqlite_database, of)) as session:
        return table.enqueue(session, kind, {}, "user:1").id


@contextmanager
def working(sqlite_database: Database, run: Callable[[Database, table.ClaimedJob], Any]) -> Iterator[None]:
    """A worker for jobs of kind "count"; it has stopped at the end."""
    stop = Event()
    running = Thread(
        target=worker.run_worker, args=(sqlite_database, {"count": worker.Handler(run)}, stop), daemon=True
    )
    running.start()
    try:
        yield
    finally:
        stop.set()
        running.join(PATIENCE)
    assert not running.is_alive()


def handler(run: Callable[[Database, table.ClaimedJob], Any]) -> worker.Handler:
    """One that names the organisation after a job that did not end well."""

    def on_failure(session: Session, ended: Job) -> None:
        session.get_one(Organisation, ended.organisation_id).name = f"it is {ended.state}"

    return worker.Handler(run, on_failure)


def raising(error: Exception) -> worker.Handler:
    def run(_: Database, __: table.ClaimedJob) -> None:
        raise error

    return handler(run)


def name_of(sqlite_database: Database, job_id: str) -> str:
    with sqlite_database.unscoped(write=False) as session:
        return session.get_one(Organisation, job(sqlite_database, job_id).organisation_id).name


def test_a_job_ends_with_the_result_of_its_handler(sqlite_database: Database):
    job_id = put(sqlite_database)
    worker.run_job(
        sqlite_database, table.claim_job(sqlite_database, "w"), handler(lambda _, claimed: {"kind": claimed.kind})
    )
    ended = job(sqlite_database, job_id)
    assert (ended.state, ended.result, ended.progress) == ("done", {"kind": "count"}, 1.0)
    assert name_of(sqlite_database, job_id) == "Harbour Foods"


def test_a_job_ended_by_its_last_transaction_keeps_that_result(sqlite_database: Database):
    def run(db: Database, claimed: table.ClaimedJob) -> None:
        with table.job_transaction(db, claimed, result={"rows": 7}):
            pass

    job_id = put(sqlite_database)
    worker.run_job(sqlite_database, table.claim_job(sqlite_database, "w"), worker.Handler(run))
    assert (job(sqlite_database, job_id).state, job(sqlite_database, job_id).result) == ("done", {"rows": 7})


def test_a_refused_job_fails_at_once_with_the_reason(sqlite_database: Database):
    job_id = put(sqlite_database)
    worker.run_job(
        sqlite_database,
        table.claim_job(sqlite_database, "w"),
        raising(DomainError("report.empty", 422, "There is nothing.")),
    )
    assert (job(sqlite_database, job_id).state, job(sqlite_database, job_id).message) == ("failed", "There is nothing.")
    assert name_of(sqlite_database, job_id) == "it is failed"


@pytest.mark.fault
def test_a_job_with_a_bug_is_retried_and_finally_fails_under_an_id_in_the_log(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
):
    job_id, at = put(sqlite_database), now()
    for attempt in range(1, table.MAX_ATTEMPTS + 1):
        freeze_time(monkeypatch, at + attempt * timedelta(minutes=5))
        with capture_logs() as lines:
            worker.run_job(
                sqlite_database, table.claim_job(sqlite_database, "w"), raising(ValueError("Thida Aung, passport"))
            )
        now_is = job(sqlite_database, job_id)
        fault = next(line for line in lines if line["event"] == "job_fault")
        assert fault["bug"] in now_is.message
        assert "Thida" not in now_is.message
        assert (now_is.attempt, name_of(sqlite_database, job_id) == "it is failed") == (
            attempt,
            attempt == table.MAX_ATTEMPTS,
        )
    assert now_is.state == "failed"
    freeze_time(monkeypatch, at + timedelta(hours=2))
    assert table.claim_job(sqlite_database, "w") is None


@pytest.mark.fault
def test_a_job_that_kills_every_worker_is_given_up(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch):
    job_id, at, begun = put(sqlite_database), now(), []
    for attempt in range(table.MAX_ATTEMPTS + 1):
        freeze_time(monkeypatch, at + attempt * timedelta(minutes=5))
        claimed = table.claim_job(sqlite_database, "w")  # and then it is dead
    worker.run_job(sqlite_database, claimed, handler(lambda _, __: begun.append(1) or {}))
    assert (begun, job(sqlite_database, job_id).state) == ([], "failed")
    assert "Stopped after" in job(sqlite_database, job_id).message
    assert name_of(sqlite_database, job_id) == "it is failed"


@pytest.mark.fault
def test_an_unavailable_database_does_not_count_as_an_attempt(sqlite_database: Database):
    job_id = put(sqlite_database)
    absent = raising(OperationalError("select", {}, Exception("disk full")))
    for attempt in range(table.MAX_ATTEMPTS + 2):
        with pytest.raises(OperationalError):
            worker.run_job(sqlite_database, table.claim_job(sqlite_database, "w"), absent)
        assert (job(sqlite_database, job_id).attempt, job(sqlite_database, job_id).fence) == (0, attempt + 1)
        with sqlite_database.unscoped() as session:
            session.get_one(Job, job_id).not_before = now()
    assert job(sqlite_database, job_id).state == "queued"


@pytest.mark.parametrize("when", ["before it began", "while it ran"])
def test_a_cancelled_job_ends_as_cancelled(sqlite_database: Database, when: str):
    job_id, effects = put(sqlite_database), []

    def cancel(db: Database) -> None:
        with db.for_organisation(job(db, job_id).organisation_id) as session:
            table.cancel_job(session, job_id, "user:1")

    def run(db: Database, claimed: table.ClaimedJob) -> dict[str, Any]:
        cancel(db)
        with table.job_transaction(db, claimed):
            effects.append(1)
        return {}

    if when == "before it began":
        cancel(sqlite_database)
    worker.run_job(sqlite_database, table.claim_job(sqlite_database, "w"), handler(run))
    assert (effects, job(sqlite_database, job_id).state) == ([], "cancelled")
    assert name_of(sqlite_database, job_id) == "it is cancelled"


@pytest.mark.fault
def test_a_job_that_another_worker_took_over_is_left_alone(sqlite_database: Database):
    job_id = put(sqlite_database)

    def run(db: Database, claimed: table.ClaimedJob) -> dict[str, Any]:
        with db.unscoped() as session:
            session.get_one(Job, job_id).fence += 1
        return {}

    worker.run_job(sqlite_database, table.claim_job(sqlite_database, "w"), handler(run))
    assert (job(sqlite_database, job_id).state, name_of(sqlite_database, job_id)) == ("running", "Harbour Foods")


def test_the_lease_of_a_job_that_runs_is_renewed_twice_before_it_would_run_out_and_no_longer_than_it_runs(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
):
    class Sped(Event):
        """An event on which every wait returns at once."""

        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            return super().wait(0.01)

    put(sqlite_database)
    claimed, waits = table.claim_job(sqlite_database, "w", lease_seconds=60), []
    monkeypatch.setattr(worker, "Event", Sped)

    def run(db: Database, _: table.ClaimedJob) -> dict[str, Any]:
        for _ in range(3):
            until = job(db, claimed.id).lease_until
            wait_until(lambda until=until: job(db, claimed.id).lease_until > until)
        return {}

    worker.run_job(sqlite_database, claimed, handler(run))
    assert 0 < max(waits) <= claimed.lease_seconds / 3
    assert job(sqlite_database, claimed.id).state == "done"
    assert not [thread for thread in threading.enumerate() if claimed.id in thread.name]


@pytest.mark.fault
@pytest.mark.parametrize(
    "trouble",
    [
        OperationalError("update", {}, Exception("no route to host")),
        exc.InternalError("update", {}, Exception("current transaction is aborted")),
        exc.TimeoutError("the pool of connections is exhausted"),
    ],
)
def test_a_lease_goes_on_being_renewed_after_a_moment_without_a_database(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, trouble: Exception
):
    def renew_lease(db: Database, claimed: table.ClaimedJob) -> bool:
        beats.append(claimed.id)
        if len(beats) == 1:
            raise trouble
        return True

    put(sqlite_database)
    claimed, beats = table.claim_job(sqlite_database, "w", lease_seconds=0.03), []
    monkeypatch.setattr(worker, "renew_lease", renew_lease)
    worker.run_job(sqlite_database, claimed, handler(lambda *_: wait_until(lambda: len(beats) >= 3) or {}))
    assert job(sqlite_database, claimed.id).state == "done"


@pytest.mark.fault
def test_a_worker_survives_bugs_and_an_unavailable_database_and_stops_on_request(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(worker, "DATABASE_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(table, "BACK_OFF", 0.01)
    errors: list[Exception] = [ValueError(), OperationalError("select", {}, Exception())]

    def run(_: Database, __: table.ClaimedJob) -> dict[str, Any]:
        if errors:
            raise errors.pop()
        return {"at": "last"}

    job_id = put(sqlite_database)
    with working(sqlite_database, run):
        wait_until(lambda: job(sqlite_database, job_id).state == "done")
    assert (errors, job(sqlite_database, job_id).result) == ([], {"at": "last"})


def test_a_worker_leaves_to_others_what_it_cannot_do(sqlite_database: Database):
    other, mine = put(sqlite_database, "of a later release"), put(sqlite_database, of="Northern Orchards")
    with working(sqlite_database, lambda *_: {}):
        wait_until(lambda: job(sqlite_database, mine).state == "done")
    assert (job(sqlite_database, other).state, job(sqlite_database, other).fence) == ("queued", 0)


@pytest.mark.fault
def test_a_half_done_job_is_not_given_up_but_tried_again_until_it_is_whole(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
):
    def run(db: Database, claimed: table.ClaimedJob) -> dict[str, Any]:
        if not claimed.checkpoint:
            with table.job_transaction(db, claimed, checkpoint={"half": True}):
                pass
        if len(tries) < 8:
            tries.append(claimed.attempt)
            raise ValueError
        return {"whole": True}

    job_id, tries = put(sqlite_database), []
    whole_or_not = worker.Handler(run, handler(run).on_failure, is_half_done=bool)
    for _ in range(9):
        worker.run_job(sqlite_database, table.claim_job(sqlite_database, "w"), whole_or_not)
        freeze_time(monkeypatch, now() + table.MAX_DELAY)
    assert tries == [1, 2, 3, 4, 5, 6, 7, 8]
    assert (job(sqlite_database, job_id).state, job(sqlite_database, job_id).result) == ("done", {"whole": True})
    assert name_of(sqlite_database, job_id) == "Harbour Foods"


@pytest.mark.fault
def test_a_half_done_job_whose_workers_were_killed_is_run_again(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
):
    job_id = put(sqlite_database)
    with table.job_transaction(sqlite_database, table.claim_job(sqlite_database, "w"), checkpoint={"half": True}):
        pass
    for _ in range(table.MAX_ATTEMPTS):
        freeze_time(monkeypatch, now() + table.MAX_DELAY)
        claimed = table.claim_job(sqlite_database, "w")
    assert claimed.attempt == table.MAX_ATTEMPTS + 1
    worker.run_job(sqlite_database, claimed, worker.Handler(lambda *_: {}, is_half_done=bool))
    assert job(sqlite_database, job_id).state == "done"


@contextmanager
def two_workers(
    sqlite_database: Database, handlers: dict[str, worker.Handler], grace_seconds: float
) -> Iterator[Event]:
    """Two workers in this process; they have stopped afterwards."""
    stop = Event()
    arguments = (sqlite_database, handlers, stop, 2, grace_seconds)
    running = Thread(target=worker.run_workers, args=arguments, daemon=True)
    running.start()
    try:
        yield stop
    finally:
        stop.set()
        running.join(PATIENCE)
    assert not running.is_alive()


def test_workers_that_stop_return_a_job_at_its_next_checkpoint(sqlite_database: Database):
    def run(db: Database, claimed: table.ClaimedJob) -> dict[str, Any]:
        for step in range(1_000_000):
            with table.job_transaction(db, claimed, checkpoint={"step": step}):
                steps.append(step)
        return {}

    job_id, steps = put(sqlite_database), []
    with two_workers(sqlite_database, {"count": worker.Handler(run)}, PATIENCE):
        wait_until(lambda: len(steps) > 2)
    left = job(sqlite_database, job_id)
    assert (left.state, left.attempt, left.owner, left.checkpoint) == ("queued", 0, None, {"step": steps[-1]})


def test_workers_that_stop_return_a_job_that_does_not_reach_its_next_step_in_time(sqlite_database: Database):
    go_on, begun = Event(), Event()

    def run(db: Database, claimed: table.ClaimedJob) -> dict[str, Any]:
        begun.set()
        go_on.wait(PATIENCE)
        with table.job_transaction(db, claimed, result={"too": "late"}):
            pass
        return {}

    job_id = put(sqlite_database)
    with two_workers(sqlite_database, {"count": worker.Handler(run)}, 0.1):
        assert begun.wait(PATIENCE)
    go_on.set()
    wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("worker ")])
    left = job(sqlite_database, job_id)
    assert (left.state, left.attempt, left.result) == ("queued", 0, None)


def test_a_short_job_does_not_wait_for_a_long_one(sqlite_database: Database):
    long_may_end = Event()
    handlers = {
        "assess_import": worker.Handler(lambda *_: {} if long_may_end.wait(PATIENCE) else {}),
        "count": worker.Handler(lambda *_: {}),
    }
    long_jobs = [put(sqlite_database, "assess_import", of=f"Long {number}") for number in range(3)]
    with two_workers(sqlite_database, handlers, PATIENCE):
        wait_until(lambda: any(job(sqlite_database, job_id).state == "running" for job_id in long_jobs))
        short = put(sqlite_database)
        wait_until(lambda: job(sqlite_database, short).state == "done")
        assert sorted(job(sqlite_database, job_id).state for job_id in long_jobs) == ["queued", "queued", "running"]
        long_may_end.set()


@pytest.mark.fault
def test_no_error_ends_a_worker(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch):
    def claim_job(*arguments: Any) -> table.ClaimedJob | None:
        if errors:
            raise errors.pop()
        return table.claim_job(*arguments)

    monkeypatch.setattr(worker, "DATABASE_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(worker, "claim_job", claim_job)
    errors: list[Exception] = [OSError("disk"), KeyError("no handler")]
    job_id = put(sqlite_database)
    with capture_logs() as lines, working(sqlite_database, lambda *_: {}):
        wait_until(lambda: job(sqlite_database, job_id).state == "done")
    assert len([line["failure"] for line in lines if line["event"] == "loop_fault"]) == 2
