"""The record of erasures in a journal outside the database, and applying it to a database that knows nothing of them.

It holds ids and times only. A backup that was made before an erasure contains what was erased; whoever restores it applies the
record in the same transaction, so that nothing erased ever comes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.audit_chain import ORGANISATION_ERASED, record_system_event
from service.db.case_tables import StoredCase
from service.db.import_tables import Import
from service.db.session import chunks, limit_to_organisation
from service.db.tables import AuditEvent, Erasure, Organisation, Supplier, new_id
from service.erasure.erase import erase_suppliers, remove_case
from service.erasure.imports import erase_imports
from service.erasure.traces import end_import
from service.journal import Entry, Journal

ACTOR = "system:restore"
COMPLETED = "erasure.completed"
TABLES: dict[str, Any] = {
    "site": Supplier,
    "agency": Supplier,
    "case": StoredCase,
    "import": Import,
    "organisation": Organisation,
}


class RecordedErasure(NamedTuple):
    """An object that was erased: its kind, its id and the id of its organisation."""

    object_type: str
    object_id: str
    organisation_id: str


def record_erasures(journal: Journal, organisation_id: str, objects: Iterable[tuple[str, str]], at: datetime) -> None:
    """Record that objects of an organisation, given by kind and id, were erased; those that are recorded already are left out."""
    known = set(list_erasures(journal))
    wanted = [RecordedErasure(object_type, object_id, organisation_id) for object_type, object_id in objects]
    journal.append(
        [{"at": at.isoformat(), **erasure._asdict()} for erasure in dict.fromkeys(wanted) if erasure not in known]
    )


def list_erasures(journal: Journal) -> list[RecordedErasure]:
    """Return the erasures that were recorded, in their order."""
    return [to_erasure(entry) for entry in journal.read() if entry.get("object_type") in TABLES]


def to_erasure(entry: Entry) -> RecordedErasure:
    """Return the erasure that an entry of a journal records."""
    return RecordedErasure(str(entry["object_type"]), str(entry["object_id"]), str(entry["organisation_id"]))


def list_completed_erasures(session: Session) -> list[RecordedErasure]:
    """Return the erasures that a database says are complete, in an unscoped session."""
    events = session.execute(
        select(AuditEvent.object_type, AuditEvent.object_id, AuditEvent.organisation_id)
        .where(AuditEvent.action == COMPLETED)
        .order_by(AuditEvent.id)
    )
    organisations = session.scalars(select(Erasure.organisation_id).order_by(Erasure.at))
    return [
        *(RecordedErasure(*event) for event in events if event[0] in TABLES),
        *(RecordedErasure("organisation", organisation_id, organisation_id) for organisation_id in organisations),
    ]


def find_unapplied(session: Session, erasures: Sequence[RecordedErasure]) -> list[RecordedErasure]:
    """Return the erasures whose objects are stored nevertheless, in an unscoped session."""
    stored: set[tuple[Any, str]] = set()
    for table in dict.fromkeys(TABLES.values()):
        ids = sorted({erasure.object_id for erasure in erasures if TABLES[erasure.object_type] is table})
        for chunk in chunks(ids):
            stored.update((table, id_) for id_ in session.scalars(select(table.id).where(table.id.in_(chunk))))
    return [
        erasure for erasure in dict.fromkeys(erasures) if (TABLES[erasure.object_type], erasure.object_id) in stored
    ]


def apply_erasures(session: Session, erasures: Sequence[RecordedErasure], at: datetime) -> list[RecordedErasure]:
    """Erase again what is stored although it was erased, in an unscoped session; return these erasures.

    Imports that may contain it and are still waiting or running are cancelled. Jobs then remove the files.
    """
    unapplied = find_unapplied(session, erasures)
    for organisation_id in dict.fromkeys(erasure.organisation_id for erasure in unapplied):
        ids = {
            object_type: [
                erasure.object_id
                for erasure in unapplied
                if (erasure.organisation_id, erasure.object_type) == (organisation_id, object_type)
            ]
            for object_type in TABLES
        }
        if ids["organisation"]:
            session.add(Erasure(id=new_id(), organisation_id=organisation_id, at=at, actor=ACTOR, counts={}))
            record_organisation_erasure(session, ACTOR, organisation_id)
            session.execute(delete(Organisation).where(Organisation.id == organisation_id))
            continue
        with limit_to_organisation(session, organisation_id):
            for import_ in _load(session, Import, ids["import"]):
                end_import(session, import_, at)
                erase_imports(session, [import_], at, ACTOR)
            for case in _load(session, StoredCase, ids["case"]):
                remove_case(session, case, "erasure_request", at.date(), at, ACTOR)
            erase_suppliers(session, _load(session, Supplier, [*ids["site"], *ids["agency"]]), at, ACTOR)
    return unapplied


def record_organisation_erasure(session: Session, by: str, organisation_id: str) -> None:
    """Record the erasure of an organisation among the events of the installation: its own audit trail goes with it."""
    record_system_event(session, by, ORGANISATION_ERASED, "organisation", organisation_id, {})


def _load(session: Session, table: Any, ids: Sequence[str]) -> list[Any]:
    return [
        row
        for chunk in chunks(ids)
        for row in session.scalars(select(table).where(table.id.in_(chunk)).order_by(table.id))
    ]
