"""Evidence through the API: listed, entered, confirmed one piece at a time or in bulk, and withdrawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from service.api.responses import Reply, whole_list
from service.api.suppliers import filter_from
from service.api.vouching import build_voucher
from service.assessment.evidence_entries import EvidenceEntry
from service.auth.caller import get_caller
from service.clock import now, today
from service.db.tables import Supplier
from service.queries.claimed_evidence import ClaimedPage, list_claimed_evidence
from service.suppliers import evidence
from service.suppliers import repository as suppliers
from service.suppliers.confirmations import list_confirmable_questions
from service.suppliers.evidence import Act, ChosenPiece, RefusedPiece
from service.suppliers.merge_rules import get_risk_lookup

Values = Mapping[str, Any]


def list_evidence(session: Session, kind: str, supplier_id: str) -> Reply:
    """Return the evidence about a supplier, claimed and confirmed."""
    return _list_of(suppliers.get_supplier(session, kind, supplier_id))


def add(session: Session, kind: str, supplier_id: str, body: Values) -> Reply:
    """Add a piece of evidence from the buyer's own organisation, and return all evidence about the supplier."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    piece = {name: value for name, value in body.items() if name != "reference"}
    evidence.add_evidence(session, supplier, piece, build_voucher(body), _act())
    return _list_of(supplier, 201)


def confirm(session: Session, kind: str, supplier_id: str, piece_id: str, body: Values) -> Reply:
    """Confirm a piece of evidence, and return all evidence about the supplier."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    evidence.confirm_evidence(session, supplier, piece_id, build_voucher(body), _act())
    return _list_of(supplier)


def withdraw(session: Session, kind: str, supplier_id: str, piece_id: str) -> Reply:
    """Withdraw the confirmation of a piece of evidence, and return all evidence about the supplier."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    evidence.withdraw_confirmation(session, supplier, piece_id, _act())
    return _list_of(supplier)


def list_claimed(session: Session, query: Values) -> Reply:
    """Return the claimed evidence of the suppliers that match a filter."""
    page = _find_claimed(session, query, query["limit"])
    items = [
        {
            "supplier_id": each.supplier.id,
            "kind": each.supplier.kind,
            "name": each.supplier.name,
            "reference": each.supplier.reference,
            "piece": _piece(each.entry, each.questions),
            "obstacle": each.obstacle or None,
        }
        for each in page.pieces
    ]
    return Reply({"items": items, "more": page.more})


def confirm_many(session: Session, body: Values) -> Reply:
    """Confirm the listed pieces of evidence."""
    chosen = [ChosenPiece(each["supplier_id"], each["piece"], tuple(each.get("covers", ()))) for each in body["pieces"]]
    return _confirm_all(session, chosen, body, more=False)


def confirm_matching(session: Session, body: Values) -> Reply:
    """Confirm the claimed evidence of the suppliers that match a filter."""
    page = _find_claimed(session, body["filter"], evidence.MAX_PIECES)
    return _confirm_all(
        session, [ChosenPiece(each.supplier.id, each.entry.id) for each in page.pieces], body, more=page.more
    )


def _confirm_all(session: Session, chosen: Sequence[ChosenPiece], body: Values, *, more: bool) -> Reply:
    outcome = evidence.confirm_in_bulk(session, chosen, build_voucher(body), _act())
    counts = {"confirmed": len(outcome.confirmed), "suppliers": outcome.suppliers, "more": more}
    return Reply({**counts, "refused": [_refused(each) for each in outcome.refused]})


def _find_claimed(session: Session, conditions: Values, limit: int) -> ClaimedPage:
    who = get_caller()
    values = {name: value for name, value in conditions.items() if name not in ("grade", "limit")}
    return list_claimed_evidence(
        session,
        filter_from(values),
        today(who.time_zone),
        grade=conditions.get("grade", ""),
        limit=limit,
        sees_worker_derived=who.sees_worker_derived,
    )


def _list_of(supplier: Supplier, status: int = 200) -> Reply:
    who = get_caller()
    lookup = get_risk_lookup(supplier.kind, today(who.time_zone))
    entries = evidence.list_visible_entries(supplier, sees_worker_derived=who.sees_worker_derived)
    pieces = [_piece(each, list_confirmable_questions(supplier.answers, each.piece, lookup)) for each in entries]
    return Reply(whole_list(pieces).body, status)


def _piece(entry: EvidenceEntry, questions: Any) -> dict[str, Any]:
    confirmed = entry.confirmed and {"reference": None, **entry.confirmed}
    parts = {name: entry.piece.get(name) for name in ("grade", "date", "expires", "source")}
    covers = list(entry.piece.get("covers") or ())
    values = {"id": entry.id, "state": entry.state, "covers": covers, "can_be_confirmed_for": list(questions)}
    return {**values, **parts, "confirmed": confirmed}


def _refused(each: RefusedPiece) -> dict[str, Any]:
    chosen, fault = each
    return {
        "supplier_id": chosen.supplier_id,
        "piece": chosen.piece_id,
        "code": fault.code,
        "detail": fault.detail,
    }


def _act() -> Act:
    who = get_caller()
    return Act(who.actor, today(who.time_zone), now(), who.sees_worker_derived)
