"""Remove what a database keeps of deleted rows.

SQLite overwrites deleted content in its file (``secure_delete``), but its write-ahead log still has the earlier pages. PostgreSQL
keeps deleted rows until they are vacuumed.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy import Engine

from service.db.tables import Base


class RowsNotRemoved(Exception):
    """A SQLite database is being read, or its disk is full: its write-ahead log cannot be emptied now."""


def remove_deleted_rows(engine: Engine) -> None:
    """Empty the write-ahead log of a SQLite database; vacuum one of PostgreSQL.

    Raises RowsNotRemoved on SQLite; nothing is lost, and it may be tried again.
    """
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            quote = connection.dialect.identifier_preparer.format_table
            connection.exec_driver_sql(f"VACUUM {', '.join(quote(table) for table in Base.metadata.sorted_tables)}")
    else:
        _empty_log(engine)


def _empty_log(engine: Engine) -> None:
    connection = engine.raw_connection()  # outside of a transaction
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        is_busy, *_ = cursor.fetchall()[0]
    except sqlite3.OperationalError as error:
        raise RowsNotRemoved from error
    finally:
        connection.close()
    if is_busy:
        raise RowsNotRemoved
