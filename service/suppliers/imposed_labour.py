"""Find out where a state imposes the labour of stored suppliers, so that nobody contacts the site or its workers (RM-16)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.parse.answer import RESERVED_ANSWERS
from risk_models.answers import from_rows
from risk_models.facts import inherent
from risk_models.facts.facts import load_facts
from risk_models.facts.state_imposed import GRADES
from service.assessment.assess import Batch, assess_batch
from service.case_reading.evidence import decode_case_evidence
from service.db.session import chunks
from service.db.tables import Result, Supplier

# What says where people work, on what, and which state sends them.
SCOPE = (
    "country", "region", "city", "address", "postal_code", "sector", "product", "flag", "destination_countries",
    "placement_sectors", "worker_origin_countries",
)  # fmt: skip


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


def keep_documented_labour(
    kind: str, rows: Sequence[Mapping[str, Any]], merged: Mapping[str, Any], on: date
) -> dict[str, Any]:
    """Return the answers merged from some rows of one supplier with what the first row says of place, trade, goods and senders
    in which labour is documented as imposed by a state: no answer is believed there, so none takes the supplier away from there
    (method, fourth release, section 5). Lists keep what the other rows add.

    Rows that only decline what would show it count like any others.
    """
    if all(row.get(question) == merged.get(question) for row in rows for question in SCOPE):
        return dict(merged)
    findings = inherent.find_imposed_labour(from_rows(rows), kind, load_facts().as_of(on))
    documented = (findings.grade_without_declined == GRADES.index("documented")).nonzero()[0]
    if not documented.size:
        return dict(merged)
    row = rows[int(documented[0])]
    told = {question: row[question] for question in SCOPE if row.get(question) not in (None, [], *RESERVED_ANSWERS)}
    return {**merged, **{question: _join(answer, merged.get(question)) for question, answer in told.items()}}


def _join(told: Any, added: Any) -> Any:
    """Return an answer that was told with what another row adds to it, if both are lists."""
    if not isinstance(told, list) or not isinstance(added, list):
        return told
    return [*told, *(item for item in added if item not in told)]
