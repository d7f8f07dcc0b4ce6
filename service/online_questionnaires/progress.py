"""How far questionnaires that were sent have got: opened, started, partly answered, returned, late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from questionnaires.form import load_form
from questionnaires.workbook import list_outgoing_questions
from service.db.link_tables import DraftAnswer, SupplierLink
from service.db.session import chunks
from service.db.tables import QuestionnaireRequest
from service.online_questionnaires.checking import Check
from service.online_questionnaires.questions import FIXED, OnlineForm
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
    """The state of a request. ``asked``: the questions that its pages show and that apply; before they are opened, those that
    everyone is asked first. ``answered``: those among them with an answer that can be read, also if it was known beforehand.

    ``opened_at``: when a link to it was first opened. ``is_late``: the day by which it was to be returned has passed.
    """

    state: State
    answered: int
    asked: int
    opened_at: datetime | None
    due_on: date
    is_late: bool


def record_answered(request: QuestionnaireRequest, form: OnlineForm, check: Check) -> None:
    """Record how many questions of a request are shown and answered, so that lists of requests say the same as its pages."""
    request.answered, request.asked = check.count_answered(form.sections)


def describe_progress(session: Session, requests: Sequence[QuestionnaireRequest], on: date) -> Mapping[str, Progress]:
    """Return the state of each request on a day, by its id."""
    opened: dict[str, datetime] = {}
    started: set[str] = set()
    for ids in chunks([request.id for request in requests]):
        first = select(SupplierLink.asking_id, func.min(SupplierLink.opened_at)).where(SupplierLink.asking_id.in_(ids))
        for asking_id, opened_at in session.execute(first.group_by(SupplierLink.asking_id)):
            if asking_id and opened_at:
                opened[asking_id] = opened_at
        entered = select(DraftAnswer.asking_id).where(DraftAnswer.asking_id.in_(ids), DraftAnswer.text != "")
        started.update(session.scalars(entered.distinct()))
    asked_back = load_asked_back(session, [request.id for request in requests])
    return {
        request.id: _build_progress(
            request, opened.get(request.id), on, len(asked_back.get(request.id, ())), has_begun=request.id in started
        )
        for request in requests
    }


def _build_progress(
    request: QuestionnaireRequest, opened_at: datetime | None, on: date, asked_back: int, *, has_begun: bool
) -> Progress:
    asked = request.asked or asked_back or _count_first_questions(request.form, request.form_version)
    state: State = "opened" if opened_at else "sent"
    if has_begun:
        state = "part" if request.answered >= PART * asked else "started"
    if request.closed_as is not None:
        state = "closed"
    if request.returned_on is not None:
        state = "returned"
    due_on = get_due_day(request)
    is_late = state not in ("closed", "returned") and on > due_on
    return Progress(state, request.answered, asked, opened_at, due_on, is_late)


@cache
def _count_first_questions(form: str, version: str) -> int:
    """Return how many questions of a form everyone is asked: its core, or all of them."""
    questions = [question for question in list_outgoing_questions(load_form(form, version)) if question.id not in FIXED]
    return sum(question.core for question in questions) or len(questions)
