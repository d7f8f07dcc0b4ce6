"""Schema migrations: each revision is a file in ``versions`` that upgrades a database from the revision before it.

After a change to the tables: ``python -m alembic revision --autogenerate -m "what changed"`` in a checkout, against a database
that is up to date, and read what it wrote.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

# One migration at a time: on PostgreSQL the second of two processes waits here for the first (SQLite locks by itself).
LOCK = 4_121_020


def migrate(engine: Engine) -> str | None:
    """Upgrade a database to the newest revision in one transaction; return the revision it had before, None if it was empty."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        before = _read_revision(connection)
        config = _build_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before


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
