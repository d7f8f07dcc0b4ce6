"""The change feed: a reader that resumes at its cursor sees every change once, however writers overlap."""

from datetime import UTC, datetime
from threading import Event, Thread

import databases
import pytest
from callers import make_organisation
from patience import PATIENCE
from stored_keys import SECRET_KEYS

from service.db import change_feed
from service.db.session import Database
from service.errors import DomainError

AT = datetime(2026, 3, 1, tzinfo=UTC)


def write(database: Database, organisation_id: str, *names: str) -> None:
    """Changes to suppliers of these names, in one transaction."""
    with database.for_organisation(organisation_id) as session:
        for name in names:
            change_feed.write(session, "level_moved", name, {"from": "low", "to": "high"}, AT)


class Reader:
    """Reads on from the last cursor each time."""

    def __init__(self, database: Database, organisation_id: str) -> None:
        self.database, self.organisation_id = database, organisation_id
        self.cursor: str | None = None
        self.seen: list[str] = []

    def read(self, limit: int = 100) -> list[str]:
        with self.database.for_organisation(self.organisation_id, write=False, snapshot=False) as session:
            page = change_feed.read(session, self.cursor, limit)
        self.cursor = page.next_cursor
        self.seen += [change.supplier_id for change in page.items]
        return [change.supplier_id for change in page.items]


@pytest.fixture
def organisation_id(database: Database) -> str:
    """An organisation."""
    return make_organisation(database)


def test_changes_are_read_in_order_a_page_at_a_time_and_then_only_what_is_new(database: Database, organisation_id: str):
    reader = Reader(database, organisation_id)
    assert reader.read() == []
    write(database, organisation_id, "a", "b", "c")
    assert [reader.read(2), reader.read(2), reader.read(2)] == [["a", "b"], ["c"], []]
    write(database, organisation_id, "d")
    assert reader.read() == ["d"]


def test_a_change_is_stored_with_its_data(database: Database, organisation_id: str):
    write(database, organisation_id, "a")
    with database.for_organisation(organisation_id, write=False, snapshot=False) as session:
        (item,) = change_feed.read(session).items
    assert (item.kind, item.supplier_id, item.data, item.at) == ("level_moved", "a", {"from": "low", "to": "high"}, AT)


def test_an_organisation_reads_its_own_changes_only(database: Database, organisation_id: str):
    other_organisation = make_organisation(database, "Other")
    write(database, other_organisation, "theirs")
    write(database, organisation_id, "ours")
    assert Reader(database, organisation_id).read() == ["ours"]
    assert Reader(database, other_organisation).read() == ["theirs"]


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "٣", "9" * 19, "1 or 1=1"])
def test_an_invalid_cursor_is_refused(cursor: str, sqlite: databases.Empty):
    with sqlite() as engine:
        database = Database(engine, SECRET_KEYS)
        with (
            database.for_organisation(make_organisation(database), write=False) as session,
            pytest.raises(DomainError) as refused,
        ):
            change_feed.read(session, cursor)
    assert (refused.value.code, refused.value.status) == ("cursor.unknown", 400)


@pytest.mark.parametrize("fate", ["is committed", "is rolled back"])
def test_the_changes_of_a_writer_that_begins_first_and_ends_last_are_not_skipped(
    database: Database, organisation_id: str, fate: str
):
    """On SQLite the second writer waits for the first, so that there is nothing to pass over."""
    reader, drawn, may_end = Reader(database, organisation_id), Event(), Event()
    write(database, organisation_id, "before")

    def first() -> None:
        with database.for_organisation(organisation_id) as session:
            change_feed.write(session, "level_moved", "slow", {}, AT)
            session.flush()  # its id is drawn
            drawn.set()
            may_end.wait(PATIENCE)
            if fate == "is rolled back":
                session.rollback()

    slow, quick = Thread(target=first), Thread(target=write, args=(database, organisation_id, "quick", "quicker"))
    slow.start()
    assert drawn.wait(PATIENCE)
    quick.start()
    quick.join(PATIENCE if database.engine.dialect.name == "postgresql" else 0.2)  # on SQLite it cannot end yet
    assert reader.read() == ["before"]
    may_end.set()
    slow.join(PATIENCE)
    quick.join(PATIENCE)
    reader.read()
    reader.read()
    assert reader.seen == ["before", *(["slow"] if fate == "is committed" else []), "quick", "quicker"]


def test_a_reader_among_many_writers_sees_every_change_once_and_in_order(database: Database, organisation_id: str):
    reader = Reader(database, organisation_id)
    names = [[f"{writer}.{n}" for n in range(9)] for writer in range(3)]

    def write_all(mine: list[str]) -> None:
        for start in range(0, len(mine), 3):
            write(database, organisation_id, *mine[start : start + 3])

    writers = [Thread(target=write_all, args=(mine,)) for mine in names]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        reader.read(5)
    while reader.read():
        pass
    assert sorted(reader.seen) == sorted(name for mine in names for name in mine)
    assert reader.cursor is not None


def test_changes_cannot_be_read_from_one_snapshot(
    postgresql: databases.Empty,
):
    with postgresql() as engine:
        database = databases.connect(engine)
        with (
            database.for_organisation(make_organisation(database), write=False) as session,
            pytest.raises(RuntimeError, match="snapshot"),
        ):
            change_feed.read(session)


def test_changes_of_a_rolled_back_savepoint_are_gone_and_later_ones_still_take_the_lock(
    database: Database, organisation_id: str
):
    reader = Reader(database, organisation_id)
    with database.for_organisation(organisation_id) as session:
        part = session.begin_nested()
        change_feed.write(session, "level_moved", "undone", {}, AT)
        session.flush()
        part.rollback()
        change_feed.write(session, "level_moved", "kept", {}, AT)
        session.flush()
        if database.engine.dialect.name == "postgresql":
            write(database, organisation_id, "quick")
            assert reader.read() == []
    reader.read()
    assert reader.seen[0] == "kept"
