"""Files by which a supplier proves, through its link, that a step was taken, and the users' access to them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.db.remediation_tables import Step, StepEvidence
from service.errors import DomainError, not_found
from service.remediation import steps
from service.remediation.evidence_files import StoredFile
from service.remediation.steps import Act
from service.shared_plans.contents import FROM_LINKS

# The kinds of evidence that a supplier can send. What workers said in interviews does not come from their employer.
KINDS = {
    "payment_proof": "Proof of payment",
    "document": "Document",
    "photo": "Photo",
    "official": "Official document",
}
QUOTA = 200_000_000  # bytes that may be sent through one link


def check_new_proof(session: Session, kind: str, size: int, sender: str) -> None:
    """Refuse a file of a kind that suppliers do not send, or beyond the quota of a link. Comes before its bytes are stored.

    ``sender``: the link as an actor. Raises DomainError: ``evidence.kind``, 422; ``proof.quota``, 413.
    """
    if kind not in KINDS:
        raise DomainError(
            "evidence.kind", 422, "Choose one of these kinds: %(choices)s.", values={"choices": ", ".join(KINDS)}
        )
    sent = select(func.coalesce(func.sum(StepEvidence.size), 0)).where(StepEvidence.submitted_by == sender)
    if (session.scalar(sent) or 0) + size > QUOTA:
        raise DomainError(
            "proof.quota",
            413,
            "You can send up to %(most)s MB through one link. Ask for a new link.",
            values={"most": QUOTA // 1_000_000},
        )


def add_proof(session: Session, step: Step, kind: str, file: StoredFile, act: Act) -> StepEvidence:
    """Add a stored file to a locked step, which then waits for verification.

    Raises DomainError: ``evidence.kind``, 422; ``proof.quota``, 413; ``transition.not_allowed``, 409.
    """
    check_new_proof(session, kind, file.size, act.actor.name)
    evidence = StepEvidence(
        step_id=step.id,
        kind=kind,
        sha256=file.sha256,
        media_type=file.media_type,
        size=file.size,
        worker_derived=False,
        personal_columns=file.personal_columns,
        submitted_by=act.actor.name,
        submitted_at=act.at,
    )
    steps.change_state(session, step, "evidence_in", None, act, by="evidence")
    session.add(evidence)
    session.flush()
    details = {"kind": kind, "bytes": file.size, "evidence": evidence.id}
    record_event(session, act.actor.name, "step.evidence_added", "step", step.id, details)
    return evidence


def list_proofs(session: Session, supplier_id: str) -> Sequence[tuple[StepEvidence, Step]]:
    """Return the files that a supplier sent through links, newest first, each with its step."""
    query = (
        select(StepEvidence, Step)
        .join(Step, Step.id == StepEvidence.step_id)
        .where(
            Step.supplier_id == supplier_id,
            StepEvidence.submitted_by.startswith(FROM_LINKS),
            StepEvidence.sha256.is_not(None),
        )
        .order_by(StepEvidence.submitted_at.desc(), StepEvidence.id)
    )
    return [(evidence, step) for evidence, step in session.execute(query)]


def get_proof(session: Session, supplier_id: str, evidence_id: str) -> tuple[StepEvidence, Step]:
    """Return a file that a supplier sent through a link, with its step. Raises DomainError ``not_found``, 404."""
    found = next((pair for pair in list_proofs(session, supplier_id) if pair[0].id == evidence_id), None)
    if found is None:
        raise not_found("File not found.")
    return found
