"""Draft answers: what was entered through the links of a questionnaire, answer by answer, before it is sent.

Answers are never overwritten but replaced by a newer version. Each answer comes with the version that its sender had seen, so
that a page that was open for an hour replaces only what was changed on it. If somebody else has answered the same question
meanwhile, the last answer counts, and both are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.link_tables import DraftAnswer
from service.db.tables import QuestionnaireRequest
from service.errors import DomainError, not_found
from service.online_questionnaires.questions import OnlineForm

LONGEST_TEXT = 4_000  # characters of one answer


class Sent(NamedTuple):
    """An answer that was sent: its text, and the version that whoever sent it had seen (0: none)."""

    text: str
    seen: int


@dataclass(frozen=True)
class Draft:
    """The current answer to one question. ``replaced``: the answer that it replaced unseen, "" if there is none."""

    text: str
    version: int = 0
    entered_by: str | None = None
    entered_at: datetime | None = None
    replaced: str = ""


def load_drafts(session: Session, asking_id: str, form: OnlineForm) -> dict[str, Draft]:
    """Return the current answer to each question of a form, "" for one without."""
    versions = _load_versions(session, asking_id)
    return {
        question.id: _build_draft(versions.get(question.id, ()), form.given.get(question.id, ""))
        for question in form.questions
    }


def save_answers(
    session: Session, asking_id: str, form: OnlineForm, sent: Mapping[str, Sent], by: str, at: datetime
) -> set[str]:
    """Save the answers that differ from what their sender had seen, and return their questions; others were not changed here.

    Sending the same twice changes nothing. Raises DomainError: ``questionnaire.sent``, 409; ``answer.too_long``, 422; and
    ``not_found`` for a question that the form does not ask.
    """
    lock_request(session, asking_id)
    versions, changed = _load_versions(session, asking_id), set()
    for question, answer in sent.items():
        if question not in form.by_id:
            raise not_found("Question not found.")
        text = answer.text.replace("\r\n", "\n").strip()
        if len(text) > LONGEST_TEXT:
            raise DomainError(
                "answer.too_long",
                422,
                "An answer can have up to %(most)s characters. Please shorten it.",
                values={"most": f"{LONGEST_TEXT:,}"},
            )
        earlier = versions.get(question, ())
        current = _build_draft(earlier, form.given.get(question, ""))
        seen = next((one.text for one in earlier if one.version == answer.seen), form.given.get(question, ""))
        if text in (current.text, seen):
            continue
        changed.add(question)
        session.add(
            DraftAnswer(
                asking_id=asking_id,
                question=question,
                version=current.version + 1,
                text=text,
                replaced_unseen=current.version > answer.seen and current.text not in ("", seen),
                entered_by=by,
                entered_at=at,
            )
        )
    session.flush()
    return changed


def lock_request(session: Session, asking_id: str) -> QuestionnaireRequest:
    """Return a request, locked until the transaction ends, to which answers may be added.

    Raises DomainError: ``not_found``, also once it was closed; ``questionnaire.sent``, 409, once it was sent;
    ``questionnaire.returned``, 409, once it was returned in another way: two sets of answers to one questionnaire are not mixed.
    """
    query = select(QuestionnaireRequest).where(QuestionnaireRequest.id == asking_id).with_for_update()
    request = session.scalars(query).first()
    if request is None or request.closed_as is not None:
        raise not_found("Questionnaire not found.")
    if request.submitted_at is not None:
        raise DomainError(
            "questionnaire.sent",
            409,
            "This questionnaire has already been submitted, so its answers can no longer be changed here.",
        )
    if request.returned_on is not None:
        raise DomainError(
            "questionnaire.returned",
            409,
            "This questionnaire has already been returned in another way, so it can no longer be answered here.",
        )
    return request


def _load_versions(session: Session, asking_id: str) -> dict[str, list[DraftAnswer]]:
    """Return the versions of each answer, oldest first."""
    query = select(DraftAnswer).where(DraftAnswer.asking_id == asking_id).order_by(DraftAnswer.version)
    versions: dict[str, list[DraftAnswer]] = {}
    for draft in session.scalars(query):
        versions.setdefault(draft.question, []).append(draft)
    return versions


def _build_draft(versions: Sequence[DraftAnswer], given: str) -> Draft:
    if not versions:
        return Draft(given)
    last = versions[-1]
    before = versions[-2].text if len(versions) > 1 else given
    replaced = before if last.replaced_unseen else ""
    return Draft(last.text, last.version, last.entered_by, last.entered_at, replaced)
