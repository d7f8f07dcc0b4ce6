"""Migrations create the tables that the service works with."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from callers import make_organisation
from databases import KINDS, SECRET_KEYS, Empty, opened
from patience import PATIENCE
from sqlalchemy import Connection, Engine, MetaData, insert, inspect, text
from sqlalchemy.exc import DatabaseError

from risk_models.model import get_newest_release
from service.audit import record_event
from service.audit_evidence.breaks import check_chains
from service.clock import now, today
from service.db import supplier_counts
from service.db.migrations import get_newest_revision, get_revision, migrate
from service.db.session import Database
from service.db.tables import Base
from service.jobs.kinds import ERASE_ORGANISATION, FIND_SAME_SUPPLIERS, STORE_FIGURES, TAKE_FINDINGS, UNDO_IMPORT
from service.jobs.lanes import LANE_OF_KIND
from service.jobs.table import claim_job


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection:sqlalchemy.exc.SAWarning")
@pytest.mark.filterwarnings("ignore:autogenerate skipping")
@pytest.mark.filterwarnings("ignore:Computed default on supplier")  # each database prints expressions in its own way
def test_migrations_end_at_the_tables_of_the_service(database: Database):
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        differences = compare_metadata(context, Base.metadata)
    # Indexes of expressions are not read from a database: the next test compares all indexes.
    assert [each for each in differences if not str(each[0]).endswith("_index")] == []


APPEND_ONLY = ("audit_event_no", "audit_link_no", "system_event_no")  # triggers that only migrations create


def read_indexes_and_triggers(engine: Engine) -> dict[str, str]:
    """The statements that create the indexes and triggers of a database, by name, as it prints them."""
    queries = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL",
        "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' UNION ALL "
        "SELECT proname, prosrc FROM pg_proc WHERE proname = 'count_supplier'",
    }
    with engine.connect() as connection:
        rows = connection.execute(text(queries[engine.dialect.name])).all()
    return {name: re.sub(r"[\s()\"]", "", sql) for name, sql in rows if not name.startswith(("alembic_", *APPEND_ONLY))}


@pytest.mark.parametrize("kind", KINDS)
def test_migrations_end_at_the_indexes_and_triggers_of_the_service(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path
):
    with request.getfixturevalue(kind)() as engine:
        migrated = read_indexes_and_triggers(engine)
        if kind == "postgresql":
            with engine.begin() as connection:
                connection.exec_driver_sql("DROP SCHEMA public CASCADE")
                connection.exec_driver_sql("CREATE SCHEMA public")
            Base.metadata.create_all(engine)
            assert read_indexes_and_triggers(engine) == migrated
        else:
            with opened(f"sqlite:///{tmp_path / 'created.db'}") as created:
                Base.metadata.create_all(created)
                assert read_indexes_and_triggers(created) == migrated


def test_migrated_tables_have_every_constraint(database: Database):
    # What the comparison above leaves out.
    inspector = inspect(database.engine)
    for table in Base.metadata.sorted_tables:
        rules = {check.name for check in table.constraints if type(check).__name__ == "CheckConstraint"}
        assert rules == {check["name"] for check in inspector.get_check_constraints(table.name)}, table.name
        keys = {(key.parent.name, key.column.table.name, key.ondelete) for key in table.foreign_keys}
        assert keys == {
            (key["constrained_columns"][0], key["referred_table"], key["options"].get("ondelete"))
            for key in inspector.get_foreign_keys(table.name)
        }, table.name


def test_an_empty_database_becomes_the_newest_and_a_second_time_changes_nothing(tmp_path: Path):
    with opened(f"sqlite:///{tmp_path / 'new.db'}") as engine:
        assert get_revision(engine) is None
        assert migrate(engine) is None
        assert get_revision(engine) == get_newest_revision()
        assert migrate(engine) == get_newest_revision()


def test_stored_rows_survive_a_migration(database: Database):
    organisation_id = make_organisation(database)
    migrate(database.engine)
    assert has_organisation(database, organisation_id)


def has_organisation(database: Database, organisation_id: str) -> bool:
    with database.engine.connect() as connection:
        return (
            connection.execute(
                text("SELECT count(*) FROM organisation WHERE id = :id"), {"id": organisation_id}
            ).scalar()
            == 1
        )


@pytest.mark.parametrize("statement", ["UPDATE audit_event SET actor = 'x'", "DELETE FROM audit_event"])
def test_a_migrated_database_refuses_to_change_its_audit_trail(database: Database, statement: str):
    with database.for_organisation(make_organisation(database)) as session:
        record_event(session, "user:ana", "key.revoked", "api_key", "1")
    with pytest.raises(DatabaseError, match="append-only"), database.engine.begin() as connection:
        connection.execute(text(statement))


@contextmanager
def open_old_database(request: pytest.FixtureRequest, kind: str, tmp_path: Path, revision: str) -> Iterator[Engine]:
    """Open an empty database of a kind at a revision of the schema, with the organisation "ours"."""
    of_postgresql = request.getfixturevalue("postgresql") if kind == "postgresql" else None
    with of_postgresql() if of_postgresql else opened(f"sqlite:///{tmp_path / 'old.db'}") as engine:
        with engine.begin() as connection:
            if of_postgresql:
                connection.exec_driver_sql("DROP SCHEMA public CASCADE")
                connection.exec_driver_sql("CREATE SCHEMA public")
            config = Config()
            config.set_main_option("script_location", "service/db/migrations")
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            schema = MetaData()
            schema.reflect(connection)
            connection.execute(insert(schema.tables["organisation"]).values(
                id="ours", name="Harbour", time_zone="UTC", keep_months=84, created_at=now()
            ))  # fmt: skip
        yield engine


@pytest.mark.parametrize("kind", KINDS)
def test_a_next_step_is_supplier_visible_where_nobody_had_reported_anything(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path
):
    with open_old_database(request, kind, tmp_path, "0003") as engine:
        with engine.begin() as connection:
            before = MetaData()
            before.reflect(connection)
            at = dict.fromkeys(("created_at", "updated_at"), now())
            table_kind = {
                "organisation_id": "ours",
                "kind": "site",
                "name": "",
                "company_key": "",
                "version": 1,
                "up_to": False,
            }
            for name, answers in (("quiet", {"name": "Quiet"}), ("told", {"reported_harms": ["violence"]})):
                contents = {"id": name, "key": name, "answers": answers, "next_step": "ask"}
                connection.execute(insert(before.tables["supplier"]).values(**contents, **table_kind, **at))
        migrate(engine)
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT id, own_step FROM supplier")).all()
            silent = connection.execute(text("SELECT silent FROM supplier")).scalars().all()
    assert dict(tuple(row) for row in rows) == {"quiet": "ask", "told": None}
    assert silent == [None, None]  # the next assessment works it out


@pytest.mark.parametrize("kind", KINDS)
def test_an_organisation_from_before_stays_on_its_release_and_a_new_one_starts_with_the_newest(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path
):
    with open_old_database(request, kind, tmp_path, "0009") as engine:
        migrate(engine)
        new_id = make_organisation(Database(engine, SECRET_KEYS), "New")
        with engine.connect() as connection:
            rows = connection.execute(
                text("SELECT id, models_release, next_models_release, next_models_from FROM organisation")
            ).all()
    releases = {row[0]: tuple(row[1:]) for row in rows}
    assert releases == {"ours": ("2026.3", None, None), new_id: (get_newest_release(today()), None, None)}


@pytest.mark.parametrize("kind", KINDS)
def test_keys_from_before_belong_to_who_created_them_and_stop_where_that_user_has_left(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path
):
    with open_old_database(request, kind, tmp_path, "0010") as engine:
        with engine.begin() as connection:
            before = MetaData()
            before.reflect(connection)
            ours = {"organisation_id": "ours", "created_at": now()}
            for user_id, active, role in (("ana", True, "admin"), ("bo", False, "admin"), ("cy", True, "officer")):
                values = {"id": user_id, "email": user_id, "name": user_id, "active": active, "role": role}
                values |= {"password_hash": "", "must_change_password": user_id == "cy"}
                connection.execute(insert(before.tables["user"]).values(**values, **ours))
            made = {"1": "user:ana", "2": "user:bo", "3": "user:cy", "4": "key:2", "5": "system:command_line"}
            for key_id, actor in made.items():
                values = {"id": key_id, "name": "", "prefix": "", "key_hash": key_id, "scopes": [], "taken": 0}
                connection.execute(insert(before.tables["api_key"]).values(**values, expires_at=now(), **ours))
                values = {"actor": actor, "action": "key.created", "object_type": "api_key", "object_id": key_id}
                connection.execute(
                    insert(before.tables["audit_event"]).values(**values, organisation_id="ours", at=now(), details={})
                )
        migrate(engine)
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT id, owner_id, stopped_at IS NOT NULL FROM api_key ORDER BY id"))
            keys = [(row[0], row[1], bool(row[2])) for row in rows]
            ending = connection.execute(text('SELECT id FROM "user" WHERE password_expires_at IS NOT NULL')).scalars()
            assert ending.all() == ["cy"]
    assert keys == [("1", "ana", False), ("2", "bo", True), ("3", "cy", True), ("4", "bo", True), ("5", None, False)]


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection:sqlalchemy.exc.SAWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_events_from_before_are_linked_in_their_order_and_new_ones_follow(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path
):
    with open_old_database(request, kind, tmp_path, "0040") as engine:
        with engine.begin() as connection:
            before = MetaData()
            before.reflect(connection)
            values = {"actor": "user:ana", "object_type": "api_key", "object_id": "1", "organisation_id": "ours"}
            for action in ("key.created", "key.revoked"):
                details = {"days": 30, "scopes": ["assess"]}
                connection.execute(
                    insert(before.tables["audit_event"]).values(action=action, **values, at=now(), details=details)
                )
        migrate(engine)
        with Database(engine, SECRET_KEYS).for_organisation("ours") as session:
            record_event(session, "user:ana", "key.created", "api_key", "2")
        with Database(engine, SECRET_KEYS).unscoped(write=False) as session:
            checks = {check.chain: check for check in check_chains(session, {})}
    assert (checks["ours"].events, checks["ours"].breaks) == (3, ())


@pytest.mark.fault
def test_two_processes_that_migrate_at_once_do_it_once(postgresql: Empty):
    with postgresql() as engine:
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        seen: list[str | None] = []
        both = [Thread(target=lambda: seen.append(migrate(engine)), daemon=True) for _ in range(2)]
        for one in both:
            one.start()
        for one in both:
            one.join(PATIENCE)
    assert sorted(seen, key=str) == sorted([None, get_newest_revision()], key=str)


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_that_waits_joins_the_lane_of_its_kind(request: pytest.FixtureRequest, kind: str, tmp_path: Path):
    later = (
        UNDO_IMPORT,
        FIND_SAME_SUPPLIERS,
        ERASE_ORGANISATION,
        TAKE_FINDINGS,
        STORE_FIGURES,
    )  # kinds of jobs that no database had then
    lanes_then = {name: lane for name, lane in LANE_OF_KIND.items() if name not in later}
    with open_old_database(request, kind, tmp_path, "0012") as engine:
        with engine.begin() as connection:
            before = MetaData()
            before.reflect(connection)
            for name in (*lanes_then, "of_a_later_release"):
                values = {"id": name, "organisation_id": "ours", "kind": name, "payload": {}, "checkpoint": {}}
                values |= {"state": "queued", "fence": 0, "attempt": 0, "progress": 0, "message": "", "cancel": False}
                times = dict.fromkeys(("not_before", "created_at"), now())
                connection.execute(insert(before.tables["job"]).values(created_by="user:ana", **values, **times))
        migrate(engine)
        with engine.connect() as connection:
            lanes = dict(tuple(row) for row in connection.execute(text("SELECT kind, lane FROM job")))
        assert lanes == {**lanes_then, "of_a_later_release": "short"}
        assert claim_job(Database(engine, SECRET_KEYS), "w") is not None


@pytest.mark.fault
@pytest.mark.parametrize("kind", KINDS)
def test_suppliers_from_before_are_counted_once_and_found_although_the_upgrade_was_interrupted(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with open_old_database(request, kind, tmp_path, "0014") as engine:
        with engine.begin() as connection:
            before = MetaData()
            before.reflect(connection)
            common = {"organisation_id": "ours", "kind": "site", "company_key": "", "version": 1, "up_to": False}
            common |= {"answers": {}, "country": "TH", "latest_id": "1", "created_at": now(), "updated_at": now()}
            rows = [{"id": f"{n:04}", "key": f"{n}", "name": f"Émile Works {n:04}", **common} for n in range(4001)]
            connection.execute(insert(before.tables["supplier"]), rows)
        add, portions = supplier_counts.add_counts, []

        def stop_in_the_second(connection: Connection, after: str, last: str) -> None:
            add(connection, after, last)
            portions.append((after, last))
            if len(portions) == 2:
                raise InterruptedError

        monkeypatch.setattr(supplier_counts, "add_counts", stop_in_the_second)
        with pytest.raises(InterruptedError):
            migrate(engine)
        assert get_revision(engine) == "0015"
        migrate(engine)
        assert portions == [("", "1999"), ("1999", "3999"), ("1999", "3999"), ("3999", "4000")]
        with Database(engine, SECRET_KEYS).unscoped(write=False) as session:
            assert supplier_counts.find_miscounts(session) == []
        with engine.connect() as connection:
            counted = "SELECT sum(n) FROM supplier_count WHERE facet = 'place' AND value = 'TH'"
            assert connection.scalar(text(counted)) == 4001
            assert connection.scalar(text("SELECT count(*) FROM supplier_word WHERE word = 'emile'")) == 4001
            assert connection.scalar(text("SELECT min(sort_name) FROM supplier")) == "emile works 0000"
