"""Export the audit trail of an organisation with its chain: as JSON Lines to be checked elsewhere, as a workbook to be read."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import xlsxwriter
from sqlalchemy import select
from sqlalchemy.orm import Session

from service.audit_chain import format_time
from service.db.audit_tables import AuditLink
from service.db.tables import AuditEvent

FORMATS = ("jsonl", "xlsx")
PORTION = 1_000
BEFORE, AFTER = "from", "to"  # the details that say what a value was and is
COLUMNS = (
    ("Number", 9), ("When (UTC)", 28), ("Who", 44), ("Name", 26), ("Action", 28), ("Type of object", 18), ("Object", 40),
    ("Before", 20), ("After", 20), ("Other details", 50), ("Details erased", 15), ("Hash", 68),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExportFilter:
    """Which events are exported: those from a moment on and before another, and about some objects (None: about all)."""

    since: datetime | None = None
    until: datetime | None = None
    object_ids: Sequence[str] | None = None


def iterate_events(session: Session, wanted: ExportFilter, names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the events of the organisation of a session, oldest first, with everything their hashes are calculated from.

    ``names``: of users and keys, by the actor. ``salt`` is None where the details were erased.
    """
    query = select(AuditEvent, AuditLink).join(AuditLink, AuditLink.event_id == AuditEvent.id)
    if wanted.since is not None:
        query = query.where(AuditEvent.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEvent.at < wanted.until)
    if wanted.object_ids is not None:
        query = query.where(AuditEvent.object_id.in_(wanted.object_ids))
    for event, link in session.execute(query.order_by(AuditLink.number).execution_options(yield_per=PORTION)):
        yield {
            "chain": event.organisation_id,
            "number": link.number,
            "at": format_time(event.at),
            "actor": event.actor,
            "name": names.get(event.actor),
            "action": event.action,
            "object_type": event.object_type,
            "object_id": event.object_id,
            "details": event.details,
            "salt": link.salt,
            "digest": link.digest,
            "hash": link.hash,
        }


def export_lines(events: Iterator[dict[str, Any]]) -> bytes:
    """Return events as JSON Lines."""
    return b"".join(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE) for event in events)


def export_workbook(events: Iterator[dict[str, Any]]) -> bytes:
    """Return events as a workbook, with the values before and after a change in columns of their own. No cell is a formula."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(
        buffer, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        sheet = book.add_worksheet("Audit trail")
        heading = book.add_format({"bold": True})
        for column, (title, width) in enumerate(COLUMNS):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, title, heading)
        sheet.freeze_panes(1, 0)
        for number, event in enumerate(events, 1):
            sheet.write_number(number, 0, event["number"])
            for column, text in enumerate(_list_texts(event), 1):
                sheet.write_string(number, column, text)
    return buffer.getvalue()


def _list_texts(event: Mapping[str, Any]) -> list[str]:
    details = dict(event["details"])
    before, after = details.pop(BEFORE, None), details.pop(AFTER, None)
    others = "; ".join(f"{name.replace('_', ' ')}: {_format(value)}" for name, value in details.items())
    what = [str(event[name] or "") for name in ("at", "actor", "name", "action", "object_type", "object_id")]
    return [*what, _format(before), _format(after), others, "yes" if event["salt"] is None else "", event["hash"]]


def _format(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_format, value))
    return "" if value is None else str(value)
