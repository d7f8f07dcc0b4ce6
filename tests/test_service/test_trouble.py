"""Trouble with the database or the disk: callers soon get a true answer, and the log names the cause rather than a bug."""

import errno
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import databases
import psutil
import pytest
from callers import form_token, freeze_time, make_browser, make_key, make_organisation, make_user
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, event, func, make_url, select, update
from stored_keys import SECRET_KEYS
from werkzeug.test import TestResponse

from service import cli, trouble
from service.clock import now
from service.db import postgresql_connection
from service.db import session as sessions
from service.db.case_tables import StoredCase
from service.db.import_tables import Import
from service.db.job_tables import Job
from service.db.migrations import migrate
from service.db.session import Database, open_engine
from service.db.tables import Supplier, new_id
from service.settings import Settings
from service.wiring.app import connect, create_app

pytestmark = pytest.mark.fault
SCOPES = ("suppliers:read", "suppliers:write", "assess", "imports:write", "reports:read")
SUPPLIER = {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"]}


class Service:
    """The application as `serve` runs it for requests, with the log it writes."""

    def __init__(self, app: Flask, database: Database, folder: Path) -> None:
        self.database = database
        self.organisation_id = make_organisation(database)
        self.key = make_key(database, self.organisation_id, *SCOPES)
        self.requests = database.for_requests()
        self.app = app
        connect(app, Settings(data=folder, plain_http=True), self.requests)
        self.client: FlaskClient = app.test_client()

    def put(self, reference: str = "S-1") -> TestResponse:
        return self.client.put(f"/api/v1/suppliers/{reference}", json=SUPPLIER, headers=self.key)

    def decide(self) -> TestResponse:
        return self.client.post("/api/v1/assessments", json={"country": "TH", "sector": "1020"}, headers=self.key)

    def upload(self) -> TestResponse:
        data = {"file": (BytesIO(b"Supplier,Country\nDune Builders,Qatar\n"), "list.csv")}
        return self.client.post("/api/v1/imports", data=data, headers=self.key)


@pytest.fixture(scope="module")
def any_app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """Return an application that is connected to one database after another: creating its routes takes longer than most tests."""
    folder = tmp_path_factory.mktemp("trouble")
    return create_app(Settings(data=folder, plain_http=True), Database(create_engine("sqlite://")))


@pytest.fixture
def service(
    any_app: Flask, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: StringIO
) -> Iterator[Service]:
    monkeypatch.setattr(sessions, "REQUEST_PATIENCE", 0.2)  # so that a test behind a lock is not kept waiting
    made = Service(any_app, database, tmp_path)
    yield made
    made.requests.close()


def check_trouble(response: TestResponse, code: str, written: StringIO) -> dict:
    """Check that a response reports trouble of a kind, and that the log holds it as trouble and not as a bug."""
    assert response.status_code == 503
    assert response.content_type == "application/problem+json"
    problem = json.loads(response.data)
    assert (problem["code"], problem["status"], problem["type"]) == (code, 503, f"urn:diligence:problem:{code}")
    assert int(response.headers["Retry-After"]) > 0
    assert "logged" not in problem["detail"]
    events = [json.loads(line) for line in written.getvalue().splitlines()]
    assert code in [line.get("code") for line in events if line["event"] == "trouble"]
    assert not [line for line in events if line["event"] == "unexpected_error"]
    return problem


@contextmanager
def locked(database: Database, tables: str = "supplier, organisation") -> Iterator[None]:
    """Another process that holds a lock on what every writer needs."""
    other = open_engine(database.engine.url.render_as_string(hide_password=False))
    with other.connect() as connection:
        if database.engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")
        else:
            connection.exec_driver_sql("SELECT 1")  # each transaction on SQLite begins as a writer
        yield
    other.dispose()


@contextmanager
def no_writing(database: Database) -> Iterator[None]:
    """Another process that holds a lock on what every request writes, so that reading remains possible."""
    other = open_engine(database.engine.url.render_as_string(hide_password=False))
    with other.connect() as connection:
        if database.engine.dialect.name == "postgresql":
            connection.exec_driver_sql("LOCK TABLE api_key, sign_in, supplier IN EXCLUSIVE MODE")
        else:
            connection.exec_driver_sql("SELECT 1")
        yield
    other.dispose()


def make_read_only(service: Service) -> None:
    """Refuse writing, as on a disk that was mounted read-only."""
    _refuse_writing(service, "PRAGMA query_only = ON", "read_only_sql_transaction")


def fill_disk(service: Service) -> None:
    """Leave no room for another page of the database."""
    _refuse_writing(service, "PRAGMA max_page_count = 1", "disk_full")


def _refuse_writing(service: Service, pragma: str, condition: str) -> None:
    """Make SQLite run out of what it needs, and PostgreSQL raise the error that it raises then."""
    engine = service.requests.engine
    if engine.dialect.name == "sqlite":
        engine.dispose()
        event.listen(engine, "connect", lambda connection, _: connection.execute(pragma))
        return
    with service.database.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{condition}'; END $$"
        )
        connection.exec_driver_sql(
            "CREATE TRIGGER refuse BEFORE INSERT ON result FOR EACH ROW EXECUTE FUNCTION refuse()"
        )


