"""Checks of the audit trail: whether it is protected and complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import exists, func, select

from service.audit_evidence.breaks import check_chains
from service.db import audit_triggers
from service.db.account_tables import ApiKey, User
from service.db.case_tables import StoredCase
from service.db.import_tables import Import
from service.db.job_tables import Job, Schedule
from service.db.tables import AuditEvent, Supplier
from service.db.watchlist_tables import Watchlist
from service.integrity.finding import Finding, Installation

OBJECTS: Mapping[str, Any] = {
    "agency": Supplier,
    "api_key": ApiKey,
    "case": StoredCase,
    "import": Import,
    "job": Job,
    "schedule": Schedule,
    "site": Supplier,
    "user": User,
    "watchlist": Watchlist,
}


def find_missing_protection(installation: Installation) -> Iterator[Finding]:
    """Yield the triggers that refuse changes of the audit trail and are missing or switched off."""
    engine = installation.db.engine

    def repair() -> None:
        with engine.begin() as connection:
            audit_triggers.restore(connection)

    with engine.connect() as connection:
        missing = audit_triggers.list_missing(connection)
    for name in missing:
        detail = "The database no longer rejects changes to the audit trail. Find out who removed this trigger."
        yield Finding("audit.unprotected", f"trigger {name}", detail, repair)


def find_unrecorded_imports(installation: Installation) -> Iterator[Finding]:
    """Yield imports whose arrival is not in the audit trail: someone has added them, or removed the event."""
    event = exists().where(
        AuditEvent.organisation_id == Import.organisation_id,
        AuditEvent.object_type == "import",
        AuditEvent.object_id == Import.id,
    )
    with installation.db.unscoped(write=False) as session:
        for import_id in session.scalars(select(Import.id).where(~event).order_by(Import.id)):
            yield Finding("audit.import_missing", f"import {import_id}", "No audit event records that it was received.")


def find_broken_chains(installation: Installation) -> Iterator[Finding]:
    """Yield each place at which the chain of an organisation's audit trail does not fit. All events are read."""
    with installation.db.unscoped(write=False) as session:
        for check in check_chains(session, {}):
            for found in check.breaks:
                yield Finding(found.code, f"audit trail of {found.chain}", found.detail)


def count_events_of_missing_objects(installation: Installation) -> Iterator[Finding]:
    """Yield, as information, how many audit events are about objects that do not exist any more: they were erased."""
    with installation.db.unscoped(write=False) as session:
        for name, table in OBJECTS.items():
            is_there = exists().where(table.id == AuditEvent.object_id)
            query = select(func.count(AuditEvent.id)).where(AuditEvent.object_type == name, ~is_there)
            count = session.scalar(query)
            if count:
                detail = f"{count} audit events are about objects of this kind that were erased or purged."
                yield Finding("audit.erased_objects", name, detail, is_information=True)
