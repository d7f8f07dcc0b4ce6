"""The chain of the audit trail: it fits whatever happens, and whoever tampers with rows breaks it."""

from collections.abc import Callable, Sequence
from threading import Barrier, Thread

import pytest
from callers import make_organisation
from patience import PATIENCE
from sqlalchemy import delete, insert, select, text, update

from service.audit import record_event
from service.audit_chain import START, digest_details, erase_details, hash_event, record_system_event
from service.audit_evidence.breaks import Marks, check_chains
from service.clock import now
from service.db.audit_tables import AuditChain, AuditLink, SystemEvent
from service.db.session import Database
from service.db.tables import AuditEvent

EVENTS, LINKS, CHAINS = AuditEvent.__table__, AuditLink.__table__, AuditChain.__table__


def record(database: Database, organisation_id: str, *objects: str) -> None:
    with database.for_organisation(organisation_id) as session:
        for object_id in objects:
            record_event(session, "user:ana", "step.state_changed", "step", object_id, {"from": "open", "to": "done"})


def find_breaks(database: Database, marks: Marks | None = None) -> list[tuple[str, int | None]]:
    with database.unscoped(write=False) as session:
        return [(each.code, each.number) for check in check_chains(session, marks or {}) for each in check.breaks]


def tamper(database: Database, *statements: object) -> None:
    """Change rows as an administrator of the database can: without triggers and without the service."""
    with database.engine.begin() as connection:
        if database.engine.dialect.name == "sqlite":
            query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%append-only%'"
            for name in connection.exec_driver_sql(query).scalars().all():
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        else:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def harbour(database: Database) -> str:
    """An organisation with six events in three transactions, beside another one."""
    organisation_id = make_organisation(database)
    for pair in (("1", "2"), ("3", "4"), ("5", "6")):
        record(database, organisation_id, *pair)
    record(database, make_organisation(database, "Quay Textiles"), "1")
    return organisation_id


def number_links(database: Database, organisation_id: str) -> list[int]:
    with database.unscoped(write=False) as session:
        query = select(AuditLink.number).where(AuditLink.organisation_id == organisation_id).order_by(AuditLink.number)
        return list(session.scalars(query))


def of(number: int, organisation_id: str) -> object:
    """The condition for the event at a place in the chain."""
    link = select(LINKS.c.event_id).where(LINKS.c.organisation_id == organisation_id, LINKS.c.number == number)
    return EVENTS.c.id == link.scalar_subquery()


def at(number: int, organisation_id: str) -> Sequence[object]:
    """The conditions for the link at a place in the chain."""
    return LINKS.c.organisation_id == organisation_id, LINKS.c.number == number


def swap(organisation_id: str) -> list[object]:
    """Let two events change places, with their hashes."""
    move = update(LINKS)
    return [
        move.where(*at(3, organisation_id)).values(number=-1),
        move.where(*at(4, organisation_id)).values(number=3),
        move.where(*at(-1, organisation_id)).values(number=4),
    ]


def insert_event(organisation_id: str) -> list[object]:
    row = {
        "id": 999,
        "at": now(),
        "actor": "user:bo",
        "action": "case.deleted",
        "object_type": "case",
        "object_id": "c",
    }
    return [insert(EVENTS).values(**row, organisation_id=organisation_id, details={})]


def cut_off(organisation_id: str) -> list[object]:
    """Remove the last two events, and say that there were four."""
    four = select(LINKS.c.hash).where(*at(4, organisation_id)).scalar_subquery()
    return [
        delete(EVENTS).where(of(5, organisation_id) | of(6, organisation_id)),
        delete(LINKS).where(LINKS.c.organisation_id == organisation_id, LINKS.c.number > 4),
        update(CHAINS).where(CHAINS.c.organisation_id == organisation_id).values(length=4, hash=four),
    ]


TAMPERING: dict[str, tuple[Callable[[str], list[object]], tuple[str, int | None]]] = {
    "another person did it": (lambda o: [update(EVENTS).where(of(2, o)).values(actor="user:bo")], ("audit.changed", 2)),
    "other details": (lambda o: [update(EVENTS).where(of(2, o)).values(details={"to": "x"})], ("audit.changed", 2)),
    "erased behind its back": (
        lambda o: [update(EVENTS).where(of(2, o)).values(details={}), update(LINKS).where(*at(2, o)).values(salt=None)],
        ("audit.details_removed", None),
    ),
    "an event is gone": (lambda o: [delete(EVENTS).where(of(3, o))], ("audit.removed", 3)),
    "event and link are gone": (
        lambda o: [delete(EVENTS).where(of(3, o)), delete(LINKS).where(*at(3, o))], ("audit.removed", 3)
    ),
    "two changed places": (swap, ("audit.moved", 3)),
    "an event was added": (insert_event, ("audit.added", None)),
    "the last link is gone": (lambda o: [delete(EVENTS).where(of(6, o)), delete(LINKS).where(*at(6, o))], ("audit.cut_off", 6)),
}  # fmt: skip


