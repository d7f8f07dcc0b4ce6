"""The routes of surveys among workers."""

from __future__ import annotations

from service.api import worker_surveys
from service.api.route import FileTypes, Route
from service.api.schemas.worker_surveys import (
    WORKER_SURVEY,
    SurveyCodeRequestSchema,
    SurveyCodesSchema,
    SurveyFormQuerySchema,
)

ROUTES: tuple[Route, ...] = (
    Route("GET", "/worker-surveys/<survey_id>", "get_worker_survey", worker_surveys.get_survey,
          "Get a worker survey, with its figures once it is closed.", WORKER_SURVEY, (200, 304), versioned=True),
    Route("GET", "/worker-surveys/<survey_id>/form", "download_worker_survey_form", worker_surveys.get_form,
          "Download a survey as an XLSForm for KoboToolbox and ODK. The answers are then uploaded on the survey's "
          "page.",
          FileTypes.of("xlsx"), transaction="own", query=SurveyFormQuerySchema()),
    Route("GET", "/worker-surveys/<survey_id>/recordings", "download_worker_survey_recordings", worker_surveys.get_recordings,
          "Download the list of recordings that the XLSForm refers to, with the texts to read aloud.",
          FileTypes.of("csv"), transaction="own"),
    Route("POST", "/worker-surveys/<survey_id>/codes", "issue_worker_survey_codes", worker_surveys.issue_codes,
          "Issue codes that workers use to answer. They are returned only once.", SurveyCodesSchema(), (201,), "write",
          body=SurveyCodeRequestSchema(), secret=True),
    Route("POST", "/worker-surveys/<survey_id>/close", "close_worker_survey", worker_surveys.close_survey,
          "Close a survey permanently: its figures are published, and its codes and counts are deleted.", WORKER_SURVEY,
          transaction="write", reading="cases:read"),
)  # fmt: skip
