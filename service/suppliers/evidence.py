"""Confirm the evidence of stored suppliers, withdraw confirmations and enter evidence; the suppliers are then reassessed.

The audit trail records who did it. The reference of a confirmation stays with the piece: audit events hold no typed text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, NamedTuple

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.form import build_answers_schema, load_combined_form
from risk_models.answers import EVIDENCE
from service.assessment.evidence_entries import EvidenceEntry, get_step_id, list_entries
from service.audit import record_event
from service.db.tables import Supplier
from service.errors import DomainError, not_found
from service.report_content.redaction import comes_from_workers
from service.suppliers.confirmations import Voucher, confirm_entry, confirm_piece, get_entry, withdraw_entry
from service.suppliers.merge_rules import get_risk_lookup
from service.suppliers.repository import reassess

CAUSE = "evidence"  # of an assessment after a piece was confirmed, withdrawn or entered
MAX_PIECES = 200  # confirmed at once


def list_visible_entries(supplier: Supplier, *, sees_worker_derived: bool) -> list[EvidenceEntry]:
    """Return the evidence of a supplier; that of workers only for those who may see what workers reported."""
    return [
        entry
        for entry in list_entries(supplier.answers)
        if sees_worker_derived or not comes_from_workers(entry.piece["grade"], entry.piece.get("source"))
    ]


@dataclass(frozen=True)
class Act:
    """By whom, on which day and at what moment something is done; ``sees_worker_derived``: whether evidence from workers is
    visible to that caller.
    """

    by: str
    on: date
    at: datetime
    sees_worker_derived: bool


def confirm_evidence(
    session: Session, supplier: Supplier, piece_id: str, voucher: Voucher, act: Act, *, seen: str | None = None
) -> None:
    """Confirm a piece of evidence of a supplier and reassess it. ``seen``: the version of the supplier, whose answers were read
    with the piece; None for any. Raises DomainError as ``confirm_entry`` does, and 409: ``evidence.of_step``;
    ``evidence.answers_changed``.
    """
    _lock(session, [supplier.id])
    _check_seen(supplier, seen)
    _confirm(session, supplier, piece_id, voucher, act)
    reassess(session, [supplier.id], act.on, act.at, act.by, CAUSE)


def withdraw_confirmation(session: Session, supplier: Supplier, piece_id: str, act: Act) -> None:
    """Withdraw the confirmation of a piece and reassess its supplier.

    Raises DomainError: ``not_found``, or ``evidence.not_confirmed`` or ``evidence.of_step``, 409.
    """
    _lock(session, [supplier.id])
    entry = _get_visible(supplier, piece_id, act)
    _check_not_of_step(entry)
    supplier.answers = withdraw_entry(supplier.answers, piece_id)
    _record(session, supplier, "evidence_withdrawn", piece_id, entry.piece, (), act)
    reassess(session, [supplier.id], act.on, act.at, act.by, CAUSE)


def add_evidence(session: Session, supplier: Supplier, piece: Mapping[str, Any], voucher: Voucher, act: Act) -> None:
    """Add a piece of evidence from the buyer's own organisation, confirmed, and reassess its supplier.

    Raises DomainError as :func:`add_pieces` does.
    """
    add_pieces(session, supplier, [(piece, voucher)], act)


def add_pieces(
    session: Session, supplier: Supplier, pieces: Sequence[tuple[Mapping[str, Any], Voucher]], act: Act
) -> None:
    """Add pieces of evidence from the buyer's own organisation, each confirmed by its voucher, and reassess their supplier once.

    Raises DomainError, 422: the code of intake for a part that is not understood, or as ``confirm_entry`` does.
    """
    _lock(session, [supplier.id])
    for piece, voucher in pieces:
        entered = _validate_piece(supplier.kind, piece, act.on)
        confirmed = confirm_piece(supplier.answers, entered, voucher, get_risk_lookup(supplier.kind, act.on))
        supplier.answers = {**supplier.answers, EVIDENCE: [*(supplier.answers.get(EVIDENCE) or ()), confirmed]}
        piece_id = list_entries(supplier.answers)[-1].id
        _record(session, supplier, "evidence_added", piece_id, confirmed, confirmed["confirmed"]["covers"], act)
    reassess(session, [supplier.id], act.on, act.at, act.by, CAUSE)


def _validate_piece(kind: str, piece: Mapping[str, Any], on: date) -> dict[str, Any]:
    """Return a piece of evidence as JSON, held to the rules of a cell."""
    field = build_answers_schema(load_combined_form(kind), on.isoformat()).fields[EVIDENCE]
    given = {name: value for name, value in piece.items() if value}
    try:
        (parsed,) = field.deserialize([given])
    except ValidationError as error:
        fault = error.messages_dict  # as the fields of answers give it
        raise DomainError(fault["code"], 422, fault["cure"]) from error
    parts = {"covers": list(parsed.covers), "source": parsed.source}
    return {
        "grade": parsed.grade,
        **{
            name: value for name, value in (("date", parsed.date), ("expires", parsed.expires), *parts.items()) if value
        },
    }


class ChosenPiece(NamedTuple):
    """A piece of evidence of a supplier, by their ids, the questions to confirm it for (none: all that it covers), and the
    version of the supplier whose answers were read with it (None: any).
    """

    supplier_id: str
    piece_id: str
    covers: tuple[str, ...] = ()
    seen: str | None = None


class RefusedPiece(NamedTuple):
    """A piece that was not confirmed, and why."""

    chosen: ChosenPiece
    error: DomainError


@dataclass(frozen=True)
class BulkOutcome:
    """What was confirmed at once, of how many suppliers, and what could not be."""

    confirmed: tuple[ChosenPiece, ...]
    refused: tuple[RefusedPiece, ...]

    @property
    def suppliers(self) -> int:
        """Return the number of suppliers with a piece that was confirmed."""
        return len({chosen.supplier_id for chosen in self.confirmed})


def confirm_in_bulk(session: Session, chosen: Sequence[ChosenPiece], voucher: Voucher, act: Act) -> BulkOutcome:
    """Confirm many pieces of many suppliers at once, and reassess these suppliers; pieces that cannot be confirmed stay claimed.

    Raises DomainError, 422: ``evidence.too_many``.
    """
    if len(chosen) > MAX_PIECES:
        raise DomainError("evidence.too_many", 422, f"Confirm at most {MAX_PIECES} pieces of evidence at a time.")
    found = _lock(session, [each.supplier_id for each in chosen])
    confirmed, refused = [], []
    for each in chosen:
        supplier = found.get(each.supplier_id)
        try:
            if supplier is None:
                raise not_found("Supplier not found.")
            _check_seen(supplier, each.seen)
            _confirm(session, supplier, each.piece_id, replace(voucher, covers=each.covers or voucher.covers), act)
            confirmed.append(each)
        except DomainError as error:
            refused.append(RefusedPiece(each, error))
    ids = sorted({each.supplier_id for each in confirmed})
    if ids:
        reassess(session, ids, act.on, act.at, act.by, CAUSE)
    return BulkOutcome(tuple(confirmed), tuple(refused))


def _lock(session: Session, ids: Sequence[str]) -> dict[str, Supplier]:
    """Return suppliers by id as they are stored now; no other request changes them before the transaction ends."""
    query = select(Supplier).where(Supplier.id.in_(ids), Supplier.deleted_at.is_(None)).order_by(Supplier.id)
    found = session.scalars(query.with_for_update())
    return {supplier.id: supplier for supplier in found}


def _check_seen(supplier: Supplier, seen: str | None) -> None:
    """Refuse to confirm evidence for answers that nobody has read: a supplier may send others in the meantime."""
    if seen is not None and seen != str(supplier.version):
        raise DomainError(
            "evidence.answers_changed",
            409,
            "The supplier was reassessed after you opened the page, so its answers may have changed. Check them, and then "
            "confirm the evidence.",
        )


def _get_visible(supplier: Supplier, piece_id: str, act: Act) -> EvidenceEntry:
    """Return a piece that the caller may see. Raises DomainError, 404."""
    entry = get_entry(supplier.answers, piece_id)
    if entry not in list_visible_entries(supplier, sees_worker_derived=act.sees_worker_derived):
        raise not_found("Piece of evidence not found.")
    return entry


def _check_not_of_step(entry: EvidenceEntry) -> None:
    if get_step_id(entry.piece) is not None:
        raise DomainError(
            "evidence.of_step",
            409,
            "This evidence is the outcome of a closed step. If it is no longer valid, reopen the step.",
        )


def _confirm(session: Session, supplier: Supplier, piece_id: str, voucher: Voucher, act: Act) -> None:
    entry = _get_visible(supplier, piece_id, act)
    _check_not_of_step(entry)
    supplier.answers = confirm_entry(supplier.answers, piece_id, voucher, get_risk_lookup(supplier.kind, act.on))
    confirmed = get_entry(supplier.answers, piece_id).confirmed or {}
    _record(session, supplier, "evidence_confirmed", piece_id, entry.piece, confirmed["covers"], act)


def _record(
    session: Session,
    supplier: Supplier,
    what: str,
    piece_id: str,
    piece: Mapping[str, Any],
    covers: Sequence[str],
    act: Act,
) -> None:
    details = {"piece": piece_id, "grade": piece["grade"], "date": piece.get("date"), "covers": list(covers)}
    record_event(session, act.by, f"{supplier.kind}.{what}", supplier.kind, supplier.id, details)
