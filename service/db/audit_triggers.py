"""Make the audit trail and its chains append-only, in the database itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlalchemy import Connection

REFUSAL = "audit events are append-only"
EVENT_COLUMNS = ("id", "organisation_id", "at", "actor", "action", "object_type", "object_id")
LINK_COLUMNS = ("organisation_id", "number", "event_id", "digest", "hash")
# What a new row may not take the place of: INSERT OR REPLACE of SQLite fires no trigger for the row that it replaces.
TAKEN: Mapping[str, str] = {
    "audit_event": "id = NEW.id",
    "audit_link": "(organisation_id = NEW.organisation_id AND number = NEW.number) OR event_id = NEW.event_id",
    "system_event": "number = NEW.number",
}


def ddl(dialect: str) -> list[str]:
    """Return the statements that make ``audit_event`` append-only on ``sqlite`` or ``postgresql``.

    An event can be removed only once its organisation is: the cascade comes after the organisation's own row is removed. Its
    details can be erased, and nothing else about it can be changed.
    """
    return _protect("audit_event", dialect, _is_erasure("details", "{}", EVENT_COLUMNS, dialect))


def chain_ddl(dialect: str) -> list[str]:
    """Return the statements that make the tables of the chains append-only likewise; of a link, the salt can be erased."""
    return [
        *_protect("audit_link", dialect, _is_erasure("salt", None, LINK_COLUMNS, dialect)),
        *_protect("system_event", dialect, None),
    ]


def _is_erasure(column: str, erased: str | None, others: tuple[str, ...], dialect: str) -> str:
    """Return the condition for an update that erases one column and leaves the others as they are."""
    same = "IS" if dialect == "sqlite" else "IS NOT DISTINCT FROM"
    text = column if dialect == "sqlite" else f"{column}::text"
    becomes = f"NEW.{column} IS NULL" if erased is None else f"NEW.{text} = '{erased}'"
    return " AND ".join([becomes, *(f"NEW.{other} {same} OLD.{other}" for other in others)])


def _protect(table: str, dialect: str, allowed_update: str | None) -> list[str]:
    """Return the triggers of a table. ``allowed_update``: None for a table that belongs to no organisation either."""
    kept = "TRUE"
    if allowed_update is not None:
        kept = "EXISTS (SELECT 1 FROM organisation WHERE id = OLD.organisation_id)"
    refused_update = f"NOT ({allowed_update})" if allowed_update else "TRUE"
    if dialect == "sqlite":
        abort = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        return [
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} WHEN {refused_update} {abort}",
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} WHEN {kept} {abort}",
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {TAKEN[table]}) {abort}",
        ]
    if dialect == "postgresql":
        return [
            f"CREATE OR REPLACE FUNCTION {table}_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF TG_OP = 'DELETE' THEN IF NOT {kept} THEN RETURN OLD; END IF; END IF; "
            f"IF TG_OP = 'UPDATE' THEN IF NOT {refused_update} THEN RETURN NEW; END IF; END IF; "
            f"RAISE EXCEPTION '{REFUSAL}'; END $$",
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION {table}_is_kept()",
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_kept()",
        ]
    raise ValueError(f"unsupported kind of database: {dialect}")


def list_missing(connection: Connection) -> list[str]:
    """Return the names of the triggers that are missing or switched off, in the order of ``ddl`` and ``chain_ddl``."""
    dialect = connection.dialect.name
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if dialect == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A')"
    )
    present = set(connection.exec_driver_sql(query).scalars())
    return [name for name, _ in _list_triggers(dialect) if name not in present]


def restore(connection: Connection) -> None:
    """Create every trigger anew."""
    dialect = connection.dialect.name
    for name, table in _list_triggers(dialect):
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}{'' if dialect == 'sqlite' else f' ON {table}'}")
    for statement in (*ddl(dialect), *chain_ddl(dialect)):
        connection.exec_driver_sql(statement)


def _list_triggers(dialect: str) -> list[tuple[str, str]]:
    """Return the names of all triggers, each with its table."""
    pattern = re.compile(r"CREATE TRIGGER (\w+) BEFORE [A-Z ]+ ON (\w+)")
    return [(match[1], match[2]) for line in (*ddl(dialect), *chain_ddl(dialect)) if (match := pattern.match(line))]
