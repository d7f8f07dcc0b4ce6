"""Row security of PostgreSQL: a barrier between organisations below the filter of the session (session.py), in the database.

Three roles: the owner of the tables, for migrations; the system role, for work across organisations such as signing in, the
queue of jobs and the commands; and the application role, for everything that is done for one organisation. It owns nothing, and
reads and writes only rows of the organisation that its transaction has named in ``SETTING``. The three may be one and the same
role: then a transaction that has named an organisation still reaches nothing else, but SQL in it could name another or none.

``diligence migrate`` protects every table after each upgrade, so that a new one needs nothing of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import URL, Connection
from sqlalchemy.exc import ProgrammingError

SETTING = "diligence.organisation"
CHOOSE_ORGANISATION = f"SELECT set_config('{SETTING}', %s, true)"  # until the transaction ends
OWN_ROWS, ALL_ROWS = "rows_of_organisation", "all_organisations"  # the policies of a table
# Tables that belong to no organisation. The application role may not use them at all.
WITHOUT_ORGANISATION: Mapping[str, str] = {
    "alembic_version": "the revision of the schema",
    "heartbeat": "the loops of the processes, which work for all organisations",
    "sign_in_attempt": "sign-in attempts, counted before the user is known; addresses are hashed",
    "system_event": "events of the installation, such as the erasure of an organisation",
}
MIN_VERSION_OF_MAINTAIN = 170_000  # the first PostgreSQL on which a role that is not the owner can be allowed to vacuum
TABLES = """
    SELECT c.relname AS name, pg_get_userbyid(c.relowner) AS owner, c.relrowsecurity AND c.relforcerowsecurity AS is_forced,
        CASE WHEN c.relname = 'organisation' THEN 'id' ELSE a.attname END AS owner_column
    FROM pg_class c LEFT JOIN pg_attribute a
        ON a.attrelid = c.oid AND a.attname = 'organisation_id' AND NOT a.attisdropped
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
    ORDER BY c.relname
"""
POLICIES = """
    SELECT c.relname, p.polname, array_agg(pg_get_userbyid(r.oid)::text)
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid CROSS JOIN unnest(p.polroles) AS r (oid)
    WHERE c.relnamespace = current_schema()::regnamespace GROUP BY c.relname, p.polname
"""
RIGHTS = """
    SELECT c.relname, has_table_privilege(%s, c.oid, 'INSERT') FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
"""
# Whether the current role is bound by the policy of one organisation only.
IS_EFFECTIVE = f"""
    SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls))
        AND EXISTS (SELECT FROM pg_policy WHERE polname = '{OWN_ROWS}')
        AND NOT EXISTS (
            SELECT FROM pg_policy p CROSS JOIN unnest(p.polroles) AS r (oid)
            WHERE p.polname = '{ALL_ROWS}' AND pg_has_role(current_user, r.oid, 'MEMBER')
        )
"""


# Whether the current role has been given the rows of organisations.
IS_PREPARED = f"""
    SELECT EXISTS (
        SELECT FROM pg_policy p CROSS JOIN unnest(p.polroles) AS r (oid)
        WHERE p.polname = '{OWN_ROWS}' AND pg_has_role(current_user, r.oid, 'USAGE')
    )
