"""Organisations never see each other's rows, whatever the statement; a session without one gets an error, not all rows."""

import gc
import re
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from threading import Thread, current_thread

import pytest
from databases import SECRET_KEYS, Empty, opened
from patience import PATIENCE
from sqlalchemy import Executable, delete, event, exists, func, insert, literal, select, text, true, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.orm import Bundle, Session, aliased

from service.clock import now
from service.db.account_tables import SignIn, User
from service.db.session import Database, MissingOrganisation, UnfilteredStatement, open_engine
from service.db.tables import Organisation

SERVICE = Path(__file__).resolve().parents[2] / "service"


def make_two(database: Database) -> None:
    """Organisations a and b with a user and a sign-in each: ua, sa and ub, sb."""
    at = now()
    for name in "ab":
        with database.for_organisation(name) as session:
            session.add(Organisation(id=name, name=name, created_at=at))
            session.flush()
            session.add(User(**user(f"u{name}")))
            session.flush()
            session.add(
                SignIn(id=f"s{name}", token_hash=name, user_id=f"u{name}", created_at=at, seen_at=at, expires_at=at)
            )


def user(identity: str, **more: object) -> dict[str, object]:
    tested = {"id": identity, "email": f"{identity}@harbour.example", "name": identity, "password_hash": ""}
    return {**tested, "role": "admin", "active": True, "must_change_password": False, "created_at": now(), **more}


def users_of(database: Database) -> dict[str, tuple[str, str]]:
    """Every user there is: id -> organisation, name."""
    with database.unscoped() as session:
        return {row.id: (row.organisation_id, row.name) for row in session.scalars(select(User))}


Other = aliased(User)
Sub = select(User).subquery()
With = select(User.id).cte()
OWN = {
    "columns": (select(User.id), [("ua",)]),
    "two classes": (select(User.id, SignIn.id).join(SignIn, true()), [("ua", "sa")]),
    "an alias": (select(Other.id), [("ua",)]),
    "a bundle": (select(Bundle("user", User.id)), [(("ua",),)]),
    "a count": (select(func.count()).select_from(User), [(1,)]),
    "a count in a column": (select(select(func.count(User.id)).scalar_subquery()), [(1,)]),
    "a window": (select(User.id, func.row_number().over(order_by=User.id)), [("ua", 1)]),
    "a subquery": (select(Sub.c.id), [("ua",)]),
    "an alias of a subquery": (select(aliased(User, Sub).id), [("ua",)]),
    "a common table expression": (select(With.c.id), [("ua",)]),
    "a union": (select(User.id).union_all(select(SignIn.id)), [("ua",), ("sa",)]),
    "a union within": (select(select(User.id).union_all(select(SignIn.id)).subquery()), [("ua",), ("sa",)]),
    "a join from another class": (
        select(Organisation.id).join(User, User.organisation_id == Organisation.id),
        [("a",)],
    ),
    "an outer join": (
        select(func.count(User.id)).select_from(Organisation).outerjoin(User, User.organisation_id == Organisation.id),
        [(1,)],
    ),
    "exists": (select(Organisation.id).where(exists().where(User.organisation_id == Organisation.id)), [("a",)]),
    "exists alone": (select(literal(1)).where(select(User.id).where(User.id == "ub").exists()), []),
    "in": (select(Organisation.id).where(Organisation.id.in_(select(User.organisation_id))), [("a",)]),
    "update returning": (update(User).values(name="x").returning(User.id), [("ua",)]),
    "delete returning": (delete(SignIn).returning(SignIn.id), [("sa",)]),
}
REFUSED = {
    "plain SQL": text('select id from "user"'),
    "a class from plain SQL": select(User).from_statement(text('select * from "user"')),
    "a count that the class does not show through": select(func.count(User.id).filter(User.id != "x")),
    "a bare table": select(User.__table__),
    "a bare column": select(User.__table__.c.id),
    "a count of a bare table": select(func.count()).select_from(User.__table__),
    "a class joined to a bare table": select(User.id, SignIn.__table__.c.id).join(SignIn.__table__, true()),
    "a removal from a bare table": delete(SignIn.__table__),
    "an insert into a bare table": insert(User.__table__).values(**user("x", organisation_id="b")),
    "an upsert by id": upsert(User)
    .values(**user("ub"))
    .on_conflict_do_update(index_elements=["id"], set_={"name": "x"}),
}


@pytest.mark.parametrize("form", OWN)
def test_a_statement_reaches_only_the_rows_of_the_sessions_organisation(database: Database, form: str):
    make_two(database)
    statement, expected = OWN[form]
    with database.for_organisation("a") as session:
        assert [tuple(row) for row in session.execute(statement)] == expected


def test_a_cached_query_is_filtered_for_each_organisation(database: Database):
    make_two(database)
    query = select(User.id)
    for name, own in (("a", ["ua"]), ("b", ["ub"]), ("a", ["ua"])):
        with database.for_organisation(name) as session:
            assert session.scalars(query).all() == own
    with database.session_factory() as session, pytest.raises(MissingOrganisation):
        session.execute(query)


