"""Files that are evidence that a step was taken: how they are checked before they are kept, and how they are handed out."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from questionnaires.limits import FileRefused
from questionnaires.proof_files import CheckedProof, read_proof
from service.db.remediation_tables import Step, StepEvidence
from service.errors import DomainError, not_found

MEDIA_TYPES = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "csv": "text/csv",
}


@dataclass(frozen=True)
class StoredFile:
    """A checked file in the blob store. ``personal_columns``: as in :class:`service.db.remediation_tables.StepEvidence`."""

    sha256: str
    media_type: str
    size: int
    personal_columns: int | None


def check_file(data: bytes) -> CheckedProof:
    """Return a file as it may be stored. Raises DomainError with the code and the words of the refusal, 413 or 422."""
    try:
        return read_proof(data)
    except FileRefused as refused:
        status = 413 if refused.code == "proof.too_large" else 422
        raise DomainError(refused.code, status, f"{refused.detail} {refused.cure}") from refused


def describe_file(proof: CheckedProof, sha256: str) -> StoredFile:
    """Return a checked file as it was stored. Its name is not kept: it may name a worker."""
    return StoredFile(sha256, MEDIA_TYPES[proof.type], len(proof.data), proof.personal_columns)


def get_file(session: Session, step: Step, evidence_id: str, *, sees_worker_derived: bool) -> StepEvidence:
    """Return evidence of a step that is a file. Raises DomainError ``not_found``, 404, also for what workers said if the caller
    may not see that.
    """
    query = select(StepEvidence).where(
        StepEvidence.id == evidence_id, StepEvidence.step_id == step.id, StepEvidence.sha256.is_not(None)
    )
    if not sees_worker_derived:
        query = query.where(StepEvidence.worker_derived.is_(False))
    evidence = session.scalars(query).first()
    if evidence is None:
        raise not_found("File not found.")
    return evidence


def build_file_name(evidence: StepEvidence, step: Step) -> str:
    """Return the name under which a file is handed out: the action that it proves and the day on which it arrived."""
    extension = next((name for name, media in MEDIA_TYPES.items() if media == evidence.media_type), "bin")
    return f"{step.action}_{evidence.submitted_at.date().isoformat()}.{extension}"
