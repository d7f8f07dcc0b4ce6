"""Decide whether two suppliers are the same: they are merged, or never proposed again while nothing about them changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.db.identity_tables import IdentityProposal, SupplierMerge
from service.db.tables import Supplier
from service.errors import DomainError, not_found
from service.identity.pairs import compute_fingerprint
from service.suppliers import editions, merging

DECISIONS = ("same", "different")
STATES = ("open", "different")
KEEP = ("first", "second")
MOST_TOGETHER = 50  # pairs in one decision


def decide_pair(
    session: Session,
    proposal_id: str,
    decision: str,
    at: datetime,
    by: str,
    keep: str = "first",
    fingerprint: str | None = None,
) -> Supplier | None:
    """Decide about a pair: merge the two into the one to ``keep``, and return it, or remember that they are different.

    ``fingerprint``: that of the pair the caller saw. Raises DomainError: ``not_found``; ``proposal.decision``, 422;
    ``proposal.decided``, ``proposal.changed``, 409.
    """
    proposal = _lock_pair(session, proposal_id)
    if decision not in DECISIONS or keep not in KEEP:
        raise DomainError("proposal.decision", 422, f"Choose one of these decisions: {', '.join(DECISIONS)}.")
    if proposal.state != "open" and decision == proposal.state:
        raise DomainError("proposal.decided", 409, "A decision on this pair has already been made.")
    first, second = (session.get_one(Supplier, one) for one in (proposal.first_id, proposal.second_id))
    if fingerprint is not None and fingerprint != compute_fingerprint(first, second):
        raise DomainError(
            "proposal.changed", 409, "One of the suppliers has changed in the meantime. Compare them again."
        )
    details = {"first": first.id, "second": second.id}
    record_event(session, by, f"proposal.{decision}", "identity_proposal", proposal.id, details)
    if decision == "same":
        source, target = (second, first) if keep == "first" else (first, second)
        merging.merge_suppliers(session, source, target, at, by)
        return target
    proposal.state, proposal.decided_by, proposal.decided_at = decision, by, at
    proposal.fingerprint = compute_fingerprint(first, second)
    editions.tell_apart(session, first.id, second.id)
    return None


def reopen_pair(session: Session, proposal_id: str, at: datetime, by: str) -> IdentityProposal:
    """Withdraw the decision that two suppliers are different, and return their pair, which is proposed again as of now.

    What the comparison of two lists says about them stays. Raises DomainError: ``not_found``; ``proposal.open``, 409.
    """
    proposal = _lock_pair(session, proposal_id)
    if proposal.state == "open":
        raise DomainError("proposal.open", 409, "This pair is already waiting for a decision.")
    record_event(
        session,
        by,
        "proposal.reopened",
        "identity_proposal",
        proposal.id,
        {"first": proposal.first_id, "second": proposal.second_id},
    )
    proposal.state, proposal.found_at = "open", at
    proposal.decided_by = proposal.decided_at = None
    return proposal


def _lock_pair(session: Session, proposal_id: str) -> IdentityProposal:
    query = select(IdentityProposal).where(IdentityProposal.id == proposal_id).with_for_update()
    proposal = session.scalars(query).first()
    if proposal is None:
        raise not_found("This pair does not exist. It may have been resolved by a merge.")
    return proposal


def decide_pairs(session: Session, fingerprints: Mapping[str, str | None], decision: str, at: datetime, by: str) -> int:
    """Decide alike about several pairs, all or none, and return how many. Merges are into the supplier that was stored earlier.

    ``fingerprints``: those of the pairs that the caller saw, by the id of the pair. Raises DomainError as :func:`decide_pair`
    does, and with 422: ``proposal.unknown`` for a pair that does not exist, ``proposal.shared`` if a supplier is in two of the
    pairs, and ``proposal.number`` without any pair or with more than :data:`MOST_TOGETHER`.
    """
    if not 0 < len(fingerprints) <= MOST_TOGETHER:
        raise DomainError("proposal.number", 422, f"Choose between 1 and {MOST_TOGETHER} pairs.")
    query = select(IdentityProposal.first_id, IdentityProposal.second_id).where(IdentityProposal.id.in_(fingerprints))
    pairs = session.execute(query).all()
    if len(pairs) < len(fingerprints):
        raise DomainError("proposal.unknown", 422, "One of these pairs no longer exists. Load the list again.")
    suppliers = [supplier_id for pair in pairs for supplier_id in pair]
    if len(set(suppliers)) < len(suppliers):
        raise DomainError(
            "proposal.shared", 422, "Two of these pairs contain the same supplier. Decide on the pairs one by one."
        )
    for proposal_id in sorted(fingerprints):
        decide_pair(session, proposal_id, decision, at, by, fingerprint=fingerprints[proposal_id])
    return len(fingerprints)


def undo_merge(session: Session, merge_id: str, at: datetime, by: str) -> tuple[Supplier, Supplier]:
    """Separate two merged suppliers, and remember that they are different (:func:`service.suppliers.merging.undo_merge`)."""
    two = merging.undo_merge(session, merge_id, at, by)
    first, second = sorted(two, key=lambda one: (one.created_at, one.id))
    pair = or_(
        (IdentityProposal.first_id == first.id) & (IdentityProposal.second_id == second.id),
        (IdentityProposal.first_id == second.id) & (IdentityProposal.second_id == first.id),
    )
    proposal = session.scalars(select(IdentityProposal).where(pair)).first()
    if proposal is None:
        proposal = IdentityProposal(kind=first.kind, first_id=first.id, second_id=second.id, reasons=[], found_at=at)
        session.add(proposal)
    proposal.state, proposal.decided_by, proposal.decided_at = "different", by, at
    proposal.fingerprint = compute_fingerprint(first, second)
    return two


def count_open(session: Session) -> int:
    """Return how many pairs wait for a decision."""
    return (
        session.scalar(select(func.count()).select_from(IdentityProposal).where(IdentityProposal.state == "open")) or 0
    )


def list_recently_different(session: Session, limit: int = 20) -> Sequence[IdentityProposal]:
    """List the pairs that were last marked as different, newest first."""
    query = select(IdentityProposal).where(IdentityProposal.state == "different")
    return session.scalars(query.order_by(IdentityProposal.decided_at.desc(), IdentityProposal.id).limit(limit)).all()


def list_recent_merges(session: Session, limit: int = 20) -> Sequence[SupplierMerge]:
    """List the last merges that were not undone, newest first."""
    query = select(SupplierMerge).where(SupplierMerge.undone_at.is_(None))
    return session.scalars(query.order_by(SupplierMerge.merged_at.desc(), SupplierMerge.id).limit(limit)).all()