def test_a_caller_gets_a_response_within_five_seconds():
    assert sessions.REQUEST_PATIENCE < 5
    assert sessions.REQUEST_PATIENCE / 2 + postgresql_connection.CONNECT_SECONDS < 5


def test_the_operators_guide_explains_every_kind_of_trouble():
    guide = (Path(__file__).resolve().parents[2] / "docs" / "operate.md").read_text(encoding="utf-8")
    section = guide.partition("## Troubleshooting\n")[2].partition("\n#")[0]
    assert re.findall(r"^\| `([a-z_.]+)` \|", section, re.MULTILINE) == [kind.code for kind in trouble.KINDS]


def test_a_put_behind_a_lock_is_answered_that_the_database_is_busy(service: Service, written: StringIO):
    assert service.put().status_code == 201
    with locked(service.database):
        check_trouble(service.put(), "database.busy", written)
    assert service.put().status_code == 200


def test_a_writer_waits_for_another_writer_of_its_process_only_where_writers_take_turns(
    service: Service, written: StringIO
):
    assert service.put().status_code == 201
    with service.database.unscoped() as session:
        session.connection()
        answer = service.put()
    if service.database.write_lock is None:  # PostgreSQL lets writers of a process write side by side
        assert answer.status_code == 200
    else:
        check_trouble(answer, "database.busy", written)


def test_lists_are_shown_while_another_process_keeps_everybody_from_writing(
    service: Service, monkeypatch: pytest.MonkeyPatch
):
    browser = make_browser(service.app, make_user(service.database, service.organisation_id))
    assert service.put().status_code == 201
    freeze_time(monkeypatch, now() + timedelta(minutes=2))  # when each was last used is due to be written
    with no_writing(service.database):
        answers = [service.client.get("/api/v1/suppliers", headers=service.key), browser.get("/suppliers")]
        refused = service.put()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].headers["RateLimit-Remaining"] == "599"
    assert refused.status_code == 503


def test_a_case_list_that_cannot_be_recorded_is_not_shown_and_is_reported_as_trouble(
    service: Service, written: StringIO
):
    browser = make_browser(service.app, make_user(service.database, service.organisation_id, "case_handler"))
    assert browser.get("/cases").status_code == 200
    with locked(service.database, "audit_event"):
        page = browser.get("/cases")
    assert (page.status_code, page.headers.get("Retry-After")) == (503, "5")
    assert "The database is busy with other work." in page.get_data(as_text=True)
    assert "unexpected_error" not in written.getvalue()


def test_the_limit_per_minute_holds_for_a_process_that_cannot_write(service: Service, monkeypatch: pytest.MonkeyPatch):
    limiter = service.app.extensions["rate_limiter"]
    limiter.limit = 5
    freeze_time(monkeypatch, (now() + timedelta(minutes=2)).replace(second=0))
    with no_writing(service.database):
        codes = [service.client.get("/api/v1/suppliers", headers=service.key).status_code for _ in range(7)]
    assert codes == [200] * 5 + [429] * 2


