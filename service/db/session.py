"""One session factory for web, worker and command line; every statement on a customer's rows is filtered by its organisation.

The filter fails closed: a session that was not told its organisation gets an error for such a statement, never rows, and a
statement that the filter cannot reach (plain SQL, bare tables, updates in bulk by key) is refused. Work that truly spans
organisations (the queue of jobs, the tick of schedules, finding a key or a sign-in) says so by ``across()``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, Self, TypeVar, cast
from weakref import WeakKeyDictionary

import orjson
from sqlalchemy import Column, Engine, Executable, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import ORMExecuteState, Session, sessionmaker, with_loader_criteria
from sqlalchemy.orm.attributes import get_history
from sqlalchemy.orm.base import PassiveFlag
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.sql.visitors import ExternallyTraversible

import service.db.buyer_tables
import service.db.case_tables
import service.db.watchlist_tables  # noqa: F401  every table is filtered, wherever it is defined
from service.db.tables import Base, Owned

UNSCOPED = "*"
WRITER_TIMEOUT = 30.0  # seconds that a writer waits for others of its process, as long as for those of another
JSON: dict[str, Any] = {
    "json_serializer": lambda value: orjson.dumps(value).decode(),
    "json_deserializer": orjson.loads,
}
UPSERTS = (postgresql.dml.OnConflictDoUpdate, sqlite.dml.OnConflictDoUpdate)
# A query that is made once and asked again and again (they never change) is looked through once for each organisation.
_filtered: WeakKeyDictionary[Executable, dict[str, Executable]] = WeakKeyDictionary()
OWNED = {mapper.local_table for mapper in Base.registry.mappers if issubclass(mapper.class_, Owned)}


Item = TypeVar("Item")


def chunks(items: Sequence[Item], size: int = 500) -> Iterator[Sequence[Item]]:
    """Split a sequence into parts small enough for the list of one ``IN``: databases limit how many parameters a query has."""
    return (items[start : start + size] for start in range(0, len(items), size))


class MissingOrganisation(RuntimeError):
    """A statement on customers' rows in a session that was not told whose, or on those of another organisation."""


class UnfilteredStatement(RuntimeError):
    """A statement that the filter by organisation cannot reach."""


