"""Who did what about one supplier: events of the audit trail about it and what belongs to it, as far as a reader may see them.

Whoever may not see what workers reported sees no event that could reveal that they did.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.audit import EventPage, list_events
from service.db.remediation_tables import Finding, Step
from service.db.tables import Supplier
from service.remediation.withholding import build_condition
from service.report_content.contact_gate import ContactGate
from service.suppliers.objects import TABLES, list_object_ids

# What suppliers and users do besides remediation. Anything else may follow from what workers reported.
OPEN_TYPES = ("asking", "supplier_link", "watchlist_match")
# Reports by workers, or evidence of them, cause these as well, so their dates could reveal one.
AFTER_REPORTS = (
    "findings.taken",
    "step.evidence_added",
    *(
        f"{kind}.{what}"
        for kind in ("site", "agency")
        for what in ("reassessed", "evidence_added", "evidence_confirmed", "evidence_withdrawn")
    ),
)


def list_visible_objects(
    session: Session, supplier: Supplier, gate: ContactGate, *, sees_worker_derived: bool, reads_cases: bool
) -> dict[str, list[str]]:
    """Return the ids of a supplier and of what belongs to it, by type, without what a reader may not see.

    Steps that contact workers are left out where the referral directory is not ready (SAFE-4).
    """
    withheld = set(
        session.scalars(select(Step.id).where(Step.supplier_id == supplier.id, build_condition(session, gate)))
    )
    if sees_worker_derived:
        objects = list_object_ids(session, [supplier.id], [name for name in TABLES if name != "case" or reads_cases])
    else:
        objects = list_object_ids(session, [supplier.id], OPEN_TYPES)
        objects |= {
            name: _list_own(session, table, supplier.id) for name, table in (("finding", Finding), ("step", Step))
        }
    objects["step"] = [step_id for step_id in objects["step"] if step_id not in withheld]
    return {supplier.kind: [supplier.id], **objects}


def _list_own(session: Session, table: Any, supplier_id: str) -> list[str]:
    """Return the ids of those findings or steps that are not known from workers alone."""
    query = select(table.id).where(table.supplier_id == supplier_id, table.worker_derived.is_(False))
    return list(session.scalars(query.order_by(table.id)))


def list_activity(
    session: Session,
    objects: Mapping[str, Collection[str]],
    *,
    sees_worker_derived: bool,
    object_type: str | None = None,
    actor: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 50,
) -> EventPage:
    """Return events about visible objects (:func:`list_visible_objects`), newest first; ``until`` is exclusive."""
    chosen = objects if object_type is None else {object_type: objects.get(object_type, ())}
    return list_events(
        session,
        actor=actor,
        object_ids=[object_id for ids in chosen.values() for object_id in ids],
        except_actions=() if sees_worker_derived else AFTER_REPORTS,
        since=since,
        until=until,
        before=before,
        limit=limit,
    )
