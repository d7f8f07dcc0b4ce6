"""Insert and update many rows below the object-relational layer, which spends as much time on a row as the database itself.

The filter of the session does not see these statements, so they name the organisation themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Connection, Table
from sqlalchemy.orm import Session, class_mapper

from service.db.session import UNSCOPED, MissingOrganisation, UnfilteredStatement
from service.db.tables import Owned

OWNER = "organisation_id"
Rows = Sequence[Mapping[str, Any]]


def insert_rows(session: Session, owned: type[Owned], rows: Rows) -> None:
    """Insert rows of the session's organisation into a table. All rows have the same columns; the others get what the database
    sets, since defaults of the class are not applied.

    Raises MissingOrganisation if the session has no organisation, or a row another one, and UnfilteredStatement if the session
    may only read.
    """
    organisation_id = _get_organisation(session, owned)
    if not rows:
        return
    if OWNER in rows[0] and any(row[OWNER] != organisation_id for row in rows):
        raise MissingOrganisation("rows of another organisation cannot be inserted")
    connection, table = session.connection(), cast(Table, class_mapper(owned).local_table)
    names = [OWNER, *(name for name in rows[0] if name != OWNER)]
    quoted, placeholder = _quote(connection, names), _get_placeholder(connection)
    values = [[organisation_id] * len(rows), *_convert(connection, table, rows, names[1:])]
    statement = (
        f"INSERT INTO {_quote(connection, [table.name])[0]} ({', '.join(quoted)}) "
        f"VALUES ({', '.join([placeholder] * len(names))})"
    )
    connection.exec_driver_sql(statement, list(zip(*values, strict=True)))


def update_rows(session: Session, owned: type[Owned], rows: Rows) -> None:
    """Update rows of the session's organisation by their ``id``. All rows have the same columns. Objects that the session has
    loaded do not change.

    Raises MissingOrganisation if the session has no organisation, and UnfilteredStatement if it may only read.
    """
    organisation_id = _get_organisation(session, owned)
    if not rows:
        return
    connection, table = session.connection(), cast(Table, class_mapper(owned).local_table)
    names = [name for name in rows[0] if name != "id"]
    placeholder = _get_placeholder(connection)
    changes = ", ".join(f"{column} = {placeholder}" for column in _quote(connection, names))
    values = [*_convert(connection, table, rows, [*names, "id"]), [organisation_id] * len(rows)]
    statement = f"UPDATE {_quote(connection, [table.name])[0]} SET {changes} WHERE id = {placeholder} AND {OWNER} = {placeholder}"
    connection.exec_driver_sql(statement, list(zip(*values, strict=True)))


def _get_organisation(session: Session, owned: type[Owned]) -> str:
    organisation_id: str | None = session.info.get(OWNER)
    if organisation_id is None or organisation_id == UNSCOPED:
        raise MissingOrganisation(f"{owned.__name__} cannot be written in a session without an organisation")
    if session.info.get("only_reads"):
        raise UnfilteredStatement("a write was attempted in a read-only session")
    return organisation_id


def _convert(connection: Connection, table: Table, rows: Rows, names: Sequence[str]) -> list[list[Any]]:
    """Return the values of rows as the driver takes them, column by column."""
    columns = []
    for name in names:
        values = [row[name] for row in rows]
        to_stored = table.c[name].type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
        if to_stored is None:
            columns.append(values)
        elif all(value is values[0] for value in values):  # such as the moment of an import
            columns.append([to_stored(values[0])] * len(rows))
        else:
            columns.append(list(map(to_stored, values)))
    return columns


def _quote(connection: Connection, names: Sequence[str]) -> list[str]:
    return list(map(connection.dialect.identifier_preparer.quote, names))


def _get_placeholder(connection: Connection) -> str:
    return "?" if connection.dialect.paramstyle == "qmark" else "%s"
