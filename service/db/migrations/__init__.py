"""Schema migrations: each revision is a file in ``versions`` that upgrades a database from the revision before it.

After a change to the tables: ``python -m alembic revision --autogenerate -m "what changed"`` in a checkout, against a database
that is up to date, and read what it wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import URL, Connection, Engine

from service.db import row_security
from service.db.deleted_rows import RowsNotRemoved, remove_deleted_rows

# One migration at a time: on PostgreSQL the second of two processes waits here for the first (SQLite locks by itself).
LOCK = 4_121_020


class MissingKeys(Exception):
    """Raised by a revision that encrypts stored texts if it was given no secret keys; the message is a sentence that says so."""


def migrate(
    engine: Engine, application: URL | None = None, system: URL | None = None, secret_keys: Sequence[bytes] = ()
) -> str | None:
    """Upgrade a database to the newest revision; return the revision it had before, None if it was empty.

    ``secret_keys``: newest first, for a revision that encrypts stored texts; it reads them from the execution options of its
    connection, and raises MissingKeys without them if there are any texts.

    On PostgreSQL every table is then protected by row security for the roles of the addresses ``application`` and ``system``, by
    default the owner (row_security.py). Raises RowSecurityError.

    It takes one transaction, unless a revision has ``fill`` (what it does with stored rows, portion by portion): then the
    revisions before it, each portion, and the revisions from it on. If it is interrupted it continues at the next start.
    """
    is_filled = False
    with _lock_migrations(engine):
        before = get_revision(engine)
        for revision in _list_pending(before):
            if hasattr(revision.module, "fill"):
                _upgrade(engine, str(revision.down_revision))
                while _fill_portion(engine, revision, secret_keys):
                    is_filled = True
        _upgrade(engine, "head")
        if engine.dialect.name == "postgresql":
            with engine.begin() as connection:
                row_security.protect(connection, application, system)
    if is_filled:  # the texts as they were before must not stay in what the database keeps of changed rows
        with suppress(RowsNotRemoved):  # somebody reads it; SQLite empties its log when the last process closes it
            remove_deleted_rows(engine)
    return before


@contextmanager
def _lock_migrations(engine: Engine) -> Iterator[None]:
    if engine.dialect.name != "postgresql":
        yield
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK})")
        try:
            yield
        finally:
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({LOCK})")


def _list_pending(before: str | None) -> list[Script]:
    scripts = ScriptDirectory.from_config(_build_config())
    pending = scripts.iterate_revisions("head", before or "base")
    return [script for script in reversed(list(pending)) if script.revision != before]


def _fill_portion(engine: Engine, revision: Script, secret_keys: Sequence[bytes]) -> bool:
    with engine.begin() as connection:
        connection.execution_options(secret_keys=secret_keys)
        # Another process may have migrated the same SQLite database in the meantime.
        return _read_revision(connection) == revision.down_revision and bool(revision.module.fill(connection))


def _upgrade(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        config = _build_config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def get_revision(engine: Engine) -> str | None:
    """Return the revision of a database; None if it is empty."""
    with engine.connect() as connection:
        return _read_revision(connection)


def get_newest_revision() -> str | None:
    """Return the revision that this version of the service works with."""
    return ScriptDirectory.from_config(_build_config()).get_current_head()


def _build_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def _read_revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