@pytest.mark.parametrize("make_trouble", [make_read_only, fill_disk])
def test_nothing_is_saved_where_the_database_cannot_be_written(
    service: Service, written: StringIO, make_trouble: Callable[[Service], None]
):
    code = "storage.read_only" if make_trouble is make_read_only else "storage.full"
    assert service.decide().status_code == 200
    make_trouble(service)
    answers = [service.put(f"S-{number}") for number in range(40)]  # the pages of a database have some room left
    check_trouble(answers[-1], code, written)
    assert {answer.status_code for answer in answers} <= {201, 503}
    with service.database.unscoped(write=False) as session:
        assert len(session.scalars(select(Supplier)).all()) == [answer.status_code for answer in answers].count(201)


def test_an_upload_to_a_full_disk_is_refused_and_leaves_no_import(
    service: Service, written: StringIO, monkeypatch: pytest.MonkeyPatch
):
    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        check_trouble(service.upload(), "storage.full", written)
    with service.database.unscoped(write=False) as session:
        assert session.query(Import).count() == 0
    assert service.upload().status_code == 202


@pytest.mark.parametrize("code", ["stored_file.missing", "stored_file.changed"])
def test_a_report_whose_file_is_missing_or_changed_is_trouble_and_not_a_bug(
    service: Service, written: StringIO, tmp_path: Path, code: str
):
    digest = service.app.extensions["blob_store"].put(b"a report")
    file = next(tmp_path.rglob(digest))
    if code == "stored_file.missing":
        file.unlink()
    else:
        file.write_bytes(b"another report")
    result = {"sha256": digest, "media_type": "application/pdf", "file_name": "report.pdf"}
    payload = {"audience": "internal", "worker_derived": False}
    with service.database.for_organisation(service.organisation_id) as session:
        job = Job(id=new_id(), kind="render_report", payload=payload, state="done", result=result, created_by="user:1")
        job.not_before = job.created_at = now()
        session.add(job)
    address = f"/api/v1/reports/{job.id}/file"
    check_trouble(service.client.get(address, headers=service.key), code, written)


@pytest.mark.parametrize("code", ["text.key_missing", "text.changed"])
def test_a_case_whose_text_cannot_be_decrypted_is_trouble_and_not_a_bug(service: Service, written: StringIO, code: str):
    key = make_key(service.database, service.organisation_id, "cases:read", "cases:write")
    finding = {"finding": "papers_held", "phase": "work", "source": "grievance"}
    opened = service.client.post("/api/v1/cases", json={"number": "C-1", "findings": [finding]}, headers=key)
    if code == "text.key_missing":
        service.requests.secret_keys = (b"another key" * 3,)
    else:
        with service.database.unscoped() as session:
            stored = StoredCase.__table__.c
            session.execute(update(StoredCase.__table__).values(number=func.substr(stored.number, 1, 60)))
    check_trouble(service.client.get(f"/api/v1/cases/{opened.json['id']}", headers=key), code, written)


def test_a_damaged_database_file_is_named_as_such(any_app: Flask, sqlite: Callable, tmp_path: Path, written: StringIO):
    with sqlite() as engine:
        service = Service(any_app, Database(engine, SECRET_KEYS), tmp_path)
        service.requests.close()
        with engine.connect() as connection:
            connection.rollback()
            connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        engine.dispose()
        file = Path(engine.url.database)
        file.write_bytes(b"\x00" * 100 + os.urandom(file.stat().st_size - 100))
        check_trouble(service.put(), "database.damaged", written)
        service.requests.close()


@pytest.fixture(scope="module")
def own_server() -> Iterator[Any]:
    """A PostgreSQL server that a test may stop, suspend and start."""
    server = databases.start_server()
    try:
        yield server
    finally:
        server.start()
        server.cleanup()


@pytest.fixture
def service_on_own_server(any_app: Flask, own_server: Any, tmp_path: Path, written: StringIO) -> Iterator[Service]:
    url = make_url(own_server.get_uri()).set(drivername="postgresql+psycopg")
    control = create_engine(url, isolation_level="AUTOCOMMIT")
    with control.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {tmp_path.name}")
    control.dispose()
    engine = open_engine(url.set(database=tmp_path.name).render_as_string(hide_password=False))
    migrate(engine)
    service = Service(any_app, Database(engine, SECRET_KEYS), tmp_path)
    yield service
    service.requests.close()
    engine.dispose()


