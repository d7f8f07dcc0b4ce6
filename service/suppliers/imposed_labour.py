"""Find out where a state imposes the labour of a stored supplier, so that nobody contacts its workers (RM-16)."""

from __future__ import annotations

from datetime import date

import numpy as np
from sqlalchemy.orm import Session

from risk_models.answers import from_rows
from risk_models.facts.facts import load_facts
from service.assessment.assess import Batch, assess_batch
from service.case_reading.evidence import decode_case_evidence
from service.db.tables import Result, Supplier


def is_labour_imposed(session: Session, supplier: Supplier, on: date) -> bool:
    """Return whether a state imposes the labour at a supplier by what is known on a day: it is documented for the place, the good
    or the sender, or its answers, reports or cases show it. Read by the newest models in force, whichever the organisation uses.
    """
    latest = session.get(Result, supplier.latest_id) if supplier.latest_id else None
    cases = decode_case_evidence([latest.case_evidence if latest else None])
    batch = Batch(supplier.kind, from_rows([supplier.answers]), "", "", np.zeros(1, dtype=np.int64), cases)
    return bool(assess_batch(batch, load_facts().as_of(on), on, {}).state_imposed[0])
