"""The session factory of web, worker and command line; every statement on a customer's rows is filtered by organisation.

The filter fails closed: a session without an organisation gets an error for such a statement, never rows, and a statement
that the filter cannot reach (plain SQL, bare tables, updates in bulk by key) is refused. Work that spans organisations (the
queue of jobs, the scheduler, finding a key or a sign-in) uses ``unscoped()``. On PostgreSQL, row security stands behind the
filter (row_security.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Any, Self, TypeVar, cast
from weakref import WeakKeyDictionary

import orjson
import structlog
from sqlalchemy import Column, Connection, Engine, Executable, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction, sessionmaker, with_loader_criteria
from sqlalchemy.orm.attributes import get_history
from sqlalchemy.orm.base import PassiveFlag
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.sql.visitors import ExternallyTraversible

import service.db.account_tables
import service.db.approval_tables
import service.db.audit_tables
import service.db.bundle_tables
import service.db.buyer_tables
import service.db.calendar_tables
import service.db.campaign_tables
import service.db.case_tables
import service.db.derived_tables
import service.db.edition_tables
import service.db.exit_tables
import service.db.idempotency_tables
import service.db.identity_tables
import service.db.import_tables
import service.db.job_tables
import service.db.link_tables
import service.db.outbox_tables
import service.db.progress_tables
import service.db.redress_tables
import service.db.referral_tables
import service.db.remediation_tables
import service.db.retaliation_tables
import service.db.review_tables
import service.db.scim_tables
import service.db.sign_in_tables
import service.db.system_tables
import service.db.translation_tables
import service.db.watchlist_tables
import service.db.worker_voice_tables  # noqa: F401  every table is filtered, wherever it is defined
from service.db.encrypted import encrypt_row
from service.db.postgresql_connection import CONNECT_SECONDS, Server, WatchfulConnection
from service.db.row_security import CHOOSE_ORGANISATION
from service.db.tables import Base, Owned
from service.trouble import find_trouble

UNSCOPED = "*"
# Seconds that a transaction waits for others, and a connection for the server. A caller is told within five seconds that the
# database is busy; a job, a migration or a command has more patience than a person.
REQUEST_PATIENCE, JOB_PATIENCE = 4.0, 60.0
NOTE_PATIENCE = 0.2  # seconds for what a request notes besides, such as when a key was last used
# KiB of pages that a connection to SQLite keeps at most, for a request and for a job. A new supplier changes a page in each of
# some twenty indexes; with the usual 2,000 these are read and written again and again.
SQLITE_CACHE, SQLITE_JOB_CACHE = 16_000, 64_000
SQLITE_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",
    # A row with a trigger is written under a journal of its own, by default in a temporary file: that took as long as the row.
    "temp_store=MEMORY",
)
MAX_REQUEST_STATEMENT = (
    60.0  # seconds after which PostgreSQL ends a statement of a request: nobody waits for it any more
)
JSON: dict[str, Any] = {
    "json_serializer": lambda value: orjson.dumps(value).decode(),
    "json_deserializer": orjson.loads,
}
UPSERTS = (postgresql.dml.OnConflictDoUpdate, sqlite.dml.OnConflictDoUpdate)
# A query that is built once and executed many times is inspected once for each organisation (queries never change), and again
# after queries of many other organisations.
_filtered_statements: WeakKeyDictionary[Executable, dict[str, Executable]] = WeakKeyDictionary()
MAX_FILTERED = 32  # organisations of which a filtered query is kept
OWNED_TABLES = {mapper.local_table for mapper in Base.registry.mappers if issubclass(mapper.class_, Owned)}


log = structlog.get_logger("service")
Item = TypeVar("Item")
FEW = 100  # rows that are looked up at once; before more are, it is checked whether there is anything to find


def chunks(items: Sequence[Item], size: int = 500) -> Iterator[Sequence[Item]]:
    """Split a sequence into parts small enough for one SQL ``IN``: databases limit the number of parameters of a query."""
    return (items[start : start + size] for start in range(0, len(items), size))


class MissingOrganisation(RuntimeError):
    """A statement on customers' rows in a session without an organisation, or on rows of another organisation."""


class UnfilteredStatement(RuntimeError):
    """A statement that the filter by organisation cannot reach."""


