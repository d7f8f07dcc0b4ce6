"""Files that show that an answer to a questionnaire is true: kept with the request, claimed as evidence when it is sent.

Evidence from a supplier counts only once the buyer has confirmed it (docs/evidence.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.audit import record_event
from service.db.link_tables import AnswerFile
from service.db.tables import QuestionnaireRequest
from service.errors import DomainError, not_found
from service.online_questionnaires.drafts import lock_request
from service.online_questionnaires.questions import OnlineForm
from service.remediation.evidence_files import MEDIA_TYPES, StoredFile

# The kinds of evidence that a supplier can send. What workers say does not come from their employer.
KINDS = {
    "document": "Document or record",
    "audit": "Report of an independent audit",
    "certificate": "Certificate",
    "official": "Finding by an authority",
}
QUOTA = 200_000_000  # bytes that may be sent with one questionnaire


def check_new_file(
    session: Session,
    asking_id: str,
    form: OnlineForm,
    question: str,
    kind: str,
    dated: date | None,
    size: int,
    on: date,
) -> date:
    """Return the date of a document if it may be added to the answer to a question. Comes before its bytes are stored.

    Raises DomainError: ``not_found``; ``evidence.kind``, ``evidence.date``, 422; ``proof.quota``, 413.
    """
    if question not in form.by_id:
        raise not_found("Question not found.")
    if kind not in KINDS:
        raise DomainError(
            "evidence.kind", 422, "Choose one of these kinds: %(choices)s.", values={"choices": ", ".join(KINDS)}
        )
    if dated is None or dated > on:
        raise DomainError("evidence.date", 422, "Enter the date of the document. It cannot be in the future.")
    if sum(one.size for one in list_files(session, asking_id)) + size > QUOTA:
        raise DomainError(
            "proof.quota",
            413,
            "You can send up to %(most)s MB with one questionnaire.",
            values={"most": QUOTA // 1_000_000},
        )
    return dated


def add_file(
    session: Session, asking_id: str, form: OnlineForm, question: str, kind: str, dated: date | None, file: StoredFile,
    by: str, on: date, at: datetime,
) -> AnswerFile:  # fmt: skip
    """Add a stored file to the answer to a question.

    Raises DomainError: ``questionnaire.sent``, 409, and those of :func:`check_new_file`.
    """
    lock_request(session, asking_id)
    dated = check_new_file(session, asking_id, form, question, kind, dated, file.size, on)
    added = AnswerFile(
        asking_id=asking_id,
        question=question,
        kind=kind,
        dated=dated,
        sha256=file.sha256,
        media_type=file.media_type,
        size=file.size,
        personal_columns=file.personal_columns,
        sent_by=by,
        sent_at=at,
    )
    session.add(added)
    session.flush()
    details = {"kind": kind, "bytes": file.size, "file": added.id}
    record_event(session, by, "form.file_added", "asking", asking_id, details)
    return added


def remove_file(session: Session, asking_id: str, question: str, file_id: str, by: str) -> str:
    """Remove a file from the answer to a question before the questionnaire is sent; return its digest, so that its bytes can be
    deleted.

    Raises DomainError: ``questionnaire.sent``, 409; ``not_found``.
    """
    lock_request(session, asking_id)
    file = next((one for one in list_files(session, asking_id) if (one.id, one.question) == (file_id, question)), None)
    if file is None:
        raise not_found("File not found.")
    session.delete(file)
    record_event(session, by, "form.file_removed", "asking", asking_id, {"file": file.id})
    return file.sha256


def list_files(session: Session, asking_id: str) -> Sequence[AnswerFile]:
    """Return the files of a questionnaire, oldest first."""
    query = select(AnswerFile).where(AnswerFile.asking_id == asking_id)
    return session.scalars(query.order_by(AnswerFile.sent_at, AnswerFile.id)).all()


def describe_files(session: Session, asking_id: str) -> str:
    """Return the files of a questionnaire as evidence in the notation of a cell, one line each."""
    return "\n".join(
        f"{file.kind}; {file.dated.isoformat()}; covers {file.question}; ref file {file.id[:8]}"
        for file in list_files(session, asking_id)
    )


def list_supplier_files(session: Session, supplier_id: str) -> Sequence[AnswerFile]:
    """Return the files that a supplier sent with its questionnaires, newest first; none of a questionnaire that was not sent."""
    query = (
        select(AnswerFile)
        .join(QuestionnaireRequest, QuestionnaireRequest.id == AnswerFile.asking_id)
        .where(QuestionnaireRequest.supplier_id == supplier_id, QuestionnaireRequest.submitted_at.is_not(None))
    )
    return session.scalars(query.order_by(AnswerFile.sent_at.desc(), AnswerFile.id)).all()


def get_supplier_file(session: Session, supplier_id: str, file_id: str) -> AnswerFile:
    """Return a file that a supplier sent with a questionnaire. Raises DomainError ``not_found``, 404."""
    found = next((file for file in list_supplier_files(session, supplier_id) if file.id == file_id), None)
    if found is None:
        raise not_found("File not found.")
    return found


def build_file_name(file: AnswerFile) -> str:
    """Return the name under which a file is handed out: the question that it is about and its day."""
    extension = next((name for name, media in MEDIA_TYPES.items() if media == file.media_type), "bin")
    return f"{file.question}_{file.dated.isoformat()}.{extension}"
