"""The steps that an email about several of them lists, by supplier, the most urgent first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from reports.formatting import format_iso_date
from service.db.remediation_tables import Step
from service.db.session import chunks
from service.db.tables import Supplier
from service.outbox.events import list_events
from service.outbox.mail_texts import fill_in

SHOWN = 50  # steps in one email
UNNAMED = "Other steps"  # of what workers said: an email that is forwarded must not say where


def write_step_list(session: Session, step_ids: Sequence[str], today: date, address: str) -> str:
    """Return lines with the due dates and the links of steps under the names of their suppliers, which may be no longer stored.

    ``address``: what links begin with.
    """
    found: list[tuple[Step, str]] = []
    for chunk in chunks(step_ids):
        query = select(Step, Supplier.name).join(Supplier, Supplier.id == Step.supplier_id).where(Step.id.in_(chunk))
        found += [(step, UNNAMED if step.worker_derived else name) for step, name in session.execute(query)]
    found.sort(key=lambda one: (one[0].due, one[0].id))
    by_supplier: dict[str, list[str]] = defaultdict(list)
    page = list_events()["step.due"].page
    for step, name in found[:SHOWN]:
        since = "Overdue since" if step.due < today else "Due on"
        link = f"{address}{fill_in(page, {'step_id': step.id})}"
        by_supplier[" ".join(name.split())].append(f"- {since} {format_iso_date(step.due.isoformat())}: {link}")
    parts = ["\n".join([name, *lines]) for name, lines in by_supplier.items()]
    if len(found) > SHOWN:
        parts.append(f"And {len(found) - SHOWN} more.")
    return "\n\n".join(parts)