def open_engine(url: str) -> Engine:
    """An engine for SQLite (WAL, full sync, immediate transactions, foreign keys, erased means overwritten) or PostgreSQL."""
    if url.startswith("sqlite"):
        engine = create_engine(url, connect_args={"timeout": 30}, hide_parameters=True, **JSON)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin)
        return engine
    return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20, hide_parameters=True, **JSON)


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver opens no transaction of its own
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Any) -> None:
    # A deferred transaction that reads first and writes later loses against another writer; an immediate one waits its
    # turn. One that only reads sees a snapshot and waits for nobody.
    reads = connection.get_execution_options().get("only_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


class Database:
    """Sessions on one engine. As a context it closes its connections at the end."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.turns = Lock() if engine.dialect.name == "sqlite" else None
        self.factory = sessionmaker(engine, class_=OwnedSession, expire_on_commit=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections that the engine holds."""
        self.engine.dispose()

    @contextmanager
    def for_organisation(self, organisation_id: str, *, write: bool = True, snapshot: bool = True) -> Iterator[Session]:
        """A transaction on the rows of one organisation: committed at the end, rolled back on an error.

        Without ``write`` it sees a snapshot, waits for no writer and refuses to write. Without ``snapshot`` as well, each
        statement sees what was committed before it (on PostgreSQL; SQLite knows snapshots alone).
        """
        with self._turn(write=write), self.factory.begin() as session:
            session.info["organisation_id"] = organisation_id
            if not write:
                _only_read(session, snapshot)
            yield session

    @contextmanager
    def _turn(self, *, write: bool) -> Iterator[None]:
        """On SQLite the writers of a process take turns. It wakes nobody who waits to write, who only looks again every tenth of
        a second: a job that writes chunk after chunk would be there first for seconds.
        """
        if self.turns is None or not write:
            yield
            return
        ours = self.turns.acquire(timeout=WRITER_TIMEOUT)  # without it SQLite decides, as among processes
        try:
            yield
        finally:
            if ours:
                self.turns.release()

    @contextmanager
    def unscoped(self, *, write: bool = True) -> Iterator[Session]:
        """A transaction on the rows of all organisations: for the machinery, never for an answer to a caller."""
        with self.for_organisation(UNSCOPED, write=write) as session:
            yield session


def _only_read(session: Session, snapshot: bool) -> None:
    session.info |= {"only_reads": True, "snapshot": snapshot}
    options: dict[str, Any] = {"only_reads": True}
    if session.get_bind().dialect.name == "postgresql":
        options["postgresql_readonly"] = True
        if snapshot:  # or each statement would see a snapshot of its own
            options["isolation_level"] = "REPEATABLE READ"
    session.connection(execution_options=options)


class OwnedSession(Session):
    """A session that knows whose rows it may touch."""


@event.listens_for(OwnedSession, "do_orm_execute")
def _filter_by_organisation(state: ORMExecuteState) -> None:
    if state.is_column_load or state.is_relationship_load:
        return
    if not state.is_select and state.session.info.get("only_reads"):
        raise UnfilteredStatement("a write in a session that only reads")
    organisation_id = state.session.info.get("organisation_id")
    if organisation_id == UNSCOPED:
        return
    known = _filtered.get(state.statement, {}).get(organisation_id or "")
    if known is not None and state.is_select:
        state.statement = known
        return
    named = _owned_tables(state.statement, state.is_orm_statement)
    if organisation_id is None:
        if named:
            raise MissingOrganisation(f"a statement on {min(named)} in a session of no organisation")
        return
    if state.is_update and state.is_executemany:
        raise UnfilteredStatement("an update in bulk by key: load the rows and change them, or say where")
    if state.is_insert:
        if named:
            state.statement = _insert_own(state, organisation_id)
        return
    filtered = state.statement.options(
        with_loader_criteria(
            Owned, lambda cls: cls.organisation_id == organisation_id, include_aliases=True, propagate_to_loaders=True
        )
    )
    if state.is_select:
        _filtered.setdefault(state.statement, {})[organisation_id] = filtered
    state.statement = filtered


def _owned_tables(statement: Executable, is_orm: bool) -> set[str]:
    """Names of customers' tables in a statement, wherever they stand; refuses what the filter would not reach."""
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
    unreached = sorted(table.name for table in (bare - mapped) & OWNED)
    if unreached:
        raise UnfilteredStatement(f"a bare table is not filtered by organisation: {unreached[0]}; select from its class")
    return {table.name for table in mapped & OWNED}


def _insert_own(state: ORMExecuteState, organisation_id: str) -> Any:
    """The insert, with the session's organisation as the owner of each row."""
    given = cast(list[dict[str, Any]], state.parameters if state.is_executemany else [state.parameters or {}])
    if any(row.get("organisation_id", organisation_id) != organisation_id for row in given):
        raise MissingOrganisation("an insert of rows of another organisation")
    return state.statement.values(organisation_id=organisation_id)  # type: ignore[attr-defined]


@event.listens_for(OwnedSession, "before_flush")
def _own_new_rows(session: Session, _: object, __: object) -> None:
    """New rows belong to the session's organisation; a row of another one cannot be written, nor given away."""
    if session.info.get("only_reads") and (session.new or session.dirty or session.deleted):
        raise UnfilteredStatement("a write in a session that only reads")
    organisation_id = session.info.get("organisation_id")
    for row in (*session.new, *session.dirty, *session.deleted):
        if not isinstance(row, Owned):
            continue
        if organisation_id is None:
            raise MissingOrganisation(f"a write of {type(row).__name__} in a session of no organisation")
        if organisation_id != UNSCOPED:
            # Asked of this attribute alone: inspect(row).attrs would make an object for each of the row's.
            before = get_history(row, "organisation_id", PassiveFlag.PASSIVE_NO_INITIALIZE).deleted
            if cast(str | None, row.organisation_id) is None:  # a new row that was not told whose it is
                row.organisation_id = organisation_id
            if any(other != organisation_id for other in (row.organisation_id, *before)):
                raise MissingOrganisation(f"a write of {type(row).__name__} of another organisation")