def open_engine(url: str, patience: float = JOB_PATIENCE, max_statement: float = 0) -> Engine:
    """Create an engine for SQLite (WAL, full sync, immediate transactions, foreign keys, secure delete) or PostgreSQL.

    ``patience``: seconds that a transaction waits for a lock, and a connection for the server. ``max_statement``: seconds that a
    statement may take on PostgreSQL; 0 for any time.
    """
    options: dict[str, Any] = {
        "pool_size": 10, "max_overflow": 20, "pool_timeout": patience, "hide_parameters": True, **JSON
    }  # fmt: skip
    if url.startswith("sqlite"):
        # Half of it, because a writer has waited for the others of its process before (Database._serialize_writers).
        engine = create_engine(url, connect_args={"timeout": patience / 2}, **options)
        cache = SQLITE_CACHE if patience < JOB_PATIENCE else SQLITE_JOB_CACHE
        event.listen(engine, "connect", partial(_set_up_sqlite, cache))
        event.listen(engine, "begin", _begin_transaction)
        return engine
    server = Server(patience / 2, max_statement)
    connect_args = {
        "connect_timeout": max(CONNECT_SECONDS, round(min(patience / 2, 10))),
        "tcp_user_timeout": round(1000 * patience),  # milliseconds without an answer from the other machine
        "options": f"-c lock_timeout={round(1000 * patience)} -c statement_timeout={round(1000 * max_statement)}",
    }
    engine = create_engine(url, pool_pre_ping=True, connect_args=connect_args, **options)

    @event.listens_for(engine, "do_connect")
    def connect(_: object, __: object, arguments: Sequence[Any], options: Mapping[str, Any]) -> WatchfulConnection:
        return server.connect(*arguments, **options)

    return engine


