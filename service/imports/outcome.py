"""Count the outcome of an import: suppliers, case records, answers about the buyer's own practices, and rows not used."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.db.buyer_tables import BuyerAnswers
from service.db.case_tables import StoredFinding
from service.db.import_tables import Import
from service.db.tables import Result


@dataclass(frozen=True)
class Outcome:
    """How many suppliers an import scored, how many case records and units of the buyer it added to, and how many of its rows
    were not used.
    """

    suppliers: int
    case_records: int
    own_units: int
    unused_rows: int


def count_outcome(session: Session, import_: Import) -> Outcome:
    """Count the outcome of a finished import."""
    columns = {
        "suppliers": (Result.supplier_id, Result.import_id),
        "case_records": (StoredFinding.case_id, StoredFinding.import_id),
        "own_units": (BuyerAnswers.unit, BuyerAnswers.import_id),
    }
    counts = {
        name: session.scalar(select(func.count(counted.distinct())).where(of_import == import_.id)) or 0
        for name, (counted, of_import) in columns.items()
    }
    return Outcome(**counts, unused_rows=import_.rejected)
