"""The values of all suppliers that a connected system knows, as a file that can be imported there."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from datetime import date
from io import StringIO
from typing import Any, Literal

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from reports.csv import guard
from service.connected_systems.hosts import Host, get_host
from service.connected_systems.records import build_records
from service.db.session import chunks
from service.db.system_tables import ConnectedSystem, SystemIdentifier
from service.db.tables import Supplier

FORMATS = ("csv", "jsonl")
MEDIA_TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson"}
COUPA_FIELDS = 10


def build_file(
    session: Session, system: ConnectedSystem, format_: Literal["csv", "jsonl"], address: str, on: date
) -> bytes:
    """Return the identifier and the mapped fields of each supplier that a system knows, by identifier.

    CSV is UTF-8 with a byte order mark, and every cell is safe to open in a spreadsheet. For Coupa it has the columns of its
    loader for the Supplier Risk Aware Feed. JSON Lines has an object a line.
    """
    host = get_host(system.kind)
    rows = _iterate_rows(session, host, system, address, on)
    if format_ == "jsonl":
        objects = ({host.identifier: identifier, **record} for identifier, record in rows)
        return b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in objects)
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    if host.id == "coupa":
        numbers = range(1, COUPA_FIELDS + 1)
        writer.writerow(["Supplier Name", "Supplier Number", *(f"Number Field {number}" for number in numbers)])
        for identifier, record in rows:
            writer.writerow(["", guard(identifier), *(record.get(f"number-field-{number:02d}") for number in numbers)])
    else:
        writer.writerow([guard(title) for title in (host.identifier, *system.mapping)])
        for identifier, record in rows:
            writer.writerow([guard(cell) for cell in (identifier, *(record[field] for field in system.mapping))])
    return text.getvalue().encode("utf-8-sig")


def _iterate_rows(
    session: Session, host: Host, system: ConnectedSystem, address: str, on: date
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    query = (
        select(SystemIdentifier.identifier, SystemIdentifier.supplier_id)
        .where(SystemIdentifier.system_id == system.id)
        .order_by(SystemIdentifier.identifier)
    )
    for chunk in chunks(session.execute(query).all()):
        found = session.scalars(select(Supplier).where(Supplier.id.in_([supplier_id for _, supplier_id in chunk])))
        records = build_records(session, host, system.mapping, found.all(), address, on)
        yield from ((identifier, records[supplier_id]) for identifier, supplier_id in chunk)
