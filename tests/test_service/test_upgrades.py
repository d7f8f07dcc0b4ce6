"""An upgrade from the first release, and from the last, keeps every row as it was: on both databases, and with `--long` with as
many suppliers as a large installation has.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from databases import KINDS, SECRET_KEYS
from examples import TIMES
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Engine,
    Float,
    MetaData,
    Numeric,
    Table,
    Text,
    cast,
    select,
)
from sqlalchemy import Integer as WholeNumber
from test_service.test_migrations import open_old_database

from service.clock import now
from service.db import supplier_counts
from service.db.encrypted import COLUMNS, Encrypted
from service.db.migrations import get_newest_revision, get_revision, migrate
from service.db.session import Database, chunks

REVISIONS = {"0.1.0": "0001", "0.2.0": "0004"}  # of the first release and of the last
SUPPLIERS = 60 if TIMES == 1 else 20_000
ROWS = {"organisation": 1} | dict.fromkeys(("result", "change", "audit_event"), 2 * SUPPLIERS)
ROWS |= dict.fromkeys(("supplier", "case_record", "case_finding"), SUPPLIERS)
ANSWERS = {"name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"], "worker_origin_countries": ["MM", "NP"]}
MOVE = {"from": "low", "to": "high"}
# What a column may hold where its name and type do not say.
VALUES: dict[str, Any] = {
    "supplier.kind": "site",
    "supplier.answers": ANSWERS,
    "supplier.country": "TH",
    "result.answers": ANSWERS,
    "change.kind": "level_moved",
    "change.data": MOVE,
    "import.state": "done",
    "job.kind": "render_report",
    "job.state": "done",
    "user.role": "officer",
    "watchlist_match.state": "open",
    "case_record.state": "open",
}


def make_value(column: Column[Any], number: int) -> Any:
    """A value of the type of a column; a text that no other row has."""
    if f"{column.table.name}.{column.name}" in VALUES:
        return VALUES[f"{column.table.name}.{column.name}"]
    kind = column.type
    if isinstance(kind, JSON):
        return {}
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, DateTime):
        return now()
    if isinstance(kind, Date):
        return now().date()
    if isinstance(kind, WholeNumber | Numeric | Float):
        return number
    return f"{number} {column.name}"[: getattr(kind, "length", None) or 40]


def make_rows(table: Table, ids: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Rows of a table, with the ids of rows that were made before where it refers to them."""
    for number in range(ROWS.get(table.name, 20)):
        row = {}
        for column in table.c:
            if column.primary_key and isinstance(column.type, WholeNumber):
                continue  # the database counts
            if column.foreign_keys:
                parents = ids[next(iter(column.foreign_keys)).column.table.name]
                row[column.name] = parents[number % len(parents)]
            elif column.primary_key or not column.nullable or f"{table.name}.{column.name}" in VALUES:
                row[column.name] = make_value(column, number)
        yield row


def fill(connection: Connection, schema: MetaData) -> None:
    """Fill every table of an old schema."""
    ids: dict[str, list[Any]] = {}
    for table in schema.sorted_tables:
        for part in chunks(list(make_rows(table, ids)), 5_000):
            connection.execute(table.insert(), part)
        if "id" in table.c:
            ids[table.name] = list(connection.scalars(select(table.c.id).order_by(table.c.id)))


def digest_rows(engine: Engine, schema: MetaData) -> dict[str, tuple[int, str]]:
    """How many rows each table of a schema has, and the digest of what they hold in its columns, decrypted."""
    encrypted = {columns[0].table: {column.name: column for column in columns} for columns in COLUMNS.values()}
    digests = {}
    with engine.connect() as connection:
        for table in schema.sorted_tables:
            digest, count, texts = hashlib.sha256(), 0, encrypted.get(table.name, {})
            columns = [cast(column, Text).label(column.name) if column.name in texts else column for column in table.c]
            for row in connection.execute(select(*columns).order_by(*table.primary_key.columns)).mappings():
                values = dict(row)
                for name in texts.keys() & values.keys():
                    values[name] = read_text(texts[name], values, is_json=isinstance(table.c[name].type, JSON))
                if table.name == "case_record":
                    del values["key"]  # since then, a digest of what it was
                digest.update(repr(tuple(values.values())).encode())
                count += 1
            digests[table.name] = (count, digest.hexdigest())
    return digests


def read_text(column: Encrypted[Any], row: dict[str, Any], *, is_json: bool) -> Any:
    """What an encrypted column holds, which held a text or JSON before."""
    stored = row[column.name]
    if stored is not None and stored.startswith("v1."):
        return column.decrypt(stored, SECRET_KEYS, row["organisation_id"], row["id"])
    return orjson.loads(stored) if stored is not None and is_json else stored


@pytest.mark.fault
@pytest.mark.parametrize("release", REVISIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_upgrade_keeps_every_row_of_an_earlier_release_as_it_was(
    request: pytest.FixtureRequest, kind: str, release: str, tmp_path: Path
):
    with open_old_database(request, kind, tmp_path, REVISIONS[release]) as engine:
        schema = MetaData()
        with engine.begin() as connection:
            schema.reflect(connection)
            schema.remove(schema.tables["alembic_version"])
            fill(connection, schema)
        before = digest_rows(engine, schema)
        assert before["supplier"][0] == SUPPLIERS
        assert all(count for count, _ in before.values())
        migrate(engine, secret_keys=SECRET_KEYS)
        assert get_revision(engine) == get_newest_revision()
        assert digest_rows(engine, schema) == before
        with Database(engine, SECRET_KEYS).unscoped(write=False) as session:
            assert supplier_counts.find_miscounts(session) == []
