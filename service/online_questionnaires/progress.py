"""How far questionnaires that were sent have got: opened, started, partly answered, returned, late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from questionnaires.form import load_form
from questionnaires.workbook import list_outgoing_questions
from service.db.link_tables import DraftAnswer, SupplierLink
from service.db.session import chunks
from service.db.tables import QuestionnaireRequest
from service.questionnaires_sent.asked_back import load_asked_back
from service.questionnaires_sent.requests import get_due_day

State = Literal["sent", "opened", "started", "part", "closed", "returned"]
# The states in the words that users see.
STATES: Mapping[State, str] = {
    "sent": "sent",
    "opened": "opened",
    "started": "started",
    "part": "half answered",
    "closed": "closed without a reply",
    "returned": "returned",
}
PART = 0.5  # of the questions from which a questionnaire is partly answered


@dataclass(frozen=True)
class Progress:
    """The state of a request. ``answered`` of the ``asked`` questions that everyone is asked first were answered through a link.

    ``opened_at``: when a link to it was first opened. ``is_late``: the day by which it was to be returned has passed.
    """

    state: State
    answered: int
    asked: int
    opened_at: datetime | None
    due_on: date
    is_late: bool


def describe_progress(session: Session, requests: Sequence[QuestionnaireRequest], on: date) -> Mapping[str, Progress]:
    """Return the state of each request on a day, by its id."""
    opened: dict[str, datetime] = {}
    latest: dict[tuple[str, str], bool] = {}
    for ids in chunks([request.id for request in requests]):
        first = select(SupplierLink.asking_id, func.min(SupplierLink.opened_at)).where(SupplierLink.asking_id.in_(ids))
        for asking_id, opened_at in session.execute(first.group_by(SupplierLink.asking_id)):
            if asking_id and opened_at:
                opened[asking_id] = opened_at
        entered = select(DraftAnswer.asking_id, DraftAnswer.question, DraftAnswer.text != "")
        for asking_id, question, is_answer in session.execute(
            entered.where(DraftAnswer.asking_id.in_(ids)).order_by(DraftAnswer.version)
        ):
            latest[asking_id, question] = is_answer
    answered: dict[str, set[str]] = {}
    for (asking_id, question), is_answer in latest.items():
        if is_answer:
            answered.setdefault(asking_id, set()).add(question)
    asked_back = load_asked_back(session, [request.id for request in requests])
    return {
        request.id: _build_progress(
            request, answered.get(request.id, set()), opened.get(request.id), on, set(asked_back.get(request.id, ()))
        )
        for request in requests
    }


def _build_progress(
    request: QuestionnaireRequest, answered: Set[str], opened_at: datetime | None, on: date, asked_back: Set[str]
) -> Progress:
    outgoing = list_outgoing_questions(load_form(request.form, request.form_version))
    first = asked_back or {question.id for question in outgoing if question.core} or {q.id for q in outgoing}
    count = len(answered & first)
    state: State = "opened" if opened_at else "sent"
    if answered:
        state = "part" if count >= PART * len(first) else "started"
    if request.closed_as is not None:
        state = "closed"
    if request.returned_on is not None:
        state = "returned"
    due_on = get_due_day(request)
    return Progress(state, count, len(first), opened_at, due_on, state not in ("closed", "returned") and on > due_on)