def _set_up_sqlite(cache: int, connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver opens no transaction of its own
    connection.create_function(
        "lower", 1, _lower, deterministic=True
    )  # SQLite's built-in function leaves "Ü" and "Ж" unchanged
    cursor = connection.cursor()
    for pragma in (*SQLITE_PRAGMAS, f"cache_size=-{cache}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _begin_transaction(connection: Any) -> None:
    # A deferred transaction that reads first and writes later fails if another writer came between; an immediate one waits
    # for its turn. A read-only transaction sees a snapshot and never waits.
    options = connection.get_execution_options()
    if options.get("only_reads", False):
        connection.exec_driver_sql("BEGIN")
    elif "patience" in options:
        usual = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {_to_milliseconds(options['patience'])}")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {usual}")
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _to_milliseconds(seconds: float) -> int:
    return round(1000 * seconds)


class Database:
    """Sessions on one database. As a context manager it closes its connections at the end.

    ``engine`` is for work across organisations, ``application`` for that of one, with a role of its own on PostgreSQL
    (row_security.py); by default both are the same. ``secret_keys``: those of the installation, newest first, for the encrypted
    columns (encrypted.py).
    """

    def __init__(
        self,
        engine: Engine,
        secret_keys: Sequence[bytes] = (),
        patience: float = JOB_PATIENCE,
        application: Engine | None = None,
    ) -> None:
        self.engine, self.application, self.patience = engine, application or engine, patience
        self.secret_keys = secret_keys
        self.write_lock = Lock() if engine.dialect.name == "sqlite" else None
        names_organisation = {"names_organisation": engine.dialect.name == "postgresql"}
        self.session_factory = sessionmaker(
            self.application, class_=OwnedSession, expire_on_commit=False, info=names_organisation
        )
        self.unscoped_factory = sessionmaker(engine, class_=OwnedSession, expire_on_commit=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that the engines hold."""
        for engine in {self.engine, self.application}:
            engine.dispose()

    def for_requests(self) -> Database:
        """Open the same database for requests, which wait for at most ``REQUEST_PATIENCE``; the writers of both take turns."""
        url = self.engine.url.render_as_string(hide_password=False)
        application_url = self.application.url.render_as_string(hide_password=False)
        database = open_database(url, application_url, self.secret_keys, REQUEST_PATIENCE, MAX_REQUEST_STATEMENT)
        database.write_lock = self.write_lock
        return database

    def find_damage(self) -> list[str]:
        """Return what SQLite finds wrong with its file, line by line; nothing on PostgreSQL, which has ``pg_amcheck``."""
        if self.engine.dialect.name != "sqlite":
            return []
        with self.engine.connect() as connection:
            return [line for (line,) in connection.exec_driver_sql("PRAGMA integrity_check") if line != "ok"]

    @contextmanager
    def for_organisation(self, organisation_id: str, *, write: bool = True, snapshot: bool = True) -> Iterator[Session]:
        """Open a transaction on the rows of one organisation: committed at the end, rolled back on an error.

        With ``write=False`` it sees a snapshot, waits for no writer and refuses to write. With ``snapshot=False`` as well, each
        statement sees what was committed before it (on PostgreSQL; SQLite has snapshots only).
        """
        with self._begin(self.session_factory, organisation_id, write, snapshot) as session:
            yield session

    def note(self, organisation_id: str, write: Callable[[Session], object]) -> None:
        """Write what a request notes besides, in a transaction that hardly waits. If the database cannot be written, this is
        logged and the request goes on: nobody is refused a list because of it.
        """
        try:
            with self._serialize_writers(NOTE_PATIENCE), self.session_factory.begin() as session:
                session.info |= {"organisation_id": organisation_id, "secret_keys": tuple(self.secret_keys)}
                connection = session.connection(execution_options={"patience": NOTE_PATIENCE})
                if connection.dialect.name == "postgresql":
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_to_milliseconds(NOTE_PATIENCE)}")
                write(session)
        except Exception as error:
            found = find_trouble(error)
            if found is None:
                raise
            log.warning("note_not_written", code=found.code)

    @contextmanager
    def _serialize_writers(self, patience: float | None) -> Iterator[None]:
        """Let the writers of a process take turns on SQLite. SQLite does not wake waiting writers: they only retry every tenth
        of a second, so a job that writes chunk after chunk would keep them waiting for seconds.
        """
        if self.write_lock is None or patience is None:
            yield
            return
        # After a timeout SQLite decides who writes, as it does between processes.
        is_acquired = self.write_lock.acquire(timeout=patience / 2)
        try:
            yield
        finally:
            if is_acquired:
                self.write_lock.release()

    @contextmanager
    def unscoped(self, *, write: bool = True) -> Iterator[Session]:
        """Open a transaction on the rows of all organisations: for background work, never for a response to a caller."""
        with self._begin(self.unscoped_factory, UNSCOPED, write) as session:
            yield session

    @contextmanager
    def _begin(
        self, factory: sessionmaker[OwnedSession], organisation_id: str, write: bool, snapshot: bool = True
    ) -> Iterator[Session]:
        with self._serialize_writers(self.patience if write else None), factory.begin() as session:
            session.info |= {"organisation_id": organisation_id, "secret_keys": tuple(self.secret_keys)}
            if not write:
                _make_read_only(session, snapshot)
            yield session


def open_database(
    url: str,
    application_url: str,
    secret_keys: Sequence[bytes] = (),
    patience: float = JOB_PATIENCE,
    max_statement: float = 0,
) -> Database:
    """Open a database by the address for work across organisations and the one for the work of each, which may be the same.

    ``patience`` and ``max_statement``: see ``open_engine``.
    """
    engine = open_engine(url, patience, max_statement)
    is_same = application_url == url
    application = None if is_same else open_engine(application_url, patience, max_statement)
    return Database(engine, secret_keys, patience, application)


@contextmanager
def limit_to_organisation(session: Session, organisation_id: str) -> Iterator[None]:
    """Limit an unscoped session to the rows of one organisation for a while."""
    session.flush()
    session.info["organisation_id"] = organisation_id
    try:
        yield
        session.flush()
    finally:
        session.info["organisation_id"] = UNSCOPED


def _make_read_only(session: Session, snapshot: bool) -> None:
    session.info |= {"only_reads": True, "snapshot": snapshot}
    options: dict[str, Any] = {"only_reads": True}
    if session.get_bind().dialect.name == "postgresql":
        options["postgresql_readonly"] = True
        if snapshot:  # or each statement would see a snapshot of its own
            options["isolation_level"] = "REPEATABLE READ"
    session.connection(execution_options=options)


class OwnedSession(Session):
    """A session that knows which organisation's rows it may touch."""


@event.listens_for(OwnedSession, "after_begin")
def _name_organisation(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    """Name the organisation of a transaction to PostgreSQL, whose row security allows no others."""
    organisation_id = session.info.get("organisation_id")
    if session.info.get("names_organisation") and organisation_id is not None and not transaction.nested:
        connection.exec_driver_sql(CHOOSE_ORGANISATION, (organisation_id,))


@event.listens_for(OwnedSession, "do_orm_execute")
def _read_locked_rows_again(state: ORMExecuteState) -> None:
    """Let a statement that locks rows replace what the session read of them before: another transaction may have changed them
    while this one waited. The session has flushed its own changes by then.
    """
    if state.is_select and getattr(state.statement, "_for_update_arg", None) is not None:
        state.update_execution_options(populate_existing=True)


@event.listens_for(OwnedSession, "do_orm_execute")
def _filter_statement(state: ORMExecuteState) -> None:
    if state.is_column_load or state.is_relationship_load:
        return
    if not state.is_select and state.session.info.get("only_reads"):
        raise UnfilteredStatement("a write was attempted in a read-only session")
    organisation_id = state.session.info.get("organisation_id")
    if organisation_id == UNSCOPED:
        return
    cached = _filtered_statements.get(state.statement, {}).get(organisation_id or "")
    if cached is not None and state.is_select:
        state.statement = cached
        return
    owned_tables = _list_owned_tables(state.statement, state.is_orm_statement)
    if organisation_id is None:
        if owned_tables:
            raise MissingOrganisation(
                f"a statement on {min(owned_tables)} was run in a session without an organisation"
            )
        return
    if state.is_update and state.is_executemany:
        raise UnfilteredStatement(
            "a bulk update by key is not filtered: load the rows and change them, or add a where clause"
        )
    if state.is_insert:
        if owned_tables:
            state.statement = _set_owner_of_insert(state, organisation_id)
        return
    filtered = state.statement.options(
        with_loader_criteria(
            Owned, lambda cls: cls.organisation_id == organisation_id, include_aliases=True, propagate_to_loaders=True
        )
    )
    if state.is_select:
        kept = _filtered_statements.setdefault(state.statement, {})
        if len(kept) >= MAX_FILTERED:
            kept.clear()
        kept[organisation_id] = filtered
    state.statement = filtered


def _list_owned_tables(statement: Executable, is_orm: bool) -> set[str]:
    """Return the names of customers' tables anywhere in a statement. Raises UnfilteredStatement if the filter cannot reach."""
    mapped: set[Any] = set()
    bare: set[Any] = set()
    for element in visitors.iterate(cast(ExternallyTraversible, statement)):
        if isinstance(element, TextClause):
            raise UnfilteredStatement("plain SQL is not filtered by organisation")
        if isinstance(element, UPSERTS) and "organisation_id" not in map(str, element.inferred_target_elements or ()):
            raise UnfilteredStatement("on conflict, only a row that is unique within its organisation can be updated")
        entity = element._annotations.get("parententity") if is_orm else None
        if entity is not None:
            mapped.add(entity.mapper.local_table)
        elif isinstance(element, Column):
            bare.add(element.table)
        elif isinstance(element, Table):
            bare.add(element)
    unreached = sorted(table.name for table in (bare - mapped) & OWNED_TABLES)
    if unreached:
        raise UnfilteredStatement(
            f"{unreached[0]} is a table without an organisation filter here; select from its mapped class instead"
        )
    return {table.name for table in mapped & OWNED_TABLES}


def _set_owner_of_insert(state: ORMExecuteState, organisation_id: str) -> Any:
    """Return the insert with the session's organisation as the owner of each row."""
    rows = cast(list[dict[str, Any]], state.parameters if state.is_executemany else [state.parameters or {}])
    if any(row.get("organisation_id", organisation_id) != organisation_id for row in rows):
        raise MissingOrganisation("rows of another organisation cannot be inserted")
    return state.statement.values(organisation_id=organisation_id)  # type: ignore[attr-defined]


@event.listens_for(OwnedSession, "before_flush")
def _check_owner_on_flush(session: Session, _: object, __: object) -> None:
    """Assign new rows to the session's organisation, and encrypt their texts; refuse to write rows of another one, or to move
    rows to it.
    """
    if session.info.get("only_reads") and (session.new or session.dirty or session.deleted):
        raise UnfilteredStatement("a write was attempted in a read-only session")
    organisation_id = session.info.get("organisation_id")
    for row in (*session.new, *session.dirty, *session.deleted):
        if not isinstance(row, Owned):
            continue
        if organisation_id is None:
            raise MissingOrganisation(f"{type(row).__name__} cannot be written in a session without an organisation")
        if organisation_id != UNSCOPED:
            # For this attribute alone: inspect(row).attrs would create an object for each attribute of the row.
            before = get_history(row, "organisation_id", PassiveFlag.PASSIVE_NO_INITIALIZE).deleted
            if cast(str | None, row.organisation_id) is None:  # a new row without an owner
                row.organisation_id = organisation_id
            if any(owner != organisation_id for owner in (row.organisation_id, *before)):
                raise MissingOrganisation(f"{type(row).__name__} belongs to another organisation and cannot be written")
        encrypt_row(session, row)
