"""Heartbeats: no error ends a loop, and how an operator sees its state in health, on the status page and in the metrics."""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import pytest
from callers import freeze_time, make_browser, make_key, make_organisation, make_user
from databases import SECRET_KEYS, opened
from flask import Flask
from patience import PATIENCE, wait_until
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, select
from sqlalchemy.exc import DatabaseError
from structlog.testing import capture_logs

from service import heartbeats, retention
from service.api import health
from service.blob_store import BlobStore
from service.clock import now
from service.db.job_tables import Job
from service.db.session import Database
from service.db.tables import Heartbeat
from service.heartbeats import Pulse, list_heartbeats
from service.jobs import table, worker
from service.wiring import scheduler
from service.wiring.app import connect

pytestmark = pytest.mark.fault


@contextmanager
def running(run: Callable[..., None], *arguments: object) -> Iterator[None]:
    """A loop in a thread, which ends only when it is asked to."""
    stop = Event()
    thread = Thread(target=run, args=(*arguments, stop), daemon=True)
    thread.start()
    try:
        yield
        assert thread.is_alive()
    finally:
        stop.set()
        thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(worker, "DATABASE_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(heartbeats, "BEAT_SECONDS", 0.01)


def failures(database: Database, loop: str) -> int:
    return sum(row.failures for row in list_heartbeats(database) if row.loop == loop)


@pytest.mark.parametrize(
    "error",
    [ValueError("a bug"), MemoryError(), DatabaseError("select", {}, Exception("malformed")), OSError(errno.EIO, "")],
)
def test_no_error_ends_a_worker_and_each_is_logged_under_an_id_that_the_heartbeat_shows(
    database: Database, monkeypatch: pytest.MonkeyPatch, error: Exception
):
    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch, capture_logs() as lines:
        patch.setattr(worker, "claim_job", fail)
        with running(worker.run_worker, database, {}):
            wait_until(lambda: failures(database, "worker") >= 3)
    (row,) = list_heartbeats(database)
    assert row.failure_id in [line.get("failure") for line in lines]
    assert row.failed_at is not None


def test_a_worker_that_met_a_bug_in_its_loop_runs_the_next_job(database: Database, monkeypatch: pytest.MonkeyPatch):
    claim, errors, done = table.claim_job, [ValueError("a bug")], Event()

    def claim_job(*arguments: object, **options: object) -> table.ClaimedJob | None:
        if errors:
            raise errors.pop()
        return claim(*arguments, **options)

    monkeypatch.setattr(worker, "claim_job", claim_job)
    with database.for_organisation(make_organisation(database)) as session:
        table.enqueue(session, "count", {}, "user:1")
    with running(worker.run_worker, database, {"count": worker.Handler(lambda *_: done.set() or {})}):
        assert done.wait(PATIENCE)


def test_a_worker_shows_its_heartbeat_while_it_runs_a_long_job(database: Database):
    with database.for_organisation(make_organisation(database)) as session:
        table.enqueue(session, "count", {}, "user:1")

    def run(db: Database, _: table.ClaimedJob) -> dict[str, object]:
        (before,) = list_heartbeats(db)
        wait_until(lambda: list_heartbeats(db)[0].at > before.at)
        return {"beat": True}

    handlers = {"count": worker.Handler(run)}
    with running(lambda stop: worker.run_worker(database, handlers, stop, lease_seconds=0.3)):
        wait_until(lambda: [job.result for job in list_done(database)] == [{"beat": True}])


def list_done(database: Database) -> list[Job]:
    with database.unscoped(write=False) as session:
        return list(session.scalars(select(Job).where(Job.state == "done")))


def test_a_full_disk_does_not_count_as_an_attempt_of_a_job(database: Database):
    def run(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with database.for_organisation(make_organisation(database)) as session:
        job_id = table.enqueue(session, "count", {}, "user:1").id
    with pytest.raises(OSError, match="No space"):
        worker.run_job(database, table.claim_job(database, "w"), worker.Handler(run))
    with database.unscoped(write=False) as session:
        job = session.get_one(Job, job_id)
    assert (job.state, job.attempt, job.message) == ("queued", 0, "Disk full.")


def test_the_scheduler_shows_its_heartbeat_and_what_failed(
    database: Database, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
):
    def purge_expired(*_: object) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    monkeypatch.setattr(scheduler.retention, "purge_expired", purge_expired)
    monkeypatch.setattr(scheduler, "PURGE_AGAIN", timedelta(seconds=0.1))
    stop = Event()
    thread = Thread(target=scheduler.run_scheduler, args=(database, blobs, stop, timedelta(seconds=0.05)), daemon=True)
    thread.start()
    wait_until(lambda: failures(database, "scheduler") >= 3)
    assert thread.is_alive()
    stop.set()
    thread.join(PATIENCE)


def test_a_file_that_cannot_be_deleted_keeps_no_other_and_is_logged(
    database: Database, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
):
    stuck, other = blobs.put(b"stuck"), blobs.put(b"other")
    delete = blobs.delete_unless_put_since

    def delete_unless_put_since(digest: str, moment: object) -> bool:
        if digest == stuck:
            raise PermissionError(errno.EPERM, "immutable")
        return delete(digest, moment)

    monkeypatch.setattr(blobs, "delete_unless_put_since", delete_unless_put_since)
    with capture_logs() as lines:
        assert retention.delete_unused_files(database, blobs, now() + timedelta(days=1)) == 1
    assert blobs.list_digests() == (stuck,)
    (line,) = [line for line in lines if line["event"] == "file_not_deleted"]
    assert (line["digest"], bool(line["failure"])) == (stuck, True)
    assert other not in blobs.list_digests()


def test_a_heartbeat_that_cannot_be_written_is_only_logged(tmp_path: Path):
    with capture_logs() as lines:
        Pulse(None, "worker").beat()
    assert [line["event"] for line in lines] == ["heartbeat_not_written"]


def test_heartbeats_of_processes_that_ended_disappear_after_a_day(database: Database, monkeypatch: pytest.MonkeyPatch):
    Pulse(database, "worker").write()
    assert [row.loop for row in list_heartbeats(database)] == ["worker"]
    freeze_time(monkeypatch, now() + timedelta(days=1, minutes=1))
    assert list_heartbeats(database) == []
    heartbeats.delete_old_heartbeats(database)
    with database.unscoped(write=False) as session:
        assert session.query(Heartbeat).count() == 0


def is_ready(app: Flask, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(health, "READY_SECONDS", 0)
    answer = app.test_client().get("/health/ready")
    assert answer.json in ({"status": "ready"}, {"status": "unavailable"})
    return answer.status_code == 200


def test_a_service_that_cannot_write_its_database_is_not_ready(
    app: Flask, database: Database, monkeypatch: pytest.MonkeyPatch
):
    assert is_ready(app, monkeypatch)
    with opened(database.engine.url) as engine:
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only = ON"))
        connect(app, app.extensions["settings"], Database(engine, SECRET_KEYS))
        assert not is_ready(app, monkeypatch)


def test_a_service_that_cannot_write_its_data_folder_is_not_ready(app: Flask, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert is_ready(app, monkeypatch)
    monkeypatch.setattr(health.tempfile, "TemporaryFile", full)
    assert not is_ready(app, monkeypatch)


def test_many_who_ask_whether_the_service_is_ready_cost_one_write(app: Flask, monkeypatch: pytest.MonkeyPatch):
    writes, write = [], Pulse.write
    monkeypatch.setattr(Pulse, "write", lambda pulse: (writes.append(threading.get_ident()), write(pulse)))
    assert [app.test_client().get("/health/ready").status_code for _ in range(20)] == [200] * 20
    assert len(writes) == 1


def test_metrics_name_jobs_and_loops_but_no_supplier_and_nobody(new_app: Flask, database: Database):
    organisation_id = make_organisation(database, "Harbour Foods")
    with database.for_organisation(organisation_id) as session:
        table.enqueue(session, "count", {"name": "Nguyen Van An"}, "user:1")
    Pulse(database, "worker").write()
    answer = new_app.test_client().get("/metrics", headers=make_key(database, organisation_id, "metrics:read"))
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    text = answer.get_data(as_text=True)
    assert "Nguyen" not in text
    assert "Harbour" not in text
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["diligence_jobs", "short", "queued"] == 1
    assert samples["diligence_oldest_job_age_seconds", "short"] >= 0
    beats = [value for name, value in samples.items() if name[0] == "diligence_heartbeat_timestamp_seconds"]
    assert len(beats) == 1
    answer = new_app.test_client().get("/metrics", headers=make_key(database, organisation_id, "metrics:read"))
    assert 'diligence_responses_total{status="2xx"} 1.0' in answer.get_data(as_text=True)


def test_metrics_are_not_open_to_all(app: Flask, database: Database):
    organisation_id = make_organisation(database)
    for headers, status in (({}, 401), (make_key(database, organisation_id, "suppliers:read"), 403)):
        answer = app.test_client().get("/metrics", headers=headers)
        assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")


def test_an_admin_sees_loops_their_failures_and_the_oldest_job(app: Flask, database: Database):
    organisation_id = make_organisation(database)
    with database.for_organisation(organisation_id) as session:
        table.enqueue(session, "render_report", {}, "user:1")
    pulse = Pulse(database, "scheduler")
    failure = pulse.record_failure(ValueError("Nguyen Van An"))
    pulse.write()
    page = make_browser(app, make_user(database, organisation_id, "admin")).get("/status").get_data(as_text=True)
    for text in ("scheduler", failure, "reports", pulse.process):
        assert text in page
    assert "Nguyen" not in page
