"""Rows that are written below the object-relational layer are those of the session's organisation, and read back as written."""

import uuid
from datetime import UTC, datetime

import pytest
from callers import make_organisation
from sqlalchemy import select

from service.db.bulk_rows import insert_rows, update_rows
from service.db.session import Database, MissingOrganisation, UnfilteredStatement
from service.db.tables import Change, new_ordered_id

AT = datetime(2026, 11, 29, 8, tzinfo=UTC)
ROWS = [
    {"at": AT, "kind": "level_moved", "supplier_id": number, "data": {"to": level}, "level_before": level}
    for number, level in (("s1", "high"), ("s2", None))
]


def test_inserted_rows_get_the_owner_of_the_session_and_read_back_as_written(database: Database):
    own, other = make_organisation(database), make_organisation(database, "Quay Textiles")
    with database.for_organisation(own) as session:
        insert_rows(session, Change, ROWS)
        insert_rows(session, Change, [])
    with database.for_organisation(own, write=False) as session:
        stored = session.scalars(select(Change).order_by(Change.id)).all()
        assert [{name: getattr(change, name) for name in ROWS[0]} for change in stored] == ROWS
        assert {change.organisation_id for change in stored} == {own}
    with database.for_organisation(other, write=False) as session:
        assert session.scalars(select(Change)).all() == []


def test_only_rows_of_the_sessions_organisation_are_updated(database: Database):
    own, other = make_organisation(database), make_organisation(database, "Quay Textiles")
    ids = {}
    for organisation in (own, other):
        with database.for_organisation(organisation) as session:
            insert_rows(session, Change, ROWS[:1])
            ids[organisation] = session.scalars(select(Change.id)).one()
    with database.for_organisation(own) as session:
        update_rows(session, Change, [{"id": id_, "data": {"to": "low"}} for id_ in ids.values()])
    for organisation, level in ((own, "low"), (other, "high")):
        with database.for_organisation(organisation, write=False) as session:
            assert session.scalars(select(Change.data)).one() == {"to": level}


def test_no_row_is_inserted_for_nobody_for_another_organisation_or_in_a_session_that_reads(sqlite_database: Database):
    own = make_organisation(sqlite_database)
    with sqlite_database.unscoped() as session, pytest.raises(MissingOrganisation):
        insert_rows(session, Change, ROWS)
    with sqlite_database.for_organisation(own) as session, pytest.raises(MissingOrganisation):
        insert_rows(session, Change, [{**row, "organisation_id": "other"} for row in ROWS])
    with sqlite_database.for_organisation(own, write=False) as session, pytest.raises(UnfilteredStatement):
        insert_rows(session, Change, ROWS)


def test_ids_of_large_tables_are_unique_uuids_in_the_order_of_time(monkeypatch: pytest.MonkeyPatch):
    ids = []
    for milliseconds in (1_796_000_000_000, 1_796_000_000_001, 1_896_000_000_000):
        monkeypatch.setattr("service.db.tables.time_ns", lambda moment=milliseconds * 10**6: moment)
        ids.append({new_ordered_id() for _ in range(100)})
    assert [len(of_one_moment) for of_one_moment in ids] == [100, 100, 100]
    assert max(ids[0]) < min(ids[1])
    assert max(ids[1]) < min(ids[2])
    assert {(parsed.version, parsed.variant) for parsed in map(uuid.UUID, ids[0])} == {(7, uuid.RFC_4122)}
