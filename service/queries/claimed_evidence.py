"""List the evidence of a portfolio that is claimed and waits to be confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Text, cast, or_, select
from sqlalchemy.orm import Session

from service.assessment.evidence_entries import EvidenceEntry
from service.db.pagination import build_order_by
from service.db.tables import HAS_EVIDENCE, Supplier
from service.queries.supplier_filter import SORTS, SupplierFilter, build_filter_conditions
from service.suppliers.confirmations import Voucher, find_fault, list_confirmable_questions
from service.suppliers.evidence import list_visible_entries
from service.suppliers.merge_rules import get_risk_lookup


@dataclass(frozen=True)
class ClaimedPiece:
    """A piece of evidence that is claimed: of which supplier, for how many answered questions it can be confirmed, and the code
    of what stands against confirming it at once ("" where nothing does).
    """

    supplier: Supplier
    entry: EvidenceEntry
    questions: tuple[str, ...]
    obstacle: str


@dataclass(frozen=True)
class ClaimedPage:
    """Claimed pieces of the suppliers that match a filter, in its sort order; ``more``: whether there are others."""

    pieces: Sequence[ClaimedPiece]
    more: bool


def list_claimed_evidence(
    session: Session, filter_: SupplierFilter, on: date, *, grade: str = "", limit: int = 100, sees_worker_derived: bool
) -> ClaimedPage:
    """List claimed pieces, at most ``limit``; of one grade where that is given."""
    matching = (*build_filter_conditions(filter_, on, ("text", "selected")), HAS_EVIDENCE)
    if grade:
        matching = (*matching, _names_grade(grade))
    query = select(Supplier).where(*matching).order_by(*build_order_by(SORTS[filter_.sort]))
    pieces: list[ClaimedPiece] = []
    for supplier in session.scalars(query.execution_options(yield_per=200)):
        risk_lookup = get_risk_lookup(supplier.kind, on)
        for entry in list_visible_entries(supplier, sees_worker_derived=sees_worker_derived):
            if entry.confirmed or (grade and entry.piece["grade"] != grade):
                continue
            questions = tuple(list_confirmable_questions(supplier.answers, entry.piece, risk_lookup))
            fault = find_fault(entry.piece, Voucher("", on))
            obstacle = fault.code if fault else "" if questions else "evidence.not_answered"
            pieces.append(ClaimedPiece(supplier, entry, questions, obstacle))
            if len(pieces) > limit:
                return ClaimedPage(pieces[:limit], more=True)
    return ClaimedPage(pieces, more=False)


def _names_grade(grade: str) -> ColumnElement[bool]:
    """Return a condition met by every supplier with evidence of a grade, and by few others: a text search that saves reading
    the evidence of suppliers that have none.
    """
    entries = cast(Supplier.answers["evidence"], Text)
    return or_(Supplier.answers["evidence_grade"].as_string() == grade, entries.contains(f'"{grade}"', autoescape=True))