def test_a_query_takes_no_more_memory_the_more_organisations_execute_it(sqlite: Empty):
    query = select(User.id).where(User.active)
    with sqlite() as engine:
        database = Database(engine, SECRET_KEYS)

        def execute_for(numbers: range) -> int:
            for number in numbers:
                with database.for_organisation(f"o{number}", write=False) as session:
                    assert session.scalars(query).all() == []
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            sizes = [execute_for(range(start, start + 300)) for start in (0, 300, 600, 900)]
            # Other threads of this process allocate, too: only what each round adds is the query's.
            grown = min(after - before for before, after in pairwise(sizes))
        finally:
            tracemalloc.stop()
    assert grown < 100_000  # bytes; a copy of the query for each would take six times as many


def test_a_cached_update_is_still_refused_when_executed_in_bulk_by_keys(database: Database):
    make_two(database)
    change = update(User)
    with database.for_organisation("a") as session:
        session.execute(change.values(name="x"))
        session.execute(change, {"name": "y"})
    with database.for_organisation("a") as session, pytest.raises(UnfilteredStatement):
        session.execute(change, [{"id": "ub", "name": "z"}])
    assert users_of(database)["ub"] == ("b", "ub")


@pytest.mark.parametrize("form", OWN)
def test_a_session_without_an_organisation_gets_an_error_and_no_rows(database: Database, form: str):
    with database.session_factory() as session, pytest.raises(MissingOrganisation):
        session.execute(OWN[form][0])


@pytest.mark.parametrize("form", REFUSED)
def test_a_statement_the_filter_cannot_reach_is_refused(database: Database, form: str):
    make_two(database)
    with database.for_organisation("a") as session, pytest.raises(UnfilteredStatement):
        session.execute(REFUSED[form])
    assert users_of(database).keys() == {"ua", "ub"}


def test_get_finds_no_row_of_another_organisation(database: Database):
    make_two(database)
    with database.for_organisation("a") as session:
        assert session.get(User, "ub") is None
        assert session.get(User, "ua") is not None


@pytest.mark.parametrize(
    "statement", [update(User).values(name="x"), update(User).where(User.id == "ub").values(name="x")]
)
def test_an_update_by_condition_leaves_other_organisations_alone(database: Database, statement: Executable):
    make_two(database)
    with database.for_organisation("a") as session:
        session.execute(statement)
    assert users_of(database)["ub"] == ("b", "ub")


def test_a_delete_by_condition_leaves_other_organisations_alone(database: Database):
    make_two(database)
    with database.for_organisation("a") as session:
        session.execute(delete(User))
    assert users_of(database).keys() == {"ub"}


def test_a_bulk_update_by_keys_is_refused_since_the_filter_cannot_reach_it(database: Database):
    make_two(database)
    with database.for_organisation("a") as session, pytest.raises(UnfilteredStatement):
        session.execute(update(User), [{"id": "ub", "name": "x"}])


def test_inserted_rows_belong_to_the_organisation_of_the_session(database: Database):
    make_two(database)
    with database.for_organisation("a") as session:
        session.execute(insert(User), [user("one"), user("two")])
        session.execute(insert(User).values(**user("three")))
        session.execute(insert(User).values(**user("four", organisation_id="b")))
        session.add(User(**user("five")))
    owners = {identity: owner for identity, (owner, _name) in users_of(database).items()}
    assert owners == {"ua": "a", "ub": "b", "one": "a", "two": "a", "three": "a", "four": "a", "five": "a"}


def test_rows_of_another_organisation_cannot_be_inserted(database: Database):
    make_two(database)
    with database.for_organisation("a") as session, pytest.raises(MissingOrganisation):
        session.execute(insert(User), [user("x", organisation_id="b")])
    with pytest.raises(MissingOrganisation), database.for_organisation("a") as session:
        session.add(User(**user("x", organisation_id="b")))


def change(session: Session, row: User) -> None:
    row.name = "x"


def take(session: Session, row: User) -> None:
    row.organisation_id = "a"


def remove(session: Session, row: User) -> None:
    session.delete(row)


@pytest.mark.parametrize("write", [change, take, remove])
def test_a_row_loaded_by_another_organisation_cannot_be_written(
    database: Database, write: Callable[[Session, User], None]
):
    make_two(database)
    with database.for_organisation("b") as session:
        theirs = session.get_one(User, "ub")
    with database.for_organisation("a") as session:
        session.add(theirs)
        write(session, theirs)
        with pytest.raises(MissingOrganisation):
            session.flush()
        session.expunge_all()
    assert users_of(database)["ub"] == ("b", "ub")


def test_a_row_cannot_be_moved_to_another_organisation(database: Database):
    make_two(database)
    with pytest.raises(MissingOrganisation), database.for_organisation("a") as session:
        session.get_one(User, "ua").organisation_id = "b"


def test_a_session_without_an_organisation_writes_nothing(database: Database):
    with pytest.raises(MissingOrganisation), database.session_factory.begin() as session:
        session.add(User(**user("x", organisation_id="a")))


