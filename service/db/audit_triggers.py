"""Make the audit trail append-only, in the database itself."""

from __future__ import annotations

import re

from sqlalchemy import Connection


def ddl(dialect: str) -> list[str]:
    """Return the statements that make ``audit_event`` append-only on ``sqlite`` or ``postgresql``.

    An event can be removed only once its organisation is: the cascade comes after the organisation's own row is removed.
    """
    refusal = "audit events are append-only"
    organisation_exists = "EXISTS (SELECT 1 FROM organisation WHERE id = OLD.organisation_id)"
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON audit_event BEGIN SELECT RAISE(ABORT, '{refusal}'); END",
            f"CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event WHEN {organisation_exists} "
            f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END",
            # INSERT OR REPLACE removes the row it replaces without firing the delete trigger.
            "CREATE TRIGGER audit_event_no_replace BEFORE INSERT ON audit_event "
            "WHEN EXISTS (SELECT 1 FROM audit_event WHERE id = NEW.id) "
            f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END",
        ]
    if dialect == "postgresql":
        return [
            "CREATE OR REPLACE FUNCTION audit_event_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF TG_OP = 'DELETE' THEN IF NOT {organisation_exists} THEN RETURN OLD; END IF; END IF; "
            f"RAISE EXCEPTION '{refusal}'; END $$",
            "CREATE TRIGGER audit_event_no_change BEFORE UPDATE OR DELETE ON audit_event "
            "FOR EACH ROW EXECUTE FUNCTION audit_event_is_kept()",
            "CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON audit_event "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_event_is_kept()",
        ]
    raise ValueError(f"unsupported kind of database: {dialect}")


def list_missing(connection: Connection) -> list[str]:
    """Return the names of the triggers that are missing or switched off, in the order of ``ddl``."""
    dialect = connection.dialect.name
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_event'"
        if dialect == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE tgrelid = 'audit_event'::regclass AND tgenabled IN ('O', 'A')"
    )
    present = set(connection.exec_driver_sql(query).scalars())
    return [name for name in _list_triggers(dialect) if name not in present]


def restore(connection: Connection) -> None:
    """Create every trigger anew."""
    dialect = connection.dialect.name
    for name in _list_triggers(dialect):
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}{'' if dialect == 'sqlite' else ' ON audit_event'}")
    for statement in ddl(dialect):
        connection.exec_driver_sql(statement)


def _list_triggers(dialect: str) -> list[str]:
    return [match[1] for statement in ddl(dialect) if (match := re.match(r"CREATE TRIGGER (\w+)", statement))]
