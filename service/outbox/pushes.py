"""Mark suppliers whose values may have changed, so that they are pushed to the connected systems that know them.

Marks take the place of messages, because only the newest values count: a supplier that is assessed three times in a minute is
pushed once. A mark is set in the transaction of its cause. ``service/connected_systems/pushing.py`` pushes what is marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, update
from sqlalchemy.orm import Session

from service.db.session import chunks
from service.db.system_tables import SystemIdentifier

CREDENTIALS_PURPOSE = "connected system credentials"  # for which they are encrypted, with the id of their system


def mark_suppliers(session: Session, supplier_ids: Sequence[str], at: datetime) -> None:
    """Mark suppliers in every connected system that knows them, in the caller's transaction."""
    for chunk in chunks(supplier_ids):
        _mark(session, SystemIdentifier.supplier_id.in_(chunk), at)


def mark_system(session: Session, system_id: str, at: datetime) -> None:
    """Mark all suppliers that a connected system knows."""
    _mark(session, SystemIdentifier.system_id == system_id, at)


def _mark(session: Session, condition: ColumnElement[bool], at: datetime) -> None:
    marked = {
        "due_since": func.coalesce(SystemIdentifier.due_since, at, type_=SystemIdentifier.due_since.type),
        "revision": SystemIdentifier.revision + 1,
    }
    session.execute(
        update(SystemIdentifier).where(condition).values(marked).execution_options(synchronize_session=False)
    )
