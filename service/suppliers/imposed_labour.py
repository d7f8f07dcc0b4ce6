"""Find out where a state imposes the labour of stored suppliers, so that nobody contacts the site or its workers (RM-16)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from risk_models.answers import from_rows
from risk_models.facts.facts import load_facts
from service.assessment.assess import Batch, assess_batch
from service.case_reading.evidence import decode_case_evidence
from service.db.session import chunks
from service.db.tables import Result, Supplier


def is_labour_imposed(session: Session, supplier: Supplier, on: date) -> bool:
    """Return whether a state imposes the labour at a supplier by what is known on a day: it is documented for the place, the good
    or the sender, or its answers, reports or cases show it. Read by the newest models in force, whichever the organisation uses.
    """
    return bool(find_imposed_labour(session, [supplier], on))


def find_imposed_labour(session: Session, suppliers: Sequence[Supplier], on: date) -> set[str]:
    """Return the ids of the suppliers at which a state imposes the labour (:func:`is_labour_imposed`)."""
    evidence: dict[str, Mapping[str, Any] | None] = {}
    for ids in chunks([supplier.latest_id for supplier in suppliers if supplier.latest_id]):
        query = select(Result.id, Result.case_evidence).where(Result.id.in_(ids))
        evidence |= dict(session.execute(query).all())
    found: set[str] = set()
    for kind in {supplier.kind for supplier in suppliers}:
        of_kind = [supplier for supplier in suppliers if supplier.kind == kind]
        cases = decode_case_evidence([evidence.get(supplier.latest_id or "") for supplier in of_kind])
        rows = np.zeros(len(of_kind), dtype=np.int64)
        batch = Batch(kind, from_rows([supplier.answers for supplier in of_kind]), "", "", rows, cases)
        imposed = assess_batch(batch, load_facts().as_of(on), on, {}).state_imposed
        found.update(supplier.id for supplier, is_imposed in zip(of_kind, imposed.tolist(), strict=True) if is_imposed)
    return found