def test_requests_are_refused_while_postgresql_is_stopped_and_served_once_it_runs_again(
    own_server: Any, service_on_own_server: Service, written: StringIO
):
    service = service_on_own_server
    browser = make_browser(service.app, make_user(service.database, service.organisation_id))
    assert (service.put().status_code, browser.get("/").status_code) == (201, 200)
    own_server.stop()
    check_trouble(service.put(), "database.unavailable", written)
    assert check_trouble(service.decide(), "database.unavailable", written)["decision"] == "ask"
    page = browser.get("/")
    assert (page.status_code, page.mimetype) == (503, "text/html")
    assert "Temporarily unavailable" in page.get_data(as_text=True)
    assert page.headers["Retry-After"]
    assert service.client.get("/health/ready").status_code == 503
    assert service.client.get("/health/live").status_code == 200
    own_server.start()
    assert (service.put().status_code, service.decide().status_code, browser.get("/").status_code) == (200, 200, 200)


@contextmanager
def suspended(processes: list[psutil.Process]) -> Iterator[None]:
    """Processes that do nothing and keep their connections, as when their machine is suspended."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def test_requests_are_refused_while_postgresql_is_suspended_and_served_once_it_goes_on(
    own_server: Any, service_on_own_server: Service, written: StringIO, monkeypatch: pytest.MonkeyPatch
):
    service = service_on_own_server
    monkeypatch.setattr(postgresql_connection, "PAUSE_SECONDS", 0)
    assert service.put().status_code == 201
    postmaster = psutil.Process(own_server.get_pid())
    with suspended([postmaster, *postmaster.children()]):
        check_trouble(service.put(), "database.unavailable", written)  # over a connection that was open
        check_trouble(service.put(), "database.unavailable", written)  # over a new one
    assert service.put().status_code == 200
    with suspended(postmaster.children()):  # what serves the open connections: a new one is served
        assert service.put().status_code == 200


def test_a_server_that_did_not_answer_is_not_asked_by_every_request(
    own_server: Any, service_on_own_server: Service, written: StringIO
):
    service = service_on_own_server
    assert service.put().status_code == 201
    postmaster = psutil.Process(own_server.get_pid())
    with suspended([postmaster, *postmaster.children()]):
        check_trouble(service.put(), "database.unavailable", written)
    check_trouble(service.put(), "database.unavailable", written)


def test_a_statement_that_takes_long_is_waited_for(service_on_own_server: Service):
    with service_on_own_server.requests.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT 'done' FROM pg_sleep(0.5)").scalar() == "done"


def test_a_form_sent_behind_a_lock_gets_a_page_that_says_so(service: Service):
    browser = make_browser(service.app, make_user(service.database, service.organisation_id, "admin"))
    fields = {"csrf_token": form_token(browser), "keep_months": "60"}
    with locked(service.database):
        page = browser.post("/organisation", data=fields)
    assert (page.status_code, page.mimetype, page.headers["Retry-After"]) == (503, "text/html", "5")
    assert "The database is busy with other work." in page.get_data(as_text=True)


@pytest.mark.parametrize("command", ["web", "worker", "scheduler", "migrate"])
@pytest.mark.parametrize("cause", ["damaged", "read-only", "away", "outdated"])
def test_a_process_that_cannot_start_names_the_cause_and_has_an_exit_status_of_its_own(
    command: str,
    cause: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    expected = {
        "damaged": "database damaged",
        "read-only": "storage read-only",
        "away": "database unavailable",
        "outdated": "Run `diligence migrate`",
    }[cause]
    if cause == "damaged":
        (tmp_path / "diligence.db").write_bytes(b"not a database " * 1_000)
    elif cause == "read-only":

        def mkdir(*_: object, **__: object) -> None:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(tmp_path))

        monkeypatch.setattr(Path, "mkdir", mkdir)
    elif cause == "away":
        monkeypatch.setenv("DILIGENCE_DATABASE_URL", "postgresql+psycopg://ana:secret@127.0.0.1:1/none")
    elif command == "migrate":
        return
    assert cli.main([command, "--data", str(tmp_path)]) == 69
    message = capsys.readouterr().err
    assert expected in message
    assert "secret" not in message
    assert message.count("\n") == 1