def test_every_event_is_linked_to_the_one_before_it(database: Database, harbour: str):
    before = START
    with database.unscoped(write=False) as session:
        query = select(AuditLink, AuditEvent).join(AuditEvent, AuditEvent.id == AuditLink.event_id)
        rows = session.execute(query.where(AuditLink.organisation_id == harbour).order_by(AuditLink.number)).all()
        for number, (link, event) in enumerate(rows, 1):
            assert (link.number, event.object_id) == (number, str(number))
            assert link.digest == digest_details(link.salt, {"from": "open", "to": "done"})
            before = hash_event(before, number, harbour, event, link.digest)
            assert link.hash == before
        end = session.get_one(AuditChain, harbour)
    assert (len(rows), end.length, end.hash) == (6, 6, before)
    assert find_breaks(database) == []


@pytest.mark.parametrize("how", TAMPERING)
def test_whoever_tampers_with_rows_is_found_at_the_first_event_that_does_not_fit(
    database: Database, harbour: str, how: str
):
    statements, found = TAMPERING[how]
    tamper(database, *statements(harbour))
    assert find_breaks(database)[:1] == [found]


def test_a_chain_that_was_cut_off_or_calculated_anew_no_longer_agrees_with_a_checkpoint(
    database: Database, harbour: str
):
    with database.unscoped(write=False) as session:
        ends = {
            row.number: row.hash
            for row in session.scalars(select(AuditLink).where(AuditLink.organisation_id == harbour))
        }
    marks = {harbour: {2: ends[2], 6: ends[6]}}
    assert find_breaks(database, marks) == []
    assert find_breaks(database, {harbour: {2: ends[2], 6: "f" * 64}}) == [("audit.rewritten", 3)]
    assert find_breaks(database, {**marks, "an organisation that was removed": {1: ends[1]}}) == [
        ("audit.organisation_missing", None)
    ]
    tamper(database, *cut_off(harbour))
    assert find_breaks(database) == []  # nobody can tell without the checkpoint
    assert find_breaks(database, marks) == [("audit.cut_off", 5)]


def test_an_event_that_was_rolled_back_leaves_no_gap(database: Database, harbour: str):
    with database.for_organisation(harbour) as session:
        record_event(session, "user:ana", "step.state_changed", "step", "7")
        with session.begin_nested() as savepoint:
            record_event(session, "user:ana", "step.state_changed", "step", "8")
            session.flush()
            savepoint.rollback()
        record_event(session, "user:ana", "step.state_changed", "step", "9")
    with database.for_organisation(harbour) as session:
        record_event(session, "user:ana", "step.state_changed", "step", "10")
        session.rollback()
    record(database, harbour, "11")
    assert number_links(database, harbour) == list(range(1, 10))
    assert find_breaks(database) == []


@pytest.mark.fault
def test_writers_at_the_same_time_make_one_chain(database: Database, harbour: str):
    start = Barrier(4)

    def write(name: int) -> None:
        start.wait(PATIENCE)
        for n in range(5):
            record(database, harbour, f"{name}-{n}", f"{name}-{n}b")

    threads = [Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert number_links(database, harbour) == list(range(1, 6 + 4 * 5 * 2 + 1))
    assert find_breaks(database) == []


def test_erased_details_leave_a_chain_that_fits_and_cannot_be_guessed(database: Database, harbour: str):
    with database.for_organisation(harbour) as session:
        count = erase_details(session, ["2", "3"])
        record_event(session, "user:ana", "site.erased", "site", "2", {"events": count})
    with database.unscoped(write=False) as session:
        rows = session.execute(
            select(AuditEvent.details, AuditLink.salt, AuditLink.digest)
            .join(AuditLink, AuditLink.event_id == AuditEvent.id)
            .where(AuditEvent.object_id == "2", AuditLink.organisation_id == harbour)
            .order_by(AuditEvent.id)
        ).all()
    assert [(row.details, row.salt is None, len(row.digest)) for row in rows] == [
        ({}, True, 64),
        ({"events": 2}, False, 64),
    ]
    assert find_breaks(database) == []


@pytest.mark.parametrize("statement", [
    "UPDATE audit_link SET hash = 'x'", "DELETE FROM audit_link", "UPDATE audit_event SET details = '{\"to\": 1}'",
    "DELETE FROM system_event", "UPDATE system_event SET actor = 'x'",
])  # fmt: skip
def test_the_database_refuses_to_change_a_chain(database: Database, harbour: str, statement: str):
    with database.unscoped() as session:
        record_system_event(session, "system:restore", "backup.restored", "backup", "1", {})
    with pytest.raises(Exception, match="append-only"), database.engine.begin() as connection:
        connection.execute(text(statement))


def test_events_of_the_installation_form_a_chain_of_their_own(database: Database):
    for number in range(3):
        with database.unscoped() as session:
            record_system_event(session, "system:cli", "backup.restored", "backup", str(number), {"rows": number})
    assert find_breaks(database) == []
    events = SystemEvent.__table__
    tamper(database, update(events).where(events.c.number == 2).values(details={"rows": 9}))
    assert find_breaks(database) == [("audit.changed", 2)]
