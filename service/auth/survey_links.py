"""Find the survey whose page a worker opens. The address is the same for all workers of a survey, and says nothing about any of
them: a code, which is sent in a form, is what lets somebody answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.tables import Organisation
from service.db.worker_voice_tables import WorkerSurvey

SURVEY = "worker_survey"  # purpose: the statements of worker voice


@dataclass(frozen=True, slots=True)
class SurveyLink:
    """A survey and the organisation that it is for."""

    survey_id: str
    organisation_id: str
    organisation: str
    time_zone: str


def find_survey(session: Session, address: str) -> SurveyLink | None:
    """Find the survey with an address in any organisation; None if there is none."""
    query = (
        select(WorkerSurvey.id, Organisation.id, Organisation.name, Organisation.time_zone)
        .join(Organisation, Organisation.id == WorkerSurvey.organisation_id)
        .where(WorkerSurvey.address == address)
    )
    row = session.execute(query).first()
    return SurveyLink(*row) if row else None
