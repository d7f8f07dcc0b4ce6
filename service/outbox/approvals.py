"""Tell approvers that something waits for their decision."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from service.outbox.queue import Event, queue_events


def tell_approvers(
    session: Session,
    kind: str,
    object_id: str,
    at: datetime,
    *,
    supplier_id: str | None = None,
    case_id: str | None = None,
) -> None:
    """Queue that an approver is asked to decide, in the transaction in which that is asked.

    ``kind``: what is decided, as in ``GET /approvals``, and ``object_id`` its id. The message names no supplier: an email that is
    forwarded would say where people are in danger. It is deleted with the supplier or the case.
    """
    event = Event(
        code="approval.waiting",
        occasion=f"{object_id} {at.isoformat()}",
        payload={"kind": kind, "object_id": object_id},
        supplier_id=supplier_id,
        case_id=case_id,
    )
    queue_events(session, event)
