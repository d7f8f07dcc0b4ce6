"""API views of surveys among the workers of a supplier. Accepting figures takes a person, on the pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, url_for
from sqlalchemy.orm import Session

from reports.formats import FORMATS
from service.api.body import parse_day
from service.api.responses import Reply, attachment, build_etag, whole_list
from service.api.schemas.base import Resource
from service.auth.caller import get_caller, read_session
from service.clock import now
from service.db.worker_voice_tables import WorkerSurvey
from service.remediation.steps import build_act
from service.suppliers import repository as suppliers
from service.worker_voice import acceptance, collecting, surveys


def list_surveys(session: Session, kind: str, supplier_id: str) -> Reply:
    """Return the surveys among the workers of a supplier, newest first."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    return whole_list([_describe(survey) for survey in surveys.list_surveys(session, supplier.id)])


def create_survey(session: Session, kind: str, supplier_id: str, body: Mapping[str, Any]) -> Reply:
    """Set up a survey, and return it."""
    supplier = suppliers.get_supplier(session, kind, supplier_id)
    days = {name: parse_day(name, body[name]) for name in ("opens_on", "closes_on")}
    plan = surveys.SurveyPlan(**{"cut": None, "groups": [], **body, **days})
    survey = surveys.create_survey(session, supplier, plan, build_act(get_caller(), now()))
    return Reply(_describe(survey), 201, {"Location": f"/api/v1/worker-surveys/{survey.id}"})


def get_survey(session: Session, survey_id: str) -> Reply:
    """Return a survey, with its figures once it is closed."""
    survey = surveys.get_survey(session, survey_id)
    return Reply(_describe(survey), etag=build_etag(survey))


def get_form(survey_id: str, query: Mapping[str, Any]) -> Response:
    """Return the XLSForm of a survey."""
    with read_session() as session:
        survey = surveys.get_survey(session, survey_id)
        on = build_act(get_caller(), now()).on
        data = collecting.build_form(session, survey, on, has_recordings=query["recordings"] == "yes")
    return attachment(data, FORMATS["xlsx"].media_type, f"worker_voice_{survey.address}.xlsx")


def get_recordings(survey_id: str) -> Response:
    """Return the list of the recordings that the XLSForm names, as CSV."""
    with read_session() as session:
        survey = surveys.get_survey(session, survey_id)
        data = collecting.build_list_of_recordings(session, survey, build_act(get_caller(), now()).on)
    return attachment(data, FORMATS["csv"].media_type, f"worker_voice_{survey.address}_recordings.csv")


def issue_codes(session: Session, survey_id: str, body: Mapping[str, Any]) -> Reply:
    """Issue codes with which workers open the survey. Only this response contains them."""
    survey = surveys.get_survey(session, survey_id, lock=True)
    codes = surveys.issue_codes(session, survey, body["codes"], build_act(get_caller(), now()))
    return Reply({"address": _get_address(survey), "codes": codes}, 201)


def close_survey(session: Session, survey_id: str) -> Reply:
    """Close a survey, and return it with its figures."""
    survey = surveys.get_survey(session, survey_id, lock=True)
    surveys.close_survey(session, survey, build_act(get_caller(), now()))
    return Reply(_describe(survey))


def _get_address(survey: WorkerSurvey) -> str:
    return url_for("voice.show", address=survey.address, _external=True)


def _describe(survey: WorkerSurvey) -> Resource:
    figures = [
        {
            "statement": reading.statement.id,
            "text": reading.statement.ask,
            "adverse": reading.statement.adverse,
            "indicator": reading.statement.indicator,
            "groups": [
                {"group": one.group, "answered": one.answered, "adverse": one.adverse}
                for one in reading.published.figures
            ],
            "withheld": list(reading.published.withheld),
            "effect": reading.effect,
            "reason": reading.reason,
            "accepted": reading.statement.id in survey.accepted,
        }
        for reading in acceptance.read_survey(survey)
    ]
    return Resource(survey, address=_get_address(survey), figures=figures)
