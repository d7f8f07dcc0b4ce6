"""Fixtures of the service tests: an empty database, and the application on it.

`database` is each kind of database in turn; where a test goes through the application it is SQLite alone, for the sake of
time: what the application does with a database is tested below it on both. People, keys and browsers are made by the
functions of `callers.py`.
"""

import logging
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import databases
import pytest
from api_contract import watch
from argon2 import PasswordHasher
from examples import TIMES
from flask import Flask

from service.auth import passwords
from service.blob_store.folder import FolderStore
from service.db.session import Database
from service.log import configure_logging
from service.settings import Settings
from service.wiring.app import connect, create_app
from service.wiring.processes import migrate_database


class StandardError(StringIO):
    """Standard error of the running test: pytest replaces `sys.stderr` for each test."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)


@pytest.fixture(scope="session", autouse=True)
def log() -> None:
    """The log as in production, from warnings up, so that the captured output of a failed test shows why."""
    configure_logging("WARNING", StandardError())


QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[databases.Empty]:
    """A factory of empty SQLite databases."""
    with databases.sqlite(tmp_path_factory.mktemp("sqlite")) as empty:
        yield empty


@pytest.fixture(scope="session")
def postgresql() -> Iterator[databases.Empty]:
    """A factory of empty databases on a PostgreSQL server of this run."""
    with databases.postgresql() as empty:
        yield empty


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Which kinds of database a test runs on. Slow tests name the one they run on in the suite; with --long it is both."""
    if "database" in metafunc.fixturenames:
        through_app = {"app", "new_app"} & set(metafunc.fixturenames)
        kinds = databases.KINDS[:1] if through_app else databases.KINDS
        suite = metafunc.definition.get_closest_marker("suite")
        if TIMES == 1 and suite is not None:
            kinds = suite.args
        metafunc.parametrize("database", kinds, indirect=True)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty database with every table and trigger."""
    empty: databases.Empty = request.getfixturevalue(request.param)
    with empty() as engine:
        yield databases.connect(engine)


@pytest.fixture(scope="session")
def migrated_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as `diligence migrate` leaves it, to be copied."""
    folder = tmp_path_factory.mktemp("migrated") / "data"
    migrate_database(Settings(data=folder))
    return folder


@pytest.fixture
def sqlite_database(sqlite: databases.Empty) -> Iterator[Database]:
    """An empty SQLite database, for a test to which the kind of database makes no difference."""
    with sqlite() as engine:
        yield Database(engine, databases.SECRET_KEYS)


@pytest.fixture
def blobs(tmp_path: Path) -> FolderStore:
    """Return a blob store in a folder of the test."""
    return FolderStore(tmp_path / "blobs", databases.SECRET_KEYS)


@pytest.fixture(scope="session")
def shared_app(sqlite: databases.Empty, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, list[str]]]:
    """The application of this run, and the differences between its responses and the OpenAPI document."""
    with sqlite() as engine:
        application = create_app(Settings(data=tmp_path_factory.mktemp("app"), plain_http=True), Database(engine))
        yield application, watch(application)


@pytest.fixture
def served(shared_app: tuple[Flask, list[str]], database: Database, tmp_path: Path) -> Iterator[Flask]:
    """The application over that database, of each kind, as it is served without TLS on this machine. Each response of its API
    must be as the OpenAPI document says: a field that is returned and not declared fails the test.

    All tests share it, since creating its routes takes longer than most of them: a test that adds a route or counts responses
    takes `new_app`.
    """
    application, faults = shared_app
    connect(application, Settings(data=tmp_path, plain_http=True), database)
    faults.clear()
    yield application
    assert not faults


@pytest.fixture
def app(served: Flask) -> Flask:
    """The application, where the kind of database makes no difference."""
    return served


@pytest.fixture
def new_app(database: Database, tmp_path: Path) -> Flask:
    """An application of the test's own, to which it may add routes, and whose responses it counts."""
    return create_app(Settings(data=tmp_path, plain_http=True), database)


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that take no time, where the test is not about them."""
    monkeypatch.setattr(passwords, "HASHER", QUICK)
    monkeypatch.setattr(passwords, "DUMMY_HASH", QUICK.hash("nobody"))


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What is written to the log."""
    root, stream = logging.getLogger(), StringIO()
    handlers, level = root.handlers, root.level
    configure_logging(stream=stream)
    yield stream
    root.handlers, root.level = handlers, level
