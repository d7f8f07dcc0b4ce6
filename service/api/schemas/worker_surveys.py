"""Surveys among the workers of a supplier: set up, issue codes, close, and read what was published."""

from __future__ import annotations

from marshmallow import fields

from questionnaires.worker_voice.form import ADVERSE_ANSWERS, list_voice_languages, load_worker_voice_form
from questionnaires.worker_voice.publication import load_publication_rules
from service.api.fields import (
    CurrentChoice,
    StrictChoice,
    StrictDay,
    StrictInteger,
    StrictList,
    StrictNested,
    StrictString,
)
from service.api.schemas.base import ApiSchema, page_of
from service.case_reading.worker_selection import CHOSEN_BY, NO_ONE
from service.worker_voice.acceptance import RAISES, SUPPORTS
from service.worker_voice.surveys import CLOSED, MAX_RUNNER, MAX_WORKERS, OPEN, load_survey_rules

MOST_GROUPS = load_survey_rules()["survey"]["most_groups"]


class SurveyGroupFigureSchema(ApiSchema):
    """How many workers in a group expressed an opinion on a statement, and how many of them gave an adverse answer."""

    group = fields.String()
    answered = fields.Integer()
    adverse = fields.Integer()


class SurveyFigureSchema(ApiSchema):
    """The published figures for a statement. A figure about too few workers is withheld and never included in another figure."""

    statement = fields.String()
    text = fields.String(metadata={"description": "The statement as workers read it in English."})
    adverse = CurrentChoice(
        ADVERSE_ANSWERS,
        metadata={
            "description": "Whether agreeing (`true`) or disagreeing (`untrue`) with the statement is a sign of risk."
        },
    )
    indicator = fields.String(metadata={"description": "The indicator that the statement is about."})
    groups = StrictList(StrictNested(SurveyGroupFigureSchema))
    withheld = StrictList(fields.String(), metadata={"description": "The groups in which too few workers answered."})
    effect = CurrentChoice(
        (RAISES, SUPPORTS),
        allow_none=True,
        metadata={
            "description": "The effect of accepting the result: it raises the risk, or supports the supplier's answers."
        },
    )
    reason = fields.String(metadata={"description": "A code for why the result has this effect, or has no effect."})
    accepted = fields.Boolean(metadata={"description": "Whether a case handler has accepted the result."})


class WorkerSurveySchema(ApiSchema):
    """A survey of the workers at a supplier.

    The supplier never sees it, and until it is closed no one can see how many workers have answered.
    """

    id = fields.String(dump_only=True)
    supplier_id = fields.String(dump_only=True)
    form_version = fields.String(dump_only=True, metadata={"description": "The version of the statements."})
    address = fields.String(dump_only=True, metadata={"description": "The page on which workers answer with a code."})
    country = StrictString(2, required=True, metadata={"description": "Where the workers are (ISO 3166-1 alpha-2)."})
    run_by = StrictChoice(
        load_survey_rules()["run_by"],
        required=True,
        metadata={"description": "Who hands out the codes; never management."},
    )
    runner = StrictString(
        MAX_RUNNER,
        required=True,
        metadata={"description": "The name of the organisation that runs the survey, as shown to workers."},
    )
    chosen_by = StrictChoice(
        [code for code in CHOSEN_BY if code != NO_ONE],
        required=True,
        metadata={"description": "Who chose the workers to be surveyed."},
    )
    languages = StrictList(
        StrictChoice(list_voice_languages()),
        1,
        required=True,
        metadata={"description": "Only languages whose translations have been confirmed can be used."},
    )
    workers = StrictInteger(
        load_publication_rules()["least"],
        MAX_WORKERS,
        required=True,
        metadata={"description": "The number of workers at the supplier."},
    )
    cut = StrictChoice(
        load_worker_voice_form().cuts,
        allow_none=True,
        metadata={"description": "How answers are grouped; null if they are not."},
    )
    groups = StrictList(
        StrictString(20),
        0,
        MOST_GROUPS,
        metadata={
            "description": "The countries of origin, if answers are grouped by country of origin. Responses list every group."
        },
    )
    opens_on = StrictDay(required=True)
    closes_on = StrictDay(required=True)
    state = CurrentChoice((OPEN, CLOSED), dump_only=True)
    codes_issued = fields.Integer(dump_only=True)
    closed_on = fields.Date(dump_only=True, allow_none=True)
    figures = StrictList(
        StrictNested(SurveyFigureSchema), dump_only=True, metadata={"description": "Empty until the survey is closed."}
    )
    version = fields.Integer(dump_only=True)
    created_at = fields.DateTime(dump_only=True)


class SurveyCodeRequestSchema(ApiSchema):
    """The number of codes to issue. Together with earlier codes, there can be at most one per worker."""

    codes = StrictInteger(1, MAX_WORKERS, required=True)


class SurveyFormQuerySchema(ApiSchema):
    """Whether the XLSForm refers to a recording of each statement."""

    recordings = StrictChoice(("yes", "no"), load_default="no")


class SurveyCodesSchema(ApiSchema):
    """New codes for a survey, one for each worker, and the URL of the page where workers enter them."""

    address = fields.String()
    codes = StrictList(fields.String())


WORKER_SURVEY = WorkerSurveySchema(sent_as="NewWorkerSurvey")
WORKER_SURVEYS = page_of(WorkerSurveySchema, "WorkerSurveyList")
