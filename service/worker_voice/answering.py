"""Take the answers of a worker: one transaction deletes the code and adds the answers to the counts, and writes nothing else.

There is no event in the audit trail, no time and no version that would show that somebody has answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import cast

from sqlalchemy import CursorResult, delete, select, tuple_, update
from sqlalchemy.orm import Session

from questionnaires.worker_voice.form import load_worker_voice_form
from service.db.session import chunks
from service.db.worker_voice_tables import SurveyCode, SurveyCount, WorkerSurvey
from service.errors import DomainError
from service.worker_voice.surveys import OPEN, hash_code


def is_answerable(survey: WorkerSurvey, on: date) -> bool:
    """Return whether workers can answer a survey on a day."""
    return survey.state == OPEN and survey.opens_on <= on <= survey.closes_on


def check_code(session: Session, survey: WorkerSurvey, code: str) -> None:
    """Raise DomainError ``survey.wrong_code``, 422, unless nobody has used a code of a survey yet."""
    if not find_unused_codes(session, survey, [code]):
        raise refuse("wrong_code")


def find_unused_codes(session: Session, survey: WorkerSurvey, codes: Iterable[str]) -> set[str]:
    """Return those of some codes that are codes of a survey which nobody has used yet."""
    by_hash: dict[str, set[str]] = {}
    for code in codes:
        by_hash.setdefault(hash_code(survey.id, code), set()).add(code)
    query = select(SurveyCode.code_hash).where(SurveyCode.survey_id == survey.id)
    found: set[str] = set()
    for chunk in chunks(sorted(by_hash)):
        for code_hash in session.scalars(query.where(SurveyCode.code_hash.in_(chunk))):
            found |= by_hash[code_hash]
    return found


def add_answers(
    session: Session, survey: WorkerSurvey, code: str, group: str, answers: Mapping[str, str], on: date
) -> None:
    """Add the answers of a worker to the counts of a locked survey, and delete the code.

    ``answers``: by statement; those to unknown statements, and unknown answers, are ignored. Raises DomainError, 422:
    ``survey.not_open``, ``survey.wrong_group``, ``survey.no_answers``, ``survey.wrong_code``.
    """
    if not is_answerable(survey, on):
        raise refuse("not_open")
    if group not in survey.groups:
        raise refuse("wrong_group")
    form = load_worker_voice_form(survey.form_version)
    given = [(one.id, answers[one.id]) for one in form.statements if answers.get(one.id) in form.answers]
    if not given:
        raise refuse("no_answers")
    used = delete(SurveyCode).where(
        SurveyCode.survey_id == survey.id, SurveyCode.code_hash == hash_code(survey.id, code)
    )
    if cast(CursorResult[object], session.execute(used)).rowcount != 1:
        raise refuse("wrong_code")
    counted = update(SurveyCount).where(
        SurveyCount.survey_id == survey.id,
        SurveyCount.group == group,
        tuple_(SurveyCount.statement, SurveyCount.answer).in_(given),
    )
    session.execute(counted.values(workers=SurveyCount.workers + 1), execution_options={"synchronize_session": False})


def refuse(text: str) -> DomainError:
    """Return an error whose code ends with the id of the text that the worker reads in their language."""
    return DomainError(f"survey.{text}", 422, load_worker_voice_form().texts[text])