"""


class RowSecurityError(Exception):
    """The reason why the tables cannot be protected, in a sentence that says what to do."""


class _Table(NamedTuple):
    name: str
    owner: str
    is_forced: bool
    owner_column: str | None


def protect(connection: Connection, application: URL | None = None, system: URL | None = None) -> None:
    """Protect every table of a PostgreSQL database, and give both roles what they need; what is protected already stays.

    ``application`` and ``system``: addresses with the names of the roles, None for the owner. A role that does not exist is
    created with the password of its address. Raises RowSecurityError.
    """
    tables = [_Table(*row) for row in connection.exec_driver_sql(TABLES)]
    if not tables:
        return
    owner = tables[0].owner
    application_role, system_role = (_find_role(connection, url, owner) for url in (application, system))
    policies = {(table, name): set(roles) for table, name, roles in connection.exec_driver_sql(POLICIES)}
    for table in tables:
        if table.owner_column is None:
            continue
        name = _quote(connection, table.name)
        if not table.is_forced:
            connection.exec_driver_sql(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        chosen = f"current_setting('{SETTING}', true)"
        wanted = {
            OWN_ROWS: ({application_role}, f"{table.owner_column} = {chosen}"),
            # As a subquery it is evaluated once for a statement and not for each row.
            ALL_ROWS: ({owner, system_role}, f"(SELECT coalesce({chosen}, '') = '')"),
        }
        for policy, (roles, condition) in wanted.items():
            present = policies.get((table.name, policy))
            to = ", ".join(_quote(connection, role) for role in sorted(roles))
            if present is None:
                connection.exec_driver_sql(f"CREATE POLICY {policy} ON {name} TO {to} USING ({condition})")
            elif present != roles:
                connection.exec_driver_sql(f"ALTER POLICY {policy} ON {name} TO {to}")
    if system_role != owner and not all(_list_rights(connection, system_role).values()):
        _grant_to_system(connection, system_role)
    allowed = {table.name: table.owner_column is not None for table in tables}
    if application_role not in (owner, system_role) and _list_rights(connection, application_role) != allowed:
        _grant_to_application(connection, application_role, tables)


def find_unprotected(connection: Connection) -> list[str]:
    """Return the names of the tables with rows of organisations that lack a policy, or on which they are not enforced."""
    policies = {(table, name) for table, name, _ in connection.exec_driver_sql(POLICIES)}
    return [
        table.name
        for table in (_Table(*row) for row in connection.exec_driver_sql(TABLES))
        if table.owner_column is not None
        and not (table.is_forced and {(table.name, OWN_ROWS), (table.name, ALL_ROWS)} <= policies)
    ]


def is_effective(connection: Connection) -> bool:
    """Return whether the role of a connection reaches only rows of one organisation, whatever SQL it executes."""
    return bool(connection.exec_driver_sql(IS_EFFECTIVE).scalar_one())


def is_prepared(connection: Connection) -> bool:
    """Return whether ``protect`` has been called with the role of a connection as the application role."""
    return bool(connection.exec_driver_sql(IS_PREPARED).scalar_one())


def _quote(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)


def _find_role(connection: Connection, url: URL | None, owner: str) -> str:
    """Return the role of an address; it is created if there is none."""
    if url is None or url.username is None:
        return owner
    query = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)"
    if not connection.exec_driver_sql(query, (url.username,)).scalar_one():
        _create_role(connection, url.username, url.password)
    return url.username


def _create_role(connection: Connection, name: str, password: str | None) -> None:
    with_password = ""
    if password:
        # Hashed here, as the server may log the statement.
        server = connection.connection.driver_connection.pgconn  # type: ignore[union-attr]
        hashed = server.encrypt_password(str(password).encode(), name.encode()).decode()
        with_password = f" PASSWORD '{hashed}'"
    try:
        connection.exec_driver_sql(f"CREATE ROLE {_quote(connection, name)} LOGIN{with_password}")
    except ProgrammingError as error:
        raise RowSecurityError(
            f"The database has no role {name}, and this role is not allowed to create it. Ask a database administrator to "
            f"create it: CREATE ROLE {_quote(connection, name)} LOGIN PASSWORD '...'"
        ) from error


def _list_rights(connection: Connection, role: str) -> dict[str, bool]:
    """Return the names of all tables, each with whether a role may write to it."""
    return {name: bool(may_write) for name, may_write in connection.exec_driver_sql(RIGHTS, (role,))}


def _grant_to_system(connection: Connection, role: str) -> None:
    version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
    if version < MIN_VERSION_OF_MAINTAIN:
        raise RowSecurityError(
            "Before PostgreSQL 17, only the owner of the tables can vacuum them, which removes what is left of "
            "deleted rows. Set "
            "DILIGENCE_SYSTEM_DATABASE_URL to the URL for the owner, and leave out DILIGENCE_OWNER_DATABASE_URL."
        )
    schema, to = _get_schema(connection), _quote(connection, role)
    for rights in (
        f"USAGE ON SCHEMA {schema}",
        f"SELECT, INSERT, UPDATE, DELETE, MAINTAIN ON ALL TABLES IN SCHEMA {schema}",
        f"USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {schema}",
    ):
        connection.exec_driver_sql(f"GRANT {rights} TO {to}")


def _grant_to_application(connection: Connection, role: str, tables: list[_Table]) -> None:
    schema, to = _get_schema(connection), _quote(connection, role)
    owned = ", ".join(_quote(connection, table.name) for table in tables if table.owner_column is not None)
    # First what it may have from a time when it was the system role.
    connection.exec_driver_sql(f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {to}")
    connection.exec_driver_sql(f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA {schema} FROM {to}")
    for rights in (
        f"USAGE ON SCHEMA {schema}",
        f"SELECT, INSERT, UPDATE, DELETE ON {owned}",
        f"USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema}",
    ):
        connection.exec_driver_sql(f"GRANT {rights} TO {to}")


def _get_schema(connection: Connection) -> str:
    return _quote(connection, str(connection.exec_driver_sql("SELECT current_schema()").scalar_one()))
