"""Row security of PostgreSQL: raw SQL in the application role reaches no row of another organisation."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import databases
import pytest
from callers import make_organisation
from full_organisation import create_full_organisation
from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.exc import DBAPIError

from service.backup import create_backup, restore_backup
from service.blob_store.folder import FolderStore
from service.clock import now
from service.db import row_security
from service.db.migrations import migrate
from service.db.row_security import CHOOSE_ORGANISATION, RowSecurityError, is_effective
from service.db.session import Database
from service.db.tables import Base, Organisation
from service.erasure.organisation import erase_organisation
from service.integrity.check import find_inconsistencies
from service.settings import Settings
from service.wiring.processes import OutdatedDatabase, log_row_security, migrate_database, open_current_database

READS = {
    "a select": "SELECT id FROM supplier WHERE organisation_id <> '{ours}'",
    "a join": "SELECT s.id FROM supplier s JOIN result r ON r.supplier_id = s.id AND r.organisation_id <> '{ours}'",
    "an outer join": "SELECT s.id FROM organisation o LEFT JOIN supplier s ON true WHERE s.organisation_id <> '{ours}'",
    "a union": "SELECT id FROM result WHERE organisation_id = '{theirs}' UNION SELECT '{ours}' WHERE false",
    "a row lock": "SELECT id FROM supplier WHERE organisation_id = '{theirs}' FOR UPDATE",
    "a function that executes SQL": (
        "SELECT word FROM ts_stat('SELECT to_tsvector(id) FROM supplier WHERE organisation_id <> ''{ours}''')"
    ),
    "a table function": "SELECT id FROM supplier, json_each(supplier.answers) WHERE organisation_id = '{theirs}'",
    "statistics": "SELECT most_common_vals FROM pg_stats WHERE tablename = 'supplier'",
    "an update": "UPDATE supplier SET name = 'x' WHERE organisation_id = '{theirs}' RETURNING id",
    "a delete": "DELETE FROM result WHERE organisation_id = '{theirs}' RETURNING id",
    "a delete of the organisation": "DELETE FROM organisation WHERE id = '{theirs}' RETURNING id",
    "a delete in a subquery": "WITH gone AS (DELETE FROM supplier WHERE id <> '' AND organisation_id <> '{ours}' "
    "RETURNING id) SELECT * FROM gone",
}  # fmt: skip
REFUSED = {
    "an insert": "INSERT INTO supplier_word VALUES ('{theirs}', 'site', 'x', 'x')",
    "moving a row": "UPDATE supplier SET organisation_id = '{theirs}'",
    "copying in": "COPY supplier_word FROM STDIN",
    "emptying a table": "TRUNCATE supplier_word",
    "switching row security off": "SET row_security = off; SELECT * FROM supplier",
    "becoming the owner": "SET ROLE postgres",
    "a session of the owner": "SET SESSION AUTHORIZATION postgres",
    "disabling it": "ALTER TABLE supplier DISABLE ROW LEVEL SECURITY",
    "not enforcing it": "ALTER TABLE supplier NO FORCE ROW LEVEL SECURITY",
    "dropping a policy": "DROP POLICY rows_of_organisation ON supplier",
    "changing a policy": "ALTER POLICY rows_of_organisation ON supplier USING (true)",
    "adding a policy": "CREATE POLICY mine ON supplier USING (true)",
    "taking the table": "ALTER TABLE supplier OWNER TO diligence_app",
    "dropping a table": "DROP TABLE supplier CASCADE",
    "a function in the role of another": "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
    "a trigger": "DROP TRIGGER audit_event_no_change ON audit_event",
    "replicating": "SET session_replication_role = replica",
    "what belongs to no organisation": "SELECT * FROM sign_in_attempt",
    "events of the installation": "SELECT * FROM system_event",
}


@pytest.fixture(scope="module")
def crossing(
    postgresql: databases.Empty, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, str, str]]:
    """A database with two organisations that have rows in every table; their ids."""
    blobs = FolderStore(tmp_path_factory.mktemp("blobs"))
    with postgresql() as engine:
        database = databases.connect(engine)
        ours, theirs = (create_full_organisation(database, blobs, name) for name in ("Harbour Foods", "Quay Trading"))
        yield database, ours, theirs


@contextmanager
def in_organisation(database: Database, organisation_id: str | None) -> Iterator[Connection]:
    """A transaction in the application role, in which an organisation is named or none; it is not committed."""
    with database.application.connect() as connection:
        if organisation_id is not None:
            connection.exec_driver_sql(CHOOSE_ORGANISATION, (organisation_id,))
        yield connection


def count_rows(connection: Connection, table: str, condition: str = "true") -> int:
    return int(connection.exec_driver_sql(f'SELECT count(*) FROM "{table}" WHERE {condition}').scalar_one())


def test_every_table_has_rows_of_organisations_that_are_separated_or_is_listed(crossing: tuple[Database, str, str]):
    database, _, _ = crossing
    with database.engine.connect() as connection:
        assert row_security.find_unprotected(connection) == []
        policies = {table for table, _, _ in connection.exec_driver_sql(row_security.POLICIES)}
    tables = {table.name for table in Base.metadata.sorted_tables} | {"alembic_version"}
    assert tables - policies == row_security.WITHOUT_ORGANISATION.keys()


def test_every_table_shows_the_rows_of_the_organisation_that_is_named_and_no_others(
    crossing: tuple[Database, str, str],
):
    database, ours, theirs = crossing
    tables = [table for table in Base.metadata.sorted_tables if table.name not in row_security.WITHOUT_ORGANISATION]
    with database.engine.connect() as everything, in_organisation(database, ours) as connection:
        for table in tables:
            column = "id" if table.name == "organisation" else "organisation_id"
            own = count_rows(everything, table.name, f"{column} = '{ours}'")
            assert count_rows(connection, table.name) == own, table.name
    with in_organisation(database, None) as connection:
        assert sum(count_rows(connection, table.name) for table in tables) == 0
    with in_organisation(database, "' OR true --") as connection:
        assert sum(count_rows(connection, table.name) for table in tables) == 0


@pytest.mark.parametrize("form", READS)
def test_raw_sql_in_the_transaction_of_an_organisation_reaches_no_other(crossing: tuple[Database, str, str], form: str):
    database, ours, theirs = crossing
    statement = READS[form].format(ours=ours, theirs=theirs)
    with in_organisation(database, ours) as connection:
        assert connection.execute(text(statement)).all() == []
    with (
        database.engine.connect() as connection
    ):  # the statement is one that finds something where nothing holds it back
        assert connection.execute(text(statement)).all() != [] or form == "statistics"


def test_copying_out_copies_own_rows_only(crossing: tuple[Database, str, str]):
    database, ours, theirs = crossing
    with in_organisation(database, ours) as connection:
        cursor = connection.connection.cursor()
        with cursor.copy("COPY (SELECT * FROM supplier) TO STDOUT") as lines:  # type: ignore[attr-defined]
            copied = b"".join(bytes(line) for line in lines)
    assert ours.encode() in copied
    assert theirs.encode() not in copied


@pytest.mark.parametrize("form", REFUSED)
def test_the_application_role_is_refused(crossing: tuple[Database, str, str], form: str):
    database, ours, theirs = crossing
    with in_organisation(database, ours) as connection, pytest.raises(DBAPIError) as refusal:
        connection.exec_driver_sql(REFUSED[form].format(ours=ours, theirs=theirs))
    assert type(refusal.value.orig).__name__ in ("InsufficientPrivilege", "FeatureNotSupported")


def test_the_application_role_owns_nothing(crossing: tuple[Database, str, str]):
    database, _, _ = crossing
    with in_organisation(database, None) as connection:
        assert is_effective(connection)
        owned = "SELECT count(*) FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid AND d.deptype = 'o' "
        assert connection.exec_driver_sql(f"{owned} WHERE r.rolname = current_user").scalar_one() == 0


def test_the_name_of_the_organisation_ends_with_its_transaction(crossing: tuple[Database, str, str]):
    database, ours, theirs = crossing
    for organisation_id in (ours, theirs):
        with database.for_organisation(organisation_id) as session:
            assert session.connection().exec_driver_sql("SELECT id FROM organisation").scalars().all() == [
                organisation_id
            ]
    with database.application.connect() as connection:
        assert count_rows(connection, "organisation") == 0


def test_an_organisation_sees_nothing_once_a_savepoint_is_rolled_back_but_its_own(
    crossing: tuple[Database, str, str],
):
    database, ours, _ = crossing
    with database.for_organisation(ours) as session:
        savepoint = session.begin_nested()
        savepoint.rollback()
        assert session.connection().exec_driver_sql("SELECT id FROM organisation").scalars().all() == [ours]


def read_ids(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return sorted(connection.exec_driver_sql("SELECT id FROM organisation").scalars())


def test_an_installation_with_one_role_goes_on_and_gets_a_weaker_barrier(
    postgresql: databases.Empty, tmp_path: Path, written: StringIO
):
    with postgresql() as superuser:
        with superuser.begin() as connection:
            connection.exec_driver_sql("CREATE ROLE only_role LOGIN")
            for table in (*Base.metadata.tables, "alembic_version"):
                connection.exec_driver_sql(f'ALTER TABLE "{table}" OWNER TO only_role')
        with databases.opened(superuser.url.set(username="only_role")) as engine:
            migrate(engine)
            database = Database(engine, databases.SECRET_KEYS)
            ours, theirs = (make_organisation(database, name) for name in ("Harbour Foods", "Quay Trading"))
            with database.for_organisation(ours) as session:
                assert session.connection().exec_driver_sql("SELECT id FROM organisation").scalars().all() == [ours]
            with database.unscoped() as session:
                assert set(session.scalars(select(Organisation.id))) == {ours, theirs}
            log_row_security(database)
            found = find_inconsistencies(database, FolderStore(tmp_path), now())
            assert [finding.code for finding in found] == ["row_security.not_effective"]
            assert "row_security_not_effective" in written.getvalue()
            written.truncate(0)
            # Then an application role is added.
            application = engine.url.set(username="later_role", password="x' OR 1")
            with pytest.raises(RowSecurityError, match="no role later_role"):
                migrate(engine, application)
            settings = Settings(
                data=tmp_path,
                database_url=application.render_as_string(hide_password=False),
                system_database_url=engine.url.render_as_string(hide_password=False),
                owner_database_url=superuser.url.render_as_string(hide_password=False),
            )
            with superuser.begin() as connection:
                connection.exec_driver_sql("CREATE ROLE later_role LOGIN")
            with pytest.raises(OutdatedDatabase, match="no rights yet"):
                open_current_database(settings)
            with superuser.begin() as connection:
                connection.exec_driver_sql("DROP ROLE later_role")
            migrate_database(settings)
            open_current_database(settings).close()
            with databases.opened(application) as other:
                separate = Database(engine, databases.SECRET_KEYS, application=other)
                log_row_security(separate)
                assert find_inconsistencies(separate, FolderStore(tmp_path), now()) == []
                with separate.for_organisation(ours) as session:
                    assert session.scalars(select(Organisation.name)).all() == ["Harbour Foods"]
                assert (read_ids(other), read_ids(engine)) == ([], sorted([ours, theirs]))
            assert "row_security_not_effective" not in written.getvalue()
        with superuser.begin() as connection:
            hashed = connection.exec_driver_sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'later_role'")
            assert hashed.scalar_one().startswith("SCRAM-SHA-256$")


def test_a_table_of_a_later_migration_is_protected_and_a_missing_policy_is_found(
    postgresql: databases.Empty, tmp_path: Path
):
    with postgresql() as engine:
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE later (organisation_id varchar(36), x int)")
            connection.exec_driver_sql("INSERT INTO later VALUES ('b', 1)")
            connection.exec_driver_sql("ALTER TABLE supplier NO FORCE ROW LEVEL SECURITY")
            connection.exec_driver_sql(f"DROP POLICY {row_security.OWN_ROWS} ON result")
        database = databases.connect(engine)
        found = find_inconsistencies(database, FolderStore(tmp_path), now())
        assert [(each.code, each.about) for each in found] == [
            ("row_security.missing", f"table {name}") for name in ("later", "result", "supplier")
        ]
        migrate(engine, database.application.url)
        assert find_inconsistencies(database, FolderStore(tmp_path), now()) == []
        with in_organisation(database, "a") as connection:
            assert count_rows(connection, "later") == 0


def test_a_system_role_works_across_organisations_and_owns_nothing(postgresql: databases.Empty, tmp_path: Path):
    with postgresql() as owner:
        application, system = (owner.url.set(username=name) for name in (databases.APPLICATION, "diligence_system"))
        migrate(owner, application, system)
        with databases.opened(system) as engine, databases.opened(application) as other:
            database, blobs = (
                Database(engine, databases.SECRET_KEYS, application=other),
                FolderStore(tmp_path / "blobs"),
            )
            ours, theirs = (
                create_full_organisation(database, blobs, name) for name in ("Harbour Foods", "Quay Trading")
            )
            assert create_backup(database, blobs, tmp_path / "all.tar.gz", now())["organisation"] == 2
            erase_organisation(database, blobs, theirs, "system:test")
            assert read_ids(engine) == [ours]
            assert not is_effective(engine.connect())
            with pytest.raises(DBAPIError, match="must be owner"), engine.begin() as connection:
                connection.exec_driver_sql("ALTER TABLE supplier DISABLE ROW LEVEL SECURITY")
    with postgresql() as owner:
        migrate(owner, application, system)
        with databases.opened(system.set(database=owner.url.database)) as engine:
            counts, _ = restore_backup(Database(engine, databases.SECRET_KEYS), blobs, tmp_path / "all.tar.gz", now())
            assert counts["organisation"] == 2


def test_before_version_17_the_system_role_has_to_own_the_tables(
    postgresql: databases.Empty, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(row_security, "MIN_VERSION_OF_MAINTAIN", 999_999)
    with postgresql() as engine, pytest.raises(RowSecurityError, match="PostgreSQL 17"):
        migrate(engine, None, engine.url.set(username="pg_monitor"))