def test_an_unscoped_session_sees_all_rows(database: Database):
    make_two(database)
    with database.unscoped() as session:
        assert set(session.scalars(select(User.id))) == {"ua", "ub"}


def test_a_read_only_session_refuses_to_write(database: Database):
    make_two(database)
    with database.for_organisation("a", write=False) as session, pytest.raises(UnfilteredStatement):
        session.execute(update(User).values(name="x"))
    with pytest.raises(UnfilteredStatement), database.for_organisation("a", write=False) as session:
        session.get_one(User, "ua").name = "x"
    assert users_of(database)["ua"] == ("a", "ua")


def test_a_reader_waits_for_no_writer(database: Database):
    make_two(database)
    with database.for_organisation("a") as writer:
        writer.execute(update(User).values(name="x"))
        with database.for_organisation("a", write=False) as reader:
            assert reader.scalars(select(User.name)).all() == ["ua"]


@pytest.mark.parametrize("snapshot", [True, False])
def test_a_reader_sees_one_snapshot_throughout_unless_it_wants_the_latest_on_postgresql(
    database: Database, snapshot: bool
):
    make_two(database)
    with database.for_organisation("a", write=False, snapshot=snapshot) as reader:
        assert reader.scalars(select(User.name)).all() == ["ua"]
        with database.for_organisation("a") as writer:
            writer.execute(update(User).values(name="x"))
        latest = database.engine.dialect.name == "postgresql" and not snapshot
        assert reader.scalars(select(User.name)).all() == ["x" if latest else "ua"]


def test_on_sqlite_a_writer_that_reads_first_is_not_overtaken_by_another_process(sqlite: Empty):
    with sqlite() as engine:
        database, other_process = Database(engine, SECRET_KEYS), Database(open_engine(str(engine.url)))
        make_two(database)

        def overtake() -> None:
            with other_process, other_process.for_organisation("a") as session:
                session.execute(update(User).values(name="overtaker"))

        overtaking = Thread(target=overtake, daemon=True)
        with database.for_organisation("a") as session:
            assert session.scalars(select(User.name)).all() == ["ua"]
            overtaking.start()
            overtaking.join(0.5)  # time enough to write, if nothing held it up
            session.execute(update(User).values(name="first"))
        overtaking.join(PATIENCE)
        assert users_of(database)["ua"] == ("a", "overtaker")


@pytest.mark.fault
@pytest.mark.parametrize("by_key", [False, True])
def test_a_row_that_is_locked_is_read_again_and_keeps_what_this_session_changed(postgresql: Empty, by_key: bool):
    with postgresql() as engine:
        database = Database(engine)
        make_two(database)
        with database.for_organisation("a") as session:
            seen = session.get_one(User, "ua")
            with database.for_organisation("a") as other:
                other.get_one(User, "ua").name = "changed meanwhile"
            seen.role = "viewer"
            if by_key:
                session.get_one(User, "ua", with_for_update=True)
            else:
                session.scalars(select(User).where(User.id == "ua").with_for_update()).one()
            assert (seen.name, seen.role) == ("changed meanwhile", "viewer")


def test_on_sqlite_a_commit_survives_a_crash_and_what_is_erased_is_overwritten(sqlite: Empty):
    settings = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000, "secure_delete": 1}
    with sqlite() as engine, engine.connect() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in settings}
    assert found == settings


def test_a_waiting_writer_is_woken_when_it_is_its_turn_instead_of_polling(sqlite: Empty):
    # SQLite lets who waits look again every tenth of a second: beside who writes chunk after chunk that can take seconds.
    with sqlite() as empty, opened(empty.url) as engine:
        database, begun = Database(engine, SECRET_KEYS), []
        make_two(database)
        event.listen(engine, "checkout", lambda *_: begun.append(current_thread()))

        def write() -> None:
            with database.for_organisation("b") as session:
                session.execute(update(User).values(name="later"))

        waiting = Thread(target=write, daemon=True)
        with database.for_organisation("a") as session:
            session.execute(update(User).values(name="first"))
            waiting.start()
            waiting.join(0.5)  # time enough to begin, if it did not wait for its turn
            assert begun == [current_thread()]
        waiting.join(PATIENCE)
        assert begun == [current_thread(), waiting]
        assert users_of(database)["ub"] == ("b", "later")


def test_no_module_bypasses_the_filter():
    # What the filter never sees: the engine's own connections, and rows written past the session's flush.
    round_about = re.compile(
        r"\.connection\(|\.bulk_(?:save|insert|update)|exec_driver_sql|__table__(?!\.columns)|metadata\.tables"
    )
    operators = {
        SERVICE / "db",
        SERVICE / "audit_chain.py",
    }  # at its commit, a transaction links the events of any organisation
    rows = {
        path.relative_to(SERVICE).as_posix(): match[0]
        for path in SERVICE.rglob("*.py")
        if not operators & {path, *path.parents} and (match := round_about.search(path.read_text(encoding="utf-8")))
    }
    assert not rows
