"""The schema by steps: each revision is a file in ``versions`` that brings a database from the one before to its own.

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

# One at a time: on PostgreSQL the second of two who start at once waits here for the first (SQLite locks by itself).
LOCK = 4_121_020


def migrate(engine: Engine) -> str | None:
    """Brings a database up to date, in one transaction; the revision it had before (None: it was empty)."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        before = _read_revision(connection)
        config = _build_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before


def get_revision(engine: Engine) -> str | None:
    """The revision of a database; None where it is empty."""
    with engine.connect() as connection:
        return _read_revision(connection)


def get_newest_revision() -> str | None:
    """The revision that this version of the service works with."""
    return ScriptDirectory.from_config(_build_config()).get_current_head()


def _build_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def _read_revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
