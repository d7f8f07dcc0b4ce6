"""Make the audit trail append-only, in the database itself."""

from __future__ import annotations


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
            "CREATE FUNCTION audit_event_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF TG_OP = 'DELETE' THEN IF NOT {organisation_exists} THEN RETURN OLD; END IF; END IF; "
            f"RAISE EXCEPTION '{refusal}'; END $$",
            "CREATE TRIGGER audit_event_no_change BEFORE UPDATE OR DELETE ON audit_event "
            "FOR EACH ROW EXECUTE FUNCTION audit_event_is_kept()",
            "CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON audit_event "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_event_is_kept()",
        ]
    raise ValueError(f"unsupported kind of database: {dialect}")
